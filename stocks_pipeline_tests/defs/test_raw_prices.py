"""Prices through Dagster: colours, metadata and checks of each batch, and what a run refuses."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from stocks_pipeline.defs.checks import CHECKS
from stocks_pipeline.domain.schemas import PRICES
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.tables import read_table
from stocks_pipeline.upstream.failures import FailureKind
from stocks_pipeline.upstream.yahoo import Window
from stocks_pipeline_tests.fake_feed import Reply, bars_of, closes, codes, companies_of, refused, sane_bars
from stocks_pipeline_tests.market_desk import DAY, MARKET, MarketDesk, checks, failure_metadata, market_desk, why

BEFORE = date(2025, 12, 4)
EIGHT = codes(8)
BATCHES = {0: EIGHT[0:3], 1: EIGHT[3:6], 2: EIGHT[6:8]}
GREEN, RED = "MATERIALIZED", "FAILED"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[MarketDesk]:
    """A desk whose day is split into batches of 3, 3 and 2."""
    with market_desk(tmp_path, *EIGHT) as made:
        assert made.list().success
        yield made


def down(desk: MarketDesk, *batches: int, kind: FailureKind = FailureKind.TRANSIENT) -> None:
    """From now on no symbol of these batches can be had."""
    desk.feed.script = {f"{s}.AX": refused(f"{s}.AX", kind) for n in batches for s in BATCHES[n]}


def asked(desk: MarketDesk) -> list[str]:
    """Who was asked since the last look, by the exchange's own codes."""
    found = [symbol.removesuffix(".AX") for symbol in desk.feed.symbols_asked]
    desk.feed.forget()
    return found


@pytest.mark.parametrize("bad", [(), (1,), (0, 2), (0, 1, 2)], ids=["0-of-3", "1-of-3", "2-of-3", "3-of-3"])
def test_exactly_the_failed_batches_are_red(desk: MarketDesk, bad: tuple[int, ...]) -> None:
    """E12, E17, E31, F15: the other batches are stored and green, the run failed, with one table of what and why."""
    down(desk, *bad)
    result = desk.prices()
    assert result.success == (not bad)
    assert desk.colours() == {n: RED if n in bad else GREEN for n in BATCHES}
    assert {n for n in BATCHES if desk.lake.exists(layout.raw_key("asx", DAY, n))} == set(BATCHES) - set(bad)
    if bad:
        shown = failure_metadata(result)
        assert (shown["failed"], shown["made"], shown["not_tried"]) == (len(bad), 3 - len(bad), 0)
        rows = shown["failures"].splitlines()[2:]
        assert sorted(row.split(" | ")[0] for row in rows) == [f"| 2025-12-05\\|{n}" for n in bad]
        assert all("transient" in row and "Retry the partition." in row for row in rows)


def test_a_second_run_heals_exactly_the_red_batch(desk: MarketDesk) -> None:
    """E12, E19, E42: the same run again fetches the red batch only; the green ones are logged again as reused."""
    down(desk, 1)
    desk.prices()
    asked(desk)
    down(desk)
    result = desk.prices()
    assert result.success
    assert asked(desk) == list(BATCHES[1])
    assert desk.colours() == dict.fromkeys(BATCHES, GREEN)
    assert desk.metadata("raw_prices", f"{DAY}|0")["reused_from"] == "asx/raw-data/2025-12-05-batch-0.parquet"
    assert "reused_from" not in desk.metadata("raw_prices", f"{DAY}|1")


def test_one_batch_can_be_fetched_alone(desk: MarketDesk) -> None:
    """E09, E12: a run over one partition touches that batch only."""
    result = desk.prices(numbers=range(1, 2))
    assert result.success
    assert asked(desk) == list(BATCHES[1])
    assert desk.colours() == {0: None, 1: GREEN, 2: None}


def test_a_refused_key_stops_the_stage(desk: MarketDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """E19: once the vendor refuses us, nobody else is asked; what was not tried is red and says so."""
    monkeypatch.setenv("STOCKS_BATCH_CONCURRENCY", "1")
    down(desk, 0, kind=FailureKind.AUTH)
    result = desk.prices()
    assert not result.success
    assert asked(desk) == list(BATCHES[0])
    assert desk.colours() == dict.fromkeys(BATCHES, RED)
    assert failure_metadata(result)["not_tried"] == 2


def test_the_metadata_of_a_batch(desk: MarketDesk) -> None:
    """E06, E10: number, counts, the list of the failed with their reasons, seconds and the file."""
    desk.feed.script = {
        "AAB.AX": refused("AAB.AX", FailureKind.PERMANENT, "No data found, symbol may be delisted", attempts=1),
        "AAC.AX": bars_of("AAC.AX", []),
    }
    assert desk.prices().success
    shown = desk.metadata("raw_prices", f"{DAY}|0")
    expected = {
        "batch_number": 0,
        "session": "2025-12-05",
        "symbols_processed": 3,
        "symbols_asked_now": 3,
        "symbols_fetched": 1,
        "symbols_without_bars": 1,
        "symbols_failed": 1,
        "path": str(desk.root / "asx/raw-data/2025-12-05-batch-0.parquet"),
        "bytes": (desk.root / "asx/raw-data/2025-12-05-batch-0.parquet").stat().st_size,
        "provisional": False,
        "file_changed": True,
    }
    assert {name: shown[name] for name in expected} == expected
    assert shown["failed"].splitlines()[2] == "| AAB | permanent | 1 | No data found, symbol may be delisted |"
    assert shown["dagster/partition_row_count"] == len(closes(stored(desk, 0)))
    assert shown["preview"].splitlines()[2].startswith("| AAA | 2025-11-25 | 10.0 |")
    assert {"seconds_fetch", "seconds_write"} <= set(shown)
    json.dumps(shown, allow_nan=False)


def test_a_failed_refresh_is_seen_on_the_batch(desk: MarketDesk) -> None:
    """F10: the rows of before stay; the table beside them names who could not be refreshed, and the check warns."""
    desk.prices()
    desk.feed.script = {"AAB.AX": refused("AAB.AX")}
    result = desk.prices(refetch=True)
    shown = desk.metadata("raw_prices", f"{DAY}|0")
    assert (shown["symbols_fetched"], shown["symbols_failed"]) == (3, 0)
    assert shown["failed"].splitlines()[2] == "| AAB | transient | 4 | refresh failed: 503: try later |"
    told = checks(result, f"{DAY}|0")["symbols_fetched"]
    assert (told.passed, told.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert checks(result, f"{DAY}|1")["symbols_fetched"].passed


def stored(desk: MarketDesk, batch: int, day: date = DAY) -> Any:
    """The table of one stored batch."""
    return read_table(desk.lake, layout.raw_key("asx", day, batch), PRICES)


def test_the_data_version_follows_the_content(desk: MarketDesk) -> None:
    """E42: an unchanged refetch leaves the version, so nothing downstream is stale; a new price changes it."""

    def version() -> str:
        wanted = dg.AssetRecordsFilter(asset_key=MARKET.key("raw_prices"), asset_partitions=[f"{DAY}|0"])
        (record,) = desk.instance.fetch_materializations(wanted, limit=1).records
        assert record.asset_materialization is not None
        return (record.asset_materialization.tags or {})["dagster/data_version"]

    desk.prices()
    first = version()
    desk.clock.advance(60)
    desk.prices(refetch=True)
    assert version() == first
    desk.feed.script = lambda symbol, window: sane_bars(symbol, window, close=10.5)
    desk.prices(refetch=True)
    assert version() != first


def test_every_partition_has_its_checks_and_the_run_a_summary(desk: MarketDesk) -> None:
    """E41: bad prices of one batch fail its check only; the summary over the run counts them."""

    def script(symbol: str, window: Window) -> Reply:
        return sane_bars(symbol, window, close=-1.0 if symbol == "AAE.AX" else 10.0)

    desk.feed.script = script
    result = desk.prices()
    assert result.success, "a failed check is evidence, not a red partition"
    for number in BATCHES:
        found = checks(result, f"{DAY}|{number}")
        assert set(found) == set(CHECKS)
        assert found["bars_consistent"].passed == (number != 1)
        assert found["sessions_present"].passed
    bad = checks(result, f"{DAY}|1")["bars_consistent"]
    assert bad.severity is dg.AssetCheckSeverity.ERROR
    assert "| AAE | 2025-11-25 |" in str(bad.metadata["examples"].value)
    summary = checks(result)["bars_consistent"]
    assert not summary.passed
    assert (summary.metadata["failed"].value, summary.metadata["passed"].value) == (1, 2)


def test_less_than_ninety_percent_fetched_fails_the_check(desk: MarketDesk) -> None:
    """E38: one of three symbols unknown: the batch is green and stored, and symbols_fetched says 67 %."""
    desk.feed.script = {"AAB.AX": refused("AAB.AX", FailureKind.PERMANENT)}
    result = desk.prices()
    check = checks(result, f"{DAY}|0")["symbols_fetched"]
    assert not check.passed
    assert check.metadata["failed"].value == 1
    assert checks(result, f"{DAY}|1")["symbols_fetched"].passed


def test_a_missing_session_inside_the_window_is_found(desk: MarketDesk) -> None:
    """E41, F17: a symbol without Wednesday's bar is named with the day, by the exchange's calendar."""
    days = [date(2025, 12, d) for d in (1, 2, 4, 5)]
    desk.feed.script = lambda symbol, _window: bars_of(symbol, days)
    check = checks(desk.prices(), f"{DAY}|0")["sessions_present"]
    assert not check.passed
    assert "2025-12-03" in str(check.metadata["examples"].value)


@pytest.mark.parametrize(
    ("config", "symbols", "green"),
    [
        ({"limit": 5}, EIGHT[:5], {0, 1}),
        ({"limit": 1}, EIGHT[:1], {0}),
        ({"limit": 99}, EIGHT, {0, 1, 2}),
        ({"symbols": ["aah", " AAB "]}, ("AAB", "AAH"), {0, 2}),
        ({"symbols": ["AAB", "AAH"], "limit": 1}, ("AAB",), {0}),
    ],
)
def test_limit_and_symbols_narrow_the_fetch(
    desk: MarketDesk, config: dict[str, Any], symbols: tuple[str, ...], green: set[int]
) -> None:
    """A12, A16: exactly those are asked for, and only their batches turn green; the others keep their state."""
    assert desk.prices(**config).success
    assert asked(desk) == list(symbols)
    assert desk.colours() == {n: GREEN if n in green else None for n in BATCHES}
    assert desk.prices().success
    assert asked(desk) == [s for s in EIGHT if s not in symbols]
    assert desk.colours() == dict.fromkeys(BATCHES, GREEN)


def test_lookback_is_the_runs_to_choose(desk: MarketDesk) -> None:
    """D20: `lookback_days` reaches the vendor as the window's first day."""
    desk.prices(lookback_days=0)
    assert {window for _, window in desk.feed.asked} == {Window(DAY, DAY)}
    desk.feed.forget()
    desk.prices(lookback_days=30)
    assert {window for _, window in desk.feed.asked} == {Window(DAY - timedelta(days=30), DAY)}


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"lookback_days": -1}, "lookback_days"),
        ({"lookback_days": 3661}, "lookback_days"),
        ({"limit": 0}, "limit"),
        ({"limit": -5}, "limit"),
    ],
)
def test_config_out_of_range_is_refused_by_name(desk: MarketDesk, config: dict[str, Any], named: str) -> None:
    """A14: a number out of its range fails the run and names the field; nobody is asked and nothing is stored."""
    result = desk.prices(**config)
    assert not result.success
    assert named in why(result)
    assert asked(desk) == []
    assert list(desk.lake.list("asx/raw-data/")) == []


@pytest.mark.parametrize(("config", "named"), [({"lookback_days": "ten"}, "lookback_days"), ({"symbol": []}, "symbol")])
def test_config_of_the_wrong_shape_starts_no_run(desk: MarketDesk, config: dict[str, Any], named: str) -> None:
    """A14: a wrong type or an unknown field is refused by name before there is a run."""
    before = desk.instance.get_runs_count()
    with pytest.raises(dg.DagsterInvalidConfigError, match=named):
        desk.prices(**config)
    assert desk.instance.get_runs_count() == before


def test_an_unknown_symbol_is_refused_with_its_neighbours(desk: MarketDesk) -> None:
    """A16: a symbol that the day does not hold fails the run with the nearest ones, not with a traceback."""
    result = desk.prices(symbols=["AAX"])
    assert not result.success
    assert "AAX (nearest: AA" in why(result)
    (event,) = [event for event in result.all_events if event.is_step_failure]
    assert event.step_failure_data.user_failure_data is not None, "a dagster.Failure, worded for people"
    assert asked(desk) == []


def test_batches_that_a_shorter_day_never_had_are_left_out(desk: MarketDesk) -> None:
    """E01: a range over two days is a product of days and batches; the shorter day's excess is no failure."""
    desk.listing.companies = companies_of(*EIGHT[:4])
    desk.list(BEFORE)
    tags = {"dagster/asset_partition_range_start": f"{BEFORE}|0", "dagster/asset_partition_range_end": f"{DAY}|2"}
    result = desk.run("prices", tags, {"raw_prices": {}})
    assert result.success
    assert desk.colours(BEFORE) == dict.fromkeys((0, 1), GREEN)
    assert desk.colours(DAY) == dict.fromkeys(BATCHES, GREEN)
    assert f"{BEFORE}|2" not in desk.instance.get_materialized_partitions(MARKET.key("raw_prices"))
    alone = desk.prices(BEFORE, range(2, 3))
    assert not alone.success
    assert "batches by day: 2025-12-04: 2" in why(alone)


def test_a_closed_day_is_refused_for_good(desk: MarketDesk) -> None:
    """F17: a holiday fails at once, allows no retry, and nobody is asked."""
    result = desk.prices(date(2025, 12, 25), range(1))
    assert not result.success
    assert "2025-12-25 is no session of XASX" in why(result)
    (event,) = [event for event in result.all_events if event.is_step_failure]
    assert event.step_failure_data.user_failure_data is not None
    assert asked(desk) == []
    with pytest.raises(dg.Failure) as caught:
        MARKET.require_session(date(2025, 12, 25), print)
    assert caught.value.allow_retries is False


def test_a_day_that_was_never_split_says_what_to_do(desk: MarketDesk) -> None:
    """E32: without a plan there is nothing to fetch; the failure names the asset and the command."""
    result = desk.prices(BEFORE, range(1))
    assert not result.success
    assert "2025-12-04 was never split into batches" in why(result)
    assert "stocks run asx --date 2025-12-04" in why(result)


def test_a_day_beyond_the_calendar_is_done_with_a_warning() -> None:
    """F17: an unknown session is neither open nor closed: it is said, and the run goes on."""
    known = MARKET.calendar()
    warnings: list[str] = []
    for day in (known.first - timedelta(days=1), known.last + timedelta(days=1)):
        MARKET.require_session(day, warnings.append)
    assert len(warnings) == 2
    assert all("session unknown" in warning for warning in warnings)
    MARKET.require_session(DAY, warnings.append)
    assert len(warnings) == 2


def test_markup_of_a_vendor_is_inert(desk: MarketDesk) -> None:
    """Security: whatever a vendor writes stays text in the batch's table and in its check."""
    evil = "<script>alert(1)</script> | [click](javascript:alert(1)) `x` \\| <img src=x>\n| forged | row |"
    desk.feed.script = {"AAB.AX": refused("AAB.AX", FailureKind.PERMANENT, evil)}
    result = desk.prices()
    tables = [
        desk.metadata("raw_prices", f"{DAY}|0")["failed"],
        checks(result, f"{DAY}|0")["symbols_fetched"].metadata["examples"].value,
    ]
    for table in map(str, tables):
        assert len(table.splitlines()) == 3, "no row was forged"
        assert "<" not in table
        assert "](" not in table.replace("\\](", "")


def test_the_failure_table_holds_one_row_a_batch(desk: MarketDesk) -> None:
    """Security: a vendor's message forges no row in the run's failure table either."""
    evil = "boom | x |\n| 2025-12-05\\|9 | forged | row | 1 | none |"
    desk.feed.script = {f"{s}.AX": refused(f"{s}.AX", FailureKind.TRANSIENT, evil) for s in BATCHES[0]}
    table = failure_metadata(desk.prices())["failures"]
    assert len(table.splitlines()) == 3

"""The day as one table: what is merged, what is missing, and how that is said."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from stocks_pipeline.defs.checks import CHECKS
from stocks_pipeline.defs.day import COMPLETE, MISSING, PROVISIONAL, merge_day, previous_day
from stocks_pipeline.domain.calendars import calendar
from stocks_pipeline.domain.schemas import PRICES
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.tables import read_metadata, read_table
from stocks_pipeline.upstream.failures import FailureKind
from stocks_pipeline_tests.fake_feed import bars_of, closes, codes, companies_of, refused, sane_bars
from stocks_pipeline_tests.market_desk import DAY, MarketDesk, checks, failure_metadata, market_desk, why

NEXT = date(2025, 12, 8)
EIGHT = codes(8)
BATCHES = {0: EIGHT[0:3], 1: EIGHT[3:6], 2: EIGHT[6:8]}
KEY = layout.daily_key("asx", DAY)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[MarketDesk]:
    """A desk whose day is split into batches of 3, 3 and 2."""
    with market_desk(tmp_path, *EIGHT) as made:
        assert made.list().success
        yield made


def down(desk: MarketDesk, *symbols: str, kind: FailureKind = FailureKind.TRANSIENT) -> None:
    """From now on exactly these symbols cannot be had."""
    desk.feed.script = {f"{s}.AX": refused(f"{s}.AX", kind) for s in symbols}


def day_table(desk: MarketDesk) -> dict[tuple[str, date], float]:
    """What is stored for the day."""
    return closes(read_table(desk.lake, KEY, PRICES))


def completeness(result: dg.ExecuteInProcessResult) -> dg.AssetCheckEvaluation:
    """The check day_complete of that run."""
    return checks(result)["day_complete"]


def shown(desk: MarketDesk) -> dict[str, Any]:
    """The metadata of the day's newest table."""
    return desk.metadata("daily_prices")


def test_a_whole_day_is_one_row_a_symbol(desk: MarketDesk) -> None:
    """E21, E22: the day's own session of every symbol, no lookback rows, complete, every check green."""
    desk.prices()
    result = desk.daily()
    assert result.success
    assert day_table(desk) == {(symbol, DAY): 10.0 for symbol in EIGHT}
    assert set(checks(result)) >= {"day_complete", *CHECKS}
    assert all(check.passed for check in checks(result).values())
    assert read_metadata(desk.lake, KEY)[COMPLETE] == "true"
    assert shown(desk)["batches"] == "3 of 3"
    assert shown(desk)["complete"] is True


def test_batches_are_counted_in_numeric_order(tmp_path: Path) -> None:
    """E22: 0, 1, 2, …, 10: the eleventh batch is the last, not the third, in the table and in what is missing."""
    symbols = codes(33)
    with market_desk(tmp_path, *symbols) as desk:
        desk.list()
        down(desk, *symbols[6:9], *symbols[30:33])
        desk.prices()
        desk.daily()
        assert shown(desk)["missing_batches"] == "2, 10"
        assert shown(desk)["batches"] == "9 of 11"
        down(desk)
        desk.prices()
        desk.daily()
        table = read_table(desk.lake, KEY, PRICES)
        assert table.column("symbol").to_pylist() == list(symbols)
        assert table.column("batch_number").to_pylist() == [n // 3 for n in range(33)]


def test_a_bar_that_came_twice_is_kept_once(desk: MarketDesk) -> None:
    """E22: one row a symbol and session; what was dropped is counted."""
    desk.feed.script = {"AAB.AX": bars_of("AAB.AX", [DAY, DAY])}
    desk.prices()
    desk.daily()
    assert len(read_table(desk.lake, KEY)) == 8
    assert shown(desk)["duplicates_dropped"] == 1


def test_a_symbol_that_changed_its_batch_is_taken_from_its_own(desk: MarketDesk) -> None:
    """E04, E22: after a repin the old batch's row of a symbol is nobody's: it neither doubles nor outlives it."""
    desk.prices()
    desk.listing.companies = companies_of(*[s for s in EIGHT if s != "AAA"])
    desk.list(refetch=True, batches={"repin": True})
    desk.feed.script = lambda symbol, window: sane_bars(symbol, window, close=20.0)
    assert desk.plan().batches[0].symbols == ("AAB", "AAC", "AAD")
    desk.prices(numbers=range(1), refetch=True)
    desk.daily()
    day = day_table(desk)
    assert ("AAA", DAY) not in day, "it left the list"
    assert day["AAD", DAY] == 20.0, "batch 1 still holds its old row"


def test_a_missing_batch_is_an_error_and_the_rest_is_there(desk: MarketDesk) -> None:
    """E22, E31: the day is merged without the batch, marked incomplete, and the check names it as an error."""
    down(desk, *BATCHES[1])
    desk.prices()
    result = desk.daily()
    assert result.success
    assert {symbol for symbol, _ in day_table(desk)} == {*BATCHES[0], *BATCHES[2]}
    check = completeness(result)
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert check.description == "1 of 3 batches are missing: 1."
    assert shown(desk)["complete"] is False
    assert shown(desk)["missing_batches"] == "1"
    stored = read_metadata(desk.lake, KEY)
    assert (stored[COMPLETE], stored[MISSING]) == ("false", "1")
    assert not checks(result)["symbols_fetched"].passed, "a missing batch's symbols count as not fetched"


def test_a_healed_batch_is_merged_in(desk: MarketDesk) -> None:
    """E12, E22: the next merge holds it, is complete, and turns the check green; a third one rewrites nothing."""
    down(desk, *BATCHES[1])
    desk.prices()
    desk.daily()
    down(desk)
    desk.prices()
    result = desk.daily()
    assert len(day_table(desk)) == 8
    assert completeness(result).passed
    assert shown(desk)["file_changed"] is True
    file = desk.root / KEY
    before = (file.read_bytes(), file.stat().st_mtime_ns)
    desk.clock.advance(3600)
    desk.daily()
    assert (file.read_bytes(), file.stat().st_mtime_ns) == before
    assert shown(desk)["file_changed"] is False


@pytest.mark.parametrize("kind", list(FailureKind))
def test_only_what_a_retry_could_bring_makes_a_day_incomplete(desk: MarketDesk, kind: FailureKind) -> None:
    """E16, E22: a symbol unknown for good leaves the day complete; one that may still come is pending, a warning."""
    down(desk, "AAB", kind=kind)
    desk.prices(symbols=[s for s in EIGHT if s != "AAB"])
    desk.prices()
    result = desk.daily()
    check = completeness(result)
    pending = kind is not FailureKind.PERMANENT
    assert shown(desk)["complete"] == check.passed == (not pending)
    assert check.severity is dg.AssetCheckSeverity.WARN
    assert ("AAB", DAY) not in day_table(desk)
    assert shown(desk)["symbols_failed"][kind.value] == 1


def test_a_symbol_nobody_asked_for_is_pending(desk: MarketDesk) -> None:
    """A12: a trial with limit=1 stores a table that says it is not the day."""
    desk.prices(limit=1)
    result = desk.daily()
    assert {symbol for symbol, _ in day_table(desk)} == {"AAA"}
    assert not completeness(result).passed
    assert shown(desk)["batches"] == "1 of 3"
    assert shown(desk)["symbols_failed"] == {"transient": 7}


def test_without_any_batch_there_is_nothing_to_merge(desk: MarketDesk) -> None:
    """F01: all batches failed: the merge fails with class and next step, and stores no empty day."""
    down(desk, *EIGHT)
    desk.prices()
    result = desk.daily()
    assert not result.success
    assert "no batch of the day is stored" in why(result)
    assert failure_metadata(result)["class"] == "permanent"
    assert not desk.lake.exists(KEY)


def test_a_day_that_was_never_split_is_no_day(desk: MarketDesk) -> None:
    """F01: the failure says what is missing."""
    result = desk.daily(NEXT)
    assert not result.success
    assert "asx 2025-12-08: the day was never split into batches" in why(result)


def test_a_close_a_hundred_times_off_is_found_against_the_day_before(desk: MarketDesk) -> None:
    """E41: cents for dollars: the check names the symbol; the day before is the newest stored one."""
    desk.prices()
    desk.daily()
    desk.list(NEXT)
    desk.feed.script = {"AAC.AX": bars_of("AAC.AX", [NEXT], close=1000.0)}
    desk.prices(NEXT)
    check = checks(desk.daily(NEXT))["scale_continuous"]
    assert not check.passed
    assert "AAC" in str(check.metadata["examples"].value)


def test_a_close_of_months_ago_is_no_close_to_compare_with(desk: MarketDesk) -> None:
    """E41: what is compared is the session before or a day of the last ten; after a longer gap it is said that none."""
    desk.prices()
    result = desk.daily()
    assert checks(result)["scale_continuous"].metadata["compared_with"].value == "not compared with an earlier day"
    for later, earlier in ((date(2025, 12, 15), str(DAY)), (date(2026, 3, 2), "not compared with an earlier day")):
        desk.list(later)
        desk.feed.script = lambda symbol, window: sane_bars(symbol, window, close=1000.0)
        desk.prices(later)
        check = checks(desk.daily(later))["scale_continuous"]
        assert check.metadata["compared_with"].value == earlier
        assert check.passed == (earlier != str(DAY))
        desk.lake.delete(layout.daily_key("asx", later))


@pytest.mark.parametrize(
    ("stored", "day", "found"),
    [
        ([date(2025, 12, 4)], DAY, date(2025, 12, 4)),
        ([date(2025, 11, 25)], DAY, date(2025, 11, 25)),
        ([date(2025, 11, 24)], DAY, None),
        ([date(2025, 11, 25), date(2025, 11, 26)], date(2025, 12, 6), date(2025, 11, 26)),
        ([date(2025, 12, 8)], DAY, None),
        ([], DAY, None),
        ([date(2030, 1, 2)], date(2030, 3, 1), None),
    ],
)
def test_which_stored_day_is_compared_with(desk: MarketDesk, stored: list[date], day: date, found: date | None) -> None:
    """E41: the newest before the day, if it is at most ten calendar days older."""
    for earlier in stored:
        desk.lake.write(layout.daily_key("asx", earlier), b"")
    assert previous_day(desk.lake, "asx", day, calendar("XASX")) == found


def test_the_session_before_is_compared_with_however_long_ago(desk: MarketDesk) -> None:
    """E41: an exchange that was closed for a fortnight opens with a step worth looking at."""
    closed = replace(calendar("XASX"), _closed=frozenset(DAY + timedelta(days=n) for n in range(1, 17)))
    after = DAY + timedelta(days=17)
    desk.lake.write(layout.daily_key("asx", DAY), b"")
    assert previous_day(desk.lake, "asx", after, closed) == DAY
    assert previous_day(desk.lake, "asx", after, calendar("XASX")) is None


def test_a_day_fetched_before_the_close_is_not_complete(desk: MarketDesk) -> None:
    """F06: the table of noon says so, in its metadata and by a warning, until its bars are fetched again."""
    desk.clock.advance(-6 * 3600)
    desk.prices()
    check = completeness(desk.daily())
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert check.description == "All 3 batches are merged. 8 symbols were fetched before the close had settled."
    stored = read_metadata(desk.lake, KEY)
    assert (stored[COMPLETE], stored[PROVISIONAL]) == ("false", "true")
    assert (shown(desk)["complete"], shown(desk)["provisional"]) == (False, True)
    desk.clock.advance(6 * 3600)
    desk.prices()
    assert completeness(desk.daily()).passed
    stored = read_metadata(desk.lake, KEY)
    assert (stored[COMPLETE], stored[PROVISIONAL]) == ("true", "false")


def test_merging_needs_no_dagster(desk: MarketDesk) -> None:
    """E22: the merge behind the asset answers for itself: planned, missing, pending."""
    down(desk, "AAB", *BATCHES[2])
    desk.prices()
    merged = merge_day(desk.lake, "asx", DAY)
    assert (merged.planned, merged.batches, merged.missing) == (3, 2, (2,))
    assert merged.pending == ["AAB", *BATCHES[2]]
    assert merged.failed_by_class() == {"transient": 3}
    assert [o.symbol for o in merged.outcomes] == list(EIGHT)

"""The first stage: which list a day gets, what is refused, and how membership is pinned."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocks_pipeline.defs.config import BatchesConfig
from stocks_pipeline.defs.day_list import previous_day, previous_listing
from stocks_pipeline.defs.listing import pin, stored_plan
from stocks_pipeline.defs.selection import SelectionError
from stocks_pipeline.domain.listing import Company
from stocks_pipeline.domain.symbols import BatchPlan, companies_from_csv
from stocks_pipeline.storage import layout
from stocks_pipeline.upstream.failures import FailureKind
from stocks_pipeline_tests.fake_feed import codes, companies_of, refused
from stocks_pipeline_tests.market_desk import DAY, MarketDesk, checks, failure_metadata, market_desk, why

BEFORE = date(2025, 12, 4)
AFTER = date(2025, 12, 8)
EIGHT = codes(8)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[MarketDesk]:
    """A desk whose exchange lists eight companies: batches of 3, 3 and 2."""
    with market_desk(tmp_path, *EIGHT) as made:
        yield made


def listed(desk: MarketDesk, day: date = DAY) -> tuple[str, ...]:
    """The codes stored for the day."""
    return tuple(c.code for c in companies_from_csv(desk.lake.read(layout.symbols_key("asx", day))))


def done(desk: MarketDesk, asset: str) -> set[str]:
    """The green partitions of one asset."""
    return desk.instance.get_materialized_partitions(desk.market.key(asset))


def test_the_list_is_a_csv_under_the_seeds_path(desk: MarketDesk) -> None:
    """E02, E05: `symbols/YYYY-MM-DD-symbols.csv`, one line a company after a header."""
    assert desk.list().success
    lines = (desk.root / "asx/symbols/2025-12-05-symbols.csv").read_text().splitlines()
    assert lines[0] == "code,name,industry,listed_on,market_cap"
    assert lines[1] == "AAA,AAA LIMITED,Materials,2001-02-03,1000000"
    assert len(lines) == 9


def test_the_split_has_exactly_the_seeds_keys(desk: MarketDesk) -> None:
    """E08: {symbols, symbolBatches: [{symbols, batchNumber}], metadata}, and nothing else."""
    desk.list()
    content = json.loads((desk.root / "asx/symbol-batches/2025-12-05.json").read_bytes())
    assert list(content) == ["symbols", "symbolBatches", "metadata"]
    assert content["symbols"] == list(EIGHT)
    assert content["symbolBatches"] == [
        {"symbols": list(EIGHT[0:3]), "batchNumber": 0},
        {"symbols": list(EIGHT[3:6]), "batchNumber": 1},
        {"symbols": list(EIGHT[6:8]), "batchNumber": 2},
    ]
    assert content["metadata"]["total_batches"] == 3


def test_the_split_owns_the_batch_partitions(desk: MarketDesk) -> None:
    """E01: batch numbers become partition keys; a shorter day later takes none away."""
    desk.list()
    assert desk.instance.get_dynamic_partitions("asx_batches") == ["0", "1", "2"]
    desk.listing.companies = companies_of(*EIGHT[:4])
    desk.list(AFTER)
    assert desk.instance.get_dynamic_partitions("asx_batches") == ["0", "1", "2"]
    assert desk.metadata("symbol_batches", str(AFTER))["batches"] == 2


def test_the_list_is_fetched_once_a_day(desk: MarketDesk) -> None:
    """E42: a second run reads the stored list, a refetch and another day ask the exchange."""
    desk.list()
    desk.listing.companies = companies_of(*EIGHT, "ZZZ")
    desk.list()
    assert (desk.listing.fetched, len(listed(desk))) == (1, 8)
    assert desk.metadata("symbols")["source"] == "lake"
    desk.list(refetch=True)
    assert (desk.listing.fetched, len(listed(desk))) == (2, 9)
    desk.list(AFTER)
    assert desk.listing.fetched == 3
    assert desk.metadata("symbols", str(AFTER))["source"] == "https://example.test/list"


def test_what_was_listed_and_delisted_is_shown(desk: MarketDesk) -> None:
    """E38: the list's metadata names the comings and goings since the list before."""
    desk.list()
    assert "newly_listed" not in desk.metadata("symbols")
    desk.listing.companies = companies_of(*EIGHT[1:], "ZZZ")
    desk.list(AFTER)
    shown = desk.metadata("symbols", str(AFTER))
    assert (shown["newly_listed"], shown["delisted"]) == ("1: ZZZ", "1: AAA")


def test_no_list_no_prices(desk: MarketDesk) -> None:
    """E32, F01: the exchange down: the run fails with class and next step, nothing is stored, nothing is split."""
    desk.listing.error = refused("listing", FailureKind.TRANSIENT, "503 from both forms")
    result = desk.list()
    assert not result.success
    assert "cannot be had, so no prices are fetched" in why(result)
    assert "503 from both forms" in why(result)
    shown = failure_metadata(result)
    assert shown["class"] == "transient"
    assert shown["next_step"] == "The vendor or the network was down. Retry the partition."
    assert "--reuse-last-good" in shown["otherwise"]
    assert list(desk.lake.list("asx/")) == []
    assert done(desk, "symbols") == done(desk, "symbol_batches") == set()


def test_the_last_good_list_stands_in_only_when_asked_and_marked(desk: MarketDesk) -> None:
    """E32: opt-in; the newest list before is taken, said so in the metadata, and the check warns."""
    desk.list(BEFORE)
    desk.listing.error = refused("listing")
    assert not desk.list().success
    result = desk.list(reuse_last_good=True)
    assert result.success
    assert listed(desk) == EIGHT
    assert desk.metadata("symbols")["reused_from"] == "2025-12-04"
    check = checks(result)["listing_plausible"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "The list of 2025-12-04 stands in" in (check.description or "")
    assert done(desk, "symbol_batches") == {"2025-12-04", "2025-12-05"}


def test_a_list_that_stood_in_is_asked_for_again(desk: MarketDesk) -> None:
    """E32: the mark does not wear off: the next run asks the exchange, and only its answer turns the check green."""
    desk.list(BEFORE)
    desk.listing.error = refused("listing")
    desk.list(reuse_last_good=True)
    again = desk.list(reuse_last_good=True)
    assert not checks(again)["listing_plausible"].passed
    assert desk.metadata("symbols")["reused_from"] == "2025-12-04"
    assert not desk.list().success, "still down, and nobody allowed the stand-in this time"
    desk.listing.error = None
    desk.listing.companies = companies_of(*EIGHT, "ZZZ")
    result = desk.list()
    assert checks(result)["listing_plausible"].passed
    assert listed(desk) == (*EIGHT, "ZZZ")
    assert desk.metadata("symbols")["reused_from"] == "no: asked for this day"
    asked = desk.listing.fetched
    desk.list()
    assert desk.listing.fetched == asked


def test_a_stand_in_of_a_stand_in_names_the_day_it_is_of(desk: MarketDesk) -> None:
    """E32: after two days without an answer the mark still says how old the list really is."""
    desk.list(BEFORE)
    desk.listing.error = refused("listing")
    desk.list(reuse_last_good=True)
    result = desk.list(AFTER, reuse_last_good=True)
    shown = desk.metadata("symbols", str(AFTER))
    assert (shown["reused_from"], shown["source"]) == ("2025-12-04", "list of 2025-12-04")
    assert "The list of 2025-12-04 stands in" in (checks(result)["listing_plausible"].description or "")
    assert listed(desk, AFTER) == EIGHT


def test_a_failed_refetch_falls_back_to_the_days_own_list(desk: MarketDesk) -> None:
    """E32: yesterday's list never replaces today's; the next run takes today's as its own again."""
    desk.listing.companies = companies_of(*EIGHT[:7])
    desk.list(BEFORE)
    desk.listing.companies = companies_of(*EIGHT)
    desk.list()
    desk.listing.error = refused("listing")
    result = desk.list(refetch=True, reuse_last_good=True)
    assert result.success
    assert listed(desk) == EIGHT
    assert not checks(result)["listing_plausible"].passed
    assert checks(desk.list(reuse_last_good=True))["listing_plausible"].passed
    assert listed(desk) == EIGHT


def test_nothing_to_reuse_is_still_a_failure(desk: MarketDesk) -> None:
    """E32: reuse on an empty lake does not invent a list; a later day's list is no last good one."""
    desk.list(AFTER)
    desk.listing.error = refused("listing")
    assert not desk.list(reuse_last_good=True).success
    assert previous_listing(desk.lake, "asx", DAY) is None
    assert previous_day(desk.lake, "asx", date(2025, 12, 9)) == AFTER


def test_half_of_yesterdays_list_is_not_believed(desk: MarketDesk) -> None:
    """E38: a truncated list is not stored, its check is recorded as failed, and no partition turns green."""
    desk.list(BEFORE)
    desk.listing.companies = companies_of(*EIGHT[:3])
    result = desk.list()
    assert not result.success
    assert "not believable" in why(result)
    check = checks(result)["listing_plausible"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert not desk.lake.exists(layout.symbols_key("asx", DAY))
    assert done(desk, "symbols") == done(desk, "symbol_batches") == {"2025-12-04"}
    desk.listing.companies = companies_of(*EIGHT[:4])
    assert desk.list().success, "exactly half may be a real day"


def test_a_rerun_of_yesterday_has_yesterdays_batches(desk: MarketDesk) -> None:
    """E04: batch 1 of a day is the same symbols when it is listed and split again after the list changed."""
    desk.list()
    before = desk.plan()
    desk.listing.companies = companies_of("AAA0", *EIGHT, "ZZZ")
    assert desk.list(refetch=True).success
    assert len(listed(desk)) == 10
    assert desk.plan() == before
    desk.list(batches={"repin": True}, refetch=True)
    assert desk.plan().symbols == ("AAA0", *EIGHT, "ZZZ")


def test_limit_five_is_exactly_five(desk: MarketDesk) -> None:
    """A12, E30: `limit=5` on a new day splits exactly the first five."""
    desk.list(batches={"limit": 5})
    assert desk.plan().symbols == EIGHT[:5]
    assert desk.metadata("symbol_batches")["selected_limit"] == 5


def test_a_limit_never_shrinks_a_full_day_and_a_full_run_outgrows_a_trial(desk: MarketDesk) -> None:
    """E04: a trial after the full split leaves it whole; a full run after a trial replaces the trial's."""
    desk.list(batches={"limit": 2})
    desk.list(batches={"symbols": ["AAH"]})
    assert desk.plan().symbols == ("AAH",), "one that the trial did not hold"
    desk.list()
    assert desk.plan().symbols == EIGHT
    desk.list(batches={"limit": 2})
    assert desk.plan().symbols == EIGHT


def test_the_split_says_which_batches_were_selected(desk: MarketDesk) -> None:
    """E31: all of them, or those that hold one of the symbols asked for, also on a day that is pinned whole."""
    desk.list()
    assert desk.metadata("symbol_batches")["selected_batches"] == [0, 1, 2]
    for asked, numbers in (({"limit": 4}, [0, 1]), ({"symbols": ["AAH", "AAA"]}, [0, 2])):
        desk.list(batches=asked)
        shown = desk.metadata("symbol_batches")
        assert (shown["batches"], shown["selected_batches"]) == (3, numbers)


def test_an_unlisted_symbol_is_named_with_its_neighbours(desk: MarketDesk) -> None:
    """A16: a mistyped symbol fails the split with the nearest listed ones, and is not retried."""
    result = desk.list(batches={"symbols": ["AAAX"]})
    assert not result.success
    assert "AAAX (nearest: AAA" in why(result)
    assert not desk.lake.exists(layout.batches_key("asx", DAY))


def test_an_empty_list_is_legal(desk: MarketDesk) -> None:
    """F08: no symbols: no batches, an empty day's table, complete and green, and nobody is asked."""
    desk.listing.companies = ()
    assert desk.list().success
    assert desk.plan() == BatchPlan((), (), desk.plan().metadata)
    result = desk.daily()
    assert result.success
    assert all(check.passed for check in checks(result).values())
    assert desk.metadata("daily_prices")["complete"] is True
    assert desk.metadata("daily_prices")["dagster/partition_row_count"] == 0
    assert desk.feed.asked == []


def test_a_closed_day_is_refused_for_good(desk: MarketDesk) -> None:
    """F17: Christmas is a weekday without a session: refused with the session before it, and nobody is asked."""
    result = desk.list(date(2025, 12, 25))
    assert not result.success
    assert "2025-12-25 is no session of XASX" in why(result)
    assert "The session before it is 2025-12-24" in why(result)
    assert desk.listing.fetched == 0


def test_markup_in_a_company_name_is_inert(desk: MarketDesk) -> None:
    """Security: what the exchange calls a company is text in the preview, never markup in somebody's browser."""
    desk.listing.companies = (
        Company("AAA", "<img src=x onerror=alert(1)> | [x](javascript:1) \\| `b`", "I", None, None),
    )
    desk.list()
    row = desk.metadata("symbols")["preview"].splitlines()[2]
    assert "<" not in row
    assert "](" not in row.replace("\\]", "")
    assert stored_plan(desk.lake, "asx", DAY) is not None


LISTS = st.lists(st.sampled_from(codes(30)), unique=True, max_size=30).map(sorted)


@given(first=LISTS, then=LISTS, size=st.integers(1, 7), limit=st.none() | st.integers(1, 40))
def test_pinning_rules_hold_for_any_lists(first: list[str], then: list[str], size: int, limit: int | None) -> None:
    """E04: a full plan is never changed by another list or limit; a trial's gives way; batch n is n·size…."""
    full = pin(None, first, BatchesConfig(), size, DAY)
    assert pin(full, then, BatchesConfig(limit=limit), size, DAY) is full
    assert pin(full, then, BatchesConfig(repin=True), size, DAY).symbols == tuple(then)
    trial = pin(None, first, BatchesConfig(limit=limit), size, DAY)
    assert trial.symbols == tuple(first[:limit])
    grown = pin(trial, first, BatchesConfig(), size, DAY)
    assert grown.symbols == tuple(first)
    assert all(b.symbols == grown.symbols[b.batch_number * size :][:size] for b in grown.batches)
    assert BatchPlan.from_json(grown.to_json()) == grown


def test_a_pinned_day_answers_for_names_not_the_newest_list() -> None:
    """E04: a symbol delisted since may still be named for the day that holds it; one listed since may not."""
    full = pin(None, ["AAA", "BBB"], BatchesConfig(), 3, DAY)
    assert pin(full, ["BBB", "CCC"], BatchesConfig(symbols=["AAA"]), 3, DAY) is full
    with pytest.raises(SelectionError, match="CCC"):
        pin(full, ["BBB", "CCC"], BatchesConfig(symbols=["CCC"]), 3, DAY)


def test_a_plan_of_the_seeds_updater_counts_as_full() -> None:
    """E08: a plan with the seed's keys and other metadata is a day's plan like ours."""
    theirs = BatchPlan.of(("AAA", "BBB"), 1, {"totalSymbols": 2})
    assert pin(theirs, ["AAA", "BBB", "CCC"], BatchesConfig(), 1, DAY) is theirs

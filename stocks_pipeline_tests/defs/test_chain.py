"""Which stage is next: a pure decision, proved on any history."""

import math
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocks_pipeline.cli.run import Ask
from stocks_pipeline.defs.chain import (
    MEMORY_S,
    EndedRun,
    Fetch,
    Hop,
    PinnedPlan,
    Stage,
    batch_range_tags,
    gapless,
    next_stages,
    partition_tags,
    prices_config,
)

DAY = date(2025, 12, 5)
NOW = 1_765_000_000.0
DAYS = st.integers(0, 3).map(lambda n: DAY + timedelta(days=n))
PLANS = st.lists(
    st.builds(
        PinnedPlan,
        day=DAYS,
        event_id=st.integers(1, 10_000),
        at=st.floats(NOW - 2 * MEMORY_S, NOW),
        batches=st.sets(st.integers(0, 22)).map(lambda numbers: tuple(sorted(numbers))),
        limit=st.none() | st.integers(1, 500),
    ),
    max_size=8,
    unique_by=lambda plan: plan.event_id,
)
ENDED = st.lists(
    st.builds(EndedRun, day=DAYS, run_id=st.uuids().map(str), at=st.floats(NOW - 2 * MEMORY_S, NOW)), max_size=8
)


def plan(event_id: int = 7, batches: int = 22, at: float = NOW, day: date = DAY) -> PinnedPlan:
    """A recorded split."""
    return PinnedPlan(day, event_id, at, tuple(range(batches)))


def fetch(numbers: range = range(22), at: float = NOW + 60, day: date = DAY, **asked: Any) -> Fetch:
    """A run over these batches that started a minute after the split."""
    return Fetch(day, at, frozenset(numbers), **asked)


def test_a_split_starts_its_fetch() -> None:
    """A04: the prices of all its batches, in one run, whose key is the event that caused it."""
    (hop,) = next_stages("asx", [plan()], [], NOW)
    config = {"ops": {"asx__raw_prices": {"config": {}}}}
    assert hop == Hop(Stage.PRICES, DAY, "asx-prices-2025-12-05-7", tuple(range(22)), config)
    assert partition_tags(hop) == {
        "dagster/asset_partition_range_start": "2025-12-05|0",
        "dagster/asset_partition_range_end": "2025-12-05|21",
    }


def test_what_the_split_was_asked_for_reaches_the_fetch() -> None:
    """A12, A22: `limit` and `symbols` of the listing run narrow the fetch, too."""
    asked = PinnedPlan(DAY, 7, NOW, (0, 1, 2), limit=5, symbols=("BHP", "CBA"))
    (hop,) = next_stages("asx", [asked], [], NOW)
    assert hop.run_config == prices_config("asx", limit=5, symbols=["BHP", "CBA"])
    assert hop.run_config["ops"]["asx__raw_prices"]["config"] == {"limit": 5, "symbols": ["BHP", "CBA"]}


def test_a_selection_with_gaps_is_one_run_a_row() -> None:
    """E31: a failing run turns red whatever it spans, so no run spans a batch that nobody selected."""
    hops = next_stages("asx", [PinnedPlan(DAY, 7, NOW, (0, 1, 5, 21), symbols=("A", "B", "C", "D"))], [], NOW)
    assert {hop.run_key: hop.batches for hop in hops} == {
        "asx-prices-2025-12-05-7": (0, 1),
        "asx-prices-2025-12-05-7-1": (5,),
        "asx-prices-2025-12-05-7-2": (21,),
    }
    assert partition_tags(hops[1]) == {"dagster/partition": "2025-12-05|5"}
    assert len({str(hop.run_config) for hop in hops}) == 1


@given(numbers=st.sets(st.integers(0, 40)))
def test_rows_hold_exactly_the_numbers(numbers: set[int]) -> None:
    """E31: every batch is in one row, in order, and no row has a gap."""
    rows = gapless(numbers)
    assert [n for row in rows for n in row] == sorted(numbers)
    assert all(row == tuple(range(row[0], row[-1] + 1)) for row in rows)
    assert all(after[0] - before[-1] > 1 for before, after in pairwise(rows))


@pytest.mark.parametrize("at", [NOW, NOW + 60, math.inf], ids=["at once", "later", "waiting"])
def test_a_fetch_that_has_the_whole_plan_is_not_repeated(at: float) -> None:
    """A27: started by hand after the split, running, waiting or ended: nobody asks the vendor for the same again."""
    assert next_stages("asx", [plan()], [], NOW, [fetch(at=at)]) == []
    halves = [fetch(range(11), at=at), fetch(range(11, 22), at=at)]
    assert next_stages("asx", [plan()], [], NOW, halves) == []


@pytest.mark.parametrize(
    "partial",
    [
        fetch(range(3, 4)),
        fetch(range(21)),
        fetch(at=NOW - 1),
        fetch(day=DAY + timedelta(days=1)),
        fetch(limit=5),
        fetch(symbols=("BHP",)),
    ],
    ids=["one batch", "all but one", "before the split", "another day", "a trial", "named symbols"],
)
def test_a_fetch_of_less_leaves_the_plan_to_the_chain(partial: Fetch) -> None:
    """A04: one square clicked, or a trial, must not leave a hole in the day."""
    (hop,) = next_stages("asx", [plan()], [], NOW, [partial])
    assert (hop.run_key, hop.batches) == ("asx-prices-2025-12-05-7", tuple(range(22)))


def test_a_trial_is_served_by_the_same_trial_or_by_everything() -> None:
    """A12, A27: what was selected is what must be had."""
    trial = PinnedPlan(DAY, 7, NOW, (0,), limit=5)
    assert next_stages("asx", [trial], [], NOW, [fetch(range(1), limit=5)]) == []
    assert next_stages("asx", [trial], [], NOW, [fetch()]) == []
    assert len(next_stages("asx", [trial], [], NOW, [fetch(range(1), limit=4)])) == 1


def test_the_rows_that_are_left_keep_their_keys() -> None:
    """A27: a key that changed while a neighbour is fetched would start the same row twice."""
    named = PinnedPlan(DAY, 7, NOW, (0, 5, 9))
    before = {hop.batches: hop.run_key for hop in next_stages("asx", [named], [], NOW)}
    after = {hop.batches: hop.run_key for hop in next_stages("asx", [named], [], NOW, [fetch(range(1))])}
    assert after == {row: key for row, key in before.items() if row != (0,)}
    assert len(after) == 2


def test_an_empty_split_starts_the_merge_at_once() -> None:
    """F08: a day without symbols becomes an empty table, not a chain that waits for ever."""
    (hop,) = next_stages("asx", [plan(batches=0)], [], NOW)
    assert (hop.stage, hop.run_config, hop.run_key) == (Stage.DAILY, None, "asx-daily_prices-2025-12-05-7")
    assert partition_tags(hop) == {"dagster/partition": "2025-12-05"}


def test_an_ended_fetch_starts_the_merge_each_time() -> None:
    """E22, A04: also one that failed, and again when a batch was healed: each run is a cause of its own."""
    hops = next_stages("asx", [], [EndedRun(DAY, "r1", NOW - 60), EndedRun(DAY, "r2", NOW)], NOW)
    assert [hop.run_key for hop in hops] == ["asx-daily_prices-2025-12-05-r1", "asx-daily_prices-2025-12-05-r2"]
    assert {hop.stage for hop in hops} == {Stage.DAILY}


def test_only_the_newest_split_of_a_day_counts() -> None:
    """E04: a day that was split anew is fetched by its new batches, whatever order the records come in."""
    old, new = plan(7, batches=22), plan(9, batches=1)
    for order in ([old, new], [new, old]):
        (hop,) = next_stages("asx", order, [], NOW)
        assert hop.run_key == "asx-prices-2025-12-05-9"
        assert partition_tags(hop) == {"dagster/partition": "2025-12-05|0"}


def test_old_facts_start_nothing() -> None:
    """A19: switching the chain on after a week does not replay it; a day and a half is caught up."""
    late = NOW - MEMORY_S
    assert len(next_stages("asx", [plan(at=late)], [EndedRun(DAY, "r", late)], NOW)) == 2
    assert next_stages("asx", [plan(at=late - 1)], [EndedRun(DAY, "r", late - 1)], NOW) == []


def test_a_range_is_one_tag_pair_and_a_single_batch_one_tag() -> None:
    """E03: a range of keys is one run; a range of one is a plain partition run."""
    assert batch_range_tags(DAY, range(1)) == {"dagster/partition": "2025-12-05|0"}
    assert batch_range_tags(DAY, [4]) == {"dagster/partition": "2025-12-05|4"}
    assert batch_range_tags(DAY, [11, 9, 10]) == {
        "dagster/asset_partition_range_start": "2025-12-05|9",
        "dagster/asset_partition_range_end": "2025-12-05|11",
    }


def test_config_left_empty_keeps_its_default() -> None:
    """A14: nothing that was not asked for is spelled out."""
    assert prices_config("asx", limit=None, symbols=(), refetch=False, lookback_days=0) == {
        "ops": {"asx__raw_prices": {"config": {"lookback_days": 0}}}
    }
    assert Ask(DAY, lookback_days=0).configs()["prices"] == {"lookback_days": 0}
    assert Ask(DAY).configs() == {"listing": {}, "batches": {}, "prices": {}}


@given(plans=PLANS, ended=ENDED, wait=st.floats(0, 600))
def test_each_fact_starts_its_hop_once(plans: list[PinnedPlan], ended: list[EndedRun], wait: float) -> None:
    """A27: however often the sensor looks, in whatever order, the keys are the same; Dagster starts each once."""
    first = next_stages("asx", plans, ended, NOW)
    assert next_stages("asx", reversed(plans), reversed(ended), NOW) == sorted(first, key=_order)
    later = next_stages("asx", plans, ended, NOW + wait)
    assert {hop.run_key for hop in later} <= {hop.run_key for hop in first}
    fresh = {run.run_id for run in ended if NOW - run.at <= MEMORY_S}
    newest = {p.day: p for p in sorted(plans, key=lambda p: p.event_id) if NOW - p.at <= MEMORY_S}
    rows = sum(max(1, len(gapless(p.batches))) for p in newest.values())
    assert len({hop.run_key for hop in first}) == len(first) == rows + len(fresh)


@given(plans=PLANS, ended=ENDED)
def test_hops_come_oldest_day_first_and_a_fetch_before_a_merge(plans: list[PinnedPlan], ended: list[EndedRun]) -> None:
    """A04: the desk catches up in the order of the days; nothing depends on the order of the records."""
    hops = next_stages("asx", plans, ended, NOW)
    assert hops == sorted(hops, key=_order)
    assert all(hop.batches for hop in hops if hop.stage is Stage.PRICES)


@given(plans=PLANS, ended=ENDED)
def test_markets_never_share_a_run_key(plans: list[PinnedPlan], ended: list[EndedRun]) -> None:
    """E36: a second market's chain cannot swallow the first one's hop."""
    keys = [{hop.run_key for hop in next_stages(name, plans, ended, NOW)} for name in ("asx", "us")]
    assert not keys[0] & keys[1]


def _order(hop: Hop) -> tuple[date, bool, str]:
    return (hop.day, hop.stage is not Stage.PRICES, hop.run_key)

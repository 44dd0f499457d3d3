"""Which stage of a day is next: a pure decision over what the instance recorded.

What belongs here: facts in, hops out. What does not: reading the instance (automation.py) or running anything (the
daemon, or `stocks run` in the foreground), which both take their hops from here.

The decision keeps no state. Each hop has a run key made of the event that caused it, so Dagster starts it once however
often the sensor looks, and a daemon that was down for an hour catches up by itself.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from stocks_pipeline.defs.spans import span_tags, spans
from stocks_pipeline.partitions import batch_key

MEMORY_S = 36 * 3600.0
"""Older facts start nothing: switching the chain on must not replay last month."""


class Stage(StrEnum):
    """The stages that follow another."""

    PRICES = "prices"
    DAILY = "daily_prices"


@dataclass(frozen=True)
class PinnedPlan:
    """A split that was recorded: `symbol_batches` of one day."""

    day: date
    event_id: int
    at: float
    batches: tuple[int, ...]
    """Those of the split that hold a symbol of the selection: a failing run turns every batch red that it spans."""
    limit: int | None = None
    symbols: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fetch:
    """A run that fetches prices of the day, whoever started it: it waits, it works, or it ended, well or badly."""

    day: date
    at: float
    """When it started; infinity while it waits."""
    batches: frozenset[int]
    limit: int | None = None
    symbols: tuple[str, ...] = ()

    def serves(self, plan: PinnedPlan) -> bool:
        """Whether it knows the plan and asks for all that the plan asks for, in the batches that it is about."""
        mine = (self.limit, self.symbols)
        return self.day == plan.day and self.at >= plan.at and mine in ((None, ()), (plan.limit, plan.symbols))


@dataclass(frozen=True)
class EndedRun:
    """A run that fetched prices and ended, well or badly, with at least one batch of the day stored."""

    day: date
    run_id: str
    at: float


@dataclass(frozen=True)
class Hop:
    """A run to start."""

    stage: Stage
    day: date
    run_key: str
    batches: tuple[int, ...] = ()
    run_config: Any = None


def next_stages(
    market: str, plans: Iterable[PinnedPlan], ended: Iterable[EndedRun], now: float, fetches: Iterable[Fetch] = ()
) -> list[Hop]:
    """The hops that the facts call for, oldest day first.

    A plan starts the fetch of its batches, unless `fetches` have them all; a plan without any starts the merge at
    once, so that an empty list makes an empty day and not a hanging one. A fetch that ended starts the merge, also
    when it failed: what is there is merged, and merged again when a batch was healed.
    """
    hops = []
    newest: dict[date, PinnedPlan] = {}
    for plan in plans:
        if now - plan.at <= MEMORY_S and (plan.day not in newest or plan.event_id > newest[plan.day].event_id):
            newest[plan.day] = plan
    had = list(fetches)
    for plan in newest.values():
        hops.extend(_first_hops(market, plan, had))
    hops.extend(
        Hop(Stage.DAILY, run.day, f"{market}-{Stage.DAILY}-{run.day}-{run.run_id}")
        for run in ended
        if now - run.at <= MEMORY_S
    )
    return sorted(hops, key=lambda hop: (hop.day, hop.stage != Stage.PRICES, hop.run_key))


def _first_hops(market: str, plan: PinnedPlan, fetches: Iterable[Fetch]) -> list[Hop]:
    """What the plan starts: a fetch for each gapless row of its batches that is not had yet, or the merge."""
    if not plan.batches:
        return [Hop(Stage.DAILY, plan.day, f"{market}-{Stage.DAILY}-{plan.day}-{plan.event_id}")]
    had = {number for fetch in fetches if fetch.serves(plan) for number in fetch.batches}
    config = prices_config(market, limit=plan.limit, symbols=plan.symbols)
    cause = f"{market}-{Stage.PRICES}-{plan.day}-{plan.event_id}"
    # Numbered before any is left out: the key of a row must not change while the others are fetched.
    return [
        Hop(Stage.PRICES, plan.day, f"{cause}-{number}" if number else cause, row, config)
        for number, row in enumerate(gapless(plan.batches))
        if not had.issuperset(row)
    ]


def gapless(batches: Collection[int]) -> list[tuple[int, ...]]:
    """The batch numbers in ascending order, cut at each gap: one run each.

    Dagster's ranges follow the order in which batch numbers were added, which is numeric: a split adds 0, 1, 2, ….
    """
    order = [str(number) for number in range(max(batches, default=-1) + 1)]
    return [tuple(map(int, row)) for row in spans(order, {str(number) for number in batches})]


def partition_tags(hop: Hop) -> dict[str, str]:
    """The tags that make a run be about the hop's partitions: one day, or the range of its batches."""
    if hop.stage is Stage.DAILY:
        return {"dagster/partition": hop.day.isoformat()}
    return batch_range_tags(hop.day, hop.batches)


def batch_range_tags(day: date, batches: Sequence[int]) -> dict[str, str]:
    """Tags of one run over a contiguous range of batches of one day."""
    return span_tags(batch_key(day, min(batches)), batch_key(day, max(batches)))


def prices_config(market: str, **fields: Any) -> dict[str, Any]:
    """Run config of the fetch stage; fields left empty keep their defaults."""
    given = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in fields.items()
        if value is not None and value is not False and value not in ((), [])  # 0 is a number that was asked for
    }
    return {"ops": {f"{market}__raw_prices": {"config": given}}}

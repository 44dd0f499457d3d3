"""Which stage of a day is next: a pure decision over what the instance recorded.

What belongs here: facts in, hops out. What does not: reading the instance (automation.py) or running anything (the
daemon, or `stocks run` in the foreground), which both take their hops from here.

The decision keeps no state. Each hop has a run key made of the event that caused it, so Dagster starts it once however
often the sensor looks, and a daemon that was down for an hour catches up by itself.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from stocks_pipeline.defs.spans import span_tags
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
    batches: int
    limit: int | None = None
    symbols: tuple[str, ...] = ()


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
    batches: int = 0
    run_config: Any = None


def next_stages(market: str, plans: Iterable[PinnedPlan], ended: Iterable[EndedRun], now: float) -> list[Hop]:
    """The hops that the facts call for, oldest day first.

    A plan starts the fetch of its batches; a plan without any starts the merge at once, so that an empty list makes
    an empty day and not a hanging one. A fetch that ended starts the merge, also when it failed: what is there is
    merged, and merged again when a batch was healed.
    """
    hops = []
    newest: dict[date, PinnedPlan] = {}
    for plan in plans:
        if now - plan.at <= MEMORY_S and (plan.day not in newest or plan.event_id > newest[plan.day].event_id):
            newest[plan.day] = plan
    for plan in newest.values():
        stage = Stage.PRICES if plan.batches else Stage.DAILY
        config = prices_config(market, limit=plan.limit, symbols=plan.symbols) if plan.batches else None
        hops.append(Hop(stage, plan.day, f"{market}-{stage}-{plan.day}-{plan.event_id}", plan.batches, config))
    hops.extend(
        Hop(Stage.DAILY, run.day, f"{market}-{Stage.DAILY}-{run.day}-{run.run_id}")
        for run in ended
        if now - run.at <= MEMORY_S
    )
    return sorted(hops, key=lambda hop: (hop.day, hop.stage != Stage.PRICES, hop.run_key))


def partition_tags(hop: Hop) -> dict[str, str]:
    """The tags that make a run be about the hop's partitions: one day, or the range of its batches."""
    if hop.stage is Stage.DAILY:
        return {"dagster/partition": hop.day.isoformat()}
    return batch_range_tags(hop.day, range(hop.batches))


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

"""What runs by itself: the daily schedule and the chain that starts each stage when the one before ended.

What belongs here: jobs, the schedule, the sensor that reads the instance, and their tags. What does not: how a stage
works, and the decision which stage is next (chain.py), which is pure. Stages chain by completion, never by a timer:
the seeds' fixed 20-minute buffer was their worst fault.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import dagster as dg
from dagster._core.definitions.assets.job.asset_job import (
    IMPLICIT_ASSET_JOB_NAME,  # the job of whatever is materialized by hand; no public name
)
from dagster._core.definitions.unresolved_asset_job_definition import (
    UnresolvedAssetJobDefinition,  # what define_asset_job returns; not exported in 1.13
)

from stocks_pipeline.clock import Clock, SystemClock
from stocks_pipeline.defs.chain import MEMORY_S, EndedRun, Fetch, PinnedPlan, Stage, next_stages, partition_tags
from stocks_pipeline.defs.market import Market
from stocks_pipeline.partitions import parse_batch_key

CHAIN_INTERVAL_S = 15
"""How often the chain looks. A hop starts at most this plus one daemon iteration after the stage before it."""

LOOK_BACK = 200
"""Newest splits and fetch runs of a market, not older than a day and a half, that the chain looks at in one tick."""

UPSTREAM_TAG = "stocks/upstream"
"""Key of `tag_concurrency_limits` in instance/dagster.yaml: how many runs may talk to one vendor."""

CHAIN_TAG = "stocks/chain"
"""`foreground` on runs of `stocks run`, which starts the next stage itself: the sensor leaves those alone."""

ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


class StageJobs(NamedTuple):
    """The three runs that make a day of one market."""

    listing: UnresolvedAssetJobDefinition
    prices: UnresolvedAssetJobDefinition
    daily: UnresolvedAssetJobDefinition


def stage_jobs(market: Market) -> StageJobs:
    """One job a stage, because assets of different partitions never share a run."""
    return StageJobs(
        listing=dg.define_asset_job(
            f"{market.name}_listing",
            selection=[market.key("symbols"), market.key("symbol_batches")],
            description=f"{market.title}: list the session's symbols and split them. The chain does the rest.",
            tags={UPSTREAM_TAG: market.listing},
        ),
        prices=dg.define_asset_job(
            f"{market.name}_prices",
            selection=[market.key("raw_prices")],
            description=f"{market.title}: fetch the session's batches in one run, each with its own outcome.",
            tags={UPSTREAM_TAG: "yahoo"},
        ),
        daily=dg.define_asset_job(
            f"{market.name}_daily_prices",
            selection=[market.key("daily_prices")],
            description=f"{market.title}: merge the batches that are there into the day's table.",
        ),
    )


def daily_schedule(market: Market, job: UnresolvedAssetJobDefinition) -> dg.ScheduleDefinition:
    """The market's schedule: after the close, in the exchange's own time zone, sessions only."""

    @dg.schedule(
        name=f"{market.name}_daily",
        job=job,
        cron_schedule=market.daily_at,
        execution_timezone=market.daily_zone or market.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"{market.title}: every session after the close. Closed days are skipped with the reason.",
    )
    def daily(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        tick = context.scheduled_execution_time.astimezone(ZoneInfo(market.timezone))
        day = session_of(tick)
        session = market.calendar().is_session(day)
        if session is False:
            return dg.SkipReason(f"{day} is no session of {market.mic}: the exchange is closed.")
        if session is None:
            context.log.warning(f"{day} lies outside the known sessions of {market.mic}; running it all the same.")
        return dg.RunRequest(
            run_key=f"{market.name}-listing-{day}",
            partition_key=day.isoformat(),
            tags={
                "source": "scheduler",
                "triggered_by": f"{market.name}_daily",
                "execution_name": f"{market.name}-{tick:%Y%m%d-%H%M%S}",
                "stocks/session": "unknown" if session is None else "known",
            },
        )

    return daily


def session_of(tick: datetime) -> date:
    """The day whose session a tick after the close is about, `tick` on the exchange's own clock.

    Every exchange here closes after noon, so the twelve hours before a tick began on that day: 17:30 is today's
    session, and 04:00 UTC, which is 23:00 or midnight in New York by season, is the one that closed that evening.
    """
    return (tick - timedelta(hours=12)).date()


def chain_sensor(market: Market, jobs: StageJobs, clock: Clock | None = None) -> dg.SensorDefinition:
    """The market's chain: prices when the split is there, the day's table when a fetch run ended."""
    names = {Stage.PRICES: jobs.prices.name, Stage.DAILY: jobs.daily.name}

    @dg.sensor(
        name=f"{market.name}_chain",
        jobs=[jobs.prices, jobs.daily],
        minimum_interval_seconds=CHAIN_INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"{market.title}: starts each stage when the one before it ended, even if part of it failed.",
    )
    def chain(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        now = (clock or SystemClock()).time()
        plans = pinned_plans(context.instance, market, now - MEMORY_S)
        runs = fetch_runs(context.instance, market, now - MEMORY_S)
        hops = next_stages(
            market.name, plans, ended_runs(context.instance, market, runs), now, fetches(market, runs, plans)
        )
        for hop in hops:
            yield dg.RunRequest(
                run_key=hop.run_key,
                job_name=names[hop.stage],
                run_config=hop.run_config,
                tags={
                    **partition_tags(hop),
                    "source": "chain",
                    "triggered_by": f"{market.name}_chain",
                    "execution_name": hop.run_key,
                },
            )
        if not hops:
            yield dg.SkipReason(f"Nothing is next: no stage of {market.title} ended in the last day and a half.")

    return chain


def pinned_plans(instance: dg.DagsterInstance, market: Market, since: float) -> list[PinnedPlan]:
    """The newest splits after `since` (unix seconds), as the instance recorded them."""
    wanted = dg.AssetRecordsFilter(market.key("symbol_batches"), after_timestamp=since)
    records = instance.fetch_materializations(wanted, limit=LOOK_BACK).records
    foreground = _foreground(instance, [r.run_id for r in records])
    plans = []
    for record in records:
        made = record.asset_materialization
        if made is None or made.partition is None or record.run_id in foreground:
            continue
        value: dict[str, Any] = {name: entry.value for name, entry in made.metadata.items()}
        if "selected_batches" not in value:
            continue  # marked as made by hand: that split nothing
        plans.append(
            PinnedPlan(
                day=date.fromisoformat(made.partition),
                event_id=record.storage_id,
                at=record.timestamp,
                batches=tuple(value["selected_batches"]),
                limit=int(value["selected_limit"]) or None,
                symbols=tuple(value["selected_symbols"]),
            )
        )
    return plans


def fetch_runs(instance: dg.DagsterInstance, market: Market, since: float) -> list[dg.RunRecord]:
    """The newest runs about raw_prices that changed after `since` (unix seconds): of the stage's job, or by hand."""
    after = datetime.fromtimestamp(since, UTC)
    return [
        record
        for name in (f"{market.name}_prices", IMPLICIT_ASSET_JOB_NAME)
        for record in instance.get_run_records(dg.RunsFilter(job_name=name, updated_after=after), limit=LOOK_BACK)
        if name != IMPLICIT_ASSET_JOB_NAME or market.key("raw_prices") in (record.dagster_run.asset_selection or ())
    ]


def ended_runs(instance: dg.DagsterInstance, market: Market, runs: Iterable[dg.RunRecord]) -> list[EndedRun]:
    """Those of the runs that ended and the days they were about; not those of the foreground, which merges itself."""
    ours = [r for r in runs if r.dagster_run.status in ENDED and r.dagster_run.tags.get(CHAIN_TAG) != "foreground"]
    if not ours:
        return []
    # A day of which no batch was ever stored is left out: there is nothing to merge.
    stored = {parse_batch_key(key)[0] for key in instance.get_materialized_partitions(market.key("raw_prices"))}
    return [
        EndedRun(day, record.dagster_run.run_id, record.end_time or 0.0)
        for record in ours
        for day in sorted(stored)
        if _batches_of(record.dagster_run, day)
    ]


def fetches(market: Market, runs: Iterable[dg.RunRecord], plans: Iterable[PinnedPlan]) -> list[Fetch]:
    """What the runs bring of the plans' days; a run that ended without having started brings nothing."""
    days = {plan.day for plan in plans}
    found = []
    for record in runs:
        run = record.dagster_run
        if record.start_time is None and run.status in ENDED:
            continue
        config = _config(run, market)
        for day in days:
            numbers = frozenset(_batches_of(run, day))
            if only := config.get("batches"):
                numbers &= frozenset(only)
            at = math.inf if record.start_time is None else record.start_time
            found.append(Fetch(day, at, numbers, config.get("limit"), tuple(config.get("symbols") or ())))
    return found


def _config(run: dg.DagsterRun, market: Market) -> Mapping[str, Any]:
    """The run's config of raw_prices; what was not asked is not in it."""
    given: Any = run.run_config
    for name in ("ops", f"{market.name}__raw_prices", "config"):
        given = given.get(name) or {}
    return dict(given)


def _batches_of(run: dg.DagsterRun, day: date) -> range:
    """The day's batches in the run's partition, or its range of them. One over several days is a product."""
    one = run.tags.get("dagster/partition")
    first = run.tags.get("dagster/asset_partition_range_start", one)
    last = run.tags.get("dagster/asset_partition_range_end", one)
    if first is None or last is None:
        return range(0)
    (from_day, low), (to_day, high) = parse_batch_key(first), parse_batch_key(last)
    return range(low, high + 1) if from_day <= day <= to_day else range(0)


def _foreground(instance: dg.DagsterInstance, run_ids: list[str]) -> set[str]:
    if not run_ids:
        return set()
    found = instance.get_run_records(dg.RunsFilter(run_ids=run_ids, tags={CHAIN_TAG: "foreground"}))
    return {record.dagster_run.run_id for record in found}

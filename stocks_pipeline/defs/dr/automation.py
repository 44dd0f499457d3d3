"""What runs by itself for the mornings: two schedules, and the chain from data to reports to the summary.

What belongs here: jobs, schedules, sensors, and the requests they make. What does not: the stages. Reports cost money,
so whatever starts them is shipped switched off; one click switches it on.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg

from stocks_pipeline.clock import Clock, SystemClock
from stocks_pipeline.defs.automation import CHAIN_INTERVAL_S, UPSTREAM_TAG
from stocks_pipeline.defs.chain import MEMORY_S
from stocks_pipeline.defs.dr.data import cutoff
from stocks_pipeline.defs.dr.master import GROUP, listed_tickers
from stocks_pipeline.defs.ended import ended_runs
from stocks_pipeline.defs.spans import span_tags, spans
from stocks_pipeline.partitions import BANGKOK, MORNING_DAYS, morning_tickers, mornings, parse_ticker_key, ticker_key
from stocks_pipeline.partitions import tickers as ticker_partitions

DATA = dg.AssetKey([GROUP, "ticker_data"])
REPORTS = dg.AssetKey([GROUP, "ticker_reports"])

Asked = dg.RunRequest | dg.SkipReason

YOUNG = timedelta(hours=36)
"""From its 05:00 on, how long data of a morning buy its reports by themselves: the day, and the next for what came
late. Whoever fetches an older one fills a gap of data; whether its reports are worth their money, a person decides.
"""

fetch_job = dg.define_asset_job(
    "dr_fetch",
    selection=[dg.AssetKey([GROUP, "ticker_master"]), DATA],
    description="Fetch a year of bars of each ticker of the morning.",
    tags={UPSTREAM_TAG: "yahoo"},
)
reports_job = dg.define_asset_job(
    "dr_reports",
    selection=[REPORTS],
    description="Write the report of each ticker whose data is stored. Calls the model: it costs money.",
    tags={UPSTREAM_TAG: "model"},
)
summary_job = dg.define_asset_job(
    "dr_summary",
    selection=[dg.AssetKey([GROUP, "precompute_summary"])],
    description="Count the morning's reports.",
)


def morning_requests(  # noqa: PLR0913 - three facts, and by keyword what the requests carry
    instance: dg.DagsterInstance,
    day: date,
    tickers: Sequence[str],
    *,
    cause: str,
    tags: dict[str, str],
    across: dg.AssetKey | None = None,
) -> list[dg.RunRequest]:
    """One request a contiguous span of tickers, in the order in which the partitions were added; usually one.

    `across`: the asset whose green partitions a span may reach across, for a run whose config names its tickers.
    """
    order = instance.get_dynamic_partitions(ticker_partitions().name or "")
    made = _green(instance, across, day, [name for name in order if name not in set(tickers)]) if across else []
    runs = spans(order, tickers, made)
    return [
        dg.RunRequest(
            run_key=f"{cause}-{number}" if number else cause,
            tags={**span_tags(ticker_key(day, run[0]), ticker_key(day, run[-1])), "execution_name": cause, **tags},
        )
        for number, run in enumerate(runs)
    ]


def _green(instance: dg.DagsterInstance, asset: dg.AssetKey, day: date, tickers: Sequence[str]) -> list[str]:
    """Those whose partition is made and is neither in work nor red since."""
    keys = {ticker_key(day, name): name for name in tickers}
    found = instance.get_status_by_partition(asset, list(keys), morning_tickers()) or {}
    return [name for key, name in keys.items() if (state := found.get(key)) and state.name == "MATERIALIZED"]


def add_active_tickers(instance: dg.DagsterInstance) -> list[str]:
    """The active tickers of the list, made partitions where they are not yet."""
    active = [t.dr for t in listed_tickers() if t.active]
    instance.add_dynamic_partitions(ticker_partitions().name or "", active)
    return active


def _morning(context: dg.ScheduleEvaluationContext, name: str) -> list[dg.RunRequest] | dg.SkipReason:
    tick: datetime = context.scheduled_execution_time.astimezone(ZoneInfo(BANGKOK))
    tickers = add_active_tickers(context.instance)
    if not tickers:
        return dg.SkipReason("The list has no active ticker: nothing to do.")
    said = f"{name} of {tick:%H:%M} in Bangkok"
    tags = {"source": "scheduler", "triggered_by": name, "description": said}
    cause = f"{name.removeprefix('daily_')}-{tick:%Y%m%d-%H%M%S}"
    return morning_requests(context.instance, tick.date(), tickers, cause=cause, tags=tags)


@dg.schedule(
    job=fetch_job,
    cron_schedule=f"0 5 * * {MORNING_DAYS}",
    execution_timezone=BANGKOK,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="05:00 in Bangkok, 22:00 UTC the day before: after New York's close.",
)
def daily_ticker_fetch(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
    """The morning's data."""
    return _morning(context, "daily_ticker_fetch")


@dg.schedule(
    job=reports_job,
    cron_schedule=f"20 5 * * {MORNING_DAYS}",
    execution_timezone=BANGKOK,
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="05:20 in Bangkok, the fixed-time way. Off: `dr_precompute` starts when the data is there.",
)
def daily_precompute(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
    """The morning's reports, by the clock."""
    return _morning(context, "daily_precompute")


def precompute_sensor(clock: Clock | None = None) -> dg.SensorDefinition:
    """Reports by completion: of exactly the tickers whose data a fetch run brought, late ones when they come."""

    @dg.sensor(
        name="dr_precompute",
        job=reports_job,
        minimum_interval_seconds=CHAIN_INTERVAL_S,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Starts the reports of the tickers whose data arrived, once their fetch ended. Off: it costs.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> Iterator[Asked]:
        return _following(context, clock or SystemClock(), fetch_job.name, DATA, reports_after)

    return sensor


def summary_sensor(clock: Clock | None = None) -> dg.SensorDefinition:
    """The summary, whenever a run of reports ended, well or badly."""

    @dg.sensor(
        name="dr_summary_chain",
        job=summary_job,
        minimum_interval_seconds=CHAIN_INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Counts the morning again whenever a run of reports ended.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> Iterator[Asked]:
        return _following(context, clock or SystemClock(), reports_job.name, REPORTS, summaries_after)

    return sensor


def _following(
    context: dg.SensorEvaluationContext,
    clock: Clock,
    job: str,
    asset: dg.AssetKey,
    follow: Callable[[dg.DagsterInstance, dg.DagsterRun, datetime], Iterable[dg.RunRequest]],
) -> Iterator[Asked]:
    """What `follow` wants started for each run of a stage that ended in the chain's memory."""
    now = clock.now()
    ended = ended_runs(context.instance, job, asset, now.timestamp() - MEMORY_S)
    found = [request for run in ended for request in follow(context.instance, run, now)]
    yield from found
    if not found:
        yield dg.SkipReason(f"No run of {job} that ended in the last day and a half asks for more.")


def reports_after(instance: dg.DagsterInstance, run: dg.DagsterRun, now: datetime) -> list[dg.RunRequest]:
    """Reports of the tickers of young mornings that a run fetched; those it only logged again had their turn."""
    days: dict[date, list[str]] = {}
    for key, metadata in made_by(instance, run.run_id, DATA):
        day, ticker = parse_ticker_key(key)
        if "reused_from" not in metadata and now - cutoff(day) < YOUNG:
            days.setdefault(day, []).append(ticker)
    at = now.isoformat(timespec="seconds")
    tags = {"source": "scheduler", "action": "precompute", "triggered_by": "dr_precompute", "triggered_at": at}
    tags["description"] = f"what the fetch of run {run.run_id[:8]} brought"
    return [
        request
        for day, tickers in sorted(days.items())
        for request in morning_requests(
            instance, day, tickers, cause=f"precompute-{day:%Y%m%d}-{run.run_id[:8]}", tags=tags
        )
    ]


def summaries_after(_instance: dg.DagsterInstance, run: dg.DagsterRun, _now: datetime) -> Iterator[dg.RunRequest]:
    """The count of each morning that a run of reports was about."""
    for day in _days_of(run):
        yield dg.RunRequest(
            run_key=f"dr-summary-{day}-{run.run_id}",
            partition_key=day.isoformat(),
            tags={"source": "chain", "triggered_by": "dr_summary_chain", "execution_name": f"summary-{run.run_id[:8]}"},
        )


def made_by(instance: dg.DagsterInstance, run_id: str, asset: dg.AssetKey) -> list[tuple[str, Any]]:
    """Partitions of the asset that a run materialized, with their metadata."""
    events = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
    made = [entry.asset_materialization for entry in events if entry.asset_materialization]
    return [(m.partition, m.metadata) for m in made if m.asset_key == asset and m.partition]


def _days_of(run: dg.DagsterRun) -> list[date]:
    tags = run.tags
    names = ("dagster/partition", "dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
    days = [parse_ticker_key(tags[name])[0] for name in names if tags.get(name)]
    span = (max(days) - min(days)).days + 1 if days else 0
    every = [min(days) + timedelta(days=number) for number in range(span)]
    return [day for day in every if mornings().has_partition_key(day.isoformat())]

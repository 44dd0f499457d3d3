"""What runs by itself for the validation: what opens the day's session, and the chain from it to results to summary.

What belongs here: jobs, schedule, sensors. What does not: the stages, and what is gone on with (going_on.py).
"""

from collections.abc import Iterator
from datetime import date, datetime
from zoneinfo import ZoneInfo

import dagster as dg

from stocks_pipeline.clock import Clock, SystemClock
from stocks_pipeline.defs.automation import CHAIN_INTERVAL_S, CHAIN_TAG, LOOK_BACK, UPSTREAM_TAG, session_of
from stocks_pipeline.defs.chain import MEMORY_S, batch_range_tags
from stocks_pipeline.defs.ended import ended_runs
from stocks_pipeline.defs.resources import LakeResource
from stocks_pipeline.defs.us import US
from stocks_pipeline.defs.us.adhoc import adhoc_job, goes_on
from stocks_pipeline.defs.us.going_on import TRY_TAG, Again, gone_on_with
from stocks_pipeline.defs.us.reaping import ALIVE, died, reap_sessions
from stocks_pipeline.domain.calendars import UnknownSession
from stocks_pipeline.partitions import parse_batch_key
from stocks_pipeline.storage.validation_keys import SessionPlace

PRICES, SESSION, RESULTS = (US.key(name) for name in ("daily_prices", "validation_batches", "validation_results"))

_RANGE = ("dagster/partition", "dagster/asset_partition_range_start", "dagster/asset_partition_range_end")

session_job = dg.define_asset_job(
    "us_validation_session",
    selection=[SESSION],
    description="Open the validation session of the day. The chain does the rest.",
)
results_job = dg.define_asset_job(
    "us_validation_results",
    selection=[RESULTS],
    description="Check every batch of the session against the second vendor, within its credits.",
    tags={UPSTREAM_TAG: "twelvedata"},
)
summary_job = dg.define_asset_job(
    "us_validation_summary",
    selection=[US.key("validation_summary")],
    description="Sum the session up: who failed, why probably, what could not be checked.",
)


@dg.schedule(
    name="us_validation",
    job=session_job,
    cron_schedule="30 4 * * 2-6",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="04:30 UTC, half an hour after the prices, sessions only.",
)
def us_validation(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """The session of the day that closed that evening in New York."""
    tick: datetime = context.scheduled_execution_time.astimezone(ZoneInfo(US.timezone))
    day = session_of(tick)
    if US.calendar().is_session(day) is False:
        return dg.SkipReason(f"{day} is no session of {US.mic}: the exchange is closed.")
    tags = {"source": "scheduler", "triggered_by": "us_validation", "execution_name": f"validation-{day:%Y%m%d}"}
    return dg.RunRequest(run_key=f"us-validation-{day}", partition_key=day.isoformat(), tags=tags)


def opening_sensor(clock: Clock | None = None) -> dg.SensorDefinition:
    """The newest day's session by completion, as soon as its prices are merged; the schedule's tick then finds it open.

    Shipped switched off: the schedule opens it as well, at an hour by which the prices usually are there.
    """

    @dg.sensor(
        name="us_validation_on_prices",
        job=session_job,
        minimum_interval_seconds=CHAIN_INTERVAL_S,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Opens the day's session once its us_daily_prices ended. Off: us_validation does it at 04:30 UTC.",
    )
    def sensor(context: dg.SensorEvaluationContext, lake: LakeResource) -> dg.RunRequest | dg.SkipReason:
        try:
            day = US.calendar().latest_closed((clock or SystemClock()).now())
        except UnknownSession as error:
            return dg.SkipReason(str(error))
        merge = _merged(context.instance, day)
        if merge is None:
            return dg.SkipReason(f"{day} has no prices yet that the chain merged after the close.")
        opening = dg.RunsFilter(job_name=session_job.name, tags={"dagster/partition": day.isoformat()}, statuses=ALIVE)
        if lake.open().exists(SessionPlace(US.name, day).record) or context.instance.get_run_records(opening, limit=1):
            return dg.SkipReason(f"The session of {day} is open already.")
        tags = {
            "source": "sensor",
            "triggered_by": "us_validation_on_prices",
            "execution_name": f"validation-{day:%Y%m%d}",
        }
        return dg.RunRequest(run_key=f"us-validation-on-{day}-{merge}", partition_key=day.isoformat(), tags=tags)

    return sensor


def _merged(instance: dg.DagsterInstance, day: date) -> int | None:
    """The day's newest merge after its close, unless a command made it, whose person goes on; None for none."""
    closed = US.calendar().close_at(day).timestamp()
    wanted = dg.AssetRecordsFilter(PRICES, asset_partitions=[day.isoformat()], after_timestamp=closed)
    for record in instance.fetch_materializations(wanted, limit=1).records:
        run = instance.get_run_by_id(record.run_id)
        if run is None or run.tags.get(CHAIN_TAG) != "foreground":
            return record.storage_id
    return None


def validation_chain(clock: Clock | None = None) -> dg.SensorDefinition:
    """Results when a session was opened, the summary when they ended, and another run where one brings more."""

    @dg.sensor(
        name="us_validation_chain",
        jobs=[results_job, summary_job, adhoc_job],
        minimum_interval_seconds=CHAIN_INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Checks a session that was opened, sums it up, goes on with what failed, waited or was healed.",
    )
    def sensor(context: dg.SensorEvaluationContext, lake: LakeResource) -> Iterator[dg.RunRequest | dg.SkipReason]:
        present = clock or SystemClock()
        now = present.time()
        for place in reap_sessions(context.instance, lake.open(), present, now - MEMORY_S):
            context.log.warning(f"{place.record}: its run died; it was marked failed and can be resumed")
        again = map(_again, gone_on_with(context.instance, lake.open(), present))
        hops = [*_results(context.instance, now), *_summaries(context.instance, now), *again]
        yield from hops
        if not hops:
            yield dg.SkipReason("No session was opened and no check ended in the last day and a half.")

    return sensor


def _results(instance: dg.DagsterInstance, now: float) -> Iterator[dg.RunRequest]:
    """One run over the batches of every session that was opened; of one without any, the summary at once."""
    wanted = dg.AssetRecordsFilter(SESSION, after_timestamp=now - MEMORY_S)
    for record in instance.fetch_materializations(wanted, limit=LOOK_BACK).records:
        made = record.asset_materialization
        if made is None or made.partition is None or "total_batches" not in made.metadata:
            continue  # marked as made by hand: that opened nothing
        run = instance.get_run_by_id(record.run_id)
        if run and run.tags.get(CHAIN_TAG) == "foreground":
            continue
        day, batches = date.fromisoformat(made.partition), int(str(made.metadata["total_batches"].value))
        cause = f"us-validation-{day}-{record.storage_id}"
        tags = {"source": "chain", "triggered_by": "us_validation_chain", "execution_name": cause}
        job, about = results_job.name, batch_range_tags(day, range(batches)) if batches else {}
        if not batches:
            job, about = summary_job.name, {"dagster/partition": day.isoformat()}
        yield dg.RunRequest(
            run_key=cause, job_name=job, tags={**about, **tags}, partition_key=about.get("dagster/partition")
        )


def _summaries(instance: dg.DagsterInstance, now: float) -> Iterator[dg.RunRequest]:
    """One summary for each run of results that ended; those of the foreground only where they had no time for it."""
    ended = ended_runs(instance, results_job.name, RESULTS, now - MEMORY_S)
    found = {(day, run.run_id) for run in ended for day in _days(run)}
    found |= {(dead.place.day, dead.run_id) for dead in died(instance, now - MEMORY_S) if not dead.place.adhoc}
    for day, run_id in sorted(found):
        yield dg.RunRequest(
            run_key=f"us-validation-summary-{day}-{run_id}",
            job_name=summary_job.name,
            partition_key=day.isoformat(),
            tags={"source": "chain", "triggered_by": "us_validation_chain"},
        )


def _again(again: Again) -> dg.RunRequest:
    """Another run over all batches of a session: of results for the day's own, of its own kind for one beside it."""
    tags = {"source": "chain", "triggered_by": "us_validation_chain", TRY_TAG: str(again.tries)}
    tags["execution_name"] = again.key
    if again.place.adhoc:
        return dg.RunRequest(again.key, job_name=adhoc_job.name, run_config=goes_on(again.place), tags=tags)
    about = batch_range_tags(again.place.day, range(again.batches))
    return dg.RunRequest(again.key, job_name=results_job.name, tags={**about, **tags})


def _days(run: dg.DagsterRun) -> list[date]:
    """The days that a run of results was about."""
    return sorted({parse_batch_key(key)[0] for name in _RANGE if (key := run.tags.get(name))})

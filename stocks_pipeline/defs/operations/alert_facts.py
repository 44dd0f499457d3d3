"""What happened, read from the Dagster instance: the facts that alerts are made of.

What belongs here: the queries, each bounded by a time. What does not: what a fact is and says (domain/), and
which were told already (storage/outbox.py). Facts are asked for with an overlap, since a run on another machine may
write its events late: who asks twice gets them twice.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

import dagster as dg
from dagster._core.storage.asset_check_execution_record import (  # 1.13: no public query over all partitions
    AssetCheckExecutionRecord,
    AssetCheckExecutionRecordStatus,
)

from stocks_pipeline.defs.dr.data import cutoff
from stocks_pipeline.defs.market import Market
from stocks_pipeline.domain.alert_facts import (
    Ended,
    FailedCheck,
    FailedRun,
    LateDay,
    LateMorning,
    due_mornings,
    late_days,
)
from stocks_pipeline.partitions import ticker_key, tickers
from stocks_pipeline.upstream.redaction import redact

PAGE: Final = 200
DR_DATA: Final = dg.AssetKey(["dr", "ticker_data"])
DR_SUMMARY: Final = dg.AssetKey(["dr", "precompute_summary"])
US_SUMMARY: Final = dg.AssetKey(["us", "validation_summary"])
US_ADHOC: Final = dg.AssetKey(["us", "validation_adhoc"])


def failed_runs(instance: dg.DagsterInstance, since: float) -> Iterator[FailedRun]:
    """Runs that failed after `since` (seconds since the epoch), oldest first."""
    wanted = dg.RunStatusChangeRecordsFilter(dg.DagsterEventType.RUN_FAILURE, after_timestamp=since)
    cursor, more = None, True
    while more:
        page = instance.fetch_run_status_changes(wanted, limit=PAGE, cursor=cursor, ascending=True)
        cursor, more = page.cursor, page.has_more
        ids = [record.run_id for record in page.records]
        runs = {run.run_id: run for run in instance.get_runs(dg.RunsFilter(run_ids=ids))} if ids else {}
        for record in page.records:
            # A run that was deleted since then is nobody's concern.
            if (run := runs.get(record.run_id)) is not None:
                yield _failed_run(run, record)


def _failed_run(run: dg.DagsterRun, record: dg.EventLogRecord) -> FailedRun:
    first = run.tags.get("dagster/asset_partition_range_start")
    last = run.tags.get("dagster/asset_partition_range_end")
    partition = run.tags.get("dagster/partition") or (f"{first} … {last}" if first else "")
    day = (run.tags.get("dagster/partition") or first or "").partition("|")[0]
    return FailedRun(
        run_id=run.run_id,
        job=run.job_name if not run.job_name.startswith("__") else "materialization by hand",
        partition=partition,
        message=redact(_why(record.event_log_entry)),
        next_step=f"stocks status --date {day}" if day else "stocks status",
        at=_moment(record.timestamp),
    )


def _why(entry: Any) -> str:
    """The first failed step's own words, else the run's."""
    failure = entry.dagster_event.job_failure_data if entry.dagster_event else None
    step = failure.first_step_failure_event if failure else None
    data = step.step_failure_data if step else None
    if data and data.user_failure_data and data.user_failure_data.description:
        return str(data.user_failure_data.description)
    error = (data.error if data else None) or (failure.error if failure else None)
    while error is not None and error.cause is not None:  # Dagster wraps what a step raised
        error = error.cause
    if error is not None:
        return str(error.message)
    return str((entry.dagster_event.message if entry.dagster_event else "") or entry.user_message)


def failed_checks(instance: dg.DagsterInstance, keys: Iterable[dg.AssetCheckKey], since: float) -> list[FailedCheck]:
    """Evaluations of these checks after `since` that did not pass."""
    found = [(record.run_id, entry) for key in keys for record, entry in _failures_of(instance, key, since)]
    ids = sorted({run_id for run_id, _ in found})
    # A check without partitions of its own was about those of its run.
    runs = {run.run_id: run for run in instance.get_runs(dg.RunsFilter(run_ids=ids))} if ids else {}
    whole = {run_id: run.tags.get("dagster/partition", "") for run_id, run in runs.items()}
    return [_failed_check(entry, run_id, whole.get(run_id, "")) for run_id, entry in found]


def _failures_of(
    instance: dg.DagsterInstance, key: dg.AssetCheckKey, since: float
) -> Iterator[tuple[AssetCheckExecutionRecord, dg.EventLogEntry]]:
    cursor = None
    while True:
        # The last planned first, which is not always the last evaluated: a page without anything new ends the search.
        page = instance.event_log_storage.get_asset_check_execution_history(
            key, limit=PAGE, cursor=cursor, status={AssetCheckExecutionRecordStatus.FAILED}
        )
        found = [(record, record.event) for record in page if record.event and record.event.timestamp > since]
        yield from found
        if len(page) < PAGE or not found:
            return
        cursor = page[-1].id


def _failed_check(entry: dg.EventLogEntry, run_id: str, run_partition: str) -> FailedCheck:
    seen: Any = entry.get_dagster_event().asset_check_evaluation_data
    partition = seen.partition or run_partition
    day = partition.partition("|")[0]
    told = next((seen.metadata[n].value for n in ("next_step", "next_steps") if n in seen.metadata), None)
    return FailedCheck(
        asset=seen.asset_key.to_user_string(),
        check=seen.check_name,
        partition=partition,
        warn=seen.severity is dg.AssetCheckSeverity.WARN,
        description=redact(seen.description or ""),
        next_step=str(told) if told else f"stocks status --date {day}" if day else "stocks status",
        run_id=run_id,
        at=_moment(entry.timestamp),
    )


def late(
    instance: dg.DagsterInstance, markets: Sequence[Market], watched_since: datetime, now: datetime
) -> list[LateDay]:
    """Sessions that closed after `watched_since` and have no table although it is time."""
    found: list[LateDay] = []
    for market in markets:
        stored = {date.fromisoformat(k) for k in instance.get_materialized_partitions(market.key("daily_prices"))}
        found += late_days(market.name, market.calendar(), stored, watched_since, now)
    return found


def late_mornings(instance: dg.DagsterInstance, watched_since: datetime, now: datetime) -> list[LateMorning]:
    """Mornings that came after `watched_since` and of which no ticker has data although it is time."""
    names = instance.get_dynamic_partitions(tickers().name or "")

    def there(day: date) -> bool:
        wanted = dg.AssetRecordsFilter(asset_key=DR_DATA, asset_partitions=[ticker_key(day, name) for name in names])
        return bool(names and instance.fetch_materializations(wanted, limit=1).records)

    return [LateMorning(day, at, now) for day, at in due_mornings(cutoff, watched_since, now) if not there(day)]


def ended(instance: dg.DagsterInstance, since: float) -> Iterator[Ended]:
    """What the summaries counted after `since`: the mornings' and the validation sessions'."""
    for key, read in ((DR_SUMMARY, _morning), (US_SUMMARY, _session), (US_ADHOC, _session)):
        cursor, more = None, True
        while more:
            wanted = dg.AssetRecordsFilter(asset_key=key, after_timestamp=since)
            page = instance.fetch_materializations(wanted, limit=PAGE, cursor=cursor, ascending=True)
            cursor, more = page.cursor, page.has_more
            for record in page.records:
                made = record.asset_materialization
                values = {name: entry.value for name, entry in made.metadata.items()} if made else {}
                # One marked as made by hand counted nothing; a session that waits for credits has not ended.
                if made and values.get("status", "pending") not in {"pending", "processing"}:
                    yield read(made.partition or "", values, record.run_id, _moment(record.timestamp))


def _morning(partition: str, values: dict[str, Any], run_id: str, at: datetime) -> Ended:
    status = values["status"]
    return Ended(
        asset=DR_SUMMARY.to_user_string(),
        session_id=partition,
        total_symbols=int(values["total_tickers"]),
        passed_count=int(values["succeeded"]),
        failed_count=int(values["failed"]),
        failed_symbols=tuple(values.get("failed_symbols") or ()),
        next_step=str(values.get("next_steps") or "Nothing to do."),
        run_id=run_id,
        at=at,
        failure_reason="no report of the morning is there" if status == "failed" else "",
        failure_step="dr/ticker_reports" if status == "failed" else "",
    )


def _session(partition: str, values: dict[str, Any], run_id: str, at: datetime) -> Ended:
    failed = values["status"] == "failed"
    return Ended(
        asset=US_SUMMARY.to_user_string(),
        session_id=str(values.get("session_id") or partition),
        total_symbols=int(values["total_symbols"]),
        passed_count=int(values["passed_count"]),
        failed_count=int(values["failed_count"]),
        failed_symbols=tuple(values.get("failed_symbols") or ()),
        next_step=str(values.get("next_steps") or values.get("next_step") or f"stocks status --date {partition}"),
        run_id=run_id,
        at=at,
        failure_reason=redact(str(values.get("failure_reason") or "the session failed")) if failed else "",
        failure_step=str(values.get("failure_step") or US_SUMMARY.to_user_string()) if failed else "",
    )


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)

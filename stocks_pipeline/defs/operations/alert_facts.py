"""What happened, read from the Dagster instance: the facts that alerts are made of.

What belongs here: the queries, each bounded by a time. What does not: what a fact is and says (domain/), and
which were told already (storage/outbox.py). Facts are asked for with an overlap, since a run on another machine may
write its events late: who asks twice gets them twice.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import dagster as dg
from dagster._core.storage.asset_check_execution_record import (  # 1.13: no public query over all partitions
    AssetCheckExecutionRecord,
    AssetCheckExecutionRecordStatus,
)

from stocks_pipeline.defs.us import US
from stocks_pipeline.defs.us.going_on import TRY_TAG
from stocks_pipeline.defs.us.reaping import TAG as SESSION_TAG
from stocks_pipeline.defs.us.waiting import which
from stocks_pipeline.domain.alert_facts import Ended, FailedCheck, FailedRun, day_of
from stocks_pipeline.storage.validation_keys import parse_validation_session_key
from stocks_pipeline.upstream.redaction import redact

PAGE: Final = 200
NOTHING: Final = "Nothing to do."
DR_SUMMARY: Final = dg.AssetKey(["dr", "precompute_summary"])
US_SUMMARY: Final = US.key("validation_summary")
US_ADHOC: Final = US.key("validation_adhoc")
COUNTED_BY: Final = {"dr_reports": DR_SUMMARY, "us_validation_results": US_SUMMARY, "us_validation_adhoc": US_ADHOC}
"""What counts the work of a job's runs; the merge does that for a market's prices."""


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
    job, prices = run.job_name, run.job_name.removesuffix("_prices")
    counted_by = COUNTED_BY.get(job) or (dg.AssetKey([prices, "daily_prices"]) if prices != job else None)
    validates = job.startswith(f"{US.name}_validation")
    why, step = _why(record.event_log_entry)
    return FailedRun(
        run_id=run.run_id,
        job=job if not job.startswith("__") else "materialization by hand",
        partition=partition,
        message=redact(why),
        next_step=step or _look_at(day_of(partition), validates, run.tags.get(SESSION_TAG, "")),
        at=_moment(record.timestamp),
        counted_by=counted_by.to_user_string() if counted_by else "",
        again=int(run.tags.get(TRY_TAG, "1")) > 1,
    )


def _look_at(day: str, validates: bool, record: str = "") -> str:  # noqa: FBT001 - whose command it is
    """The command that shows what became of a day, or of the validation session of that record."""
    if not validates:
        return f"stocks status --date {day}" if day else "stocks status"
    if record:
        return f"stocks validation status {which(parse_validation_session_key(record))}"
    return f"stocks validation status --date {day}" if day else "stocks validation list"


def _why(entry: Any) -> tuple[str, str]:
    """The first failed step's own words, else the run's; and what it says is to be done, where it says so."""
    failure = entry.dagster_event.job_failure_data if entry.dagster_event else None
    step = failure.first_step_failure_event if failure else None
    data = step.step_failure_data if step else None
    own = data.user_failure_data if data else None
    if own and own.description:
        return str(own.description), _told(own.metadata)
    error = (data.error if data else None) or (failure.error if failure else None)
    while error is not None and error.cause is not None:  # Dagster wraps what a step raised
        error = error.cause
    if error is not None:
        return str(error.message), ""
    return str((entry.dagster_event.message if entry.dagster_event else "") or entry.user_message), ""


def _told(metadata: Mapping[str, Any]) -> str:
    """What the metadata says is to be done; empty where they do not."""
    return next((str(metadata[name].value) for name in ("next_step", "next_steps") if name in metadata), "")


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
        yield from ((record, event) for record, event in found if not _sums_up(event))
        if len(page) < PAGE or not found:
            return
        cursor = page[-1].id


def _sums_up(entry: dg.EventLogEntry) -> bool:
    """Whether it is a fan-out's count over its partitions (fanout_log.py): each of them that did not pass was evaluated
    on its own, and those that were not made failed the run. Both are told.
    """
    seen = entry.get_dagster_event().asset_check_evaluation_data
    return seen.partition is None and {"partitions", "not_checked"} <= seen.metadata.keys()


def _failed_check(entry: dg.EventLogEntry, run_id: str, run_partition: str) -> FailedCheck:
    seen: Any = entry.get_dagster_event().asset_check_evaluation_data
    partition, asset = seen.partition or run_partition, seen.asset_key.to_user_string()
    return FailedCheck(
        asset=asset,
        check=seen.check_name,
        partition=partition,
        warn=seen.severity is dg.AssetCheckSeverity.WARN,
        description=redact(seen.description or ""),
        next_step=_told(seen.metadata) or _look_at(day_of(partition), asset.startswith(f"{US.name}/validation")),
        run_id=run_id,
        at=_moment(entry.timestamp),
    )


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
                    yield read(key, made.partition or "", values, record.run_id, _moment(record.timestamp))


def _morning(key: dg.AssetKey, partition: str, values: dict[str, Any], run_id: str, at: datetime) -> Ended:
    status = values["status"]
    return Ended(
        asset=key.to_user_string(),
        session_id=partition,
        total_symbols=int(values["total_tickers"]),
        passed_count=int(values["succeeded"]),
        failed_count=int(values["failed"]),
        failed_symbols=tuple(values.get("failed_symbols") or ()),
        next_step=str(values.get("next_steps") or NOTHING),
        run_id=run_id,
        at=at,
        failure_reason="no report of the morning is there" if status == "failed" else "",
        failure_step="dr/ticker_reports" if status == "failed" else "",
        day=partition,
    )


def _session(key: dg.AssetKey, partition: str, values: dict[str, Any], run_id: str, at: datetime) -> Ended:
    failed, day = (
        values.get("event") == "WorkflowFailed" or values["status"] == "failed",
        str(values.get("date") or partition),
    )
    made = Ended(
        asset=key.to_user_string(),
        session_id=str(values.get("session_id") or partition),
        total_symbols=int(values["total_symbols"]),
        passed_count=int(values["passed_count"]),
        failed_count=int(values["failed_count"]),
        failed_symbols=tuple(values.get("failed_symbols") or ()),
        next_step=str(values.get("next_steps") or values.get("next_step") or ""),
        run_id=run_id,
        at=at,
        failure_reason=redact(str(values.get("failure_reason") or "the session failed")) if failed else "",
        failure_step=str(values.get("failure_step") or key.to_user_string()) if failed else "",
        day=day,
        harmless_count=int(values.get("harmless_count") or 0),
        message=redact(str(values.get("message") or "")),
    )
    # "Nothing to do" is told only of a session of which that is true.
    known = made.next_step and (made.whole or made.next_step != NOTHING)
    return made if known else replace(made, next_step=NOTHING if made.whole else _look_at(day, validates=True))


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)

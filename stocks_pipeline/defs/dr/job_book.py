"""The job records of one execution: written before work starts, moved along as it goes, stored one file a ticker.

What belongs here: reading and writing records. What does not: which step is legal (domain/jobs.py).
"""

import logging
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import dagster as dg

from stocks_pipeline.clock import Clock
from stocks_pipeline.defs.evidence import lake_failure
from stocks_pipeline.domain.jobs import Job, JobStatus
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import KeyMissing, Lake
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError, redact

_ID = 8  # characters of a run's id in an execution's
_ROOT = "dagster/root_run_id"
_ACTIVE = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class JobBook:
    """The records of one execution of one morning. Safe for threads: a ticker has one worker and one file."""

    lake: Lake
    day: date
    execution_id: str
    source: str
    clock: Clock

    def open(self, tickers: Iterable[str]) -> None:
        """A complete pending record for every ticker; what an earlier try of this execution wrote is kept."""
        for ticker in tickers:
            if not self.lake.exists(self._key(ticker)):
                self._save(Job.new(ticker, self.execution_id, self.source, self.clock.now()))

    def start(self, ticker: str) -> Job:
        """In progress."""
        return self._save(self.get(ticker).started(self.clock.now()))

    def complete(self, ticker: str, result: dict[str, Any]) -> Job:
        """Completed. Call it only when the report is durable."""
        return self._save(self.get(ticker).completed(result, self.clock.now()))

    def fail(self, ticker: str, error: Exception) -> Job:
        """Failed, with the class of the failure; anything unclassified is a bug."""
        known = error if isinstance(error, UpstreamError) else lake_failure(error)
        kind = known.kind.value if known else "bug"
        return self._save(self.get(ticker).failed(redact(str(error)), kind, self.clock.now()))

    def put_back(self, ticker: str, error: UpstreamError) -> Job:
        """Pending again, with the reason why the stage stopped."""
        return self._save(self.get(ticker).put_back(str(error), error.kind.value))

    def get(self, ticker: str) -> Job:
        """The ticker's record. Raises KeyMissing for one that was never opened."""
        return Job.from_json(self.lake.read(self._key(ticker)))

    def _key(self, ticker: str) -> str:
        return layout.job_key(self.day, self.execution_id, ticker)

    def _save(self, job: Job) -> Job:
        self.lake.write(self._key(job.ticker), job.to_json())
        return job


def execution_of(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    """The id of the execution that a run belongs to: `<execution_name>-<first 8 of a run's id>`.

    A re-execution of a run that did not succeed goes on with its execution; after a success it begins another.
    """
    root = run.tags.get(_ROOT) or run.root_run_id
    first: str | None = root
    if root is not None:
        group = instance.get_run_records(dg.RunsFilter(tags={_ROOT: root}), ascending=True)
        for record in [*instance.get_run_records(dg.RunsFilter(run_ids=[root])), *group]:
            earlier = record.dagster_run
            if earlier.run_id == run.run_id:
                break
            first = None if earlier.is_success else first or earlier.run_id
    return f"{run.tags.get('execution_name', 'manual')}-{(first or run.run_id)[:_ID]}"


def close_abandoned(instance: dg.DagsterInstance, lake: Lake, day: date, tickers: Collection[str], clock: Clock) -> int:
    """Fail what dead runs left in progress for these tickers; how many. Call it when their own run has a book open.

    A run that Dagster still calls active is left alone; `kill -9` is found out by operations/dead_runs.py first.
    """
    active = {execution_of(instance, run) for run in instance.get_runs(dg.RunsFilter(statuses=_ACTIVE))}
    theirs = {layout.job_key(day, execution, "A").rpartition("/")[0] for execution in active}
    closed = 0
    for key in lake.list(layout.job_prefix(day)):
        if key.rpartition("/")[0] in theirs:
            continue
        job = Job.from_json(lake.read(key))
        if job.status is JobStatus.IN_PROGRESS and job.ticker in tickers:
            why = "its run died before the report was stored; a later run takes it up"
            lake.write(key, job.failed(why, FailureKind.TRANSIENT.value, clock.now()).to_json())
            closed += 1
    return closed


def jobs_of(lake: Lake, day: date) -> Iterator[Job]:
    """Every record of the morning, all executions. One that cannot be read is told in the log and left out: a single
    damaged file, or one that retention took meanwhile, must not hide the others.
    """
    for key in lake.list(layout.job_prefix(day)):
        try:
            yield Job.from_json(lake.read(key))
        except (KeyMissing, ValueError) as error:
            _log.warning("%s is no job record and is left out: %s", key, redact(str(error)))


def newest_jobs(lake: Lake, day: date) -> dict[str, Job]:
    """The newest record of each ticker of the morning."""
    newest: dict[str, Job] = {}
    for job in jobs_of(lake, day):
        if job.ticker not in newest or job.created_at >= newest[job.ticker].created_at:
            newest[job.ticker] = job
    return newest


def failed_jobs(lake: Lake, day: date) -> list[Job]:
    """Tickers whose newest record failed: the morning's dead letters."""
    return [job for job in newest_jobs(lake, day).values() if job.status is JobStatus.FAILED]

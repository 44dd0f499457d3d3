"""The job records of one execution: written before work starts, moved along as it goes, stored one file a ticker.

What belongs here: reading and writing records. What does not: which step is legal (domain/jobs.py).
"""

import logging
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import dagster as dg

from stocks_pipeline.clock import Clock
from stocks_pipeline.defs.dr.config import ReportsConfig
from stocks_pipeline.defs.dr.fetched import MissingDataError
from stocks_pipeline.defs.evidence import lake_failure
from stocks_pipeline.domain.jobs import Asked, Job, JobStatus, description_fault
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import KeyMissing, Lake
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError, redact

SUPERSEDED = "superseded"
"""In place of a class: a later execution wrote the report that this one was to write."""
DIED = "died"
"""In place of a class: the run that was at work on it is dead."""
LEFT = "its run died before the report was stored"
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
    asked: Asked
    clock: Clock
    rewrite: bool = False
    left: dict[str, list[str]] = field(default_factory=dict)
    """Keys of pending records of ended executions, by ticker: closed when this one has the report."""

    def open(self, tickers: Iterable[str]) -> None:
        """A complete pending record for every ticker; what an earlier try of this execution wrote is kept, unless it
        is damaged.
        """
        for ticker in tickers:
            if not self.lake.exists(self._key(ticker)) or read_job(self.lake, self._key(ticker)) is None:
                now = self.clock.now()
                self._save(Job.new(ticker, self.execution_id, self.asked, now, rewrite=self.rewrite))

    def start(self, ticker: str) -> Job:
        """In progress."""
        return self._save(self.get(ticker).started(self.clock.now()))

    def complete(self, ticker: str, result: dict[str, Any]) -> Job:
        """Completed. Call it only when the report is durable. Nobody waits for it any more."""
        done = self._save(self.get(ticker).completed(result, self.clock.now()))
        for key in self.left.get(ticker, ()):
            waiting = read_job(self.lake, key)
            if waiting is not None and waiting.status is JobStatus.PENDING:
                why = f"its execution ended; {self.execution_id} wrote the report"
                self.lake.write(key, waiting.failed(why, SUPERSEDED, self.clock.now()).to_json())
        return done

    def fail(self, ticker: str, error: Exception) -> Job:
        """Failed, with the class of the failure; anything unclassified is a bug."""
        known = error if isinstance(error, UpstreamError) else lake_failure(error)
        kind = known.kind.value if known else "bug"
        lacked = isinstance(error, MissingDataError)
        failed = self.get(ticker).failed(_said(error), kind, self.clock.now(), lacked_data=lacked)
        return self._save(failed.explained(known.attempts, known.next_step) if known else failed)

    def put_back(self, ticker: str, error: UpstreamError) -> Job:
        """Pending again, with the reason why the stage stopped."""
        after = None if error.retry_after_s is None else timedelta(seconds=error.retry_after_s)
        waits = self.get(ticker).put_back(_said(error), error.kind.value)
        return self._save(
            waits.explained(error.attempts, error.next_step, None if after is None else self.clock.now() + after)
        )

    def get(self, ticker: str) -> Job:
        """The ticker's record. Raises KeyMissing for one that was never opened."""
        return Job.from_json(self.lake.read(self._key(ticker)))

    def _key(self, ticker: str) -> str:
        return layout.job_key(self.day, self.execution_id, ticker)

    def _save(self, job: Job) -> Job:
        self.lake.write(self._key(job.ticker), job.to_json())
        return job


def asked_of(run: dg.DagsterRun, config: ReportsConfig) -> Asked:
    """What the run was asked for: as its config says, from the Launchpad, else its tags, from a command or a schedule.

    A tag that somebody wrote by hand and that is no limit or no description stays a tag.
    """
    limit, said = run.tags.get("limit", ""), run.tags.get("description", "")
    return Asked(
        run.tags.get("source", "manual"),
        config.limit or (int(limit) if limit.isdecimal() else None),
        config.description or (None if description_fault(said) else said),
    )


def _said(error: Exception) -> str:
    """The failure without its class and calls: those are fields of their own."""
    if not isinstance(error, UpstreamError):
        return redact(str(error))
    return f"{f'{error.upstream} {error.subject}'.strip()}: {error.message}"


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
    return execution_id(run.tags.get("execution_name", "manual"), first or run.run_id)


def execution_id(execution_name: str, run_id: str) -> str:
    """The id of the execution that this run began."""
    return f"{execution_name}-{run_id[:_ID]}"


def close_abandoned(instance: dg.DagsterInstance, book: JobBook, tickers: Collection[str]) -> int:
    """Fail what dead runs left in progress for these tickers; how many. Call it when their own run has its book open.

    What they left pending is noted in the book, until it has the report. A run that Dagster still calls active is left
    alone; `kill -9` is found out by operations/dead_runs.py first.
    """
    active = {execution_of(instance, run) for run in instance.get_runs(dg.RunsFilter(statuses=_ACTIVE))}
    theirs = {layout.job_key(book.day, one, "A").rpartition("/")[0] for one in {*active, book.execution_id}}
    closed = 0
    for key in book.lake.list(layout.job_prefix(book.day)):
        job = None if key.rpartition("/")[0] in theirs else read_job(book.lake, key)
        if job is None or job.ticker not in tickers:
            continue
        if job.status is JobStatus.IN_PROGRESS:
            why = "its run died before the report was stored; a later run takes it up"
            book.lake.write(key, job.failed(why, FailureKind.TRANSIENT.value, book.clock.now()).to_json())
            closed += 1
        elif job.status is JobStatus.PENDING:
            book.left.setdefault(job.ticker, []).append(key)
    return closed


def jobs_of(lake: Lake, day: date) -> Iterator[Job]:
    """Every record of the morning that can be read, all executions."""
    for key in lake.list(layout.job_prefix(day)):
        if (job := read_job(lake, key)) is not None:
            yield job


def read_job(lake: Lake, key: str) -> Job | None:
    """The record; None, told in the log, where it cannot be read: a single damaged file, or one that retention took
    meanwhile, must neither hide nor stop the others.
    """
    try:
        return Job.from_json(lake.read(key))
    except (KeyMissing, ValueError) as error:
        _log.warning("%s is no job record and is left out: %s", key, redact(str(error)))
        return None


def newest_jobs(lake: Lake, day: date) -> dict[str, Job]:
    """The newest record of each ticker of the morning."""
    newest: dict[str, Job] = {}
    for job in jobs_of(lake, day):
        if job.ticker not in newest or job.created_at >= newest[job.ticker].created_at:
            newest[job.ticker] = job
    return newest


def standing_jobs(instance: dg.DagsterInstance, lake: Lake, day: date) -> dict[str, Job]:
    """The newest record of each ticker as things stand: what a dead run left in progress waits for the next one."""
    jobs = newest_jobs(lake, day)
    if all(job.status is not JobStatus.IN_PROGRESS for job in jobs.values()):
        return jobs
    from stocks_pipeline.defs.operations.dead_runs import dead_runs

    dead = {run.run_id for run in dead_runs(instance)}
    active = [run for run in instance.get_runs(dg.RunsFilter(statuses=_ACTIVE)) if run.run_id not in dead]
    working = {execution_of(instance, run) for run in active}
    for name, job in jobs.items():
        if job.status is JobStatus.IN_PROGRESS and job.execution_id not in working:
            # Read again: its run may have ended well since.
            now = read_job(lake, layout.job_key(day, job.execution_id, name)) or job
            left = now.status is JobStatus.IN_PROGRESS
            jobs[name] = now.put_back(LEFT, DIED).explained(0, "Retry it: nobody works on it.") if left else now
    return jobs

"""The job records of one execution: written before work starts, moved along as it goes, stored one file a ticker.

What belongs here: reading and writing records. What does not: which step is legal (domain/jobs.py).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from stocks_pipeline.clock import Clock
from stocks_pipeline.domain.jobs import Job, JobStatus
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import Lake
from stocks_pipeline.upstream.failures import UpstreamError


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
        kind = error.kind.value if isinstance(error, UpstreamError) else "bug"
        return self._save(self.get(ticker).failed(str(error), kind, self.clock.now()))

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


def jobs_of(lake: Lake, day: date) -> Iterator[Job]:
    """Every record of the morning, all executions."""
    for key in lake.list(layout.job_prefix(day)):
        yield Job.from_json(lake.read(key))


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

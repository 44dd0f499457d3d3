"""The record of one ticker in one execution: what it is, which states follow which, and its JSON.

What belongs here: `Job`, its legal transitions, and what was asked of its execution. What does not: where records are
stored (defs/dr/job_book.py).

A record is complete before work starts: the original inserted half a row first and failed 43 of 46 tickers with
KeyError('ticker'). `completed` is set only after the report is durable; the original did it the other way round.
"""

import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any


class JobStatus(StrEnum):
    """The states of a job."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"


LEGAL: dict[JobStatus, frozenset[JobStatus]] = {
    JobStatus.PENDING: frozenset({JobStatus.IN_PROGRESS, JobStatus.FAILED}),
    JobStatus.IN_PROGRESS: frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.PENDING}),
    JobStatus.FAILED: frozenset({JobStatus.IN_PROGRESS}),
    JobStatus.COMPLETED: frozenset(),
}
"""What may follow what. A failed job may be tried again in the same execution; a completed one is history."""

KEEP = timedelta(days=7)
"""How long a record is kept (seed 001; its code says 24 hours)."""


LONGEST_DESCRIPTION = 200


def description_fault(text: str) -> str:
    """What is wrong with the words that an execution is described in; empty where nothing is.

    They end in tags, records and tables, so nothing is let in that a terminal or a page would obey.
    """
    if not text.strip():
        return "it is empty"
    if len(text) > LONGEST_DESCRIPTION:
        return f"it has {len(text)} characters, {LONGEST_DESCRIPTION} are allowed"
    return "" if text.isprintable() else "it has a line break or another character that cannot be printed"


@dataclass(frozen=True)
class Asked:
    """What an execution was asked for, as the seed's event said it: `{source, limit, description}`."""

    source: str = "manual"
    limit: int | None = None
    description: str | None = None
    """In the words of whoever asked."""


class IllegalTransitionError(ValueError):
    """A job asked to go where its state does not lead."""


@dataclass(frozen=True)
class Job:
    """One ticker in one execution. Times are aware, UTC, ISO 8601 in JSON."""

    job_id: str
    ticker: str
    execution_id: str
    source: str
    status: JobStatus
    created_at: datetime
    expires_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    attempts: int = 0
    result: dict[str, Any] | None = None
    error: str | None = None
    error_class: str | None = None
    rewrite: bool = False
    """It was to be written anew, whatever answer is kept."""
    lacked_data: bool = False
    """It failed because nothing was stored to write from: no word about the report."""
    limit: int | None = None
    """To how many tickers its execution was limited."""
    description: str | None = None
    """Why it was asked for, in the words of whoever asked."""
    tries: int = 0
    """Calls that the failure took; 0: nobody was asked, or it does not say."""
    next_step: str | None = None
    """What the failure says a person should do."""
    waits_until: datetime | None = None
    """When what stopped the stage ends by itself, where it says so."""

    @classmethod
    def new(cls, ticker: str, execution_id: str, asked: Asked, now: datetime, *, rewrite: bool = False) -> "Job":
        """A complete pending record. `job_id` is the seed's: `rpt_{TICKER}_{execution}`."""
        return cls(
            job_id=f"rpt_{ticker.upper()}_{execution_id}",
            ticker=ticker.upper(),
            execution_id=execution_id,
            source=asked.source,
            status=JobStatus.PENDING,
            created_at=now,
            expires_at=now + KEEP,
            rewrite=rewrite,
            limit=asked.limit,
            description=asked.description,
        )

    @property
    def changed_at(self) -> datetime:
        """When it last changed: was made, begun or finished, whichever came last."""
        return max(at for at in (self.created_at, self.started_at, self.finished_at) if at is not None)

    def started(self, now: datetime) -> "Job":
        """In progress, one attempt more. A job found in progress was left by a dead worker and starts again."""
        status = JobStatus.PENDING if self.status is JobStatus.IN_PROGRESS else self.status
        job = _moved(replace(self, status=status), JobStatus.IN_PROGRESS)
        cleared = replace(job, finished_at=None, error=None, error_class=None, lacked_data=False, result=None)
        cleared = replace(cleared, tries=0, next_step=None, waits_until=None)
        return replace(cleared, started_at=now, attempts=self.attempts + 1)

    def completed(self, result: dict[str, Any], now: datetime) -> "Job":
        """Completed, with the worker's result."""
        return replace(_moved(self, JobStatus.COMPLETED), result=result, finished_at=now)

    def failed(self, error: str, error_class: str, now: datetime, *, lacked_data: bool = False) -> "Job":
        """Failed, with the reason as it was said, its class, and the result that a failed worker gives."""
        moved = replace(_moved(self, JobStatus.FAILED), error=error, error_class=error_class, finished_at=now)
        return replace(moved, lacked_data=lacked_data, result=result_of(self.ticker, "failed", error=error))

    def put_back(self, reason: str, error_class: str) -> "Job":
        """Pending again: nothing was wrong with this ticker, the whole stage had to stop (no budget, no key)."""
        return replace(_moved(self, JobStatus.PENDING), error=reason, error_class=error_class)

    def explained(self, tries: int, next_step: str, until: datetime | None = None) -> "Job":
        """With what its failure tells beside the reason."""
        return replace(self, tries=tries, next_step=next_step, waits_until=until)

    def to_json(self) -> bytes:
        """The record as it is stored."""
        return json.dumps(asdict(self), default=_text, ensure_ascii=False, indent=1).encode()

    @classmethod
    def from_json(cls, body: bytes) -> "Job":
        """The record that `to_json` wrote.

        Raises:
            ValueError: fields missing, unknown or of the wrong kind.
        """
        try:
            fields = json.loads(body)
            times = {n: datetime.fromisoformat(fields[n]) for n in _TIMES if fields.get(n) is not None}
            return cls(**{**fields, **times, "status": JobStatus(fields["status"])})
        except (TypeError, KeyError) as error:
            raise ValueError(f"not a job record: {error}") from error


def result_of(ticker: str, status: str, *, pdf_key: str | None = None, error: str = "") -> dict[str, Any]:
    """What a worker gives back of a ticker, success or failed, with the seed's four keys."""
    return {"ticker": ticker, "status": status, "pdf_s3_key": pdf_key, "error": error}


def _moved(job: Job, status: JobStatus) -> Job:
    if status not in LEGAL[job.status]:
        raise IllegalTransitionError(f"{job.job_id}: {job.status} → {status} is not a step")
    return replace(job, status=status)


_TIMES = ("created_at", "expires_at", "started_at", "finished_at", "waits_until")


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form here")

"""Job records past their date, removed. Reports, prices and every other file stay.

What belongs here: which records may go, and deleting them. What does not: when that is done (defs/) and how long a
record lives, which it says itself (`expires_at`, domain/jobs.py).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from stocks_pipeline.domain.jobs import KEEP, Job, JobStatus
from stocks_pipeline.storage.dr_keys import JOBS, parse_job_key
from stocks_pipeline.storage.lake import KeyMissing, Lake

RUNNING: Final = KEEP
"""A record in progress that was begun longer ago than this was left by a dead worker."""


@dataclass(frozen=True)
class Purged:
    """What one purge did: `kept` records are not due, `unreadable` ones say nothing and are left for a person."""

    deleted: tuple[str, ...]
    kept: int
    unreadable: tuple[str, ...]


def expired(jobs: Iterable[tuple[str, Job]], now: datetime) -> tuple[str, ...]:
    """Keys of the records that may go: past `expires_at`, and not at work.

    An old record may be at work again, because an execution can be gone on with after any time.

    Args:
        jobs: keys and their records.
        now: aware.
    """
    return tuple(key for key, job in jobs if job.expires_at <= now and not _at_work(job, now))


def purge_jobs(lake: Lake, now: datetime, *, dry_run: bool = False) -> Purged:
    """Delete the expired job records. Safe to repeat and to run twice at once.

    Args:
        lake: where they lie.
        now: aware.
        dry_run: delete nothing; `deleted` is what would go.

    Raises:
        LakeError: the lake cannot be reached or a record cannot be deleted; what was deleted stays so.
    """
    due: list[str] = []
    unreadable: list[str] = []
    kept = 0
    for key in lake.list(JOBS):
        try:
            parse_job_key(key)
            going = expired([(key, Job.from_json(lake.read(key)))], now)
        except KeyMissing:
            continue  # another purge was faster
        except (ValueError, TypeError):  # no record of ours, or one without dates
            unreadable.append(key)
            continue
        due += going
        kept += not going
    return Purged(tuple(key for key in due if dry_run or lake.delete(key)), kept, tuple(unreadable))


def _at_work(job: Job, now: datetime) -> bool:
    return job.status is JobStatus.IN_PROGRESS and job.started_at is not None and now - job.started_at < RUNNING

"""Job records past their days, removed. Reports, prices and every other file stay.

What belongs here: reading how old a job record is and deleting it. What does not: which files may ever go and when
(domain/retention.py), and when that is done (defs/).

A record's age is when it last changed: an execution can be gone on with after any time, and is then at work again.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from stocks_pipeline.domain.jobs import Job
from stocks_pipeline.domain.retention import Record, due, may_go
from stocks_pipeline.storage.dr_keys import JOBS
from stocks_pipeline.storage.lake import KeyMissing, Lake


@dataclass(frozen=True)
class Purged:
    """What one purge did: `kept` records are not due, `unreadable` ones say nothing and are left for a person."""

    deleted: tuple[str, ...]
    kept: int
    unreadable: tuple[str, ...]


def purge_jobs(lake: Lake, now: datetime, keep: timedelta, *, dry_run: bool = False) -> Purged:
    """Delete the job records that did not change for `keep`. Safe to repeat and to run twice at once.

    Args:
        lake: where they lie.
        now: aware.
        keep: a day at least.
        dry_run: delete nothing; `deleted` is what would go.

    Raises:
        LakeError: the lake cannot be reached or a record cannot be deleted; what was deleted stays so.
        ValueError: keep is under a day.
    """
    records: list[Record] = []
    unreadable: list[str] = []
    for key in lake.list(JOBS):
        try:
            records.append(_dated(lake, key))
        except KeyMissing:
            continue  # another purge was faster
        except (ValueError, TypeError):  # no record of ours, or one without dates
            unreadable.append(key)
    going = due(records, now, keep)
    deleted = tuple(key for key in going if dry_run or lake.delete(key))
    return Purged(deleted, len(records) - len(going), tuple(unreadable))


def _dated(lake: Lake, key: str) -> Record:
    """The record with its age. Raises ValueError or TypeError for a file that is none or does not say when."""
    if not may_go(key):
        raise ValueError(f"{key!r} is no job record")
    changed = Job.from_json(lake.read(key)).changed_at
    if changed.tzinfo is None:
        raise ValueError(f"{key!r} does not say in which time zone")
    return Record(key, changed)

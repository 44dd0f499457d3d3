"""Validation sessions past their days, removed. Prices, reports and every other file stay.

What belongs here: reading how old a session is and deleting its files. What does not: which files may ever go and when
(domain/retention.py), and when that is done (defs/).

A session's age is when it last moved, not the day it is about: a day of last year may have been checked this morning.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from stocks_pipeline.domain.retention import RECORD, VALIDATED, Record, due, files_of, session_of
from stocks_pipeline.domain.validation_session import Session
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import KeyMissing, Lake


@dataclass(frozen=True)
class PurgedSessions:
    """What one purge did: folders and files that went, sessions `kept`, folders without a readable record."""

    sessions: tuple[str, ...]
    files: tuple[str, ...]
    kept: int
    unreadable: tuple[str, ...]


def purge_sessions(lake: Lake, now: datetime, keep: timedelta, *, dry_run: bool = False) -> PurgedSessions:
    """Delete the sessions that did not move for `keep`; with `dry_run` only say which.

    Safe to repeat, to interrupt and to run twice at once.

    Args:
        lake: where they lie.
        now: aware.
        keep: a day at least.
        dry_run: delete nothing.

    Raises:
        LakeError: the lake cannot be reached or a file cannot be deleted; what was deleted stays so.
        ValueError: keep is under a day.
    """
    keys = list(lake.list(layout.validation_prefix(VALIDATED)))
    folders = {folder for key in keys if (folder := session_of(key))}
    dated = list(_dated(lake, folders))
    going = due((record for _, record in dated if record), now, keep)
    files = files_of(going, keys)
    gone = files if dry_run else tuple(key for key in files if lake.delete(key))
    unreadable = tuple(sorted(folder for folder, record in dated if record is None))
    return PurgedSessions(tuple(sorted(going)), gone, len(dated) - len(going) - len(unreadable), unreadable)


def _dated(lake: Lake, folders: set[str]) -> Iterator[tuple[str, Record | None]]:
    """Each folder with its session's age; None where no record says it: that is left for a person."""
    for folder in sorted(folders):
        try:
            yield folder, Record(folder, Session.from_json(lake.read(folder + RECORD)).updated_at)
        except (KeyMissing, ValueError):
            yield folder, None

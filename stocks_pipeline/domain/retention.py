"""What may be deleted by itself, and when: records of work, once their days are over. Never data.

What belongs here: the list of kinds of files that may ever go, and which of them are due. What does not: reading how
old they are and deleting them (storage/purge.py, purge_sessions.py), and when that is done (defs/operations/).

The list names what may go; everything else stays, whatever it is called. So a new kind of file is safe until somebody
writes it down here.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

VALIDATED: Final = "us"
"""The market whose prices are checked against a second vendor; of no other may anything go."""

_DAY: Final = r"\d{4}-\d\d-\d\d"
_JOB: Final = re.compile(rf"dr/jobs/{_DAY}/[^/]+/[^/]+\.json")
_ID: Final = r"session-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_SESSION: Final = re.compile(
    rf"({VALIDATED}/validation/{_DAY}/(?:{_ID}/)?)(?:session\.json|summary\.json|batch-\d+\.parquet|calls/[^/]+\.json)"
)
RECORD: Final = "session.json"
"""The file of a session that says how old it is. It goes last, so that an interrupted purge is gone on with."""


@dataclass(frozen=True)
class Record:
    """Something that ends with its days: `key` names it, `at` (aware) is when it last changed."""

    key: str
    at: datetime


def may_go(key: str) -> bool:
    """Whether the file is of a kind that retention may delete when it is old: a job record, or part of a session."""
    return _JOB.fullmatch(key) is not None or session_of(key) is not None


def session_of(key: str) -> str | None:
    """The folder of the session that the file belongs to: `us/validation/2026-01-05/`, or inside it the one that an
    ad-hoc session's id names; None for any other file.
    """
    found = _SESSION.fullmatch(key)
    return found[1] if found else None


def due(records: Iterable[Record], now: datetime, keep: timedelta) -> tuple[str, ...]:
    """Keys of the records that last changed `keep` or longer ago. `now` is aware.

    Raises:
        ValueError: keep is under a day: that would delete what is still worked on.
    """
    if keep < timedelta(days=1):
        raise ValueError(f"records are kept for a day at least, not {keep}")
    return tuple(record.key for record in records if now - record.at >= keep)


def files_of(folders: Iterable[str], keys: Iterable[str]) -> tuple[str, ...]:
    """Those of the keys that belong to the sessions in these folders; each session's record after its other files."""
    wanted = set(folders)
    found = [key for key in keys if session_of(key) in wanted]
    return tuple(sorted(found, key=lambda key: (session_of(key) or "", key.endswith(f"/{RECORD}"), key)))

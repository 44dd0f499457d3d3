"""The files of a validation session: where they lie, and the way back from a key to the session.

What belongs here: those. What does not: reading and writing the files.

The day's own session lies in the day's folder; an ad-hoc one in a folder of its id inside, so that neither can touch
the other's files:

    us/validation/2026-01-05/session.json, batch-0.parquet, …, summary.json, calls/…
    us/validation/2026-01-05/session-<uuid>/session.json, batch-0.parquet, …, summary.json, calls/…
"""

import re
from dataclasses import dataclass
from datetime import date
from typing import Final

from stocks_pipeline.storage.layout import encode_symbol, validation_prefix

_ID: Final = r"session-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_FOLDER: Final = rf"(?P<market>[a-z][a-z0-9_]*)/validation/(?P<day>\d{{4}}-\d\d-\d\d)/(?:(?P<adhoc>{_ID})/)?"
_SESSION: Final = re.compile(_FOLDER + r"session\.json")
_RESULTS: Final = re.compile(_FOLDER + r"batch-(?P<batch>0|[1-9]\d*)\.parquet")
_CALL: Final = re.compile(_FOLDER + r"calls/(?P<on>\d{8})T[^/]+\.json")


@dataclass(frozen=True)
class SessionPlace:
    """Where one session's files lie; `adhoc` is the id of a session beside the day's own, empty for that.

    Raises:
        ValueError: no such market name, or an `adhoc` that is no session id.
    """

    market: str
    day: date
    adhoc: str = ""

    def __post_init__(self) -> None:
        if self.adhoc and not re.fullmatch(_ID, self.adhoc):
            raise ValueError(f"{self.adhoc!r} is no session id such as session-<uuid>")
        validation_prefix(self.market)

    @property
    def folder(self) -> str:
        """Prefix of all its files; the day's own session shares it with those beside."""
        return f"{validation_prefix(self.market)}{self.day.isoformat()}/" + (f"{self.adhoc}/" if self.adhoc else "")

    @property
    def record(self) -> str:
        """The session itself: its plan and batches."""
        return f"{self.folder}session.json"

    @property
    def summary(self) -> str:
        """Counts and verdict."""
        return f"{self.folder}summary.json"

    @property
    def batches(self) -> str:
        """Prefix of the results."""
        return f"{self.folder}batch-"

    @property
    def calls(self) -> str:
        """Prefix of the requests that it sent to the second vendor."""
        return f"{self.folder}calls/"

    def batch(self, number: int) -> str:
        """The results of one batch."""
        if number < 0:
            raise ValueError(f"no batch has the number {number}")
        return f"{self.batches}{number}.parquet"

    def call(self, moment: str, number: int) -> str:
        """One request to the second vendor, what the audit of the credits reads; `moment` as 20260106T043000.000000."""
        return f"{self.calls}{encode_symbol(moment)}-{number}.json"


def parse_validation_session_key(key: str) -> SessionPlace:
    """The session whose record it is. Raises ValueError for any other key."""
    found = _SESSION.fullmatch(key)
    if not found:
        raise ValueError(f"{key!r} is not market/validation/YYYY-MM-DD/[session-<uuid>/]session.json")
    return _place(found)


def parse_validation_batch_key(key: str) -> tuple[SessionPlace, int]:
    """Session and batch of a file of results. Raises ValueError for any other key."""
    found = _RESULTS.fullmatch(key)
    if not found:
        raise ValueError(
            f"{key!r} is no file of results: market/validation/YYYY-MM-DD/[session-<uuid>/]batch-N.parquet"
        )
    return _place(found), int(found["batch"])


def call_day(key: str) -> date | None:
    """The UTC day on which the request was sent that the file is about; None for any other file."""
    found = _CALL.fullmatch(key)
    return date.fromisoformat(found["on"]) if found else None


def _place(found: "re.Match[str]") -> SessionPlace:
    return SessionPlace(found["market"], date.fromisoformat(found["day"]), found["adhoc"] or "")

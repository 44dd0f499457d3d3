"""The files of a validation session: the prefixes under which they lie, and the way back from a key to the session.

What belongs here: those. What does not: making the keys (layout.py) and reading the files.
"""

import re
from datetime import date
from typing import Final

from stocks_pipeline.storage.layout import validation_prefix

_SESSION: Final = re.compile(r"[a-z][a-z0-9_]*/validation/(?P<day>\d{4}-\d\d-\d\d)/session\.json")
_RESULTS: Final = re.compile(
    r"[a-z][a-z0-9_]*/validation/(?P<day>\d{4}-\d\d-\d\d)/batch-(?P<batch>0|[1-9]\d*)\.parquet"
)


def calls_prefix(market: str, day: date) -> str:
    """Prefix of the requests to the second vendor that the sessions of one day sent."""
    return f"{validation_prefix(market)}{day.isoformat()}/calls/"


def batches_prefix(market: str, day: date) -> str:
    """Prefix of the results of one day's session."""
    return f"{validation_prefix(market)}{day.isoformat()}/batch-"


def parse_validation_session_key(key: str) -> date:
    """The day of a session's record. Raises ValueError for any other key."""
    found = _SESSION.fullmatch(key)
    if not found:
        raise ValueError(f"{key!r} is not a session: market/validation/YYYY-MM-DD/session.json")
    return date.fromisoformat(found["day"])


def parse_validation_batch_key(key: str) -> tuple[date, int]:
    """Day and batch of a file of results. Raises ValueError for any other key."""
    found = _RESULTS.fullmatch(key)
    if not found:
        raise ValueError(f"{key!r} is no file of results: market/validation/YYYY-MM-DD/batch-N.parquet")
    return date.fromisoformat(found["day"]), int(found["batch"])

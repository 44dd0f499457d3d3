"""What Yahoo's daily bars are asked by and returned as, and how Yahoo words its refusals.

What belongs here: the shapes that the decoder (yahoo_chart.py) and the gateway (yahoo.py) share. What does not:
reading bars, fetching them.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pyarrow as pa

from stocks_pipeline.upstream.failures import FailureKind, UpstreamError

UPSTREAM = "yahoo"
_ERROR_KINDS = {
    "not found": FailureKind.PERMANENT,
    "unauthorized": FailureKind.AUTH,
    "too many requests": FailureKind.RATE,
    "bad request": FailureKind.PERMANENT,
    "unprocessable entity": FailureKind.PERMANENT,
    "internal server error": FailureKind.TRANSIENT,
    "internal-error": FailureKind.TRANSIENT,
}


@dataclass(frozen=True, slots=True)
class Window:
    """The days asked for: both ends inclusive, dates on the exchange's own clock.

    Raises:
        ValueError: the end lies before the start.
    """

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError(f"window ends {self.end}, before it starts {self.start}")

    def unix(self, tz: str) -> tuple[int, int]:
        """Midnights before the first day and after the last one in `tz`, unix seconds; Yahoo's period2 is exclusive."""
        zone = ZoneInfo(tz)
        first = datetime.combine(self.start, time(), zone)
        after = datetime.combine(self.end + timedelta(days=1), time(), zone)
        return int(first.timestamp()), int(after.timestamp())


@dataclass(frozen=True, slots=True)
class Event:
    """A dividend (cash per share) or split (new shares per old one) on its exchange-local ex-date."""

    day: date
    kind: Literal["dividend", "split"]
    value: float


@dataclass(frozen=True)
class Bars:
    """The daily bars of one symbol: `table` fits `domain.schemas.BARS`, ascending, one row a session.

    `dropped` counts bars that came without a close. `unplaced` are events of the window after which no bar came: they
    belong to a session that this window does not hold. `note` says in words what a reader should know, or is empty.
    """

    symbol: str
    table: pa.Table
    currency: str | None
    dropped: int
    unplaced: tuple[Event, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class VendorError:
    """Yahoo's own words for why there is no answer. They come with a status of 4xx and sometimes with 200."""

    code: str
    description: str

    @property
    def before_listing(self) -> bool:
        """Whether this means a known symbol with nothing in the window, because it was not listed yet."""
        return self.description.startswith("Data doesn't exist for startDate")

    def as_error(self, subject: str) -> UpstreamError:
        """The classified failure; words we do not know are MALFORMED, so that they are tried again and seen."""
        kind = _ERROR_KINDS.get(self.code.lower(), FailureKind.MALFORMED)
        return UpstreamError(kind, UPSTREAM, subject, f"{self.code}: {self.description}")


def vendor_error(document: Any) -> VendorError | None:
    """The error of a parsed `chart` or `finance` envelope, or None when it holds none."""
    envelope = (document.get("chart") or document.get("finance")) if isinstance(document, dict) else None
    error = envelope.get("error") if isinstance(envelope, dict) else None
    if not isinstance(error, dict):
        return None
    return VendorError(str(error.get("code") or ""), str(error.get("description") or ""))


def malformed(symbol: str, what: str, status: int | None = None) -> UpstreamError:
    """The failure of an answer that came and cannot be believed; `what` continues "the answer …"."""
    return UpstreamError(FailureKind.MALFORMED, UPSTREAM, symbol, f"the answer {what}", status=status)

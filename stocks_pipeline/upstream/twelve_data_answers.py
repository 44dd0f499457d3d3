"""What Twelve Data's answers mean: bars, or one of the classes of failure, for a request or for each of its symbols.

What belongs here: reading bodies and error texts. What does not: sending (twelve_data.py), judging the numbers
(domain/validation.py). Formats: recorded answers of 2024 and the vendor's OpenAPI of 2026. Errors are
`{"code": N, "message": "...", "status": "error"}`, with HTTP status N or 200: the body decides. In a batch, an object
by symbol, each symbol may be such an error.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import orjson
import pyarrow as pa

from stocks_pipeline.domain.plans import PLANS
from stocks_pipeline.domain.schemas import EXTERNAL_BARS
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError, from_status

UPSTREAM = "twelvedata"
_OK, _FIRST_ERROR, _TOO_MANY = 200, 400, 429
_DAY_S = 86_400
_SHARED = frozenset({FailureKind.RATE, FailureKind.QUOTA_DAY, FailureKind.AUTH})
_LIMIT = re.compile(r"limit being (\d{1,9})\b")
_GATED = ("available starting with", "not available with your plan", "available exclusively with")
_PRICES = ("open", "high", "low", "close")
_SHOWN = 3
_LARGEST_VOLUME = 2**53


@dataclass(eq=False)
class NotInPlanError(UpstreamError):
    """The key's plan does not cover the symbol: PERMANENT until somebody changes the plan."""

    @property
    def next_step(self) -> str:
        found = re.search(r"starting with the (.{1,40}?) plan", self.message)
        wanted = f"the {found[1]} plan" if found else "a higher plan"
        return (
            f"Your plan of Twelve Data does not cover it: take {wanted} (twelvedata.com/pricing) and set "
            "STOCKS_TWELVE_DATA_PLAN, or leave the symbol unchecked. The free plan covers US listings only."
        )


@dataclass(eq=False)
class SmallerPlanError(UpstreamError):
    """The key has fewer credits a minute than we count on, so that every request would be refused: QUOTA_DAY, at once,
    until somebody corrects the setting.
    """

    @property
    def next_step(self) -> str:
        return "Set STOCKS_TWELVE_DATA_PLAN to the plan that the key has, then retry: credits are spent on refusals."


@dataclass(frozen=True)
class Asked:
    """What a request was about. `symbols`: the vendor's names by ours; `minute_s`: how long the vendor's minute is;
    `per_minute`: the credits that we count on in it, None: unknown.
    """

    symbols: Mapping[str, str]
    start: date
    end: date
    minute_s: float = 60.0
    per_minute: int | None = None

    @property
    def subject(self) -> str:
        """The symbols, the first few by name."""
        names = list(self.symbols)
        return ",".join(names[:_SHOWN]) + (f",… ({len(names)})" if len(names) > _SHOWN else "")


@dataclass(frozen=True)
class Reply:
    """One HTTP answer, and when it arrived (seconds since 1970)."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    at: float


def read_answer(asked: Asked, reply: Reply) -> dict[str, Any]:
    """For each symbol, by our name, a table in EXTERNAL_BARS, oldest first, or the UpstreamError it met.

    The table is empty where the vendor has no bars in the span. Repeated sessions stay; a price that is no finite
    number is null.

    Raises:
        UpstreamError: the request failed as a whole: for every symbol, or before any was looked at. A refusal of the
            request that is PERMANENT is not raised but given to every symbol.
    """
    payload = _payload(asked, reply)
    whole = _error_in(payload, asked.subject, reply, asked)
    if whole is not None and whole.kind is not FailureKind.PERMANENT:
        raise whole
    if whole is None and reply.status != _OK:
        raise from_status(UPSTREAM, asked.subject, reply.status, reply.headers, _text(reply), now=_moment(reply))
    if whole is not None or len(asked.symbols) == 1:
        return {ours: _one(payload, ours, asked, reply) for ours in asked.symbols}
    by_symbol = {ours: _one(payload.get(theirs), ours, asked, reply) for ours, theirs in asked.symbols.items()}
    _raise_if_shared(list(by_symbol.values()))
    return by_symbol


def minute_ends_in(at: float, minute_s: float) -> float:
    """Seconds from `at` (since 1970) to the end of the vendor's minute, and a fiftieth of one for its clock."""
    return minute_s - at % minute_s + minute_s / 50


def _payload(asked: Asked, reply: Reply) -> dict[str, Any]:
    try:
        found = orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        found = None
    if isinstance(found, dict):
        return found
    # A page of a proxy says more by its status than by its text.
    raise from_status(UPSTREAM, asked.subject, reply.status, reply.headers, _text(reply), now=_moment(reply))


def _text(reply: Reply) -> str:
    return reply.body[:500].decode("utf-8", "replace")


def _moment(reply: Reply) -> datetime:
    return datetime.fromtimestamp(reply.at, UTC)


def _code(answer: Mapping[str, Any]) -> int | None:
    """The error's number; None where the answer is no error."""
    code = answer.get("code")
    number = int(code) if isinstance(code, int) or (isinstance(code, str) and re.fullmatch(r"\d{3}", code)) else 0
    if answer.get("status") == "error":
        return number
    return number if number >= _FIRST_ERROR and "message" in answer else None


def _error_in(answer: Mapping[str, Any], subject: str, reply: Reply, asked: Asked) -> UpstreamError | None:
    """The failure that an answer is; None where it is none."""
    code = _code(answer)
    if code is None:
        return None
    message = str(answer.get("message", "no message")).replace("**", "")
    lower, shown = message.lower(), f"{code}: {message}"
    if any(text in lower for text in _GATED):
        return NotInPlanError(FailureKind.PERMANENT, UPSTREAM, subject, shown, code)
    if code == _TOO_MANY and "for the day" in lower:
        wait_s = _DAY_S - reply.at % _DAY_S
        return UpstreamError(FailureKind.QUOTA_DAY, UPSTREAM, subject, shown, code, wait_s)
    usual = from_status(UPSTREAM, subject, code, reply.headers, message, now=_moment(reply))
    if code != _TOO_MANY:
        return UpstreamError(usual.kind, UPSTREAM, subject, shown, code, usual.retry_after_s)
    limit = _LIMIT.search(lower)
    if limit and int(limit[1]) < max(asked.per_minute or 0, len(asked.symbols)):
        return _smaller_plan(int(limit[1]), asked, subject)
    return UpstreamError(
        usual.kind,
        UPSTREAM,
        subject,
        shown,
        code,
        max(usual.retry_after_s or 0.0, minute_ends_in(reply.at, asked.minute_s)),
    )


def _smaller_plan(limit: int, asked: Asked, subject: str) -> SmallerPlanError:
    """What a refusal says that names fewer credits than we count on."""
    counted = max(asked.per_minute or 0, len(asked.symbols))
    fits = next((f"={plan.name}" for plan in PLANS.values() if plan.credits_per_minute == limit), " to its plan")
    said = (
        f"the vendor allows this key {limit} credits a minute, we count on {counted}: set STOCKS_TWELVE_DATA_PLAN{fits}"
    )
    return SmallerPlanError(FailureKind.QUOTA_DAY, UPSTREAM, subject, said, _TOO_MANY)


def _one(answer: Any, ours: str, asked: Asked, reply: Reply) -> Any:
    """One symbol's table or failure."""
    if not isinstance(answer, dict):
        return _malformed(ours, "the answer does not mention it")
    error = _error_in(answer, ours, reply, asked)
    if error is not None:
        nothing = error.status == _FIRST_ERROR and "no data is available" in error.message.lower()
        return _table(ours, []) if nothing else error
    meta, values = answer.get("meta"), answer.get("values")
    named = meta.get("symbol", asked.symbols[ours]) if isinstance(meta, dict) else asked.symbols[ours]
    if str(named).upper() != asked.symbols[ours].upper():
        return _malformed(ours, f"the answer is about {named}")
    if not isinstance(values, list):
        return _malformed(ours, "neither values nor an error")
    try:
        rows = [_row(value) for value in values]
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        return _malformed(ours, f"a bar that cannot be read: {type(error).__name__} {error}")
    return _table(ours, sorted((row for row in rows if asked.start <= row[0] <= asked.end), key=lambda row: row[0]))


Row = tuple[date, float | None, float | None, float | None, float | None, int | None]


def _row(value: Any) -> Row:
    if not isinstance(value, dict):
        raise TypeError(f"is a {type(value).__name__}")
    day = re.fullmatch(r"(\d{4}-\d\d-\d\d)( [\d:]+)?", str(value["datetime"]))
    if day is None:
        raise ValueError(f"of {value['datetime']!r:.40}")
    opened, high, low, close = (_number(value[name]) for name in _PRICES)
    volume = _number(value.get("volume"))
    if volume is not None and abs(volume) > _LARGEST_VOLUME:
        raise ValueError(f"with a volume of {volume:g}")
    return date.fromisoformat(day[1]), opened, high, low, close, None if volume is None else int(volume)


def _number(value: Any) -> float | None:
    """A finite number; None for what the vendor writes where it has none. Anything else is a ValueError."""
    if value is None or value == "":
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def _table(symbol: str, rows: Sequence[Row]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) if rows else [()] * 6
    named = dict(zip(EXTERNAL_BARS.names[1:], map(list, columns), strict=True))
    return pa.table({"symbol": [symbol] * len(rows), **named}, schema=EXTERNAL_BARS)


def _raise_if_shared(found: Sequence[Any]) -> None:
    """Raise what every symbol met, where it is about the key and not about them."""
    errors = [one for one in found if isinstance(one, UpstreamError)]
    if len(errors) == len(found) and len({error.kind for error in errors}) == 1 and errors[0].kind in _SHARED:
        raise errors[0]


def _malformed(symbol: str, message: str) -> UpstreamError:
    return UpstreamError(FailureKind.MALFORMED, UPSTREAM, symbol, message, _OK)


def count_of(reply: Reply | None, name: str) -> int | None:
    """A header that holds a count; None where it is absent or none."""
    text = "" if reply is None else (reply.headers.get(name) or "").strip()
    return int(text) if text.isascii() and text.isdecimal() else None

"""The log of the calls to the second vendor: one file a call, read by the audit of the credits.

What belongs here: writing and reading it. What does not: holding it against the limits (domain/credit_audit.py).
"""

import itertools
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from stocks_pipeline.domain.credit_audit import Charged, Limit
from stocks_pipeline.storage.lake import Lake
from stocks_pipeline.storage.layout import validation_prefix
from stocks_pipeline.storage.validation_keys import SessionPlace, call_day

if TYPE_CHECKING:
    from stocks_pipeline.upstream.twelve_data import SentCall


@dataclass(frozen=True)
class CallLog:
    """Keeps every call of one session, each with the limit under which it was sent."""

    lake: Lake
    place: SessionPlace
    limit: Limit
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def record(self, call: "SentCall") -> None:
        """Store one call; its name holds the instant, so two runs never share a file."""
        at = datetime.fromtimestamp(call.at, UTC)
        body = {
            "at": at.isoformat(),
            "at_s": call.at,
            "credits": call.credits,
            "limit_per_minute": self.limit.per_minute,
            "limit_per_day": self.limit.per_day,
            "minute_s": self.limit.minute_s,
            "status": call.status,
            "credits_used": call.credits_used,
            "credits_left": call.credits_left,
            "strangers": call.strangers,
            "symbols": list(call.symbols),
        }
        self.lake.write(self.place.call(f"{at:%Y%m%dT%H%M%S.%f}", next(self._numbers)), json.dumps(body).encode())


def calls_of(lake: Lake, place: SessionPlace) -> list[Charged]:
    """The calls of one session."""
    return _read(lake, lake.list(place.calls))


def credits_since(lake: Lake, place: SessionPlace, at: float, known: dict[str, int]) -> int:
    """Credits that the session spent since then (seconds since 1970); `known` is what an earlier call has read."""
    for key in lake.list(place.calls):
        if key not in known:
            call = json.loads(lake.read(key))
            known[key] = int(call["credits"]) if call["at_s"] >= at else 0
    return sum(known.values())


def calls_beside(lake: Lake, place: SessionPlace, mine: Iterable[Charged]) -> list[Charged]:
    """The calls of all other sessions on the UTC days on which this one's were sent: they share the credits."""
    days = {datetime.fromtimestamp(call.at, UTC).date() for call in mine}
    keys = (key for key in lake.list(validation_prefix(place.market)) if not key.startswith(place.calls))
    return _read(lake, (key for key in keys if call_day(key) in days))


def _read(lake: Lake, keys: Iterable[str]) -> list[Charged]:
    return [_charged(json.loads(lake.read(key))) for key in keys]


def _charged(call: dict[str, Any]) -> Charged:
    cap = call["limit_per_day"]
    limit = Limit(int(call["limit_per_minute"]), None if cap is None else int(cap), float(call["minute_s"]))
    return Charged(float(call["at_s"]), int(call["credits"]), limit)

"""The log of the calls to the second vendor: one file a call, read by the audit of the credits.

What belongs here: writing it. What does not: holding it against the plan (domain/credit_audit.py).
"""

import itertools
import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import Lake

if TYPE_CHECKING:
    from stocks_pipeline.upstream.twelve_data import SentCall


@dataclass(frozen=True)
class CallLog:
    """Keeps every call of one session's day. `minute_s`: how long the vendor's minute is, less than 60 in a sandbox."""

    lake: Lake
    market: str
    day: date
    minute_s: float = 60.0
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def record(self, call: "SentCall") -> None:
        """Store one call; its name holds the instant, so two runs never share a file."""
        at = datetime.fromtimestamp(call.at, UTC)
        body = {
            "at": at.isoformat(),
            "at_s": call.at,
            "minute_s": self.minute_s,
            "credits": call.credits,
            "status": call.status,
            "credits_used": call.credits_used,
            "credits_left": call.credits_left,
            "strangers": call.strangers,
            "symbols": list(call.symbols),
        }
        key = layout.validation_call_key(self.market, self.day, f"{at:%Y%m%dT%H%M%S.%f}", next(self._numbers))
        self.lake.write(key, json.dumps(body).encode())

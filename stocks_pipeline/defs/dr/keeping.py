"""What a run of reports keeps of its calls to the model: each raw answer, and a row for each call.

What belongs here: the answers and the ledger in the lake. What does not: when a call is made, kept and booked
(upstream/narrator.py).
"""

import json
import threading
from dataclasses import asdict, dataclass, field

from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import KeyMissing, Lake, LakeError
from stocks_pipeline.upstream.narrator_calls import LlmCall, unpack


@dataclass(frozen=True)
class KeptAnswers:
    """The raw answers of the model in the lake: what was paid for is not bought twice."""

    lake: Lake
    only_of: str | None = None
    """An execution that asks anew even what was answered before it; what it bought itself it finds, after a crash too.
    None: every answer counts."""
    stop: threading.Event = field(default_factory=threading.Event)
    """Set when an answer could not be kept: the next ones would be paid for and lost, too."""

    def get(self, key: str) -> bytes | None:
        """The answer kept under the key, None without one."""
        try:
            value = self.lake.read(layout.llm_answer_key(key)) or None
        except KeyMissing:
            return None
        if value and self.only_of is not None and _execution(value) != self.only_of:
            return None
        return value

    def put(self, key: str, value: bytes) -> None:
        """Keep it; durable on return."""
        try:
            self.lake.write(layout.llm_answer_key(key), value)
        except LakeError:
            self.stop.set()
            raise


@dataclass(frozen=True)
class Ledger:
    """One file a call to the model. The same call recorded twice is one file."""

    lake: Lake

    def record(self, row: LlmCall) -> None:
        """Store the row under the day it was sent on (UTC)."""
        fields = {**asdict(row), "started_at": row.started_at.isoformat()}
        cost = row.cost_usd
        fields["cost_usd"] = None if cost is None else format(cost, "f")
        self.lake.write(layout.llm_call_key(row.started_at.date(), row.call_id), json.dumps(fields).encode())


def _execution(value: bytes) -> str | None:
    """Whose call bought the answer; None where it does not say."""
    try:
        return unpack(value)[0].execution_id
    except (ValueError, KeyError, TypeError):
        return None

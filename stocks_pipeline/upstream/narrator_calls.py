"""What is kept of a model's calls: the row of the ledger, the raw answer, and what a caller gets of both.

What belongs here: these types and how a kept answer is packed. What does not: making calls (narrator.py) and where
ledger and answers are stored (the caller decides).
"""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from stocks_pipeline.upstream.narrator_answers import Reply, Usage


class AnswerStore(Protocol):
    """Where raw answers are kept: durable once `put` returns."""

    def get(self, key: str) -> bytes | None:
        """What was put last under the key; None where nothing was."""
        ...

    def put(self, key: str, value: bytes) -> None:
        """Keep it, instead of what was there."""
        ...


@dataclass(frozen=True, slots=True)
class LlmCall:
    """One request that was sent, as the ledger keeps it.

    `outcome` is `answered` or `failed`, `kind` the class of the failure. `cost_usd` None: not known, because no answer
    came back from a call that the vendor may have billed; the budget counts its worst case.
    """

    call_id: str
    execution_id: str
    subject: str
    model: str
    started_at: datetime
    seconds: float
    prompt_tokens: int | None
    completion_tokens: int | None
    cost_usd: Decimal | None
    outcome: str
    kind: str | None


@dataclass(frozen=True)
class Answer:
    """What the model wrote, of whatever shape. `reused`: it was paid for by an earlier call, whose ids, cost and
    seconds these are. `cut`: it is not the whole, since it was to become longer than it may.
    """

    content: Any
    model: str
    usage: Usage | None
    cost_usd: Decimal | None
    seconds: float
    call_id: str
    key: str
    reused: bool = False
    cut: bool = False

    @classmethod
    def of(cls, content: Any, reply: Reply, row: LlmCall, key: str, *, reused: bool = False) -> "Answer":
        """What a call brought, or the earlier one of `row`."""
        return cls(content, reply.model, reply.usage, row.cost_usd, row.seconds, row.call_id, key, reused, reply.cut)


def pack(row: LlmCall, body: bytes) -> bytes:
    """A raw answer with the row of the call that bought it."""
    fields = asdict(row) | {
        "started_at": row.started_at.isoformat(),
        "cost_usd": None if row.cost_usd is None else str(row.cost_usd),
    }
    return json.dumps({"call": fields, "body": body.decode("utf-8", "surrogateescape")}).encode()


def unpack(value: bytes) -> tuple[LlmCall, bytes]:
    """What `pack` made. Raises ValueError, KeyError or TypeError where it did not make it."""
    found = json.loads(value)
    fields = dict(found["call"])
    fields["started_at"] = datetime.fromisoformat(fields["started_at"])
    fields["cost_usd"] = None if fields["cost_usd"] is None else Decimal(fields["cost_usd"])
    return LlmCall(**fields), str(found["body"]).encode("utf-8", "surrogateescape")

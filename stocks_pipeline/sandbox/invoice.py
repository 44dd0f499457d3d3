"""What the sandbox's model would have charged: one line for every answer that was written.

What belongs here: the lines, their sums and their prices. What does not: what an answer says (chat_writer.py). A
refused call and a client that hung up before the answer was there are not billed; an answer that stops in the middle
or declines is. So the invoice equals a caller's own ledger exactly where no paid call was lost or repeated.
"""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

_MILLION = Decimal(1_000_000)
_PRICES: Mapping[str, tuple[Decimal, Decimal]] = {
    "openai/gpt-4o": (Decimal("2.50"), Decimal("10.00")),
    "openai/gpt-4o-mini": (Decimal("0.15"), Decimal("0.60")),
}
_OTHERS = _PRICES["openai/gpt-4o"]
_KEPT = 10_000


@dataclass(frozen=True)
class Line:
    """One answer. `cost_usd` is a decimal text; `time` unix seconds."""

    id: str
    time: float
    subject: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    cost_usd: str


def price(model: str, prompt_tokens: int, completion_tokens: int) -> Decimal:
    """US dollars, by the million tokens; unlisted models cost what openai/gpt-4o does."""
    per_prompt, per_completion = _PRICES.get(model, _OTHERS)
    return (per_prompt * prompt_tokens + per_completion * completion_tokens) / _MILLION


class Invoice:
    """All lines since the last reset; sums also of those that are no longer kept. Used from one event loop only."""

    def __init__(self) -> None:
        self._lines: deque[Line] = deque(maxlen=_KEPT)
        self.reset()

    def reset(self) -> None:
        self._lines.clear()
        self.calls = 0
        self.cost = Decimal(0)
        self._tokens: Counter[str] = Counter()
        self._by_subject: Counter[str] = Counter()

    def bill(self, line: Line) -> None:
        """Add one answer."""
        self._lines.append(line)
        self.calls += 1
        self.cost += Decimal(line.cost_usd)
        self._tokens.update(prompt=line.prompt_tokens, completion=line.completion_tokens)
        self._by_subject[line.subject] += 1

    def to_json(self) -> dict[str, Any]:
        """`cost_usd` as a decimal text, `calls_by_subject`, and the newest `lines`, oldest first."""
        return {
            "calls": self.calls,
            "prompt_tokens": self._tokens["prompt"],
            "completion_tokens": self._tokens["completion"],
            "cost_usd": str(self.cost),
            "calls_by_subject": dict(self._by_subject),
            "lines": [asdict(line) for line in self._lines],
        }

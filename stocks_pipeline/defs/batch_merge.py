"""What a batch becomes when answers come: which rows and outcomes stay, which are replaced, what may still change.

What belongs here: that rule, on values alone. What does not: asking (fetching.py) and the file (batch_file.py).

A symbol's stored rows are replaced by an answer with bars and by nothing else. A refetch that fails, or that brings
nothing, leaves them and says so in the outcome, which then is "ok" with a `kind`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stocks_pipeline.defs.batch_file import BatchState
from stocks_pipeline.domain.prices import SymbolOutcome
from stocks_pipeline.domain.schemas import PRICES
from stocks_pipeline.upstream.failures import FailureKind

EMPTY = "no_bars"
"""The kind of an outcome whose rows are stored while the vendor's newest answer held none."""

Answer = tuple[Any | None, SymbolOutcome]
"""What came for one symbol: its price rows, None when it failed, and its outcome."""


@dataclass(frozen=True)
class Answers:
    """What one run was told about symbols of one batch."""

    given: Sequence[Answer]
    day: date
    lookback_days: int
    """Calendar days before `day` that were asked for."""
    provisional: bool
    """They came before the session's bar had settled."""

    def onto(self, before: BatchState | None) -> BatchState:
        """The batch as it will be stored: what was answered now, and beside it what was there."""
        known = before.outcomes if before else {}
        held = _held(before.table) if before else {}
        now = {o.symbol: o for _, o in self.given}
        outcomes = {**known, **{s: _beside(o, held.get(s, 0)) for s, o in now.items()}}
        reach = self.lookback_days
        if before is not None and known.keys() - now.keys():  # the file promises what the poorest of its symbols has
            reach = min(reach, before.lookback_days) if now else before.lookback_days
        unsettled = {s for s in before.unsettled if s not in now} if before else set()
        unsettled |= {s for s, o in now.items() if self._unsettled(o, outcomes[s], before)}
        return BatchState(self._rows(before, now), outcomes, frozenset(unsettled), reach)

    def _unsettled(self, answer: SymbolOutcome, outcome: SymbolOutcome, before: BatchState | None) -> bool:
        """Whether the symbol's newest bar may still change.

        One that is refused for good is not: nothing would ever settle it. Its outcome tells what its rows are.
        """
        was = before is not None and answer.symbol in before.unsettled
        if answer.status == "failed":
            return was and outcome.status == "ok" and answer.kind != FailureKind.PERMANENT
        return self.provisional or (was and outcome.kind == EMPTY)

    def _rows(self, before: BatchState | None, now: Mapping[str, SymbolOutcome]) -> Any:
        """Fresh rows, and the stored ones that no answer replaces: other symbols', and those before the window.

        Those before the window are there when another run asked for more history while this one was asking.
        """
        parts = [table for table, _ in self.given if table is not None]
        if before is not None:
            answered = pa.array(sorted(s for s, o in now.items() if o.status == "ok"), pa.string())
            start = pa.scalar(self.day - timedelta(days=self.lookback_days), pa.date32())
            stored = before.table
            other = pc.invert(pc.is_in(stored.column("symbol"), answered))
            parts.append(stored.filter(pc.or_(other, pc.less(stored.column("session"), start))))
        return pa.concat_tables(parts) if parts else PRICES.empty_table()


def _held(table: Any) -> dict[str, int]:
    """Symbol -> how many rows of it are stored."""
    return {entry["values"]: entry["counts"] for entry in pc.value_counts(table.column("symbol")).to_pylist()}


def _beside(answer: SymbolOutcome, held: int) -> SymbolOutcome:
    """The outcome of a symbol of which `held` rows are stored: without bars in the answer, they stay and it is told."""
    if answer.status == "ok" or not held:
        return answer
    if answer.status == "failed":
        kind, message = answer.kind, f"refresh failed: {answer.message}"
    else:
        kind, message = EMPTY, "refresh brought no bars; the stored ones stay"
    return SymbolOutcome(answer.symbol, "ok", kind, message, answer.attempts, held)

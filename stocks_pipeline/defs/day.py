"""A day of one market as one table: what is merged, what is missing, and what that means.

What belongs here: gathering the stored batches of a day and storing their merge, free of Dagster events. What does
not: the merge rule itself (domain/prices.py) and reading a day back (storage/reader.py).
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from stocks_pipeline.domain.calendars import Calendar, UnknownSession
from stocks_pipeline.domain.symbols import BatchPlan
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import Lake
from stocks_pipeline.upstream.failures import RETRYABLE, FailureKind, UpstreamError

if TYPE_CHECKING:
    from stocks_pipeline.domain.prices import Finding, SymbolOutcome
    from stocks_pipeline.storage.tables import Stored

COMPLETE = "stocks.complete"
MISSING = "stocks.missing_batches"
PROVISIONAL = "stocks.provisional"
COMPARED_DAYS = 10
"""Calendar days; a close stored longer ago says little about the scale of today's."""


@dataclass(frozen=True)
class DayTable:
    """The merged day and how whole it is."""

    day: date
    table: Any
    stored: "Stored"
    outcomes: "tuple[SymbolOutcome, ...]"
    """Of every planned symbol; those of a missing batch failed with that reason."""
    planned: int
    missing: tuple[int, ...]
    duplicates: int
    unsettled: tuple[str, ...] = ()
    """Symbols whose bar was fetched before the close had settled."""

    @property
    def provisional(self) -> bool:
        """Some of its bars may have changed since."""
        return bool(self.unsettled)

    @property
    def batches(self) -> int:
        return self.planned - len(self.missing)

    @property
    def pending(self) -> list[str]:
        """Symbols that another run may still bring."""
        return pending(self.outcomes)

    @property
    def complete(self) -> bool:
        """No batch is missing, no symbol is left that a retry could bring, and every bar is final."""
        return not self.missing and not self.pending and not self.provisional

    def failed_by_class(self) -> dict[str, int]:
        """How many symbols failed, by class."""
        return dict(Counter(o.kind or "" for o in self.outcomes if o.status == "failed"))

    def completeness(self) -> "Finding":
        """The finding behind the check `day_complete`: an error for a missing batch, else a warning."""
        from stocks_pipeline.domain.prices import Finding

        absent = ", ".join(map(str, self.missing))
        if self.missing:
            summary = f"{len(self.missing)} of {self.planned} batches are missing: {absent}."
        elif self.pending:
            summary = f"All {self.planned} batches are merged; {len(self.pending)} symbols can be had by a retry."
        elif self.unsettled:
            summary = f"All {self.planned} batches are merged."
        else:
            summary = f"All {self.planned} batches are merged and every symbol was answered."
        if self.unsettled:
            summary += f" {len(self.unsettled)} symbols were fetched before the close had settled."
        return Finding(
            rule="day_complete",
            passed=self.complete,
            severity="error" if self.missing else "warn",
            summary=summary,
            evidence={
                "batches": self.planned,
                "missing": len(self.missing),
                "symbols_pending": len(self.pending),
                "symbols_provisional": len(self.unsettled),
            },
            rows=tuple({"symbol": symbol} for symbol in (*self.pending, *self.unsettled)[:20]),
        )


def merge_day(lake: Lake, market: str, day: date) -> DayTable:
    """Merge the stored batches of `day` and store the day's table.

    Raises:
        UpstreamError: the day was never split, or has batches and none is stored (permanent: nothing to merge).
    """
    from stocks_pipeline.defs.batch_file import BatchState, load_batch
    from stocks_pipeline.domain.prices import merge_batches
    from stocks_pipeline.domain.schemas import PRICES
    from stocks_pipeline.storage.tables import write_table

    key = layout.batches_key(market, day)
    if not lake.exists(key):
        raise UpstreamError(FailureKind.PERMANENT, market, str(day), "the day was never split into batches")
    plan = BatchPlan.from_json(lake.read(key))
    states: dict[int, BatchState] = {}
    for batch in plan.batches:
        state = load_batch(lake, layout.raw_key(market, day, batch.batch_number), set(batch.symbols))
        if state is not None:
            states[batch.batch_number] = state
    if plan.batches and not states:
        raise UpstreamError(FailureKind.PERMANENT, market, str(day), "no batch of the day is stored: nothing to merge")
    merged = merge_batches([(number, state.table) for number, state in states.items()], session=day)
    missing = tuple(b.batch_number for b in plan.batches if b.batch_number not in states)
    outcomes = _outcomes(plan, states)
    table = merged.table if states else PRICES.empty_table()
    unsettled = tuple(sorted(symbol for state in states.values() for symbol in state.unsettled))
    metadata = {
        COMPLETE: "false" if missing or pending(outcomes) or unsettled else "true",
        PROVISIONAL: "true" if unsettled else "false",
        MISSING: ",".join(map(str, missing)),
    }
    stored = write_table(lake, layout.daily_key(market, day), table, PRICES, metadata=metadata)
    return DayTable(day, table, stored, outcomes, len(plan.batches), missing, merged.duplicates, unsettled)


def pending(outcomes: "Iterable[SymbolOutcome]") -> list[str]:
    """Symbols that another run may still bring. One that the vendor does not know is not: nobody can bring it."""
    passing = {kind.value for kind in (*RETRYABLE, FailureKind.QUOTA_DAY)}
    return [o.symbol for o in outcomes if o.status == "failed" and o.kind in passing]


def _outcomes(plan: BatchPlan, states: "dict[int, Any]") -> "tuple[SymbolOutcome, ...]":
    """Every planned symbol's outcome; a symbol nobody asked for yet is pending."""
    from stocks_pipeline.domain.prices import SymbolOutcome

    found: list[SymbolOutcome] = []
    for batch in plan.batches:
        state = states.get(batch.batch_number)
        known = state.outcomes if state else {}
        why = "not asked for yet" if state else f"batch {batch.batch_number} is missing"
        found.extend(
            known.get(s) or SymbolOutcome(s, "failed", FailureKind.TRANSIENT.value, why, 0, 0) for s in batch.symbols
        )
    return tuple(found)


def previous_day(lake: Lake, market: str, day: date, known: Calendar) -> date | None:
    """The newest stored day before `day` whose closes can be held against its own, or None.

    It is of the session before or at most `COMPARED_DAYS` calendar days older: after a gap of months most steps are
    news, not mistakes.
    """
    earlier = [d for d in map(layout.parse_daily_key, lake.list(layout.daily_prefix(market))) if d < day]
    newest = max(earlier, default=None)
    if newest is None or day - newest <= timedelta(days=COMPARED_DAYS):
        return newest
    try:
        return newest if newest == known.previous_session(day) else None
    except UnknownSession:
        return None


def stored_day(lake: Lake, market: str, day: date) -> Any:
    """The stored table of a day. Raises as `read_table` does."""
    from stocks_pipeline.domain.schemas import PRICES
    from stocks_pipeline.storage.tables import read_table

    return read_table(lake, layout.daily_key(market, day), PRICES)

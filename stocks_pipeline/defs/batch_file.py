"""What one stored batch knows: its rows, and in the file's metadata what became of each symbol.

What belongs here: reading and writing that one file. What does not: deciding what to fetch (fetching.py). Because the
outcomes travel with the rows, the next run knows without asking anyone: a symbol that was answered is not asked
again, one that timed out is.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stocks_pipeline.domain.prices import SymbolOutcome
from stocks_pipeline.domain.schemas import PRICES
from stocks_pipeline.storage.lake import KeyMissing, Lake
from stocks_pipeline.storage.tables import Stored, read_stored, write_table
from stocks_pipeline.upstream.failures import RETRYABLE, FailureKind

OUTCOMES = "stocks.outcomes"
PROVISIONAL = "stocks.provisional"
UNSETTLED = "stocks.provisional_symbols"
LOOKBACK = "stocks.lookback_days"


@dataclass(frozen=True)
class BatchState:
    """A stored batch: its rows and what became of each symbol."""

    table: Any
    outcomes: Mapping[str, SymbolOutcome]
    unsettled: frozenset[str] = frozenset()
    """Symbols whose newest bar was fetched before the close had settled, and may have changed since."""
    lookback_days: int = 0
    file: Stored | None = None
    """What was read, when it was read."""
    left: bool = False
    """The file holds symbols that left the batch: it has to be written anew."""

    @property
    def provisional(self) -> bool:
        """Some bar may have changed since."""
        return bool(self.unsettled)

    def settled(self, lookback_days: int) -> set[str]:
        """Symbols that need no further call: answered, or refused for good.

        One whose refresh failed for a passing reason is not, although it has rows.
        """
        if self.lookback_days < lookback_days:
            return set()
        passing = {*RETRYABLE, FailureKind.QUOTA_DAY}
        return {s for s, o in self.outcomes.items() if o.kind not in passing and s not in self.unsettled}

    def lacking(self, day: date) -> set[str]:
        """Symbols that were answered without a bar of `day`: the vendor was late, or they were not traded."""
        there = self.table.filter(pc.equal(self.table.column("session"), pa.scalar(day, pa.date32())))
        answered = {s for s, o in self.outcomes.items() if o.status != "failed"}
        return answered.difference(there.column("symbol").to_pylist())

    @property
    def ordered(self) -> tuple[SymbolOutcome, ...]:
        """The outcomes by symbol."""
        return tuple(self.outcomes[s] for s in sorted(self.outcomes))


def load_batch(lake: Lake, key: str, members: Collection[str]) -> BatchState | None:
    """The stored batch, or None. Symbols that left the batch when the day was split anew are left out, rows and all."""
    try:
        table, metadata, file = read_stored(lake, key, PRICES)
    except KeyMissing:
        return None
    found = {o.symbol: o for o in (SymbolOutcome(**o) for o in json.loads(metadata.get(OUTCOMES, "[]")))}
    own = table.filter(pc.is_in(table.column("symbol"), pa.array(sorted(members), pa.string())))
    outcomes = {s: o for s, o in found.items() if s in members}
    return BatchState(
        own,
        outcomes,
        _unsettled(metadata, outcomes),
        lookback_days=int(metadata.get(LOOKBACK, "0")),
        file=file,
        left=len(own) < len(table) or len(outcomes) < len(found),
    )


def _unsettled(metadata: Mapping[str, str], outcomes: Mapping[str, SymbolOutcome]) -> frozenset[str]:
    """The provisional symbols; files of before they were named are provisional as a whole."""
    if metadata.get(PROVISIONAL) != "true":
        return frozenset()
    named = metadata.get(UNSETTLED)
    symbols = {s for s, o in outcomes.items() if o.status != "failed"}
    return frozenset(symbols if named is None else symbols.intersection(json.loads(named)))


def store_batch(lake: Lake, key: str, state: BatchState) -> Stored:
    """Write the batch whole; the same content leaves the file untouched."""
    metadata = {
        OUTCOMES: json.dumps([asdict(o) for o in state.ordered], ensure_ascii=False),
        PROVISIONAL: "true" if state.provisional else "false",
        LOOKBACK: str(state.lookback_days),
    }
    if state.unsettled:
        metadata[UNSETTLED] = json.dumps(sorted(state.unsettled), ensure_ascii=False)
    table = state.table.sort_by([("symbol", "ascending"), ("session", "ascending")])
    return write_table(lake, key, table, PRICES, metadata=metadata)

"""What one stored batch knows: its rows, and in the file's metadata what became of each symbol.

What belongs here: reading and writing that one file. What does not: deciding what to fetch (fetching.py). Because the
outcomes travel with the rows, the next run knows without asking anyone: a symbol that was answered is not asked
again, one that timed out is.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stocks_pipeline.domain.prices import SymbolOutcome
from stocks_pipeline.domain.schemas import PRICES
from stocks_pipeline.storage.lake import Lake
from stocks_pipeline.storage.tables import Stored, read_metadata, read_table, write_table
from stocks_pipeline.upstream.failures import RETRYABLE, FailureKind

OUTCOMES = "stocks.outcomes"
PROVISIONAL = "stocks.provisional"
LOOKBACK = "stocks.lookback_days"


@dataclass(frozen=True)
class BatchState:
    """A stored batch: its rows and what became of each symbol."""

    table: Any
    outcomes: Mapping[str, SymbolOutcome]
    provisional: bool = False
    lookback_days: int = 0

    def settled(self, lookback_days: int) -> set[str]:
        """Symbols that need no further call: answered, or refused for good."""
        if self.provisional or self.lookback_days < lookback_days:
            return set()
        return {s for s, o in self.outcomes.items() if o.kind not in RETRYABLE and o.kind != FailureKind.QUOTA_DAY}

    @property
    def ordered(self) -> tuple[SymbolOutcome, ...]:
        """The outcomes by symbol."""
        return tuple(self.outcomes[s] for s in sorted(self.outcomes))


def load_batch(lake: Lake, key: str, members: Collection[str]) -> BatchState | None:
    """The stored batch, or None. Symbols that left the batch when the day was split anew are left out, rows and all."""
    if not lake.exists(key):
        return None
    metadata = read_metadata(lake, key)
    found = [SymbolOutcome(**o) for o in json.loads(metadata.get(OUTCOMES, "[]"))]
    table = read_table(lake, key, PRICES)
    return BatchState(
        table.filter(pc.is_in(table.column("symbol"), pa.array(sorted(members), pa.string()))),
        {o.symbol: o for o in found if o.symbol in members},
        provisional=metadata.get(PROVISIONAL) == "true",
        lookback_days=int(metadata.get(LOOKBACK, "0")),
    )


def store_batch(lake: Lake, key: str, state: BatchState) -> Stored:
    """Write the batch whole; the same content leaves the file untouched."""
    metadata = {
        OUTCOMES: json.dumps([asdict(o) for o in state.ordered], ensure_ascii=False),
        PROVISIONAL: "true" if state.provisional else "false",
        LOOKBACK: str(state.lookback_days),
    }
    table = state.table.sort_by([("symbol", "ascending"), ("session", "ascending")])
    return write_table(lake, key, table, PRICES, metadata=metadata)

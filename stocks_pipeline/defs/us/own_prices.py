"""Our side of a validation: the bars that are compared, what they are known by, and which of them are still to come.

What belongs here: `OwnPrices`, read once for one session. What does not: the other vendor's side and the verdict
(checking.py).

A verdict is about the rows it compared. So it is kept with their version, and once other rows are stored it is none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stocks_pipeline.defs.batch_file import load_batch
from stocks_pipeline.defs.day import pending
from stocks_pipeline.defs.listing import stored_plan
from stocks_pipeline.domain.schemas import PRICES
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.answers import NoPrices
from stocks_pipeline.storage.lake import Lake
from stocks_pipeline.storage.reader import PriceReader
from stocks_pipeline.storage.tables import data_version

_NOT_COMPARED = ("fetched_at", "source", "batch_number")


@dataclass(frozen=True)
class OwnPrices:
    """The stored bars of a market from `first` to `day`, as known on the day."""

    lake: Lake
    market: str
    first: date
    day: date

    def bars(self, symbol: str) -> Any | None:
        """A PRICES table of the symbol's bars, oldest first; None where nothing of any symbol is stored."""
        if self._table is None:
            return None
        return self._table.filter(pc.equal(self._table.column("symbol"), pa.scalar(symbol)))

    def version(self, symbol: str) -> str:
        """Sixteen hex digits that depend on the symbol's prices and on nothing else."""
        bars = self.bars(symbol)
        return "" if bars is None else data_version(bars, volatile=_NOT_COMPARED)[:16]

    def awaited(self, symbol: str) -> str | None:
        """Why the symbol's bar of the day may still come: its fetch failed for a passing reason, or was never made.

        None where the bar is there, or where nobody can bring it.
        """
        bars = self.bars(symbol)
        if bars is not None and pc.any(pc.equal(bars.column("session"), pa.scalar(self.day, pa.date32()))).as_py():
            return None
        why = self._to_come.get(symbol)
        return why and f"our own price for {self.day} has not arrived yet: {why}"

    @cached_property
    def _table(self) -> Any | None:
        reader = PriceReader(self.lake, self.market)
        try:
            found = reader.load_date_range(self.first, self.day, as_of=self.day, arrow=True)
        except NoPrices:
            return None
        return found.select(PRICES.names)

    @cached_property
    def _to_come(self) -> Mapping[str, str]:
        """Symbols that another fetch may bring, each with what came between, and the command that fetches it."""
        heal = f"fetch it with: stocks retry {self.market}/raw_prices --date {self.day}"
        plan, found = stored_plan(self.lake, self.market, self.day), dict[str, str]()
        for batch in plan.batches if plan else ():
            state = load_batch(self.lake, layout.raw_key(self.market, self.day, batch.batch_number), batch.symbols)
            if state is None:
                found |= dict.fromkeys(batch.symbols, f"batch {batch.batch_number} is missing; {heal}")
            elif state.outcomes:  # a file without any cannot tell
                failed = {symbol: state.outcomes[symbol].message for symbol in pending(state.outcomes.values())}
                absent = [symbol for symbol in batch.symbols if symbol not in state.outcomes]
                why = failed | dict.fromkeys(absent, "not asked for yet")
                found |= {symbol: f"{said}; {heal} --pending" for symbol, said in why.items()}
        return found

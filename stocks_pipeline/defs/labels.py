"""From the bars of one answer to price rows: the columns that only the caller knows, added.

What belongs here: that one step, the same for every market and for the tickers. What does not: columns (schemas.py).
"""

from datetime import datetime
from typing import Any

import pyarrow as pa

from stocks_pipeline.domain.schemas import PRICES
from stocks_pipeline.upstream.yahoo_bars import Bars


def label(bars: Bars, *, symbol: str, batch: int | None, source: str, at: datetime) -> Any:
    """The bars as rows of PRICES: `symbol` is our own name for it, `batch` its number or None, `at` aware."""
    n = bars.table.num_rows
    columns = {name: bars.table.column(name) for name in bars.table.column_names}
    columns |= {
        "symbol": pa.repeat(symbol, n),
        "currency": pa.repeat(pa.scalar(bars.currency, pa.string()), n),
        "source": pa.repeat(source, n),
        "fetched_at": pa.repeat(pa.scalar(at, pa.timestamp("us", tz="UTC")), n),
        "batch_number": pa.repeat(pa.scalar(batch, pa.int32()), n),
    }
    return pa.table([columns[name] for name in PRICES.names], schema=PRICES)

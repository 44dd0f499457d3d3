"""Price tables for unit tests: a few bars by hand, and real bars from the shared data where they are at hand."""

import os
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import stocks_pipeline
from stocks_pipeline.domain.schemas import PRICES

FETCHED = datetime(2026, 1, 6, tzinfo=UTC)
MONDAY = date(2025, 12, 1)


def row(symbol: str, session: date, close: float | None = 10.0, **fields: Any) -> dict[str, Any]:
    """One healthy bar around its close; `fields` replace columns."""
    price = 10.0 if close is None else close
    healthy = {
        "symbol": symbol,
        "session": session,
        "open": price,
        "high": price * 1.01,
        "low": price * 0.99,
        "close": close,
        "adj_close": price,
        "volume": 1_000,
        "dividend": 0.0,
        "split": 0.0,
        "currency": "AUD",
        "source": "yahoo",
        "fetched_at": FETCHED,
        "batch_number": 0,
    }
    return healthy | fields


def table(rows: Iterable[dict[str, Any]]) -> Any:
    """The rows as a PRICES table."""
    return pa.Table.from_pylist(list(rows), schema=PRICES)


def week(symbols: Iterable[str], days: int = 5, close: float = 10.0) -> list[dict[str, Any]]:
    """Healthy bars of each symbol from Monday 2025-12-01 on."""
    return [row(symbol, MONDAY + timedelta(days=n), close) for symbol in symbols for n in range(days)]


def replay(name: str, first: date, last: date, *, skip: int = 0, limit: int | None = None) -> list[dict[str, Any]]:
    """Real bars of the shared data (yahoo_asx, yahoo_us, yahoo_dr) as rows, optionally of `limit` symbols after `skip`.

    Skips the test, with the reason, where the data is absent.
    """
    beside = Path(stocks_pipeline.__file__).resolve().parents[1].parent / "shared" / "data"
    path = Path(os.environ.get("STOCKS_SHARED_DATA", beside)) / "replay" / f"{name}.parquet"
    if not path.exists():
        pytest.skip("no shared data here")
    bars = pq.read_table(path, filters=[("date", ">=", first), ("date", "<=", last)])
    if limit is not None:
        symbols = pa.array(sorted(set(bars["symbol"].to_pylist()))[skip : skip + limit])
        bars = bars.filter(pc.is_in(bars["symbol"], symbols))
    renamed = {"date": "session", "dividends": "dividend", "splits": "split"}
    bars = bars.rename_columns([renamed.get(column, column) for column in bars.column_names])
    rest = {"currency": None, "source": "yahoo", "fetched_at": FETCHED, "batch_number": 0}
    return [bar | rest for bar in bars.to_pylist()]

"""Price files as the pipeline leaves them in a lake, small enough to write by hand: for tests of readers and views."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa

from stocks_pipeline.domain.schemas import PRICES
from stocks_pipeline.domain.symbols import BatchPlan
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import Lake
from stocks_pipeline.storage.tables import write_table

Bars = Mapping[str, Mapping[date, float]]
"""Closes by symbol and session."""


def table(bars: Bars, batch: int | None) -> Any:
    """The bars as a table of PRICES."""
    common = {"dividend": 0.0, "split": 0.0, "currency": "AUD", "source": "test", "batch_number": batch}
    at = datetime(2026, 11, 20, 6, tzinfo=UTC)
    rows = [
        common | {"symbol": symbol, "session": session, "close": close, "fetched_at": at}
        for symbol, closes in bars.items()
        for session, close in closes.items()
    ]
    return pa.Table.from_pylist(rows, schema=PRICES)


def put_raw(lake: Lake, day: date, batch: int | None, bars: Bars, outcomes: Sequence[Mapping[str, Any]] = ()) -> None:
    """One raw file; batch None is the old layout, which has no column of batch numbers."""
    rows, schema = table(bars, batch), PRICES
    if batch is None:
        rows, schema = rows.drop_columns(["batch_number"]), pa.schema([f for f in PRICES if f.name != "batch_number"])
    metadata = {"stocks.outcomes": json.dumps(list(outcomes))}
    write_table(lake, layout.raw_key("asx", day, batch), rows, schema, metadata=metadata)


def put_daily(lake: Lake, day: date, bars: Bars, metadata: Mapping[str, str] | None = None) -> None:
    """One merged file."""
    write_table(lake, layout.daily_key("asx", day), table(bars, 0), PRICES, metadata=metadata or {})


def put_plan(lake: Lake, day: date, symbols: Sequence[str], size: int) -> None:
    """The pinned plan of a day."""
    lake.write(layout.batches_key("asx", day), BatchPlan.of(symbols, size).to_json())

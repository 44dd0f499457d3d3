"""The data dictionary of the warehouse: its views, their columns, types and meaning.

What belongs here: one schema a view, descriptions on every field. What does not: price columns, which come from
domain/schemas.py, and the SQL (views.sql). A test compares both.
"""

from typing import Any, Final

import pyarrow as pa

from stocks_pipeline.domain.schemas import PRICES


def _field(name: str, kind: Any, text: str) -> Any:
    return pa.field(name, kind, metadata={"description": text})


_MARKET: Final = _field("market", pa.string(), "asx or us")
_AS_OF: Final = _field("as_of", pa.date32(), "Partition date of the file: what was known on that day")

VIEWS: Final[dict[str, Any]] = {
    "raw_prices": pa.schema([_MARKET, _AS_OF, *PRICES]),
    "daily_prices": pa.schema([_MARKET, *PRICES]),
    "symbols": pa.schema(
        [
            _MARKET,
            _AS_OF,
            _field("symbol", pa.string(), "The exchange's own code, without a vendor's suffix"),
            _field("name", pa.string(), "Name of the company as listed"),
            _field("industry", pa.string(), "GICS industry group; missing where the listing gave none"),
            _field("listed_on", pa.date32(), "Day of listing; missing where the listing gave none"),
            _field("market_cap", pa.int64(), "Market capitalisation in AUD; missing where the listing gave none"),
        ]
    ),
    "symbol_batches": pa.schema(
        [
            _MARKET,
            _AS_OF,
            _field("batch_number", pa.int32(), "Number of the batch, counted from 0"),
            _field("symbol_count", pa.int64(), "Symbols planned for the batch"),
            _field("symbols", pa.list_(pa.string()), "The symbols, as pinned for that day"),
        ]
    ),
    "symbol_outcomes": pa.schema(
        [
            _MARKET,
            _AS_OF,
            _field("batch_number", pa.int32(), "Batch that asked for the symbol; missing in the old one-file layout"),
            _field("symbol", pa.string(), "The exchange's own code"),
            _field("status", pa.string(), "ok, no_bars or failed"),
            _field(
                "kind", pa.string(), "Class of the failure (rate, transient, permanent, …); missing where it worked"
            ),
            _field("message", pa.string(), "What the vendor said, without secrets; empty where it worked"),
            _field("attempts", pa.int32(), "Requests sent for the symbol"),
            _field("rows", pa.int64(), "Bars stored"),
        ]
    ),
}
"""Views in the order of views.sql."""

_SQL_TYPES: Final = {
    pa.string(): "VARCHAR",
    pa.date32(): "DATE",
    pa.float64(): "DOUBLE",
    pa.int64(): "BIGINT",
    pa.int32(): "INTEGER",
    pa.binary(): "BLOB",
    pa.list_(pa.string()): "VARCHAR[]",
    pa.timestamp("us", tz="UTC"): "TIMESTAMP WITH TIME ZONE",
}


def sql_type(kind: Any) -> str:
    """DuckDB's name for an Arrow type. Raises KeyError for one that no view uses."""
    return _SQL_TYPES[kind]


def describe() -> list[tuple[str, str, str, str]]:
    """Every column of every view: (view, column, SQL type, description)."""
    return [
        (view, field.name, sql_type(field.type), field.metadata[b"description"].decode())
        for view, schema in VIEWS.items()
        for field in schema
    ]

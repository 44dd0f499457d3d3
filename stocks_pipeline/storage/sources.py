"""The relations below the warehouse's views: which files, and as what DuckDB reads them.

What belongs here: for each kind of file its keys, its columns, the SQL that reads it in place, and the same rows read
whole. What does not: the views (views.sql), running queries (warehouse.py).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from stocks_pipeline.domain.schemas import PRICES
from stocks_pipeline.domain.symbols import companies_from_csv
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.dictionary import sql_type
from stocks_pipeline.storage.lake import Lake
from stocks_pipeline.storage.scan import padded, quoted
from stocks_pipeline.storage.tables import read_table

_ADDRESS: Final = pa.field("filename", pa.string())
_SYMBOLS: Final = pa.schema(
    [
        ("code", pa.string()),
        ("name", pa.string()),
        ("industry", pa.string()),
        ("listed_on", pa.date32()),
        ("market_cap", pa.int64()),
        _ADDRESS,
    ]
)
_TEXTS: Final = pa.schema([("content", pa.string()), _ADDRESS])
_FOOTERS: Final = pa.schema([("key", pa.binary()), ("value", pa.binary()), ("file_name", pa.string())])
_PRICES: Final = pa.schema([*PRICES, _ADDRESS])


@dataclass(frozen=True)
class Source:
    """One relation of schema `lake`, and the view that stands on it."""

    name: str
    view: str
    schema: Any
    prefix: Callable[[str], str]
    is_mine: Callable[[str], bool]
    in_place: str
    """DuckDB's table function; `{}` stands for the list of files."""
    whole: Callable[[Lake, str], Any]
    """The rows of one key, read with one open, as a table of the schema."""

    def empty_sql(self) -> str:
        """A SELECT of no rows with the right columns."""
        columns = ", ".join(f'CAST(NULL AS {sql_type(f.type)}) AS "{f.name}"' for f in self.schema)
        return f"SELECT {columns} WHERE false"

    def files_sql(self, addresses: Sequence[str]) -> str:
        """A SELECT of the files' rows; columns that none of them has are null."""
        if not addresses:
            return self.empty_sql()
        files = self.in_place.format("[" + ",".join(quoted(a) for a in addresses) + "]")
        columns = ", ".join(f'CAST("{f.name}" AS {sql_type(f.type)}) AS "{f.name}"' for f in self.schema)
        return f"SELECT {columns} FROM ({self.empty_sql()} UNION ALL BY NAME SELECT * FROM {files})"  # noqa: S608 - quoted


def _parses(parse: Callable[[str], object]) -> Callable[[str], bool]:
    def is_mine(key: str) -> bool:
        try:
            parse(key)
        except ValueError:
            return False
        return True

    return is_mine


def _rows(schema: Any, rows: list[dict[str, Any]]) -> Any:
    return pa.Table.from_pylist(rows, schema=schema)


def _whole_prices(lake: Lake, key: str) -> Any:
    return padded(read_table(lake, key), PRICES, lake.uri(key)).cast(_PRICES)


def _whole_text(lake: Lake, key: str) -> Any:
    return _rows(_TEXTS, [{"content": lake.read(key).decode(), "filename": lake.uri(key)}])


def _whole_symbols(lake: Lake, key: str) -> Any:
    companies = companies_from_csv(lake.read(key))
    return _rows(_SYMBOLS, [{**vars(company), "filename": lake.uri(key)} for company in companies])


def _whole_footer(lake: Lake, key: str) -> Any:
    metadata = pq.ParquetFile(pa.BufferReader(lake.read(key))).metadata.metadata or {}
    return _rows(_FOOTERS, [{"key": k, "value": v, "file_name": lake.uri(key)} for k, v in metadata.items()])


_PARQUET: Final = "read_parquet({}, union_by_name = true, filename = true)"
_CSV: Final = (
    "read_csv({}, header = true, filename = true, auto_detect = false, delim = ',', quote = '\"', escape = '\"', "
    "columns = {{'code': 'VARCHAR', 'name': 'VARCHAR', 'industry': 'VARCHAR', 'listed_on': 'DATE', "
    "'market_cap': 'BIGINT'}})"
)
_is_raw: Final = _parses(layout.parse_raw_key)

SOURCES: Final = (
    Source("raw_files", "raw_prices", _PRICES, layout.raw_prefix, _is_raw, _PARQUET, _whole_prices),
    Source(
        "daily_files",
        "daily_prices",
        _PRICES,
        layout.daily_prefix,
        _parses(layout.parse_daily_key),
        _PARQUET,
        _whole_prices,
    ),
    Source(
        "symbol_files",
        "symbols",
        _SYMBOLS,
        layout.symbols_prefix,
        _parses(layout.parse_symbols_key),
        _CSV,
        _whole_symbols,
    ),
    Source(
        "batch_files",
        "symbol_batches",
        _TEXTS,
        layout.batches_prefix,
        _parses(layout.parse_batches_key),
        "(SELECT content, filename FROM read_text({}))",
        _whole_text,
    ),
    Source(
        "outcome_files",
        "symbol_outcomes",
        _FOOTERS,
        layout.raw_prefix,
        _is_raw,
        "parquet_kv_metadata({})",
        _whole_footer,
    ),
)

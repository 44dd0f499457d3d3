"""The relations below the warehouse's views: which files, and as what DuckDB reads them.

What belongs here: for each kind of file its keys, its columns, the SQL that reads it in place, and the same rows read
whole. What does not: the views (views.sql), running queries (warehouse.py). The files of the morning reports belong to
no market.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from stocks_pipeline.domain.schemas import PRICES, TICKERS, VALIDATION_RESULTS
from stocks_pipeline.domain.symbols import companies_from_csv
from stocks_pipeline.storage import dr_keys, layout, validation_keys
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
_TICKERS: Final = pa.schema([*TICKERS, _ADDRESS])
_RESULTS: Final = pa.schema([*VALIDATION_RESULTS, _ADDRESS])


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

    def prefixes(self, markets: Sequence[str]) -> tuple[str, ...]:
        """Where the files lie; one for all markets where they belong to none."""
        return tuple(dict.fromkeys(self.prefix(market) for market in markets))

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


def _no_market(prefix: str) -> Callable[[str], str]:
    return lambda _market: prefix


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


def _whole_tickers(lake: Lake, key: str) -> Any:
    return padded(read_table(lake, key), TICKERS, lake.uri(key)).cast(_TICKERS)


def _whole_results(lake: Lake, key: str) -> Any:
    return padded(read_table(lake, key), VALIDATION_RESULTS, lake.uri(key)).cast(_RESULTS)


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
_TEXT: Final = "(SELECT content, filename FROM read_text({}))"
_is_raw: Final = _parses(layout.parse_raw_key)
_is_session: Final = _parses(validation_keys.parse_validation_session_key)

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
        _TEXT,
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
    Source(
        "ticker_master_files",
        "ticker_master",
        _TICKERS,
        _no_market(layout.ticker_master_key()),
        layout.ticker_master_key().__eq__,
        _PARQUET,
        _whole_tickers,
    ),
    Source(
        "ticker_data_files",
        "ticker_data",
        _PRICES,
        _no_market(dr_keys.TICKER_DATA),
        _parses(dr_keys.parse_ticker_data_key),
        _PARQUET,
        _whole_prices,
    ),
    *(
        Source(name, view, _TEXTS, layout.validation_prefix, _is_session, _TEXT, _whole_text)
        for name, view in (
            ("validation_session_files", "validation_sessions"),
            ("validation_batch_files", "validation_batches"),
        )
    ),
    Source(
        "validation_result_files",
        "validation_results",
        _RESULTS,
        layout.validation_prefix,
        _parses(validation_keys.parse_validation_batch_key),
        _PARQUET,
        _whole_results,
    ),
    *(
        Source(name, view, _TEXTS, _no_market(prefix), _parses(parse), _TEXT, _whole_text)
        for name, view, prefix, parse in (
            ("report_files", "precomputed_reports", dr_keys.REPORTS, dr_keys.parse_report_key),
            ("summary_files", "precompute_summaries", dr_keys.SUMMARIES, dr_keys.parse_summary_key),
            ("job_files", "jobs", dr_keys.JOBS, dr_keys.parse_job_key),
            ("llm_call_files", "llm_calls", dr_keys.LLM_CALLS, dr_keys.parse_llm_call_key),
        )
    ),
)

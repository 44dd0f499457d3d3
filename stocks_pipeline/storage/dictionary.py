"""The data dictionary of the warehouse: its views, their columns, types and meaning.

What belongs here: one schema a view, descriptions on every field. What does not: columns of prices and tickers, which
come from domain/schemas.py, and the SQL (views.sql). A test compares both.
"""

from typing import Any, Final

import pyarrow as pa

from stocks_pipeline.domain.schemas import PRICES, TICKERS, VALIDATION_RESULTS


def _field(name: str, kind: Any, text: str) -> Any:
    return pa.field(name, kind, metadata={"description": text})


_MARKET: Final = _field("market", pa.string(), "asx or us")
_AS_OF: Final = _field("as_of", pa.date32(), "Partition date of the file: what was known on that day")
_ADHOC: Final = _field("adhoc", pa.bool_(), "Of a session beside the day's own; what counts for the day is NOT adhoc")

_UTC: Final = pa.timestamp("us", tz="UTC")
_MONEY: Final = pa.decimal128(18, 9)
_RECEIPT: Final = _field("symbol", pa.string(), "Name of the depositary receipt as traded in Bangkok: NVDA19")
_MORNING: Final = _field("report_date", pa.date32(), "The morning, a day in Bangkok")
_EXECUTION: Final = _field("execution_id", pa.string(), "The execution that did it: one start of the reports' job")

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
    "ticker_master": pa.schema([_RECEIPT, *(f for f in TICKERS if f.name != "dr_symbol")]),
    "ticker_data": pa.schema(
        [
            _field("data_date", pa.date32(), "The morning the bars were fetched for, a day in Bangkok"),
            _RECEIPT,
            *(f for f in PRICES if f.name not in {"symbol", "batch_number"}),
        ]
    ),
    "validation_sessions": pa.schema(
        [
            _MARKET,
            _AS_OF,
            _ADHOC,
            _field("session_id", pa.string(), "session- and a UUID"),
            _field("correlation_id", pa.string(), "quality-coord- and the same UUID"),
            _field("status", pa.string(), "pending, processing, completed or failed, as its batches are"),
            _field("profile", pa.string(), "standard or strict"),
            _field("lookback_days", pa.int32(), "Calendar days compared, up to as_of"),
            _field("total_symbols", pa.int32(), "Symbols of the session"),
            _field("total_batches", pa.int32(), "Its requests to the second vendor, without repeats"),
            _field("batches_completed", pa.int64(), "Batches of which every symbol has a result"),
            _field("batches_failed", pa.int64(), "Batches that could not be checked"),
            _field("created_at", _UTC, "When it was opened"),
            _field("updated_at", _UTC, "When one of its batches last moved on"),
            _field("completed_at", _UTC, "When it was completed or failed; missing before"),
        ]
    ),
    "validation_batches": pa.schema(
        [
            _MARKET,
            _AS_OF,
            _ADHOC,
            _field("session_id", pa.string(), "Session that the batch is of"),
            _field("batch_number", pa.int32(), "Number of the batch within its session, counted from 0"),
            _field("symbol_count", pa.int64(), "Symbols of the batch"),
            _field("symbols", pa.list_(pa.string()), "The symbols, in the order in which they are asked for"),
            _field("status", pa.string(), "pending, processing, completed or failed"),
            _field("started_at", _UTC, "When its newest try began; missing where it waits"),
            _field("completed_at", _UTC, "When it was completed or failed; missing before"),
            _field("error_message", pa.string(), "Why it failed, or waits after a try; missing where nothing is wrong"),
        ]
    ),
    "validation_results": pa.schema([_MARKET, _AS_OF, _ADHOC, *VALIDATION_RESULTS]),
    "precomputed_reports": pa.schema(
        [
            _RECEIPT,
            _MORNING,
            _field("generated_at", pa.timestamp("us"), "When it was written, local time of Bangkok: DATE() is its day"),
            _field("computed_at", _UTC, "The same instant, with its zone"),
            _field("created_at", _UTC, "The same as computed_at"),
            _field("company_name", pa.string(), "Name of the company or fund"),
            _field("session", pa.date32(), "Newest session the report is about, on the exchange's own calendar"),
            _field("stance", pa.string(), "BUY, SELL or HOLD"),
            _field("overall_score", pa.float64(), "Quality of the report, 0 to 10; missing where it cannot be told"),
            _field("numbers_checked", pa.int32(), "Numbers, dates and names in the text, each verified"),
            _field("model", pa.string(), "The model that wrote it, by the provider's name"),
            _field("cost_usd", _MONEY, "Paid to the provider, in USD; missing where it told no price"),
            _EXECUTION,
            _field("report_text", pa.string(), "The report, as Markdown"),
            _field(
                "report_json",
                pa.string(),
                "The stored payload without chart_base64: text, scores, facts, evidence, verdict",
            ),
            _field("chart_key", pa.string(), "Lake key of the chart, a PNG"),
            _field("pdf_key", pa.string(), "Lake key of the PDF; missing where none could be set"),
            _field("news_error", pa.string(), "Why no news could be had; missing where the feed answered"),
        ]
    ),
    "precompute_summaries": pa.schema(
        [
            _MORNING,
            _field("status", pa.string(), "completed (all are there), incomplete or failed (none is)"),
            _field("total_tickers", pa.int32(), "Receipts whose reports were asked for"),
            _field("succeeded", pa.int32(), "Reports that are there"),
            _field("failed", pa.int32(), "Receipts whose newest try failed"),
            _field("skipped", pa.int32(), "Receipts with no data, pending or not begun"),
            _field("message", pa.string(), "The counts as a sentence"),
            _field("next_steps", pa.string(), "What to do about what is missing"),
            _field("by_ticker", pa.string(), "JSON: of each receipt its status, step, class and error"),
        ]
    ),
    "jobs": pa.schema(
        [
            _MORNING,
            _RECEIPT,
            _field("job_id", pa.string(), "rpt_, the receipt and the execution"),
            _EXECUTION,
            _field("source", pa.string(), "What started the execution: scheduler, sensor, manual"),
            _field("asked_limit", pa.int32(), "To how many tickers the execution was limited; missing for all"),
            _field("description", pa.string(), "Why it was started, in the words of whoever did; missing where none"),
            _field("status", pa.string(), "pending, in_progress, completed or failed"),
            _field("created_at", _UTC, "When the record was made, before work began"),
            _field("started_at", _UTC, "When the newest try began; missing before the first"),
            _field("finished_at", _UTC, "When it was completed or failed; missing before"),
            _field(
                "expires_at",
                _UTC,
                "Seven days after it was created (the first system's rule); it goes by its last change",
            ),
            _field("attempts", pa.int32(), "Tries in this execution"),
            _field("error", pa.string(), "What went wrong, as it was said; missing where nothing did"),
            _field("error_class", pa.string(), "Class of the failure (rate, transient, malformed, …)"),
            _field(
                "result",
                pa.string(),
                "JSON: what the worker gave back: ticker, status, pdf_s3_key, error; missing before",
            ),
        ]
    ),
    "llm_calls": pa.schema(
        [
            _field("started_at", _UTC, "When the request was sent"),
            _field("symbol", pa.string(), "Receipt it was about"),
            _field("call_id", pa.string(), "The call: job, try, number and instant"),
            _EXECUTION,
            _field("model", pa.string(), "The model asked, by the provider's name"),
            _field("outcome", pa.string(), "answered or failed"),
            _field("kind", pa.string(), "Class of the failure; missing where it was answered"),
            _field("seconds", pa.float64(), "From request to answer, in seconds"),
            _field("prompt_tokens", pa.int32(), "Tokens sent; missing where no answer told"),
            _field("completion_tokens", pa.int32(), "Tokens received; missing where no answer told"),
            _field("cost_usd", _MONEY, "Paid for the call, in USD; missing where nobody knows"),
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
    pa.bool_(): "BOOLEAN",
    pa.timestamp("us"): "TIMESTAMP",
    _UTC: "TIMESTAMP WITH TIME ZONE",
    _MONEY: "DECIMAL(18,9)",
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

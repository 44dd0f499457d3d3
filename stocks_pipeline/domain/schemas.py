"""The columns of every table in the lake: names, types, units and meaning. The only column truth.

What belongs here: pyarrow schemas with a description on each field, and `conform`, which makes a table fit one or
says why it cannot. What does not: where a table is stored (storage/layout.py) or how it is computed.
"""

from typing import Any

import pyarrow as pa

LIVE, SIMULATED, REPLAYED = "yahoo", "yahoo-sandbox", "yahoo-replay"
"""Whose prices they are: the vendor's own, the sandbox's, or real ones recorded once that the sandbox plays again."""


class SchemaError(ValueError):
    """A table that does not fit its schema; the message names the columns."""


def _field(name: str, kind: Any, text: str, *, nullable: bool = False) -> Any:
    return pa.field(name, kind, nullable=nullable, metadata={"description": text})


PRICES = pa.schema(
    [
        _field("symbol", pa.string(), "The exchange's own code, without a vendor's suffix: BHP, not BHP.AX"),
        _field("session", pa.date32(), "Trading session the bar belongs to, on the exchange's own calendar"),
        _field("open", pa.float64(), "First trade, split-adjusted as of fetched_at, in `currency`", nullable=True),
        _field("high", pa.float64(), "Highest trade, same basis as open", nullable=True),
        _field("low", pa.float64(), "Lowest trade, same basis as open", nullable=True),
        _field("close", pa.float64(), "Last trade, split-adjusted and not dividend-adjusted, in `currency`"),
        _field(
            "adj_close", pa.float64(), "Close adjusted for splits and dividends, as the vendor gave it", nullable=True
        ),
        _field("volume", pa.int64(), "Shares traded; missing where the vendor gave none", nullable=True),
        _field("dividend", pa.float64(), "Cash per share whose ex-date is this session, 0.0 for none"),
        _field("split", pa.float64(), "New shares per old one effective this session (4.0 for 4:1), 0.0 for none"),
        _field("currency", pa.string(), "ISO 4217, or the vendor's minor unit such as GBp", nullable=True),
        _field("source", pa.string(), f"Who said so: {LIVE}, {SIMULATED} (invented), {REPLAYED} (recorded)"),
        _field("fetched_at", pa.timestamp("us", tz="UTC"), "When the answer arrived; never chooses a row"),
        _field(
            "batch_number",
            pa.int32(),
            "Batch that fetched the symbol; missing in the old one-file layout",
            nullable=True,
        ),
    ]
)
"""One row a symbol and session."""

BARS = pa.schema([f for f in PRICES if f.name not in {"symbol", "source", "fetched_at", "batch_number", "currency"}])
"""What one answer of a price vendor holds: PRICES without the columns the caller knows."""


EXTERNAL_BARS = pa.schema(
    [
        _field("symbol", pa.string(), "The exchange's own code"),
        _field("session", pa.date32(), "Trading session, on the exchange's own calendar"),
        _field("open", pa.float64(), "First trade, split-adjusted, not dividend-adjusted", nullable=True),
        _field("high", pa.float64(), "Highest trade, same basis", nullable=True),
        _field("low", pa.float64(), "Lowest trade, same basis", nullable=True),
        _field("close", pa.float64(), "Last trade, same basis; missing where the vendor gave none", nullable=True),
        _field("volume", pa.int64(), "Shares traded; missing where the vendor gave none", nullable=True),
    ]
)
"""Daily bars of a second vendor, only ever compared with PRICES."""


VALIDATION_RESULTS = pa.schema(
    [
        _field("session_id", pa.string(), "Validation session that the verdict belongs to"),
        _field("symbol", pa.string(), "The exchange's own code"),
        _field("passed", pa.bool_(), "Missing where nothing could be checked: that is neither", nullable=True),
        _field("status", pa.string(), "passed, failed, error (could not check) or deferred (a later try is planned)"),
        _field("issues", pa.string(), "What did not hold, as a JSON list: rule, cause, message, sessions, evidence"),
        _field("causes", pa.string(), "The likely causes, a comma between; empty for none"),
        _field("rows_checked", pa.int64(), "Sessions whose close was compared on both sides"),
        _field("external_source", pa.string(), "Who was asked: twelvedata"),
        _field("validated_at", pa.timestamp("us", tz="UTC"), "When the verdict was reached"),
        _field("message", pa.string(), "Why it could not be checked; empty otherwise"),
        _field("batch_number", pa.int32(), "Batch of the session"),
    ]
)
"""One row a symbol and validation session."""


TICKERS = pa.schema(
    [
        _field("dr_symbol", pa.string(), "Name of the depositary receipt as traded in Bangkok: NVDA19"),
        _field("yahoo_symbol", pa.string(), "Yahoo's name of the share or fund behind it: NVDA, D05.SI"),
        _field("company_name", pa.string(), "Name of the company or fund"),
        _field("exchange", pa.string(), "ISO 10383 code of the share's own exchange"),
        _field("currency", pa.string(), "ISO 4217 code of the share's own currency", nullable=True),
        _field("sector", pa.string(), "Sector, where known", nullable=True),
        _field("is_active", pa.bool_(), "Whether it is followed: fetched and reported every morning"),
        _field("note", pa.string(), "What is uncertain about this row; empty for nothing"),
    ]
)
"""One row a depositary receipt."""


def conform(table: Any, schema: Any) -> Any:
    """The table cast to `schema`, columns in its order; extra columns are refused.

    Raises:
        SchemaError: columns missing or unknown, a type that cannot be cast without loss, or a null where none may be.
    """
    missing = [name for name in schema.names if name not in table.column_names]
    unknown = [name for name in table.column_names if name not in schema.names]
    if missing or unknown:
        raise SchemaError(f"columns missing: {missing or 'none'}; unknown: {unknown or 'none'}")
    try:
        fitted = table.select(schema.names).cast(schema)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
        raise SchemaError(f"cannot cast: {error}") from error
    empty = [f.name for f in schema if not f.nullable and fitted.column(f.name).null_count]
    if empty:
        raise SchemaError(f"nulls in {empty}, which must be filled")
    return fitted

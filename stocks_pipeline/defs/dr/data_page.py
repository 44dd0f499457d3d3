"""What the UI shows of one ticker's data on a morning: its metadata and its checks.

What belongs here: from stored bars to what a person reads beside them. What does not: fetching and storing (data.py)
and the rules (domain/price_rules.py, domain/tickers.py).
"""

from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg

from stocks_pipeline.defs.dr.company import CompanyAnswer
from stocks_pipeline.defs.evidence import markdown_table
from stocks_pipeline.domain.tickers import Ticker, currency_note
from stocks_pipeline.fanout import PartitionCheck

if TYPE_CHECKING:
    from stocks_pipeline.domain.prices import Finding
    from stocks_pipeline.storage.tables import Stored


def page_checks(ticker: Ticker, table: Any, expected: date) -> list[PartitionCheck]:
    """The checks of stored bars (schemas.PRICES rows of one symbol) that should reach the `expected` session."""
    from stocks_pipeline.defs.checks import partition_checks, worst
    from stocks_pipeline.domain import price_rules as rules

    consistent = [
        rules.prices_finite_and_positive(table),
        rules.ohlc_consistent(table),
        rules.no_duplicates(table),
        _currency_agrees(ticker, table),
    ]
    found = {
        "data_fresh": rules.stale_prices(table, expected),
        "bars_consistent": worst(consistent),
        "scale_continuous": rules.scale_against_previous_close(table),
    }
    return partition_checks(found)


def page_metadata(  # noqa: PLR0913, PLR0917 - what a page is made of
    ticker: Ticker,
    table: Any,
    stored: "Stored",
    expected: date,
    seconds: float | None,
    company: CompanyAnswer,
) -> dict[str, Any]:
    """What the page of the partition shows; `seconds` of the fetch, None where nothing was fetched."""
    from stocks_pipeline.defs.price_metadata import preview
    from stocks_pipeline.domain.reports.fact_units import price_decimals

    newest = table.slice(table.num_rows - 1, 1).to_pylist()[0]
    money, note = newest["currency"] or "", currency_note(ticker.currency, _currencies(table))
    decimals = price_decimals(newest["close"], money, newest["close"])
    return {
        "dagster/partition_row_count": stored.rows,
        "price_points": stored.rows,
        "data_date": str(newest["session"]),
        "expected_session": expected.isoformat(),
        "company": f"{ticker.name} ({ticker.yahoo}, {ticker.exchange})",
        "close": f"{newest['close']:,.{decimals}f} {money}".strip(),
        "path": dg.MetadataValue.path(stored.uri),
        "bytes": stored.size,
        "preview": markdown_table(preview(table.slice(max(0, table.num_rows - 5)))),
        "file_changed": stored.changed,
        "company_fields": len(company.fields),
        **({"company_note": company.note} if company.note else {}),
        **({"currency_note": note} if note else {}),
        **({} if seconds is None else {"seconds_fetch": round(seconds, 3)}),
    }


def _currency_agrees(ticker: Ticker, table: Any) -> "Finding":
    """The bars are in the currency that the list of tickers names. A warning: the bars' one is what counts."""
    from stocks_pipeline.domain.prices import Finding

    found = _currencies(table)
    note = currency_note(ticker.currency, found)
    evidence: dict[str, int | float | str] = {"listed": ticker.currency or "none", "bars": ", ".join(found) or "none"}
    return Finding("currency_agrees", not note, "warn", note or "the bars are in the list's currency", evidence)


def _currencies(table: Any) -> list[str]:
    return sorted(set(table.column("currency").unique().to_pylist()) - {None})

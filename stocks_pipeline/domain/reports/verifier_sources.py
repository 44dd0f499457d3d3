"""Facts that no bar determines: names from the ticker list, company fields, news. They must equal what is stored.

What belongs here: reading those stores the verifier's own way. What does not: bars (verifier_recompute.py).
"""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from stocks_pipeline.domain.reports.verifier_display import Known

_EXCHANGES = {
    "ARCX": "NYSE Arca",
    "HSTC": "Hanoi Stock Exchange",
    "XASX": "Australian Securities Exchange",
    "XBKK": "Stock Exchange of Thailand",
    "XHKG": "Hong Kong Stock Exchange",
    "XNAS": "Nasdaq",
    "XNYS": "New York Stock Exchange",
    "XSES": "Singapore Exchange",
    "XSTC": "Ho Chi Minh Stock Exchange",
    "XTAI": "Taiwan Stock Exchange",
    "XTKS": "Tokyo Stock Exchange",
}
_COMPANY = {
    "market_cap": ("marketCap", 1.0),
    "trailing_pe": ("trailingPE", 1.0),
    "forward_pe": ("forwardPE", 1.0),
    "price_to_book": ("priceToBook", 1.0),
    "beta": ("beta", 1.0),
    "revenue_growth": ("revenueGrowth", 100.0),
    "earnings_growth": ("earningsGrowth", 100.0),
    "profit_margin": ("profitMargins", 100.0),
    "return_on_equity": ("returnOnEquity", 100.0),
}
_ABOVE_ZERO = frozenset({"market_cap", "trailing_pe", "forward_pe", "price_to_book"})
_MOST_NEWS = 5


def names_of(ticker: Mapping[str, Any], company: Mapping[str, Any]) -> dict[str, Known]:
    """Ticker, Yahoo's symbol, company name, exchange and sector, from the row of the ticker list."""
    mic = ticker.get("exchange_mic")
    texts = {
        "ticker": ticker.get("dr"),
        "yahoo_symbol": ticker.get("yahoo"),
        "company_name": ticker.get("name"),
        "exchange": _EXCHANGES.get(str(mic), mic),
        "sector": ticker.get("sector") or _line(company.get("sector")),
    }
    return {name: Known(text) for name, text in texts.items() if isinstance(text, str) and text}


def _line(text: object) -> str | None:
    return " ".join(text.split()) if isinstance(text, str) else None


def company_facts(company: Mapping[str, Any], currency: str | None) -> dict[str, Known]:
    """Fields of the vendor's company data that are finite numbers; a value of money only in the bars' own currency."""
    found: dict[str, Known] = {}
    for name, (field, scale) in _COMPANY.items():
        value = company.get(field)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            continue
        if name in _ABOVE_ZERO and value <= 0:
            continue
        if name == "market_cap" and (
            not currency or currency != currency.upper() or company.get("currency") != currency
        ):
            continue
        found[name] = Known(value * scale, abs(value * scale) * 1e-12)
    return found


def news_facts(news: Sequence[Any]) -> tuple[dict[str, Known], dict[str, tuple[str, date]]]:
    """The five newest headlines and their days; and for each fact its source and day.

    Items are mappings or objects with id, title and published_at (aware, or ISO text).
    """
    items = [(_moment(_of(item, "published_at")), str(_of(item, "id")), _of(item, "title")) for item in news]
    items.sort(key=lambda item: item[:2], reverse=True)
    facts: dict[str, Known] = {}
    origins: dict[str, tuple[str, date]] = {}
    for place, (moment, identity, title) in enumerate(items[:_MOST_NEWS], start=1):
        day = moment.date()
        facts |= {f"news_{place}": Known(title), f"news_{place}_date": Known(day)}
        origins |= dict.fromkeys((f"news_{place}", f"news_{place}_date"), (f"news:{identity}", day))
    return facts, origins


def _of(item: Any, name: str) -> Any:
    return item[name] if isinstance(item, Mapping) else getattr(item, name)


def _moment(value: Any) -> datetime:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise ValueError(f"a news item's time has no zone: {value!r}")
    return moment.astimezone(UTC)

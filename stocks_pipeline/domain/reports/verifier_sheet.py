"""The fact sheet against what was recomputed: a sheet that was tampered with or went stale is refused with its report.

What belongs here: every field of every fact of the sheet, and which units facts have. What does not: the text.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from stocks_pipeline.domain.reports.verifier_display import MOST_DECIMALS, Known
from stocks_pipeline.domain.reports.verifier_spans import Problem
from stocks_pipeline.domain.reports.verifier_words import split

_OF_UNIT = {
    "text": "ticker yahoo_symbol company_name exchange sector",
    "date": "session high_52w_date low_52w_date",
    "price": (
        "close previous_close sma_20 sma_50 sma_200 macd macd_signal macd_histogram bollinger_upper bollinger_middle "
        "bollinger_lower atr_14 vwap_20 high_52w low_52w market_cap"
    ),
    "percent": (
        "return_1d return_1w return_1m return_3m return_1y close_vs_sma_20 close_vs_sma_50 close_vs_sma_200 drawdown "
        "revenue_growth earnings_growth profit_margin return_on_equity"
    ),
    "level": (
        "atr_percent volatility_30d rsi_percentile volume_percentile atr_percentile return_percentile "
        "dividend_yield_12m"
    ),
    "ratio": "volume_ratio trailing_pe forward_pe price_to_book",
    "index": "rsi_14 beta",
    "shares": "volume volume_sma_20",
}
UNITS: dict[str, str] = {name: unit for unit, names in _OF_UNIT.items() for name in names.split()}
"""The unit of every fact; the sheet's must be the same."""
for _n in range(1, 6):
    UNITS |= {f"peer_{_n}": "text", f"peer_{_n}_correlation": "index", f"news_{_n}": "text", f"news_{_n}_date": "date"}

_TIMELESS = frozenset({"ticker", "yahoo_symbol", "company_name", "exchange", "sector"})
"""Facts of no day of their own: the sheet's day and its newest session are both right."""
_OF_THE_DAY = split(
    "market_cap trailing_pe forward_pe price_to_book beta revenue_growth earnings_growth profit_margin return_on_equity"
)
"""Facts as of the sheet's day, not of its newest session."""


def sheet_problems(
    sheet: Mapping[str, Any], known: Mapping[str, Known], origins: Mapping[str, tuple[str, date]], session: date | None
) -> list[Problem]:
    """Every disagreement of the sheet with the stored data.

    `origins` are source and day of the facts whose source is not the sheet's own (news).
    """
    problems: list[Problem] = []
    facts, absent = sheet["facts"], sheet["absent"]
    for name, fact in facts.items():
        if why := _wrong(name, fact, known) or _wrong_origin(name, fact, sheet, origins, session):
            kind = "absent" if name in UNITS and name not in known else "sheet"
            problems.append(Problem(kind, -1, f"{name} = {fact.get('value')!r}"[:80], why))
    problems += [
        Problem("sheet", -1, name, f"{name} is called absent, but the stored rows have it")
        for name in absent
        if name in facts or (name in known and name in UNITS)
    ]
    return problems


def _wrong(name: str, fact: Mapping[str, Any], known: Mapping[str, Known]) -> str:
    if name not in UNITS:
        return f"no fact is called {name}"
    if fact.get("unit") != UNITS[name]:
        return f"the unit of {name} is {UNITS[name]}, not {fact.get('unit')}"
    decimals = fact.get("decimals")
    if not isinstance(decimals, int) or isinstance(decimals, bool) or not 0 <= decimals <= MOST_DECIMALS:
        return f"{name} cannot be shown with {decimals!r} decimals"
    if name not in known:
        return f"{name} cannot be computed from the stored rows, so it may not be shown"
    value = fact.get("value")
    if UNITS[name] == "date":
        value = _date(value)
    if not known[name].agrees(value):
        return f"{name} is {known[name].value}, recomputed from the stored rows; the sheet says {fact.get('value')!r}"
    return ""


def _wrong_origin(
    name: str,
    fact: Mapping[str, Any],
    sheet: Mapping[str, Any],
    origins: Mapping[str, tuple[str, date]],
    session: date | None,
) -> str:
    """Source and day of a fact."""
    as_of = _date(sheet.get("as_of"))
    source, day = origins.get(name, (None, as_of if name in _OF_THE_DAY else session or as_of))
    if source is None and fact.get("source") not in sheet["sources"]:
        return f"the source of {name}, {fact.get('source')!r}, is none of the sheet's"
    if source is not None and fact.get("source") != source:
        return f"the source of {name} is {source}, not {fact.get('source')!r}"
    stated = _date(fact.get("as_of"))
    if stated != day and not (name in _TIMELESS and stated == as_of):
        return f"{name} is of {day}, not of {fact.get('as_of')}"
    return ""


def _date(value: object) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None

"""The facts of one ticker, computed from its stored rows and nothing else.

What belongs here: `build_facts`. What does not: the types (fact_units.py, importable from here), what each fact is
called and means (fact_catalogue.py), names, news and company data (fact_book.py), indicators (../indicators.py) and
correlations (peers.py).

A number that cannot be computed is absent with its reason. Nothing is defaulted.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np

from stocks_pipeline.domain.indicators import SETTLED, History, history, indicators, percentile
from stocks_pipeline.domain.news import NewsItem
from stocks_pipeline.domain.prices import Floats, day_number
from stocks_pipeline.domain.reports.fact_book import TICKER_LIST, Book, write_company, write_names, write_news
from stocks_pipeline.domain.reports.fact_catalogue import CATALOGUE, OF_BARS
from stocks_pipeline.domain.reports.fact_units import Fact, FactSheet, Unit, Value
from stocks_pipeline.domain.reports.peers import months_before, rank
from stocks_pipeline.domain.tickers import Ticker

__all__ = ["TICKER_LIST", "Fact", "FactSheet", "Unit", "Value", "build_facts"]

MAX_GAP_DAYS = 14
"""How much older than wanted a base price may be: the longest market holidays (Tết, Golden Week) last 11 days."""
_EPOCH = date(1970, 1, 1)
_MONTH = 20  # sessions of the short averages
_NEEDS = {"sma_20": 20, "sma_50": 50, "sma_200": 200, "rsi_14": 15, "atr_14": 15, "atr_percent": 15}
_NEEDS |= dict.fromkeys(("bollinger_upper", "bollinger_middle", "bollinger_lower"), 20)
_NEEDS |= dict.fromkeys(("macd", "macd_signal", "macd_histogram"), SETTLED)


def build_facts(  # noqa: PLR0913 - what is known of a ticker, each with its own source
    ticker: Ticker,
    bars: Any,
    company: Mapping[str, Any],
    peers: Mapping[str, Any],
    news: Sequence[NewsItem],
    *,
    as_of: date,
    source: str,
    no_company: str = "",
) -> FactSheet:
    """Everything a report of `ticker` may say on `as_of`.

    Args:
        ticker: whose it is.
        bars: its rows (schemas.PRICES, one symbol); later ones than `as_of` are not looked at.
        company: the vendor's company fields as they are named there (marketCap, trailingPE…); what is not there is
            absent.
        peers: by the name to be shown, the rows of other tickers or their `indicators.history`; its own are passed
            over.
        news: in any order; the five newest are taken.
        as_of: the day asked for. The facts of prices are of the newest session at or before it.
        source: lake key of the bars and the company data.
        no_company: why there are no company fields, in the words of the fetch.

    Raises:
        ValueError: bars of several symbols, or two for one session.
    """
    past = history(bars, as_of)
    book = _open_book(past, ticker, as_of, source)
    write_names(book, ticker, company)
    others = {name: rows for name, rows in peers.items() if name not in {ticker.dr, ticker.yahoo}}
    _of_bars(book, past, others)
    write_news(book, news)
    write_company(book, company, no_company)
    facts = {name: book.facts[name] for name in CATALOGUE if name in book.facts}
    return FactSheet(ticker, as_of, book.currency, facts, book.absent, (TICKER_LIST, source))


def _open_book(past: History, ticker: Ticker, as_of: date, source: str) -> Book:
    """An empty book of the ticker, in the one currency of its bars, if they have one."""
    currencies = past.currencies or ((ticker.currency,) if ticker.currency else ())
    currency = currencies[0] if len(currencies) == 1 else None
    unpriced = "" if currency else f"in no one currency: {', '.join(currencies) or 'none is known'}"
    return Book(as_of, source, currency, unpriced, float(past.close[-1]) if len(past) else 0.0)


def _of_bars(book: Book, past: History, peers: Mapping[str, Any]) -> None:
    """All that is computed from bars, or why nothing is."""
    if past.dropped:
        total = past.dropped + len(past)
        book.absent["bars_without_close"] = f"{past.dropped} of {total} stored rows have no close and are left out"
    if not len(past):
        why = f"no bar with a close at or before {book.as_of.isoformat()}"
        book.absent.update(dict.fromkeys((*OF_BARS, "peer_1"), why))
        return
    book.session = _day(past.days[-1])
    _prices(book, past)
    _trend(book, past)
    _year(book, past)
    _volume(book, past)
    _peers(book, past, peers)


def _prices(book: Book, past: History) -> None:
    """The close and how it changed."""
    book.put("session", book.session)
    close = float(past.close[-1])
    book.put("close", close)
    fresh = len(past) > 1 and past.days[-1] - past.days[-2] <= MAX_GAP_DAYS
    previous = float(past.close[-2]) if fresh else math.nan
    why = f"no bar within {MAX_GAP_DAYS} days before {book.session.isoformat()}"
    book.put("previous_close", previous, why)
    book.put("return_1d", (close / previous - 1) * 100, why)
    wanted = {
        "return_1w": book.session - timedelta(days=7),
        "return_1m": months_before(book.session, 1),
        "return_3m": months_before(book.session, 3),
        "return_1y": months_before(book.session, 12),
    }
    for name, day in wanted.items():
        at = int(np.searchsorted(past.days, day_number(day), side="right")) - 1
        known = at >= 0 and day_number(day) - past.days[at] <= MAX_GAP_DAYS
        base = float(past.close[at]) if known else math.nan
        book.put(name, (close / base - 1) * 100, f"no bar within {MAX_GAP_DAYS} days up to {day.isoformat()}")


def _trend(book: Book, past: History) -> None:
    """Indicators, and where they stand in the ticker's own year."""
    series = indicators(past)
    have = len(past)
    for name, needs in _NEEDS.items():
        why = f"needs {needs} sessions, {have} are stored" if have < needs else ""
        if not why and name == "rsi_14":
            why = "the close has not moved in the stored sessions"
        book.put(name, float(series[name][-1]), why or "the newest bar has no high or low, or too few bars have one")
    for span in (20, 50, 200):
        average = float(series[f"sma_{span}"][-1])
        why = f"needs {span} sessions, {have} are stored"
        book.put(f"close_vs_sma_{span}", (book.close / average - 1) * 100, why)
    ranked = {"rsi": "rsi_14", "atr": "atr_percent", "return": "return_1d"}
    columns = {name: series[key] for name, key in ranked.items()} | {"volume": past.volume}
    for name, values in columns.items():
        known = int(np.isfinite(values[-252:]).sum())
        why = f"needs 200 known values of the last 252 sessions, the newest among them; {known} are"
        book.put(f"{name}_percentile", percentile(values), why)
    returns = np.diff(np.log(past.close[-31:]))
    spread = float(returns.std(ddof=1)) if len(returns) == 30 else math.nan  # noqa: PLR2004 - in the fact's name
    book.put("volatility_30d", spread * math.sqrt(252) * 100, f"needs 31 sessions, {have} are stored")


def _year(book: Book, past: History) -> None:
    """What takes a whole year of bars."""
    names = ("high_52w", "low_52w", "high_52w_date", "low_52w_date", "drawdown", "dividend_yield_12m")
    start = months_before(book.session, 12)
    if past.days[0] - day_number(start) > MAX_GAP_DAYS:
        why = f"needs a year of bars, they begin on {_day(past.days[0]).isoformat()}"
        book.absent.update(dict.fromkeys(names, why))
        return
    year = past.days > day_number(start)
    _extreme(book, "high_52w", past.days[year], past.high[year], 1)
    _extreme(book, "low_52w", past.days[year], past.low[year], -1)
    book.put("drawdown", (book.close / float(past.close[year].max()) - 1) * 100)
    paid = float(past.dividends[(past.dividend_days > day_number(start)) & (past.dividends > 0)].sum())
    book.put("dividend_yield_12m", paid / book.close * 100 if paid else math.nan, "no dividend is stored in the year")


def _extreme(book: Book, name: str, days: Any, values: Floats, sign: int) -> None:
    known = np.flatnonzero(np.isfinite(values))
    if not len(known):
        book.absent[name] = book.absent[f"{name}_date"] = "no bar of the year has one"
        return
    best = float((values[known] * sign).max()) * sign
    book.put(name, best)
    book.put(f"{name}_date", _day(days[known][values[known] == best][-1]))


def _volume(book: Book, past: History) -> None:
    """Volume against its own month, and the price it was traded at."""
    volume = past.volume[-_MONTH:]
    newest = float(volume[-1])
    if math.isfinite(newest):
        book.put("volume", int(newest))
    else:
        book.absent["volume"] = "the newest bar has no volume"
    known = int(np.isfinite(volume).sum())
    mean = float(volume.mean()) if known == _MONTH else math.nan
    why = f"needs the volume of {_MONTH} sessions, {known} have one"
    if math.isfinite(mean):
        book.put("volume_sma_20", round(mean))
    else:
        book.absent["volume_sma_20"] = why
    idle = "no share was traded in 20 sessions"
    book.put("volume_ratio", newest / mean if mean else math.nan, why if known < _MONTH else idle)
    typical = (past.high[-_MONTH:] + past.low[-_MONTH:] + past.close[-_MONTH:]) / 3
    traded = float(volume.sum()) if known == _MONTH else math.nan
    weighted = float((typical * volume).sum()) / traded if traded else math.nan
    book.put("vwap_20", weighted, idle if traded == 0 else "needs 20 sessions with high, low and volume")


def _peers(book: Book, past: History, others: Mapping[str, Any]) -> None:
    found = rank(past, book.session, others)
    for place, peer in enumerate(found, start=1):
        book.put(f"peer_{place}", peer.name)
        book.put(f"peer_{place}_correlation", peer.correlation)
    if not found:
        book.absent["peer_1"] = "no other ticker moved with it over three months (|r| of 0.3 or more)"


def _day(number: int) -> date:
    return _EPOCH + timedelta(days=int(number))

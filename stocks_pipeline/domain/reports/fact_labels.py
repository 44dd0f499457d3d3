"""What each fact is called where people read it, and the line that says over which spans the facts are taken.

What belongs here: the words. What does not: the names of facts and their formulas (fact_catalogue.py), and how a value
is written out (display.py).
"""

import re
from collections.abc import Iterable

LEGEND = (
    "Averages: short 20, medium 50, long 200 sessions; VWAP, average volume and Bollinger bands 20; RSI and ATR 14; "
    "MACD 12, 26 and 9; volatility from 30 sessions, annualised; percentiles of 252 sessions; past months: 3 months; "
    "peers by 3-month correlation of daily returns."
)
"""The spans behind the words of every report; part of every form of it."""

LABELS = {
    "ticker": "receipt",
    "yahoo_symbol": "Yahoo's symbol",
    "company_name": "company",
    "exchange": "exchange",
    "sector": "sector",
    "session": "session",
    "close": "close",
    "previous_close": "previous close",
    "return_1d": "daily return",
    "return_1w": "weekly return",
    "return_1m": "monthly return",
    "return_3m": "return over 3 months",
    "return_1y": "yearly return",
    "sma_20": "short-term average (20 sessions)",
    "sma_50": "medium-term average (50 sessions)",
    "sma_200": "long-term average (200 sessions)",
    "close_vs_sma_20": "close against the short-term average",
    "close_vs_sma_50": "close against the medium-term average",
    "close_vs_sma_200": "close against the long-term average",
    "rsi_14": "RSI",
    "macd": "MACD",
    "macd_signal": "MACD signal line",
    "macd_histogram": "MACD histogram",
    "bollinger_upper": "upper Bollinger band",
    "bollinger_middle": "middle Bollinger band",
    "bollinger_lower": "lower Bollinger band",
    "atr_14": "average true range (ATR)",
    "atr_percent": "ATR in percent of the close",
    "vwap_20": "VWAP of 20 sessions",
    "volume": "volume",
    "volume_sma_20": "average volume",
    "volume_ratio": "volume against its average",
    "high_52w": "yearly high",
    "high_52w_date": "day of the yearly high",
    "low_52w": "yearly low",
    "low_52w_date": "day of the yearly low",
    "drawdown": "drawdown from the year's highest close",
    "volatility_30d": "volatility",
    "rsi_percentile": "percentile of the RSI",
    "volume_percentile": "percentile of the volume",
    "atr_percentile": "percentile of the ATR",
    "return_percentile": "percentile of the daily return",
    "dividend_yield_12m": "dividend yield of the year",
    **{f"peer_{n}": f"peer {n}" for n in range(1, 6)},
    **{f"peer_{n}_correlation": f"correlation with peer {n}" for n in range(1, 6)},
    **{f"news_{n}": f"headline {n}" for n in range(1, 6)},
    **{f"news_{n}_date": f"day of headline {n}" for n in range(1, 6)},
    "market_cap": "market value",
    "trailing_pe": "price/earnings",
    "forward_pe": "price/earnings expected",
    "price_to_book": "price/book",
    "beta": "beta",
    "revenue_growth": "growth of revenue",
    "earnings_growth": "growth of earnings",
    "profit_margin": "profit margin",
    "return_on_equity": "return on equity",
    "bars_without_close": "sessions without a close",
}
"""By name; `bars_without_close` is never a fact, only a reason."""
_NAMES = re.compile(rf"\b(?:{'|'.join(sorted((name for name in LABELS if '_' in name), key=len, reverse=True))})\b")


def label(name: str) -> str:
    """What a fact is called for people; a name of a later or older version as words."""
    return LABELS.get(name) or name.replace("_", " ")


def in_words(formula: str) -> str:
    """A formula with the labels of the facts that it names."""
    return _NAMES.sub(lambda match: LABELS[match[0]], formula)


def labels(names: Iterable[str]) -> str:
    """Several of them as a list in words."""
    return ", ".join(label(name) for name in names)

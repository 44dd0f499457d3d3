"""Every fact there can be: its unit, formula, decimals and the words a sentence showing it must have.

What belongs here: what a fact is. What does not: its value (facts.py) and how it is written out.
"""

from dataclasses import dataclass

from stocks_pipeline.domain.reports.fact_units import Unit


@dataclass(frozen=True)
class Entry:
    """What a fact is. `decimals` None: as many as its price is worth (fact_units.price_decimals)."""

    unit: Unit
    formula: str
    claims: tuple[str, ...]
    decimals: int | None = None


@dataclass(frozen=True)
class CompanyField:
    """A field of the vendor's company data that becomes a fact: `key` in that data, `scale` to the fact's unit."""

    key: str
    scale: float = 1.0
    above_zero: bool = False


_CLOSE = ("close", "closed", "closes", "closing", "price", "priced", "trading", "trades", "traded", "settled", "ended")
_AVERAGE = ("moving average", "average", "sma")
_RETURN = (
    "return",
    "returned",
    "rose",
    "fell",
    "gained",
    "lost",
    "up",
    "down",
    "gain",
    "loss",
    "change",
    "changed",
    "advanced",
    "declined",
    "move",
    "moved",
    "performance",
    "unchanged",
    "slipped",
    "climbed",
    "dropped",
)
_MACD = ("macd", "convergence")
_BANDS = ("bollinger", "band", "bands")
_ATR = ("atr", "true range", "range")
_VOLUME = ("volume", "turnover", "shares traded", "traded", "liquidity")
_HIGH = ("high", "peak", "highest")
_LOW = ("low", "trough", "lowest")
_RANK = ("percentile", "percent of", "own year", "past year", "readings", "sessions", "days")
_PEER = ("peer", "peers", "correlation", "correlated", "correlates", "moves with", "alongside", "together", "against")
_NEWEST = "of the newest stored bar"


def _returns(span: str, words: tuple[str, ...]) -> Entry:
    base = f"the close of the newest session at or before {span} earlier, which may be 14 days older still"
    return Entry(Unit.PERCENT, f"close / {base}, minus 1, times 100", _RETURN + words, 2)


def _rank_of(what: str, words: tuple[str, ...]) -> Entry:
    formula = f"share of the last 252 sessions (at least 200 known) whose {what} is at or below the newest, times 100"
    return Entry(Unit.LEVEL, formula, _RANK + words, 1)


CATALOGUE: dict[str, Entry] = {
    "ticker": Entry(Unit.TEXT, "depositary receipt's name in the ticker list", (), 0),
    "yahoo_symbol": Entry(Unit.TEXT, "Yahoo's name of the share in the ticker list", (), 0),
    "company_name": Entry(Unit.TEXT, "name in the ticker list", (), 0),
    "exchange": Entry(Unit.TEXT, "exchange of the share in the ticker list", (), 0),
    "sector": Entry(Unit.TEXT, "sector in the ticker list, else in the vendor's company data", (), 0),
    "session": Entry(Unit.DATE, f"session {_NEWEST}", (), 0),
    "close": Entry(Unit.PRICE, f"close {_NEWEST}", _CLOSE),
    "previous_close": Entry(Unit.PRICE, "close of the stored bar before it, at most 14 days older", _CLOSE),
    "return_1d": Entry(Unit.PERCENT, "close / previous_close, minus 1, times 100", (*_RETURN, "day", "session"), 2),
    "return_1w": _returns("7 days", ("week", "weekly")),
    "return_1m": _returns("1 month", ("month", "monthly")),
    "return_3m": _returns("3 months", ("months", "quarter")),
    "return_1y": _returns("1 year", ("year", "yearly", "annual")),
    **{f"sma_{n}": Entry(Unit.PRICE, f"mean of the last {n} closes", _AVERAGE) for n in (20, 50, 200)},
    **{
        f"close_vs_sma_{n}": Entry(
            Unit.PERCENT, f"close / sma_{n}, minus 1, times 100", (*_AVERAGE, "above", "below"), 2
        )
        for n in (20, 50, 200)
    },
    "rsi_14": Entry(Unit.INDEX, "RSI over 14 sessions, Wilder's smoothing", ("rsi", "relative strength"), 1),
    "macd": Entry(Unit.PRICE, "EMA 12 minus EMA 26 of the closes, each started as a plain mean", _MACD),
    "macd_signal": Entry(Unit.PRICE, "EMA 9 of macd, started as a plain mean", (*_MACD, "signal")),
    "macd_histogram": Entry(Unit.PRICE, "macd minus macd_signal", (*_MACD, "histogram")),
    "bollinger_upper": Entry(Unit.PRICE, "mean of the last 20 closes + 2 population standard deviations", _BANDS),
    "bollinger_middle": Entry(Unit.PRICE, "mean of the last 20 closes", (*_BANDS, *_AVERAGE)),
    "bollinger_lower": Entry(Unit.PRICE, "mean of the last 20 closes - 2 population standard deviations", _BANDS),
    "atr_14": Entry(
        Unit.PRICE,
        "true range over 14 sessions, Wilder's smoothing, started as a plain mean without the first bar's",
        _ATR,
    ),
    "atr_percent": Entry(Unit.LEVEL, "atr_14 / close, times 100", _ATR, 2),
    "vwap_20": Entry(
        Unit.PRICE,
        "sum of (high + low + close) / 3 × volume / sum of volume, last 20 sessions",
        ("vwap", "volume-weighted", "volume weighted"),
    ),
    "volume": Entry(Unit.SHARES, f"volume {_NEWEST}", _VOLUME, 0),
    "volume_sma_20": Entry(Unit.SHARES, "mean volume of the last 20 sessions, to a whole share", _VOLUME, 0),
    "volume_ratio": Entry(Unit.RATIO, "volume / mean volume of the last 20 sessions, this one included", _VOLUME, 2),
    "high_52w": Entry(Unit.PRICE, "highest high after the same day a year earlier", _HIGH),
    "high_52w_date": Entry(Unit.DATE, "newest session whose high is high_52w", _HIGH, 0),
    "low_52w": Entry(Unit.PRICE, "lowest low after the same day a year earlier", _LOW),
    "low_52w_date": Entry(Unit.DATE, "newest session whose low is low_52w", _LOW, 0),
    "drawdown": Entry(
        Unit.PERCENT,
        "close / highest close after the same day a year earlier, minus 1, times 100",
        ("drawdown", "below", "peak", "high", "highest"),
        2,
    ),
    "volatility_30d": Entry(
        Unit.LEVEL,
        "sample standard deviation of the last 30 log returns, times √252, times 100",
        ("volatility", "volatile", "swings"),
        1,
    ),
    "rsi_percentile": _rank_of("rsi_14", ("rsi", "relative strength")),
    "volume_percentile": _rank_of("volume", ("volume", "turnover")),
    "atr_percentile": _rank_of("atr_percent", _ATR),
    "return_percentile": _rank_of("return_1d", ("return", "move", "gain", "loss")),
    "dividend_yield_12m": Entry(
        Unit.LEVEL,
        "dividends with ex-date after the same day a year earlier / close, times 100",
        ("dividend", "dividends", "yield", "yields", "payout"),
        2,
    ),
    **{
        f"peer_{n}": Entry(
            Unit.TEXT, "ticker by strength of correlation of daily log returns, 3 months, common sessions", _PEER, 0
        )
        for n in range(1, 6)
    },
    **{
        f"peer_{n}_correlation": Entry(
            Unit.INDEX,
            f"Pearson's correlation with peer_{n}: daily log returns between common sessions (at least 40) of 3 months",
            _PEER,
            2,
        )
        for n in range(1, 6)
    },
    **{f"news_{n}": Entry(Unit.TEXT, "headline, newest first, cleaned; written by others", (), 0) for n in range(1, 6)},
    **{f"news_{n}_date": Entry(Unit.DATE, f"UTC day news_{n} was published", (), 0) for n in range(1, 6)},
    "market_cap": Entry(
        Unit.PRICE,
        "marketCap as the vendor gave it",
        ("market cap", "market capitalisation", "market capitalization", "market value", "valued"),
        0,
    ),
    "trailing_pe": Entry(Unit.RATIO, "trailingPE as the vendor gave it", ("earnings", "p/e", "pe ratio"), 1),
    "forward_pe": Entry(Unit.RATIO, "forwardPE as the vendor gave it", ("earnings", "p/e", "pe ratio"), 1),
    "price_to_book": Entry(Unit.RATIO, "priceToBook as the vendor gave it", ("book",), 2),
    "beta": Entry(Unit.INDEX, "beta as the vendor gave it", ("beta",), 2),
    "revenue_growth": Entry(Unit.PERCENT, "revenueGrowth as the vendor gave it, times 100", ("revenue", "sales"), 1),
    "earnings_growth": Entry(Unit.PERCENT, "earningsGrowth as the vendor gave it, times 100", ("earnings",), 1),
    "profit_margin": Entry(Unit.PERCENT, "profitMargins as the vendor gave it, times 100", ("margin", "margins"), 1),
    "return_on_equity": Entry(
        Unit.PERCENT, "returnOnEquity as the vendor gave it, times 100", ("return on equity", "equity"), 1
    ),
}
"""By name, in the order of a sheet."""

COMPANY: dict[str, CompanyField] = {
    "market_cap": CompanyField("marketCap", above_zero=True),
    "trailing_pe": CompanyField("trailingPE", above_zero=True),
    "forward_pe": CompanyField("forwardPE", above_zero=True),
    "price_to_book": CompanyField("priceToBook", above_zero=True),
    "beta": CompanyField("beta"),
    "revenue_growth": CompanyField("revenueGrowth", 100.0),
    "earnings_growth": CompanyField("earningsGrowth", 100.0),
    "profit_margin": CompanyField("profitMargins", 100.0),
    "return_on_equity": CompanyField("returnOnEquity", 100.0),
}
"""dividendYield is not among them: its unit changed between releases; dividend_yield_12m is computed instead."""

_TOLD = {"ticker", "yahoo_symbol", "company_name", "exchange", "sector"}
OF_BARS = tuple(
    name for name in CATALOGUE if name not in _TOLD | COMPANY.keys() and not name.startswith(("peer_", "news_"))
)
"""The facts that only the ticker's own bars can give."""

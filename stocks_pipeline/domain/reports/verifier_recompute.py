"""Every fact that stored bars determine, computed again, by the verifier's own formulas.

What belongs here: names of facts and their values from bars. What does not: facts from the ticker list, the company
data and the news (verifier_sources.py).

A fact that history does not allow is not in the answer: a report may not show it. The noise bound of each value covers
what two correct algorithms in double precision may differ by, about 1e-9 of the size of what goes in; it is far below
half a unit of the last shown digit, except where a value lies on a tie.
"""

import math
from calendar import monthrange
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import numpy as np

from stocks_pipeline.domain.reports import verifier_series as own
from stocks_pipeline.domain.reports.verifier_display import Known
from stocks_pipeline.domain.reports.verifier_series import Bars

_NOISE = 1e-9
_GAP = 14
_SETTLED = 100
"""Closes before a MACD counts: its start shows until then."""
_YEAR, _SHORT = 252, 20
_MOST_PEERS, _LEAST_R, _LEAST_COMMON = 5, 0.3, 40


def recompute(bars: Bars, *, priced: bool) -> dict[str, Known]:
    """Every fact of the bars; without one currency (`priced` false) only those that are not money."""
    if not len(bars.close):
        return {}
    found = {"session": Known(bars.session(-1))}
    rsi, ranges = own.wilder_rsi(bars.close), own.wilder_atr(bars.high, bars.low, bars.close)
    prices = {**_closes(bars), **_averages(bars), **_lines(bars), **_extremes(bars), **_weighted(bars)}
    prices["atr_14"] = _money(float(ranges[-1]), bars)
    shares = ranges / bars.close * 100
    if priced:
        found |= prices
    found |= {
        **_returns(bars),
        **_distances(bars),
        **_momentum(bars, rsi, shares),
        **_ranks(bars, rsi, shares),
        **_volumes(bars),
        **_year(bars),
    }
    return {name: known for name, known in found.items() if _exists(known)}


def _exists(known: Known) -> bool:
    return not isinstance(known.value, float) or math.isfinite(known.value)


def _money(value: float, bars: Bars) -> Known:
    return Known(value, _NOISE * float(np.max(bars.close[-400:])))


def _share(value: float) -> Known:
    return Known(value, _NOISE * max(100.0, abs(value)))


def months_before(day: date, months: int) -> date:
    """The same day of an earlier month, or that month's last day."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _base(bars: Bars, day: date) -> float:
    """The close of the newest session up to `day` and at most two weeks before it."""
    at = int(np.count_nonzero(bars.day <= own.number_of(day))) - 1
    if at < 0 or own.number_of(day) - int(bars.day[at]) > _GAP:
        return math.nan
    return float(bars.close[at])


def _previous(bars: Bars) -> float:
    if len(bars.close) < 2 or bars.day[-1] - bars.day[-2] > _GAP:  # noqa: PLR2004 - this bar and the one before
        return math.nan
    return float(bars.close[-2])


def _closes(bars: Bars) -> dict[str, Known]:
    return {"close": Known(float(bars.close[-1])), "previous_close": Known(_previous(bars))}


def _returns(bars: Bars) -> dict[str, Known]:
    session, close = bars.session(-1), float(bars.close[-1])
    bases = {
        "return_1d": _previous(bars),
        "return_1w": _base(bars, session - timedelta(days=7)),
        "return_1m": _base(bars, months_before(session, 1)),
        "return_3m": _base(bars, months_before(session, 3)),
        "return_1y": _base(bars, months_before(session, 12)),
    }
    return {name: _share(100.0 * (close - base) / base) for name, base in bases.items()}


def _averages(bars: Bars) -> dict[str, Known]:
    return {f"sma_{span}": _money(own.mean_of_last(bars.close, span), bars) for span in (20, 50, 200)}


def _distances(bars: Bars) -> dict[str, Known]:
    means = {span: own.mean_of_last(bars.close, span) for span in (20, 50, 200)}
    return {f"close_vs_sma_{span}": _share(100.0 * (bars.close[-1] - mean) / mean) for span, mean in means.items()}


def _lines(bars: Bars) -> dict[str, Known]:
    """MACD and bands."""
    middle, spread = own.mean_of_last(bars.close, _SHORT), own.deviation_of_last(bars.close, _SHORT)
    values = {
        "bollinger_upper": middle + 2 * spread,
        "bollinger_middle": middle,
        "bollinger_lower": middle - 2 * spread,
    }
    if len(bars.close) >= _SETTLED:
        line, signal = (float(series[-1]) for series in own.macd(bars.close))
        values |= {"macd": line, "macd_signal": signal, "macd_histogram": line - signal}
    return {name: _money(value, bars) for name, value in values.items()}


def _momentum(bars: Bars, rsi: own.Floats, ranges: own.Floats) -> dict[str, Known]:
    moves = np.diff(np.log(bars.close[-31:]))
    swing = math.nan
    if len(moves) == 30:  # noqa: PLR2004 - in the fact's name
        middle = math.fsum(moves) / 30
        swing = math.sqrt(math.fsum((moves - middle) ** 2) / 29 * _YEAR) * 100
    return {
        "rsi_14": _share(float(rsi[-1])),
        "atr_percent": _share(float(ranges[-1])),
        "volatility_30d": _share(swing),
    }


def _ranks(bars: Bars, rsi: own.Floats, ranges: own.Floats) -> dict[str, Known]:
    moves = np.full(len(bars.close), math.nan)
    moves[1:] = (bars.close[1:] / bars.close[:-1] - 1) * 100
    ranks = {
        "rsi_percentile": own.ranks(rsi, smoothed=True),
        "atr_percentile": own.ranks(ranges, smoothed=True),
        "volume_percentile": own.ranks(bars.volume),
        "return_percentile": own.ranks(moves),
    }
    return {name: Known(found[0], _NOISE * 100, tuple(found[1:])) for name, found in ranks.items() if found}


def _volumes(bars: Bars) -> dict[str, Known]:
    newest, recent = float(bars.volume[-1]), bars.volume[-_SHORT:]
    found = {"volume": Known(int(newest))} if math.isfinite(newest) else {}
    mean = own.mean_of_last(recent, _SHORT)
    if math.isfinite(mean):
        found["volume_sma_20"] = Known(round(mean))
        found["volume_ratio"] = Known(newest / mean if mean else math.nan, _NOISE * (1 + newest / mean if mean else 1))
    return found


def _weighted(bars: Bars) -> dict[str, Known]:
    last = slice(-_SHORT, None)
    shares = bars.volume[last]
    if len(shares) < _SHORT or not np.isfinite(shares).all() or not shares.sum():
        return {}
    typical = (bars.high[last] + bars.low[last] + bars.close[last]) / 3
    return {"vwap_20": _money(math.fsum(typical * shares) / math.fsum(shares), bars)}


def _within_year(bars: Bars) -> Any:
    """Which rows lie after the same day a year earlier; None where the bars do not reach back that far."""
    start = own.number_of(months_before(bars.session(-1), 12))
    return bars.day > start if bars.day[0] - start <= _GAP else None


def _extremes(bars: Bars) -> dict[str, Known]:
    year = _within_year(bars)
    if year is None:
        return {}
    highs, lows = bars.high[year], bars.low[year]
    found = {}
    if np.isfinite(highs).any():
        found["high_52w"] = Known(float(np.nanmax(highs)))
    if np.isfinite(lows).any():
        found["low_52w"] = Known(float(np.nanmin(lows)))
    return found


def _year(bars: Bars) -> dict[str, Known]:
    year = _within_year(bars)
    if year is None:
        return {}
    offset, close = int(np.argmax(year)), float(bars.close[-1])
    found = {"drawdown": _share(100.0 * (close / float(bars.close[year].max()) - 1))}
    for name, known in _extremes(bars).items():
        column = bars.high if name == "high_52w" else bars.low
        found[f"{name}_date"] = Known(bars.session(offset + int(np.flatnonzero(column[year] == known.value)[-1])))
    start = own.number_of(months_before(bars.session(-1), 12))
    paid = bars.dividend[(bars.dividend_day > start) & (bars.dividend > 0)]
    if len(paid):
        found["dividend_yield_12m"] = _share(100.0 * math.fsum(paid) / close)
    return found


def peers_of(bars: Bars, others: Mapping[str, Any]) -> dict[str, Known]:
    """The five tickers that moved most like this one or against it over three months, by |r|, then by name."""
    if not len(bars.close):
        return {}
    session = bars.session(-1)
    start = own.number_of(months_before(session, 3))
    found = []
    for name, table in others.items():
        r = _correlated(bars, *own.read_closes(table, start, own.number_of(session)))
        if math.isfinite(r) and abs(r) >= _LEAST_R:
            found.append((-abs(r), name, max(-1.0, min(1.0, r))))
    facts: dict[str, Known] = {}
    for place, (_, name, r) in enumerate(sorted(found)[:_MOST_PEERS], start=1):
        facts |= {f"peer_{place}": Known(name), f"peer_{place}_correlation": Known(r, _NOISE)}
    return facts


def _correlated(bars: Bars, days: own.Days, closes: own.Floats) -> float:
    """Correlation of daily log returns between common sessions, given the other's."""
    common, mine, theirs = np.intersect1d(bars.day, days, assume_unique=True, return_indices=True)
    if len(common) < _LEAST_COMMON:
        return math.nan
    return own.correlation(np.diff(np.log(bars.close[mine])), np.diff(np.log(closes[theirs])))

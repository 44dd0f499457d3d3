"""Stored bars as plain columns, and the verifier's own indicators over them.

What belongs here: arithmetic on columns, each formula written out. What does not: which fact uses which
(verifier_recompute.py). No TA-Lib: the writer uses it, and two uses of one library agree by construction.

Every function returns nan (or a series of nan) where history does not suffice.
"""

import math
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Days = npt.NDArray[np.int64]
_SAME = 1e-9
"""Relative difference below which two values of a series differ by float noise only."""
_NO_MOVE = 1e-14
"""An average move below this is none: a share suspended for years."""
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Bars:
    """Columns of one symbol, oldest first, rows without a close above 0 left out; nan is a missing number.

    Days count from 1970-01-01. Dividends are of all rows, also those left out. `symbols` and `currencies` are the
    distinct ones the whole table names.
    """

    day: Days
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    dividend_day: Days
    dividend: Floats
    symbols: frozenset[str]
    currencies: frozenset[str]

    def session(self, at: int) -> date:
        """The date of a row."""
        return _EPOCH + timedelta(days=int(self.day[at]))


def number_of(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - _EPOCH).days


def read_bars(table: Any, until: date) -> Bars:
    """The rows of a PRICES table up to a day, in order of session."""
    day = _days(table)
    past = np.flatnonzero(day <= number_of(until))
    past = past[np.argsort(day[past], kind="stable")]
    prices = {name: _floats(table, name)[past] for name in ("high", "low", "close")}
    for column in prices.values():
        column[~(column > 0) | np.isinf(column)] = math.nan
    volume, dividend = _floats(table, "volume")[past], _floats(table, "dividend")[past]
    volume[~(volume >= 0)] = math.nan
    keep = np.isfinite(prices["close"])
    return Bars(
        day=day[past][keep],
        **{name: column[keep] for name, column in prices.items()},
        volume=volume[keep],
        dividend_day=day[past],
        dividend=dividend,
        symbols=_names(table, "symbol"),
        currencies=_names(table, "currency"),
    )


def read_closes(table: Any, after: int, until: int) -> tuple[Days, Floats]:
    """Sessions and closes of the usable rows later than day `after`, up to day `until`, in order."""
    day, close = _days(table), _floats(table, "close")
    keep = np.flatnonzero((day > after) & (day <= until) & (close > 0) & np.isfinite(close))
    keep = keep[np.argsort(day[keep], kind="stable")]
    return day[keep], close[keep]


def _days(table: Any) -> Days:
    return np.asarray(table.column("session").to_numpy(), dtype="datetime64[D]").astype(np.int64)


def _floats(table: Any, name: str) -> Floats:
    return np.array(table.column(name).to_numpy(), dtype=np.float64)


def _names(table: Any, name: str) -> frozenset[str]:
    return frozenset(value for value in table.column(name).unique().to_pylist() if value is not None)


def mean_of_last(values: Floats, span: int) -> float:
    """The mean of the last `span` values."""
    return math.fsum(values[-span:]) / span if len(values) >= span else math.nan


def deviation_of_last(values: Floats, span: int) -> float:
    """The population standard deviation of the last `span` values, two passes."""
    middle = mean_of_last(values, span)
    if math.isnan(middle):
        return math.nan
    return math.sqrt(math.fsum((value - middle) ** 2 for value in values[-span:].tolist()) / span)


def wilder_rsi(close: Floats, span: int = 14) -> Floats:
    """Wilder's RSI, one value a bar: the first smoothed move is a plain mean of `span`, then (n-1)/n old + 1/n new.

    It does not exist while the price has not moved, nor once the smoothed moves have died away to nothing.
    """
    series = np.full(len(close), math.nan)
    moves = np.diff(close).tolist()
    if len(moves) < span:
        return series
    up = math.fsum(max(move, 0.0) for move in moves[:span]) / span
    down = math.fsum(max(-move, 0.0) for move in moves[:span]) / span
    for at in range(span, len(close)):
        if at > span:
            move = moves[at - 1]
            up += (max(move, 0.0) - up) / span
            down += (max(-move, 0.0) - down) / span
        if up + down >= _NO_MOVE:
            series[at] = 100.0 * (up / (up + down))
        elif down and not up:
            series[at] = 0.0
    return series


def exponential(values: Floats, span: int, start: int | None = None) -> Floats:
    """EMA of factor 2/(span+1), seeded with the plain mean of the `span` values that end at index `start`."""
    series = np.full(len(values), math.nan)
    first = span - 1 if start is None else start
    if len(values) <= first or first < span - 1:
        return series
    level = math.fsum(values[first - span + 1 : first + 1]) / span
    series[first] = level
    for at, value in enumerate(values[first + 1 :].tolist(), first + 1):
        level += (value - level) * 2.0 / (span + 1)
        series[at] = level
    return series


def macd(close: Floats) -> tuple[Floats, Floats]:
    """MACD 12/26 and its signal 9; both averages are seeded at bar 26, the signal nine bars of MACD later."""
    line = exponential(close, 12, 25) - exponential(close, 26, 25)
    signal = np.full(len(close), math.nan)
    signal[25:] = exponential(line[25:], 9)
    return line, signal


def wilder_atr(high: Floats, low: Floats, close: Floats, span: int = 14) -> Floats:
    """Wilder's average true range, one value a bar; the first bar has no close before it and no true range.

    Bars without a high or low are passed over: nan there, the next range is against the last whole bar.
    """
    series = np.full(len(close), math.nan)
    whole = np.isfinite(high) & np.isfinite(low)
    if not whole.all():
        series[whole] = wilder_atr(high[whole], low[whole], close[whole], span)
        return series
    if len(close) <= span:
        return series
    before = close[:-1]
    ranges = np.maximum(high[1:], before) - np.minimum(low[1:], before)
    level = math.fsum(ranges[:span]) / span
    series[span] = level
    for at, value in enumerate(ranges[span:].tolist(), span + 1):
        level += (value - level) / span
        series[at] = level
    return series


def ranks(values: Floats, *, smoothed: bool = False, window: int = 252, least: int = 200) -> list[float]:
    """The percentage of the last `window` values at or below the newest.

    Of a smoothed series several answers may be right: an RSI stands still in theory while a price does, and how its
    last bit falls depends on the algorithm, so values that differ by float noise may count or not. None where the
    newest is missing or fewer than `least` of the window exist.
    """
    year = values[-window:]
    known = year[np.isfinite(year)]
    if len(known) < least or not np.isfinite(values[-1]):
        return []
    now = float(values[-1])
    if not smoothed:
        return [100.0 * int(np.count_nonzero(known <= now)) / len(known)]
    noise = _SAME * max(1.0, abs(now))
    surely, perhaps = int(np.count_nonzero(known < now - noise)) + 1, int(np.count_nonzero(known <= now + noise))
    return [100.0 * each / len(known) for each in range(surely, perhaps + 1)]


def correlation(first: Floats, second: Floats) -> float:
    """Pearson's r of two columns of equal length; nan where one does not move."""
    one, two = first - first.mean(), second - second.mean()
    size = math.sqrt(math.fsum(one * one) * math.fsum(two * two))
    return math.fsum(one * two) / size if size else math.nan

"""Technical indicators over the stored bars of one symbol, by TA-Lib, with the holes in the data handled first.

What belongs here: the bars as clean columns and the indicator series over them. What does not: which of them a report
quotes (reports/facts.py) and how they are drawn (reports/chart_series.py).

Rows without a close are left out before anything is computed, and counted: one NaN inside turns TA-Lib's RSI into 0.0
for good. What cannot be computed is NaN, never a default. talib imports pandas, hence inside the functions.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow.compute as pc

from stocks_pipeline.domain.prices import Bars, Floats, Ints, day_number

SETTLED = 100
"""Closes before a MACD is believed. TA-Lib starts EMA 12 as the mean of the 12 closes up to the 26th, textbooks as that
of the first 12; by now no more than 1e-5 of the difference is left."""
_ATR = 14
_RSI = 14


@dataclass(frozen=True)
class History:
    """The bars of one symbol up to a session, oldest first, as columns of equal length; a missing number is NaN.

    `days` count from 1970-01-01. Every row has a close above 0; `dropped` rows had none. `dividend_days` and
    `dividends` are of all rows, those too. `currencies` are the distinct ones the rows name, sorted.
    """

    days: Ints
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    dividend_days: Ints
    dividends: Floats
    dropped: int
    currencies: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.days)


def history(bars: Any, until: date) -> History:
    """The usable rows of a PRICES table of one symbol, at or before `until`.

    Raises:
        ValueError: more than one symbol, or two rows of one session: mixed prices make no series.
    """
    view = Bars.of(bars)
    if len(view.names) > 1:
        raise ValueError(f"bars of {len(view.names)} symbols: {', '.join(view.names[:5])}")
    if (np.diff(view.days) == 0).any():
        raise ValueError(f"two bars of {view.names[0]} for one session")
    past = view.days <= day_number(until)
    close, high, low = (_above_zero(view.number(name)) for name in ("close", "high", "low"))
    volume = view.number("volume")
    keep = past & np.isfinite(close)
    return History(
        days=view.days[keep],
        high=high[keep],
        low=low[keep],
        close=close[keep],
        volume=np.where(volume >= 0, volume, np.nan)[keep],
        dividend_days=view.days[past],
        dividends=view.number("dividend")[past],
        dropped=int(past.sum() - keep.sum()),
        currencies=tuple(sorted(set(pc.unique(bars.column("currency")).to_pylist()) - {None})),
    )


def indicators(past: History) -> dict[str, Floats]:
    """Every indicator as a series beside `past.days`, NaN where it does not exist.

    sma_20, sma_50, sma_200, rsi_14, macd, macd_signal, macd_histogram, bollinger_upper, bollinger_middle,
    bollinger_lower and atr_14 are in the currency of the bars, except RSI (0 to 100); atr_percent and return_1d are
    percent of the close and of the close before.
    """
    close = past.close
    atr = average_true_range(past.high, past.low, close)
    before = np.concatenate(([np.nan], close[:-1])) if len(close) else close
    return {
        **{f"sma_{span}": moving_average(close, span) for span in (20, 50, 200)},
        "rsi_14": relative_strength(close),
        **dict(zip(("macd", "macd_signal", "macd_histogram"), convergence(close), strict=True)),
        **dict(zip(("bollinger_upper", "bollinger_middle", "bollinger_lower"), bollinger(close), strict=True)),
        "atr_14": atr,
        "atr_percent": atr / close * 100,
        "return_1d": (close / before - 1) * 100,
    }


def moving_average(values: Floats, span: int) -> Floats:
    """The plain mean of the last `span` values."""
    import talib

    return _nothing(values) if len(values) < span else talib.SMA(values, timeperiod=span)


def relative_strength(close: Floats) -> Floats:
    """RSI 14 with Wilder's smoothing (New Concepts in Technical Trading Systems, 1978), 0 to 100.

    It does not exist before the price has moved at all: TA-Lib says 0.0 there, as if it had only fallen.
    """
    import talib

    if len(close) <= _RSI:
        return _nothing(close)
    change = np.diff(close, prepend=close[0])
    moved = np.cumsum(change != 0) > 0
    risen = np.cumsum(change > 0) > 0
    rsi = talib.RSI(close, timeperiod=_RSI)
    # 0.0 after a rise is TA-Lib giving up on averages below 1e-14, at the end of a very long suspension.
    return np.where(moved & ~(risen & (rsi == 0)), rsi, np.nan)


def convergence(close: Floats) -> tuple[Floats, Floats, Floats]:
    """MACD 12/26/9: line, signal, histogram; NaN for the first closes, where the averages' start still shows."""
    import talib

    if len(close) < SETTLED:
        return _nothing(close), _nothing(close), _nothing(close)
    lines = talib.MACD(close, fastperiod=12, slowperiod=26, signalperiod=9)
    settled = np.arange(1, len(close) + 1) >= SETTLED
    line, signal, histogram = (np.where(settled, values, np.nan) for values in lines)
    return line, signal, histogram


def bollinger(close: Floats) -> tuple[Floats, Floats, Floats]:
    """Bollinger bands, upper, middle, lower: the 20-session mean ± 2 population standard deviations."""
    import talib

    if len(close) < 20:  # noqa: PLR2004 - the span of the bands, as in their name
        return _nothing(close), _nothing(close), _nothing(close)
    # TA-Lib takes the difference of squares; around the last price it keeps the digits that a price of 85,000 costs.
    origin = close[-1]
    upper, middle, lower = talib.BBANDS(close - origin, timeperiod=20, nbdevup=2, nbdevdn=2)
    return upper + origin, middle + origin, lower + origin


def average_true_range(high: Floats, low: Floats, close: Floats) -> Floats:
    """ATR 14 with Wilder's smoothing, started as the mean of the 14 true ranges after the first bar.

    Rows without a high or low are passed over: NaN there, and the range after them is against the bar before them.
    """
    import talib

    whole = np.isfinite(high) & np.isfinite(low)
    result = _nothing(close)
    if whole.sum() > _ATR:
        result[whole] = talib.ATR(high[whole], low[whole], close[whole], timeperiod=_ATR)
    return result


def percentile(values: Floats, window: int = 252, least: int = 200) -> float:
    """The share, in percent, of the last `window` values that are at or below the newest one, itself included.

    NaN where the newest is missing or fewer than `least` of the window exist.
    """
    year = values[-window:]
    known = year[np.isfinite(year)]
    if len(known) < least or not np.isfinite(values[-1]):
        return float("nan")
    return float((known <= values[-1]).mean() * 100)


def _above_zero(values: Floats) -> Floats:
    return np.where(np.isfinite(values) & (values > 0), values, np.nan)


def _nothing(values: Floats) -> Floats:
    return np.full(len(values), np.nan)

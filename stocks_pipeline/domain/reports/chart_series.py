"""What a chart draws, as numpy columns: the sessions shown, and averages, RSI and MACD over the whole history.

What belongs here: bars of one symbol turned into series of equal length. What does not: drawing (chart.py), the
numbers a report quotes (facts.py) and the indicators (../indicators.py): those of the facts, so that a line exists
exactly where a fact does.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from stocks_pipeline.domain.indicators import convergence, relative_strength
from stocks_pipeline.domain.reports.svg import Floats

SHOWN = 126
"""Sessions drawn: half a year, at about eight pixels each. Averages still use every earlier bar."""
AVERAGES = (20, 50, 200)


@dataclass(frozen=True)
class Series:
    """Columns of equal length, oldest session first. A number that does not exist is NaN."""

    sessions: tuple[date, ...]
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    dividend: Floats
    split: Floats
    averages: dict[int, Floats]
    volume_average: Floats
    rsi: Floats
    macd: Floats
    signal: Floats
    histogram: Floats
    previous_close: float

    @property
    def change(self) -> float | None:
        """Percent from the close before to the newest, as shown with two decimals; None for the very first bar."""
        if not np.isfinite(self.previous_close):
            return None
        return round((float(self.close[-1]) / self.previous_close - 1) * 100, 2)

    def __len__(self) -> int:
        return len(self.sessions)


def series(bars: Any, shown: int = SHOWN) -> Series:
    """The last `shown` sessions of a table of schemas.PRICES rows of one symbol, sorted by session.

    Bars without a usable close (missing, not finite, not above zero) are left out: one NaN inside would turn TA-Lib's
    RSI into 0.0 for good. A high, low or open that is missing or not above zero is NaN.

    Raises:
        ValueError: no bar has a close.
    """
    close = _numbers(bars, "close")
    keep = np.isfinite(close) & (close > 0)
    if not keep.any():
        raise ValueError("no bar has a close: there is nothing to draw")
    close = close[keep]
    sessions = [day for day, kept in zip(bars.column("session").to_pylist(), keep, strict=True) if kept]
    volume = _numbers(bars, "volume")[keep]
    macd, signal, histogram = convergence(close)
    tail = slice(-shown, None)
    return Series(
        sessions=tuple(sessions[tail]),
        **{name: _positive(_numbers(bars, name)[keep])[tail] for name in ("open", "high", "low")},
        close=close[tail],
        volume=volume[tail],
        dividend=_numbers(bars, "dividend")[keep][tail],
        split=_numbers(bars, "split")[keep][tail],
        averages={span: _average(close, span)[tail] for span in AVERAGES},
        volume_average=_average(volume, 20)[tail],
        rsi=relative_strength(close)[tail],
        macd=macd[tail],
        signal=signal[tail],
        histogram=histogram[tail],
        previous_close=float(close[-2]) if len(close) > 1 else float("nan"),
    )


def _numbers(bars: Any, name: str) -> Floats:
    return np.array([np.nan if value is None else value for value in bars.column(name).to_pylist()], dtype=np.float64)


def _positive(values: Floats) -> Floats:
    return np.where(np.isfinite(values) & (values > 0), values, np.nan)


def _average(values: Floats, span: int) -> Floats:
    """The mean of the last `span` values; NaN only while one of them is missing (TA-Lib's stays NaN for good)."""
    result = np.full(len(values), np.nan)
    if len(values) >= span:
        result[span - 1 :] = np.lib.stride_tricks.sliding_window_view(values, span).mean(axis=1)
    return result

"""The part of a series that one chart request asks for, and how data faults spoil it.

What belongs here: ranges to bars, and wrong data by name. What does not: HTTP and JSON (yahoo.py).
"""

from calendar import monthrange
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from stocks_pipeline.sandbox.faults import Fault
from stocks_pipeline.sandbox.series import Dividend, Series, Split

_MONTHS = {"1mo": 1, "3mo": 3, "6mo": 6, "1y": 12, "2y": 24, "5y": 60, "10y": 120}
_DAYS = {"1d": 1, "5d": 5}
VALID_RANGES = ("1d", "5d", "1mo", "3mo", "6mo", "1y", "2y", "5y", "10y", "ytd", "max")


@dataclass(frozen=True)
class Window:
    """The bars of `series` from `first` up to, not including, `last`; unix seconds `start` and `end` were asked for."""

    series: Series
    first: int
    last: int
    start: int
    end: int
    last_is_null: bool = False

    @property
    def bars(self) -> int:
        return self.last - self.first

    def events(self) -> tuple[list[Dividend], list[Split]]:
        """What happened in the window."""
        dividends = [paid for paid in self.series.dividends if self.start <= paid.ts < self.end]
        splits = [split for split in self.series.splits if self.start <= split.ts < self.end]
        return dividends, splits


def between(series: Series, start: int, end: int) -> Window:
    """The bars with start <= timestamp < end."""
    first, last = np.searchsorted(series.ts, (start, end))
    return Window(series, int(first), int(last), start, end)


def named(series: Series, name: str, now: int) -> Window:
    """The bars of one of VALID_RANGES: `5d` counts sessions, the months go back on the calendar from `now`."""
    if name in _DAYS:
        bars = len(series.ts)
        first = max(0, bars - _DAYS[name])
        return Window(series, first, bars, int(series.ts[first]) if bars else now, now + 1)
    today = datetime.fromtimestamp(now, ZoneInfo(series.exchange.tz)).date()
    if name == "max":
        return between(series, 0, now + 1)
    since = date(today.year, 1, 1) if name == "ytd" else _months_before(today, _MONTHS[name])
    return between(series, series.exchange.end_of(since - timedelta(days=1)) + 1, now + 1)


def _months_before(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def spoil_series(series: Series, faults: list[Fault]) -> Series:
    """The series as a vendor with these data faults has it."""
    for fault in faults:
        if fault.name == "stale":
            series = _without(series, -int(fault.param("days", 3)))
        elif fault.name == "delisted" and fault.param("days", 0):
            series = _without(series, -int(fault.param("days", 0)))
        elif fault.name == "split_today":
            series = _split(
                series, Fraction(fault.param("ratio", 4)).limit_denominator(1000), bool(fault.param("adjusted", True))
            )
        elif fault.name == "x100":
            series = _scaled(series, fault.param("factor", 100), int(fault.param("bars", 1)))
        elif fault.name == "missing_day":
            series = _missing(series, int(fault.param("days_ago", 1)))
    return series


def spoil_window(window: Window, faults: list[Fault]) -> Window:
    """The window as a vendor with these data faults has it."""
    for fault in faults:
        if fault.name == "empty":
            window = replace(window, last=window.first)
        elif fault.name == "nan_last_row":
            window = replace(window, last_is_null=True)
    return window


_COLUMNS = ("ts", "open", "high", "low", "close", "adj_close", "volume")
_PRICES = ("open", "high", "low", "close", "adj_close")


def _without(series: Series, bars: int) -> Series:
    """Only the first bars, or with a negative number all but so many of the last."""
    return replace(series, **{name: getattr(series, name)[:bars] for name in _COLUMNS}) if bars else series


def _missing(series: Series, days_ago: int) -> Series:
    at = len(series.ts) - 1 - days_ago
    columns: dict[str, Any] = {name: np.delete(getattr(series, name), at) for name in _COLUMNS} if at >= 0 else {}
    return replace(series, **columns)


def _scaled(series: Series, factor: float, bars: int) -> Series:
    scale = np.ones(len(series.ts))
    scale[max(0, len(scale) - bars) if bars else 0 :] = factor
    return replace(series, **{name: getattr(series, name) * scale for name in _PRICES})


def _split(series: Series, ratio: Fraction, adjusted: bool) -> Series:  # noqa: FBT001 - the fault's own switch
    """A split with the newest bar; a vendor that is behind has not adjusted the bars before it."""
    if not len(series.ts):
        return series
    factor = np.full(len(series.ts), float(ratio))
    if not adjusted:
        factor[:-1] = 1.0
    columns = {name: getattr(series, name) / factor for name in _PRICES}
    volume = np.rint(series.volume * factor).astype(np.int64)
    return replace(series, **columns, volume=volume, splits=(*series.splits, Split(int(series.ts[-1]), ratio)))

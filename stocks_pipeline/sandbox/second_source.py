"""The market as a second vendor sees it: the same bars with small differences, and large ones on purpose.

What belongs here: this vendor's numbers and how its data faults spoil them. What does not: the wire (twelve_data.py).
In a simulated world it rounds otherwise, by at most half a cent or 0.05 % of a price and 50 shares or 0.005 % of a
volume, always the same for a symbol and day. In a replayed one it shows `twelve_data_*.parquet` as recorded, and where
there is none the first vendor's bars, rounded otherwise.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stocks_pipeline.sandbox.chance import number
from stocks_pipeline.sandbox.faults import Fault
from stocks_pipeline.sandbox.market import Market
from stocks_pipeline.sandbox.series import Floats, History, Ints, Series, split_factor

ADJUSTMENTS = ("all", "splits", "dividends", "none")
_PRICES = ("open", "high", "low", "close")
_RECENT = 20  # bars in which a payment counts as visible
_DIVIDEND = 0.97  # prices before a payment of 3 %
_ELSEWHERE = 0.62  # the level of the other listing
_CACHED = 1000


@dataclass(frozen=True)
class Bars:
    """One symbol's daily bars, oldest first.

    `days` are dates on the exchange's calendar, `payments` (ex-date, share of the close before it), `newest_ts` the
    newest session's opening in unix seconds. A price of NaN is sent as such.
    """

    symbol: str
    name: str
    mic: str
    exchange: str
    currency: str
    tz: str
    days: NDArray[np.datetime64]
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Ints
    payments: tuple[tuple[date, float], ...] = ()
    newest_ts: int = 0

    def take(self, which: Any) -> "Bars":
        """The bars that a slice, mask or index array picks."""
        return replace(self, days=self.days[which], **{n: getattr(self, n)[which] for n in (*_PRICES, "volume")})

    def between(self, start: date | None, end: date | None) -> "Bars":
        """The bars of start <= day <= end."""
        mask = np.ones(len(self.days), dtype=bool)
        if start is not None:
            mask &= self.days >= np.datetime64(start)
        if end is not None:
            mask &= self.days <= np.datetime64(end)
        return self.take(mask)


class SecondSource:
    """This vendor's market."""

    def __init__(self, seed: int, market: Market, replay: Path | None) -> None:
        self._seed = seed
        self._market = market
        self._recorded: dict[str, History] = {}
        if replay is not None:
            from stocks_pipeline.sandbox.replay import read_recorded

            for file in sorted(replay.glob("twelve_data_*.parquet")):
                self._recorded |= read_recorded(file)
        self._cached = lru_cache(maxsize=_CACHED)(self._bars)

    def bars(self, symbol: str, now: int, adjust: str = "splits") -> Bars | None:
        """The symbol (as the first vendor names it) as known at `now`, unix seconds; None if unknown."""
        recorded = self._recorded.get(symbol)
        if recorded is not None:
            count = int(np.searchsorted(recorded.ts, now, side="right"))
            series = recorded.as_of(count, int(recorded.ts[count - 1])) if count else None
            return None if series is None else _shown(series, adjust)
        known = None if self._recorded else self._market.series(symbol, now)
        return None if known is None or not len(known.ts) else self._cached(symbol, int(known.ts[-1]), adjust)

    def _bars(self, symbol: str, newest: int, adjust: str) -> Bars | None:
        series = self._market.series(symbol, newest)
        return None if series is None else _rounded(_shown(series, adjust), self._seed)


def _shown(series: Series, adjust: str) -> Bars:
    """A series on one of the four bases. `close` of a series is adjusted for splits only."""
    factor: Floats = np.ones(len(series.ts))
    if adjust in {"all", "dividends"}:
        factor = series.adj_close / np.where(series.close == 0, 1.0, series.close)
    undone = split_factor(series.ts, series.splits) if adjust in {"none", "dividends"} else np.ones(len(series.ts))
    exchange = series.exchange
    days = np.array([exchange.day_of(ts) for ts in series.ts.tolist()], dtype="datetime64[D]")
    us = not exchange.suffix
    return Bars(
        series.symbol.rpartition(".")[0] or series.symbol.replace("-", "."),
        series.name,
        "XNGS" if us else exchange.mic,
        "NASDAQ" if us else exchange.code,
        exchange.currency,
        exchange.tz,
        days,
        series.open * factor * undone,
        series.high * factor * undone,
        series.low * factor * undone,
        series.close * factor * undone,
        np.rint(series.volume / undone).astype(np.int64),
        _payments(series),
        int(series.ts[-1]),
    )


def _payments(series: Series) -> tuple[tuple[date, float], ...]:
    found = []
    for paid in series.dividends:
        at = int(np.searchsorted(series.ts, paid.ts))
        if 0 < at <= len(series.ts) and paid.amount < series.close[at - 1]:
            found.append((series.exchange.day_of(paid.ts), float(paid.amount / series.close[at - 1])))
    return tuple(found)


def _rounded(bars: Bars, seed: int) -> Bars:
    """The small differences between two vendors."""
    prices = {}
    for name in _PRICES:
        price = getattr(bars, name)
        room = np.minimum(0.005, 0.0005 * price)
        prices[name] = np.round(price + 2 * room * _noise(bars.days, seed, bars.symbol, name), 5)
    room = np.minimum(50.0, 0.00005 * bars.volume)
    volume = bars.volume + np.rint(2 * room * _noise(bars.days, seed, bars.symbol, "volume")).astype(np.int64)
    return replace(bars, **prices, volume=volume)


def _noise(days: NDArray[np.datetime64], *parts: object) -> Floats:
    """From -0.5 up to 0.5 for each day, a hash of the day and of the parts (splitmix64)."""
    mixed = (days.astype(np.int64).astype(np.uint64) + np.array([number(*parts)], dtype=np.uint64)) * np.array(
        [0x9E3779B97F4A7C15], dtype=np.uint64
    )
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.array([factor], dtype=np.uint64)
    found: Floats = (mixed ^ (mixed >> np.uint64(31))).astype(np.float64) / 2.0**64 - 0.5
    return found


def spoil(bars: Bars, faults: Sequence[Fault], seed: int) -> Bars:
    """The bars as a vendor with these data faults has them."""
    for fault in faults:
        if fault.name == "wrong_listing":
            bars = _elsewhere(bars, seed)
        elif fault.name in _SPOILERS:
            bars = _SPOILERS[fault.name](bars, fault)
    return bars


def _at(bars: Bars, fault: Fault) -> int:
    return max(0, len(bars.days) - 1 - int(fault.param("days_ago", 1)))


def _scaled(bars: Bars, which: slice, factor: float, *, volume: float = 1.0) -> Bars:
    scale, shares = np.ones(len(bars.days)), np.ones(len(bars.days))
    scale[which], shares[which] = factor, volume
    prices = {name: np.round(getattr(bars, name) * scale, 5) for name in _PRICES}
    return replace(bars, **prices, volume=np.rint(bars.volume * shares).astype(np.int64))


def _extra_day(bars: Bars, _: Fault) -> Bars:
    """The bar before the newest weekend or holiday once more, on the day after it."""
    gaps = np.flatnonzero(np.diff(bars.days) > np.timedelta64(1, "D"))
    if not len(gaps):
        return bars
    at = int(gaps[-1])
    repeated = bars.take(np.insert(np.arange(len(bars.days)), at + 1, at))
    days = repeated.days.copy()
    days[at + 1] += np.timedelta64(1, "D")
    return replace(repeated, days=days)


def _dividend_basis(bars: Bars, fault: Fault) -> Bars:
    """Adjusted for the payments of late; without any, or with params, for one of 3 % five sessions ago."""
    recent = bars.days[-_RECENT:]
    seen = [(day, paid) for day, paid in bars.payments if len(recent) and np.datetime64(day) > recent[0]]
    if not seen or set(fault.params) & {"days", "factor"}:
        older = slice(0, max(0, len(bars.days) - int(fault.param("days", 5))))
        return _scaled(bars, older, fault.param("factor", _DIVIDEND))
    for day, paid in seen:
        bars = _scaled(bars, slice(0, int(np.searchsorted(bars.days, np.datetime64(day)))), 1 - paid)
    return bars


def _split_basis(bars: Bars, fault: Fault) -> Bars:
    ratio, older = fault.param("ratio", 4), slice(0, max(0, len(bars.days) - int(fault.param("days", 5))))
    return _scaled(bars, older, ratio, volume=1 / ratio)


def _x100(bars: Bars, fault: Fault) -> Bars:
    count = int(fault.param("bars", 1))
    newest = slice(max(0, len(bars.days) - count) if count else 0, None)
    return _scaled(bars, newest, fault.param("factor", 100))


def _one_off(bars: Bars, fault: Fault) -> Bars:
    at = _at(bars, fault)
    return _scaled(bars, slice(at, at + 1), fault.param("factor", 1.05))


def _nan_close(bars: Bars, fault: Fault) -> Bars:
    close = bars.close.copy()
    close[max(0, len(close) - int(fault.param("bars", 1))) :] = np.nan
    return replace(bars, close=close)


def _elsewhere(bars: Bars, seed: int) -> Bars:
    """Another security under the same symbol: its own path, level, currency and a hundredth of the volume."""
    path = np.exp(np.cumsum(0.03 * _noise(bars.days, seed, bars.symbol, "elsewhere")))
    middle = float(np.median(bars.close)) if len(bars.close) else 0.0
    factor = _ELSEWHERE * middle * path / np.where(bars.close == 0, 1.0, bars.close)
    prices = {name: np.round(getattr(bars, name) * factor, 5) for name in _PRICES}
    return replace(bars, **prices, volume=bars.volume // 97, exchange="TSX", mic="XTSE", currency="CAD")


_SPOILERS: Mapping[str, Callable[[Bars, Fault], Bars]] = {
    "stale": lambda bars, fault: bars.take(slice(0, max(0, len(bars.days) - int(fault.param("days", 3))))),
    "missing_day": lambda bars, fault: bars.take(np.arange(len(bars.days)) != _at(bars, fault)),
    "extra_day": _extra_day,
    "x100": _x100,
    "one_off": _one_off,
    "dividend_basis": _dividend_basis,
    "split_basis": _split_basis,
    "nan_close": _nan_close,
    "empty": lambda bars, _: bars.take(slice(0, 0)),
}

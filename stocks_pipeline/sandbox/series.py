"""One symbol's bars: as they happened (`History`) and as the vendor shows them on a given day (`Series`).

What belongs here: hiding the future, split and dividend adjustment as of a day. What does not: where the bars come
from (walk.py, replay.py) and the JSON on the wire (yahoo.py). Prices are in the exchange's quote currency per share,
timestamps are unix seconds of the session's opening.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from stocks_pipeline.sandbox.exchanges import Exchange

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """`ratio` new shares for one old share, from the opening at `ts` on."""

    ts: int
    ratio: Fraction


@dataclass(frozen=True)
class Dividend:
    """`amount` per share to those who held it before the opening at `ts`."""

    ts: int
    amount: float


@dataclass(frozen=True)
class History:
    """A symbol's whole life, adjusted for the splits in `undone` only: none where it holds the traded prices.

    Attributes:
        undone: The splits that a recording was adjusted for; a day that did not know them undoes them.
        adj_close: The recorded adjusted close, where there is one; otherwise it is computed.
        single: The vendor's simulated numbers are single precision, as the real ones are; recorded ones stay exact.
    """

    symbol: str
    name: str
    kind: str
    exchange: Exchange
    ts: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Ints
    dividends: tuple[Dividend, ...]
    splits: tuple[Split, ...]
    adj_close: Floats | None = None
    undone: tuple[Split, ...] = ()
    single: bool = True

    def as_of(self, bars: int, now: int) -> "Series":
        """The first `bars` bars, adjusted for the splits and dividends known at `now`, for no later ones."""
        ts = self.ts[:bars]
        splits = tuple(split for split in self.splits if split.ts <= now)
        factor = split_factor(ts, splits) / split_factor(ts, self.undone)
        close = self.close[:bars] / factor
        dividends = tuple(
            Dividend(paid.ts, round(paid.amount * _after(self.undone, paid.ts) / _after(splits, paid.ts), 6))
            for paid in self.dividends
            if paid.ts <= now
        )
        shape = np.float32 if self.single else np.float64
        adjusted = dividend_adjusted(ts, close, dividends) if self.adj_close is None else self._recorded(bars, close)
        prices = (self.open[:bars] / factor, self.high[:bars] / factor, self.low[:bars] / factor, close, adjusted)
        opened, high, low, close, adjusted = (column.astype(shape).astype(np.float64) for column in prices)
        volume = np.rint(self.volume[:bars] * factor).astype(np.int64)
        return Series(
            self.symbol,
            self.name,
            self.kind,
            self.exchange,
            ts,
            opened,
            high,
            low,
            close,
            adjusted,
            volume,
            dividends,
            splits,
        )

    def _recorded(self, bars: int, close: Floats) -> Floats:
        """The recorded adjusted close without the payments that lie after the last visible bar."""
        if self.adj_close is None or bars == len(self.ts):
            return close if self.adj_close is None else self.adj_close
        recorded = self.adj_close[:bars]
        return recorded * (close[-1] / recorded[-1]) if bars else recorded


@dataclass(frozen=True)
class Series:
    """A symbol on one day as the vendor shows it: `close` is split-adjusted, `adj_close` dividend-adjusted too."""

    symbol: str
    name: str
    kind: str
    exchange: Exchange
    ts: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    adj_close: Floats
    volume: Ints
    dividends: tuple[Dividend, ...]
    splits: tuple[Split, ...]


def _after(splits: Sequence[Split], ts: int) -> float:
    """How many of today's shares one share held just before `ts` became through the splits after it."""
    factor = 1.0
    for split in splits:
        if split.ts > ts:
            factor *= float(split.ratio)
    return factor


def split_factor(ts: Ints, splits: Sequence[Split]) -> Floats:
    """Per bar, what a traded price is divided by to be comparable with the newest one."""
    factor = np.ones(len(ts))
    for split in splits:
        factor[: int(np.searchsorted(ts, split.ts))] *= float(split.ratio)
    return factor


def dividend_adjusted(ts: Ints, close: Floats, dividends: Sequence[Dividend]) -> Floats:
    """Closes times the product of (1 - dividend / close before it) over the later dividends: the vendor's rule."""
    factor = np.ones(len(ts))
    for paid in dividends:
        at = int(np.searchsorted(ts, paid.ts))
        if 0 < at <= len(ts) and paid.amount < close[at - 1]:
            factor[:at] *= 1.0 - paid.amount / close[at - 1]
    return close * factor

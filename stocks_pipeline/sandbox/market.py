"""The simulated market: any symbol, from a seed, on the real exchange calendars.

What belongs here: which symbols exist on which day, and the cache of their lives. What does not: how a price moves
(walk.py), recorded markets (replay.py), the wire (yahoo.py, asx.py).
"""

from datetime import date, timedelta
from functools import cache, lru_cache
from typing import Protocol

import numpy as np

from stocks_pipeline.domain.calendars import calendar
from stocks_pipeline.sandbox.chance import chance
from stocks_pipeline.sandbox.companies import EPOCH, FAMILIAR, ListedCompany, listed, register
from stocks_pipeline.sandbox.exchanges import ASX, INDICES, Exchange, exchange_of
from stocks_pipeline.sandbox.series import History, Ints, Series
from stocks_pipeline.sandbox.walk import Subject, simulate

# The vendor goes on showing a delisted company for some weeks, then knows nothing of it.
_FORGOTTEN_AFTER = timedelta(days=30)
_NEWCOMERS = 0.05
_CACHED = 2500  # lives of about 65 kB each: 160 MB when all the ASX is in it


class Market(Protocol):
    """Where prices and listings come from: simulated here, recorded in replay.py.

    Attributes:
        kind: `simulated` or `replayed`; in a header of every answer.
        unknown: What the vendor says of a symbol that it does not know.
    """

    kind: str
    unknown: str

    def series(self, symbol: str, now: int) -> Series | None:
        """The symbol as known at `now` (unix seconds); None if the vendor does not know it."""
        ...

    def companies(self, day: date) -> list[ListedCompany]:
        """The companies listed on the ASX on a day, by name."""
        ...

    def listing_file(self, day: date) -> bytes | None:
        """The recorded listing file to serve as it is, if there is one."""
        ...

    def recording(self) -> dict[str, bool]:
        """Every recorded symbol and whether its prices are recorded adjusted already; empty where none is recorded."""
        ...


class SimulatedMarket:
    """A whole world from one number."""

    kind = "simulated"
    unknown = "No data found, symbol may be delisted"

    def __init__(self, seed: int, *, companies: int, unknown_share: float) -> None:
        self._seed = seed
        self._unknown_share = unknown_share
        self._register = register(seed, companies)
        self._cached = lru_cache(maxsize=_CACHED)(self._series)
        self._listed = lru_cache(maxsize=8)(lambda day: listed(self._register, day))

    def series(self, symbol: str, now: int) -> Series | None:
        exchange = exchange_of(symbol)
        if exchange is None or not self._knows(symbol, exchange, now):
            return None
        bars = int(np.searchsorted(session_opens(exchange), now, side="right"))
        return self._cached(symbol, bars)

    def companies(self, day: date) -> list[ListedCompany]:
        found: list[ListedCompany] = self._listed(day)
        return found

    def listing_file(self, day: date) -> bytes | None:
        del day
        return None

    def recording(self) -> dict[str, bool]:
        return {}

    def _company(self, symbol: str, exchange: Exchange) -> ListedCompany | None:
        return self._register.get(symbol.removesuffix(".AX")) if exchange is ASX else None

    def _knows(self, symbol: str, exchange: Exchange, now: int) -> bool:
        company = self._company(symbol, exchange)
        if company is None:
            return True
        if company.delisted_on is not None and exchange.day_of(now) >= company.delisted_on + _FORGOTTEN_AFTER:
            return False
        return company.code in FAMILIAR or chance(self._seed, symbol, "unknown") >= self._unknown_share

    def _series(self, symbol: str, bars: int) -> Series | None:
        exchange = exchange_of(symbol)
        if exchange is None:
            return None
        history = self._history(symbol, exchange)
        opens = session_opens(exchange)
        now = int(opens[bars - 1]) if bars else 0
        visible = int(np.searchsorted(history.ts, now, side="right"))
        return history.as_of(visible, now) if visible else None

    def _history(self, symbol: str, exchange: Exchange) -> History:
        opens = session_opens(exchange)
        company = self._company(symbol, exchange)
        name = company.name.title() if company else f"{symbol} Incorporated"
        first, last = 0, len(opens)
        if company:
            first = int(np.searchsorted(opens, exchange.open_ts(company.listed_on)))
            if company.delisted_on:
                last = int(np.searchsorted(opens, exchange.open_ts(company.delisted_on)))
        elif symbol not in INDICES and chance(self._seed, symbol, "newcomer") < _NEWCOMERS:
            first = int(chance(self._seed, symbol, "arrives") * 0.7 * len(opens))
        return simulate(Subject(self._seed, symbol, name, exchange), opens[first:last])


@cache
def session_opens(exchange: Exchange) -> Ints:
    """The openings of all sessions that the calendar knows since 2018, unix seconds."""
    known = calendar(exchange.mic)
    days = known.sessions(max(EPOCH, known.first), known.last)
    return np.array([exchange.open_ts(day) for day in days], dtype=np.int64)

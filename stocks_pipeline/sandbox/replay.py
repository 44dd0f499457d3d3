"""The replayed market: recorded bars and listings, shown as they would have been on any day in their range.

What belongs here: reading a folder of `yahoo_*.parquet` (columns symbol, date, open, high, low, close, adj_close,
volume, dividends, splits; split-adjusted as of the last recorded day; 0.0 means no event) and of listing files named
`…YYYY-MM-DD.csv`. What does not: the adjustment itself (series.py) and the wire (yahoo.py, asx.py).
"""

import csv
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stocks_pipeline.sandbox.companies import ListedCompany
from stocks_pipeline.sandbox.exchanges import exchange_of
from stocks_pipeline.sandbox.series import Dividend, History, Series, Split

_UNIX = date(1970, 1, 1)
_UNKNOWN_LISTING_DAY = date(1900, 1, 1)
_PRICES = ("open", "high", "low", "close", "adj_close")
_CACHED = 1000
_YEAR_S = 365 * 86_400
_MOST_EVENTFUL = 0.1


class ReplayError(ValueError):
    """The folder holds nothing that can be replayed."""


@dataclass(frozen=True)
class _ListingFile:
    day: date
    path: Path


class ReplayMarket:
    """What was recorded, no more: a symbol without bars is unknown, and the vendor's 404 says why."""

    kind = "replayed"
    unknown = "not in the recording that is played here"

    def __init__(self, folder: Path) -> None:
        """Read the folder.

        Raises:
            ReplayError: there is no yahoo_*.parquet in it.
        """
        files = sorted(folder.glob("yahoo_*.parquet"))
        if not files:
            raise ReplayError(f"no yahoo_*.parquet in {folder}")
        self._histories: dict[str, list[History]] = {}
        self._adjusted: dict[str, bool] = {}
        for file in files:
            recorded = read_recorded(file)
            bare = _without_events(recorded.values())
            for symbol, history in recorded.items():
                self._histories.setdefault(symbol, []).append(history)
                self._adjusted[symbol] = self._adjusted.get(symbol, False) or (bare and _adjusted(history))
        self._listings = _listing_files(folder)
        self._cached = lru_cache(maxsize=_CACHED)(self._series)

    def series(self, symbol: str, now: int) -> Series | None:
        found = self._recorded(symbol, now)
        return None if found is None else self._cached(symbol, *found)

    def companies(self, day: date) -> list[ListedCompany]:
        listing = self.listing_file(day)
        if listing is not None:
            return read_listing(listing)
        codes = sorted(symbol.removesuffix(".AX") for symbol in self._histories if symbol.endswith(".AX"))
        return [ListedCompany(code, code, "Not Applic", _UNKNOWN_LISTING_DAY, None, "") for code in codes]

    def listing_file(self, day: date) -> bytes | None:
        """The newest file that is not after the day, else the oldest; None where there is none at all."""
        known = [file for file in self._listings if file.day <= day] or self._listings[:1]
        return known[-1].path.read_bytes() if known else None

    def recording(self) -> dict[str, bool]:
        return self._adjusted

    def _recorded(self, symbol: str, now: int) -> tuple[int, int] | None:
        """Which recording of the symbol was newest at `now`, and how many of its bars there were by then.

        Two files may hold one symbol in different years, on different bases: they are never mixed.
        """
        begun = [
            (int(history.ts[bars - 1]), number, bars)
            for number, history in enumerate(self._histories.get(symbol, ()))
            if (bars := int(np.searchsorted(history.ts, now, side="right")))
        ]
        return max(begun)[1:] if begun else None

    def _series(self, symbol: str, number: int, bars: int) -> Series:
        history = self._histories[symbol][number]
        return history.as_of(bars, int(history.ts[bars - 1]))


def _without_events(recorded: Collection[History]) -> bool:
    """Whether a file keeps no events: of hardly any symbol there is a dividend or a split. In one that keeps them, a
    symbol without any is one that pays none.
    """
    eventful = sum(bool(history.dividends or history.splits) for history in recorded)
    return eventful <= _MOST_EVENTFUL * len(recorded)


def _adjusted(history: History) -> bool:
    """Over a year without an event, and no close that differs from the adjusted one: it was recorded adjusted."""
    long = len(history.ts) and history.ts[-1] - history.ts[0] > _YEAR_S
    if not long or history.dividends or history.splits or history.adj_close is None:
        return False
    return bool(np.array_equal(history.close, history.adj_close))


def read_listing(body: bytes) -> list[ListedCompany]:
    """The companies of a file in the form with the preamble. Listing date and market value are not in it."""
    rows = list(csv.reader(body.decode("utf-8-sig").splitlines()))
    header = next((at for at, row in enumerate(rows) if "ASX code" in row), None)
    if header is None:
        return []
    name, code, industry = (rows[header].index(title) for title in ("Company name", "ASX code", rows[header][-1]))
    return [
        ListedCompany(row[code], row[name], row[industry], _UNKNOWN_LISTING_DAY, None, "")
        for row in rows[header + 1 :]
        if len(row) > max(name, code, industry)
    ]


def _listing_files(folder: Path) -> list[_ListingFile]:
    found = []
    for path in [*folder.glob("asx_listed/*.csv"), *folder.glob("../asx_listed/*.csv")]:
        dated = re.search(r"(\d{4}-\d{2}-\d{2})\.csv$", path.name)
        if dated:
            found.append(_ListingFile(date.fromisoformat(dated[1]), path))
    return sorted(found, key=lambda file: file.day)


def read_recorded(path: Path) -> dict[str, History]:
    """The symbols of one file whose exchange the sandbox knows."""
    table = pq.read_table(path).combine_chunks().sort_by([("symbol", "ascending"), ("date", "ascending")])
    symbols = table["symbol"].to_pylist()
    columns = {name: table[name].to_numpy() for name in (*_PRICES, "volume", "dividends", "splits")}
    columns["date"] = table["date"].cast(pa.int32()).to_numpy()
    starts = [at for at, symbol in enumerate(symbols) if at == 0 or symbol != symbols[at - 1]]
    found = {}
    for start, end in zip(starts, [*starts[1:], len(symbols)], strict=True):
        history = _history(symbols[start], {name: column[start:end] for name, column in columns.items()})
        if history is not None:
            found[symbols[start]] = history
    return found


def _history(symbol: str, columns: dict[str, Any]) -> History | None:
    """The bars as recorded, which is adjusted for all recorded splits; None for an exchange the sandbox has not."""
    exchange = exchange_of(symbol)
    if exchange is None:
        return None
    days = [_UNIX + timedelta(days=int(day)) for day in columns["date"]]
    ts = np.array([exchange.open_ts(day) for day in days], dtype=np.int64)
    at_split, at_paid = np.flatnonzero(columns["splits"]).tolist(), np.flatnonzero(columns["dividends"]).tolist()
    splits = tuple(Split(int(ts[at]), Fraction(columns["splits"][at]).limit_denominator(1_000_000)) for at in at_split)
    dividends = tuple(Dividend(int(ts[at]), float(columns["dividends"][at])) for at in at_paid)
    prices = {name: columns[name] for name in (*_PRICES, "volume")}
    return History(
        symbol, symbol, "EQUITY", exchange, ts, **prices,
        dividends=dividends, splits=splits, undone=splits, single=False,
    )  # fmt: skip

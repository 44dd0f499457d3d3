"""Vendors that answer from memory: prices and listings without HTTP, each tested in unit/test_fake_feed.py."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pyarrow as pa

from stocks_pipeline.domain.calendars import calendar
from stocks_pipeline.domain.listing import Company, Listing
from stocks_pipeline.domain.schemas import BARS
from stocks_pipeline.upstream.asx import FetchedListing
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError
from stocks_pipeline.upstream.limits import Cancelled
from stocks_pipeline.upstream.yahoo import Bars, Window

Reply = Bars | UpstreamError
Script = Callable[[str, Window], Reply | None] | Mapping[str, Reply]


def sane_bars(symbol: str, window: Window, *, close: float = 10.0, mic: str = "XASX") -> Bars:
    """Healthy bars of a vendor symbol on every session of the window, all at one close."""
    return bars_of(symbol, calendar(mic).sessions(window.start, window.end), close=close)


def bars_of(symbol: str, sessions: Sequence[date], *, close: float = 10.0, dropped: int = 0) -> Bars:
    """Healthy bars on just these sessions."""
    rows = [
        {
            "session": day,
            "open": close,
            "high": close * 1.01,
            "low": close * 0.99,
            "close": close,
            "adj_close": close,
            "volume": 1_000,
            "dividend": 0.0,
            "split": 0.0,
        }
        for day in sessions
    ]
    return Bars(symbol, pa.Table.from_pylist(rows, schema=BARS), "AUD", dropped)


def refused(
    symbol: str, kind: FailureKind = FailureKind.TRANSIENT, message: str = "503: try later", attempts: int = 4
) -> UpstreamError:
    """A classified failure of one symbol."""
    return UpstreamError(kind, "yahoo", symbol, message, attempts=attempts)


@dataclass
class CannedFeed:
    """A `PriceFeed` that answers by `script`: a dict by vendor symbol, or a function of it and the window.

    What the script has no answer for gets healthy bars. `asked` keeps every call, so a test can prove that nobody was
    asked. With `cancel_after` the feed behaves as the real one does when `stop` is set meanwhile.
    """

    script: Script = field(default_factory=dict)
    source: str = "canned"
    cancel_after: int | None = None
    asked: list[tuple[tuple[str, ...], Window]] = field(default_factory=list)

    def daily_bars(
        self, symbols: Sequence[str], window: Window, *, stop: threading.Event | None = None
    ) -> Iterator[tuple[str, Reply]]:
        self.asked.append((tuple(symbols), window))
        for position, symbol in enumerate(dict.fromkeys(symbols)):
            if position == self.cancel_after or (stop is not None and stop.is_set()):
                raise Cancelled
            found = self.script(symbol, window) if callable(self.script) else self.script.get(symbol)
            yield symbol, found if found is not None else sane_bars(symbol, window)

    @property
    def symbols_asked(self) -> list[str]:
        """Every vendor symbol asked for, sorted, over all calls; repeats count."""
        return sorted(symbol for symbols, _ in self.asked for symbol in symbols)

    def forget(self) -> None:
        """Start counting anew."""
        self.asked.clear()

    @contextmanager
    def open(self, tz_of: Callable[[str], str]) -> Iterator["CannedFeed"]:
        """What `YahooResource.open` does: this object stands in for the resource, too."""
        assert tz_of("BHP.AX")
        yield self


@dataclass
class CannedListing:
    """A listing resource and its gateway in one: the companies it lists, or the failure it raises."""

    companies: Sequence[Company] = ()
    error: UpstreamError | None = None
    fetched: int = 0

    @classmethod
    def of(cls, *codes: str) -> "CannedListing":
        """A listing of companies that have only their codes in particular."""
        return cls(companies_of(*codes))

    def open(self) -> "CannedListing":
        return self

    def fetch(self) -> FetchedListing:
        self.fetched += 1
        if self.error is not None:
            raise self.error
        return FetchedListing(Listing(tuple(self.companies), None, "directory"), b"", "https://example.test/list")


def companies_of(*codes: str) -> tuple[Company, ...]:
    """Companies named after their codes."""
    return tuple(Company(code, f"{code} LIMITED", "Materials", date(2001, 2, 3), 1_000_000) for code in codes)


def codes(count: int) -> tuple[str, ...]:
    """The first `count` of AAA, AAB, …: three letters, in order, as the ASX lists them."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return tuple(f"{letters[n // 676]}{letters[n // 26 % 26]}{letters[n % 26]}" for n in range(count))


def closes(table: Any) -> dict[tuple[str, date], float]:
    """A price table as a dict, for comparing."""
    columns = (table.column(name).to_pylist() for name in ("symbol", "session", "close"))
    return {(symbol, session): close for symbol, session, close in zip(*columns, strict=True)}

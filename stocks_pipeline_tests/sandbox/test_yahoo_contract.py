"""Our decoder against its oracle, yfinance's own `Ticker.history`, and the names of yfinance that we rest on.

A new minor version of yfinance goes in when this file is green with it.
"""

import inspect
from collections.abc import Iterator
from datetime import date, timedelta
from importlib.metadata import version
from typing import Any

import curl_cffi.requests
import pyarrow.parquet as pq
import pytest
import yfinance
from yfinance import cache
from yfinance.data import YfData
from yfinance.exceptions import YFException

from stocks_pipeline.clock import SystemClock
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError
from stocks_pipeline.upstream.http import RetryPolicy
from stocks_pipeline.upstream.yahoo import Bars, Window, Yahoo
from stocks_pipeline.upstream.yahoo_session import YahooSession, configure
from stocks_pipeline_tests.fakes import Unlimited
from stocks_pipeline_tests.sandbox_server import SandboxServer, shared_data

# yfinance 1.7.0 calls pandas 3.1 in ways that pandas 4 will refuse. Goes when yfinance no longer does.
pytestmark = pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")

ZONES = {
    "AX": "Australia/Sydney",
    "": "America/New_York",
    "SI": "Asia/Singapore",
    "T": "Asia/Tokyo",
    "HK": "Asia/Hong_Kong",
    "VN": "Asia/Ho_Chi_Minh",
    "BK": "Asia/Bangkok",
}
SYMBOLS = ["BHP.AX", "CSL.AX", "AAPL", "MSFT", "BRK-B", "D05.SI", "O39.SI", "7203.T", "0700.HK", "FPT.VN", "PTT.BK"]
COLUMNS = {
    "open": "Open",
    "high": "High",
    "low": "Low",
    "close": "Close",
    "adj_close": "Adj Close",
    "volume": "Volume",
    "dividend": "Dividends",
    "split": "Stock Splits",
}
WINDOWS = [
    Window(date(2016, 11, 21), date(2026, 11, 20)),  # ten years: every dividend and split there is
    Window(date(2026, 9, 28), date(2026, 11, 13)),  # both ends of summer time, north and south
    Window(date(2026, 3, 2), date(2026, 4, 17)),
    Window(date(2025, 11, 24), date(2025, 12, 31)),  # half days in New York, Sydney and Hong Kong
    Window(date(2026, 11, 20), date(2026, 11, 20)),  # today alone
]
TODAY = WINDOWS[4]


def tz_of(symbol: str) -> str:
    return ZONES[symbol.partition(".")[2]]


class Oracle:
    """`Ticker.history`, pointed at the sandbox as our gateway is."""

    def __init__(self, base_url: str) -> None:
        self.session = YahooSession(base_url, SystemClock(), longest_s=10)

    def rows(self, symbol: str, window: Window) -> list[tuple[Any, ...]]:
        """(session, open, …, split) a bar that has a close; YFException where yfinance raises."""
        YfData.cache_get.cache_clear()  # it remembers answers, refusals included
        configure(tz_of)
        ticker = yfinance.Ticker(symbol, session=self.session)
        end = window.end + timedelta(days=1)
        frame = ticker.history(start=window.start, end=end, auto_adjust=False, actions=True)
        frame = frame[frame["Close"].notna()]
        columns = [frame[name].tolist() for name in COLUMNS.values()]
        return list(zip([stamp.date() for stamp in frame.index], *columns, strict=True))


@pytest.fixture
def oracle(sandbox: SandboxServer) -> Iterator[Oracle]:
    oracle = Oracle(sandbox.url)
    yield oracle
    oracle.session.close()


@pytest.fixture
def yahoo(sandbox: SandboxServer) -> Iterator[Yahoo]:
    clock = SystemClock()
    policy = RetryPolicy(attempts=1)
    yahoo = Yahoo(
        base_url=sandbox.url, limiter=Unlimited(clock), clock=clock, tz_of=tz_of, concurrency=4, policy=policy
    )
    yield yahoo
    yahoo.close()


def ours(yahoo: Yahoo, symbols: list[str], window: Window) -> dict[str, Bars]:
    found = dict(yahoo.daily_bars(symbols, window))
    for answer in found.values():
        assert isinstance(answer, Bars), answer
    return {symbol: answer for symbol, answer in found.items() if isinstance(answer, Bars)}


def rows(bars: Bars) -> list[tuple[Any, ...]]:
    return list(zip(*(bars.table.column(name).to_pylist() for name in ("session", *COLUMNS)), strict=True))


@pytest.mark.parametrize("window", WINDOWS, ids=lambda window: f"{window.start}..{window.end}")
def test_bars_equal_those_of_yfinance(oracle: Oracle, yahoo: Yahoo, window: Window) -> None:
    """Every number of every bar, on seven exchanges, to the last bit; over ten years with dividends and splits."""
    found = ours(yahoo, SYMBOLS, window)
    for symbol in SYMBOLS:
        expected = oracle.rows(symbol, window)
        assert rows(found[symbol]) == expected, symbol
        assert expected or window == TODAY
    if window == WINDOWS[0]:
        paid = sum(row[7] > 0 for bars in found.values() for row in rows(bars))
        split = sum(row[8] > 0 for bars in found.values() for row in rows(bars))
        assert paid > 50
        assert split > 0


@pytest.mark.parametrize(
    ("fault", "fields"),
    [
        ("nan_last_row", {}),
        ("missing_day", {}),
        ("split_today", {}),
        ("x100", {}),
        ("stale", {}),
        ("delisted", {"days": 9}),
    ],
)
def test_spoilt_bars_equal_those_of_yfinance(
    sandbox: SandboxServer, oracle: Oracle, yahoo: Yahoo, fault: str, fields: dict[str, int]
) -> None:
    """Bad data is read as yfinance reads it: gaps, odd factors and splits are for our rules to find, not to mend."""
    sandbox.fault(fault, **fields)
    window = Window(date(2026, 9, 1), date(2026, 11, 20))
    found = ours(yahoo, SYMBOLS, window)
    for symbol in SYMBOLS:
        assert rows(found[symbol]) == oracle.rows(symbol, window), symbol
    assert {bars.dropped for bars in found.values()} == {1 if fault == "nan_last_row" else 0}


def test_where_yfinance_has_nothing_we_have_nothing(sandbox: SandboxServer, oracle: Oracle, yahoo: Yahoo) -> None:
    """A weekend and an unknown symbol: yfinance raises the same error for both, we tell them apart."""
    weekend = Window(date(2026, 11, 14), date(2026, 11, 15))
    with pytest.raises(YFException):
        oracle.rows("BHP.AX", weekend)
    assert rows(ours(yahoo, ["BHP.AX"], weekend)["BHP.AX"]) == []
    sandbox.fault("unknown", symbols=["CSL.AX"])
    with pytest.raises(YFException):
        oracle.rows("CSL.AX", TODAY)
    ((_, answer),) = yahoo.daily_bars(["CSL.AX"], TODAY)
    assert isinstance(answer, UpstreamError)
    assert answer.kind is FailureKind.PERMANENT


@pytest.mark.skipif(shared_data() is None, reason="the recorded prices (STOCKS_SHARED_DATA) are not on this machine")
def test_real_prices_equal_those_of_yfinance() -> None:
    """Two years of recorded ASX bars with their real gaps, dividends and splits, replayed through both."""
    folder = shared_data()
    assert folder is not None
    recorded = pq.read_table(folder / "replay" / "yahoo_asx.parquet", columns=["symbol"])
    symbols = sorted(set(recorded.column("symbol").to_pylist()))[::3]  # all 220 are equal too, in ten seconds
    window = Window(date(2024, 1, 2), date(2025, 12, 5))
    clock = SystemClock()
    with SandboxServer("--replay", str(folder / "replay"), "--today", "2025-12-05") as server:
        oracle = Oracle(server.url)
        yahoo = Yahoo(base_url=server.url, limiter=Unlimited(clock), clock=clock, tz_of=tz_of, concurrency=4)
        found = ours(yahoo, symbols, window)
        for symbol in symbols:
            assert rows(found[symbol]) == oracle.rows(symbol, window), symbol
        yahoo.close()
        oracle.session.close()
    assert len(symbols) > 70
    assert sum(row[7] > 0 for bars in found.values() for row in rows(bars)) > 100


def test_the_version_is_the_one_we_know() -> None:
    """Beyond 1.7 the names below have to be looked at again."""
    assert version("yfinance").startswith("1.7.")


def test_the_names_we_use_are_there() -> None:
    """Each name of yfinance beyond its documented surface, with the shape that yahoo_session.py relies on."""
    fetch = inspect.signature(YfData._get_cookie_and_crumb)
    assert list(fetch.parameters) == ["self", "timeout"]
    assert {"_CookieCacheDummy", "_CookieCacheManager", "_TzCacheDummy", "_TzCacheManager"} <= set(vars(cache))
    assert {"lookup", "store"} <= set(vars(cache._CookieCacheDummy))
    assert {"lookup", "store"} <= set(vars(cache._TzCacheDummy))
    assert hasattr(cache._CookieCacheManager, "_Cookie_cache")
    assert hasattr(cache._TzCacheManager, "_tz_cache")
    assert issubclass(YahooSession, curl_cffi.requests.Session)


def test_configure_reaches_what_yfinance_reads() -> None:
    """The switches are on, and its caches are ours: in memory, with the zones we know."""
    configure(tz_of)
    assert yfinance.config.debug.hide_exceptions is False
    assert yfinance.config.network.retries == 0
    assert cache.get_tz_cache().lookup("BHP.AX") == "Australia/Sydney"
    cookies = cache.get_cookie_cache()
    assert cookies.lookup("curlCffi") is None
    cookies.store("curlCffi", {"x": 1})
    assert cookies.lookup("curlCffi") == {"cookie": {"x": 1}, "age": None}
    configure(tz_of)
    assert cache.get_cookie_cache().lookup("curlCffi") is None


def test_our_session_is_ours_alone(sandbox: SandboxServer) -> None:
    """A YfData made past the singleton has its own session; the one of other users of yfinance stays as it was."""
    mine, others = (YahooSession(sandbox.url, SystemClock(), longest_s=5) for _ in range(2))
    shared = YfData(session=others)
    own = type.__call__(YfData, session=mine)
    assert own is not shared
    assert (own._session, shared._session) == (mine, others)
    assert YfData() is shared
    crumb, strategy = own._get_cookie_and_crumb(5)
    assert (crumb, strategy) == ("sAndb0xCrum", "basic")
    for session in (mine, others):
        session.close()

"""The real yfinance against the sandbox: it must not notice the difference from Yahoo.

The market is asked in this process too, with the server's seed and date, so that every number is checked.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from http.cookiejar import Cookie
from typing import Any
from urllib.parse import urlsplit

import pytest
import yfinance
from curl_cffi.requests import Response, Session
from curl_cffi.requests.exceptions import HTTPError
from yfinance import cache
from yfinance.data import YfData
from yfinance.exceptions import YFPricesMissingError, YFRateLimitError, YFTickerMissingError

from stocks_pipeline.sandbox.exchanges import exchange_of
from stocks_pipeline.sandbox.market import SimulatedMarket
from stocks_pipeline.sandbox.series import Series
from stocks_pipeline_tests.sandbox_server import TODAY, SandboxServer

# yfinance 1.7.0 calls pandas 3.1 in ways that pandas 4 will refuse. Goes when yfinance no longer does.
pytestmark = pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")

_COLUMNS = {
    "open": "Open",
    "high": "High",
    "low": "Low",
    "close": "Close",
    "adj_close": "Adj Close",
    "volume": "Volume",
}


class _RewrittenSession(Session[Response]):
    """Sends every Yahoo host to the sandbox. Ours here, so that these tests need nothing of the production client."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self._base = base

    def request(self, method: str, url: str, **options: Any) -> Response:  # type: ignore[override]
        parts = urlsplit(url)
        assert (parts.hostname or "").endswith(".yahoo.com")
        options["headers"] = {**(options.get("headers") or {}), "X-Upstream-Host": parts.hostname}
        response = super().request(method, f"{self._base}{parts.path or '/'}?{parts.query}", **options)
        if parts.hostname == "fc.yahoo.com":
            self.cookies.jar.set_cookie(
                Cookie(
                    0, "A3", "x", None, False, ".yahoo.com", True, True, "/", True, True, 2**31, False, None, None, {}
                )
            )
        return response


@pytest.fixture
def session(sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[_RewrittenSession]:
    """A session on the sandbox, with exceptions shown and none of yfinance's caches on disk or between tests."""
    hidden = yfinance.config.debug.hide_exceptions  # its config object cannot be monkeypatched: it has no delattr
    yfinance.config.debug.hide_exceptions = False
    monkeypatch.setattr(cache._TzCacheManager, "_tz_cache", cache._TzCacheDummy())
    monkeypatch.setattr(cache._CookieCacheManager, "_Cookie_cache", cache._CookieCacheDummy())
    YfData.cache_get.cache_clear()
    with _RewrittenSession(sandbox.url) as found:
        yield found
    yfinance.config.debug.hide_exceptions = hidden
    YfData.cache_get.cache_clear()


def history(session: _RewrittenSession, symbol: str, start: date = date(2018, 1, 1), end: date | None = None) -> Any:
    ticker = yfinance.Ticker(symbol, session=session)
    end = end or TODAY + timedelta(days=1)
    return ticker.history(start=start, end=end, auto_adjust=False, actions=True, timeout=10)


def simulated(symbol: str) -> Series:
    exchange = exchange_of(symbol)
    assert exchange is not None
    found = SimulatedMarket(1, companies=2000, unknown_share=0.005).series(symbol, exchange.end_of(TODAY))
    assert found is not None
    return found


@pytest.mark.parametrize("symbol", ["CBA.AX", "JPM", "0700.HK", "^AXJO"])
def test_history_has_every_bar_dividend_and_split(session: _RewrittenSession, symbol: str) -> None:
    """All years of a symbol: dates, six columns, events; bit for bit, and volume as whole numbers."""
    series, frame = simulated(symbol), history(session, symbol)
    exchange = series.exchange
    bars = frame[frame["Close"].notna()]
    assert [stamp.date() for stamp in bars.index] == [exchange.day_of(ts) for ts in series.ts]
    assert str(bars.index.tz) == exchange.tz
    for name, column in _COLUMNS.items():
        assert bars[column].tolist() == getattr(series, name).tolist(), column
    paid = frame["Dividends"][frame["Dividends"] != 0]
    assert paid.tolist() == [dividend.amount for dividend in series.dividends]
    assert [stamp.date() for stamp in paid.index] == [exchange.day_of(dividend.ts) for dividend in series.dividends]
    split = frame["Stock Splits"][frame["Stock Splits"] != 0]
    assert split.tolist() == [float(found.ratio) for found in series.splits]


def test_there_is_a_symbol_with_dividends_and_splits_among_those() -> None:
    """The test above would mean little without."""
    series = simulated("CBA.AX")
    assert series.dividends
    assert series.splits


def test_an_unknown_symbol_is_missing(session: _RewrittenSession, sandbox: SandboxServer) -> None:
    """The error is the one that Yahoo's own unknown symbols give."""
    with pytest.raises(
        (YFTickerMissingError, HTTPError), match=r"delisted|404"
    ):  # the latter from its first two fallbacks
        history(session, "NOPE99")
    assert {record["status"] for record in sandbox.log(endpoint="chart")} == {404}


def test_a_weekend_has_no_prices(session: _RewrittenSession) -> None:
    """An empty window is YFPricesMissingError."""
    with pytest.raises(YFPricesMissingError, match="no price data found"):
        history(session, "BHP.AX", date(2026, 11, 14), date(2026, 11, 16))


def test_before_the_listing_yahoo_s_own_words_come_through(session: _RewrittenSession) -> None:
    """The 400's description is the error's text."""
    with pytest.raises(YFPricesMissingError, match="Data doesn't exist for startDate"):
        history(session, "BHP.AX", date(2001, 1, 1), date(2001, 2, 1))


def test_too_many_requests_is_a_rate_limit_and_once_is_nothing(
    session: _RewrittenSession, sandbox: SandboxServer
) -> None:
    """For ever: YFRateLimitError. Once: yfinance tries again by itself, over the consent page."""
    sandbox.fault("429", count=1)
    assert len(history(session, "BHP.AX", date(2026, 11, 1))) == 15
    sandbox.fault("429")
    with pytest.raises(YFRateLimitError):
        history(session, "CSL.AX", date(2026, 11, 1))
    assert sandbox.log(endpoint="consent")


def test_info_has_facts(session: _RewrittenSession) -> None:
    """Ticker.info finds quote, summary and time series, with a crumb."""
    info = yfinance.Ticker("BHP.AX", session=session).info
    assert info["currency"] == "AUD"
    assert info["longName"] == "Bhp Group Limited"
    assert info["marketCap"] > 0

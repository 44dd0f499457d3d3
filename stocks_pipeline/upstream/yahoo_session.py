"""The one place that touches yfinance: its browser session, its cookie and crumb, its process-wide switches.

What belongs here: every name of yfinance we use beyond its documented surface, held by
`stocks_pipeline_tests/sandbox/test_yahoo_contract.py` (yfinance 1.7), and sending requests for data on that session.
What does not: what is asked for and how an answer is read (yahoo.py, yahoo_company.py).

Why not `YfData.get`, yfinance's own request: it answers every status of 400 and above with a second, silent request
under a process-wide lock, so that a 429 doubles the traffic and hides from our limiter; it waits 30 s for a crumb
whatever timeout it is given; and after a 429 from getcrumb it sends the words "Too Many Requests" as the crumb. So we
let yfinance do what it is good at, obtaining a cookie and a crumb (its consent-page fallback included), once a
process, and send requests for data ourselves on the same session. The chart endpoint also answers without a crumb
(yfinance itself goes on without one), so failing to get one fails nothing: the data request decides.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from http.cookiejar import Cookie
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from curl_cffi import CurlOpt
from curl_cffi.requests import Response, Session
from yfinance import cache as yf_cache
from yfinance import config as yf_config
from yfinance.data import YfData
from yfinance.exceptions import YFException

from stocks_pipeline.clock import Clock
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError, from_transport
from stocks_pipeline.upstream.yahoo_bars import UPSTREAM

_AS_IS = {CurlOpt.PATH_AS_IS: 1}  # a symbol `..` is a name, not a step up to another endpoint
_COOKIE_S = 365 * 86_400
_CRUMB_LENGTH = 64  # crumbs have 11 characters; error texts are longer or hold blanks, quotes or angle brackets
_RETRY_AFTER_S = 60.0  # a vendor that just refused a crumb is not asked for another one sooner

Found = TypeVar("Found")


class YahooSession(Session[Response]):
    """A curl_cffi session with a browser's handshake that asks yahoo.com only and waits at most `longest_s`.

    With a `base_url` every request goes there instead, with the host it was meant for in `X-Upstream-Host`. Safe for
    threads: each has its own connection, all share the cookies.

    Raises:
        PermissionError: a request for another host than yahoo.com.
    """

    def __init__(self, base_url: str | None, clock: Clock, longest_s: float) -> None:
        self._base = base_url.rstrip("/") if base_url else None
        self._clock = clock
        self._longest_s = longest_s
        if self._base:  # a proxy from the environment must not carry what is meant for this machine
            options = {**_AS_IS, CurlOpt.NOPROXY: "*"}
            super().__init__(impersonate="chrome", trust_env=False, curl_options=options)
        else:
            super().__init__(impersonate="chrome", curl_options=_AS_IS)

    def request(self, method: Any, url: str, **options: Any) -> Response:  # type: ignore[override]
        """As in curl_cffi. The override keeps its names, which yfinance passes as keywords, and narrows the options."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        if host != "yahoo.com" and not host.endswith(".yahoo.com"):
            raise PermissionError(f"the Yahoo session refuses host {host!r}")
        options["timeout"] = min(options.get("timeout") or self._longest_s, self._longest_s)
        if self._base is None:
            return super().request(method, url, **options)
        options["headers"] = {**(options.get("headers") or {}), "X-Upstream-Host": host}
        options["allow_redirects"] = False  # a redirect would lead away from the base
        query = f"?{parts.query}" if parts.query else ""
        response = super().request(method, f"{self._base}{parts.path or '/'}{query}", **options)
        if host == "fc.yahoo.com":
            self.cookies.jar.set_cookie(_a3_cookie(int(self._clock.time()) + _COOKIE_S))
        return response


def _a3_cookie(expires: int) -> Cookie:
    """What fc.yahoo.com would have set: a server under another name cannot set it, and without an A3 cookie in the
    jar yfinance asks fc.yahoo.com again before every request. `expires` is in unix seconds.
    """
    return Cookie(
        0, "A3", "base-url", None, False, ".yahoo.com", True, True, "/", True, True, expires, False, None, None, {}
    )


@dataclass(frozen=True, slots=True)
class Crumb:
    """The crumb to send, if there is one, which attempt at getting one it comes from, and how that went."""

    value: str | None
    generation: int
    origin: str = "no crumb was asked for yet"


class Credentials:
    """Cookie and crumb of one session, fetched by yfinance once and shared by all threads.

    One thread fetches; the others wait for it no longer than `wait_s`, then go on without a crumb.
    """

    def __init__(self, session: YahooSession, clock: Clock, *, charge: Callable[[], None], wait_s: float) -> None:
        self._session, self._clock, self._charge, self._wait_s = session, clock, charge, wait_s
        self._fetching = threading.Lock()
        self._crumb = Crumb(None, 0)
        self._not_before = clock.monotonic()

    def crumb(self) -> Crumb:
        """The present crumb, fetched first if there is none and the last try is long enough ago."""
        if self._is_settled():
            return self._crumb
        if not self._fetching.acquire(timeout=self._wait_s):
            return self._crumb
        try:
            if not self._is_settled():
                self._fetch()
            return self._crumb
        finally:
            self._fetching.release()

    def ask(
        self,
        url: str,
        symbol: str,
        params: Mapping[str, Any],
        timeout_s: float,
        read: Callable[[Response], Found],
    ) -> Found:
        """What `read` makes of one answer about a symbol, the last part of the address. A refused crumb is forgotten.

        Raises:
            UpstreamError: there was no answer, or `read` says what is wrong with it.
        """
        crumb = self.crumb()
        sent = {**params, **({"crumb": crumb.value} if crumb.value else {})}
        address = url + quote(symbol, safe="")
        try:
            response = self._session.get(address, params=sent, timeout=timeout_s, allow_redirects=False)
        except OSError as error:  # every error of curl_cffi is one
            raise from_transport(UPSTREAM, symbol, error) from error
        try:
            return read(response)
        except UpstreamError as error:
            if error.kind is not FailureKind.AUTH:
                raise
            self.expire(crumb)
            raise replace(error, message=f"{error.message} ({crumb.origin})") from error

    def expire(self, refused: Crumb) -> None:
        """Forget a crumb that Yahoo refused; does nothing when another thread has replaced it already."""
        with self._fetching:
            if self._crumb.generation == refused.generation:
                self._crumb = Crumb(None, refused.generation)
                self._not_before = self._clock.monotonic()

    def _is_settled(self) -> bool:
        return self._crumb.value is not None or self._clock.monotonic() < self._not_before

    def _fetch(self) -> None:
        """From nothing: a stale cookie would get the refused crumb again. yfinance sends two requests (fc.yahoo.com,
        getcrumb) and up to four more through the consent page when those give nothing.
        """
        self._charge()
        self._charge()
        self._session.cookies.clear()
        _forget_cookies()
        value = None
        try:
            # `type.__call__` steps past yfinance's singleton, whose session any other user of yfinance may replace.
            value, _strategy = type.__call__(YfData, session=self._session)._get_cookie_and_crumb(self._wait_s)  # noqa: SLF001
            origin = "with a fresh crumb" if _is_crumb(value) else "getcrumb gave no crumb"
        except (YFException, OSError, KeyError, TypeError, AttributeError) as error:
            # KeyError and the like: yfinance reads cookies and consent forms without checking that they are there.
            origin = f"getcrumb failed: {type(error).__name__}"
        self._crumb = Crumb(value if _is_crumb(value) else None, self._crumb.generation + 1, origin)
        self._not_before = self._clock.monotonic() + _RETRY_AFTER_S


def _is_crumb(text: Any) -> bool:
    """Whether a text from getcrumb is a crumb and not an error page; yfinance takes any text."""
    return (
        isinstance(text, str)
        and 0 < len(text) <= _CRUMB_LENGTH
        and text.isascii()
        and not set(text) & set(" <>{}\"'\n")
    )


class _MemoryCookies(yf_cache._CookieCacheDummy):  # type: ignore[misc]  # noqa: SLF001 - its only extension point
    """Cookies for the life of the process; yfinance's own are a SQLite file that several processes fight over."""

    def __init__(self) -> None:
        self._kept: dict[str, Any] = {}

    def lookup(self, strategy: str) -> dict[str, Any] | None:
        return {"cookie": self._kept[strategy], "age": None} if strategy in self._kept else None

    def store(self, strategy: str, cookie: Any) -> None:
        self._kept[strategy] = cookie


class _KnownZones(yf_cache._TzCacheDummy):  # type: ignore[misc]  # noqa: SLF001 - its only extension point
    """Zones we know, instead of a SQLite file and one extra request a symbol."""

    def __init__(self, tz_of: Callable[[str], str]) -> None:
        self._tz_of = tz_of

    def lookup(self, ticker: str) -> str:
        return self._tz_of(ticker)


def configure(tz_of: Callable[[str], str] | None = None) -> None:
    """Set yfinance's process-wide switches: exceptions shown, no hidden retries, nothing on disk.

    `tz_of` (vendor symbol → zoneinfo name) is for callers of `yfinance.Ticker`; without it no zone is known in advance.
    """
    yf_config.debug.hide_exceptions = False
    yf_config.network.retries = 0
    _forget_cookies()
    yf_cache._TzCacheManager._tz_cache = _KnownZones(tz_of) if tz_of else yf_cache._TzCacheDummy()  # noqa: SLF001


def _forget_cookies() -> None:
    """A new, empty memory instead of yfinance's SQLite file of cookies."""
    yf_cache._CookieCacheManager._Cookie_cache = _MemoryCookies()  # noqa: SLF001 - it has no public switch

"""Daily bars from Yahoo Finance: many symbols at once, every one with its bars or with the reason why not.

What belongs here: asking, in one bounded pool a gateway, and sorting answers into bars and failures. What does not:
reading a body (yahoo_chart.py), cookies and crumbs (yahoo_session.py), waiting for our turn (limits.py), trying again
(http.py), or which symbols and days to ask for.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from urllib.parse import quote, urlsplit

import orjson
from curl_cffi.requests import Response

from stocks_pipeline.clock import Clock
from stocks_pipeline.domain.schemas import BARS
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError, from_status, from_transport
from stocks_pipeline.upstream.http import RetryPolicy, call
from stocks_pipeline.upstream.limits import Cancelled, Limiter
from stocks_pipeline.upstream.yahoo_bars import UPSTREAM, Bars, Event, VendorError, Window, malformed, vendor_error
from stocks_pipeline.upstream.yahoo_chart import decode_chart
from stocks_pipeline.upstream.yahoo_session import Credentials, YahooSession, configure

__all__ = ["Bars", "Event", "Window", "Yahoo"]

CHART_URL = "https://query2.finance.yahoo.com/v8/finance/chart/"
DEFAULT_POLICY = RetryPolicy()
_CREDENTIALS_WAIT_S = 5.0
_GIVE_UP_AFTER = 25  # symbols in a row that failed after all their tries: Yahoo is down, not they
_OK, _REDIRECTS, _BAD_REQUEST, _NOT_FOUND = 200, range(300, 400), 400, 404
_ENDS_STAGE = {FailureKind.AUTH, FailureKind.QUOTA_DAY}


class Yahoo:
    """The gateway. One a process: its pool is what bounds the calls in flight. Safe for threads.

    Args:
        base_url: where to send what is meant for *.yahoo.com; None is Yahoo itself.
        limiter: charged once a request, before it is sent, retries and cookie requests included.
        clock: for back-off and budgets.
        tz_of: zoneinfo name of the exchange of a vendor symbol; KeyError or ValueError where it is unknown.
        concurrency: most requests in flight, over all batches that this object serves at a time.
        policy: how often and how long one symbol is tried.
        request_timeout_s: longest wait for one answer, in seconds.
    """

    def __init__(  # noqa: PLR0913 - keyword-only, each a decision of the caller
        self,
        *,
        base_url: str | None,
        limiter: Limiter,
        clock: Clock,
        tz_of: Callable[[str], str],
        concurrency: int = 40,
        policy: RetryPolicy = DEFAULT_POLICY,
        request_timeout_s: float = 10.0,
    ) -> None:
        self.source = "yahoo" if base_url is None else "yahoo-sandbox"
        self._limiter, self._clock, self._tz_of, self._policy = limiter, clock, tz_of, policy
        self._timeout_s = request_timeout_s
        configure(tz_of)
        self._session = YahooSession(base_url, clock, longest_s=request_timeout_s)
        wait_s = min(_CREDENTIALS_WAIT_S, request_timeout_s)
        self._credentials = Credentials(self._session, clock, charge=limiter.acquire, wait_s=wait_s)
        self._pool = ThreadPoolExecutor(concurrency, thread_name_prefix="yahoo")

    def daily_bars(
        self, symbols: Sequence[str], window: Window, *, stop: threading.Event | None = None
    ) -> Iterator[tuple[str, Bars | UpstreamError]]:
        """Each distinct symbol once, with its bars or its failure, in the order in which the answers are complete.

        Nothing is sent before the first `next`. A symbol known to Yahoo with nothing in `window` has zero rows. After
        a refusal (AUTH), a spent allowance (QUOTA_DAY) or too many failures in a row, the rest is not asked any more
        and comes back pending: with that kind, and `attempts` 0 where it was never asked. Closing the iterator
        abandons what is not in flight.

        Raises:
            Cancelled: `stop` was set; symbols that were not yielded were not fetched.
        """
        stage = _Stage(stop or threading.Event())
        asked = {self._pool.submit(self._one, symbol, window, stage): symbol for symbol in dict.fromkeys(symbols)}
        try:
            for future in as_completed(asked):
                yield asked.pop(future), future.result()  # popped: a table that was handed over is not kept as well
        finally:
            stage.abandon()
            for future in asked:
                future.cancel()

    def close(self) -> None:
        """Let go of threads and connections; calls in flight end first, those that wait are dropped."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._session.close()

    def _one(self, symbol: str, window: Window, stage: "_Stage") -> Bars | UpstreamError:
        try:
            tz = self._tz_of(symbol)
            first, after = window.unix(tz)
        except (KeyError, ValueError) as error:
            return UpstreamError(FailureKind.PERMANENT, UPSTREAM, symbol, f"no exchange is known for it: {error}")

        sends = 0

        def send(left_s: float) -> Bars:
            nonlocal sends
            stage.check()
            sends += 1
            return self._ask(symbol, window, tz, {"period1": first, "period2": after}, left_s)

        try:
            stage.check()
            bars = call(send, policy=self._policy, limiter=self._limiter, clock=self._clock, stop=stage.stop)
        except _Over as over:
            return replace(over.verdict, subject=symbol, attempts=sends)
        except UpstreamError as error:
            stage.failed(error)
            return error
        stage.succeeded()
        return bars

    def _ask(self, symbol: str, window: Window, tz: str, period: dict[str, int], left_s: float) -> Bars:
        """One request. Raises UpstreamError."""
        crumb = self._credentials.crumb()
        params = {**period, "interval": "1d", "includePrePost": "false", "events": "div,splits,capitalGains"}
        if crumb.value:
            params["crumb"] = crumb.value
        try:
            response = self._session.get(
                CHART_URL + quote(symbol, safe=""),
                params=params,
                timeout=min(left_s, self._timeout_s),
                allow_redirects=False,
            )
        except OSError as error:  # every error of curl_cffi is one
            raise from_transport(UPSTREAM, symbol, error) from error
        try:
            return _read(response, symbol, window, tz)
        except UpstreamError as error:
            if error.kind is not FailureKind.AUTH:
                raise
            self._credentials.expire(crumb)
            raise replace(error, message=f"{error.message} ({crumb.origin})") from error


def _read(response: Response, symbol: str, window: Window, tz: str) -> Bars:
    """The bars, or the failure, that one answer of the chart endpoint stands for."""
    status, body = response.status_code, response.content
    if status == _OK:
        return decode_chart(body, symbol=symbol, window=window, tz=tz)
    if status in _REDIRECTS:
        where = urlsplit(response.headers.get("location") or "").hostname or "nowhere"
        kind = FailureKind.AUTH if "consent" in where or "guce" in where else FailureKind.MALFORMED
        raise UpstreamError(kind, UPSTREAM, symbol, f"Yahoo redirects to {where}", status=status)
    failure = _words(body)
    if status == _BAD_REQUEST and failure and failure.before_listing:
        return Bars(symbol, BARS.empty_table(), None, tz, 0, note=failure.description)
    if status == _NOT_FOUND and failure is None:  # an edge or a proxy speaks: that says nothing about the symbol
        raise malformed(symbol, "is a 404 without Yahoo's own words", status)
    text = f"{failure.code}: {failure.description}" if failure else body.decode("utf-8", "replace")
    raise from_status(UPSTREAM, symbol, status, response.headers, text)


def _words(body: bytes) -> VendorError | None:
    try:
        return vendor_error(orjson.loads(body))
    except orjson.JSONDecodeError:
        return None


class _Over(Exception):  # noqa: N818 - not an error of the symbol that meets it
    """The stage has ended. Not an UpstreamError, so that `call` neither tries again nor cools anyone down for it."""

    def __init__(self, verdict: UpstreamError) -> None:
        super().__init__(verdict.message)
        self.verdict = verdict


class _Stage:
    """What the symbols of one `daily_bars` call know of each other: whether to go on at all."""

    def __init__(self, stop: threading.Event) -> None:
        self.stop = stop
        self._lock = threading.Lock()
        self._verdict: UpstreamError | None = None
        self._in_a_row = 0
        self._abandoned = False

    def check(self) -> None:
        """Raises Cancelled or _Over where nothing more may be sent."""
        if self._abandoned or self.stop.is_set():
            raise Cancelled("stopped before it was asked")
        if self._verdict:
            raise _Over(self._verdict)

    def failed(self, error: UpstreamError) -> None:
        """Count a symbol's final failure, and end the stage where it says that the next one will fail too."""
        with self._lock:
            if self._verdict is None:
                self._in_a_row = 0 if error.kind is FailureKind.PERMANENT else self._in_a_row + 1
                if error.kind in _ENDS_STAGE or self._in_a_row >= _GIVE_UP_AFTER:
                    said = f"pending, not asked or not again: {error.subject} failed before it with: {error.message}"
                    self._verdict = replace(error, message=said)

    def succeeded(self) -> None:
        with self._lock:
            self._in_a_row = 0

    def abandon(self) -> None:
        """Nobody listens any more."""
        self._abandoned = True

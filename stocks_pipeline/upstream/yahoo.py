"""Daily bars from Yahoo Finance: many symbols at once, every one with its bars or with the reason why not.

What belongs here: asking, with one crew of threads a gateway, and sorting answers into bars and failures. What does
not: reading a body (yahoo_chart.py), cookies and crumbs (yahoo_session.py), waiting for our turn (limits.py), trying
again (http.py), when all the rest is not asked any more (yahoo_stage.py), or which symbols and days to ask for.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from queue import Empty, SimpleQueue
from urllib.parse import urlsplit

import orjson
from curl_cffi.requests import Response

from stocks_pipeline.clock import Clock
from stocks_pipeline.domain.schemas import BARS, LIVE, REPLAYED, SIMULATED
from stocks_pipeline.upstream.crew import Crew
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError, from_status
from stocks_pipeline.upstream.http import RetryPolicy, call
from stocks_pipeline.upstream.limits import Cancelled, Limiter
from stocks_pipeline.upstream.refusals import Refusals
from stocks_pipeline.upstream.yahoo_bars import UPSTREAM, Bars, Event, VendorError, Window, malformed, vendor_error
from stocks_pipeline.upstream.yahoo_chart import decode_chart
from stocks_pipeline.upstream.yahoo_session import Credentials, YahooSession, configure
from stocks_pipeline.upstream.yahoo_stage import Over, Stage

__all__ = ["Bars", "Event", "Window", "Yahoo"]

CHART_URL = "https://query2.finance.yahoo.com/v8/finance/chart/"
DEFAULT_POLICY = RetryPolicy()
_CREDENTIALS_WAIT_S = 5.0
_LONGEST_REFUSAL_S = 600.0  # most seconds of cool-downs in a row, whoever asks for them
_POLL_S = 0.25  # how soon a waiting caller sees `stop`
_CLOSE_S = 1.0  # what is still in flight after it is abandoned: nobody waits for its answer
_MARKET = "x-sandbox-market"  # the sandbox's word in each answer; whoever is live is not asked for it
_OK, _REDIRECTS, _BAD_REQUEST, _NOT_FOUND = 200, range(300, 400), 400, 404

_Answer = Bars | UpstreamError
_Done = SimpleQueue[tuple[str, _Answer | Exception]]


class Yahoo:
    """The gateway. One a run: its crew bounds the calls in flight, its count of refusals ends it. Safe for threads.

    Args:
        base_url: where to send what is meant for *.yahoo.com; None is Yahoo itself.
        limiter: charged once a request, before it is sent, retries and cookie requests included.
        clock: for back-off and budgets.
        tz_of: zoneinfo name of the exchange of a vendor symbol; KeyError or ValueError where it is unknown.
        concurrency: most requests in flight, over all batches that this object serves at a time.
        policy: how often and how long one symbol is tried.
        request_timeout_s: longest wait for one answer, in seconds.
        most_cool_downs: in a row, without one answer, before this gateway gives up for good.
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
        most_cool_downs: int = 6,
    ) -> None:
        self.source = LIVE if base_url is None else SIMULATED
        """Whose the bars are; of a sandbox that replays, known from its first answer on."""
        self._limiter, self._clock, self._tz_of, self._policy = limiter, clock, tz_of, policy
        self._timeout_s = request_timeout_s
        configure(tz_of)
        self._session = YahooSession(base_url, clock, longest_s=request_timeout_s)
        wait_s = min(_CREDENTIALS_WAIT_S, request_timeout_s)
        self._refusals = Refusals(policy.cool_down_s, most=most_cool_downs, longest_s=_LONGEST_REFUSAL_S)
        charge = partial(limiter.acquire, stop=self._refusals.ended)
        self._credentials = Credentials(self._session, clock, charge=charge, wait_s=wait_s)
        self._crew = Crew(concurrency, "yahoo", clock)

    def daily_bars(
        self, symbols: Sequence[str], window: Window, *, stop: threading.Event | None = None
    ) -> Iterator[tuple[str, Bars | UpstreamError]]:
        """Each distinct symbol once, with its bars or its failure, in the order in which the answers are complete.

        Nothing is sent before the first `next`. A symbol known to Yahoo with nothing in `window` has zero rows. After
        a refusal (AUTH), a spent allowance (QUOTA_DAY) or too many failures in a row, the rest is not asked any more
        and comes back pending: with that kind, and `attempts` 0 where it was never asked. After `most_cool_downs` in a
        row (RATE) so does everything that this gateway is asked from then on. Closing the iterator abandons what is in
        flight.

        Raises:
            Cancelled: `stop` was set; what was finished by then is yielded first, the rest was not fetched.
        """
        stage = Stage(stop or threading.Event(), self._refusals)
        done: _Done = SimpleQueue()
        asked = dict.fromkeys(symbols)
        for symbol in asked:
            self._crew.submit(partial(self._answer, symbol, window, stage, done))
        try:
            yield from _finished(done, len(asked), stage)
        finally:
            stage.abandon()

    def close(self) -> None:
        """Let go of threads and connections. Calls that wait are dropped, those in flight abandoned after a second."""
        if self._crew.close(_CLOSE_S):
            self._session.close()  # never under a call in flight

    def _answer(self, symbol: str, window: Window, stage: Stage, done: _Done) -> None:
        try:
            done.put((symbol, self._one(symbol, window, stage)))
        except Exception as error:  # noqa: BLE001 - it only changes threads here; `daily_bars` raises it
            done.put((symbol, error))

    def _one(self, symbol: str, window: Window, stage: Stage) -> _Answer:
        try:
            first, after = window.unix(self._tz_of(symbol))
        except (KeyError, ValueError) as error:
            return UpstreamError(FailureKind.PERMANENT, UPSTREAM, symbol, f"no exchange is known for it: {error}")

        sends = 0

        def send(left_s: float) -> Bars:
            nonlocal sends
            stage.check()
            sends += 1
            return self._ask(symbol, window, {"period1": first, "period2": after}, left_s)

        try:
            stage.check()
            bars = call(
                send,
                policy=self._policy,
                limiter=self._limiter,
                clock=self._clock,
                stop=stage.ended,
                refusals=self._refusals,
            )
        except Over as over:
            return replace(over.verdict, subject=symbol, attempts=sends)
        except Cancelled:
            if stage.cancelled() or stage.verdict is None:
                raise
            return replace(stage.verdict, subject=symbol, attempts=sends)  # it waited for its turn when the stage ended
        except UpstreamError as error:
            stage.failed(error)
            return error
        stage.succeeded()
        return bars

    def _ask(self, symbol: str, window: Window, period: dict[str, int], left_s: float) -> Bars:
        """One request. Raises UpstreamError."""

        def read(response: Response) -> Bars:
            if self.source == SIMULATED and response.headers.get(_MARKET) == "replayed":
                self.source = REPLAYED
            return _read(response, symbol, window)

        params = {**period, "interval": "1d", "includePrePost": "false", "events": "div,splits,capitalGains"}
        return self._credentials.ask(CHART_URL, symbol, params, min(left_s, self._timeout_s), read)


def _finished(done: _Done, left: int, stage: Stage) -> Iterator[tuple[str, _Answer]]:
    """The next `left` answers; once the stage is cancelled those that are there already, then Cancelled."""
    cancelled: Cancelled | None = None
    while left:
        cancelled = cancelled or stage.cancelled()
        try:
            symbol, answer = done.get_nowait() if cancelled else done.get(timeout=_POLL_S)
        except Empty:
            if cancelled:
                raise cancelled from None
            continue
        left -= 1
        if isinstance(answer, Cancelled):
            cancelled = answer
        elif isinstance(answer, Bars | UpstreamError):
            yield symbol, answer
            del answer  # a table that was handed over is not kept as well
        else:
            raise answer
    if cancelled:
        raise cancelled


def _read(response: Response, symbol: str, window: Window) -> Bars:
    """The bars, or the failure, that one answer of the chart endpoint stands for."""
    status, body = response.status_code, response.content
    if status == _OK:
        return decode_chart(body, symbol=symbol, window=window)
    if status in _REDIRECTS:
        where = urlsplit(response.headers.get("location") or "").hostname or "nowhere"
        kind = FailureKind.AUTH if "consent" in where or "guce" in where else FailureKind.MALFORMED
        raise UpstreamError(kind, UPSTREAM, symbol, f"Yahoo redirects to {where}", status=status)
    failure = _words(body)
    if status == _BAD_REQUEST and failure and failure.before_listing:
        return Bars(symbol, BARS.empty_table(), None, 0, note=failure.description)
    if status == _NOT_FOUND and failure is None:  # an edge or a proxy speaks: that says nothing about the symbol
        raise malformed(symbol, "is a 404 without Yahoo's own words", status)
    text = f"{failure.code}: {failure.description}" if failure else body.decode("utf-8", "replace")
    raise from_status(UPSTREAM, symbol, status, response.headers, text)


def _words(body: bytes) -> VendorError | None:
    try:
        return vendor_error(orjson.loads(body))
    except orjson.JSONDecodeError:
        return None

"""Daily bars from Twelve Data, the second vendor that prices are compared with: one request a call, credits first.

What belongs here: sending, charging, and comparing the vendor's count of credits with ours. What does not: what an
answer means (twelve_data_answers.py), which symbols go together (domain/plans.py knows how many).

A request costs one credit a symbol, charged to the limiter before it is sent, whatever becomes of it: the vendor may
count a refused one as well. The limiter allows no more in *any* minute than the vendor does in a minute of the clock,
so a higher count than ours means that somebody else uses the key; everyone then waits for the next minute.

Refusals cost credits too, so they have an end: a key whose plan is smaller than ours ends everything at once, and after
`_MOST_COOL_DOWNS` minutes in a row without an answer nobody asks this gateway's vendor any more. The same holds for
failures: after `_MOST_SILENT` calls in a row without an answer it is down. What could not even be sent costs nothing.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import httpx

from stocks_pipeline.clock import Clock
from stocks_pipeline.domain.plans import LARGEST_REQUEST
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError, from_transport
from stocks_pipeline.upstream.http import RetryPolicy, call
from stocks_pipeline.upstream.limits import Limiter
from stocks_pipeline.upstream.refusals import Refusals, Silence
from stocks_pipeline.upstream.twelve_data_answers import (
    UPSTREAM,
    Asked,
    Reply,
    SmallerPlanError,
    count_of,
    minute_ends_in,
    read_answer,
)

HOST = "api.twelvedata.com"
DEFAULT_POLICY = RetryPolicy(attempts=3, budget_s=90.0, rate_attempts=5)
_LARGEST_SERIES = 5000
_MAX_BYTES = 128_000_000  # 120 symbols of 5000 bars have some 80 MB
_SHORTEST_KEY = 6
_MOST_COOL_DOWNS = 3
_MOST_SILENT = 3
_LONGEST_REFUSAL = 10  # minutes of the vendor's


@dataclass(frozen=True)
class SentCall:
    """One request as it was sent, for the audit (domain/credit_audit.py).

    `at`: seconds since 1970, just before sending; `credits`: what the limiter was charged. `status`: the vendor's
    number, that of the body where it differs; None for no answer. `credits_used`, `credits_left`: the vendor's own
    count of its present minute, where it told. `strangers`: how many of those were not ours.
    """

    at: float
    credits: int
    status: int | None
    credits_used: int | None
    credits_left: int | None
    symbols: tuple[str, ...]
    strangers: int = 0


class TwelveData:
    """The gateway. Safe for threads; one a process.

    Args:
        base_url: where requests go instead, as `{base_url}/api.twelvedata.com/...`; None is the vendor itself.
        api_key: sent as a header, never in an address.
        limiter: charged a credit a symbol before every request, repeated ones too.
        clock: for back-off, budgets, the vendor's minute.
        policy: how often and how long one request is tried.
        record: told every request that was sent, also failed ones.
        minute_s: how long the vendor's minute is, in seconds; other than 60 only for a sandbox.
        credits_per_minute: what the plan that is set allows; a refusal that names less ends everything. None: unknown.
        request_timeout_s: longest wait for one whole answer, in seconds.
    """

    def __init__(  # noqa: PLR0913 - keyword-only, each a collaborator
        self,
        *,
        base_url: str | None,
        api_key: str,
        limiter: Limiter,
        clock: Clock,
        policy: RetryPolicy = DEFAULT_POLICY,
        record: Callable[[SentCall], None] | None = None,
        minute_s: float = 60.0,
        credits_per_minute: int | None = None,
        request_timeout_s: float = 30.0,
    ) -> None:
        if not api_key.isascii() or not api_key.isprintable() or set(api_key) & set(" '\""):
            raise ValueError("STOCKS_TWELVE_DATA_API_KEY holds a character that no key has: a blank, a quote, a letter")
        self._url = f"{base_url.rstrip('/')}/{HOST}/time_series" if base_url else f"https://{HOST}/time_series"
        self._key, self._minute_s, self._timeout_s = api_key, minute_s, request_timeout_s
        self._limiter, self._clock, self._policy, self._record = limiter, clock, policy, record
        self._per_minute = credits_per_minute
        self._refusals = Refusals(policy.cool_down_s, most=_MOST_COOL_DOWNS, longest_s=_LONGEST_REFUSAL * minute_s)
        self._silence = Silence(_MOST_SILENT)
        self._over: UpstreamError | None = None
        # A proxy from the environment must not carry what is meant for this machine.
        self._client = httpx.Client(
            headers={"Authorization": f"apikey {api_key}", "Accept": "application/json"},
            follow_redirects=False,
            trust_env=base_url is None,
        )

    def daily(
        self, symbols: Sequence[str], *, start: date, end: date, stop: threading.Event | None = None
    ) -> dict[str, Any]:
        """For each symbol its split-adjusted daily bars of start <= session <= end, or the UpstreamError it met.

        Tables are in EXTERNAL_BARS, oldest first, one row for each bar the vendor gave (repeated sessions too), empty
        where it has none in the span. `symbols` are the exchange's own codes, at most 120 and at most the credits of a
        minute. A symbol left over by an exhausted minute comes back as RATE: it was not checked and may be asked again.

        Raises:
            UpstreamError: the request failed as a whole: RATE, QUOTA_DAY (the vendor's or our own count), AUTH,
                TRANSIENT or MALFORMED, after the tries of the policy. Once refusals or silence have come to their end,
                or a refusal named a smaller plan than ours, so does everything later, unsent.
            Cancelled: `stop` was set while waiting.
            ValueError: no symbol, too many, one twice, one with a comma or blank, or an empty span.
        """
        self._check(symbols, start, end)
        names = {symbol: symbol.replace("-", ".") for symbol in symbols}
        asked = Asked(names, start, end, self._minute_s, self._per_minute)
        if not self._key:
            raise UpstreamError(FailureKind.AUTH, UPSTREAM, asked.subject, "no key: set STOCKS_TWELVE_DATA_API_KEY")
        self._raise_if_over(asked)
        try:
            found = call(
                lambda left_s: self._send(asked, min(left_s, self._timeout_s)),
                policy=self._silence.patience(self._policy),
                limiter=self._limiter,
                clock=self._clock,
                credits=len(symbols),
                stop=stop,
                refusals=self._refusals,
            )
        except UpstreamError as error:
            self._failed(error)
            self._raise_if_over(asked, error.attempts)
            raise
        self._silence.ended(None)
        return found

    def _failed(self, error: UpstreamError) -> None:
        """What a failed call means for those after it; one of the limits' database says nothing of the vendor."""
        if error.upstream == UPSTREAM:
            self._silence.ended(error)
        ends = {FailureKind.RATE: self._refusals.given_up, FailureKind.TRANSIENT: self._silence.given_up}
        if isinstance(error, SmallerPlanError):
            self._over = error
        elif why := ends.get(error.kind):
            self._over = replace(error, message=why)

    def _raise_if_over(self, asked: Asked, attempts: int = 0) -> None:
        """Every later request would be refused as well."""
        if self._over is not None:
            raise replace(self._over, subject=asked.subject, attempts=attempts)

    def close(self) -> None:
        self._client.close()

    def _check(self, symbols: Sequence[str], start: date, end: date) -> None:
        if not 1 <= len(symbols) <= LARGEST_REQUEST or len(set(symbols)) < len(symbols):
            raise ValueError(f"{len(symbols)} symbols; a request takes 1 to {LARGEST_REQUEST}, each once")
        wrong = [symbol for symbol in symbols if not symbol or set(symbol) & set(", \t\r\n")]
        if wrong:
            raise ValueError(f"no symbol: {wrong[0]!r}")
        if start > end:
            raise ValueError(f"the span {start} to {end} is empty")

    def _send(self, asked: Asked, timeout_s: float) -> dict[str, Any]:
        """One request, its answer read, recorded and compared with our ledger."""
        self._raise_if_over(asked)  # it became so while this one waited for its turn
        began, at = self._clock.monotonic(), self._clock.time()
        status, sent = None, True
        reply: Reply | None = None
        try:
            reply = self._get(asked, timeout_s)
            status = reply.status
            found = read_answer(asked, reply)
        except UpstreamError as error:
            status, sent = error.status if reply is not None else None, error.sent
            raise
        finally:
            used, left = (count_of(reply, name) for name in ("api-credits-used", "api-credits-left"))
            strangers = self._reconcile(used, self._clock.monotonic() - began)
            if self._record is not None and sent:
                self._record(SentCall(at, len(asked.symbols), status, used, left, tuple(asked.symbols), strangers))
        failures = [one for one in found.values() if isinstance(one, UpstreamError)]
        self._over = next((error for error in failures if isinstance(error, SmallerPlanError)), self._over)
        limited = next((error for error in failures if error.kind is FailureKind.RATE), None)
        if limited is not None:
            self._limiter.cool_down(limited.retry_after_s or self._minute_s, str(limited))
        return found

    def _reconcile(self, used: int | None, took_s: float) -> int:
        """Let everyone wait where the vendor counts more than we spent; how many credits were somebody else's.

        The ledger is asked for the minute and the time the call took: a credit granted just before the vendor's minute
        began may have arrived in it.
        """
        if used is None:
            return 0
        ours = self._limiter.used(self._minute_s + min(took_s, self._minute_s))
        if used <= ours:
            return 0
        wait_s = minute_ends_in(self._clock.time(), self._minute_s)
        reason = f"the vendor counts {used} credits this minute, we spent {ours}: somebody else uses the key"
        self._limiter.cool_down(wait_s, reason)
        return used - ours

    def _get(self, asked: Asked, timeout_s: float) -> Reply:
        """The whole answer, read against a deadline: httpx bounds only the wait between pieces."""
        query = {
            "symbol": ",".join(asked.symbols.values()),
            "interval": "1day",
            "start_date": asked.start.isoformat(),
            "end_date": (asked.end + timedelta(days=1)).isoformat(),  # whether it counts is not said: cut off here
            "outputsize": str(_LARGEST_SERIES),
            "order": "ASC",
            "adjust": "splits",
        }
        deadline = self._clock.monotonic() + timeout_s
        body = bytearray()
        try:
            with self._client.stream("GET", self._url, params=query, timeout=timeout_s) as response:
                for piece in response.iter_bytes(65_536):
                    body += piece
                    if self._clock.monotonic() > deadline:
                        waited = f"still sending after {timeout_s:.0f} s"
                        raise UpstreamError(FailureKind.TRANSIENT, UPSTREAM, asked.subject, waited)
                    if len(body) > _MAX_BYTES:
                        large = f"more than {_MAX_BYTES} bytes"
                        raise UpstreamError(FailureKind.MALFORMED, UPSTREAM, asked.subject, large)
        except httpx.HTTPError as error:
            unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
            # From None: it holds the request and its key.
            raise replace(from_transport(UPSTREAM, asked.subject, error), sent=not unsent) from None
        # Should the vendor quote the key, it goes no further than here.
        shown = body.replace(self._key.encode(), b"***") if len(self._key) >= _SHORTEST_KEY else body
        return Reply(response.status_code, response.headers, bytes(shown), self._clock.time())

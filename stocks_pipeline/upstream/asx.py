"""What the ASX lists today, from its own web site, in whichever of its two forms can be had.

What belongs here: fetching the file and saying why it cannot be had. What does not: reading it (domain/listing.py), or
judging whether the number of companies is believable (a check of the asset).

Sources: www.asx.com.au/asx/research/ASXListedCompanies.csv, and the company directory of the exchange's own market-data
vendor. Either may answer a client that does not look like a browser with 403 and a page: hence the headers.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal
from urllib.parse import urlsplit

import httpx

from stocks_pipeline.clock import Clock
from stocks_pipeline.domain.symbols import Listing, ListingError, parse_asx_listing
from stocks_pipeline.upstream.failures import RETRYABLE, FailureKind, UpstreamError, from_status, from_transport
from stocks_pipeline.upstream.http import RetryPolicy, call
from stocks_pipeline.upstream.limits import Limiter

UPSTREAM = "asx"
UrlForm = Literal["csv", "directory"]
URLS: dict[UrlForm, str] = {
    "csv": "https://www.asx.com.au/asx/research/ASXListedCompanies.csv",
    "directory": "https://asx.api.markitdigital.com/asx-research/1.0/companies/directory/file",
}
"""In the order in which they are tried: the first carries its own date, the second is the newer one."""
HEADERS = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36",
    "Accept": "text/csv,text/plain;q=0.9,*/*;q=0.8",
    "Accept-Language": "en-AU,en;q=0.9",
    "Referer": "https://www.asx.com.au/markets/trade-our-cash-market/directory",
}
DEFAULT_POLICY = RetryPolicy(attempts=3, rate_attempts=2)  # the other form is the better second try
_MAX_BYTES = 20_000_000  # the file has 0.1 MB; more is something else
_OK, _FORBIDDEN = 200, 403


@dataclass(frozen=True)
class FetchedListing:
    """A listing with the bytes it was read from. `fetched_from` is the public address, whatever base was used."""

    listing: Listing
    body: bytes
    fetched_from: str


class AsxListing:
    """The gateway.

    Args:
        base_url: where requests go instead, as `{base_url}/{host}{path}`; None is the exchange itself.
        limiter: charged once a request, before it is sent.
        clock: for back-off, budgets and the longest wait.
        policy: how often and how long each form is tried.
        request_timeout_s: longest wait for one whole answer, in seconds.
    """

    def __init__(
        self,
        *,
        base_url: str | None,
        limiter: Limiter,
        clock: Clock,
        policy: RetryPolicy = DEFAULT_POLICY,
        request_timeout_s: float = 20.0,
    ) -> None:
        self._base = base_url.rstrip("/") if base_url else None
        self._limiter, self._clock, self._policy, self._timeout_s = limiter, clock, policy, request_timeout_s

    def fetch(self) -> FetchedListing:
        """The listing in the first form that can be fetched and read.

        Raises:
            UpstreamError: neither form could; the message says why not for both. MALFORMED where an answer came and
                was no listing.
        """
        failures: list[UpstreamError] = []
        # A proxy from the environment must not carry what is meant for this machine, nor a redirect lead away from it.
        live = self._base is None
        with httpx.Client(headers=HEADERS, follow_redirects=live, trust_env=live) as client:
            for form in URLS:
                try:
                    return self._fetch_form(client, form)
                except UpstreamError as error:
                    if error.kind is FailureKind.QUOTA_DAY:
                        raise
                    failures.append(error)
        raise _both(failures)

    def _fetch_form(self, client: httpx.Client, form: UrlForm) -> FetchedListing:
        def send(left_s: float) -> FetchedListing:
            body = self._get(client, form, min(left_s, self._timeout_s))
            try:
                listing = parse_asx_listing(body)
            except ListingError as error:
                raise UpstreamError(FailureKind.MALFORMED, UPSTREAM, form, f"no listing: {error}") from error
            if not listing.companies:
                raise UpstreamError(FailureKind.MALFORMED, UPSTREAM, form, "a listing without a single company")
            return FetchedListing(listing, body, URLS[form])

        try:
            return call(send, policy=self._policy, limiter=self._limiter, clock=self._clock)
        except _WallError as wall:
            raise wall.failure from wall

    def _get(self, client: httpx.Client, form: UrlForm, timeout_s: float) -> bytes:
        """The whole body of one answer of 200, read against a deadline: httpx bounds only the wait between pieces."""
        parts = urlsplit(URLS[form])
        url = f"{self._base}/{parts.hostname}{parts.path}" if self._base else URLS[form]
        deadline = self._clock.monotonic() + timeout_s
        body = bytearray()
        try:
            with client.stream("GET", url, timeout=timeout_s) as response:
                for piece in response.iter_bytes():
                    body += piece
                    if self._clock.monotonic() > deadline:
                        waited = timedelta(seconds=timeout_s)
                        raise UpstreamError(FailureKind.TRANSIENT, UPSTREAM, form, f"still sending after {waited}")
                    if len(body) > _MAX_BYTES:
                        raise UpstreamError(FailureKind.MALFORMED, UPSTREAM, form, f"more than {_MAX_BYTES} bytes")
        except httpx.HTTPError as error:
            raise from_transport(UPSTREAM, form, error) from error
        if response.status_code != _OK:
            raise _refusal(form, response, bytes(body))
        return bytes(body)


class _WallError(Exception):
    """A page for robots. Not an UpstreamError, so that `call` does not try again: that only prolongs such a block."""

    def __init__(self, form: UrlForm) -> None:
        message = "HTTP 403 and a page: the site takes this client for a robot"
        super().__init__(message)
        self.failure = UpstreamError(FailureKind.MALFORMED, UPSTREAM, form, message, status=_FORBIDDEN)


def _refusal(form: UrlForm, response: httpx.Response, body: bytes) -> Exception:
    text = body[:500].decode("utf-8", "replace")
    if response.status_code == _FORBIDDEN and "<" in text:
        return _WallError(form)
    if response.is_redirect:
        return UpstreamError(FailureKind.MALFORMED, UPSTREAM, form, "a redirect", status=response.status_code)
    return from_status(UPSTREAM, form, response.status_code, response.headers, text)


def _both(failures: list[UpstreamError]) -> UpstreamError:
    """One failure for all forms; it may be retried if one of them may."""
    worth_retrying = [error for error in failures if error.kind in RETRYABLE]
    first = (worth_retrying or failures)[0]
    message = "; ".join(f"{error.subject}: {error.message[:120]} [{error.kind}]" for error in failures)
    attempts = sum(error.attempts for error in failures)
    return UpstreamError(first.kind, UPSTREAM, "listing", message, first.status, first.retry_after_s, attempts)

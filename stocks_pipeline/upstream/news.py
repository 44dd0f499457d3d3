"""Headlines about a share, from Yahoo's RSS feed: optional, untrusted, bounded.

What belongs here: fetching one feed and sorting its entries into items. What does not: making a stranger's text safe
(domain/news.py does, for every item) and which items a report shows. Format: RSS 2.0 recorded in 2022; an unknown
symbol is a feed without items. Feeds are often ill-formed, which feedparser takes as it comes; one that ends in the
middle is refused, since its last headline may be half of one.
"""

import hashlib
import io
import threading
from calendar import timegm
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import feedparser  # type: ignore[import-untyped]  # ships none; what we read of it is in read_feed and _item
import httpx

from stocks_pipeline.clock import Clock
from stocks_pipeline.domain.news import NewsItem
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError, from_status, from_transport
from stocks_pipeline.upstream.http import RetryPolicy, call
from stocks_pipeline.upstream.limits import Limiter

UPSTREAM = "news"
URL = "https://feeds.finance.yahoo.com/rss/2.0/headline"
HEADERS = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36",
    "Accept": "application/rss+xml,application/xml;q=0.9,text/xml;q=0.8,*/*;q=0.5",
}
DEFAULT_POLICY = RetryPolicy(attempts=2, budget_s=20.0, rate_attempts=2, cool_down_s=2.0)
"""A report waits for its news no longer than this: it is written without them."""
MOST = 20
_MAX_BYTES = 1_000_000  # a feed of twenty items has some 20 kB
_MAX_ENTRIES = 200
_OK = 200
_ENDS = (b"</rss>", b"</feed>", b"</rdf:rdf>")
_TAIL = 200


class News:
    """The gateway. Safe for threads; one a process.

    Args:
        base_url: where requests go instead, as `{base_url}/{host}{path}`; None is Yahoo itself.
        limiter: charged once a request, before it is sent.
        clock: for back-off, budgets and the longest wait.
        policy: how often and how long one feed is tried.
        request_timeout_s: longest wait for one whole feed, in seconds.
    """

    def __init__(
        self,
        *,
        base_url: str | None,
        limiter: Limiter,
        clock: Clock,
        policy: RetryPolicy = DEFAULT_POLICY,
        request_timeout_s: float = 10.0,
    ) -> None:
        parts = urlsplit(URL)
        self._url = f"{base_url.rstrip('/')}/{parts.hostname}{parts.path}" if base_url else URL
        self._limiter, self._clock, self._policy, self._timeout_s = limiter, clock, policy, request_timeout_s
        # A proxy from the environment must not carry what is meant for this machine.
        self._client = httpx.Client(headers=HEADERS, follow_redirects=False, trust_env=base_url is None)

    def headlines(
        self, yahoo_symbol: str, *, limit: int = 5, stop: threading.Event | None = None
    ) -> tuple[NewsItem, ...]:
        """At most `limit` items (1 to 20), newest first, each once; empty where there are none.

        Raises:
            UpstreamError: the feed could not be had or is none.
            Cancelled: `stop` was set while waiting.
            ValueError: another limit.
        """
        if not 1 <= limit <= MOST:
            raise ValueError(f"limit is {limit}; it must be from 1 to {MOST}")

        def send(left_s: float) -> tuple[NewsItem, ...]:
            body = self._get(yahoo_symbol, min(left_s, self._timeout_s))
            return read_feed(body, yahoo_symbol, now=self._clock.now())[:limit]

        return call(send, policy=self._policy, limiter=self._limiter, clock=self._clock, stop=stop)

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def _get(self, symbol: str, timeout_s: float) -> bytes:
        """The whole body of one answer of 200, read against a deadline: httpx bounds only the wait between pieces."""
        deadline = self._clock.monotonic() + timeout_s
        asked = {"s": symbol, "region": "US", "lang": "en-US"}
        body = bytearray()
        try:
            with self._client.stream("GET", self._url, params=asked, timeout=timeout_s) as response:
                for piece in response.iter_bytes(65_536):
                    body += piece
                    if self._clock.monotonic() > deadline:
                        waited = f"still sending after {timeout_s:.0f} s"
                        raise UpstreamError(FailureKind.TRANSIENT, UPSTREAM, symbol, waited)
                    if len(body) > _MAX_BYTES:
                        raise _malformed(symbol, f"more than {_MAX_BYTES} bytes")
        except httpx.HTTPError as error:
            raise from_transport(UPSTREAM, symbol, error) from error
        if response.status_code != _OK:
            text = body[:500].decode("utf-8", "replace")
            raise from_status(UPSTREAM, symbol, response.status_code, response.headers, text, now=self._clock.now())
        return bytes(body)


def read_feed(body: bytes, symbol: str, *, now: datetime) -> tuple[NewsItem, ...]:
    """The items of a feed, newest first. Entries without a date, a title or an identity are left out, as are those
    dated more than a day after `now`, and repeated ones.

    Raises:
        UpstreamError: MALFORMED: no feed, one that is cut off, or one that defines entities.
    """
    lower = body.lower()
    if b"<!doctype html" in lower[:_MAX_BYTES] or b"<!entity" in lower:
        raise _malformed(symbol, "a web page or a document with entities instead of a feed")
    try:
        parsed = feedparser.parse(io.BytesIO(body), sanitize_html=False, resolve_relative_uris=False)
    except ValueError as error:  # a NUL byte: feedparser takes the body for a path
        raise _malformed(symbol, f"no feed: {error}") from error
    if not parsed.get("version"):
        raise _malformed(symbol, f"no feed: {body[:80].decode('utf-8', 'replace')}")
    if not any(end in lower[-_TAIL:] for end in _ENDS):
        raise _malformed(symbol, "the feed ends in the middle")
    found = [item for entry in parsed.entries[:_MAX_ENTRIES] if (item := _item(entry)) is not None]
    latest = now + timedelta(days=1)
    ordered = sorted((item for item in found if item.published_at <= latest), key=lambda item: item.id)
    ordered.sort(key=lambda item: item.published_at, reverse=True)
    return tuple(_distinct(ordered))


def _item(entry: Any) -> NewsItem | None:
    """An entry as an item; None where it lacks what an item needs."""
    moment = entry.get("published_parsed")
    link, title = str(entry.get("link", "")), str(entry.get("title", ""))
    if moment is None or not title:
        return None
    source = entry.get("source") or {}
    try:
        return NewsItem(
            id=str(entry.get("id") or hashlib.sha256(f"{link}\n{title}".encode()).hexdigest()[:16]),
            title=title,
            publisher=str(source.get("title") or urlsplit(link).hostname or "").removeprefix("www."),
            link=link,
            published_at=datetime.fromtimestamp(timegm(moment), UTC),
        )
    except (ValueError, OverflowError):  # nothing readable is left of it, or its date is in no calendar
        return None


def _distinct(items: list[NewsItem]) -> list[NewsItem]:
    """The first of those with the same id or the same title."""
    seen: set[str] = set()
    kept = []
    for item in items:
        marks = {f"id {item.id}", f"title {item.title.casefold()}"}
        if not marks & seen:
            kept.append(item)
        seen |= marks
    return kept


def _malformed(symbol: str, message: str) -> UpstreamError:
    return UpstreamError(FailureKind.MALFORMED, UPSTREAM, symbol, message, status=_OK)

"""The news gateway against the sandbox's feed, and feeds as strangers could make them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocks_pipeline.clock import SystemClock
from stocks_pipeline.sandbox.rss import feed, item
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError
from stocks_pipeline.upstream.http import RetryPolicy
from stocks_pipeline.upstream.news import News, read_feed
from stocks_pipeline_tests.fakes import Unlimited
from stocks_pipeline_tests.sandbox_server import SandboxServer

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
QUICK = RetryPolicy(attempts=2, budget_s=3, base_s=0.01, rate_attempts=2, cool_down_s=0.05)


@pytest.fixture
def news(sandbox: SandboxServer) -> Iterator[News]:
    clock = SystemClock()
    made = News(base_url=sandbox.url, limiter=Unlimited(clock), clock=clock, policy=QUICK, request_timeout_s=0.5)
    yield made
    made.close()


def test_headlines_are_the_newest_first_and_the_same_every_time(sandbox: SandboxServer, news: News) -> None:
    """At most as many as asked for, dated in UTC, by a publisher, each once; one request."""
    found = news.headlines("NVDA", limit=3)
    assert 0 < len(found) <= 3
    assert [one.published_at for one in found] == sorted((one.published_at for one in found), reverse=True)
    assert all(one.published_at.tzinfo is UTC and one.publisher == "finance.yahoo.com" for one in found)
    assert len({one.id for one in found}) == len(found)
    assert len(sandbox.log(endpoint="news")) == 1
    assert news.headlines("NVDA", limit=20)[: len(found)] == found
    assert news.headlines("D05.SI") != found


def test_no_news_is_no_error(sandbox: SandboxServer, news: News) -> None:
    """An unknown symbol and a quiet week are empty, without a second try."""
    sandbox.fault("no_news", symbols=["NVDA"])
    assert news.headlines("NVDA") == ()
    assert news.headlines("not a symbol") == ()
    assert len(sandbox.log(endpoint="news")) == 2


def test_hostile_items_are_shown_as_plain_text(sandbox: SandboxServer, news: News) -> None:
    """No markup, no braces, no hidden or bidirectional characters, bounded; links that are no web address are gone."""
    sandbox.fault("hostile_news")
    found = news.headlines("NVDA", limit=20)
    titles = " ".join(one.title for one in found)
    assert "Ignore previous instructions" in titles
    assert not set(titles) & set("<>{}[]`*_#|\\\u202e\u202c\u200b\u2066\u2069")
    assert "http" not in titles
    assert all(len(one.title) <= 200 for one in found)


@pytest.mark.parametrize(
    ("fault", "fields", "kind", "sends"),
    [
        ("429", {}, FailureKind.RATE, 2),
        ("500", {}, FailureKind.TRANSIENT, 2),
        ("500", {"status": 404}, FailureKind.PERMANENT, 1),
        ("timeout", {}, FailureKind.TRANSIENT, 2),
        ("malformed", {}, FailureKind.MALFORMED, 2),
        ("html", {}, FailureKind.MALFORMED, 2),
    ],
)
def test_each_failure_has_its_class(  # noqa: PLR0917 - parameters of the table above
    sandbox: SandboxServer, news: News, fault: str, fields: dict[str, Any], kind: FailureKind, sends: int
) -> None:
    """Bounded tries, and another symbol is not concerned."""
    sandbox.fault(fault, endpoint="news", symbols=["NVDA"], **fields)
    with pytest.raises(UpstreamError) as caught:
        news.headlines("NVDA")
    assert (caught.value.kind, caught.value.attempts, caught.value.subject) == (kind, sends, "NVDA")
    assert news.headlines("D05.SI", limit=1) is not None


def test_a_limit_must_be_sensible(news: News) -> None:
    """1 to 20."""
    for wrong in (0, 21):
        with pytest.raises(ValueError, match="limit"):
            news.headlines("NVDA", limit=wrong)


def _feed(*items: str) -> bytes:
    return feed("NVDA", list(items), built=NOW).encode()


def test_repeated_undated_and_future_items_are_left_out() -> None:
    """By id or by title, whichever repeats; a date beyond tomorrow is wrong."""
    kept = item("A quiet day", "NVDA", NOW, "a")
    found = read_feed(
        _feed(
            kept,
            kept,
            item("A QUIET DAY", "NVDA", NOW - timedelta(hours=1), "b"),
            item("Tomorrow's news", "NVDA", NOW + timedelta(days=3), "c"),
            "<item><title>No date</title><link>https://a.example/x</link></item>",
            item("<b></b>", "NVDA", NOW, "d"),
        ),
        "NVDA",
        now=NOW,
    )
    assert [one.title for one in found] == ["A quiet day"]


def test_dates_of_any_zone_become_utc() -> None:
    """Thirteen hours east of Greenwich is the day before."""
    text = "<item><guid>g</guid><title>T</title><pubDate>Fri, 20 Nov 2026 01:00:00 +1300</pubDate></item>"
    [found] = read_feed(_feed(text), "NVDA", now=NOW)
    assert found.published_at == datetime(2026, 11, 19, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"Edge: Too Many Requests",
        b"{}",
        b"<!DOCTYPE html><html></html>",
        b'<!DOCTYPE r [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><rss version="2.0"><channel>&b;</channel></rss>',
        b'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><rss version="2.0"></rss>',
        _feed(item("Whole", "NVDA", NOW, "a"))[:-40],
    ],
)
def test_what_is_no_whole_feed_is_refused(body: bytes) -> None:
    """Pages, texts, cut feeds, and documents that define entities."""
    with pytest.raises(UpstreamError) as caught:
        read_feed(body, "NVDA", now=NOW)
    assert caught.value.kind is FailureKind.MALFORMED


def test_an_ill_formed_feed_is_read_as_far_as_it_goes() -> None:
    """A bare ampersand is everyday life."""
    body = _feed(item("Whole", "NVDA", NOW, "a")).replace(b"Yahoo! Finance:", b"Yahoo & Finance:")
    assert [one.title for one in read_feed(body, "NVDA", now=NOW)] == ["Whole"]


@given(body=st.binary(max_size=300), cut=st.integers(0, 400))
def test_no_body_ends_in_anything_but_items_or_a_classified_failure(body: bytes, cut: int) -> None:
    """Random bytes alone, and put into a feed."""
    whole = _feed(item("Whole", "NVDA", NOW, "a"))
    kinds = set()
    for made in (body, whole[:cut] + body + whole[cut:]):
        try:
            read_feed(made, "NVDA", now=NOW)
        except UpstreamError as error:
            kinds.add(error.kind)
    assert kinds <= {FailureKind.MALFORMED}


def test_a_body_without_an_end_is_cut_off(sandbox: SandboxServer) -> None:
    """More than a feed can have is refused before it is read to the end."""
    del sandbox
    big = _feed(*(item("x" * 900, "NVDA", NOW, str(n)) for n in range(700)))
    assert len(big) > 1_000_000
    assert len(read_feed(big, "NVDA", now=NOW)) <= 200

"""The news of a morning: stored before the model is asked, the same for every later run, and never a second bill."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from stocks_pipeline.defs.dr.morning_news import ASKED, SHOWN, Fetched, MorningNews
from stocks_pipeline.domain.news import NewsItem
from stocks_pipeline.domain.tickers import parse_tickers
from stocks_pipeline.storage.dr_keys import news_key
from stocks_pipeline.storage.lake import Conflict, Lake, LakeError, open_lake
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError
from stocks_pipeline_tests.fakes import FakeClock
from stocks_pipeline_tests.morning_desk import DAY, LIST, MORNING, MorningDesk, down, headline, morning

__all__ = ["morning"]
NVDA = parse_tickers(LIST.encode())[0]
KEY = news_key(DAY, "NVDA19")
LATER = datetime(2025, 12, 6, tzinfo=UTC)
UNREACHABLE = UpstreamError(FailureKind.TRANSIENT, "news", "NVDA", "503: no feed today")


class Feed:
    """A source that gives what `now` is, and remembers how many items it was asked for."""

    def __init__(self, now: list[NewsItem] | UpstreamError) -> None:
        self.now = now
        self.limits: list[int] = []

    def headlines(self, yahoo_symbol: str, *, limit: int = 5, stop: threading.Event | None = None) -> tuple[Any, ...]:
        assert yahoo_symbol == "NVDA"
        assert stop is not None
        self.limits.append(limit)
        if isinstance(self.now, UpstreamError):
            raise self.now
        return tuple(self.now)[:limit]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return open_lake(str(tmp_path))


def look(lake: Lake, feed: Feed, execution: str = "one", *, paid: bool = False, **more: Any) -> tuple[list[str], Any]:
    """Titles and error of one look; `paid`: the question without news is answered already."""
    news = MorningNews(lake, feed, DAY, execution, FakeClock(MORNING.timestamp()), **more)
    items, error = news.of(NVDA, lambda: paid, threading.Event())
    return [item.title for item in items], error


def test_what_the_feed_held_is_stored_as_fetched_and_asked_for_once(lake: Lake) -> None:
    """Another execution, a day later, with newer news in the feed: the same items, nobody asked; the file says who
    fetched what and when.
    """
    feed = Feed([headline("NVDA", LATER, "Too late"), headline("NVDA", title="In time")])
    assert look(lake, feed) == (["In time"], None)
    feed.now = [headline("NVDA", title="Newer")]
    assert look(lake, feed, "two") == (["In time"], None)
    assert feed.limits == [ASKED]
    stored = json.loads(lake.read(KEY))
    assert (stored["execution_id"], stored["error"], stored["fetched_at"]) == ("one", None, MORNING.isoformat())
    assert [item["title"] for item in stored["items"]] == ["Too late", "In time"]
    assert Fetched.from_json(lake.read(KEY)).to_json() == lake.read(KEY)


def test_the_newest_five_by_the_morning_are_taken_and_not_the_morning_s_of_the_newest_five(lake: Lake) -> None:
    """Nine items after the morning hide none of those before it."""
    late = [headline("NVDA", LATER - timedelta(hours=n), f"Late {n}") for n in range(9)]
    known = [headline("NVDA", MORNING - timedelta(hours=1 + n), f"Known {n}") for n in range(7)]
    assert look(lake, Feed([*late, *known]))[0] == [f"Known {n}" for n in range(SHOWN)]


def test_a_feed_that_begins_after_the_morning_is_no_answer(lake: Lake) -> None:
    """All it still holds is later: that is told with the feed's first moment, by every later run, and asked once."""
    feed = Feed([headline("NVDA", LATER + timedelta(hours=n), f"Late {n}") for n in (3, 0, 2)])
    said = "the feed begins 2025-12-06 07:00 in Bangkok, after the morning of 2025-12-05"
    assert look(lake, feed) == ([], said)
    assert look(lake, feed, "two") == ([], said)
    assert len(feed.limits) == 1


def test_a_backfilled_morning_says_that_its_news_are_gone(morning: MorningDesk) -> None:
    """Seven weeks on the feed has nothing of that morning: the report says so, is not asked about twice, and a
    rewrite does not make it "no news" either.
    """
    day = date(2025, 10, 15)
    morning.news.items = {"NVDA": [headline("NVDA")]}
    assert morning.fetch(["NVDA19"], day=day).success
    for rewrite in (False, False, True):
        assert morning.write(["NVDA19"], day=day, rewrite=rewrite).success
        told = morning.payload("NVDA19", day)["news_error"]
        assert told == "the feed begins 2025-12-04 20:20 in Bangkok, after the morning of 2025-10-15"
    assert morning.model.subjects == ["NVDA19"] * 2
    assert told in morning.metadata("NVDA19", day=day)["news"]


def test_no_news_is_an_answer(lake: Lake) -> None:
    """An empty feed is stored as one and not asked again."""
    feed = Feed([])
    assert look(lake, feed) == ([], None)
    feed.now = [headline("NVDA")]
    assert look(lake, feed, "two") == ([], None)
    assert len(feed.limits) == 1


def test_a_feed_that_could_not_be_had_is_asked_again_until_an_answer_without_news_is_paid_for(lake: Lake) -> None:
    """Its reason is stored, never as no news; a later run may fill it, but not make a paid report another question."""
    feed = Feed(UNREACHABLE)
    items, error = look(lake, feed)
    assert (items, error) == ([], str(UNREACHABLE))
    assert json.loads(lake.read(KEY))["error"] == error
    feed.now = [headline("NVDA", title="Back again")]
    assert look(lake, feed, "two", paid=True) == ([], error)
    assert look(lake, feed, "three") == (["Back again"], None)
    feed.now = UNREACHABLE
    assert look(lake, feed, "four") == (["Back again"], None)
    assert len(feed.limits) == 2


def test_a_failure_never_replaces_what_was_fetched(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two runs at once one reached the feed: both use its items."""
    failing = Feed(UNREACHABLE)
    inner = failing.headlines

    def meanwhile(*args: Any, **more: Any) -> Any:
        look(lake, Feed([headline("NVDA", title="Reached")]), "other")
        return inner(*args, **more)

    monkeypatch.setattr(failing, "headlines", meanwhile)
    assert look(lake, failing) == (["Reached"], None)


def test_of_runs_at_once_the_first_to_store_is_everybodys(lake: Lake) -> None:
    """Eight looks at a feed that says something else each time: one set of items, so one question for the model."""
    together = threading.Barrier(8)

    class Changing(Feed):
        def headlines(self, *args: Any, **more: Any) -> Any:
            together.wait(10)
            return super().headlines(*args, **more)

    def one(number: int) -> str:
        titles, _ = look(lake, Changing([headline("NVDA", title=f"As seen by {number}")]), f"run{number}")
        return titles[0]

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(one, range(8)))) == 1


def test_another_machine_that_was_faster_is_followed(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lake without locks says Conflict: what the other stored is used."""
    write = lake.write

    def too_late(key: str, data: bytes) -> Any:
        write(key, Fetched("NVDA19", "other", MORNING, None, (headline("NVDA", title="Theirs"),)).to_json())
        raise Conflict(f"{key}: another run wrote {len(data)} bytes meanwhile")

    monkeypatch.setattr(lake, "write", too_late)
    assert look(lake, Feed([headline("NVDA", title="Ours")])) == (["Theirs"], None)


def test_a_rewrite_uses_what_its_own_execution_fetched(lake: Lake) -> None:
    """It asks the feed anew, and gone on with after a crash it does not: the model may have been paid meanwhile."""
    feed = Feed([headline("NVDA", title="First")])
    look(lake, feed)
    feed.now = [headline("NVDA", title="Second")]
    assert look(lake, feed, "two", rewrite=True) == (["Second"], None)
    feed.now = [headline("NVDA", title="Third")]
    assert look(lake, feed, "two", rewrite=True) == (["Second"], None)
    assert look(lake, feed, "three") == (["Second"], None)
    assert len(feed.limits) == 2


@pytest.mark.parametrize("damaged", [b"", b"[]", b"{", b'{"items": []}', b'{"items": [{"id": 1}]}'])
def test_a_damaged_file_is_as_good_as_none(lake: Lake, damaged: bytes) -> None:
    """It is asked for and written anew."""
    lake.write(KEY, damaged)
    assert look(lake, Feed([headline("NVDA", title="Whole")])) == (["Whole"], None)
    assert look(lake, Feed([])) == (["Whole"], None)


def test_news_are_stored_before_the_model_is_asked(morning: MorningDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lake that takes no news costs nothing: the ticker fails before the model hears of it."""
    assert morning.fetch().success
    stored: list[bool] = []
    morning.model.script = lambda subject, _: stored.append(morning.lake.exists(news_key(DAY, subject)))
    assert morning.write().success
    assert stored == [True] * 3
    broken = break_news(morning, monkeypatch)
    assert morning.write(rewrite=True).success is False
    assert broken
    assert len(morning.model.asked) == 3


def break_news(desk: MorningDesk, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """No news can be stored from now on; the keys that were tried."""
    lake, tried = desk.lake, []
    write: Callable[..., Any] = lake.write

    def refuse(key: str, data: bytes) -> Any:
        if key.startswith("dr/news/"):
            tried.append(key)
            raise LakeError(f"{key}: no space left on device")
        return write(key, data)

    monkeypatch.setattr(lake, "write", refuse)
    monkeypatch.setattr("stocks_pipeline.defs.resources.LakeResource.open", lambda _: lake)
    return tried


def test_newer_news_make_no_second_bill(morning: MorningDesk) -> None:
    """A rerun of a finished morning whose feed has moved on asks neither feed nor model; a rewrite asks both."""
    assert morning.fetch().success
    morning.news.items = {"NVDA": [headline("NVDA", title="Of the morning")]}
    assert morning.write(tickers=["NVDA"]).success
    morning.news.items = {"NVDA": [headline("NVDA", title="Of the afternoon")]}
    assert morning.write(tickers=["NVDA"]).success
    assert (morning.model.subjects, morning.news.asked) == (["NVDA19"], ["NVDA"])
    assert "Of the morning" in morning.payload("NVDA19")["narrative_report"]
    assert morning.write(tickers=["NVDA"], rewrite=True).success
    assert (morning.model.subjects, morning.news.asked) == (["NVDA19"] * 2, ["NVDA"] * 2)
    assert "Of the afternoon" in morning.payload("NVDA19")["narrative_report"]


def test_news_that_come_back_make_no_second_bill_of_a_finished_report(morning: MorningDesk) -> None:
    """The feed is back after the report: it stays without news, and says why, and nothing is asked or paid."""
    assert morning.fetch().success
    morning.news.items = {"NVDA": UNREACHABLE}
    assert morning.write(tickers=["NVDA"]).success
    morning.news.items = {"NVDA": [headline("NVDA", title="Back again")]}
    assert morning.write(tickers=["NVDA"]).success
    assert (morning.model.subjects, morning.news.asked) == (["NVDA19"], ["NVDA"])
    assert "no feed today" in morning.payload("NVDA19")["news_error"]


def test_news_that_come_back_fill_a_report_that_nobody_paid_for(morning: MorningDesk) -> None:
    """Feed and model were down: the retry has both."""
    assert morning.fetch().success
    morning.news.items = {"NVDA": UNREACHABLE}
    morning.model.script = lambda subject, number: None if number else down(subject)
    first = morning.write(tickers=["NVDA"])
    assert not first.success
    morning.news.items = {"NVDA": [headline("NVDA", title="Back again")]}
    assert morning.write(parent=first, tickers=["NVDA"]).success
    assert morning.payload("NVDA19")["news_error"] is None
    assert "Back again" in morning.payload("NVDA19")["narrative_report"]

"""The canned vendors behave like what they stand for."""

import threading
from datetime import date

import pytest

from stocks_pipeline.defs.fetching import PriceFeed
from stocks_pipeline.domain.schemas import BARS, conform
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError
from stocks_pipeline.upstream.limits import Cancelled
from stocks_pipeline.upstream.yahoo import Window
from stocks_pipeline_tests.fake_feed import CannedFeed, CannedListing, bars_of, codes, refused

WEEK = Window(date(2025, 12, 1), date(2025, 12, 5))


def test_without_a_script_every_symbol_has_healthy_bars_on_every_session() -> None:
    """Silence in the script means a healthy vendor, in the shape that the real gateway promises."""
    feed: PriceFeed = CannedFeed()
    ((symbol, bars),) = feed.daily_bars(["BHP.AX", "BHP.AX"], WEEK)
    assert symbol == "BHP.AX"
    assert not isinstance(bars, UpstreamError)
    assert conform(bars.table, BARS).num_rows == 5


def test_a_dict_and_a_function_script_the_same() -> None:
    """Either says what a symbol gets; both record who was asked."""
    gone = refused("B.AX", FailureKind.PERMANENT)
    by_dict = CannedFeed({"B.AX": gone})
    by_function = CannedFeed(lambda symbol, _window: gone if symbol == "B.AX" else None)
    for feed in (by_dict, by_function):
        answers = dict(feed.daily_bars(["A.AX", "B.AX"], WEEK))
        assert answers["B.AX"] is gone
        assert feed.symbols_asked == ["A.AX", "B.AX"]
        feed.forget()
        assert feed.asked == []


def test_a_stopped_feed_raises_cancelled_like_the_gateway() -> None:
    """What was not yielded was not fetched."""
    stop = threading.Event()
    answers = CannedFeed().daily_bars(["A.AX", "B.AX"], WEEK, stop=stop)
    next(answers)
    stop.set()
    with pytest.raises(Cancelled):
        next(answers)
    with pytest.raises(Cancelled):
        list(CannedFeed(cancel_after=0).daily_bars(["A.AX"], WEEK))


def test_a_canned_listing_lists_or_fails() -> None:
    """It counts how often it was asked, failing or not."""
    listing = CannedListing.of("BHP", "CBA")
    assert [c.code for c in listing.open().fetch().listing.companies] == ["BHP", "CBA"]
    listing.error = refused("listing")
    with pytest.raises(UpstreamError):
        listing.open().fetch()
    assert listing.fetched == 2


def test_codes_are_distinct_and_in_order() -> None:
    """Batches split them as they come."""
    assert codes(1000) == tuple(sorted(set(codes(1000))))
    assert bars_of("A.AX", []).table.num_rows == 0

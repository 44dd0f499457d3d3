"""The chain of `stocks run`: which runs it makes of a selection, and the colours they leave."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from stocks_pipeline.cli.foreground import DayResult, Foreground
from stocks_pipeline.cli.run import Ask
from stocks_pipeline_tests.fake_feed import codes, refused
from stocks_pipeline_tests.market_desk import DAY, MARKET, MarketDesk, market_desk

EIGHT = codes(8)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[MarketDesk]:
    """A desk whose day is split into batches of 3, 3 and 2, of which nothing is fetched."""
    with market_desk(tmp_path, *EIGHT) as made:
        assert made.list().success
        yield made


def run(desk: MarketDesk, **asked: object) -> DayResult:
    """The day as `stocks run` makes it."""
    worker = Foreground(desk.instance, desk.repository, MARKET, desk.clock, "a test", lambda _: None)
    return worker.day(DAY, **Ask(DAY, **asked).configs())  # type: ignore[arg-type]  # fields of Ask


def test_a_failing_trial_turns_only_its_batch_red(desk: MarketDesk) -> None:
    """E31: `stocks run --limit 2` on a day that is split whole does not paint the other batches red."""
    desk.feed.script = {f"{s}.AX": refused(f"{s}.AX") for s in EIGHT}
    done = run(desk, limit=2)
    assert [stage.success for stage in done.stages] == [True, False, False]
    assert desk.colours() == {0: "FAILED", 1: None, 2: None}


def test_a_selection_with_a_gap_is_two_fetches_and_one_merge(desk: MarketDesk) -> None:
    """E31: one bad batch of two; the one between, which nobody named, keeps no colour, and the merge still comes."""
    desk.feed.script = {f"{EIGHT[7]}.AX": refused(f"{EIGHT[7]}.AX")}
    done = run(desk, symbols=[EIGHT[0], EIGHT[7]])
    assert [stage.stage for stage in done.stages] == ["listing", "prices", "prices", "daily_prices"]
    assert desk.colours() == {0: "MATERIALIZED", 1: None, 2: "FAILED"}
    assert desk.feed.symbols_asked == [f"{EIGHT[0]}.AX", f"{EIGHT[7]}.AX"]


def test_a_whole_day_is_one_fetch(desk: MarketDesk) -> None:
    """E03: without a selection all batches are one run."""
    done = run(desk)
    assert [stage.stage for stage in done.stages] == ["listing", "prices", "daily_prices"]
    assert set(desk.colours().values()) == {"MATERIALIZED"}

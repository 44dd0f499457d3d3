"""What `stocks retry` chooses, does, and leaves alone: on canned vendors and an in-memory instance."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from stocks_pipeline.cli.day_report import DayReport, day_report
from stocks_pipeline.cli.foreground import DayResult, Foreground, StageResult
from stocks_pipeline.cli.output import Exit
from stocks_pipeline.cli.retry import Chosen, choose_batches, exit_code, lookback_of, run_again
from stocks_pipeline.storage import layout
from stocks_pipeline_tests.fake_feed import bars_of, codes, refused
from stocks_pipeline_tests.market_desk import DAY, MARKET, MarketDesk, market_desk

CODES = codes(15)
VENDOR = [f"{code}.AX" for code in CODES]
"""Five batches of three: batch n is VENDOR[3n : 3n + 3]."""


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[MarketDesk]:
    """A listed and split day of five batches of which nothing is fetched."""
    with market_desk(tmp_path / "lake", *CODES) as found:
        assert found.list().success
        yield found


def broken_day(desk: MarketDesk) -> None:
    """Batches 0 and 2 good (2 with one symbol that failed in passing), 1 and 3 red, 4 never fetched."""
    down = {*VENDOR[3:6], *VENDOR[9:12], VENDOR[6]}
    desk.feed.script = {symbol: refused(symbol) for symbol in down}
    assert not desk.prices(numbers=range(4)).success
    assert desk.colours() == {0: "MATERIALIZED", 1: "FAILED", 2: "MATERIALIZED", 3: "FAILED", 4: None}
    desk.daily()
    desk.feed.script = {}
    desk.feed.forget()


def report_of(desk: MarketDesk) -> DayReport:
    return day_report(desk.instance, MARKET, desk.lake, DAY)


def chosen_of(desk: MarketDesk, *, pending: bool = False) -> Chosen:
    return choose_batches(desk.instance, MARKET, report_of(desk), pending=pending)


def retry(desk: MarketDesk, *, pending: bool = False) -> DayResult:
    """What the command does between its two reports."""
    worker = Foreground(desk.instance, desk.repository, MARKET, desk.clock, "a test", lambda _: None)
    chosen = chosen_of(desk, pending=pending)
    return run_again(worker, DAY, chosen, lookback_days=lookback_of(report_of(desk), chosen.batches))


def test_exactly_the_failed_and_missing_are_chosen(desk: MarketDesk) -> None:
    """Red batches and those never fetched; a good batch with a passing failure only when asked for."""
    broken_day(desk)
    assert chosen_of(desk) == Chosen(failed=(1, 3), missing=(4,))
    assert chosen_of(desk, pending=True) == Chosen(failed=(1, 3), missing=(4,), pending=(2,))


def test_a_retry_asks_only_for_what_is_bad_and_turns_the_day_green(desk: MarketDesk) -> None:
    """One run over the span heals 1, 3 and 4; nobody asks for 0 or 2, and no event is logged for them."""
    broken_day(desk)
    done = retry(desk)
    assert desk.feed.symbols_asked == sorted(VENDOR[3:6] + VENDOR[9:15])
    assert set(desk.colours().values()) == {"MATERIALIZED"}
    assert [s.stage for s in done.stages] == ["prices", "daily_prices"]
    made = {e.dagster_event.partition for e in desk.instance.all_logs(done.stages[0].run_id) if _made(e)}
    assert made == {f"{DAY}|{n}" for n in (1, 3, 4)}


def _made(entry: object) -> bool:
    event = getattr(entry, "dagster_event", None)
    return event is not None and event.event_type_value == "ASSET_MATERIALIZATION"


def test_the_day_is_merged_again(desk: MarketDesk) -> None:
    """The healed batches are in the day's table; what may still come keeps it from being whole."""
    broken_day(desk)
    assert report_of(desk).symbols_with_session == 5
    retry(desk)
    assert (report_of(desk).symbols_with_session, report_of(desk).whole) == (14, False)
    retry(desk, pending=True)
    assert (report_of(desk).symbols_with_session, report_of(desk).whole) == (15, True)
    assert chosen_of(desk, pending=True).batches == []


def test_pending_asks_only_for_the_symbols_that_may_come(desk: MarketDesk) -> None:
    """A settled symbol of a good batch is never asked again."""
    broken_day(desk)
    retry(desk)
    desk.feed.forget()
    retry(desk, pending=True)
    assert desk.feed.symbols_asked == [VENDOR[6]]


def test_pending_asks_again_for_symbols_without_the_sessions_bar(desk: MarketDesk) -> None:
    """What `sessions_present` names: the vendor was late with two of three bars of batch 0. It is no bad batch, and an
    ordinary retry leaves it; `--pending` asks for just those, and what has no bar then either is no failure.
    """
    desk.feed.script = {symbol: bars_of(symbol, [DAY - timedelta(days=1)]) for symbol in VENDOR[:2]}
    desk.prices()
    assert desk.daily().success
    before = report_of(desk)
    assert (before.symbols_lacking, before.batches_lacking, before.symbols_pending) == (2, [0], 0)
    assert "sessions_present" in before.checks_failed
    assert f"stocks retry asx/raw_prices --date {DAY} --pending" in [command for _, command in before.next_steps()]
    assert chosen_of(desk).batches == []
    chosen = chosen_of(desk, pending=True)
    assert (chosen.lacking, chosen.bad, chosen.batches) == ((0,), [], [0])
    desk.feed.script = {VENDOR[0]: bars_of(VENDOR[0], [])}
    desk.feed.forget()
    done = retry(desk, pending=True)
    assert desk.feed.symbols_asked == VENDOR[:2]
    after = report_of(desk)
    assert (after.symbols_lacking, after.symbols_with_session, after.checks_failed) == (1, 14, [])
    assert exit_code(done, chosen.bad, []) is Exit.OK


def test_what_fails_again_is_red_and_nothing_else(desk: MarketDesk) -> None:
    """A failing retry leaves the good batches inside its span green."""
    broken_day(desk)
    desk.feed.script = {symbol: refused(symbol) for symbol in VENDOR[9:12]}
    retry(desk)
    colours = desk.colours()
    assert colours == {0: "MATERIALIZED", 1: "MATERIALIZED", 2: "MATERIALIZED", 3: "FAILED", 4: "MATERIALIZED"}
    assert chosen_of(desk) == Chosen(failed=(3,), missing=())


def test_a_green_batch_without_a_file_is_missing(desk: MarketDesk) -> None:
    """Dagster's colour does not bring a lost file back."""
    desk.prices()
    desk.lake.delete(layout.raw_key(MARKET.name, DAY, 3))
    assert chosen_of(desk) == Chosen(failed=(), missing=(3,))
    desk.feed.forget()
    retry(desk)
    assert desk.feed.symbols_asked == VENDOR[9:12]
    assert chosen_of(desk).batches == []


def test_a_good_day_has_nothing_to_retry(desk: MarketDesk) -> None:
    """No batch is chosen, with or without --pending."""
    desk.prices()
    assert chosen_of(desk, pending=True) == Chosen((), ())


def test_a_shorter_lookback_is_kept(desk: MarketDesk) -> None:
    """Batches fetched with five days are not asked again for ten."""
    desk.feed.script = {VENDOR[0]: refused(VENDOR[0])}
    desk.prices(lookback_days=5)
    desk.feed.script = {}
    desk.feed.forget()
    assert lookback_of(report_of(desk), [0]) == 5
    retry(desk, pending=True)
    assert desk.feed.symbols_asked == [VENDOR[0]]


def test_lookback_without_own_file_is_that_of_the_day() -> None:
    """A batch that was never stored gets what its neighbours have; without any, the default."""
    assert lookback_of(DayReport("asx", "2025-12-05", lookbacks={0: 5, 1: 30}), [7]) == 30
    assert lookback_of(DayReport("asx", "2025-12-05"), [7]) is None


@pytest.mark.parametrize(
    ("daily", "bad", "left", "code"),
    [
        (True, [1, 2], [], Exit.OK),
        (True, [1, 2], [2], Exit.PARTIAL),
        (True, [1], [1], Exit.FAILURE),
        (False, [1], [], Exit.FAILURE),
        (True, [], [], Exit.OK),
        (True, [], [4], Exit.PARTIAL),
    ],
)
def test_exit_codes(daily: bool, bad: list[int], left: list[int], code: Exit) -> None:  # noqa: FBT001 - a parameter
    """All healed is well, some left is partial, nothing healed or no table is a failure; without a bad batch, when only
    late bars were asked for, it is well.
    """
    done = DayResult(DAY, [StageResult("prices", "a", not left, 1.0), StageResult("daily_prices", "b", daily, 1.0)])
    assert exit_code(done, bad, left) is code

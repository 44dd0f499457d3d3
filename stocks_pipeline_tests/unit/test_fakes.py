"""The fakes behave like what they stand for."""

from stocks_pipeline.clock import Clock, SystemClock
from stocks_pipeline_tests.fakes import FakeClock, Unlimited


def test_a_fake_clock_moves_by_what_was_slept() -> None:
    """Sleeping passes exactly that much simulated time and none of ours."""
    clock = FakeClock(start=100.0)
    clock.sleep(2.5)
    clock.sleep(-1)
    assert clock.time() == clock.monotonic() == 102.5
    assert clock.slept == [2.5, -1]


def test_both_clocks_answer_in_utc() -> None:
    """`now` is aware and in UTC, on the fake as on the real clock."""
    clocks: list[Clock] = [FakeClock(), SystemClock()]
    assert [c.now().utcoffset().total_seconds() for c in clocks] == [0.0, 0.0]
    assert all(0 <= c.random() < 1 for c in clocks)


def test_unlimited_limits_nothing_but_cools_down() -> None:
    """It lets everything through, counts it, and holds everyone back during a cool-down."""
    clock = FakeClock()
    limiter = Unlimited(clock)
    start = clock.time()
    for _ in range(1_000):
        limiter.acquire(2)
    assert (clock.time(), limiter.used(60), limiter.cooling_s()) == (start, 2_000, 0)
    limiter.cool_down(9)
    limiter.cool_down(3)
    assert limiter.cooling_s() == 9
    limiter.acquire()
    assert clock.time() - start == 9
    clock.advance(60)
    assert limiter.used(60) == 0

"""Refusals that calls share: one round one cool-down, longer each time, and an end to it."""

import threading

import pytest

from stocks_pipeline.upstream.failures import FailureKind, UpstreamError
from stocks_pipeline.upstream.http import RetryPolicy, call
from stocks_pipeline.upstream.refusals import Refusals
from stocks_pipeline_tests.fakes import FakeClock, Unlimited


def refusal(retry_after_s: float | None = None) -> UpstreamError:
    return UpstreamError(FailureKind.RATE, "vendor", "BHP.AX", "Too Many Requests", retry_after_s=retry_after_s)


class Spy(Unlimited):
    """An unlimited limiter that notes the cool-downs."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.cooled: list[float] = []

    def cool_down(self, seconds: float, reason: str = "") -> None:
        super().cool_down(seconds, reason)
        self.cooled.append(seconds)


def test_one_round_of_refusals_is_one_cool_down() -> None:
    """Forty calls in flight that are refused together cool everyone down once; the next round waits twice as long."""
    refusals = Refusals(5.0)
    for seconds in (5.0, 10.0, 20.0):
        sent = [refusals.sending() for _ in range(40)]
        assert [refusals.refused(one, refusal()) for one in sent] == [seconds] + [0.0] * 39


def test_a_late_refusal_of_a_round_may_ask_for_more() -> None:
    """The vendor's own wish is honoured whoever of the round brings it, and counts towards the longest wait."""
    refusals = Refusals(5.0, longest_s=60.0)
    sent = refusals.sending()
    assert [refusals.refused(sent, refusal()), refusals.refused(sent, refusal(58.0))] == [5.0, 58.0]
    assert refusals.given_up is None
    refusals.refused(refusals.sending(), refusal())
    assert refusals.given_up


def test_a_success_starts_the_count_anew() -> None:
    """After an answer the next cool-down is the first again, and the end is as far away as it was."""
    refusals = Refusals(5.0, most=2)
    for _ in range(3):
        assert [refusals.refused(refusals.sending(), refusal()) for _ in range(2)] == [5.0, 10.0]
        refusals.succeeded()
    assert refusals.given_up is None


def test_the_end_comes_after_the_last_cool_down() -> None:
    """Six cool-downs do not give up; the refusal that follows the sixth does, and says how long it was."""
    refusals = Refusals(5.0, most=6, longest_s=600.0)
    for _ in range(6):
        refusals.refused(refusals.sending(), refusal())
    assert (refusals.given_up, refusals.ended.is_set()) == (None, False)
    refusals.refused(refusals.sending(), refusal())
    assert refusals.ended.is_set()
    assert refusals.given_up == "vendor refused everyone (6 cool-downs in a row, 315 s): Too Many Requests"


def test_a_wish_beyond_patience_gives_up_at_once() -> None:
    """Who is asked to wait for a quarter of an hour, and would for ten minutes, gives up now and tells the others."""
    refusals = Refusals(5.0, most=6, longest_s=600.0)
    assert refusals.refused(refusals.sending(), refusal(900.0)) == 900.0
    assert "asks for 900 s more" in (refusals.given_up or "")


def test_calls_share_the_count() -> None:
    """Symbol after symbol is refused: cool-downs go on where the last one's ended, and all end when it is given up."""
    clock = FakeClock()
    limiter, refusals, sends = Spy(clock), Refusals(5.0, most=6), 0

    def send(_: float) -> None:
        nonlocal sends
        sends += 1
        raise refusal()

    for _ in range(4):
        with pytest.raises(UpstreamError) as caught:
            call(send, policy=RetryPolicy(rate_attempts=2), limiter=limiter, clock=clock, refusals=refusals)
        assert caught.value.kind is FailureKind.RATE
    assert limiter.cooled == [5, 10, 20, 40, 80, 160, 180]
    assert sends == 7
    assert refusals.given_up


def test_an_answer_between_calls_resets() -> None:
    """A success of any call is a success for all that share the count."""
    clock = FakeClock()
    limiter, refusals = Spy(clock), Refusals(5.0, most=2)
    answers = [refusal(), refusal(), None] * 3

    def send(_: float) -> str:
        if (answer := answers.pop(0)) is not None:
            raise answer
        return "data"

    for _ in range(3):
        assert call(send, policy=RetryPolicy(), limiter=limiter, clock=clock, refusals=refusals) == "data"
    assert limiter.cooled == [5, 10] * 3


def test_threads_count_a_round_once() -> None:
    """Refused at the same instant from many threads, the count goes up by one."""
    refusals, gate = Refusals(5.0), threading.Barrier(16)
    told: list[float] = []

    def one() -> None:
        sent = refusals.sending()
        gate.wait(10)
        told.append(refusals.refused(sent, refusal()))

    threads = [threading.Thread(target=one) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == [0.0] * 15 + [5.0]

"""Each class of failure is tried exactly as often, and with exactly the waits, that http.py promises."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocks_pipeline.upstream.failures import FailureKind, UpstreamError
from stocks_pipeline.upstream.http import RetryPolicy, call
from stocks_pipeline.upstream.limits import Cancelled
from stocks_pipeline_tests.fakes import FakeClock, Unlimited

POLICY = RetryPolicy()


def failure(kind: FailureKind, retry_after_s: float | None = None) -> UpstreamError:
    return UpstreamError(kind, "vendor", "BHP.AX", "no", retry_after_s=retry_after_s)


class Vendor:
    """Answers with the given failures in turn, then with "data"; notes when each request came and what was left."""

    def __init__(self, clock: FakeClock, *failures: UpstreamError, takes_s: float = 0.0, forever: bool = False) -> None:
        self.clock = clock
        self.failures = list(failures)
        self.takes_s = takes_s
        self.forever = forever
        self.at: list[float] = []
        self.left: list[float] = []

    def send(self, timeout_left_s: float) -> str:
        self.at.append(self.clock.time())
        self.left.append(timeout_left_s)
        self.clock.advance(self.takes_s)
        if self.failures:
            raise self.failures[0] if self.forever else self.failures.pop(0)
        return "data"

    @property
    def gaps(self) -> list[float]:
        return [round(later - earlier, 6) for earlier, later in zip(self.at, self.at[1:], strict=False)]


class Spy(Unlimited):
    """An unlimited limiter that notes what was asked of it."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.charged: list[int] = []
        self.cooled: list[float] = []

    def acquire(self, credits: int = 1, *, stop: threading.Event | None = None) -> None:  # noqa: A002 - the Limiter's
        super().acquire(credits, stop=stop)
        self.charged.append(credits)

    def cool_down(self, seconds: float, reason: str = "") -> None:
        super().cool_down(seconds, reason)
        self.cooled.append(seconds)


def run(vendor: Vendor, policy: RetryPolicy = POLICY, limiter: Spy | None = None) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        call(vendor.send, policy=policy, limiter=limiter or Spy(vendor.clock), clock=vendor.clock)
    return caught.value


def test_success_is_one_send() -> None:
    """An answer is returned at once, after one charge, with the whole budget as time limit."""
    clock = FakeClock()
    limiter = Spy(clock)
    vendor = Vendor(clock)

    assert call(vendor.send, policy=POLICY, limiter=limiter, clock=clock, credits=3) == "data"
    assert (vendor.left, limiter.charged, clock.slept) == ([60.0], [3], [])


@pytest.mark.parametrize("kind", [FailureKind.PERMANENT, FailureKind.QUOTA_DAY])
def test_hopeless_failures_are_sent_once(kind: FailureKind) -> None:
    """What cannot succeed is not repeated, and the very failure is raised."""
    vendor = Vendor(FakeClock(), original := failure(kind))

    assert run(vendor) is original
    assert (len(vendor.at), vendor.clock.slept) == (1, [])


@pytest.mark.parametrize("kind", [FailureKind.TRANSIENT, FailureKind.MALFORMED])
def test_passing_failures_are_sent_four_times(kind: FailureKind) -> None:
    """Waits double from base_s, with jitter (0.75 on this clock); the failure says how many sends it took."""
    vendor = Vendor(FakeClock(jitter=0.5), failure(kind), forever=True)

    error = run(vendor)

    assert vendor.gaps == [0.375, 0.75, 1.5]
    assert (error.kind, error.attempts) == (kind, 4)
    assert "4 tries" in str(error)


@pytest.mark.parametrize(("jitter", "gaps"), [(0.0, [0.25, 0.5, 1.0]), (0.999_999, [0.5, 1.0, 2.0])])
def test_jitter_spreads_over_half_the_wait(jitter: float, gaps: list[float]) -> None:
    """The wait lies between half and all of its step, so callers that failed together do not return together."""
    vendor = Vendor(FakeClock(jitter=jitter), failure(FailureKind.TRANSIENT), forever=True)
    run(vendor)
    assert vendor.gaps == pytest.approx(gaps, abs=1e-5)


def test_waits_are_capped() -> None:
    """No wait of our own is longer than cap_s."""
    vendor = Vendor(FakeClock(jitter=0.999_999), failure(FailureKind.TRANSIENT), forever=True)
    run(vendor, RetryPolicy(attempts=8, budget_s=10_000, base_s=1, cap_s=5))
    assert vendor.gaps == pytest.approx([1, 2, 4, 5, 5, 5, 5], abs=1e-4)


def test_transient_and_malformed_share_their_tries() -> None:
    """A vendor that fails in two ways is not tried twice as often."""
    clock = FakeClock()
    vendor = Vendor(clock, *[failure(kind) for kind in (FailureKind.TRANSIENT, FailureKind.MALFORMED) * 3])
    assert run(vendor).attempts == 4


def test_auth_is_tried_twice_with_a_pause() -> None:
    """A refused key gets one more chance after a longer pause, not four."""
    vendor = Vendor(FakeClock(), failure(FailureKind.AUTH), forever=True)

    error = run(vendor)

    assert vendor.gaps == [1.5]
    assert (error.kind, error.attempts) == (FailureKind.AUTH, 2)


def test_recovery_returns_the_answer() -> None:
    """A failure of each retryable kind, then data: the call succeeds."""
    clock = FakeClock()
    kinds = (FailureKind.TRANSIENT, FailureKind.RATE, FailureKind.AUTH, FailureKind.MALFORMED)
    vendor = Vendor(clock, *map(failure, kinds))

    assert call(vendor.send, policy=POLICY, limiter=Spy(clock), clock=clock) == "data"
    assert len(vendor.at) == 5


def test_rate_cools_everyone_down_longer_each_time() -> None:
    """Eight sends; cool-downs double to a cap, the last one spares the others, and none is charged to the budget."""
    clock = FakeClock()
    limiter = Spy(clock)
    vendor = Vendor(clock, failure(FailureKind.RATE), forever=True)

    error = run(vendor, RetryPolicy(budget_s=1.0), limiter)

    assert limiter.cooled == [5, 10, 20, 40, 80, 160, 180, 180]
    assert vendor.gaps == [5, 10, 20, 40, 80, 160, 180]
    assert (error.kind, error.attempts) == (FailureKind.RATE, 8)
    assert limiter.charged == [1] * 8


@pytest.mark.parametrize(("asked", "waited"), [(2.0, 5.0), (30.0, 30.0), (100_000.0, 900.0)])
def test_rate_honours_retry_after(asked: float, waited: float) -> None:
    """The vendor's wish sets the cool-down where it is longer than ours, up to a quarter of an hour."""
    clock = FakeClock()
    limiter = Spy(clock)
    vendor = Vendor(clock, failure(FailureKind.RATE, asked))
    call(vendor.send, policy=POLICY, limiter=limiter, clock=clock)
    assert (limiter.cooled, vendor.gaps) == ([waited], [waited])


def test_transient_honours_retry_after() -> None:
    """A 503 that names a time is not asked again before it, nor by all callers at the same instant."""
    clock = FakeClock(jitter=0.5)
    vendor = Vendor(clock, failure(FailureKind.TRANSIENT, 10.0))
    call(vendor.send, policy=POLICY, limiter=Spy(clock), clock=clock)
    assert vendor.gaps == [10.25]


def test_retry_after_beyond_the_budget_ends_the_call_now() -> None:
    """Waiting that the budget cannot pay is not begun; the wish stays on the failure for the next run."""
    vendor = Vendor(FakeClock(), failure(FailureKind.TRANSIENT, 300.0), forever=True)

    error = run(vendor)

    assert (error.attempts, error.retry_after_s, vendor.clock.slept) == (1, 300.0, [])


def test_slow_sends_use_up_the_budget() -> None:
    """Time spent in requests counts, each request is told what is left, and no time is left unsaid."""
    vendor = Vendor(FakeClock(jitter=0.0), failure(FailureKind.TRANSIENT), takes_s=25.0, forever=True)

    error = run(vendor)

    assert vendor.left == [60.0, 34.75, 9.25]
    assert error.attempts == 3


@given(
    st.lists(st.tuples(st.sampled_from(list(FailureKind)), st.none() | st.floats(0, 100)), max_size=20),
    st.floats(0.01, 40),
    st.floats(0, 0.999),
    st.floats(1, 100),
)
def test_budget_and_tries_hold_whatever_happens(
    failures: list[tuple[FailureKind, float | None]], takes_s: float, jitter: float, budget_s: float
) -> None:
    """Our waits never exceed the budget, each send gets a positive limit, each class its own count."""
    clock = FakeClock(jitter=jitter)
    limiter = Spy(clock)
    vendor = Vendor(clock, *[failure(kind, after) for kind, after in failures], takes_s=takes_s)
    policy = RetryPolicy(budget_s=budget_s)
    error: UpstreamError | None = None
    try:
        call(vendor.send, policy=policy, limiter=limiter, clock=clock)
    except UpstreamError as exc:
        error = exc

    sends = len(vendor.at)
    seen = [kind for kind, _ in failures[:sends]]
    own_waits = (clock.time() - 1_763_596_800.0) - sends * takes_s
    assert own_waits <= budget_s + sum(limiter.cooled) + 1e-3
    assert all(left > 0 for left in vendor.left)
    assert len(limiter.charged) == sends
    assert seen.count(FailureKind.RATE) <= policy.rate_attempts
    assert seen.count(FailureKind.AUTH) <= 2
    assert seen.count(FailureKind.TRANSIENT) + seen.count(FailureKind.MALFORMED) <= policy.attempts
    assert error is None or error.attempts == sends


def test_the_original_cause_stays_attached() -> None:
    """The failure that is raised in the end still says which transport error it came from."""
    clock = FakeClock()
    cause = TimeoutError("late")

    def send(_: float) -> None:
        raise failure(FailureKind.TRANSIENT) from cause

    with pytest.raises(UpstreamError) as caught:
        call(send, policy=POLICY, limiter=Unlimited(clock), clock=clock)
    assert caught.value.__cause__ is cause


def test_bugs_are_not_retried() -> None:
    """An exception that is no UpstreamError passes through unchanged after one send."""
    clock = FakeClock()
    sends: list[float] = []

    def send(left: float) -> None:
        sends.append(left)
        raise KeyError("chart")

    with pytest.raises(KeyError):
        call(send, policy=POLICY, limiter=Unlimited(clock), clock=clock)
    assert len(sends) == 1


def test_spent_day_of_the_limiter_ends_the_call() -> None:
    """QUOTA_DAY from the limiter is raised as it is: nothing was sent, nothing is tried again."""
    clock = FakeClock()

    class Spent(Unlimited):
        def acquire(self, credits: int = 1, *, stop: threading.Event | None = None) -> None:  # noqa: A002, ARG002
            raise failure(FailureKind.QUOTA_DAY)

    vendor = Vendor(clock)
    with pytest.raises(UpstreamError) as caught:
        call(vendor.send, policy=POLICY, limiter=Spent(clock), clock=clock)
    assert (caught.value.kind, vendor.at) == (FailureKind.QUOTA_DAY, [])


@pytest.mark.parametrize("kind", [FailureKind.TRANSIENT, FailureKind.RATE])
def test_stop_ends_waits_between_sends(kind: FailureKind) -> None:
    """`stop`, set during a wait or cool-down, ends the call with Cancelled within a quarter of a second."""
    stop = threading.Event()

    class StoppingClock(FakeClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            stop.set()

    clock = StoppingClock()
    vendor = Vendor(clock, failure(kind, 20.0), forever=True)
    with pytest.raises(Cancelled):
        call(vendor.send, policy=POLICY, limiter=Unlimited(clock), clock=clock, stop=stop)
    assert (len(vendor.at), clock.slept) == (1, [0.25])


def test_stopped_before_it_began() -> None:
    """A call whose `stop` is already set sends nothing."""
    stop = threading.Event()
    stop.set()
    vendor = Vendor(FakeClock())
    with pytest.raises(Cancelled):
        call(vendor.send, policy=POLICY, limiter=Unlimited(vendor.clock), clock=vendor.clock, stop=stop)
    assert vendor.at == []

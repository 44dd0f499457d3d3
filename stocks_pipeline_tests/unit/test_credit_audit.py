"""The audit of a request log finds every window and day that holds too much, and no other."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocks_pipeline.domain.credit_audit import Audit, Charged, Limit, audit

_AT = st.one_of(
    st.integers(0, 400).map(float),
    st.floats(0, 400, allow_nan=False),
    st.integers(1_763_000_000, 1_763_000_300).map(float),
    st.floats(1_763_683_100, 1_763_683_400),  # around midnight UTC
)
Calls = list[tuple[float, int]]
_CALLS = st.lists(st.tuples(_AT, st.integers(0, 12)), max_size=40)


def audited(calls: Calls, per_minute: int, per_day: int | None = None) -> Audit:
    """All under one limit."""
    return audit([Charged(at, credits_, Limit(per_minute, per_day)) for at, credits_ in calls])


def _brute(calls: Calls) -> int:
    """Most credits of any window, by trying every call as the earliest of one."""
    return max((sum(c for at, c in calls if 0 <= at - start < 60) for start, _ in calls), default=0)


@given(_CALLS, st.integers(1, 30))
def test_any_window_is_as_brute_force_says(calls: Calls, limit: int) -> None:
    """The worst 60 s are those that trying every window finds, and the verdict follows from them alone."""
    found = audited(calls, limit)
    assert found.worst_minute == _brute(calls)
    assert found.passed == (found.worst_minute <= limit)
    assert found.calls == len(calls)


@given(_CALLS, st.floats(0, 400, allow_nan=False))
def test_no_window_that_begins_between_calls_holds_more(calls: Calls, start: float) -> None:
    """A window that begins anywhere, not only at a call, never holds more than the worst found."""
    assert sum(c for at, c in calls if 0 <= at - start < 60) <= audited(calls, 8).worst_minute


@given(_CALLS, st.integers(1, 60))
def test_days_are_utc_and_complete(calls: Calls, cap: int) -> None:
    """Every credit is counted on its UTC day, and a day above the cap fails the log."""
    found = audited(calls, 10_000, cap)
    assert sum(found.per_day.values()) == sum(c for _, c in calls)
    for day, spent in found.per_day.items():
        assert spent == sum(c for at, c in calls if datetime.fromtimestamp(at, UTC).date().isoformat() == day)
    assert found.passed == all(spent <= cap for spent in found.per_day.values())


@given(_CALLS)
def test_order_does_not_matter(calls: Calls) -> None:
    """A log merged from several machines in any order is audited alike."""
    assert audited(calls, 8, 800) == audited(calls[::-1], 8, 800)


@given(st.lists(st.tuples(_AT, st.integers(0, 12), st.integers(1, 20)), max_size=30))
def test_each_call_is_held_against_the_limit_of_its_time(calls: list[tuple[float, int, int]]) -> None:
    """D37: the log fails if and only if a call, with all that went out in the 60 s up to it, exceeds its own limit."""
    found = audit([Charged(at, credits_, Limit(limit)) for at, credits_, limit in calls])
    sums = [(sum(c for other, c, _ in calls if 0 <= at - other < 60), limit) for at, _, limit in calls]
    assert found.passed == all(used <= limit for used, limit in sums)


def test_a_plan_changed_later_neither_acquits_nor_accuses() -> None:
    """D41: 55 a minute under the plan that allowed it stay right on the free plan; nine on the free one stay wrong."""
    free, grown = Limit(8, 800), Limit(55)
    assert audit([Charged(0.0, 55, grown), Charged(60.0, 8, free)]).passed
    wrong = audit([Charged(0.0, 9, free), Charged(120.0, 55, grown)])
    assert (wrong.passed, wrong.worst_minute) == (False, 55)
    assert "9 credits within 60 s from 1970-01-01T00:00:00.000+00:00, 8 allowed" in wrong.reason


def test_what_the_old_plan_spent_counts_in_the_new_ones_minute() -> None:
    """D41: the vendor's window does not begin anew with the plan: 55, then 8 under a limit of 8, is too much."""
    assert not audit([Charged(0.0, 55, Limit(55)), Charged(30.0, 8, Limit(8))]).passed


def test_a_cap_that_came_later_is_none_for_what_was_before() -> None:
    """D34: a thousand credits on a plan without a cap, then nothing more, break no day; one more call does."""
    before = [Charged(0.0, 1000, Limit(1000))]
    assert audit(before).passed
    after = audit([*before, Charged(61.0, 1, Limit(8, 800))])
    assert (after.passed, after.reason) == (False, "1001 credits on 1970-01-01, 800 allowed")


def test_a_shorter_minute_is_a_shorter_window() -> None:
    """A sandbox whose minute is a second is audited by the second, and never added to calls of real minutes."""
    fast = Limit(8, None, 1.0)
    assert audit([Charged(0.0, 8, fast), Charged(1.0, 8, fast)]).passed
    assert not audit([Charged(0.0, 8, fast), Charged(0.99, 8, fast)]).passed
    assert audit([Charged(0.0, 8, fast), Charged(1.0, 8, fast), Charged(1.0, 8, Limit(8))]).passed


def test_the_worst_window_begins_at_its_first_call() -> None:
    """`worst_minute_at` is where to look in the log, and the reason says so."""
    found = audited([(0.0, 8), (100.0, 8), (159.9, 8)], 8)
    assert (found.worst_minute, found.worst_minute_at, found.passed) == (16, 100.0, False)
    assert "16 credits within 60 s from 1970-01-01T00:01:40.000+00:00, 8 allowed" in found.reason


def test_sixty_seconds_apart_is_another_window() -> None:
    """A call exactly 60 s after another shares no window with it; a moment less does."""
    assert audited([(0.0, 8), (60.0, 8)], 8).passed
    assert not audited([(0.0, 8), (59.999999, 8)], 8).passed


def test_a_clock_minute_does_not_hide_sixteen() -> None:
    """Eight at the end of one clock minute and eight at the start of the next are sixteen in a second."""
    assert audited([(1_763_683_259.5, 8), (1_763_683_260.5, 8)], 8).worst_minute == 16


def test_no_calls_pass() -> None:
    """An empty log breaks no limit."""
    assert audit([]).passed
    assert audit([]).worst_minute_at is None


@pytest.mark.parametrize("call", [(float("nan"), 1), (float("inf"), 1), (0.0, -1)])
def test_a_log_that_is_none_is_refused(call: tuple[float, int]) -> None:
    """A call at no time, or that gives credits back, certifies nothing."""
    with pytest.raises(ValueError, match="finite time"):
        audited([call], 8)


@pytest.mark.parametrize("limits", [(0, None), (8, 0), (8, None, 0.0), (8, None, float("nan"))])
def test_limits_that_are_none_are_refused(limits: tuple[int, int | None]) -> None:
    """A limit of nothing, or a minute of no length, is a mistake in the settings."""
    with pytest.raises(ValueError, match="must be"):
        Limit(*limits)

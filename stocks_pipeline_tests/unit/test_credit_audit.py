"""The audit of a request log finds every window and day that holds too much, and no other."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocks_pipeline.domain.credit_audit import WINDOW_S, audit

_AT = st.one_of(
    st.integers(0, 400).map(float),
    st.floats(0, 400, allow_nan=False),
    st.integers(1_763_000_000, 1_763_000_300).map(float),
    st.floats(1_763_683_100, 1_763_683_400),  # around midnight UTC
)
_CALLS = st.lists(st.tuples(_AT, st.integers(0, 12)), max_size=40)


def _brute(calls: list[tuple[float, int]]) -> int:
    """Most credits of any window, by trying every call as the earliest of one."""
    return max((sum(c for at, c in calls if 0 <= at - start < WINDOW_S) for start, _ in calls), default=0)


@given(_CALLS, st.integers(1, 30))
def test_any_window_is_as_brute_force_says(calls: list[tuple[float, int]], limit: int) -> None:
    """The worst 60 s are those that trying every window finds, and the verdict follows from them alone."""
    found = audit(calls, limit, None)
    assert found.worst_minute == _brute(calls)
    assert found.passed == (found.worst_minute <= limit)
    assert found.calls == len(calls)


@given(_CALLS, st.floats(0, 400, allow_nan=False))
def test_no_window_that_begins_between_calls_holds_more(calls: list[tuple[float, int]], start: float) -> None:
    """A window that begins anywhere, not only at a call, never holds more than the worst found."""
    assert sum(c for at, c in calls if 0 <= at - start < WINDOW_S) <= audit(calls, 8, None).worst_minute


@given(_CALLS, st.integers(1, 60))
def test_days_are_utc_and_complete(calls: list[tuple[float, int]], cap: int) -> None:
    """Every credit is counted on its UTC day, and a day above the cap fails the log."""
    found = audit(calls, 10_000, cap)
    assert sum(found.per_day.values()) == sum(c for _, c in calls)
    for day, spent in found.per_day.items():
        assert spent == sum(c for at, c in calls if datetime.fromtimestamp(at, UTC).date().isoformat() == day)
    assert found.passed == all(spent <= cap for spent in found.per_day.values())


@given(_CALLS)
def test_order_does_not_matter(calls: list[tuple[float, int]]) -> None:
    """A log merged from several machines in any order is audited alike."""
    assert audit(calls, 8, 800) == audit(calls[::-1], 8, 800)


def test_the_worst_window_begins_at_its_first_call() -> None:
    """`worst_minute_at` is where to look in the log, and the reason says so."""
    found = audit([(0.0, 8), (100.0, 8), (159.9, 8)], 8, None)
    assert (found.worst_minute, found.worst_minute_at, found.passed) == (16, 100.0, False)
    assert "16 credits within 60 s from 1970-01-01T00:01:40.000+00:00, 8 allowed" in found.reason


def test_sixty_seconds_apart_is_another_window() -> None:
    """A call exactly 60 s after another shares no window with it; a moment less does."""
    assert audit([(0.0, 8), (60.0, 8)], 8, None).passed
    assert not audit([(0.0, 8), (59.999999, 8)], 8, None).passed


def test_a_clock_minute_does_not_hide_sixteen() -> None:
    """Eight at the end of one clock minute and eight at the start of the next are sixteen in a second."""
    assert audit([(1_763_683_259.5, 8), (1_763_683_260.5, 8)], 8, None).worst_minute == 16


def test_no_calls_pass() -> None:
    """An empty log breaks no limit."""
    assert audit([], 8, 800).passed
    assert audit([], 8, 800).worst_minute_at is None


@pytest.mark.parametrize("call", [(float("nan"), 1), (float("inf"), 1), (0.0, -1)])
def test_a_log_that_is_none_is_refused(call: tuple[float, int]) -> None:
    """A call at no time, or that gives credits back, certifies nothing."""
    with pytest.raises(ValueError, match="finite time"):
        audit([call], 8, None)


@pytest.mark.parametrize("limits", [(0, None), (8, 0)])
def test_limits_below_one_are_refused(limits: tuple[int, int | None]) -> None:
    """A limit of nothing is a mistake in the settings."""
    with pytest.raises(ValueError, match="at least 1"):
        audit([], *limits)

"""Feeds that are stuck or late are told by their bars, however little a close differs for it."""

import numpy as np
import pytest

from stocks_pipeline.domain.validation import Cause, Profile, Status, SymbolResult, validate
from stocks_pipeline_tests.validation_corpus import Bars, Values, walk


def _of_walk(ours: Bars, theirs: Bars, profile: Profile = Profile.STANDARD) -> SymbolResult:
    days = theirs.days
    return validate(
        "AAPL", ours.prices(), theirs.external(), profile=profile, sessions=days, newest=days[-1], source="twelvedata"
    )


CALM = walk("AAPL", 1).only(np.arange(120, 151))
CALM = CALM.scaled(1 + (CALM.values["close"].mean() / CALM.values["close"] - 1) * 0.8)
"""A share that moves by a fifth of a common one's nights: no lag or copy of its bars is ever 2 % off."""


@pytest.mark.parametrize("copies", [1, 3])
def test_a_vendor_stuck_at_the_newest_session_leaves_it_open(copies: int) -> None:
    """Ours moved, theirs are copies within 2 %: neither passed nor failed, and the sessions are named."""
    last = len(CALM) - 1
    result = _of_walk(CALM, CALM.with_values(**_copied(CALM, last - copies)))
    [issue] = result.issues
    assert (result.status, issue.rule, issue.cause, issue.side) == (Status.ERROR, "freshness", Cause.STALE, "theirs")
    assert (issue.could_not_check, issue.sessions) == (True, CALM.days[-copies:])


def _copied(bars: Bars, since: int) -> dict[str, Values]:
    rows = np.minimum(np.arange(len(bars)), since)
    return {name: column[rows] for name, column in bars.values.items()}


def test_an_idle_share_is_not_stuck() -> None:
    """The bars of both repeat, or only their volumes differ: passed, whatever basis ours is on."""
    idle = CALM.with_values(**_copied(CALM, len(CALM) - 2))
    assert _of_walk(idle, idle).status is Status.PASSED
    volume = idle.values["volume"].copy()
    volume[-1] += 7
    assert _of_walk(idle, idle.with_values(volume=volume)).status is Status.PASSED
    assert _of_walk(idle.scaled(1.01), idle.with_values(volume=volume)).status is Status.PASSED


@pytest.mark.parametrize("lag", [1, 3, 7])
def test_misdated_sessions_are_stale_however_little_they_differ(lag: int) -> None:
    """Every bar of one side is late: ours fail, theirs leave all open; no close is 2 % off."""
    now, late = CALM.only(np.arange(lag, len(CALM))), CALM.only(np.arange(len(CALM) - lag))
    misdated = Bars("AAPL", now.days, late.values)
    ours, theirs = _of_walk(misdated, now), _of_walk(now, misdated)
    assert (ours.status, theirs.status) == (Status.FAILED, Status.ERROR)
    for result, side in ((ours, "ours"), (theirs, "theirs")):
        [issue] = result.issues
        assert (issue.rule, issue.cause, issue.side, issue.evidence["lag_sessions"]) == (
            "freshness", Cause.STALE, side, lag,
        )  # fmt: skip


def test_a_week_before_the_window_shows_a_lag_in_a_short_one() -> None:
    """Four sessions are too few to tell a lag of three from another price; with those before them it is told."""
    now = Bars("AAPL", CALM.days[3:], CALM.only(np.arange(len(CALM) - 3)).values)
    days = CALM.days[-4:]
    result = validate(
        "AAPL", now.prices(), CALM.external(), profile=Profile.STANDARD, sessions=days, newest=days[-1], source="x"
    )
    assert [(i.cause, i.evidence.get("lag_sessions")) for i in result.issues] == [(Cause.STALE, 3)]


def test_a_newest_bar_that_repeats_is_stale() -> None:
    """Even where the price hardly moved: the other vendor saw trading, ours is a copy."""
    bars = walk("AAPL", 1).only(np.arange(140, 151))
    stuck = bars.only([*range(10), 9])
    result = validate(
        "AAPL",
        Bars("AAPL", bars.days, stuck.values).prices(),
        bars.external(),
        profile=Profile.STANDARD,
        sessions=bars.days,
        newest=bars.days[-1],
        source="x",
    )
    assert ("freshness", Cause.STALE) in {(issue.rule, issue.cause) for issue in result.issues}

"""A dividend basis is believed where a row of ours shows it, or its shape alone speaks, and hides no error."""

import numpy as np
import pytest

from stocks_pipeline.domain.validation import Cause, Profile, SymbolResult, validate
from stocks_pipeline_tests.validation_corpus import Bars, causes_in, walk


def _of(bars: Bars, theirs: Bars, profile: Profile = Profile.STANDARD) -> SymbolResult:
    days = bars.days
    return validate(
        bars.symbol, bars.prices(), theirs.external(), profile=profile, sessions=days, newest=days[-1],
        source="test",
    )  # fmt: skip


@pytest.mark.parametrize("factor", [1.025, 1.09, 0.93])
@pytest.mark.parametrize("since", [75, 150])
def test_a_right_adjusted_close_explains_no_wrong_one_without_a_dividend(factor: float, since: int) -> None:
    """Our older closes are off, adj_close equals theirs: only a dividend of that size in our own row explains it, and
    none that our close lies below its adjusted one.
    """
    bars = walk("SIM", 6)
    raw = bars.scaled(np.where(np.arange(len(bars)) < since, factor, 1.0)).with_values(adj_close=bars.values["close"])
    assert causes_in(_of(raw, bars)) == {Cause.REAL}
    paid = np.zeros(len(bars))
    paid[since] = abs(1 - 1 / factor) * raw.values["close"][since - 1]
    assert _of(raw.with_values(dividend=paid), bars).harmless is (factor > 1)
    assert not _of(raw.with_values(dividend=paid / 2), bars).harmless


def test_a_raw_close_of_ours_that_is_too_low_is_not_adjusted() -> None:
    """Our close is wrong by what our dividend would take away, but adj_close lies below it by as much again: real."""
    bars = walk("SIM", 6)
    older = np.arange(len(bars)) < 75
    low = bars.scaled(np.where(older, 0.97, 1.0))
    paid = np.where(np.arange(len(bars)) == 75, 0.03 * bars.values["close"][74], 0.0)
    adjusted = low.values["close"] * np.where(older, 0.97, 1.0)
    assert _of(low.with_values(dividend=paid), bars).harmless
    assert causes_in(_of(low.with_values(dividend=paid, adj_close=adjusted), bars)) == {Cause.REAL}


def test_an_ex_date_that_they_lack_still_explains() -> None:
    """The dividend is in our row of a session that only we have; the basis falls on the next common one."""
    bars = walk("SIM", 6)
    raw = bars.scaled(np.where(np.arange(len(bars)) < 75, 1.05, 1.0))
    paid = np.zeros(len(bars))
    paid[75] = (1 - 1 / 1.05) * raw.values["close"][74]
    assert _of(raw.with_values(dividend=paid), bars.only(np.arange(len(bars)) != 75)).harmless


@pytest.mark.parametrize("profile", Profile)
@pytest.mark.parametrize(("share", "error"), [(0.03, 1.025), (0.03, 1.045), (0.07, 1.09), (0.07, 1.06)])
@pytest.mark.parametrize(("adjusted", "known"), [("ours", True), ("ours", False), ("theirs", True)])
def test_a_basis_hides_no_error(profile: Profile, share: float, error: float, adjusted: str, *, known: bool) -> None:
    """One bar of ours is wrong by what the basis takes away, either way: it is named, and how far it is off without."""
    bars, ex = walk("SIM", 8).only(np.arange(130, 151)), 14
    raw = bars.scaled(np.where(np.arange(len(bars)) < ex, 1 / (1 - share), 1.0))
    paid = np.where(np.arange(len(bars)) == ex, share * raw.values["close"][ex - 1], 0.0)
    wrong = np.where(np.arange(len(bars)) == 5, error if adjusted == "ours" else 1 / error, 1.0)
    ours, theirs = (bars, raw) if adjusted == "ours" else (raw, bars)
    result = _of(ours.scaled(wrong).with_values(dividend=paid * known), theirs, profile)
    assert not result.harmless
    [issue] = [issue for issue in result.issues if issue.cause is Cause.ONE_OFF and issue.rule == "accuracy"]
    assert issue.sessions == (bars.days[5],)
    assert issue.evidence["without_basis_percent"] == pytest.approx(100 * abs(wrong[5] - 1), abs=0.05)
    assert "without the dividend basis" in issue.message
    assert Cause.DIVIDEND_BASIS in causes_in(result)


def test_a_large_step_that_no_row_names_is_looked_up() -> None:
    """Their older bars are 6 % higher: like a special dividend; 9 %: as likely they are wrong, and it is said."""
    bars = walk("SIM", 3)
    older = np.arange(len(bars)) < 100
    assert _of(bars, bars.scaled(np.where(older, 1.06, 1.0))).harmless
    [issue] = _of(bars, bars.scaled(np.where(older, 1.09, 1.0))).issues
    assert issue.cause is Cause.REAL
    assert "special distribution" in issue.message

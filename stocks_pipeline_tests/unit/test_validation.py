"""The rules of a second opinion: thresholds to the cent, NaN passes nothing, what is unknown is neither."""

import json
from datetime import UTC, date, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stocks_pipeline.cli.show_validation import SessionView
from stocks_pipeline.domain.calendars import calendar
from stocks_pipeline.domain.validation import (
    NEXT_STEP,
    Cause,
    Issue,
    Profile,
    Status,
    SymbolResult,
    could_not_check,
    validate,
)
from stocks_pipeline.storage.validation_keys import SessionPlace
from stocks_pipeline_tests.validation_corpus import Bars

DAYS = tuple(calendar("XNYS").sessions(date(2025, 12, 15), date(2026, 1, 5)))
NAN = float("nan")


def _bars(closes: list[float], days: tuple[date, ...] = DAYS[-5:]) -> Bars:
    values = np.array(closes, dtype=np.float64)
    columns = {name: values.copy() for name in ("open", "high", "low", "close")}
    return Bars("AAPL", days, columns | {"volume": np.full(len(days), 1_000_000.0)})


def _check(ours: Bars | None, theirs: Bars | None, profile: Profile = Profile.STANDARD) -> SymbolResult:
    return validate(
        "AAPL",
        None if ours is None else ours.prices(),
        None if theirs is None else theirs.external(),
        profile=profile,
        sessions=DAYS[-5:],
        newest=DAYS[-1],
        source="twelvedata",
    )


def _said(result: SymbolResult) -> set[tuple[str, Cause]]:
    return {(issue.rule, issue.cause) for issue in result.issues}


FLAT = _bars([100.0, 101.0, 102.0, 101.5, 103.0])


@pytest.mark.parametrize(
    ("ours", "theirs", "status"),
    [
        (102.0, 100.0, Status.PASSED),  # exactly 2 %, which is not more than 2 %
        (98.0, 100.0, Status.PASSED),
        (51.0, 50.0, Status.PASSED),
        (102.01, 100.0, Status.FAILED),
        (97.99, 100.0, Status.FAILED),
        (100.0, 102.02, Status.PASSED),  # measured against theirs, as the seed does
    ],
)
def test_closes_may_differ_by_two_per_cent_and_no_more(ours: float, theirs: float, status: Status) -> None:
    """The standard rule is strict at 2.0 % of their close, and rounding of floats does not trip it."""
    result = _check(_bars([90, 91, 92, 93, ours]), _bars([90, 91, 92, 93, theirs]))
    assert result.status is status
    assert result.rows_checked == 5


@pytest.mark.parametrize(("apart", "passed"), [(0.02, True), (0.015, True), (0.03, False)])
@pytest.mark.parametrize("column", ["open", "high", "low", "close"])
def test_strict_allows_two_cents_in_every_price(column: str, apart: float, *, passed: bool) -> None:
    """Open, high, low and close each within 0.02."""
    values = FLAT.values[column].copy()
    values[2] += apart
    result = _check(FLAT.with_values(**{column: values}), FLAT, Profile.STRICT)
    assert (result.status is Status.PASSED) is passed
    if not passed:
        assert {rule for rule, _ in _said(result)} == {"accuracy" if column == "close" else "ohlc"}


@pytest.mark.parametrize(
    ("theirs", "apart", "passed"),
    [(1_000, 100, True), (1_000, 101, False), (10_000_000, 1_000, True), (10_000_000, 1_001, False)],
)
def test_strict_volume_allows_100_or_a_hundredth_of_a_per_cent(theirs: int, apart: int, *, passed: bool) -> None:
    """Whichever is more."""
    one, other = (np.full(5, float(volume)) for volume in (theirs + apart, theirs))
    result = _check(FLAT.with_values(volume=one), FLAT.with_values(volume=other), Profile.STRICT)
    assert (result.status is Status.PASSED) is passed


@pytest.mark.parametrize(("kept", "stale"), [(DAYS[-2], False), (date(2025, 12, 31), True), (date(2025, 12, 30), True)])
def test_freshness_is_72_hours_before_the_newest_session(kept: date, *, stale: bool) -> None:
    """Friday's bar is fresh on Monday (72 h); Wednesday's, before a holiday, is not."""
    ours = FLAT.only([day <= kept for day in FLAT.days])
    freshness = [issue for issue in _check(ours, FLAT).issues if issue.rule == "freshness"]
    assert bool(freshness) is stale
    if stale:
        assert freshness[0].cause is Cause.STALE
        assert freshness[0].evidence["age_hours"] == 24 * (DAYS[-1] - kept).days


def test_bars_older_than_the_window_are_stale_not_missing() -> None:
    """The original said "No data found" where data were merely older than its window."""
    old = _bars([100.0, 101.0], DAYS[:2])
    result = _check(old, FLAT)
    assert ("freshness", Cause.STALE) in _said(result)
    assert not {rule for rule, _ in _said(result)} & {"no_data"}
    assert result.status is Status.FAILED


def test_a_session_they_have_and_we_lack_within_two_days() -> None:
    """The newest is missed; an older hole is not the standard rule's business, and is the strict one's."""
    assert _said(_check(FLAT.only([0, 1, 2, 3]), FLAT)) == {("completeness", Cause.MISSING_SESSION)}
    hole = FLAT.only([0, 1, 3, 4])
    assert _check(hole, FLAT).status is Status.PASSED
    [issue] = _check(hole, FLAT, Profile.STRICT).issues
    assert (issue.rule, issue.cause, issue.sessions) == ("completeness", Cause.MISSING_SESSION, (FLAT.days[2],))


def test_strict_follows_the_calendar_not_the_vendor() -> None:
    """A session that both lack is missing all the same, and the evidence says that both do."""
    hole = FLAT.only([0, 1, 3, 4])
    [issue] = _check(hole, hole, Profile.STRICT).issues
    assert (issue.cause, issue.evidence["theirs_too"], issue.could_not_check) == (Cause.MISSING_SESSION, 1, False)


def test_a_share_listed_within_the_window_lacks_nothing() -> None:
    """What is before our first bar is history, not a gap."""
    assert _check(FLAT.only([2, 3, 4]), FLAT.only([2, 3, 4]), Profile.STRICT).status is Status.PASSED


def test_a_hole_of_theirs_is_no_fault_of_ours() -> None:
    """Strict says that a session could not be checked, which is neither passed nor failed."""
    result = _check(FLAT, FLAT.only([0, 1, 3, 4]), Profile.STRICT)
    assert (result.status, result.rows_checked) == (Status.ERROR, 4)
    assert not result.status.checked


def test_a_vendor_without_the_newest_session_leaves_it_open() -> None:
    """What it has agrees, yet the newest bar was not checked: not passed."""
    result = _check(FLAT, FLAT.only([0, 1, 2, 3]))
    assert result.status is Status.ERROR
    assert "could not be checked" in result.message


@pytest.mark.parametrize("profile", Profile)
def test_duplicates_and_extra_days_of_ours_fail_in_both_profiles(profile: Profile) -> None:
    """Twice the same session, and a bar of New Year's Day, right as it may be."""
    twice = FLAT.only([0, 1, 1, 2, 3, 4])
    assert _said(_check(twice, FLAT, profile)) == {("duplicates", Cause.DUPLICATE)}
    extra = FLAT.only([0, 1, 2, 2, 3, 4])
    days = (*FLAT.days[:3], date(2026, 1, 1), *FLAT.days[3:])
    result = _check(Bars("AAPL", days, extra.values), FLAT, profile)
    assert _said(result) == {("extra_days", Cause.EXTRA_SESSION)}
    assert _check(FLAT, twice).status is Status.PASSED  # the vendor's are strict's alone


def test_a_copy_of_the_newest_bar_on_a_closed_day_is_an_extra_day_alone() -> None:
    """The newest bar is right, so nothing is stuck although it equals the row before."""
    rows = FLAT.only([0, 1, 2, 3, 4, 4])
    days = (*FLAT.days[:4], date(2026, 1, 4), FLAT.days[4])
    assert _said(_check(Bars("AAPL", days, rows.values), FLAT)) == {("extra_days", Cause.EXTRA_SESSION)}


def test_a_session_that_the_vendor_has_twice_is_an_open_question() -> None:
    """D24: which of two bars is meant cannot be told: never passed, and no fault of ours; the issue names the side."""
    result = _check(FLAT, FLAT.only([0, 1, 1, 2, 3, 4]), Profile.STRICT)
    (issue,) = result.issues
    assert (result.status, issue.rule, issue.cause) == (Status.ERROR, "duplicates", Cause.DUPLICATE)
    assert (issue.evidence["side"], issue.could_not_check, issue.sessions) == ("theirs", True, (FLAT.days[1],))
    both = _check(FLAT.only([0, 0, 1, 2, 3, 4]), FLAT.only([0, 1, 1, 2, 3, 4]), Profile.STRICT)
    assert [issue.evidence["side"] for issue in both.issues] == ["ours", "theirs"]
    assert both.status is Status.FAILED


@pytest.mark.parametrize("bad", [NAN, 0.0, -5.0])
@pytest.mark.parametrize("profile", Profile)
def test_no_price_passes_nothing(bad: float, profile: Profile) -> None:
    """NaN, zero or less: failed where it is ours, could not check where it is theirs."""
    broken = _bars([100.0, 101.0, 102.0, 101.5, bad])
    assert _check(broken, FLAT, profile).status is Status.FAILED
    close = FLAT.with_values(close=broken.values["close"])
    result = _check(FLAT, close, profile)
    assert (result.status, result.rows_checked) == (Status.ERROR, 4)
    assert _check(broken, broken, profile).status is Status.FAILED


@given(st.integers(0, 4), st.sampled_from([NAN, 0.0, -1.0, float("inf")]), st.booleans(), st.sampled_from(Profile))
@settings(max_examples=60)
def test_a_side_without_a_price_never_passes(at: int, bad: float, ours: bool, profile: Profile) -> None:  # noqa: FBT001
    """Wherever it stands and whichever side it is on."""
    close = FLAT.values["close"].copy()
    close[at] = bad
    broken = FLAT.with_values(close=close)
    pair = (broken, FLAT) if ours else (FLAT, broken)
    assert _check(*pair, profile).status is (Status.FAILED if ours else Status.ERROR)


@given(st.lists(st.floats(0.5, 5_000), min_size=5, max_size=5), st.sampled_from(Profile))
@settings(max_examples=60)
def test_equal_sides_pass(closes: list[float], profile: Profile) -> None:
    """Whatever the prices do, two vendors that agree are passed in both profiles, unless a bar repeats the last."""
    bars = _bars([round(close, 2) + number / 100 for number, close in enumerate(closes)])
    assert _check(bars, bars, profile).status is Status.PASSED


@given(st.integers(0, 4), st.floats(0.5, 1.5), st.floats(5, 500))
@settings(max_examples=100)
def test_more_than_two_per_cent_is_always_found(at: int, factor: float, price: float) -> None:
    """One session off by more than 2 % always fails; less always passes; the session is named."""
    theirs = _bars([round(price * (1 + number / 50), 2) for number in range(5)])
    by = np.ones(5)
    by[at] = factor
    result = _check(theirs.scaled(by), theirs)
    percent = abs(factor - 1) * 100
    if percent > 2.001:
        assert result.status is Status.FAILED
        assert theirs.days[at] in {day for issue in result.issues for day in issue.sessions}
    elif percent < 1.999:
        assert result.status is Status.PASSED


def test_nothing_of_ours_is_failed_and_nothing_of_theirs_could_not_be_checked() -> None:
    """No table, an empty one, and one of other symbols are the same: no data."""
    empty = FLAT.only([])
    other = Bars("MSFT", FLAT.days, FLAT.values)
    for none in (None, empty, other):
        assert _said(_check(none, FLAT)) == {("no_data", Cause.NO_DATA)}
        assert _check(none, FLAT).status is Status.FAILED
        result = _check(FLAT, none)
        assert (result.status, result.rows_checked, _said(result)) == (Status.ERROR, 0, {("no_data", Cause.NO_DATA)})


def test_a_symbol_of_which_neither_has_a_bar_is_an_open_question() -> None:
    """IPG, K after their last day: nothing of ours is wrong, and the reason says what it may be."""
    result = _check(None, None)
    assert (result.status, result.rows_checked) == (Status.ERROR, 0)
    assert "neither we nor twelvedata have a bar of AAPL" in result.message
    assert "no longer trades" in result.issues[0].next_step


def test_a_symbol_that_only_we_lack_says_how_many_bars_they_have() -> None:
    """So that a person sees at once that it does trade."""
    result = _check(None, FLAT)
    assert result.status is Status.FAILED
    assert result.message.endswith(f"twelvedata has 5, the newest of {FLAT.days[-1]}")
    assert result.issues[0].side == "ours"


def test_a_symbol_that_ended_on_both_sides_is_an_open_question() -> None:
    """Over a longer window both have old bars: the same verdict as over a short one; who lacks what is there fails."""
    old = _bars([100.0, 101.0], DAYS[:2])
    result = _check(old, old)
    assert result.status is Status.ERROR
    assert "may no longer trade" in result.message
    assert "no longer trades" in next(issue for issue in result.issues if issue.rule == "freshness").next_step
    assert _check(old, _bars([100.0, 101.0, 102.0], DAYS[:3])).status is Status.FAILED


def test_no_common_session_is_an_open_question() -> None:
    """The original counted it as a failure of ours."""
    result = _check(FLAT.only([3, 4]), FLAT.only([0, 1, 2]))
    assert result.status is Status.ERROR
    assert ("no_overlap", Cause.NO_OVERLAP) in _said(result)


def test_an_empty_window_is_an_open_question() -> None:
    """A window without sessions (a holiday week) raises nothing and passes nothing."""
    result = validate(
        "AAPL", FLAT.prices(), FLAT.external(), profile=Profile.STANDARD, sessions=[], newest=DAYS[-1], source="x"
    )
    assert (result.status, result.issues) == (Status.ERROR, ())


def test_later_bars_are_not_compared() -> None:
    """A bar of a session that has not ended is on neither side of the comparison."""
    result = validate(
        "AAPL",
        FLAT.prices(),
        FLAT.scaled(np.array([1, 1, 1, 1, 2.0])).external(),
        profile=Profile.STRICT,
        sessions=DAYS[-5:-1],
        newest=DAYS[-2],
        source="x",
    )
    assert (result.status, result.rows_checked) == (Status.PASSED, 4)


def test_a_small_volume_difference_is_a_revision_and_comes_after_prices() -> None:
    """Strict still fails by it, by a cause of its own; a wrong price of another session speaks first."""
    volume = FLAT.values["volume"].copy()
    volume[1] *= 1.0003
    [issue] = _check(FLAT.with_values(volume=volume), FLAT, Profile.STRICT).issues
    assert (issue.rule, issue.cause) == ("volume", Cause.VOLUME_REVISION)
    assert "third source" not in issue.next_step
    close = FLAT.values["close"].copy()
    close[3] += 1
    both = _check(FLAT.with_values(volume=volume, close=close), FLAT, Profile.STRICT)
    assert [issue.cause for issue in both.issues] == [Cause.ONE_OFF, Cause.VOLUME_REVISION]
    assert both.gravest is both.issues[0]
    volume[1] *= 1.5
    [issue] = _check(FLAT.with_values(volume=volume), FLAT, Profile.STRICT).issues
    assert issue.cause is Cause.ONE_OFF


def test_a_session_lists_price_errors_before_volumes_and_what_is_harmless() -> None:
    """However many symbols differ in volume alone, the one whose price is wrong stands first."""
    causes = [Cause.VOLUME_REVISION] * 3 + [Cause.DIVIDEND_BASIS] * 2 + [Cause.REAL]
    results = tuple(
        SymbolResult(f"S{at}", Status.FAILED, (Issue("accuracy", cause, "m"),), 5, "x", "m")
        for at, cause in enumerate(causes)
    )
    view = SessionView(SessionPlace("us", DAYS[-1]), {}, results, (), (), 0)
    assert [row["cause"] for row in view.by_cause()] == ["real", "volume_revision", "dividend_basis"]


def test_what_is_not_there_is_said_of_the_window_that_was_asked_for() -> None:
    """A share with older bars is not said to have none at all."""
    window = f"from {DAYS[-5]} to {DAYS[-1]}"
    for ours, theirs in ((FLAT, None), (None, FLAT), (None, None)):
        assert window in _check(ours, theirs).message


def test_every_issue_can_be_stored_and_read() -> None:
    """The seed's keys, `passed` null where nothing was checked, and nothing that JSON lacks."""
    at = datetime(2026, 1, 6, 4, 31, tzinfo=UTC)
    for result in (
        _check(_bars([1.0, 200.0, 102.0, 101.5, NAN]), FLAT, Profile.STRICT),
        _check(FLAT, None),
        could_not_check("AAPL", "twelvedata", "no credits left today", deferred=True),
    ):
        record = json.loads(json.dumps(result.to_record("session-abc", at), allow_nan=False))
        assert list(record)[:3] == ["session_id", "symbol", "passed"]
        assert record["passed"] is (False if result.status is Status.FAILED else None)
        assert record["validated_at"] == "2026-01-06T04:31:00+00:00"
        assert SymbolResult.from_record(record) == result


def test_could_not_check_is_neither() -> None:
    """ERROR without a plan, DEFERRED with one; neither is passed or failed."""
    assert could_not_check("A", "x", "timeout").status is Status.ERROR
    assert could_not_check("A", "x", "day spent", deferred=True).status is Status.DEFERRED
    assert [status.checked for status in Status] == [True, True, False, False]


def test_every_cause_has_a_next_step_and_one_is_harmless() -> None:
    """Each cause tells a person what to do; only a dividend basis leaves every price right."""
    assert set(NEXT_STEP) == set(Cause)
    assert [cause for cause in Cause if cause.harmless] == [Cause.DIVIDEND_BASIS]
    issue = Issue("accuracy", Cause.DIVIDEND_BASIS, "m")
    wrong = Issue("accuracy", Cause.ONE_OFF, "m")
    assert SymbolResult("A", Status.FAILED, (issue,), 5, "x").harmless
    assert not SymbolResult("A", Status.FAILED, (issue, wrong), 5, "x").harmless


def test_what_to_do_follows_whose_bars_are_in_doubt() -> None:
    """To fetch ours again is no help where the other vendor lacks a split, nor to store another close where only theirs
    is adjusted for dividends.
    """
    ours = Issue("accuracy", Cause.SPLIT_BASIS, "m", (), {"side": "ours"})
    theirs = Issue("accuracy", Cause.SPLIT_BASIS, "m", (), {"side": "theirs"})
    assert ours.next_step == NEXT_STEP[Cause.SPLIT_BASIS]
    assert theirs.next_step.startswith("Nothing of ours")
    harmless = Issue("accuracy", Cause.DIVIDEND_BASIS, "m", (), {"side": "theirs"})
    assert harmless.next_step == "Nothing to do: the other vendor's closes are adjusted for dividends."
    assert "Store the unadjusted close" in Issue("accuracy", Cause.DIVIDEND_BASIS, "m", (), {"side": "ours"}).next_step

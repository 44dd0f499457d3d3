"""One cause, one message: which failed runs and checks a count or a run speaks for, and what waits for it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from stocks_pipeline.domain.alert_causes import COUNT_FOLLOWS, Causes, by_cause
from stocks_pipeline.domain.alert_facts import Ended, FailedCheck, FailedRun
from stocks_pipeline.domain.alerts import Severity, of_ended, of_run

AT = datetime(2026, 1, 6, 5, tzinfo=UTC)
SOON, LONG = AT + timedelta(seconds=40), AT + COUNT_FOLLOWS
DAY, SUMMARY = "2026-01-05", "us/validation_summary"
RANGE = f"{DAY}|0 … {DAY}|23"
RUN = FailedRun("r-1", "us_validation_results", RANGE, "the key was refused", "set it", AT, SUMMARY)
ENDED = Ended(SUMMARY, "session-1", 24, 16, 0, (), "retry", "r-2", SOON, "503", "batch_3", DAY)
ALL = FailedCheck(SUMMARY, "all_checked", DAY, True, "8 wait.", "retry", "r-2", SOON)
AGREE = replace(ALL, check="prices_agree", warn=False, description="1 symbol disagrees.")
KEPT = replace(ALL, check="credits_kept", warn=False)


def causes(
    runs: list[FailedRun], checks: list[FailedCheck], ended: list[Ended] | None = None, now: datetime = SOON
) -> Causes:
    return by_cause(runs, checks, ended or [], now)


def test_a_count_speaks_for_its_run_and_its_checks() -> None:
    """D25: a vendor that is down is one message and no five; a plan that was exceeded is another cause."""
    found = causes([RUN], [ALL, AGREE, KEPT], [ENDED])
    assert (found.ended, found.runs, found.checks) == (((ENDED, (RUN,), (ALL, AGREE)),), (), (KEPT,))
    alert = of_ended(*found.ended[0])
    assert set(alert.covers) == {ENDED.key, RUN.key, RUN.cause, ALL.key, AGREE.key}
    assert alert.detail == "batch_3: 503. 8 wait. 1 symbol disagrees."


def test_a_count_is_as_grave_as_what_it_speaks_for() -> None:
    """E38: who listens to errors alone hears of a symbol that disagrees, and of a run that failed."""
    done = replace(ENDED, failure_reason="", failure_step="")
    assert of_ended(done, (), (ALL,)).severity is Severity.WARNING
    assert of_ended(done, (), (ALL, AGREE)).severity is Severity.ERROR
    assert of_ended(done, (RUN,), ()).severity is Severity.ERROR


def test_a_run_waits_for_its_count_and_not_for_ever() -> None:
    """A19: the chain counts within seconds; where it does not, the run is told all the same."""
    assert causes([RUN], []).runs == ()
    assert causes([RUN], [], now=LONG).runs == ((RUN, ()),)
    other = replace(RUN, job="retention", counted_by="")
    assert causes([other], []).runs == ((other, ()),), "what nobody counts is told at once"


@pytest.mark.parametrize(
    "ended",
    [
        replace(ENDED, day="2026-01-02"),
        replace(ENDED, at=AT - timedelta(seconds=1)),
        replace(ENDED, at=LONG + timedelta(seconds=1)),
        replace(ENDED, failure_reason="", passed_count=24),
    ],
)
def test_another_count_does_not_speak_for_a_run(ended: Ended) -> None:
    """A19: one of another day, of before, of much later, or one that finds everything well."""
    assert causes([RUN], [], [ended], now=LONG).runs == ((RUN, ()),)


def test_a_run_speaks_for_the_checks_that_repeat_it() -> None:
    """D25: a wrong key leaves the session open, so no count is told: the run is, at once, and the warnings are not."""
    none = replace(AGREE, warn=True, description="0 of 24 compared.", at=SOON + timedelta(seconds=1))
    found = causes([RUN], [ALL, none, AGREE])
    assert (found.runs, found.checks) == (((RUN, (ALL, none)),), (AGREE,))
    assert set(of_run(*found.runs[0]).covers) == {RUN.key, RUN.cause, ALL.key, none.key}


def test_an_end_that_a_person_brought_speaks_for_no_earlier_run() -> None:
    """D25: the key was refused, the count left open, and minutes later somebody mended it: two causes, two messages."""
    later = replace(ENDED, run_id="r-5", at=AT + timedelta(minutes=3), failure_reason="", failed_symbols=("IBM",))
    found = causes([RUN], [ALL, replace(AGREE, run_id="r-5", at=later.at)], [later], now=LONG)
    assert found.runs == ((RUN, (ALL,)),)
    assert [(count, runs, [c.check for c in checks]) for count, runs, checks in found.ended] == [
        (later, (), ["prices_agree"])
    ]
    assert found.checks == ()


def test_a_red_batch_is_not_told_again_by_its_day() -> None:
    """B36: the merge of a day that lacks a batch says so again; hours later it is news."""
    run = replace(RUN, job="asx_prices", counted_by="asx/daily_prices")
    merged = replace(ALL, asset="asx/daily_prices", check="day_complete", warn=False)
    later = replace(merged, at=LONG + timedelta(hours=3))
    scale = replace(merged, check="scale_continuous")
    found = causes([run], [merged, later, scale])
    assert (found.runs, found.checks) == (((run, (merged,)),), (later, scale))


def test_a_session_in_one_run_is_told_once() -> None:
    """D25: an ad-hoc session counts itself and fails in the same run, which has no partition."""
    run = replace(RUN, job="us_validation_adhoc", partition="", counted_by="us/validation_adhoc", at=SOON)
    count = replace(ENDED, asset="us/validation_adhoc", run_id="r-1", at=AT)
    check = replace(ALL, asset="us/validation_adhoc", run_id="r-1", partition="", at=AT)
    found = causes([run], [check], [count])
    assert (found.ended, found.runs, found.checks) == (((count, (run,), (check,)),), (), ())


def test_a_run_started_anew_that_fails_alike_is_no_news() -> None:
    """E38: the chain tries three times in half an hour; the same reason is told once, another one again."""
    again = replace(RUN, run_id="r-9", again=True)
    assert again.key in of_run(RUN).covers
    assert replace(again, message="a new reason").key not in of_run(RUN).covers
    assert replace(RUN, run_id="r-9").key not in of_run(RUN).covers, "what a person started is told"


def test_two_runs_that_end_a_session_alike_are_one_message() -> None:
    """D25, E38: the chain and a person end the same session: one alert, which covers the checks of both counts."""
    done = replace(ENDED, failure_reason="", failure_step="", passed_count=23, failed_count=1, failed_symbols=("IBM",))
    later = replace(done, run_id="r-9", at=done.at + timedelta(seconds=30))
    second = replace(AGREE, run_id="r-9", at=later.at)
    found = causes([], [AGREE, second], [later, done])
    assert (found.ended, found.checks) == (((done, (), (AGREE, second)),), ())
    assert set(of_ended(*found.ended[0]).covers) == {done.key, AGREE.key, second.key}


def test_a_death_that_left_nothing_open_is_not_told() -> None:
    """D25: a run was killed and another one finished its session: the count says what differs, and no more."""
    done = replace(ENDED, failure_reason="", failure_step="", passed_count=23, failed_count=1, failed_symbols=("IBM",))
    killed = replace(RUN, message="Its process died.")
    (found,) = causes([killed], [], [done]).ended
    assert found == (done, (killed,), ())
    alert = of_ended(*found)
    assert ("Its process died" in alert.detail, alert.severity, killed.key in alert.covers) == (
        False,
        Severity.WARNING,
        True,
    )
    still = of_ended(replace(done, passed_count=22), (killed,), ())
    assert ("Its process died" in still.detail, still.severity) == (True, Severity.ERROR)

"""Facts become alerts: the right kind, once, with a link and what to do; late days by the exchange's calendar."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from stocks_pipeline.domain.alert_facts import (
    LATE_AFTER,
    MORNING_LATE_AFTER,
    WATCHED_SESSIONS,
    Ended,
    FailedCheck,
    FailedRun,
    LateDay,
    LateMorning,
    due_mornings,
    late_days,
)
from stocks_pipeline.domain.alerts import (
    NAMED,
    Alert,
    Kind,
    Severity,
    of_checks,
    of_ended,
    of_late,
    of_late_morning,
    of_run,
)
from stocks_pipeline.domain.calendars import calendar

AT = datetime(2025, 12, 5, 9, tzinfo=UTC)
RUN = FailedRun(
    "r-1", "asx_prices", "2025-12-05", "3 of 22\npartitions not made", "stocks status --date 2025-12-05", AT
)
CHECK = FailedCheck("asx/raw_prices", "symbols_fetched", "2025-12-05|0", False, "80 %.", "stocks retry", "r-1", AT)
ENDED = Ended("us/validation_summary", "session-1", 4, 3, 1, ("TSLA",), "stocks validation retry", "r-2", AT)
XASX = calendar("XASX")
FRIDAY, CLOSE = date(2025, 12, 5), XASX.close_at(date(2025, 12, 5))


def test_every_alert_says_what_where_and_what_to_do() -> None:
    """E38: each kind has a title, a path of the UI and a next step; it survives being stored."""
    made = [of_run(RUN), *of_checks([CHECK]), of_late(LateDay("asx", FRIDAY, CLOSE, AT)), of_ended(ENDED)]
    assert [a.kind for a in made] == [Kind.RUN_FAILED, Kind.CHECK_FAILED, Kind.DAY_LATE, Kind.WORKFLOW_COMPLETED]
    for alert in made:
        assert alert.title
        assert alert.detail
        assert alert.link.startswith("/")
        assert alert.next_step.startswith("stocks ")
        assert alert.covers
        assert Alert.from_json(alert.to_json()) == alert
        assert "covers" not in alert.body()
    assert made[0].detail == "3 of 22 partitions not made"


def test_the_events_have_exactly_the_fields_of_the_first_system() -> None:
    """D25: WorkflowCompleted and WorkflowFailed carry the seed's names and nothing else."""
    assert of_ended(ENDED).fields == {
        "session_id": "session-1",
        "total_symbols": 4,
        "passed_count": 3,
        "failed_count": 1,
        "failed_symbols": ["TSLA"],
    }
    failed = of_ended(replace(ENDED, failure_reason="no key", failure_step="us/validation_results"))
    assert (failed.kind, failed.severity) == (Kind.WORKFLOW_FAILED, Severity.ERROR)
    assert failed.fields == {"failure_reason": "no key", "failure_step": "us/validation_results"}


@pytest.mark.parametrize(("passed", "severity"), [(4, Severity.INFO), (3, Severity.WARNING)])
def test_a_summary_that_is_short_warns(passed: int, severity: Severity) -> None:
    """F16: completed does not mean whole: what could not be checked counts as missing, too."""
    assert of_ended(replace(ENDED, passed_count=passed, failed_count=0)).severity is severity


def test_the_same_counts_are_the_same_fact() -> None:
    """E38: a morning that is counted again without a change calls nobody; another count does."""
    assert replace(ENDED, run_id="r-9", at=AT + timedelta(1)).key == ENDED.key
    assert replace(ENDED, passed_count=4, failed_count=0, failed_symbols=()).key != ENDED.key
    assert replace(ENDED, session_id="session-2").key != ENDED.key


def test_the_partitions_of_one_check_of_one_run_are_one_alert() -> None:
    """E38: a vendor's outage is one message that names the batches; another run, check or severity is another."""
    many = [replace(CHECK, partition=f"2025-12-05|{n}", at=AT + timedelta(seconds=n)) for n in range(25)]
    others = [
        replace(CHECK, run_id="r-2"),
        replace(CHECK, check="bars_consistent"),
        replace(CHECK, warn=True, partition="2025-12-05|99"),
    ]
    alerts = of_checks([*reversed(many), *others])
    assert len(alerts) == 4
    whole = next(a for a in alerts if len(a.covers) == 25)
    assert whole.key == many[0].key
    assert set(whole.covers) == {f.key for f in many}
    assert f"and {25 - NAMED} more" in whole.title
    assert [a.severity for a in alerts].count(Severity.WARNING) == 1
    assert len({a.key for a in alerts}) == 4


def late(now: datetime, *present: date, since: datetime = CLOSE - timedelta(days=1)) -> list[date]:
    """The days that are late at `now`."""
    return [fact.day for fact in late_days("asx", XASX, set(present), since, now)]


def test_a_day_is_late_hours_after_its_close_and_not_before() -> None:
    """A28: three hours after the close, to the second; a day whose table is there never."""
    assert late(CLOSE + LATE_AFTER - timedelta(seconds=1), date(2025, 12, 4)) == []
    assert late(CLOSE + LATE_AFTER) == [FRIDAY]
    assert late(CLOSE + LATE_AFTER, FRIDAY) == []


def test_closed_days_are_never_late() -> None:
    """F17: neither the weekend nor Christmas is missing."""
    assert late(CLOSE + timedelta(days=2), FRIDAY) == []
    christmas = datetime(2025, 12, 28, tzinfo=UTC)
    assert date(2025, 12, 25) not in late(christmas, since=christmas - timedelta(days=5))


def test_a_new_desk_owes_nothing_of_before_it_was_watched() -> None:
    """A19: only sessions that closed since the watch began; of a long absence the newest week."""
    assert late(CLOSE + timedelta(days=1), since=CLOSE) == []
    assert len(late(CLOSE + timedelta(days=60), since=CLOSE)) == WATCHED_SESSIONS


def test_days_beyond_the_calendar_are_unknown_not_late() -> None:
    """F17: where nobody knows the sessions nobody is called."""
    after = datetime(XASX.last.year + 2, 1, 5, tzinfo=UTC)
    assert late(after, since=after - timedelta(days=3)) == []


def five(day: date) -> datetime:
    """05:00 in Bangkok."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=2)


def test_a_morning_is_due_an_hour_after_it_came_on_weekdays_only() -> None:
    """A28: to the second; neither the weekend nor what came before the watch began; of a long absence a week."""
    due, since = five(FRIDAY) + MORNING_LATE_AFTER, five(FRIDAY) - timedelta(hours=1)
    assert due_mornings(five, since, due - timedelta(seconds=1)) == []
    assert due_mornings(five, since, due) == [(FRIDAY, five(FRIDAY))]
    assert [day for day, _ in due_mornings(five, since, due + timedelta(days=3))] == [FRIDAY, date(2025, 12, 8)]
    assert due_mornings(five, five(FRIDAY), due) == []
    assert len(due_mornings(five, since, due + timedelta(days=60))) == WATCHED_SESSIONS


def test_a_late_morning_says_what_fetches_it_for_nothing() -> None:
    """A28: the command has no reports in it: they cost money, and nobody asked for them."""
    alert = of_late_morning(LateMorning(FRIDAY, five(FRIDAY), five(FRIDAY) + timedelta(hours=1)))
    assert (alert.kind, alert.key, alert.link.startswith("/")) == (Kind.DAY_LATE, "late:dr:2025-12-05", True)
    assert alert.next_step.endswith("stocks run dr --no-reports --date 2025-12-05")
    assert alert.detail == "The morning came 1.0 h ago (2025-12-04 22:00 UTC) and no receipt has ticker_data."
    assert Alert.from_json(alert.to_json()) == alert

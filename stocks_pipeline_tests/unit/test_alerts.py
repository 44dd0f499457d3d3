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
    Late,
    due_days,
    due_mornings,
)
from stocks_pipeline.domain.alerts import (
    NAMED,
    Alert,
    Kind,
    Severity,
    of_checks,
    of_ended,
    of_late,
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
    made = [of_run(RUN), *of_checks([CHECK]), of_late(Late("asx/daily_prices", FRIDAY, CLOSE, AT)), of_ended(ENDED)]
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


TICK = CLOSE + timedelta(hours=7)


def due(now: datetime, since: datetime = CLOSE - timedelta(days=1)) -> list[date]:
    """The days that are due at `now`; the schedule ticks seven hours after each close."""
    return [day for day, _ in due_days(XASX, lambda close: close + (TICK - CLOSE), since, now)]


def test_a_day_is_due_an_hour_after_its_own_tick_and_not_before() -> None:
    """A28: to the second; how long after the close the schedule ticks is the market's own affair."""
    assert due(TICK + LATE_AFTER - timedelta(seconds=1)) == []
    assert due(TICK + LATE_AFTER) == [FRIDAY]


def test_closed_days_are_never_due() -> None:
    """F17: neither the weekend nor Christmas is missing."""
    assert due(CLOSE + timedelta(days=2)) == [FRIDAY]
    christmas = datetime(2025, 12, 28, tzinfo=UTC)
    assert date(2025, 12, 25) not in due(christmas, since=christmas - timedelta(days=5))


def test_a_new_desk_owes_nothing_of_before_it_was_watched() -> None:
    """A19: only sessions that closed since the watch began; of a long absence the newest week."""
    assert due(CLOSE + timedelta(days=1), since=CLOSE) == []
    assert len(due(CLOSE + timedelta(days=60), since=CLOSE)) == WATCHED_SESSIONS


def test_days_beyond_the_calendar_are_unknown_not_due() -> None:
    """F17: where nobody knows the sessions nobody is called."""
    after = datetime(XASX.last.year + 2, 1, 5, tzinfo=UTC)
    assert due(after, since=after - timedelta(days=3)) == []


def five(day: date) -> datetime:
    """05:00 in Bangkok."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=2)


def comes(day: date) -> datetime | None:
    """When its morning comes; Sunday has none."""
    return five(day) if day.isoweekday() < 7 else None


def test_a_morning_is_due_twenty_minutes_after_it_came() -> None:
    """A28: to the second; neither a day without one nor what came before the watch began; of a long absence five."""
    due, since = five(FRIDAY) + MORNING_LATE_AFTER, five(FRIDAY) - timedelta(hours=1)
    assert due_mornings(comes, since, due - timedelta(seconds=1)) == []
    assert due_mornings(comes, since, due) == [(FRIDAY, five(FRIDAY))]
    weekend = [day for day, _ in due_mornings(comes, since, due + timedelta(days=3))]
    assert weekend == [FRIDAY, date(2025, 12, 6), date(2025, 12, 8)]
    assert due_mornings(comes, five(FRIDAY), due) == []
    assert len(due_mornings(comes, since, due + timedelta(days=60))) == WATCHED_SESSIONS


def test_what_is_late_says_since_when_and_what_brings_it() -> None:
    """A28: the command of a morning has no reports in it: they cost money, and nobody asked for them."""
    now = five(FRIDAY) + timedelta(hours=1)
    ago = "1.0 h ago (2025-12-04 22:00 UTC)"
    for asset, title, detail, step in (
        (
            "dr/ticker_data",
            "dr: no data of 2025-12-05",
            f"The morning came {ago} and no receipt has ticker_data.",
            "stocks status --date 2025-12-05 ; stocks run dr --no-reports --date 2025-12-05",
        ),
        (
            "asx/daily_prices",
            "asx: no prices of 2025-12-05",
            f"The session closed {ago} and has no daily_prices.",
            "stocks status --date 2025-12-05 ; stocks run asx --date 2025-12-05",
        ),
        (
            "us/validation_batches",
            "us: prices of 2025-12-05 not validated",
            f"The session closed {ago}; its prices are there and no validation session was opened.",
            "stocks validate --date 2025-12-05",
        ),
    ):
        alert = of_late(Late(asset, FRIDAY, five(FRIDAY), now))
        assert (alert.kind, alert.key, alert.link) == (
            Kind.DAY_LATE,
            f"late:{asset}:2025-12-05",
            f"/assets/{asset}?view=partitions",
        )
        assert (alert.title, alert.detail, alert.next_step) == (title, detail, step)
        assert Alert.from_json(alert.to_json()) == alert


def test_a_harmless_difference_is_well() -> None:
    """D25: a symbol that differs by the dividend basis alone needs nobody, and is not told as failed."""
    alert = of_ended(replace(ENDED, failed_count=0, failed_symbols=(), harmless_count=1, day="2026-01-05"))
    assert alert.severity is Severity.INFO
    assert alert.title == "us validation of 2026-01-05 completed: 4 of 4 agree (1 but for a harmless difference)"


def test_the_counts_of_a_title_add_up() -> None:
    """D25: failed are those that are named, and what has no verdict is counted too."""
    alert = of_ended(replace(ENDED, total_symbols=9, failed_count=1, harmless_count=2, message="Said."))
    assert alert.title.endswith("completed: 5 of 9 agree (2 but for a harmless difference), 1 failed, 3 open")
    assert alert.detail == "Said. Failed: TSLA."

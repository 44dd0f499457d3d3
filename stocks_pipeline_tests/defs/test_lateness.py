"""When what a market brings is due: by its own schedule, whatever its time zone, and never before that has ticked."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._utils.schedules import schedule_execution_time_iterator  # the daemon's own; no public one

from stocks_pipeline.definitions import MARKETS, defs
from stocks_pipeline.defs.automation import session_of
from stocks_pipeline.defs.market import Market
from stocks_pipeline.defs.operations.lateness import late_days, late_validations
from stocks_pipeline.domain.alert_facts import LATE_AFTER

DAY = date(2026, 1, 5)
CLOSE = datetime(2026, 1, 5, 21, tzinfo=UTC)
SINCE = datetime(2026, 1, 4, tzinfo=UTC)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def ticks(name: str, since: datetime) -> Iterator[datetime]:
    """When the schedule of that name ticks."""
    schedule = defs().get_repository_def().get_schedule_def(name)
    return schedule_execution_time_iterator(  # type: ignore[no-any-return]  # as typed there
        since.timestamp(), schedule.cron_schedule, schedule.execution_timezone, ascending=True
    )


@pytest.mark.parametrize("market", MARKETS.values(), ids=MARKETS)
def test_no_day_is_late_before_its_own_tick(instance: dg.DagsterInstance, market: Market) -> None:
    """A28: over half a year with both clock changes: an hour after the session's own tick, to the second."""
    known, since = market.calendar(), datetime(2025, 9, 1, tzinfo=UTC)
    tick, found = ticks(f"{market.name}_daily", since), []
    for _ in range(130):
        at = next(tick)
        day = session_of(at.astimezone(ZoneInfo(market.timezone)))
        before, then = ([late.day for late in late_days(instance, [market], since, now)] for now in moments(at))
        assert day not in before
        found += [day] if day in then else []
    assert len(found) > 110
    assert found == known.sessions(found[0], found[-1]), "each session once, closed days never"


def moments(tick: datetime) -> tuple[datetime, datetime]:
    return tick + LATE_AFTER - timedelta(seconds=1), tick + LATE_AFTER


def stored(instance: dg.DagsterInstance, asset: str, day: date = DAY) -> None:
    instance.report_runless_asset_event(dg.AssetMaterialization(asset.split("/"), partition=str(day)))


def test_a_validation_that_nobody_opened_is_late_once_its_prices_are_there(instance: dg.DagsterInstance) -> None:
    """A28: an hour after 04:30 UTC; without prices those are late, and a session that was opened is not."""
    due = datetime(2026, 1, 6, 4, 30, tzinfo=UTC) + LATE_AFTER
    assert list(late_validations(instance, SINCE, due)) == []
    stored(instance, "us/daily_prices")
    assert list(late_validations(instance, SINCE, due - timedelta(seconds=1))) == []
    (late,) = late_validations(instance, SINCE, due)
    assert (late.asset, late.day, late.came_at) == ("us/validation_batches", DAY, CLOSE)
    stored(instance, "us/validation_batches")
    assert list(late_validations(instance, SINCE, due)) == []


def test_a_validation_that_is_being_opened_is_not_late(instance: dg.DagsterInstance) -> None:
    """A28: a run at work on that day tells its own end; one on another day does not count."""
    stored(instance, "us/daily_prices")
    due = CLOSE + timedelta(hours=12)
    for day, late in (("2026-01-02", 1), ("2026-01-05", 0)):
        tags = {"dagster/partition": day}
        instance.add_run(dg.DagsterRun("us_validation_session", status=dg.DagsterRunStatus.STARTED, tags=tags))
        assert len(list(late_validations(instance, SINCE, due))) == late

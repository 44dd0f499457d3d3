"""What starts by itself of a morning, when, for exactly whom, and what a person must switch on first."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from stocks_pipeline.defs import ended
from stocks_pipeline.defs.dr import automation
from stocks_pipeline.defs.dr.data import cutoff
from stocks_pipeline.partitions import ticker_key
from stocks_pipeline.upstream.failures import FailureKind
from stocks_pipeline_tests.fake_feed import refused
from stocks_pipeline_tests.fakes import FakeClock
from stocks_pipeline_tests.morning_desk import ACTIVE, DAY, YAHOO, MorningDesk, failure_of, morning, waves

__all__ = ["morning"]


def keys(request: dg.RunRequest) -> tuple[str, str]:
    """First and last partition of a request."""
    tags = request.tags
    one = tags.get("dagster/partition")
    return (one, one) if one else (
        tags["dagster/asset_partition_range_start"],
        tags["dagster/asset_partition_range_end"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("schedule", "cron", "minute", "running"),
    [
        (automation.daily_ticker_fetch, "0 5 * * 1-6", 0, True),
        (automation.daily_precompute, "20 5 * * 1-6", 20, False),
    ],
)
def test_schedules_tick_in_bangkok_and_ask_for_that_morning(
    morning: MorningDesk, schedule: Any, cron: str, minute: int, *, running: bool
) -> None:
    """A02, A03: 05:00 is 22:00 UTC of the day before, and the partition is Bangkok's day; 05:20 is shipped stopped."""
    assert (schedule.cron_schedule, schedule.execution_timezone) == (cron, "Asia/Bangkok")
    assert (schedule.default_status is dg.DefaultScheduleStatus.RUNNING) is running
    tick = datetime(2025, 12, 4, 22, minute, tzinfo=UTC)
    (request,) = ticked(morning, schedule, tick.astimezone(automation_zone()))
    first, last = keys(request)
    assert (first, last) == (ticker_key(DAY, ACTIVE[0]), ticker_key(DAY, ACTIVE[-1]))
    assert request.tags["source"] == "scheduler"
    assert request.tags["triggered_by"] == schedule.name
    assert request.tags["description"] == f"{schedule.name} of 05:{minute:02} in Bangkok"
    assert request.tags["execution_name"].endswith(f"20251205-05{minute:02}00")


def ticked(desk: MorningDesk, schedule: Any, at: datetime) -> list[dg.RunRequest]:
    """What a schedule asks for at that instant, on an instance that never ran anything."""
    return list(evaluated(desk, schedule, at).run_requests or [])


def evaluated(desk: MorningDesk, schedule: Any, at: datetime) -> Any:
    """What a schedule says at that instant, on such an instance."""
    with (
        dg.DagsterInstance.local_temp(str(desk.root.parent)) as instance,
        dg.build_schedule_context(instance, at, repository_def=desk.repository) as context,
    ):
        return schedule.evaluate_tick(context)


def automation_zone() -> Any:
    from zoneinfo import ZoneInfo

    return ZoneInfo(automation.BANGKOK)


def test_a_tick_given_in_utc_is_still_bangkoks_morning(morning: MorningDesk) -> None:
    """A02: however the tick's time is written, 22:00 UTC on Thursday is Friday's morning."""
    tick = datetime(2025, 12, 4, 22, tzinfo=UTC)
    (request,) = ticked(morning, automation.daily_ticker_fetch, tick)
    assert keys(request)[0] == ticker_key(DAY, ACTIVE[0])


def test_a_list_of_nobody_starts_nothing(morning: MorningDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A05: the tick says why, and is no failure."""
    listed = tmp_path / "nobody.csv"
    listed.write_text("dr,yahoo,name,mic\n")
    monkeypatch.setenv("STOCKS_DR_TICKERS", str(listed))
    found = evaluated(morning, automation.daily_ticker_fetch, datetime(2025, 12, 4, 22, tzinfo=UTC))
    assert (found.run_requests, found.skip_message) == ([], "The list has no active ticker: nothing to do.")


def test_sensors_that_cost_money_are_shipped_stopped() -> None:
    """A04: one click switches precompute on; counting costs nothing and runs."""
    assert automation.precompute_sensor().default_status is dg.DefaultSensorStatus.STOPPED
    assert automation.summary_sensor().default_status is dg.DefaultSensorStatus.RUNNING
    assert (automation.precompute_sensor().minimum_interval_seconds or 99) <= 30


def tick(desk: MorningDesk, sensor: dg.SensorDefinition) -> list[dg.RunRequest]:
    """What the sensor asks for now."""
    with dg.build_sensor_context(instance=desk.instance, repository_def=desk.repository) as context:
        return list(sensor.evaluate_tick(context).run_requests or [])


def test_a_fetch_alone_leads_to_the_reports_of_exactly_what_arrived(morning: MorningDesk) -> None:
    """A01, A22, A32, B06: the failed ticker is not asked for; the one in the middle makes two spans; source, action and
    execution name are in the tags; the failed report run leaves the fetch as it was.
    """
    bad = ACTIVE[1]
    morning.feed.script = lambda s, w: refused(s) if s == YAHOO[bad] else waves(s, w)
    morning.fetch()
    requests = tick(morning, automation.precompute_sensor(morning.clock))
    assert [keys(r) for r in requests] == [(ticker_key(DAY, n),) * 2 for n in (ACTIVE[0], ACTIVE[2])]
    assert all(r.tags["source"] == "scheduler" and r.tags["action"] == "precompute" for r in requests)
    assert len({r.run_key for r in requests}) == 2
    again = tick(morning, automation.precompute_sensor(morning.clock))
    assert [r.run_key for r in again] == [r.run_key for r in requests]


def test_a_late_ticker_is_caught_up_alone(morning: MorningDesk) -> None:
    """Those that were only logged again had their turn; the late one gets a request of its own, and only it is new."""
    late = ACTIVE[2]
    morning.feed.script = lambda s, w: refused(s) if s == YAHOO[late] else waves(s, w)
    morning.fetch()
    before = {r.run_key for r in tick(morning, automation.precompute_sensor(morning.clock))}
    morning.feed.script = waves
    assert morning.fetch().success
    new = [r for r in tick(morning, automation.precompute_sensor(morning.clock)) if r.run_key not in before]
    assert [keys(r) for r in new] == [(ticker_key(DAY, late),) * 2]


def test_contiguous_tickers_are_one_request(morning: MorningDesk) -> None:
    """One run, not one a ticker: all three make one span."""
    morning.fetch()
    (request,) = tick(morning, automation.precompute_sensor(morning.clock))
    assert keys(request) == (ticker_key(DAY, ACTIVE[0]), ticker_key(DAY, ACTIVE[-1]))
    assert morning.run("dr_reports", request.tags).success
    assert morning.jobs()[0].source == "scheduler"
    assert (morning.jobs()[0].description or "").startswith("what the fetch of run ")


def test_a_fetch_that_brought_nothing_starts_nothing(morning: MorningDesk) -> None:
    """A27: no report before its data; a fetch that only logged again asks for nothing either."""
    morning.feed.script = lambda s, _: refused(s, FailureKind.PERMANENT)
    morning.fetch()
    assert tick(morning, automation.precompute_sensor(morning.clock)) == []


def test_a_fetch_of_an_old_morning_buys_no_reports(morning: MorningDesk) -> None:
    """A backfill of old data is for a person to pay for: only a morning younger than a day and a half starts by itself,
    and of a fetch over several mornings only those.
    """
    monday = date(2025, 12, 8)
    morning.clock.advance(3 * 86_400)
    for day in (DAY, monday):
        assert morning.fetch(day=day).success
    (request,) = tick(morning, automation.precompute_sensor(morning.clock))
    assert keys(request)[0] == ticker_key(monday, ACTIVE[0])
    young = FakeClock((cutoff(monday) + automation.YOUNG).timestamp() - 1)
    assert len(tick(morning, automation.precompute_sensor(young))) == 1
    young.advance(1)
    assert tick(morning, automation.precompute_sensor(young)) == []


def test_old_runs_are_not_summed_up_when_it_is_switched_on(morning: MorningDesk) -> None:
    """What ended before the chain's memory starts nothing."""
    morning.fetch()
    assert morning.write().success
    assert len(tick(morning, automation.summary_sensor())) == 1
    later = FakeClock(datetime.now(UTC).timestamp() + 40 * 3600)
    assert tick(morning, automation.summary_sensor(later)) == []


def test_the_summary_follows_every_run_of_reports_good_or_bad(morning: MorningDesk) -> None:
    """C03, C04: one request a run, for its day, also when it failed; a fetch asks for none."""
    morning.fetch()
    assert tick(morning, automation.summary_sensor()) == []
    morning.lake.delete(f"dr/ticker-data/{DAY}/DBS19.parquet")
    failed = morning.write()
    assert not failed.success
    (request,) = tick(morning, automation.summary_sensor())
    assert request.partition_key == str(DAY)
    assert failed.run_id in (request.run_key or "")
    assert failure_of(failed)[1]["made"] == 2


def test_a_backfill_of_days_sums_up_each_of_them(morning: MorningDesk) -> None:
    """A range over a weekend: Friday and Monday, and the Saturday between."""
    saturday, monday = date(2025, 12, 6), date(2025, 12, 8)
    morning.clock.advance(3 * 86_400)
    for day in (DAY, saturday, monday):
        assert morning.fetch(day=day).success
    tags = {
        "dagster/asset_partition_range_start": ticker_key(DAY, ACTIVE[0]),
        "dagster/asset_partition_range_end": ticker_key(monday, ACTIVE[-1]),
    }
    assert morning.run("dr_reports", tags).success
    assert len(morning.jobs(DAY)) == len(morning.jobs(monday)) == 3
    asked = tick(morning, automation.summary_sensor())
    assert [r.partition_key for r in asked] == [str(DAY), str(saturday), str(monday)]
    assert len({r.run_key for r in asked}) == 3


def test_runs_of_other_jobs_hide_none(morning: MorningDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many runs of markets end after it, the newest fetches are looked at: their own jobs are asked for."""
    monkeypatch.setattr(ended, "LOOK_BACK", 1)
    monkeypatch.setattr(automation, "LOOK_BACK", 1, raising=False)
    morning.fetch()
    morning.sum_up()
    (request,) = tick(morning, automation.precompute_sensor(morning.clock))
    assert keys(request) == (ticker_key(DAY, ACTIVE[0]), ticker_key(DAY, ACTIVE[-1]))


def test_the_foreground_looks_after_itself(morning: MorningDesk) -> None:
    """A person's run in the foreground starts no reports behind their back."""
    tags = {**morning.tags(), "stocks/chain": "foreground"}
    assert morning.run("dr_fetch", tags).success
    assert tick(morning, automation.precompute_sensor(morning.clock)) == []


def test_five_in_bangkok_has_no_summer_time() -> None:
    """A02: the same instant of the day, winter and summer."""
    zone = automation_zone()
    for day in (date(2025, 1, 15), date(2025, 7, 15)):
        assert datetime(day.year, day.month, day.day, 5, tzinfo=zone).astimezone(UTC).hour == 22
        assert datetime(day.year, day.month, day.day, 5, tzinfo=zone).utcoffset() == timedelta(hours=7)

"""What runs by itself: the schedule around both clock changes, and the chain over what really happened."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import takewhile
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._core.definitions.partitions.context import partition_loading_context
from dagster._utils.schedules import schedule_execution_time_iterator  # the daemon's own; no public one

from stocks_pipeline.clock import SystemClock
from stocks_pipeline.defs.automation import (
    CHAIN_TAG,
    UPSTREAM_TAG,
    chain_sensor,
    ended_runs,
    fetch_runs,
    fetches,
    pinned_plans,
    stage_jobs,
)
from stocks_pipeline.defs.chain import MEMORY_S
from stocks_pipeline_tests.fake_feed import codes, companies_of, refused
from stocks_pipeline_tests.fakes import FakeClock
from stocks_pipeline_tests.market_desk import DAY, MARKET, MarketDesk, market_desk

BEFORE = date(2025, 12, 4)
EIGHT = codes(8)
SYDNEY = ZoneInfo("Australia/Sydney")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[MarketDesk]:
    """A desk whose exchange lists eight companies: batches of 3, 3 and 2."""
    with market_desk(tmp_path, *EIGHT) as made:
        yield made


@pytest.fixture(scope="module")
def location(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MarketDesk]:
    """A desk for tests that only read its definitions."""
    with market_desk(tmp_path_factory.mktemp("lake")) as made:
        yield made


def look(desk: MarketDesk) -> list[dg.RunRequest]:
    """What the chain's sensor proposes now."""
    with dg.build_sensor_context(instance=desk.instance, repository_def=desk.repository) as context:
        data = desk.repository.get_sensor_def("asx_chain").evaluate_tick(context)
    return [dg.RunRequest(r.run_key, r.run_config, dict(r.tags), job_name=r.job_name) for r in data.run_requests or []]


def obey(desk: MarketDesk, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
    """Run what was requested, as the daemon would."""
    job = desk.repository.get_job(request.job_name or "")
    config = {**request.run_config, "loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    return job.execute_in_process(
        instance=desk.instance, tags=dict(request.tags), run_config=config, raise_on_error=False
    )


def stages(requests: list[dg.RunRequest]) -> list[str]:
    """The jobs requested."""
    return [request.job_name or "" for request in requests]


def test_a_day_runs_by_itself_from_the_list_to_the_table(desk: MarketDesk) -> None:
    """A01, A04, A27: each stage is proposed when the one before ended, with range, config and provenance."""
    assert look(desk) == []
    desk.list()
    (prices,) = look(desk)
    assert prices.job_name == "asx_prices"
    assert {name: prices.tags[name] for name in ("source", "triggered_by", "execution_name")} == {
        "source": "chain",
        "triggered_by": "asx_chain",
        "execution_name": prices.run_key,
    }
    assert prices.tags["dagster/asset_partition_range_start"] == "2025-12-05|0"
    assert prices.tags["dagster/asset_partition_range_end"] == "2025-12-05|2"
    assert obey(desk, prices).success
    daily = [request for request in look(desk) if request.job_name == "asx_daily_prices"]
    assert [request.tags["dagster/partition"] for request in daily] == ["2025-12-05"]
    assert obey(desk, daily[0]).success
    assert desk.metadata("daily_prices")["complete"] is True


def test_looking_again_proposes_the_same_keys(desk: MarketDesk) -> None:
    """A27: Dagster starts a run key once, so a sensor that looks every 15 s starts nothing twice."""
    desk.list()
    first, second = look(desk), look(desk)
    assert [r.run_key for r in first] == [r.run_key for r in second]
    obey(desk, first[0])
    second, third = look(desk), look(desk)
    assert stages(second) == ["asx_daily_prices"], "what was fetched is not asked for again"
    assert [r.run_key for r in second] == [r.run_key for r in third]


def test_a_day_fetched_by_hand_is_not_fetched_again(desk: MarketDesk) -> None:
    """A27: the daemon was down, a person ran the stage: the chain only merges."""
    desk.list()
    desk.prices(numbers=range(1, 2))
    assert "asx_prices" in stages(look(desk)), "one batch is not the day"
    desk.prices(limit=2)
    assert "asx_prices" in stages(look(desk)), "a trial is not the day"
    desk.prices()
    assert set(stages(look(desk))) == {"asx_daily_prices"}
    desk.list(batches={"repin": True})
    assert "asx_prices" in stages(look(desk)), "a new split is a new cause"


def test_a_fetch_of_the_foreground_counts(desk: MarketDesk) -> None:
    """Ch. 9: `stocks run` after the schedule's split has brought it all; the chain has nothing to add."""
    desk.list()
    desk.prices(tags={CHAIN_TAG: "foreground"})
    assert look(desk) == []


@pytest.mark.parametrize(
    ("status", "asked"),
    [
        (dg.DagsterRunStatus.STARTING, False),
        (dg.DagsterRunStatus.NOT_STARTED, False),
        (dg.DagsterRunStatus.CANCELED, True),
        (dg.DagsterRunStatus.FAILURE, True),
    ],
)
def test_a_waiting_fetch_counts_until_it_is_given_up(
    desk: MarketDesk, status: dg.DagsterRunStatus, *, asked: bool
) -> None:
    """A27: a run in the queue will fetch the day; one that was cancelled there, or never came up, will not."""
    desk.list()
    tags = {"dagster/asset_partition_range_start": f"{DAY}|0", "dagster/asset_partition_range_end": f"{DAY}|2"}
    job = desk.repository.get_job("asx_prices")
    desk.instance.create_run_for_job(job, tags=tags, status=status)
    assert ("asx_prices" in stages(look(desk))) is asked


def test_a_failing_trial_on_a_split_day_leaves_the_other_batches_alone(desk: MarketDesk) -> None:
    """E31: `limit=2` touches batch 0; only that one turns red, in a run that spans no other."""
    desk.list()
    desk.list(batches={"limit": 2})
    assert desk.metadata("symbol_batches")["selected_batches"] == [0]
    desk.feed.script = {f"{s}.AX": refused(f"{s}.AX") for s in EIGHT}
    (request,) = look(desk)
    assert not obey(desk, request).success
    assert desk.colours() == {0: "FAILED", 1: None, 2: None}


def test_named_symbols_of_far_batches_span_nothing_between(desk: MarketDesk) -> None:
    """E31: batches 0 and 2 fail in two runs; batch 1, which nobody named, keeps no colour."""
    desk.list(batches={})
    desk.list(batches={"symbols": ["AAA", "AAH"]})
    desk.feed.script = {f"{s}.AX": refused(f"{s}.AX") for s in EIGHT}
    first, second = look(desk)
    assert (first.tags["dagster/partition"], second.tags["dagster/partition"]) == (f"{DAY}|0", f"{DAY}|2")
    assert first.run_key != second.run_key
    assert not obey(desk, first).success
    assert [request.run_key for request in look(desk)] == [second.run_key], "the rest keeps its key"
    assert not obey(desk, second).success
    assert desk.colours() == {0: "FAILED", 1: None, 2: "FAILED"}


def test_a_split_marked_by_hand_starts_nothing(desk: MarketDesk) -> None:
    """F01: "report materialization" in the UI splits nothing, and must not stop the chain of other days."""
    desk.list(BEFORE)
    desk.instance.report_runless_asset_event(
        dg.AssetMaterialization(MARKET.key("symbol_batches"), partition=DAY.isoformat())
    )
    (request,) = look(desk)
    assert request.tags["dagster/asset_partition_range_start"] == "2025-12-04|0"


def test_a_fetch_that_failed_in_part_is_merged_all_the_same(desk: MarketDesk) -> None:
    """E22, E31: two of three batches are there: the merge is proposed, and again once the third is healed."""
    desk.list()
    desk.feed.script = {f"{s}.AX": refused(f"{s}.AX") for s in EIGHT[3:6]}
    assert not obey(desk, look(desk)[0]).success
    (daily,) = [r for r in look(desk) if r.job_name == "asx_daily_prices"]
    assert obey(desk, daily).success
    assert desk.metadata("daily_prices")["missing_batches"] == "1"
    desk.feed.script = {}
    desk.prices(numbers=range(1, 2))
    again = [r for r in look(desk) if r.job_name == "asx_daily_prices" and r.run_key != daily.run_key]
    assert len(again) == 1
    obey(desk, again[0])
    assert desk.metadata("daily_prices")["complete"] is True


def test_a_fetch_without_any_batch_is_not_merged(desk: MarketDesk) -> None:
    """F01: nothing stored: the red fetch run says why; a second red run for the merge would only add noise."""
    desk.list()
    desk.feed.script = {f"{s}.AX": refused(f"{s}.AX") for s in EIGHT}
    assert not obey(desk, look(desk)[0]).success
    assert look(desk) == []


def test_a_failed_listing_starts_nothing(desk: MarketDesk) -> None:
    """E32: no list, no prices."""
    desk.listing.error = refused("listing")
    assert not desk.list().success
    assert look(desk) == []


def test_an_empty_list_goes_straight_to_the_merge(desk: MarketDesk) -> None:
    """F08: a plan without batches proposes the day's table at once."""
    desk.listing.companies = ()
    desk.list()
    (daily,) = look(desk)
    assert (daily.job_name, daily.tags["dagster/partition"]) == ("asx_daily_prices", "2025-12-05")
    assert obey(desk, daily).success


def test_the_trial_of_five_fetches_exactly_five(desk: MarketDesk) -> None:
    """A12: `limit=5` on the listing run goes through the chain to the vendor, also on a day that is split whole."""
    desk.list(batches={"limit": 5})
    obey(desk, look(desk)[0])
    assert desk.feed.symbols_asked == [f"{s}.AX" for s in EIGHT[:5]]
    desk.list(BEFORE)
    desk.list(BEFORE, batches={"limit": 2})
    request = next(r for r in look(desk) if "2025-12-04|0" in r.tags.values())
    desk.feed.forget()
    obey(desk, request)
    assert desk.feed.symbols_asked == [f"{s}.AX" for s in EIGHT[:2]]


def test_named_symbols_travel_with_the_chain(desk: MarketDesk) -> None:
    """A16, A22: `symbols` given to the listing run reach the fetch."""
    desk.list(batches={"symbols": ["AAB", "AAH"]})
    obey(desk, look(desk)[0])
    assert desk.feed.symbols_asked == ["AAB.AX", "AAH.AX"]


def test_foreground_runs_are_left_alone(desk: MarketDesk) -> None:
    """Ch. 9: `stocks run` starts its next stage itself, so the daemon does not start it a second time."""
    tags = {CHAIN_TAG: "foreground"}
    desk.list(tags=tags)
    assert look(desk) == []
    desk.prices(tags=tags)
    assert look(desk) == []


def test_a_batch_materialized_by_hand_is_merged(desk: MarketDesk) -> None:
    """E22: one square clicked in the UI (an asset run, no job of ours) is followed by the merge."""
    desk.list()
    before = {r.run_key for r in look(desk)}
    job = desk.repository.get_implicit_global_asset_job_def()
    assert job is not None
    result = job.execute_in_process(
        instance=desk.instance,
        asset_selection=[MARKET.key("raw_prices")],
        tags={"dagster/partition": "2025-12-05|1"},
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
    )
    assert result.success
    (merge,) = [r for r in look(desk) if r.run_key not in before]
    assert (merge.job_name, merge.tags["dagster/partition"]) == ("asx_daily_prices", "2025-12-05")


def test_a_range_over_several_days_merges_each_of_them(desk: MarketDesk) -> None:
    """E22: a backfill of three days in one run is followed by the merge of those that were split."""
    desk.list(BEFORE)
    desk.list(date(2025, 12, 8))
    tags = {"dagster/asset_partition_range_start": f"{BEFORE}|0", "dagster/asset_partition_range_end": "2025-12-08|2"}
    desk.list(DAY)
    desk.run("prices", tags, {"raw_prices": {}})
    runs = fetch_runs(desk.instance, MARKET, 0.0)
    assert {run.day.isoformat() for run in ended_runs(desk.instance, MARKET, runs)} == {
        "2025-12-04",
        "2025-12-05",
        "2025-12-08",
    }
    found = fetches(MARKET, runs, pinned_plans(desk.instance, MARKET, 0.0))
    assert {(fetch.day.isoformat(), fetch.batches) for fetch in found} == {
        (day, frozenset({0, 1, 2})) for day in ("2025-12-04", "2025-12-05", "2025-12-08")
    }


def test_the_chain_forgets_after_a_day_and_a_half(desk: MarketDesk) -> None:
    """A19: a chain switched on late starts nothing of last week, and says why it is idle."""
    desk.list()
    late = FakeClock(SystemClock().time() + MEMORY_S + 60)
    sensor = chain_sensor(MARKET, stage_jobs(MARKET), late)
    with dg.build_sensor_context(instance=desk.instance, repository_def=desk.repository) as context:
        data = sensor.evaluate_tick(context)
    assert data.run_requests == []
    assert data.skip_message == "Nothing is next: no stage of ASX ended in the last day and a half."


def test_two_days_are_proposed_oldest_first(desk: MarketDesk) -> None:
    """A04: after an outage the desk catches up in order."""
    desk.list(DAY)
    desk.listing.companies = companies_of(*EIGHT[:4])
    desk.list(BEFORE)
    starts = [request.tags["dagster/asset_partition_range_start"] for request in look(desk)]
    assert starts == ["2025-12-04|0", "2025-12-05|0"]


def test_runs_carry_the_vendor_that_the_queue_counts(location: MarketDesk) -> None:
    """E03: the tag of instance/dagster.yaml's limits is on the jobs that call a vendor, and only on those."""
    tags = {name: location.repository.get_job(f"asx_{name}").tags for name in ("listing", "prices", "daily_prices")}
    assert tags["listing"][UPSTREAM_TAG] == "asx_listing"
    assert tags["prices"][UPSTREAM_TAG] == "yahoo"
    assert UPSTREAM_TAG not in tags["daily_prices"]


def tick(location: MarketDesk, moment: datetime) -> Any:
    """The schedule's answer at that moment."""
    with dg.build_schedule_context(
        instance=location.instance, scheduled_execution_time=moment, repository_def=location.repository
    ) as context:
        return location.repository.get_schedule_def("asx_daily").evaluate_tick(context)


def fires(location: MarketDesk, start: datetime, days: int) -> list[datetime]:
    """When the schedule fires, as Dagster computes it, in the `days` after `start`."""
    daily = location.repository.get_schedule_def("asx_daily")
    assert isinstance(daily.cron_schedule, str)
    moments = schedule_execution_time_iterator(start.timestamp(), daily.cron_schedule, daily.execution_timezone)
    return list(takewhile(lambda moment: moment < start + timedelta(days=days), moments))


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        # Summer time ends on Sunday 2026-04-05: 17:30 in Sydney is 06:30 UTC before and 07:30 after.
        (date(2026, 4, 2), ["04-02 06:30", "04-03 06:30", "04-06 07:30", "04-07 07:30"]),
        # It begins on Sunday 2026-10-04: 07:30 UTC before, 06:30 after.
        (date(2026, 10, 1), ["10-01 07:30", "10-02 07:30", "10-05 06:30", "10-06 06:30"]),
    ],
    ids=["autumn", "spring"],
)
def test_the_schedule_keeps_its_local_hour_over_both_clock_changes(
    location: MarketDesk, start: date, expected: list[str]
) -> None:
    """E45: 17:30 on the exchange's own clock every weekday, whatever UTC makes of it."""
    moments = fires(location, datetime(start.year, start.month, start.day, tzinfo=UTC), 6)
    local = [moment.astimezone(SYDNEY) for moment in moments]
    assert [f"{moment.astimezone(UTC):%m-%d %H:%M}" for moment in moments] == expected
    assert {(moment.hour, moment.minute) for moment in local} == {(17, 30)}
    closes = [(MARKET.calendar(), m.date()) for m in local]
    assert all(
        moment > known.close_at(day)
        for moment, (known, day) in zip(moments, closes, strict=True)
        if known.is_session(day)
    )


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 4, 2, 6, 30, tzinfo=UTC),
        datetime(2026, 10, 6, 6, 30, tzinfo=UTC),
        datetime(2025, 12, 5, 6, 30, tzinfo=UTC),
    ],
)
def test_a_session_requests_its_own_partition(location: MarketDesk, moment: datetime) -> None:
    """E45, F06: the partition is the trading date in Sydney, whichever zone the tick is written in; the key exists."""
    for written in (moment, moment.astimezone(SYDNEY), moment.astimezone(ZoneInfo("Pacific/Kiritimati"))):
        (request,) = tick(location, written).run_requests
        day = moment.astimezone(SYDNEY).date().isoformat()
        assert request.partition_key == day
        assert request.run_key == f"asx-listing-{day}"
        assert request.tags["dagster/partition"] == day
        assert request.tags["source"] == "scheduler"
        assert request.tags["triggered_by"] == "asx_daily"
        assert request.tags["execution_name"] == f"asx-{day.replace('-', '')}-173000"
        assert request.tags["stocks/session"] == "known"
        with partition_loading_context(moment, location.instance):
            assert MARKET.sessions.has_partition_key(day), "the key is there when the schedule needs it"
            assert MARKET.sessions.get_last_partition_key() == day, "and it is the newest one"


@pytest.mark.parametrize("day", [date(2025, 12, 25), date(2026, 1, 26), date(2026, 4, 3), date(2026, 4, 6)])
def test_a_holiday_is_skipped_with_the_reason(location: MarketDesk, day: date) -> None:
    """E45, F17: a weekday on which the exchange is closed starts nothing and says so."""
    data = tick(location, datetime(day.year, day.month, day.day, 17, 30, tzinfo=SYDNEY))
    assert data.run_requests == []
    assert data.skip_message == f"{day} is no session of XASX: the exchange is closed."


def test_a_weekend_neither_fires_nor_runs(location: MarketDesk) -> None:
    """E45: no tick on Saturday and Sunday, and one by hand is skipped with the reason."""
    assert fires(location, datetime(2025, 12, 6, tzinfo=SYDNEY), 2) == []
    assert "2025-12-06 is no session" in tick(location, datetime(2025, 12, 6, 17, 30, tzinfo=SYDNEY)).skip_message


def test_a_day_beyond_the_calendar_runs_and_is_marked(location: MarketDesk) -> None:
    """F17: an unknown session is tried rather than missed, and the run says that nobody knew."""
    day = MARKET.calendar().last + timedelta(days=1)
    while day.weekday() > 4:
        day += timedelta(days=1)
    (request,) = tick(location, datetime(day.year, day.month, day.day, 17, 30, tzinfo=SYDNEY)).run_requests
    assert request.tags["stocks/session"] == "unknown"


def test_everything_that_runs_by_itself_is_on(location: MarketDesk) -> None:
    """A29, E45: schedules and sensors are shipped running."""
    assert {s.default_status for s in location.repository.schedule_defs} == {dg.DefaultScheduleStatus.RUNNING}
    assert {s.default_status for s in location.repository.sensor_defs} == {dg.DefaultSensorStatus.RUNNING}
    markets_own = [s for s in location.repository.schedule_defs if s.name != "retention"]
    assert len(markets_own) == 2
    assert {s.execution_timezone for s in markets_own} == {"Australia/Sydney"}

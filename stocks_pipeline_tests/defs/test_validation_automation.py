"""What starts by itself of a validation, when, and what follows what."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from stocks_pipeline.defs.resources import LakeResource
from stocks_pipeline.defs.us import automation
from stocks_pipeline_tests.fakes import FakeClock
from stocks_pipeline_tests.validation_desk import DAY, ValidationDesk, down, validation_desk

SYMBOLS = [f"S{number:02}" for number in range(20)]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ValidationDesk]:
    with validation_desk(tmp_path, monkeypatch) as found:
        found.stock(SYMBOLS)
        yield found


def evaluated(desk: ValidationDesk, at: datetime) -> Any:
    """The schedule's answer at that instant."""
    with dg.build_schedule_context(desk.instance, at, repository_def=desk.repository) as context:
        return automation.us_validation.evaluate_tick(context)


def tick(desk: ValidationDesk, clock: FakeClock | None = None) -> list[dg.RunRequest]:
    """What the chain asks for now."""
    resources = {"lake": LakeResource(root=str(desk.root))}
    with dg.build_sensor_context(
        instance=desk.instance, repository_def=desk.repository, resources=resources
    ) as context:
        return list(automation.validation_chain(clock).evaluate_tick(context).run_requests or [])


def opening(desk: ValidationDesk, clock: FakeClock | None = None) -> list[dg.RunRequest]:
    """What the sensor asks for that waits for the prices, on the morning after the day."""
    resources = {"lake": LakeResource(root=str(desk.root))}
    with dg.build_sensor_context(desk.instance, repository_def=desk.repository, resources=resources) as context:
        return list(automation.opening_sensor(clock or desk.clock).evaluate_tick(context).run_requests or [])


def merged(desk: ValidationDesk, day: date = DAY) -> None:
    """The day's prices are merged."""
    event = dg.AssetMaterialization(automation.PRICES, partition=day.isoformat())
    desk.instance.report_runless_asset_event(event)


@dg.asset(key=automation.PRICES, partitions_def=automation.US.sessions)
def daily_prices() -> None:
    """Stands for the merge of a run with tags of its own: what follows looks at run and event only."""


@pytest.mark.parametrize(("month", "day"), [(1, date(2026, 1, 5)), (7, date(2026, 7, 6))])
def test_half_past_four_utc_is_the_session_before_winter_and_summer(
    desk: ValidationDesk, month: int, day: date
) -> None:
    """A19: Tuesday 04:30 UTC is Monday's evening in New York, an hour apart by season; Tuesday to Saturday, running."""
    schedule = automation.us_validation
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("30 4 * * 2-6", "UTC")
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    (request,) = evaluated(desk, datetime(2026, month, day.day + 1, 4, 30, tzinfo=UTC)).run_requests
    assert request.partition_key == day.isoformat()
    assert request.tags["source"] == "scheduler"


def test_the_prices_open_the_session_if_the_sensor_is_switched_on(desk: ValidationDesk) -> None:
    """D03: by completion instead of by the clock: one run when the newest day's prices were merged, none before and
    none once the session is open. With the schedule on as well there is one session, and nobody is asked for twice.
    """
    assert automation.opening_sensor().default_status is dg.DefaultSensorStatus.STOPPED
    assert opening(desk) == []
    merged(desk)
    (request,) = opening(desk)
    assert [again.run_key for again in opening(desk)] == [request.run_key]
    assert request.partition_key == str(DAY)
    assert desk.run("validation_batches", {"dagster/partition": str(DAY), **request.tags}).success
    assert opening(desk) == []
    merged(desk)
    assert opening(desk) == []
    session = desk.session().session_id
    (scheduled,) = evaluated(desk, datetime(2026, 1, 6, 4, 30, tzinfo=UTC)).run_requests
    assert desk.run("validation_batches", {"dagster/partition": str(DAY), **scheduled.tags}).success
    results = [found for found in tick(desk) if found.job_name == "us_validation_results"]
    for found in results:
        job = desk.repository.get_job("us_validation_results")
        assert job.execute_in_process(instance=desk.instance, tags=found.tags).success
    assert desk.session().session_id == session
    assert sorted(symbol for symbols in desk.vendor.asked for symbol in symbols) == SYMBOLS


def test_a_session_that_is_being_opened_is_not_opened_again(desk: ValidationDesk) -> None:
    """The schedule's run has not begun yet."""
    merged(desk)
    tags = {"dagster/partition": str(DAY)}
    job = desk.repository.get_job("us_validation_session")
    desk.instance.create_run_for_job(job, tags=tags)
    assert opening(desk) == []


def test_only_the_newest_days_prices_after_its_close_open_a_session(desk: ValidationDesk) -> None:
    """A backfill of old days spends no credits, nor does a table of a day that is not over, nor one that a person's
    command made, who goes on themselves.
    """
    merged(desk, date(2026, 1, 2))
    assert opening(desk) == []
    foreground = {"stocks/chain": "foreground"}
    assert dg.materialize([daily_prices], instance=desk.instance, partition_key=str(DAY), tags=foreground).success
    assert opening(desk) == []
    later = FakeClock(datetime.now(UTC).timestamp() + 30 * 86_400)
    merged(desk, automation.US.calendar().latest_closed(later.now()))
    assert opening(desk, later) == []


def test_beyond_the_calendar_nothing_is_opened(desk: ValidationDesk) -> None:
    """The tick says so instead of failing every quarter of a minute."""
    beyond = datetime(automation.US.calendar().last.year + 2, 1, 3, tzinfo=UTC)
    assert opening(desk, FakeClock(beyond.timestamp())) == []


def test_a_closed_day_is_skipped_with_the_reason(desk: ValidationDesk) -> None:
    """New Year's Day was no session."""
    answer = evaluated(desk, datetime(2026, 1, 2, 4, 30, tzinfo=UTC))
    assert not answer.run_requests
    assert "exchange is closed" in answer.skip_message


def test_the_chain_runs_from_session_to_results_to_summary(desk: ValidationDesk) -> None:
    """A20: one run over all batches when the session is opened; one summary a run of results; each asked for once."""
    assert tick(desk) == []
    desk.open()
    (results,) = tick(desk)
    assert results.job_name == "us_validation_results", results
    assert results.tags["dagster/asset_partition_range_end"] == f"{DAY}|2"
    assert [r.run_key for r in tick(desk)] == [results.run_key]
    job = desk.repository.get_job(results.job_name)
    ended = job.execute_in_process(instance=desk.instance, tags=results.tags, raise_on_error=False)
    assert ended.success
    (summary,) = [r for r in tick(desk) if r.job_name == "us_validation_summary"]
    assert summary.partition_key == str(DAY)
    assert ended.run_id in (summary.run_key or "")


def test_results_that_failed_are_summed_up_too(desk: ValidationDesk) -> None:
    """A session that failed says so; it does not end in silence."""
    desk.open()
    desk.vendor.script = lambda _s, _n: down()
    assert not desk.check().success
    assert [r.partition_key for r in tick(desk) if r.job_name == "us_validation_summary"] == [str(DAY)]


def test_a_session_without_symbols_is_summed_up_at_once(desk: ValidationDesk) -> None:
    """There are no results to wait for."""
    friday = date(2026, 1, 2)
    desk.stock([], friday)
    desk.open(friday)
    (request,) = tick(desk)
    assert (request.job_name, request.partition_key) == ("us_validation_summary", str(friday))


def test_a_single_batch_by_hand_is_summed_up(desk: ValidationDesk) -> None:
    """Healing one partition in the UI updates the summary."""
    desk.open()
    desk.check(range(1, 2))
    assert [r.partition_key for r in tick(desk) if r.job_name == "us_validation_summary"] == [str(DAY)]


def test_what_the_foreground_did_is_left_alone(desk: ValidationDesk) -> None:
    """`stocks validate` takes every step itself."""
    tags = {"dagster/partition": str(DAY), "stocks/chain": "foreground"}
    desk.run("validation_batches", tags)
    desk.check(**{"stocks/chain": "foreground"})
    assert tick(desk) == []


def test_old_sessions_are_not_replayed(desk: ValidationDesk) -> None:
    """Switching the chain on must not spend last month's credits."""
    desk.open()
    desk.check()
    assert tick(desk, FakeClock(datetime.now(UTC).timestamp() + 40 * 3600)) == []


def test_only_one_run_asks_the_vendor_at_a_time(desk: ValidationDesk) -> None:
    """D15: two would wait for each other's credits, each holding a slot of the queue: it lets one of those start that
    carry the vendor's tag, and both jobs that ask the vendor do.
    """
    import yaml

    import stocks_pipeline

    path = Path(stocks_pipeline.__file__).parent / "instance" / "dagster.yaml"
    limits = yaml.safe_load(path.read_text())["run_queue"]["tag_concurrency_limits"]
    assert {"key": automation.UPSTREAM_TAG, "value": "twelvedata", "limit": 1} in limits
    asking = [j for j in desk.repository.job_names if "twelve_data" in required(desk, j) and not j.startswith("__")]
    assert sorted(asking) == ["us_validation_adhoc", "us_validation_results"]
    tags = [desk.repository.get_job(job).run_tags.get(automation.UPSTREAM_TAG) for job in asking]
    assert tags == ["twelvedata", "twelvedata"]


def required(desk: ValidationDesk, job: str) -> set[str]:
    """The resources that the job's ops ask for."""
    return {key for node in desk.repository.get_job(job).all_node_defs for key in node.required_resource_keys}

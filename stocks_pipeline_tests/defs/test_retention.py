"""The job `retention`: by itself every day, a report of what went, and a dry run that only says it."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from stocks_pipeline.clock import SystemClock
from stocks_pipeline.defs.operations.alerts import open_outbox
from stocks_pipeline.defs.operations.retention import TOLD
from stocks_pipeline.domain.alert_facts import FailedRun
from stocks_pipeline.domain.alerts import of_run
from stocks_pipeline.domain.jobs import KEEP, Asked, Job
from stocks_pipeline.settings import Settings
from stocks_pipeline.storage import layout
from stocks_pipeline_tests.fake_feed import codes
from stocks_pipeline_tests.market_desk import DAY, MarketDesk, market_desk
from stocks_pipeline_tests.offline import go_offline, run_stocks


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MarketDesk]:
    """A desk with a whole day of prices."""
    monkeypatch.setenv("STOCKS_HOME", str(tmp_path / "home"))
    with market_desk(tmp_path / "lake", *codes(4)) as made:
        assert made.list().success
        assert made.prices().success
        assert made.daily().success
        yield made


def put_job(desk: MarketDesk, age: timedelta) -> str:
    """A job record of that age."""
    made = desk.clock.now() - age
    job = Job.new("NVDA19", f"exec-{made:%Y%m%d%H}", Asked("manual"), made)
    key = layout.job_key(made.date(), job.execution_id, job.ticker)
    desk.lake.write(key, job.to_json())
    return key


def retain(desk: MarketDesk, **config: bool) -> dict[str, object]:
    """One run of the job; what it reports."""
    job = desk.repository.get_job("retention")
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    result = job.execute_in_process(
        instance=desk.instance, run_config={**quiet, "ops": {"purge": {"config": config}}}, raise_on_error=False
    )
    assert result.success
    (output,) = [e for e in result.all_events if e.event_type is dg.DagsterEventType.STEP_OUTPUT]
    return {name: value.value for name, value in output.step_output_data.metadata.items()}


def test_old_records_go_and_the_day_stays(desk: MarketDesk) -> None:
    """C22: the run says how much went and which files; the day's prices are untouched."""
    old, young = put_job(desk, KEEP), put_job(desk, KEEP - timedelta(hours=1))
    before = {key: desk.lake.read(key) for key in desk.lake.list("asx/")}
    assert before
    report = retain(desk, dry_run=True)
    assert (report["dry_run"], report["job_records"], report["files"]) == (True, 1, 1)
    assert desk.lake.exists(old)
    report = retain(desk)
    assert (report["dry_run"], report["job_records"], report["job_records_kept"]) == (False, 1, 1)
    assert old in str(report["gone"])
    assert not desk.lake.exists(old)
    assert desk.lake.exists(young)
    assert {key: desk.lake.read(key) for key in desk.lake.list("asx/")} == before
    assert retain(desk)["files"] == 0


def test_a_dry_run_from_a_terminal(desk: MarketDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """C22: `stocks retention --dry-run` names what the job would delete and deletes nothing; without it, it goes."""
    go_offline(monkeypatch, tmp_path / "home", STOCKS_LAKE=desk.lake.root)
    today = desk.clock.now() - SystemClock().now()  # a command has the machine's clock, the desk one of its own
    old, young = put_job(desk, today + timedelta(days=8)), put_job(desk, today + timedelta(days=6))
    code, out, _ = run_stocks("retention", "--dry-run", "--json")
    found = json.loads(out)
    assert (code, found["dry_run"], found["gone"], found["job_records"]) == (0, True, [old], 1)
    code, out, _ = run_stocks("retention", "--dry-run")
    assert "1 job record and 0 sessions would go" in out
    assert old in "".join(out.split())
    assert desk.lake.exists(old)
    assert "are gone" in run_stocks("retention")[1]
    assert (desk.lake.exists(old), desk.lake.exists(young)) == (False, True)


def test_the_days_are_a_setting(desk: MarketDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """C22: STOCKS_RETENTION_DAYS decides, also beyond the seven days after which a record itself says it ends."""
    young, old = put_job(desk, timedelta(days=2)), put_job(desk, timedelta(days=20))
    monkeypatch.setenv("STOCKS_RETENTION_DAYS", "30")
    assert retain(desk)["files"] == 0
    monkeypatch.setenv("STOCKS_RETENTION_DAYS", "10")
    assert retain(desk)["files"] == 1
    assert not desk.lake.exists(old)
    monkeypatch.setenv("STOCKS_RETENTION_DAYS", "2")
    assert retain(desk)["kept_days"] == 2
    assert not desk.lake.exists(young)


def test_delivered_alerts_are_forgotten_late_and_waiting_ones_never(desk: MarketDesk) -> None:
    """C22, E38: in the control file, too; not before the sensor's memory could miss them."""
    box = open_outbox(Settings.load(), desk.clock)
    now = desk.clock.time()
    for name, sinks in (("told", ["log"]), ("waits", ["webhook"])):
        alert = of_run(FailedRun(name, "asx_prices", "", "boom", "stocks status", desk.clock.now()))
        box.put([alert], sinks, now)
    told = box.claim("log", now, 60)
    assert told is not None
    box.delivered(told, "log", now)
    desk.clock.advance(TOLD.total_seconds() - 1)
    assert retain(desk)["alerts_forgotten"] == 0
    desk.clock.advance(2)
    assert retain(desk, dry_run=True)["alerts_forgotten"] == 1
    assert retain(desk)["alerts_forgotten"] == 1
    assert box.waiting() == {"webhook": 1}
    box.close()


def test_it_runs_every_day_by_itself(desk: MarketDesk) -> None:
    """C22: a schedule, on from the start, at an hour when nothing of the desk is at work."""
    schedule = desk.repository.get_schedule_def("retention")
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("15 19 * * *", "UTC")
    assert DAY.isoformat() in desk.instance.get_materialized_partitions(desk.market.key("daily_prices"))

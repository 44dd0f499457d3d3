"""What a dead run left in progress: nobody works on it, and every command that speaks of the morning says so."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from stocks_pipeline.cli import doctor_reports
from stocks_pipeline.cli.morning_report import morning_report
from stocks_pipeline.cli.retry_morning import plan_of
from stocks_pipeline.defs.dr.job_book import LEFT, JobBook, execution_id, standing_jobs
from stocks_pipeline.defs.dr.summary import summarise
from stocks_pipeline.defs.operations.dead_runs import WORKER_TAG, alive
from stocks_pipeline.domain.jobs import Asked, JobStatus
from stocks_pipeline.domain.tickers import parse_tickers
from stocks_pipeline.settings import Settings
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import Lake, open_lake
from stocks_pipeline_tests.dr_files import put_ticker
from stocks_pipeline_tests.fakes import FakeClock
from stocks_pipeline_tests.morning_desk import ACTIVE, DAY, LIST, MORNING

NAME = "precompute-20251205-052000"


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance on disk: the locks of its runs lie in its folder."""
    with dg.DagsterInstance.local_temp(str(tmp_path)) as made:
        yield made


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Three tickers with their data."""
    made = open_lake(str(tmp_path / "lake"))
    put_ticker(made, DAY, {name: {DAY: 40.0} for name in ACTIVE})
    return made


@pytest.fixture
def run_id(instance: dg.DagsterInstance, lake: Lake) -> str:
    """A foreground run that is recorded as running, at work on all three."""
    tags = {WORKER_TAG: "foreground", "execution_name": NAME}
    made = instance.add_run(dg.DagsterRun("dr_reports", tags=tags, status=dg.DagsterRunStatus.STARTED)).run_id
    book = JobBook(lake, DAY, execution_id(NAME, made), Asked("manual"), FakeClock(MORNING.timestamp()))
    book.open(ACTIVE)
    for name in ACTIVE:
        book.start(name)
    return made


def test_what_a_living_run_works_on_is_in_work(instance: dg.DagsterInstance, lake: Lake, run_id: str) -> None:
    """Its process holds the lock: wait for it."""
    with alive(instance, run_id):
        report = morning_report(instance, lake, DAY, ACTIVE)
    assert (report.in_work, report.pending) == (3, {})
    assert [reason for reason, _ in report.next_steps()] == ["wait, then look again"]


def test_what_a_dead_run_left_waits_for_the_next(instance: dg.DagsterInstance, lake: Lake, run_id: str) -> None:
    """Kill -9: pending, with the reason; the advice is to do it again, not to wait, and the summary counts alike."""
    assert run_id
    report = morning_report(instance, lake, DAY, ACTIVE)
    assert (report.in_work, report.pending) == (0, {"died": 3})
    assert {s.why for s in report.stuck} == {LEFT}
    assert [reason for reason, _ in report.next_steps()] == ["see who waits and why", "do what failed or is missing"]
    assert list(plan_of(report, "dr").write) == list(ACTIVE)
    told = summarise(lake, DAY, parse_tickers(LIST.encode()), ACTIVE, {}, standing_jobs(instance, lake, DAY))
    assert told.message == "0 of 3 reports are there; 3 pending (3 died)."
    assert {job.status for job in standing_jobs(instance, lake, DAY).values()} == {JobStatus.PENDING}


def test_what_ended_well_while_we_looked_is_not_left(
    instance: dg.DagsterInstance, lake: Lake, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The records were read before the run ended, the runs after: the record is read again."""
    book = JobBook(lake, DAY, execution_id(NAME, run_id), Asked("manual"), FakeClock(MORNING.timestamp()))
    listed = instance.get_runs

    def ended(*args: object, **more: object) -> object:
        for name in ACTIVE:
            book.complete(name, {})
        return listed(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(instance, "get_runs", ended)
    assert {job.status for job in standing_jobs(instance, lake, DAY).values()} == {JobStatus.COMPLETED}


def test_the_doctor_names_them_at_once(
    instance: dg.DagsterInstance, lake: Lake, run_id: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Not after a quarter of an hour: the run is known to be dead."""
    monkeypatch.setenv("STOCKS_LAKE", str(tmp_path / "lake"))
    clock, found = FakeClock(MORNING.timestamp() + 60), Settings.load()
    with alive(instance, run_id):
        assert doctor_reports.jobs(found, clock, instance)[0].state == "ok"
    (finding,) = doctor_reports.jobs(found, clock, instance)
    assert (finding.state, finding.do) == ("warn", f"stocks retry dr --date {DAY}")
    assert finding.what == f"3 of {DAY} left by a run that died: DBS19, NINTENDO19, NVDA19"
    assert lake.exists(layout.ticker_data_key(DAY, "DBS19"))

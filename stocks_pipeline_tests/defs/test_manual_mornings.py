"""A morning that a person starts: what the command answers, and what it leaves on runs and records."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from stocks_pipeline.cli.app import app
from stocks_pipeline.cli.desk import open_instance
from stocks_pipeline.cli.mornings import MorningAsk
from stocks_pipeline.cli.output import Exit
from stocks_pipeline.cli.precompute import answer
from stocks_pipeline.cli.run_morning import MorningOutcome, Plan, carry_out
from stocks_pipeline.settings import Settings
from stocks_pipeline.upstream.failures import FailureKind
from stocks_pipeline_tests.morning_desk import ACTIVE, DAY, MorningDesk, down, morning

__all__ = ["morning"]


@pytest.fixture
def found(morning: MorningDesk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    """The settings of a command whose code location is the fake desk."""
    for name, value in {
        "STOCKS_SANDBOX_URL": "http://127.0.0.1:9",
        "DAGSTER_HOME": str(tmp_path / "home" / "dagster"),
        "STOCKS_LAKE": str(morning.root),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("stocks_pipeline.definitions.defs", lambda: morning.defs)
    return Settings.load()


def carried_out(desk: MorningDesk, found: Settings, plan: Plan) -> MorningOutcome:
    return carry_out(found, desk.instance, plan, quiet=True, triggered_by="stocks precompute")


def tags_of(desk: MorningDesk, outcome: MorningOutcome) -> Mapping[str, str]:
    """The tags of the run of reports."""
    run = desk.instance.get_run_by_id(next(s.run_id for s in outcome.stages if s.stage == "reports"))
    assert run is not None
    return run.tags


def test_the_answer_has_exactly_the_seeds_keys(morning: MorningDesk, found: Settings) -> None:
    """B09: statusCode, and in the body message, execution_arn (the run's id), execution_name and workflow_input."""
    morning.fetch()
    done = CliRunner().invoke(app, ["precompute", "--date", str(DAY), "--limit", "2", "--source", "manual-test"])
    assert done.exit_code == 0, done.output
    said: dict[str, Any] = json.loads(done.stdout)
    body = said["body"]
    assert said["statusCode"] == 200
    assert set(body) == {"message", "execution_arn", "execution_name", "workflow_input"}
    assert {"limit", "triggered_at", "triggered_by"} <= set(body["workflow_input"])
    assert body["workflow_input"]["limit"] == 2
    assert re.fullmatch(r"precompute-\d{8}-\d{6}", body["execution_name"])
    with open_instance(found) as instance:
        run = instance.get_run_by_id(body["execution_arn"])
    assert run is not None
    assert run.job_name == "dr_reports"


def test_a_rewrite_that_failed_is_answered_as_such(morning: MorningDesk, found: Settings) -> None:
    """The reports of before stand, none of this execution is there: 500, failed, and the counts say both."""
    morning.fetch()
    morning.write()
    morning.clock.advance(60)
    morning.model.script = lambda subject, _: down(subject, FailureKind.AUTH, "401")
    outcome = carried_out(morning, found, Plan(DAY, ACTIVE, (), ACTIVE, rewrite=ACTIVE, kind="precompute"))
    told = answer(outcome, MorningAsk(DAY, rewrite=True), "manual", [])
    assert (told["statusCode"], outcome.code) == (500, Exit.FAILURE)
    assert told["body"]["message"] == ("Precompute workflow failed: 0 of 3 reports are written; 3 older ones stand")
    assert (told["result"]["whole"], sum(told["result"]["pending"].values())) == (False, 3)


def test_what_a_person_asked_for_is_on_the_run_and_the_records(morning: MorningDesk, found: Settings) -> None:
    """A10, A13: source, limit, who asked and the execution's name `manual-YYYYMMDD-HHMMSS` are tags of the run; source
    and name are in every job record.
    """
    morning.fetch()
    plan = Plan(DAY, ACTIVE[:2], write=ACTIVE[:2], source="manual-test", tags={"limit": "2"})
    outcome = carried_out(morning, found, plan)
    tags = tags_of(morning, outcome)
    assert (tags["source"], tags["limit"], tags["triggered_by"]) == ("manual-test", "2", "stocks precompute")
    assert re.fullmatch(r"manual-\d{8}-\d{6}", tags["execution_name"])
    jobs = morning.jobs()
    assert {job.ticker for job in jobs} == set(ACTIVE[:2])
    assert {job.source for job in jobs} == {"manual-test"}
    assert all(job.execution_id.startswith(tags["execution_name"]) for job in jobs)

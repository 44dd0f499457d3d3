"""A morning that a person starts: what the command answers, and what it leaves on runs and records."""

import json
import re
from collections import Counter
from datetime import datetime
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
from stocks_pipeline.domain.jobs import description_fault
from stocks_pipeline.settings import Settings
from stocks_pipeline.storage.warehouse import Warehouse
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


def test_the_answer_has_exactly_the_seeds_keys(morning: MorningDesk, found: Settings) -> None:
    """B09: statusCode, and in the body message, execution_arn (the run's id), execution_name and workflow_input; beside
    them only what we say ourselves: who asked and why, every run, who has no data, and what it came to.
    """
    morning.fetch()
    asked = ["--limit", "2", "--source", "manual-test", "--description", "a trial of two"]
    done = CliRunner().invoke(app, ["precompute", "--date", str(DAY), *asked])
    assert done.exit_code == 0, done.output
    said: dict[str, Any] = json.loads(done.stdout)
    body = said["body"]
    assert set(said) == {"statusCode", "body"} | {"run_ids", "without_data", "result"}
    assert set(body) == {"message", "execution_arn", "execution_name", "workflow_input"}
    assert body["workflow_input"] == {
        "limit": 2,
        "triggered_at": body["workflow_input"]["triggered_at"],
        "triggered_by": "stocks precompute",
        "source": "manual-test",
        "description": "a trial of two",
    }
    assert f"{datetime.fromisoformat(body['workflow_input']['triggered_at']):%Y%m%d-%H%M%S}" in body["execution_name"]
    assert (said["statusCode"], body["message"]) == (200, "Precompute workflow completed: 2 of 2 reports are written")
    assert (said["run_ids"], said["without_data"]) == ([body["execution_arn"]], [])
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


COMMANDS = {
    ("precompute", "--source", "manual-test"): ("precompute", "manual-test"),
    ("run", "dr"): ("manual", "manual"),
}
"""Each command that writes reports -> the first part of its execution's name, and the source."""


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_what_a_person_asked_for_is_on_the_run_and_the_records(
    morning: MorningDesk, found: Settings, command: tuple[str, ...]
) -> None:
    """A10, A12, A13: source, limit, description and the execution's name with date and time are tags of every run of
    the command, in every job record, and in SQL; whoever says nothing leaves nothing.
    """
    kind, source = COMMANDS[command]
    morning.fetch()
    said = ["--limit", "2", "--description", "after the vendor's outage"]
    for more in (said, []):
        assert CliRunner().invoke(app, [*command, "--date", str(DAY), *more]).exit_code == 0
    with open_instance(found) as instance:
        runs = {run.run_id: run for run in instance.get_runs() if run.job_name != "dr_summary"}
    told = {run_id: tuple(map(run.tags.get, ("limit", "description"))) for run_id, run in runs.items()}
    stages = 1 if kind == "precompute" else 2
    assert Counter(told.values()) == {("2", said[3]): stages, (None, None): stages}
    for run in runs.values():
        assert run.tags["source"] == source
        assert re.fullmatch(kind + r"-\d{8}-\d{6}", run.tags["execution_name"])
    records = {(job.execution_id[-8:], job.source, job.limit, job.description) for job in morning.jobs()}
    assert records <= {(run_id[:8], source, int(n) if n else None, why) for run_id, (n, why) in told.items()}
    assert {record[2:] for record in records} == {(2, said[3]), (None, None)}
    rows = Warehouse(morning.lake.root).sql(
        "SELECT asked_limit, description, count(*) AS jobs FROM jobs GROUP BY ALL ORDER BY ALL"
    )
    assert [tuple(row.values()) for row in rows.to_pylist()] == [(2, said[3], 2), (None, None, 3)]


@pytest.mark.parametrize(
    "text", ["", "  ", "two\nlines", "\x1b[31mred", "x" * 201], ids=["empty", "blank", "lines", "escape", "long"]
)
def test_a_description_is_one_short_line_of_plain_text(found: Settings, text: str) -> None:
    """Nothing that a terminal or a page would obey, and no novel; the longest that is allowed is."""
    assert found
    assert description_fault("x" * 200) == description_fault("ขอใหม่ – nach dem Ausfall") == ""
    for command in ("run", "dr"), ("precompute",):
        done = CliRunner().invoke(app, [*command, "--description", text])
        assert (done.exit_code, "--description: it " in done.stderr) == (2, True)


def test_what_no_command_wrote_is_no_limit_and_no_description(morning: MorningDesk, found: Settings) -> None:
    """Tags that somebody typed: a run is not refused for them, and the records do not repeat them."""
    assert found
    morning.fetch()
    tags = morning.tags(["DBS19"], limit="some", description="two\nlines")
    assert morning.run("dr_reports", tags).success
    (job,) = morning.jobs()
    assert (job.source, job.limit, job.description) == ("manual", None, None)

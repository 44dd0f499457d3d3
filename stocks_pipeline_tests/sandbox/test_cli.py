"""`stocks` from end to end: processes as a person starts them, real clients, a sandbox of three batches."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from stocks_pipeline.cli.app import app
from stocks_pipeline.defs.asx import ASX
from stocks_pipeline.domain.symbols import BatchPlan
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import open_lake
from stocks_pipeline_tests.fault_desk import BEFORE, DAY, desk_environment, remember_list
from stocks_pipeline_tests.sandbox_server import SandboxServer

STOCKS = (sys.executable, "-c", "from stocks_pipeline.cli import main; main()")
START_S = 60.0


@dataclass(frozen=True)
class Cli:
    """The command on one desk."""

    home: Path
    world: SandboxServer
    env: Mapping[str, str]

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """A command in this process: exit code, standard output, standard error."""
        found = CliRunner().invoke(app, list(arguments))
        if found.exception is not None and not isinstance(found.exception, SystemExit):
            raise found.exception
        return found.exit_code, found.stdout, found.stderr

    def json(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        """Exit code and the one document on standard output."""
        code, out, said = self.run(*arguments, "--json")
        assert out, said
        document: dict[str, Any] = json.loads(out)
        return code, document

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """A command in a process of its own."""
        env = {**os.environ, **self.env}
        pipe = subprocess.PIPE
        return subprocess.Popen([*STOCKS, *arguments], env=env, stdout=pipe, stderr=pipe, text=True)

    def charts_asked(self) -> list[str]:
        return [record["symbol"] for record in self.world.log(endpoint="chart")]

    def batch(self, number: int, day: date = DAY) -> list[str]:
        """The vendor symbols of one batch of the day's split."""
        plan = BatchPlan.from_json(open_lake(self.env["STOCKS_LAKE"]).read(layout.batches_key("asx", day)))
        return [f"{symbol}{ASX.suffix}" for symbol in plan.batches[number].symbols]


@pytest.fixture
def cli(world: SandboxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """A desk that never ran; its tries are over after a second."""
    env = desk_environment(tmp_path, world, STOCKS_RETRY_BUDGET="1")
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    remember_list(open_lake(env["STOCKS_LAKE"]), world, BEFORE)
    remember_list(open_lake(env["STOCKS_LAKE"]), world, DAY)
    return Cli(tmp_path, world, env)


def await_(condition: Callable[[], bool]) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + START_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)


def test_limit_five_is_exactly_five(cli: Cli) -> None:
    """Five symbols are asked for and stored, and the answer says so."""
    code, document = cli.json("run", "asx", "--date", str(DAY), "--limit", "5")
    assert (code, document["exit"], document["planned_symbols"], document["whole"]) == (0, "ok", 5, True)
    assert len(set(cli.charts_asked())) == 5
    _, answer = cli.json("sql", "SELECT count(DISTINCT symbol) AS n FROM raw_prices")
    assert answer["rows"] == [{"n": 5}]


def test_a_day_breaks_is_seen_and_is_healed(cli: Cli) -> None:
    """Run (3), status, doctor (1), retry in vain (1), retry (0), nothing to retry (0): every answer one document."""
    assert cli.json("run", "asx", "--date", str(DAY), "--limit", "210")[0] == 0
    bad = cli.batch(1)
    cli.world.fault("500", symbols=bad)
    code, ran = cli.json("run", "asx", "--date", str(DAY), "--refetch", "--limit", "210")
    assert (code, ran["exit"], ran["batches_failed"], ran["whole"]) == (3, "partial", [1], False)

    code, seen = cli.json("status", "--date", str(DAY))
    assert (code, seen["days"][0]["batches_failed"]) == (0, [1])
    assert seen["days"][0]["next"][0] == f"stocks retry asx/raw_prices --date {DAY}"
    code, found = cli.json("doctor")
    left = next(f for f in found["findings"] if f["name"] == "asx left behind")
    assert (code, left["state"], left["do"]) == (1, "fail", f"stocks retry asx/raw_prices --date {DAY}")

    # The file of the first fetch is still there and settled, so a retry need not ask anyone to be green again.
    cli.world.clear_faults()
    before = len(cli.charts_asked())
    code, healed = cli.json("retry", "asx/raw_prices", "--date", str(DAY))
    assert (code, healed["asked"], healed["healed"], healed["left"]) == (0, [1], [1], [])
    assert set(cli.charts_asked()[before:]) <= set(bad)
    assert healed["day"]["whole"] is True
    code, nothing = cli.json("retry", "asx/raw_prices")  # the newest day that was begun
    assert (code, nothing["asked"], nothing["exit"], nothing["day"]["date"]) == (0, [], "ok", str(DAY))


def test_a_retry_in_vain_is_a_failure_and_changes_no_other_batch(cli: Cli) -> None:
    """Exit code 1; what is good stays good; with one of two healed the code is 3."""
    day = str(DAY)
    lake = open_lake(cli.env["STOCKS_LAKE"])
    cli.world.fault("500", endpoint="chart")
    code, ran = cli.json("run", "asx", "--date", day)
    assert (code, ran["exit"], ran["batches_failed"], ran["rows"]) == (1, "failure", [0, 1, 2], 0)
    cli.world.clear_faults()
    cli.world.fault("500", symbols=cli.batch(0))
    code, partly = cli.json("retry", "asx/raw_prices", "--date", day)
    assert (code, partly["healed"], partly["left"], partly["exit"]) == (3, [1, 2], [0], "partial")
    stored = lake.read(layout.raw_key("asx", DAY, 1))
    code, vain = cli.json("retry", "asx/raw_prices", "--date", day)
    assert (code, vain["healed"], vain["left"], vain["exit"]) == (1, [], [0], "failure")
    assert lake.read(layout.raw_key("asx", DAY, 1)) == stored
    assert vain["day"]["batches_failed"] == [0]


def test_a_day_of_nothing_is_a_failure(cli: Cli) -> None:
    """Neither list nor prices: exit code 1, the reason on standard error, one document on standard output."""
    cli.world.fault("500", endpoint="*")
    open_lake(cli.env["STOCKS_LAKE"]).delete(layout.symbols_key("asx", DAY))
    code, out, said = cli.run("run", "asx", "--date", str(DAY))
    assert code == 1
    assert "listing failed: The list of ASX cannot be had" in said
    assert "is not there: nothing is stored" in out
    code, document = cli.json("run", "asx", "--date", str(DAY))
    assert (code, document["stages"][0]["success"]) == (1, False)
    assert document["stages"][0]["message"].startswith("The list of ASX cannot be had")


def test_without_a_sandbox_the_command_that_starts_it_is_named(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first mistake a newcomer makes."""
    monkeypatch.setenv("STOCKS_SANDBOX_URL", "http://127.0.0.1:9")
    code, _, said = cli.run("run", "asx", "--date", str(DAY), "--limit", "2", "--json")
    assert code == 1
    assert said.splitlines()[-1].endswith("start it with: stocks sandbox")
    _, out, _ = cli.run("run", "asx", "--date", str(DAY), "--limit", "2")
    steps = out.partition("What to do")[2].split("\n")
    assert steps[1].endswith("stocks sandbox")
    assert "stocks run" not in out


def test_an_unlisted_symbol_is_refused_when_the_list_comes(cli: Cli) -> None:
    """No list stored yet: it is fetched, compared, and the nearest names are shown; no price is asked for."""
    open_lake(cli.env["STOCKS_LAKE"]).delete(layout.symbols_key("asx", DAY))
    code, out, said = cli.run("run", "asx", "--date", str(DAY), "--symbols", "ZZZZZ", "--json")
    assert (code, out) == (2, "")
    assert "symbols: not on the day's list: ZZZZZ (nearest:" in said
    assert cli.charts_asked() == []


def test_a_process_says_one_document_and_nothing_else(cli: Cli) -> None:
    """Dagster's own lines reach neither standard output nor standard error."""
    out, said = (child := cli.start("run", "asx", "--date", str(DAY), "--limit", "3", "--json")).communicate(timeout=60)
    assert (child.returncode, said) == (0, "")
    assert json.loads(out)["planned_symbols"] == 3


def test_ctrl_c_keeps_what_is_stored_and_leaves_no_run_running(cli: Cli) -> None:
    """Exit code 130, what is stored is told, no run is STARTED, and the same command goes on from there."""
    cli.world.latency(700)
    child = cli.start("run", "asx", "--date", str(DAY))
    await_(lambda: len(cli.charts_asked()) > 60)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=60)
    cli.world.latency(0)
    assert child.returncode == 130, said
    assert "Traceback" not in said
    assert f"symbols of {DAY} are stored and stay; run the same command to continue" in said
    _, seen = cli.json("status")
    assert {run["status"] for run in seen["runs"]} == {"success", "failure"}
    answered = seen["days"][0]["symbols_ok"]
    assert answered > 0
    asked = len(cli.charts_asked())
    code, document = cli.json("run", "asx", "--date", str(DAY))
    assert (code, document["whole"]) == (0, True)
    assert len(set(cli.charts_asked()[asked:])) <= document["planned_symbols"] - answered


def test_a_killed_run_is_called_dead_and_ended_by_the_next(cli: Cli) -> None:
    """`kill -9`: status says died, the doctor says what to do, and a retry ends it and brings the rest."""
    cli.world.latency(700)
    child = cli.start("run", "asx", "--date", str(DAY))
    await_(lambda: len(cli.charts_asked()) > 5)
    child.kill()
    child.communicate(timeout=60)
    cli.world.latency(0)
    assert cli.json("status")[1]["runs"][0]["status"] == "died"
    code, found = cli.json("doctor")
    assert (code, [f["state"] for f in found["findings"] if f["name"] == "runs"]) == (1, ["fail"])
    code, healed = cli.json("retry", "asx/raw_prices", "--date", str(DAY))
    assert (code, healed["left"], healed["day"]["whole"]) == (0, [], True)
    assert cli.json("doctor")[0] == 0

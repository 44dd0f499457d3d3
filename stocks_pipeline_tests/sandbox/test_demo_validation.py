"""The demo's validation part against a sandbox that was there before: what it leaves, and when it is skipped."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from stocks_pipeline.cli import demo, demo_validation, sandbox_process
from stocks_pipeline.cli.app import app
from stocks_pipeline.settings import Settings
from stocks_pipeline_tests.fault_desk import desk_environment
from stocks_pipeline_tests.sandbox_server import SandboxServer

DAY = date(2025, 12, 5)
SYMBOLS = ["AAPL", "AMD", "CVX", "GE", "HD", "IBM", "JNJ", "KO", "T"]


@pytest.fixture(scope="module")
def process() -> Iterator[SandboxServer]:
    """A sandbox whose credits come back every second."""
    with SandboxServer("--today", str(DAY), "--companies", "10", "--credit-minute-s", "1") as server:
        yield server


@pytest.fixture
def world(process: SandboxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SandboxServer:
    """The desk of nine symbols on it."""
    process.reset()
    (tmp_path / "nine.yaml").write_text(f"symbols: [{', '.join(SYMBOLS)}]")
    more = {"STOCKS_STRATEGIES": str(tmp_path), "STOCKS_CREDIT_MINUTE": "60"}
    for name, value in desk_environment(tmp_path / "home", process, **more).items():
        monkeypatch.setenv(name, value)
    return process


def run(*arguments: str) -> tuple[int, str]:
    """`stocks demo --only us` in this process: exit code and standard output."""
    found = CliRunner().invoke(app, ["demo", "--only", "us", "--date", str(DAY), *arguments])
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found.exit_code, found.stdout


def test_the_second_vendor_is_spoilt_for_the_session_only(world: SandboxServer) -> None:
    """Each kind of wrong is found; the sandbox keeps the faults it had and no other; again: only the unchecked."""
    world.fault("429", symbols=["BHP.AX"])
    code, text = run("--json")
    document: dict[str, Any] = json.loads(text)
    made = document["us"]
    assert (code, document["skipped"], made["exit"]) == (0, {}, "partial")
    verdicts = {row["symbol"]: row["cause"] for row in made["symbols"]}
    assert set(verdicts) >= {s for s, name in made["spoilt"].items() if name != "dividend_basis"}
    assert {verdicts[s] for s, name in made["spoilt"].items() if name in {"one_off", "split_basis"}} == {
        "one_off",
        "split_basis",
    }
    counted = made["credits"]
    assert (counted["calls"], 0 < counted["worst_minute"] <= counted["per_minute"] == 8) == (2, True)
    assert [(fault["name"], fault["symbols"]) for fault in world.faults()] == [("429", ["BHP.AX"])]

    code, text = run("--json")
    unchecked = sum(row["status"] == "error" for row in made["symbols"])
    assert (code, unchecked, json.loads(text)["us"]["credits"]["used"] <= unchecked) == (0, 2, True)


def test_real_minutes_are_not_waited_for(world: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sandbox that somebody started with real minutes: the part is skipped, and the message has the commands."""
    monkeypatch.setattr(demo, "MINUTE_S", 0.5)
    before = len(world.log())
    code, text = run("--json")
    assert code == 1
    assert f"stocks validate --date {DAY}" in json.loads(text)["skipped"]["us"]
    assert len(world.log()) == before


def test_a_recording_without_the_symbols_skips_the_check(world: SandboxServer, tmp_path: Path) -> None:
    """Bars of the strategies' symbols up to the session, else the reason."""
    assert world.health()["status"] == "ok"
    found = Settings.load()
    assert demo.why_no_check(found, None, DAY) is None
    for symbol, day, runs in (("BHP.AX", DAY, False), ("KO", date(2025, 11, 3), False), ("KO", DAY, True)):
        pq.write_table(pa.table({"symbol": [symbol], "date": [day]}), tmp_path / "yahoo_x.parquet")
        assert (demo.why_no_check(found, str(tmp_path), DAY) is None) is runs


def test_faults_are_taken_back_also_after_an_error(world: SandboxServer) -> None:
    """Ctrl-C in the middle leaves no wrong prices behind."""

    def interrupted() -> None:
        with sandbox_process.spoilt(Settings.load(), [{"name": "plan"}]):
            assert [fault["name"] for fault in world.faults()] == ["plan"]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert world.faults() == []


def test_what_is_spoilt_is_spread_over_the_list() -> None:
    """The payer for the dividend; every other kind once, as far as there are symbols."""
    chosen = demo_validation.choose([f"S{n:02}" for n in range(35)], ["S07", "S09"])
    assert chosen["S07"] == "dividend_basis"
    assert sorted(chosen.values()) == sorted(demo_validation.SPOILT)
    places = [int(symbol[1:]) // 8 for symbol in chosen]
    assert len(set(places)) >= 4
    assert list(demo_validation.choose(["A", "B"], []).values()) == ["split_basis", "x100"]
    assert demo_validation.choose([], []) == {}

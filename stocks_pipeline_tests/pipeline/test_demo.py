"""The first minutes of a newcomer, as processes: `stocks demo` from nothing, `stocks dev` and its end."""

import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from stocks_pipeline_tests.stocks_process import STOCKS, wait_for

START_S = 180.0
END_S = 60.0
STRATEGY = "name: nine\nsymbols: [AAPL, AMD, CVX, GE, HD, JNJ, KO, PG, T]\n"
RECEIPTS = "dr,yahoo,name,exchange_mic,currency\nNVDA19,NVDA,NVIDIA,XNAS,USD\nDBS19,D05.SI,DBS,XSES,SGD\n"


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a desk that never ran, with ports of its own; whatever it started is gone afterwards."""
    (tmp_path / "strategies").mkdir()
    (tmp_path / "strategies" / "nine.yaml").write_text(STRATEGY)
    (tmp_path / "two.csv").write_text(RECEIPTS)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("STOCKS_", "DAGSTER_"))}
    yield clean | {
        "STOCKS_HOME": str(tmp_path / "home"),
        "STOCKS_SANDBOX_URL": f"http://127.0.0.1:{free_port()}",
        "STOCKS_STRATEGIES": str(tmp_path / "strategies"),
        "STOCKS_DR_TICKERS": str(tmp_path / "two.csv"),
    }
    for pid in left(tmp_path):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def left(home: Path) -> list[int]:
    """Processes, zombies aside, that have this folder in their environment."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if str(home).encode() in (entry / "environ").read_bytes() and int(entry.name) != os.getpid():
                found.append(int(entry.name))
    return found


def answers(url: str) -> str:
    """What an HTTP server says; empty while there is none."""
    try:
        return httpx.get(url, timeout=2).text
    except httpx.HTTPError:
        return ""


def stocks(env: Mapping[str, str], cwd: Path, *arguments: str) -> str:
    """A command that must end well; what it printed."""
    done = subprocess.run(
        [*STOCKS, *arguments], env=env, cwd=cwd, capture_output=True, text=True, timeout=START_S, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.timeout(240)
def test_the_demo_from_an_empty_folder(newcomer: dict[str, str], tmp_path: Path) -> None:
    """E37: one command, no server before it: an ASX day, two reports and a validation session whose second vendor is
    wrong on purpose; the limiter's own figures; commands to copy that work; and no process is left.
    """
    said = stocks(newcomer, tmp_path, "demo", "--date", "2025-12-05")
    assert "ASX 2025-12-05 is whole" in said
    assert re.search(r"DR morning 2025-12-05 is .* of 2 reports are written", said), said
    assert re.search(r"A minute lasts 2 s here .* real vendor takes 1 min", said), said
    wrong = said.split("What was wrong on purpose")[1].split("Credits by")[0]
    assert [cause for cause in ("unit_x100", "one_off", "wrong_listing", "split_basis") if cause not in wrong] == []
    assert re.search(r"at most [1-8] in one of its minutes \(8 allowed\), \d+ calls refused", said), said
    commands = dict(re.findall(r"^  (.+?)  +(\.venv/bin/stocks .+)$", said.split("Try next")[1], flags=re.MULTILINE))
    look = commands["see who differs, and why"].removeprefix(".venv/bin/stocks ").split()
    assert "unit_x100" in stocks(newcomer, tmp_path, *look)
    assert left(tmp_path) == []


@pytest.mark.timeout(240)
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for children in /proc")
def test_dev_serves_and_leaves_nothing_behind(newcomer: dict[str, str], tmp_path: Path) -> None:
    """E37: `stocks dev` answers with UI, daemon and sandbox; Ctrl-C ends it well, and every process of it."""
    port = free_port()
    with (tmp_path / "dev.log").open("w") as log:
        dev = subprocess.Popen(
            [*STOCKS, "dev", "--port", str(port)], env=newcomer, cwd=tmp_path, stdout=log, stderr=log
        )
    page = f"http://127.0.0.1:{port}/server_info"
    up = wait_for(lambda: "dagster_webserver_version" in answers(page), dev, longest_s=START_S)
    assert up, (tmp_path / "dev.log").read_text()
    assert '"status":"ok"' in answers(f"{newcomer['STOCKS_SANDBOX_URL']}/_admin/health")
    assert wait_for(lambda: daemons(port) >= {"SCHEDULER", "SENSOR"}, dev, longest_s=START_S)
    assert len(left(tmp_path)) > 3

    dev.send_signal(signal.SIGINT)
    assert dev.wait(END_S) == 0, (tmp_path / "dev.log").read_text()
    wait_for(lambda: left(tmp_path) == [], longest_s=END_S)
    assert answers(page) == ""


def daemons(port: int) -> set[str]:
    """The daemons that the UI calls healthy."""
    query = "{ instance { daemonHealth { allDaemonStatuses { daemonType healthy } } } }"
    found = httpx.post(f"http://127.0.0.1:{port}/graphql", json={"query": query}, timeout=20).json()
    return {
        row["daemonType"] for row in found["data"]["instance"]["daemonHealth"]["allDaemonStatuses"] if row["healthy"]
    }

"""The sandbox as a process: starting, listening, determinism, speed, ending."""

import http.client
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from stocks_pipeline_tests.sandbox_server import TODAY, SandboxServer, shared_data

COMMAND = [sys.executable, "-m", "stocks_pipeline.sandbox"]
BODIES_PER_CPU_SECOND = 500
PATHS = (
    "/v8/finance/chart/BHP.AX?range=1y&interval=1d&events=div,splits",
    "/v8/finance/chart/AAPL?range=5d&interval=1d",
    "/www.asx.com.au/asx/research/ASXListedCompanies.csv",
)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False)


def test_two_processes_with_one_seed_answer_alike_and_end_quietly(sandbox: SandboxServer) -> None:
    """Byte for byte; SIGTERM and Ctrl-C both end with status 0, nothing on stderr."""
    for number in (signal.SIGTERM, signal.SIGINT):
        other = SandboxServer("--today", TODAY.isoformat(), "--seed", "1")
        assert [other.get(path, host="")[2] for path in PATHS] == [sandbox.get(path, host="")[2] for path in PATHS]
        other.process.send_signal(number)
        _, errors = other.process.communicate(timeout=10)
        assert (other.process.returncode, errors) == (0, "")


def test_it_ends_at_once_though_calls_are_being_held() -> None:
    """A fault that keeps a client waiting does not keep the server."""
    with SandboxServer("--fault", "timeout", "--fault", "slow,seconds=60,endpoint=listing") as server:
        clients = [Thread(target=lambda p=path: server.get(p, host="")) for path in (PATHS[0], PATHS[2])]
        for client in clients:
            client.start()
        while server.stats()["in_flight"] < 2:
            pass
        assert server.stop() == 0
        for client in clients:
            client.join(5)
            assert not client.is_alive()


def test_options_reach_the_world() -> None:
    """Latency, faults, size and seed from the command line."""
    arguments = ["--companies", "60", "--latency-ms", "3", "--fault", "500,endpoint=crumb", "--seed", "7"]
    arguments += ["--chat-latency", "8-12", "--news-latency", "3", "--time-scale", "0.01"]
    with SandboxServer("--today", "2026-11-20", *arguments) as server:
        assert server.health() == {
            "status": "ok", "market": "simulated", "seed": 7, "today": "2026-11-20", "latency_ms": 3.0,
            "chat_latency_s": [8.0, 12.0], "news_latency_s": [3.0, 3.0], "time_scale": 0.01,
        }  # fmt: skip
        assert server.get("/v1/test/getcrumb")[0] == 500
        assert 40 < server.get(PATHS[2], host="")[2].count(b"\n") < 90
        server.reset()
        assert [fault["name"] for fault in server.faults()] == ["500"]


def test_without_a_date_the_world_has_the_real_one() -> None:
    """The newest bar is at most some days old and not in the future."""
    with SandboxServer("--companies", "20") as server:
        assert server.health()["today"] is None
        assert server.get(PATHS[1], host="")[0] == 200


def test_it_listens_on_this_machine_only(sandbox: SandboxServer) -> None:
    """The default address is loopback."""
    assert sandbox.url.startswith("http://127.0.0.1:")
    port = int(sandbox.url.rpartition(":")[2])
    others = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)} - {"127.0.0.1"}
    for address in others:
        with socket.socket() as probe:
            probe.settimeout(2)
            assert probe.connect_ex((str(address), port)) != 0 or str(address).startswith("127.")


def test_a_taken_port_is_one_clear_line() -> None:
    """Status 1, the address, and what to do; no traceback."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        ended = run("--port", str(port))
    assert ended.returncode == 1
    assert ended.stderr == f"sandbox: cannot serve at 127.0.0.1:{port}: Address already in use. Try --port 0.\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--fault", "429,share=2"), "share: must be above 0 and at most 1"),
        (("--today", "friday"), "YYYY-MM-DD"),
        (("--replay", "/no/such/folder"), "is no folder"),
        (("--unknown-share", "3"), "not between 0 and 1"),
        (("--latency-ms", "-1"), "not between 0 and"),
    ],
)
def test_wrong_options_are_explained(arguments: tuple[str, ...], said: str) -> None:
    """Status 2 and a message that names what is wrong."""
    ended = run(*arguments)
    assert ended.returncode == 2
    assert said in " ".join(ended.stderr.split())
    assert "Traceback" not in ended.stderr


def test_a_folder_without_recordings_is_explained(tmp_path: Path) -> None:
    """Status 2, no traceback."""
    ended = run("--port", "0", "--replay", str(tmp_path))
    assert (ended.returncode, ended.stderr) == (2, f"sandbox: no yahoo_*.parquet in {tmp_path}\n")


def test_help_teaches() -> None:
    """Every fault and every admin path is in --help, with examples."""
    text = run("--help").stdout
    for word in (
        "nan_last_row",
        "split_today",
        "truncated",
        "/_admin/faults",
        "share=0.3",
        "curl",
        "--replay",
        "until_s",
    ):
        assert word in text


def test_replay_over_http() -> None:
    """A recorded day served as if it were today: the last bar is that day's, the listing that date's."""
    data = shared_data()
    if data is None:
        pytest.skip("the shared recordings are not here")
    with SandboxServer("--replay", str(data / "replay"), "--today", "2025-12-05") as server:
        body = server.get("/v8/finance/chart/QBE.AX?range=5d&interval=1d", host="")[2]
        assert b'"timestamp"' in body
        status, headers, refused = server.get("/v8/finance/chart/ZZZ.AX?range=5d&interval=1d")
        assert (status, headers["x-sandbox-market"]) == (404, "replayed")
        assert b"not in the recording" in refused
        recorded = (data / "asx_listed" / "ASXListedCompanies_2025-12-05.csv").read_bytes()
        assert server.get(PATHS[2], host="")[2] == recorded


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads CPU time from /proc")
def test_a_core_serves_500_chart_bodies_a_second(sandbox: SandboxServer) -> None:
    """A year, then a month of each of 300 symbols, their lives generated on the way; in CPU time."""
    before = _cpu_s(sandbox.process.pid)
    connection = http.client.HTTPConnection(sandbox.url.removeprefix("http://"))
    symbols = [f"{first}{at:02}.SI" for first in "RST" for at in range(100)]
    for symbol, span in [(symbol, span) for span in ("1y", "1mo") for symbol in symbols]:
        connection.request("GET", f"/v8/finance/chart/{symbol}?range={span}&interval=1d")
        response = connection.getresponse()
        assert b'"chart"' in response.read()
        assert response.status == 200
    connection.close()
    spent = _cpu_s(sandbox.process.pid) - before
    assert 2 * len(symbols) / max(spent, 0.01) >= BODIES_PER_CPU_SECOND


def _cpu_s(pid: int) -> float:
    """Seconds of CPU that a process has used, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

"""The limiter among real processes of this machine: exact under load, near the ideal time, unmoved by a kill -9."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

LIMIT, PERIOD_S = 8, 2.0
WORKER = """
import json, sys, time
from stocks_pipeline.clock import SystemClock
from stocks_pipeline.upstream.limits import Rate, open_limiter

path, count, begin = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
limiter = open_limiter(path, "vendor", [Rate(8, 2.0)], clock=SystemClock(), upstream="vendor")
time.sleep(max(0.0, begin - time.monotonic()))
for _ in range(count):
    limiter.acquire()
    print(json.dumps(time.monotonic()), flush=True)
limiter.close()
"""
HOG = "while True: pass"
START_UP_S = 1.5  # for an interpreter to start on a busy machine; all begin together after it


class Processes:
    """Starts workers on one control file and kills what is left in the end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.begin = time.monotonic() + START_UP_S
        self.started: list[subprocess.Popen[str]] = []

    def worker(self, count: int) -> subprocess.Popen[str]:
        return self._start(WORKER, str(self.path), str(count), str(self.begin))

    def hog(self) -> subprocess.Popen[str]:
        return self._start(HOG)

    def _start(self, *args: str) -> subprocess.Popen[str]:
        process = subprocess.Popen([sys.executable, "-c", *args], stdout=subprocess.PIPE, text=True)
        self.started.append(process)
        return process

    def stop(self) -> None:
        for process in self.started:
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    """Workers on a control file that none of them has made yet."""
    running = Processes(tmp_path / "state" / "control.sqlite")
    yield running
    running.stop()


def sent(*workers: subprocess.Popen[str]) -> list[float]:
    """When each request left (machine-wide monotonic seconds), in order, after all workers are done."""
    times = []
    for worker in workers:
        out, _ = worker.communicate(timeout=60)
        times += [json.loads(line) for line in out.splitlines()]
    return sorted(times)


def worst_window(times: list[float]) -> int:
    """The most requests in any window of the period."""
    return max(sum(1 for at in times if begin <= at < begin + PERIOD_S) for begin in times)


def test_three_processes_are_exact_and_nearly_ideal(processes: Processes) -> None:
    """72 requests of three processes at 8 in 2 s: never 9 in a window, at most 15 % above the ideal 16 s."""
    workers = [processes.worker(24) for _ in range(3)]
    times = sent(*workers)

    assert [worker.returncode for worker in workers] == [0, 0, 0]
    assert len(times) == 72
    assert worst_window(times) <= LIMIT
    assert times[-1] - times[0] <= 1.15 * (72 / LIMIT - 1) * PERIOD_S


def test_exact_while_the_machine_is_overloaded(processes: Processes) -> None:
    """With more busy processes than cores, naps end late and the limit still holds in every window."""
    for _ in range(4):
        processes.hog()
    times = sent(*[processes.worker(6) for _ in range(4)])

    assert len(times) == 24
    assert worst_window(times) <= LIMIT


def test_a_killed_process_leaves_nothing_taken(processes: Processes) -> None:
    """One process is killed with -9 while it waits for its send time; the others finish as if it had sent once."""
    victim, *others = [processes.worker(count) for count in (100, 10, 10)]
    assert victim.stdout
    first = [json.loads(victim.stdout.readline()) for _ in range(2)]
    time.sleep(max(0.0, processes.begin + 1.0 - time.monotonic()))  # the window is full: all three are waiting now
    victim.send_signal(signal.SIGKILL)
    rest = [json.loads(line) for line in victim.communicate()[0].splitlines()]
    times = sent(*others)

    assert victim.returncode == -signal.SIGKILL
    assert len(times) == 20
    everything = sorted(first + rest + times)
    assert worst_window(everything) <= LIMIT
    windows = -(-(len(everything) + 1) // LIMIT) - 1  # the killed one's unused time counts as sent
    assert everything[-1] - everything[0] <= 1.15 * windows * PERIOD_S

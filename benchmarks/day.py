"""A whole ASX day as a person runs it: `stocks run asx`, launch, Dagster and checks included.

What belongs here: three figures, each the command in a process of its own against the sandbox in another.
  1. About 2,000 companies at the demo's latency (100 ms an answer): seconds, goal at most 60; peak memory of the
     command, goal at most 600 MB. The seed's design for as many (23 invocations, 10 at a time): 10 minutes.
  2. The same day once more: nothing is fetched again. Requests to Yahoo, goal 0.
  3. 1,000 symbols at 2 s an answer: seconds, goal at most 75, and the ratio to the seed's 240.
What does not: the gateway alone (fetching.py).

Run: `python benchmarks/day.py` (about two minutes), or `--only demo`, `--only slow`.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

DAY = "2025-12-05"
DEMO_GOAL_S, SLOW_GOAL_S, MEMORY_GOAL_MB = 60.0, 75.0, 600.0
SEED_SLOW_S, SEED_2000_S = 240.0, 600.0


@dataclass(frozen=True)
class Day:
    """What one command took and what it answered."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    answer: dict[str, Any]


def main() -> int:
    """Measure, print, and say whether the goals are met (exit 1 where one is not)."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("demo", "slow"))
    only = parser.parse_args().only
    names = ", ".join(f"{name} {version(name)}" for name in ("dagster", "yfinance", "pyarrow"))
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; Python {platform.python_version()}; {names}")
    met = []
    if only != "slow":
        met.append(_demo())
    if only != "demo":
        met.append(_slow())
    return 0 if all(met) else 1


def _demo() -> bool:
    with _sandbox(100, 2000) as base, tempfile.TemporaryDirectory() as home:
        first = _run(base, home)
        asked = _requests(base)
        again = _run(base, home)
        repeated = _requests(base) - asked
    met = first.wall_s <= DEMO_GOAL_S and first.peak_mb <= MEMORY_GOAL_MB and repeated == 0
    print(f"\n1. {first.answer['companies']:,} companies, 100 ms an answer: {_told(first)}")
    goal, seed = first.wall_s / DEMO_GOAL_S, first.wall_s / SEED_2000_S
    print(f"   {goal:.2f}x of the goal ({DEMO_GOAL_S:.0f} s), {seed:.3f}x of the seed's {SEED_2000_S:.0f} s")
    print(f"   peak memory {first.peak_mb:.0f} MB (goal {MEMORY_GOAL_MB:.0f})")
    print(f"2. the same day again: {_told(again)}; {repeated} requests to Yahoo (goal 0): {'met' if met else 'MISSED'}")
    return met


def _slow() -> bool:
    with _sandbox(2000, 1100) as base, tempfile.TemporaryDirectory() as home:
        day = _run(base, home, "--limit", "1000")
    met = day.wall_s <= SLOW_GOAL_S
    print(f"\n3. {day.answer['planned_symbols']:,} symbols, 2 s an answer: {_told(day)}")
    said = "met" if met else "MISSED"
    print(f"   {day.wall_s / SEED_SLOW_S:.2f}x of the seed's {SEED_SLOW_S:.0f} s (goal {SLOW_GOAL_S:.0f} s): {said}")
    return met


def _told(day: Day) -> str:
    stages = ", ".join(f"{stage['stage']} {stage['seconds']:.1f}" for stage in day.answer["stages"])
    return f"{day.wall_s:.1f} s wall, {day.cpu_s:.1f} s CPU, launch included ({stages})"


def _run(base: str, home: str, *more: str) -> Day:
    command = [
        sys.executable,
        "-c",
        "from stocks_pipeline.cli import main; main()",
        "run",
        "asx",
        "--date",
        DAY,
        "--json",
        *more,
    ]
    ours = {k: v for k, v in os.environ.items() if not k.startswith(("STOCKS_", "DAGSTER_"))}
    environment = {**ours, "STOCKS_HOME": home, "STOCKS_SANDBOX_URL": base}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as child:
        said = child.stdout.read() if child.stdout else ""
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if child.returncode not in (0, 3):
        raise SystemExit(f"stocks run ended with {child.returncode}: {said[-500:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Day(wall, cpu, used.ru_maxrss / 1024, json.loads(said))


@contextmanager
def _sandbox(latency_ms: int, companies: int) -> Iterator[str]:
    command = [sys.executable, "-m", "stocks_pipeline.sandbox", "--port", "0", "--today", DAY]
    command += ["--latency-ms", str(latency_ms), "--companies", str(companies)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield (server.stdout.readline() if server.stdout else "").split()[-1]
        finally:
            server.terminate()


def _requests(base: str) -> int:
    """Chart requests that the sandbox has seen."""
    with urllib.request.urlopen(f"{base}/_admin/stats") as answer:  # noqa: S310 - our own
        return int(json.load(answer)["by_endpoint"].get("chart", 0))


if __name__ == "__main__":
    raise SystemExit(main())

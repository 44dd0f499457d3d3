"""A morning's reports as a person asks for them: `stocks precompute`, launch, Dagster, charts and checks included.

What belongs here: four figures of the command, in a process of its own against the sandbox in another, at the seed's
latencies (each ticker its own 3-7 s for news and 8-12 s for the model). The data are stored before.
  1. Seconds from launch to the answer: goal at most 28; the seed's 50.2. Every active ticker must have its report.
  2. Overhead: those seconds less the slowest ticker's own waiting, as the sandbox's log has it: goal at most 8.
  3. Peak memory of the command: goal at most 800 MB.
  4. What the reports cost, by the sandbox's prices and token counts: goal at most the seed's upper figure, 1.00 USD.
With `--tickers 500`, a longer list than the shipped one, the first two are replaced by one: the command's seconds over
the same waits of the same tickers laid end to end on 48 workers, and nothing else; goal at most 1.15x.
What does not: the parts (rendering.py, reading.py, the verifier's).

Run: `python benchmarks/reports.py` (about a minute; 500 tickers: five), `--profile FILE` keeps a cProfile of the
command's main thread.
"""

import argparse
import heapq
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

DAY = "2025-12-05"
NEWS, CHAT = "3-7", "8-12"
GOAL_S, OVERHEAD_GOAL_S, MEMORY_GOAL_MB = 28.0, 8.0, 800.0
SEED_S = 50.2
COST_GOAL_USD = 1.00
WORKERS, FLOOR_GOAL = 48, 1.15
_HANDED_ON = {"STOCKS_DR_TICKERS", "STOCKS_LLM_BUDGET_USD"}
STOCKS = [sys.executable, "-c", "from stocks_pipeline.cli import main; main()"]


@dataclass(frozen=True)
class Done:
    """What one command took and what it answered."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    code: int
    answer: dict[str, Any]


def main() -> int:
    """Measure, print, and say whether the goals are met (exit 1 where one is not)."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", help=argparse.SUPPRESS)
    parser.add_argument("--tickers", type=int, help="a made-up list of this many tickers instead of the shipped one")
    asked = parser.parse_args()
    profile, many = asked.profile, asked.tickers
    names = ", ".join(f"{name} {version(name)}" for name in ("dagster", "openai", "typst", "pyarrow"))
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; Python {platform.python_version()}; {names}")
    with _sandbox() as base, tempfile.TemporaryDirectory() as home:
        if many:
            os.environ.update(STOCKS_DR_TICKERS=_made_up(many, home), STOCKS_LLM_BUDGET_USD="50")
        stored = _run(base, home, "run", "dr", "--no-reports", "--date", DAY, "--json")
        if stored.code:
            raise SystemExit(f"the data could not be stored: {json.dumps(stored.answer)[-500:]}")
        since = _get(base, "stats")["total"]
        done = _run(base, home, "precompute", "--date", DAY, profile=profile)
        waits = _waits(base, since, home)
        summary = _summary(home)
    goals = _floor_goals(done, waits) if many else _goals(done, waits)
    return 0 if _told(done, summary, goals) else 1


def _goals(done: Done, waits: dict[str, float]) -> dict[str, bool]:
    slowest = max(waits.values())
    overhead = done.wall_s - slowest
    return {
        f"{done.wall_s:.1f} s, launch included: {done.wall_s / GOAL_S:.2f}x of the goal ({GOAL_S:.0f} s), "
        f"{done.wall_s / SEED_S:.2f}x of the seed's {SEED_S} s": done.wall_s <= GOAL_S,
        f"{overhead:.1f} s above the slowest ticker's own {slowest:.1f} s: "
        f"{overhead / OVERHEAD_GOAL_S:.2f}x of the goal ({OVERHEAD_GOAL_S:.0f} s)": overhead <= OVERHEAD_GOAL_S,
        **_cost_goal(done.answer["result"]["paid_usd"]),
    }


def _cost_goal(paid: str | None) -> dict[str, bool]:
    if paid is None:
        return {"paid: a call has no price": False}
    usd = float(paid)
    said = (
        f"paid {usd:.4f} USD: {usd / COST_GOAL_USD:.2f}x of the goal ({COST_GOAL_USD:.2f} USD, the seed's upper figure)"
    )
    return {said: 0 < usd <= COST_GOAL_USD}


def _floor_goals(done: Done, waits: dict[str, float]) -> dict[str, bool]:
    workers = [0.0] * WORKERS
    for seconds in waits.values():  # in the order they were asked in: the next ticker goes to the first that is free
        heapq.heapreplace(workers, workers[0] + seconds)
    floor = max(workers)
    return {
        f"{done.wall_s:.1f} s, launch included: {done.wall_s / floor:.2f}x of the floor of {floor:.1f} s "
        f"({WORKERS} at once; goal {FLOOR_GOAL}x)": done.wall_s <= FLOOR_GOAL * floor
    }


def _told(done: Done, summary: dict[str, Any], goals: dict[str, bool]) -> bool:
    written, total = summary["succeeded"], summary["total_tickers"]
    goals = {
        f"{written} of {total} reports": written == total,
        **goals,
        f"peak memory {done.peak_mb:.0f} MB: {done.peak_mb / MEMORY_GOAL_MB:.2f}x of the goal "
        f"({MEMORY_GOAL_MB:.0f} MB)": done.peak_mb <= MEMORY_GOAL_MB,
    }
    print(f"\n{total} tickers, news {NEWS} s, model {CHAT} s: {done.cpu_s:.1f} s CPU")
    for said, met in goals.items():
        print(f"   {said}: {'met' if met else 'MISSED'}")
    return all(goals.values())


def _made_up(many: int, home: str) -> str:
    """The path of a list of `many` tickers that nobody knows: the sandbox makes their prices up."""
    rows = [f"BENCH{i}80,{1300 + i}.T,Bench {i} KK,XTKS,JPY,true,," for i in range(many)]
    path = Path(home, "tickers.csv")
    path.write_text("\n".join(["dr,yahoo,name,exchange_mic,currency,active,sector,note", *rows]), encoding="utf-8")
    return str(path)


def _waits(base: str, since: int, home: str) -> dict[str, float]:
    """Seconds that each ticker waited for its news and for the model, by the sandbox's log."""
    records = _get(base, f"log?since={since}")["records"]
    names = {}
    for name, row in _tickers(home).items():
        names[row] = names[name] = name
    waits: dict[str, float] = {}
    for record in records:
        if record["endpoint"] in {"news", "chat"} and record["symbol"] in names:
            name = names[record["symbol"]]
            waits[name] = waits.get(name, 0.0) + record["ms"] / 1000
    return waits


def _tickers(home: str) -> dict[str, str]:
    from stocks_pipeline.defs.dr.master import stored_tickers
    from stocks_pipeline.storage.lake import open_lake

    return {t.dr: t.yahoo for t in stored_tickers(open_lake(f"{home}/lake"))}


def _summary(home: str) -> dict[str, Any]:
    with open(f"{home}/lake/dr/summaries/{DAY}.json", encoding="utf-8") as file:  # noqa: PTH123 - a text in a str
        found: dict[str, Any] = json.load(file)
    return found


def _run(base: str, home: str, *arguments: str, profile: str | None = None) -> Done:
    command = STOCKS
    if profile:
        command = [sys.executable, "-c", _PROFILED.format(file=profile)]
    ours = {k: v for k, v in os.environ.items() if not k.startswith(("STOCKS_", "DAGSTER_")) or k in _HANDED_ON}
    environment = {**ours, "STOCKS_HOME": home, "STOCKS_SANDBOX_URL": base}
    began = time.perf_counter()
    with subprocess.Popen(
        [*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, text=True
    ) as child:
        said = child.stdout.read() if child.stdout else ""
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - began
    if not said:
        raise SystemExit(f"stocks {arguments[0]} ended with {child.returncode} and said nothing")
    cpu = used.ru_utime + used.ru_stime
    return Done(wall, cpu, used.ru_maxrss / 1024, child.returncode, json.loads(said))


_PROFILED = """
import cProfile, threading
profile = cProfile.Profile()
from stocks_pipeline.cli import main
try:
    profile.runcall(main)
finally:
    profile.dump_stats({file!r})
"""


@contextmanager
def _sandbox() -> Iterator[str]:
    command = [sys.executable, "-m", "stocks_pipeline.sandbox", "--port", "0", "--today", DAY]
    command += ["--news-latency", NEWS, "--chat-latency", CHAT]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield (server.stdout.readline() if server.stdout else "").split()[-1]
        finally:
            server.terminate()


def _get(base: str, path: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{base}/_admin/{path}") as answer:  # noqa: S310 - our own
        found: dict[str, Any] = json.load(answer)
    return found


if __name__ == "__main__":
    raise SystemExit(main())

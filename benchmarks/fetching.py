"""How fast daily bars arrive: our Yahoo gateway against `yf.download`, and against the seed's ten workers.

What belongs here: two figures, each measured in processes of its own against the sandbox in another process.
  1. Zero latency, one year of bars: CPU and wall of the call, as a ratio to `yf.download` with as many threads really
     at work (yfinance's pool has one thread a core unless it is made anew; that is done here). Goals for 1,000
     symbols: CPU at most 0.20x, wall at most 0.25x. The whole process, whose launch both pay alike, is shown beside.
  2. Two seconds an answer: seconds from launch to the last bar, against 1,000 symbols x 2 s / 10 workers = 200 s and
     the seed's own 240 s. Goal: at most 75 s for 1,000 symbols.
What does not: correctness (the tests).

Run: `python benchmarks/fetching.py` (about 3 minutes), less with `--symbols 200` or `--only zero`.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

TODAY = date(2025, 12, 5)
START = date(2024, 12, 6)
SYDNEY = "Australia/Sydney"
LATENCY_S = 2.0
CPU_GOAL, WALL_GOAL, SECONDS_GOAL = 0.20, 0.25, 75.0
SEED_SECONDS = 240.0


@dataclass(frozen=True)
class Cost:
    """What one child process took, in seconds, launch and imports included and for the call alone; the bars it had."""

    wall_s: float
    cpu_s: float
    call_wall_s: float
    call_cpu_s: float
    rows: int

    def __str__(self) -> str:
        call = f"{self.call_wall_s:6.2f} s wall {self.call_cpu_s:6.2f} s CPU"
        return f"{call}; with launch {self.wall_s:6.2f} s wall {self.cpu_s:6.2f} s CPU; {self.rows} bars"


def main() -> int:
    """Measure, print, and say whether the goals are met (exit 1 where one is not)."""
    options = _options()
    if options.child:
        return _child(options)
    print(_machine())
    with _sandbox(options.symbols) as base:
        symbols = _listed(base)[: options.symbols]
        _run("ours", base, symbols, options.concurrency)  # the sandbox computes each series once, whoever asks first
        met = []
        if options.only in (None, "zero"):
            met.append(_zero_latency(base, symbols, options.concurrency))
        if options.only in (None, "slow"):
            met.append(_slow(base, symbols, options.concurrency))
    return 0 if all(met) else 1


def _zero_latency(base: str, symbols: list[str], concurrency: int) -> bool:
    ours = _run("ours", base, symbols, concurrency)
    theirs = _run("theirs", base, symbols, concurrency)
    cpu, wall = ours.call_cpu_s / theirs.call_cpu_s, ours.call_wall_s / theirs.call_wall_s
    print(f"\n1. {len(symbols)} symbols x 1 year, no latency, {concurrency} threads")
    print(f"   gateway      {ours}")
    print(f"   yf.download  {theirs}")
    print(f"   with launch: CPU {ours.cpu_s / theirs.cpu_s:.3f}x, wall {ours.wall_s / theirs.wall_s:.3f}x")
    met = cpu <= CPU_GOAL and wall <= WALL_GOAL and ours.rows == theirs.rows
    print(f"   CPU {cpu:.3f}x (goal {CPU_GOAL}x), wall {wall:.3f}x (goal {WALL_GOAL}x): {'met' if met else 'MISSED'}")
    return met


def _slow(base: str, symbols: list[str], concurrency: int) -> bool:
    _post(f"{base}/_admin/latency", {"mean_ms": LATENCY_S * 1000})
    ours = _run("ours", base, symbols, concurrency)
    _post(f"{base}/_admin/latency", {"mean_ms": 0})
    goal = SECONDS_GOAL * max(len(symbols) / 1000, 0.25)  # launch and cookies cost the same for a few symbols
    seed = SEED_SECONDS * len(symbols) / 1000
    met = ours.wall_s <= goal
    print(f"\n2. {len(symbols)} symbols at {LATENCY_S:g} s an answer, {concurrency} in flight")
    print(f"   gateway      {ours}")
    print(f"   {ours.wall_s:.1f} s, launch included (goal {goal:.1f} s): {'met' if met else 'MISSED'}")
    print(f"   {ours.wall_s / seed:.2f}x of the seed's {seed:.0f} s with ten workers")
    return met


def _run(who: str, base: str, symbols: list[str], concurrency: int) -> Cost:
    command = [sys.executable, __file__, "--child", who, "--base", base, "--concurrency", str(concurrency)]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, input="\n".join(symbols), capture_output=True, text=True, check=False)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{who} failed:\n{done.stderr[-2000:]}")
    said = json.loads(done.stdout.splitlines()[-1])
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(wall, cpu, said["wall_s"], said["cpu_s"], said["rows"])


def _child(options: argparse.Namespace) -> int:
    symbols = sys.stdin.read().split()
    fetch = _ours if options.child == "ours" else _theirs
    rows, wall_s, cpu_s = fetch(options.base, symbols, options.concurrency)
    print(json.dumps({"rows": rows, "wall_s": wall_s, "cpu_s": cpu_s}))
    return 0


def _ours(base: str, symbols: list[str], concurrency: int) -> tuple[int, float, float]:
    from stocks_pipeline.clock import SystemClock
    from stocks_pipeline.upstream.failures import UpstreamError
    from stocks_pipeline.upstream.yahoo import Window, Yahoo
    from stocks_pipeline_tests.fakes import Unlimited

    clock = SystemClock()
    yahoo = Yahoo(base_url=base, limiter=Unlimited(clock), clock=clock, tz_of=lambda _: SYDNEY, concurrency=concurrency)
    began, cpu = time.perf_counter(), time.process_time()
    answers = list(yahoo.daily_bars(symbols, Window(START, TODAY)))
    took = time.perf_counter() - began, time.process_time() - cpu
    yahoo.close()
    return sum(bars.table.num_rows for _, bars in answers if not isinstance(bars, UpstreamError)), *took


def _theirs(base: str, symbols: list[str], concurrency: int) -> tuple[int, float, float]:
    """`yf.download` at its best: our session (no cookie request a call), known zones, a pool of the asked size."""
    import logging

    import multitasking  # type: ignore[import-untyped]  # yfinance's own, ships no types
    import yfinance

    from stocks_pipeline.clock import SystemClock
    from stocks_pipeline.upstream.yahoo_session import YahooSession, configure

    logging.getLogger("yfinance").setLevel(logging.CRITICAL)
    configure(lambda _: SYDNEY)
    multitasking.createPool("yf", threads=concurrency)
    began, cpu = time.perf_counter(), time.process_time()
    frame = yfinance.download(
        symbols,
        start=START,
        end=date(TODAY.year, TODAY.month, TODAY.day + 1),
        group_by="ticker",
        threads=concurrency,
        auto_adjust=False,
        actions=True,
        progress=False,
        session=YahooSession(base, SystemClock(), longest_s=30),
    )
    took = time.perf_counter() - began, time.process_time() - cpu
    closes = frame.xs("Close", axis=1, level=1)
    return int(closes.notna().sum().sum()), *took


@contextmanager
def _sandbox(companies: int) -> Iterator[str]:
    command = [sys.executable, "-m", "stocks_pipeline.sandbox", "--port", "0", "--today", TODAY.isoformat()]
    command += ["--companies", str(max(companies + 100, 200))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None  # noqa: S101 - PIPE was asked for
            yield server.stdout.readline().split()[-1]
        finally:
            server.terminate()


def _listed(base: str) -> list[str]:
    with urllib.request.urlopen(f"{base}/www.asx.com.au/asx/research/ASXListedCompanies.csv") as answer:  # noqa: S310 - our own
        lines = answer.read().decode().splitlines()[3:]
    return sorted(line.split('","')[1] + ".AX" for line in lines)


def _post(url: str, body: dict[str, float]) -> None:
    request = urllib.request.Request(url, json.dumps(body).encode(), method="POST")  # noqa: S310 - our own
    urllib.request.urlopen(request).close()  # noqa: S310 - our own


def _machine() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    cpu = names[0] if names else platform.processor() or "unknown CPU"
    packages = ", ".join(f"{name} {version(name)}" for name in ("yfinance", "curl_cffi", "pyarrow", "pandas"))
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return f"{cpu}, {os.cpu_count()} cores, load {load}; Python {platform.python_version()}; {packages}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbols", type=int, default=1000, help="how many (default: %(default)s)")
    parser.add_argument("--concurrency", type=int, default=40, help="threads, and requests in flight (%(default)s)")
    parser.add_argument("--only", choices=("zero", "slow"), help="one of the two figures")
    parser.add_argument("--child", choices=("ours", "theirs"), help=argparse.SUPPRESS)
    parser.add_argument("--base", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

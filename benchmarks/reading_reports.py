"""Reading stored reports: how long a bot waits for one, and a person for the morning's list in SQL.

Prints p50 and p95 beside the seed's own figures: 50 ms for the database, 300 ms for the whole request. Our goal for one
report is a p95 of 5 ms, and 1,000 reports a second on two cores. "Whole request" is a new Python process that imports
the package, finds the newest report and decodes its chart. Without a stored report the seed's reader waited 15 to 27 s
for one to be made: how many times faster the whole request is, is printed last (the seed promised 50 to 100).
Writes 260 mornings to a temporary folder first (some 10 s, 45 MB): the two newest hold 46 reports of 180 kB, three
quarters of that a chart; each older one holds one small report. All are of one ticker list, read in random order.

    python benchmarks/reading_reports.py [--reads 1000] [--json]
"""

import argparse
import base64
import json
import multiprocessing
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb

from stocks_pipeline import storage
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import Lake, open_lake
from stocks_pipeline.storage.warehouse import Warehouse

LAST = date(2026, 11, 20)
MORNINGS = [d for n in range(364) if (d := LAST - timedelta(days=363 - n)).weekday() < 5]
TICKERS = [f"DR{n:02d}19" for n in range(46)]
SEED_STORE_MS, SEED_WHOLE_MS, GOAL_MS, GOAL_RATE = 50.0, 300.0, 5.0, 1000.0
SQL = (
    "SELECT symbol, generated_at, LENGTH(report_json) AS report_size FROM precomputed_reports WHERE report_date = $day"
)
SEED_LIVE_S = (15.0, 27.0)
SEED_FASTER = 50.0
PROCESSES = 2


def payload(ticker: str, rng: random.Random, *, full: bool) -> bytes:
    """A payload of the size and shape of a real one: 112 kB of picture, 20 kB of facts, 4 kB of evidence, a text."""
    words = ["shares", "closed", "above", "the", "average", "volume", "was", "higher", "than", "usual"]
    text = " ".join(rng.choice(words) for _ in range(400 if full else 5))
    facts = {f"fact_{n}": {"value": rng.random(), "source": "dr/ticker-data", "formula": text[:150]} for n in range(80)}
    made = {
        "ticker": ticker,
        "company_name": "A company",
        "session": "2026-11-19",
        "stance": "HOLD",
        "execution_id": "benchmark",
        "generated_at": datetime(2026, 11, 19, 22, 25, tzinfo=UTC).isoformat(),
        "model": "vendor/model",
        "narrative_report": text,
        "user_facing_scores": {"overall": 9.1},
        "api_costs": {"usd": "0.0065"},
        "evidence": [{"start": n, "end": n + 5, "fact": "close", "text": "87.90"} for n in range(60 if full else 1)],
        "verdict": {"passed": True, "numbers_checked": 50, "findings": []},
        "facts": facts if full else {},
        "chart_base64": base64.b64encode(rng.randbytes(112_000 if full else 100)).decode(),
    }
    return json.dumps(made).encode()


def fill(lake: Lake) -> None:
    """A year of mornings."""
    rng = random.Random(1)  # noqa: S311 - test data
    for day in MORNINGS:
        full = day in MORNINGS[-2:]
        for ticker in TICKERS if full else TICKERS[:1]:
            lake.write(layout.report_key(day, ticker), payload(ticker, rng, full=full))


@contextmanager
def plain_connection() -> Iterator[Any]:
    """DuckDB alone: importing Dagster is not what is measured."""
    connection = duckdb.connect()
    yield connection
    connection.close()


def timed(ask: Callable[[], object], turns: int) -> dict[str, float]:
    """Median and 95th percentile in milliseconds; the first turn is not counted."""
    ask()
    taken = []
    for _ in range(turns):
        start = time.perf_counter()
        ask()
        taken.append((time.perf_counter() - start) * 1000)
    return {"p50_ms": round(statistics.median(taken), 2), "p95_ms": round(statistics.quantiles(taken, n=20)[-1], 2)}


def read_many(root: str, reads: int, seed: int) -> None:
    """What one process of the rate does."""
    rng, lake = random.Random(seed), open_lake(root)  # noqa: S311 - test data
    for _ in range(reads):
        storage.get_report(rng.choice(TICKERS), lake=lake)


def rate(root: str, reads: int) -> float:
    """Reports a second of two processes that read at once, without their start."""
    pool = multiprocessing.get_context("spawn").Pool(PROCESSES)
    with pool:
        pool.starmap(read_many, [(root, 1, seed) for seed in range(PROCESSES)])
        start = time.perf_counter()
        pool.starmap(read_many, [(root, reads, seed) for seed in range(PROCESSES)], chunksize=1)
        return PROCESSES * reads / (time.perf_counter() - start)


def measure(lake: Lake, reads: int) -> dict[str, tuple[dict[str, float], float]]:
    """Name: (figures, goal in ms)."""
    rng = random.Random(2)  # noqa: S311 - test data
    code = f"from stocks_pipeline import storage; storage.get_report('DR0719', lake={lake.root!r}).chart_png()"
    whole = [sys.executable, "-c", code]
    with Warehouse(lake, connect=plain_connection) as warehouse:
        return {
            "the newest report of a ticker": (
                timed(lambda: storage.get_report(rng.choice(TICKERS), lake=lake), reads),
                GOAL_MS,
            ),
            "a ticker's report of a day, with its chart": (
                timed(lambda: storage.get_report(rng.choice(TICKERS), LAST, lake=lake).chart_png(), reads),
                GOAL_MS,
            ),
            "whole request in a new process": (
                timed(lambda: subprocess.run(whole, check=True), max(20, reads // 50)),
                SEED_WHOLE_MS,
            ),
            "SQL: 46 reports of a morning, with their size": (
                timed(lambda: warehouse.sql(SQL, {"day": LAST}), max(20, reads // 20)),
                SEED_WHOLE_MS,
            ),
        }


def main() -> int:
    """Print the figures; exit 1 if one misses its goal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reads", type=int, default=1000)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lake = open_lake(folder)
        fill(lake)
        results = measure(lake, arguments.reads)
        reports_s = round(rate(folder, arguments.reads))
    machine = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}"
    missed = [name for name, (found, goal) in results.items() if found["p95_ms"] > goal]
    missed += ["reports a second"] * (reports_s < GOAL_RATE)
    whole_s = results["whole request in a new process"][0]["p50_ms"] / 1000
    faster = [round(live / whole_s) for live in SEED_LIVE_S]
    missed += ["times faster"] * (faster[0] < SEED_FASTER)
    if arguments.json:
        figures = {name: {**found, "goal_ms": goal} for name, (found, goal) in results.items()}
        print(
            json.dumps(
                {
                    "machine": machine,
                    "results": figures,
                    "reports_per_s": reports_s,
                    "times_faster": faster,
                    "missed": missed,
                }
            )
        )
        return int(bool(missed))
    print(f"{machine}; the seed says {SEED_STORE_MS:g} ms for its database, {SEED_WHOLE_MS:g} ms for the whole request")
    for name, (found, goal) in results.items():
        verdict = "ABOVE" if name in missed else "within"
        print(f"{name:46} p50 {found['p50_ms']:6.2f} ms, p95 {found['p95_ms']:6.2f} ms, {verdict} {goal:g} ms")
    verdict = "reaches" if reports_s >= GOAL_RATE else "MISSES"
    print(f"{'reports a second, two processes':46} {reports_s:,}, {verdict} {GOAL_RATE:,.0f}")
    verdict = "reaches" if faster[0] >= SEED_FASTER else "MISSES"
    print(f"{'whole request, times faster than live':46} {faster[0]} to {faster[1]}, {verdict} {SEED_FASTER:g}")
    return int(bool(missed))


if __name__ == "__main__":
    raise SystemExit(main())

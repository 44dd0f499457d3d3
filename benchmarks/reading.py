"""Reading prices back: our readers against plain DuckDB over the same files, in the same process, by turns.

Prints, for each question, the median of both and the median of the ratios of neighbouring turns. Goal: at most 1.5.
Both keep what they learnt between turns (DuckDB its cache of file blocks, our reader the metadata of unchanged files);
the first turn of each is not counted.
Writes 2,000 symbols × 260 sessions to a temporary folder first (about 20 s, 30 MB).

    python benchmarks/reading.py [--turns 15] [--json]
"""

import argparse
import json
import os
import platform
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa

from stocks_pipeline.domain.schemas import PRICES
from stocks_pipeline.domain.symbols import BatchPlan
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import Lake, open_lake
from stocks_pipeline.storage.reader import PriceReader
from stocks_pipeline.storage.tables import write_table

GOAL = 1.5
LAST = date(2026, 11, 20)
SYMBOLS = [f"{a}{b}{c}" for a in "ABCDEFGHIJKLMNOPQRST" for b in "ABCDEFGHIJ" for c in "ABCDEFGHIJ"]
SESSIONS = [d for n in range(364) if (d := LAST - timedelta(days=363 - n)).weekday() < 5]
LOOKBACK = 7
"""Sessions of a raw file: what a window of ten days holds."""


def prices(symbols: list[str], sessions: list[date], batch: int | None, seed: int) -> Any:
    """Prices as a vendor gives them: cents, few dividends, one currency."""
    rng = random.Random(seed)  # noqa: S311 - test data
    rows = len(symbols) * len(sessions)
    close = [round(rng.uniform(0.5, 120.0), 3) for _ in range(rows)]
    columns = {
        "symbol": [symbol for symbol in symbols for _ in sessions],
        "session": sessions * len(symbols),
        "open": [round(c * rng.uniform(0.98, 1.02), 3) for c in close],
        "high": [round(c * 1.02, 3) for c in close],
        "low": [round(c * 0.98, 3) for c in close],
        "close": close,
        "adj_close": [c * 0.97 for c in close],
        "volume": [rng.randrange(10_000_000) for _ in range(rows)],
        "dividend": [0.0] * rows,
        "split": [0.0] * rows,
        "currency": ["AUD"] * rows,
        "source": ["benchmark"] * rows,
        "fetched_at": [datetime(2026, 11, 20, 6, tzinfo=UTC)] * rows,
        "batch_number": [batch if batch is not None else n // len(sessions) // 100 for n in range(rows)],
    }
    return pa.table(columns, schema=PRICES)


def fill(lake: Lake) -> None:
    """A year of merged days, and for the last day its plan and 20 batch files."""
    merged = {"stocks.complete": "true", "stocks.missing_batches": ""}
    for n, day in enumerate(SESSIONS):
        write_table(lake, layout.daily_key("asx", day), prices(SYMBOLS, [day], None, n), PRICES, metadata=merged)
    plan = BatchPlan.of(SYMBOLS)
    lake.write(layout.batches_key("asx", LAST), plan.to_json())
    for batch in plan.batches:
        table = prices(list(batch.symbols), SESSIONS[-LOOKBACK:], batch.batch_number, 1000 + batch.batch_number)
        outcomes = json.dumps([{"symbol": s, "status": "ok", "rows": LOOKBACK} for s in batch.symbols])
        write_table(
            lake, layout.raw_key("asx", LAST, batch.batch_number), table, PRICES, metadata={"stocks.outcomes": outcomes}
        )


def questions(lake: Lake) -> dict[str, tuple[Callable[[], Any], Callable[[], Any], int]]:
    """Name: (plain DuckDB, ours, rows expected)."""
    reader = PriceReader(lake)
    plain = duckdb.connect()
    raw, daily = f"{lake.root}/asx/raw-data/{LAST}-batch-*.parquet", f"{lake.root}/asx/daily/*.parquet"

    def duck(query: str) -> Callable[[], Any]:
        return lambda: plain.sql(query).to_arrow_table()

    day = duck(f"FROM read_parquet('{raw}') WHERE session = DATE '{LAST}'")
    return {
        "a day of 2,000 symbols from 20 batch files": (day, lambda: reader.merge_daily_batches(LAST).table, 2000),
        "a year of one symbol": (
            duck(f"FROM read_parquet('{daily}') WHERE symbol = 'BHA'"),
            lambda: reader.load_symbols("BHA", arrow=True),
            len(SESSIONS),
        ),
        "the whole year": (
            duck(f"FROM read_parquet('{daily}')"),
            lambda: reader.load_date_range(arrow=True),
            len(SESSIONS) * len(SYMBOLS),
        ),
    }


def seconds(ask: Callable[[], Any], rows: int) -> float:
    """One turn; the answer must have the right number of rows."""
    start = time.perf_counter()
    answer = ask()
    taken = time.perf_counter() - start
    if answer.num_rows != rows:
        raise RuntimeError(f"{answer.num_rows} rows instead of {rows}")
    return taken


def measure(lake: Lake, turns: int) -> dict[str, dict[str, float]]:
    """Both sides by turns, so that what else runs on the machine hits both."""
    results = {}
    for name, (plain, ours, rows) in questions(lake).items():
        seconds(plain, rows), seconds(ours, rows)
        pairs = [(seconds(plain, rows), seconds(ours, rows)) for _ in range(turns)]
        results[name] = {
            "plain_s": round(statistics.median(p for p, _ in pairs), 4),
            "ours_s": round(statistics.median(o for _, o in pairs), 4),
            "ratio": round(statistics.median(o / p for p, o in pairs), 2),
            "best_ratio": round(min(o for _, o in pairs) / min(p for p, _ in pairs), 2),
        }
    return results


def main() -> int:
    """Print the figures; exit 1 if one is above the goal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lake = open_lake(folder)
        fill(lake)
        results = measure(lake, arguments.turns)
    versions = f"Python {platform.python_version()}, duckdb {duckdb.__version__}, pyarrow {pa.__version__}"
    machine = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {versions}"
    if arguments.json:
        print(json.dumps({"machine": machine, "goal": GOAL, "results": results}))
    else:
        print(machine)
        for name, r in results.items():
            verdict = "within" if r["ratio"] <= GOAL else "ABOVE"
            print(
                f"{name:44} plain {r['plain_s']:.3f} s, ours {r['ours_s']:.3f} s, {r['ratio']:.2f}x {verdict} {GOAL}x"
            )
    return int(any(r["ratio"] > GOAL for r in results.values()))


if __name__ == "__main__":
    raise SystemExit(main())

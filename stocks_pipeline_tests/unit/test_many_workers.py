"""Many workers on one desk at once: every store takes them all, without a refused connection or a lost record."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from stocks_pipeline.clock import SystemClock
from stocks_pipeline.domain.jobs import Asked, Job
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import Lake, open_lake
from stocks_pipeline.storage.warehouse import Warehouse
from stocks_pipeline.upstream.budget import Budget
from stocks_pipeline.upstream.limits import Rate, open_limiter

DAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 19, 22, tzinfo=UTC)
CENT = Decimal("0.01")


@contextmanager
def plain_connection() -> Iterator[Any]:
    connection = duckdb.connect()
    yield connection
    connection.close()


def at_once(count: int, work: Callable[[int], None]) -> list[Exception]:
    """Let that many threads begin together; what any of them raised."""
    begin = threading.Barrier(count)
    failed: list[Exception] = []

    def one(number: int) -> None:
        try:
            begin.wait(30)
            work(number)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
            failed.append(error)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return failed


@pytest.mark.parametrize("count", [46, 200])
def test_no_worker_is_turned_away(tmp_path: Path, count: int) -> None:
    """C21: 46 and 200 workers each take a permit, reserve and settle money, and move a job record along, all at once
    (2 of 46 were refused a connection once); every record is whole, and SQL and the sums see all of them.
    """
    lake, control = open_lake(str(tmp_path / "lake")), tmp_path / "control.db"
    clock = SystemClock()
    budget = Budget(str(control), Decimal(count) * CENT, clock=clock)
    limiter = open_limiter(str(control), "model", [Rate(10_000, 1.0)], clock=clock, upstream="model")

    def work(number: int) -> None:
        job = Job.new(f"T{number:03}", "e1", Asked("test"), NOW)
        key = layout.job_key(DAY, job.execution_id, job.ticker)
        lake.write(key, job.to_json())
        limiter.acquire(1)
        budget.reserve(CENT, day=DAY, call_id=f"c{number}")
        lake.write(key, job.started(NOW).to_json())
        budget.settle(f"c{number}", CENT, day=DAY)
        lake.write(key, Job.from_json(lake.read(key)).completed({"status": "success"}, NOW).to_json())

    assert at_once(count, work) == []
    assert (budget.spent(DAY), budget.reserved(DAY)) == (count * CENT, Decimal(0))
    with Warehouse(lake, connect=plain_connection) as warehouse:
        (row,) = warehouse.sql("SELECT status, count(*) AS jobs FROM jobs GROUP BY status").to_pylist()
    assert row == {"status": "completed", "jobs": count}
    limiter.close()
    budget.close()


def test_a_new_lake_is_made_by_whoever_writes_first(tmp_path: Path) -> None:
    """C21: eight first writers of a lake that is not there yet, thirty times: none is told that it is no folder."""
    for turn in range(30):
        lake = open_lake(str(tmp_path / f"lake-{turn}"))

        def write(number: int, lake: Lake = lake) -> None:
            lake.write(f"a/{number}.json", b"{}")

        assert at_once(8, write) == []
        assert len(list(lake.list("a/"))) == 8

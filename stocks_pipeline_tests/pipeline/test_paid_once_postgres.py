"""Two machines with one database: one budget, one claim on each question, one worker on each validation session.

A machine is a process here whose control file is its own; lake and database are shared.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from importlib import resources
from typing import Any

import psycopg
import pytest

from stocks_pipeline.clock import SystemClock
from stocks_pipeline.upstream.budget import Budget
from stocks_pipeline.upstream.claims import Claims
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError
from stocks_pipeline_tests.fault_desk import DAY
from stocks_pipeline_tests.postgres_server import postgres_server
from stocks_pipeline_tests.stocks_process import STOCKS, StocksDesk

TODAY = date(2026, 11, 20)
TICKERS = 3
HOLDER = """
import sys, time
from stocks_pipeline.clock import SystemClock
from stocks_pipeline.upstream.claims import Claims

claims = Claims(sys.argv[1], clock=SystemClock(), lease_s=2.0, poll_s=0.05)
with claims.hold("question", "machine one"):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
print("done", flush=True)
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    with postgres_server() as made:
        yield made


@pytest.fixture
def url(server: Any) -> str:
    """The database, with nothing in it."""
    address = str(server.get_uri())
    with psycopg.connect(address, autocommit=True) as admin:
        admin.execute("DROP TABLE IF EXISTS llm_reserved, llm_spent, llm_claims")
    return address


def test_two_machines_share_one_cap(url: str) -> None:
    """Forty calls of a cent from four handles, a cap of ten cents: ten are given, to the last unit."""
    budgets = [Budget(url, Decimal("0.10"), clock=SystemClock()) for _ in range(4)]
    given: list[str] = []

    def ask(number: int) -> None:
        try:
            budgets[number % 4].reserve(Decimal("0.01"), day=TODAY, call_id=str(number))
        except UpstreamError as error:
            assert error.kind is FailureKind.TRANSIENT  # noqa: PT017 - held by others, nothing is spent yet
        else:
            given.append(str(number))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(given) == 10
    assert budgets[0].reserved(TODAY) == Decimal("0.10")
    for call_id in given:
        budgets[1].settle(call_id, Decimal("0.005000000001"))
    assert [one.spent(TODAY) for one in budgets] == [Decimal("0.05000000001")] * 4
    budgets[2].settle("more", Decimal("0.05"), day=TODAY)
    with pytest.raises(UpstreamError) as refused:
        budgets[3].reserve(Decimal("0.01"), day=TODAY, call_id="one too many")
    assert refused.value.kind is FailureKind.QUOTA_DAY
    for one in budgets:
        one.close()


def test_a_reservation_of_a_dead_machine_lapses_by_the_servers_clock(url: str) -> None:
    """Whatever the machines' own clocks say."""
    dead, living = (Budget(url, Decimal(1), clock=SystemClock()) for _ in range(2))
    dead.reserve(Decimal(1), day=TODAY, call_id="dead", lease_s=0.5)
    dead.close()
    living.reserve(Decimal(1), day=TODAY, call_id="living", wait_s=20.0)
    assert living.reserved(TODAY) == 1
    living.close()


def test_a_claim_holds_across_machines_and_a_killed_one_is_overtaken(url: str) -> None:
    """Who comes second waits until the first is done, or until the lease of a killed one ends."""
    claims = Claims(url, clock=SystemClock(), lease_s=2.0, poll_s=0.05)
    for end in ("done", "killed"):
        command = [sys.executable, "-c", HOLDER, url, "4" if end == "done" else "600"]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        assert claims.holder("question") == "machine one"
        if end == "killed":
            os.kill(child.pid, signal.SIGKILL)
        with claims.hold("question", "machine two"):
            assert claims.holder("question") == "machine two"
            assert child.wait(10) == (0 if end == "done" else -signal.SIGKILL)
        assert claims.holder("question") is None
        child.stdout.close()
    claims.close()


def test_a_claim_survives_a_server_that_goes_away_meanwhile(url: str, caplog: pytest.LogCaptureFixture) -> None:
    """The work that it was for is done, and the connection is opened anew."""
    claims = Claims(url, clock=SystemClock(), lease_s=30.0, poll_s=0.05)
    with claims.hold("question", "one"), psycopg.connect(url, autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    assert claims.holder("question") is None
    with claims.hold("question", "one"):
        claims._store.transaction = _unreachable  # type: ignore[method-assign]
    assert "cannot be given back" in caplog.text
    claims.close()


def _unreachable() -> Any:
    raise UpstreamError(FailureKind.TRANSIENT, "limits", "", "cannot be reached")


@pytest.mark.timeout(180)
def test_two_machines_write_one_morning_and_pay_once(url: str, stocks: StocksDesk) -> None:
    """With a control file each, and one database: invoice = tickers, and the budget knows all of it."""
    lines = resources.files("stocks_pipeline.domain").joinpath("dr_tickers.csv").read_text("utf-8").splitlines()
    listed = stocks.home / "tickers.csv"
    listed.write_text("\n".join(lines[: TICKERS + 1]) + "\n", encoding="utf-8")
    shared = {"STOCKS_DR_TICKERS": str(listed), "STOCKS_LIMITS_URL": url}
    stocks.settings = shared
    child = stocks.start(*STOCKS, "run", "dr", "--no-reports", "--date", str(DAY), "--json")
    assert stocks.report(child)["exit"] == "ok"
    stocks.world.reset()
    stocks.world.latency(4000)

    children = []
    for machine in ("one", "two"):
        stocks.settings = shared | {"STOCKS_CONTROL_DB": str(stocks.home / f"{machine}.db")}
        children.append(stocks.start(*STOCKS, "precompute", "--date", str(DAY)))
    for child in children:
        stocks.report(child)

    assert [child.returncode for child in children] == [0, 0]
    invoice = stocks.world._admin("GET", "invoice")
    rows = [json.loads(stocks.lake.read(key)) for key in stocks.lake.list("dr/llm-calls/")]
    assert invoice["calls"] == len(rows) == TICKERS
    budget = Budget(url, Decimal(2), clock=SystemClock())
    days = {date.fromisoformat(row["started_at"][:10]) for row in rows}
    assert sum(budget.spent(day) for day in days) == Decimal(invoice["cost_usd"])
    budget.close()

"""`kill -9` of a run of reports, again and again: none half-written, none lost, and no answer bought twice."""

import json
import random
import signal
import subprocess
import time
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from importlib import resources
from typing import Any

import dagster as dg
import pytest

from stocks_pipeline.defs.dr.job_book import jobs_of, newest_jobs
from stocks_pipeline.domain.jobs import JobStatus
from stocks_pipeline.partitions import morning_tickers, ticker_key
from stocks_pipeline.storage import layout
from stocks_pipeline.upstream.narrator_calls import unpack
from stocks_pipeline_tests.fault_desk import DAY, contents
from stocks_pipeline_tests.stocks_process import STOCKS, StocksDesk, wait_for

SOAK = [pytest.param(seed, marks=pytest.mark.soak) for seed in range(1, 21)]
KILLS = 5
TICKERS = 10
START_S = 60.0
FLIGHT_S = 1.0
"""An answer that the vendor finished, and billed, so shortly before a kill may not have reached the disk."""


@dataclass
class Books:
    """What the vendor billed, what the lake keeps, and which answers a kill has cost."""

    stocks: StocksDesk
    kills: list[float] = field(default_factory=list)
    seen: int = 0

    def invoice(self) -> list[dict[str, Any]]:
        lines: list[dict[str, Any]] = self.stocks.world._admin("GET", "invoice")["lines"]
        return lines

    def kept(self) -> dict[str, str]:
        """The ticker of every kept answer -> the id of the call that bought it; every file of them is whole."""
        lake = self.stocks.lake
        rows = [unpack(lake.read(key))[0] for key in lake.list("dr/llm-answers/")]
        assert len({row.subject for row in rows}) == len(rows)
        return {row.subject: row.call_id for row in rows}

    def ledger(self) -> list[dict[str, Any]]:
        lake = self.stocks.lake
        return [json.loads(lake.read(key)) for key in lake.list("dr/llm-calls/")]

    def lost(self) -> Counter[str]:
        """Answers that were billed and are not kept, by ticker. Each was finished in the last moment before a kill."""
        kept, billed = self.kept(), Counter(line["subject"] for line in self.invoice())
        found = billed - Counter(kept.keys())
        for ticker, count in found.items():
            last = [line["time"] for line in self.invoice() if line["subject"] == ticker]
            near = [at for at in last if any(0 <= kill - at <= FLIGHT_S for kill in self.kills)]
            assert len(near) >= count, f"{ticker}: billed at {last}, killed at {self.kills}"
        return found

    def asked_since(self) -> Counter[str]:
        """Tickers that the model was asked about since this was last called."""
        records = self.stocks.world.log(self.seen)
        self.seen += len(records)
        return Counter(record["symbol"] for record in records if record["endpoint"] == "chat")


@pytest.fixture
def morning(stocks: StocksDesk) -> StocksDesk:
    """A desk whose ten tickers are fetched, on a model that takes its time."""
    lines = resources.files("stocks_pipeline.domain").joinpath("dr_tickers.csv").read_text("utf-8").splitlines()
    listed = stocks.home / "tickers.csv"
    listed.write_text("\n".join(lines[: TICKERS + 1]) + "\n", encoding="utf-8")
    stocks.settings = {"STOCKS_DR_TICKERS": str(listed), "STOCKS_LLM_CONCURRENCY": "3"}
    child = stocks.start(*STOCKS, "run", "dr", "--no-reports", "--date", str(DAY), "--json")
    assert stocks.report(child)["exit"] == "ok"
    stocks.world.reset()
    stocks.world.latency(400)
    return stocks


@pytest.mark.parametrize("seed", [0, *SOAK])
@pytest.mark.timeout(240)
def test_five_kills_and_a_whole_morning(morning: StocksDesk, seed: int) -> None:
    """B13, C12: after each of five kills at seeded points every file is whole, what was a report is one, and an answer
    that had reached the disk is never asked for again. The run after them writes the rest: ten reports, ten kept
    answers for ten settled rows. The vendor billed those, what a kill tore out of the last second, and nothing else;
    no job and no run is left in progress.
    """
    chance = random.Random(seed)  # noqa: S311 - repeatable points, no secret
    books = Books(morning)
    reports: set[str] = set()

    for _ in range(KILLS):
        kept = set(books.kept())
        books.asked_since()
        strike(morning, books, chance)
        assert not kept & set(books.asked_since()), "an answer that was kept was bought again"
        found = whole_reports(morning)
        assert reports <= found
        reports = found
        contents(morning.lake)

    morning.world.latency(0)
    kept = set(books.kept())
    child = morning.start(*STOCKS, "precompute", "--date", str(DAY))
    morning.report(child)

    assert child.returncode == 0
    assert set(books.asked_since()) == {job.ticker for job in newest_jobs(morning.lake, DAY).values()} - kept
    assert len(whole_reports(morning)) == TICKERS
    settle(books)
    nothing_in_progress(morning)


def strike(morning: StocksDesk, books: Books, chance: random.Random) -> None:
    """Start the reports and kill them: while they start, between two answers, or while reports are written."""
    goal = len(books.invoice()) + chance.randrange(0, 3)
    child: subprocess.Popen[str] = morning.start(*STOCKS, "precompute", "--date", str(DAY))
    asked = morning.world.stats()["total"]
    wait_for(lambda: morning.world.stats()["total"] > asked, child, longest_s=START_S)
    wait_for(lambda: len(books.invoice()) >= goal, child, longest_s=START_S)
    time.sleep(chance.uniform(0, 0.4))
    child.send_signal(signal.SIGKILL)
    child.wait(10)
    books.kills.append(time.time())


def whole_reports(morning: StocksDesk) -> set[str]:
    """The tickers with a report. Each is whole, verified, and of an execution whose copy in the history is the same."""
    found = set()
    for ticker in newest_jobs(morning.lake, DAY):
        key = layout.report_key(DAY, ticker)
        if not morning.lake.exists(key):
            assert all(
                job.status is not JobStatus.COMPLETED for job in jobs_of(morning.lake, DAY) if job.ticker == ticker
            )
            continue
        body = morning.lake.read(key)
        payload = json.loads(body)
        assert payload["verdict"]["passed"]
        assert payload["narrative_report"].count("## ") >= 4
        history = layout.report_history_key(DAY, ticker, payload["execution_id"])
        assert morning.lake.read(history) == body
        assert morning.lake.read(payload["chart_key"]).startswith(b"\x89PNG")
        found.add(ticker)
    return found


def settle(books: Books) -> None:
    """Invoice = settled rows of the ledger = answers needed, but for what a kill tore out of the air."""
    rows, kept, lost = books.ledger(), books.kept(), books.lost()
    assert len(kept) == TICKERS
    assert {row["call_id"] for row in rows} == set(kept.values())
    assert all(row["outcome"] == "answered" for row in rows)
    assert len(books.invoice()) == TICKERS + lost.total()
    assert lost.total() <= len(books.kills) * 3  # no more than are in flight
    billed = sum((Decimal(line["cost_usd"]) for line in books.invoice()), Decimal(0))
    booked = sum((Decimal(row["cost_usd"]) for row in rows), Decimal(0))
    assert booked <= billed
    assert lost or booked == billed


def nothing_in_progress(morning: StocksDesk) -> None:
    """No job and no run is left over, and no key of a torn write; the newest execution completed every ticker."""
    assert JobStatus.IN_PROGRESS not in {job.status for job in jobs_of(morning.lake, DAY)}
    assert {job.status for job in newest_jobs(morning.lake, DAY).values()} == {JobStatus.COMPLETED}
    assert morning.statuses() <= {"SUCCESS", "FAILURE", "CANCELED"}
    assert not [key for key in morning.lake.list("") if key.endswith(".tmp")]
    with morning.instance() as instance:
        keys = [ticker_key(DAY, ticker) for ticker in newest_jobs(morning.lake, DAY)]
        status = instance.get_status_by_partition(dg.AssetKey(["dr", "ticker_reports"]), keys, morning_tickers()) or {}
        assert {str(found and found.value) for found in status.values()} == {"MATERIALIZED"}

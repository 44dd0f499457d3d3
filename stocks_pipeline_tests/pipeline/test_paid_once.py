"""Two runs of one morning at once, in two processes: every answer is paid for once, and both write every report."""

import json
from collections import Counter
from decimal import Decimal
from importlib import resources

import pytest

from stocks_pipeline.defs.dr.job_book import jobs_of
from stocks_pipeline.domain.jobs import JobStatus
from stocks_pipeline.upstream.narrator_calls import unpack
from stocks_pipeline_tests.fault_desk import DAY
from stocks_pipeline_tests.stocks_process import STOCKS, StocksDesk

TICKERS = 3


@pytest.fixture
def morning(stocks: StocksDesk) -> StocksDesk:
    """A desk whose three tickers are fetched, on a model slow enough for two runs to meet."""
    lines = resources.files("stocks_pipeline.domain").joinpath("dr_tickers.csv").read_text("utf-8").splitlines()
    listed = stocks.home / "tickers.csv"
    listed.write_text("\n".join(lines[: TICKERS + 1]) + "\n", encoding="utf-8")
    stocks.settings = {"STOCKS_DR_TICKERS": str(listed)}
    child = stocks.start(*STOCKS, "run", "dr", "--no-reports", "--date", str(DAY), "--json")
    assert stocks.report(child)["exit"] == "ok"
    stocks.world.reset()
    stocks.world.latency(4000)
    return stocks


@pytest.mark.timeout(180)
def test_two_runs_of_one_morning_pay_once(morning: StocksDesk) -> None:
    """Invoice = ledger = kept answers = tickers; each run completed its own job of each ticker."""
    children = [morning.start(*STOCKS, "precompute", "--date", str(DAY)) for _ in range(2)]
    for child in children:
        morning.report(child)

    assert [child.returncode for child in children] == [0, 0]
    invoice = morning.world._admin("GET", "invoice")
    rows = [json.loads(morning.lake.read(key)) for key in morning.lake.list("dr/llm-calls/")]
    kept = [unpack(morning.lake.read(key))[0] for key in morning.lake.list("dr/llm-answers/")]
    tickers = {row["subject"] for row in rows}
    assert len(tickers) == invoice["calls"] == len(rows) == len(kept) == TICKERS
    assert Decimal(invoice["cost_usd"]) == sum(Decimal(row["cost_usd"]) for row in rows)
    done = Counter(job.ticker for job in jobs_of(morning.lake, DAY) if job.status is JobStatus.COMPLETED)
    assert done == dict.fromkeys(tickers, 2)
    assert sum(key.endswith(".json") for key in morning.lake.list("dr/report-history/")) == 2 * TICKERS
    assert len(list(morning.lake.list(f"dr/news/{DAY}/"))) == TICKERS

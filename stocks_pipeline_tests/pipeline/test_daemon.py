"""The chains under a real daemon: one run is started, and the rest of the day or the morning follows by itself."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from stocks_pipeline.cli.desk import TEMPLATE
from stocks_pipeline.defs.asx import ASX
from stocks_pipeline.domain.symbols import companies_from_csv, split_batches
from stocks_pipeline.partitions import ticker_key, tickers
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import Lake
from stocks_pipeline.storage.tables import read_metadata
from stocks_pipeline_tests import young_mornings
from stocks_pipeline_tests.fault_desk import BEFORE, DAY, colours
from stocks_pipeline_tests.stocks_process import StocksDesk, wait_for

DAGSTER = str(Path(sys.executable).parent / "dagster")
DAEMON = str(Path(sys.executable).parent / "dagster-daemon")
HERE = ("-m", "stocks_pipeline.definitions")
YOUNG = ("-f", str(Path(young_mornings.__file__)))
HOP_S = 60.0
DAY_S = 150.0
RECEIPTS = ("NVDA19", "DBS19")
ENDS = {"start": RECEIPTS[0], "end": RECEIPTS[-1]}
TWO = """dr,yahoo,name,exchange_mic,currency
NVDA19,NVDA,NVIDIA Corporation,XNAS,USD
DBS19,D05.SI,DBS Group Holdings Ltd,XSES,SGD
"""


@pytest.fixture
def daemon_desk(stocks: StocksDesk) -> Iterator[StocksDesk]:
    """A desk whose storage is made and whose daemon runs; ended with everything that the daemon started."""
    stocks.settings = {"STOCKS_RETRY_BUDGET": "2"}
    make_storage(stocks)
    stocks.start(DAEMON, "run", *HERE)
    yield stocks
    stocks.end()


@pytest.fixture
def morning_desk(stocks: StocksDesk) -> Iterator[StocksDesk]:
    """Such a desk of two receipts, on which somebody has switched the reports on."""
    listed = stocks.home / "tickers.csv"
    listed.write_text(TWO, encoding="utf-8")
    stocks.settings = {"STOCKS_RETRY_BUDGET": "2", "STOCKS_DR_TICKERS": str(listed)}
    make_storage(stocks)
    with stocks.instance() as instance:
        instance.add_dynamic_partitions(tickers().name or "", list(RECEIPTS))
    switch = stocks.start(DAGSTER, "sensor", "start", "dr_precompute", *YOUNG)
    stocks.start(DAEMON, "run", *YOUNG)
    assert switch.wait(60) == 0, stocks.output(0, "err").read_text()
    yield stocks
    stocks.end()


def make_storage(stocks: StocksDesk) -> None:
    """Before any process works on it: two must not make it at once."""
    home = stocks.home / "dagster"
    home.mkdir()
    (home / "dagster.yaml").write_text(TEMPLATE.read_text())
    with stocks.instance():
        pass


@pytest.mark.timeout(240)
def test_a_day_runs_by_itself_once_it_is_listed(daemon_desk: StocksDesk) -> None:
    """A01, A04, E31: batch 1 cannot be had. The listing ends, the fetch follows, fails for that batch alone, and the
    merge follows all the same: each hop starts within a minute of the end of the one before, each runs once.
    """
    bad = second_batch(daemon_desk.lake)
    daemon_desk.world.fault("500", symbols=bad)
    launch = (DAGSTER, "job", "launch", *HERE, "-j", "asx_listing", "--tags", f'{{"dagster/partition": "{DAY}"}}')
    launched = daemon_desk.start(*launch)
    assert launched.wait(60) == 0, daemon_desk.output(1, "err").read_text()

    with daemon_desk.instance() as instance:
        wait_for(lambda: ended(instance, "asx_daily_prices") is not None, longest_s=DAY_S)
        hops = [ended(instance, name) for name in ("asx_listing", "asx_prices", "asx_daily_prices")]
        found = colours(instance, daemon_desk.lake)
        count = len(instance.get_runs())

    listing, prices, daily = (hop for hop in hops if hop is not None)
    assert [hop.dagster_run.status.value for hop in (listing, prices, daily)] == ["SUCCESS", "FAILURE", "SUCCESS"]
    assert found == ["MATERIALIZED", "FAILED", "MATERIALIZED"]
    assert 0 <= began(prices) - over(listing) <= HOP_S
    assert 0 <= began(daily) - over(prices) <= HOP_S
    assert count == 3
    metadata = read_metadata(daemon_desk.lake, layout.daily_key(ASX.name, DAY))
    assert (metadata["stocks.complete"], metadata["stocks.missing_batches"]) == ("false", "1")


@pytest.mark.timeout(240)
def test_a_morning_runs_by_itself_once_its_data_are_asked_for(morning_desk: StocksDesk) -> None:
    """A04, A30, C03: with the switch on, the end of the fetch starts the reports of what it brought within a minute and
    never before it, and their end starts the count; each runs once.
    """
    span = {f"dagster/asset_partition_range_{end}": ticker_key(DAY, name) for end, name in ENDS.items()}
    launched = morning_desk.start(DAGSTER, "job", "launch", *YOUNG, "-j", "dr_fetch", "--tags", json.dumps(span))
    assert launched.wait(60) == 0, morning_desk.output(2, "err").read_text()

    with morning_desk.instance() as instance:
        wait_for(lambda: ended(instance, "dr_summary") is not None, longest_s=DAY_S)
        hops = [ended(instance, name) for name in ("dr_fetch", "dr_reports", "dr_summary")]
        count = len(instance.get_runs())

    fetch, reports, summed = (hop for hop in hops if hop is not None)
    assert [hop.dagster_run.status.value for hop in (fetch, reports, summed)] == ["SUCCESS"] * 3
    assert 0 <= began(reports) - over(fetch) <= HOP_S
    assert 0 <= began(summed) - over(reports) <= HOP_S
    assert {name: reports.dagster_run.tags.get(name) for name in span} == span
    assert reports.dagster_run.tags["triggered_by"] == "dr_precompute"
    assert count == 3
    counted = json.loads(morning_desk.lake.read(layout.precompute_summary_key(DAY)))
    assert (counted["status"], counted["succeeded"]) == ("completed", 2)


def second_batch(lake: Lake) -> list[str]:
    """What batch 1 of the day will hold: the list is that of the day before."""
    listed = companies_from_csv(lake.read(layout.symbols_key(ASX.name, BEFORE)))
    return [f"{code}{ASX.suffix}" for code in split_batches([company.code for company in listed])[1].symbols]


def ended(instance: dg.DagsterInstance, job: str) -> dg.RunRecord | None:
    """The newest run of the job, once it has ended."""
    statuses = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
    records = instance.get_run_records(dg.RunsFilter(job_name=job, statuses=statuses), limit=1)
    return records[0] if records and records[0].end_time else None


def began(record: dg.RunRecord) -> float:
    """When the run was made, in unix seconds: the wait for a process of its own is not the chain's."""
    return record.create_timestamp.timestamp()


def over(record: dg.RunRecord) -> float:
    assert record.end_time is not None
    return record.end_time

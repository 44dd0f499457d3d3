"""The chain under a real daemon: one listing run is started, and the rest of the day follows by itself."""

import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from stocks_pipeline.cli.desk import TEMPLATE
from stocks_pipeline.defs.asx import ASX
from stocks_pipeline.domain.symbols import companies_from_csv, split_batches
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import Lake
from stocks_pipeline.storage.tables import read_metadata
from stocks_pipeline_tests.fault_desk import BEFORE, DAY, colours
from stocks_pipeline_tests.stocks_process import StocksDesk, wait_for

DAGSTER = str(Path(sys.executable).parent / "dagster")
DAEMON = str(Path(sys.executable).parent / "dagster-daemon")
HERE = ("-m", "stocks_pipeline.definitions")
HOP_S = 60.0
DAY_S = 150.0


@pytest.fixture
def daemon_desk(stocks: StocksDesk) -> Iterator[StocksDesk]:
    """A desk whose storage is made and whose daemon runs; ended with everything that the daemon started."""
    stocks.settings = {"STOCKS_RETRY_BUDGET": "2"}
    home = stocks.home / "dagster"
    home.mkdir()
    (home / "dagster.yaml").write_text(TEMPLATE.read_text())
    with stocks.instance():  # two processes must not make the storage at once
        pass
    stocks.start(DAEMON, "run", *HERE)
    yield stocks
    stocks.end()


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

"""`kill -9` of `stocks run`, again and again: what was done stays, nothing is half-written, the rest is done later."""

import random
import signal
import subprocess
import time
from collections.abc import Callable

import pytest

from stocks_pipeline_tests.fault_desk import FaultDesk, colours, contents
from stocks_pipeline_tests.stocks_process import StocksDesk, wait_for

SOAK = [pytest.param(seed, marks=pytest.mark.soak) for seed in range(1, 11)]
START_S = 60.0


@pytest.mark.parametrize("seed", [0, *SOAK])
@pytest.mark.timeout(240)
def test_five_kills_and_a_whole_day(stocks: StocksDesk, desk: FaultDesk, seed: int) -> None:
    """E18, C29: five kills at seeded points, from the listing to the merge. After each, every file of the lake is
    whole; no complete batch is asked for again; the last run ends well with the very content of an undisturbed one,
    and no run is left running.
    """
    desk.run()
    stocks.settings = {"STOCKS_YAHOO_CONCURRENCY": "10"}
    stocks.world.reset()
    stocks.world.latency(150)
    done: dict[str, str | bytes] = {}

    for strike in kills(stocks, random.Random(seed)):  # noqa: S311 - repeatable points, no secret
        since = stocks.world.stats()["total"]
        child = stocks.run()
        strike(child)
        child.send_signal(signal.SIGKILL)
        assert child.wait(10) == -signal.SIGKILL
        assert done.items() <= stocks.stored().items()
        assert not asked(stocks, since) & members(desk, done)
        done = stocks.stored()

    stocks.world.latency(0)
    since = stocks.world.stats()["total"]
    child = stocks.run()
    report = stocks.report(child)

    assert (child.returncode, report["whole"]) == (0, True)
    assert not asked(stocks, since) & members(desk, done)
    assert contents(stocks.lake) == contents(desk.lake)
    assert stocks.statuses() <= {"SUCCESS", "FAILURE", "CANCELED"}
    with stocks.instance() as instance:
        assert colours(instance, stocks.lake) == ["MATERIALIZED"] * 3


Strike = Callable[["subprocess.Popen[str]"], object]


def kills(stocks: StocksDesk, chance: random.Random) -> list[Strike]:
    """Waits that end at five points: the listing, three within the fetch, and around the merge."""

    def listing(child: "subprocess.Popen[str]") -> None:
        wait_for(lambda: "listing" in stocks.world.stats()["by_endpoint"], child, longest_s=START_S)
        time.sleep(chance.uniform(0, 0.5))

    def fetching(child: "subprocess.Popen[str]") -> None:
        goal = charts(stocks) + chance.randrange(1, 110)
        wait_for(lambda: charts(stocks) >= goal, child, longest_s=START_S)

    def merging(child: "subprocess.Popen[str]") -> None:
        wait_for(lambda: len(list(stocks.lake.list("asx/raw-data/"))) == 3, child, longest_s=START_S)
        time.sleep(chance.uniform(0, 1.0))

    return [listing, fetching, fetching, fetching, merging]


def charts(stocks: StocksDesk) -> int:
    return int(stocks.world.stats()["by_endpoint"].get("chart", 0))


def asked(stocks: StocksDesk, since: int) -> set[str]:
    """Symbols whose charts were asked for from that request on."""
    return {record["symbol"].removesuffix(".AX") for record in stocks.world.log(since) if record["endpoint"] == "chart"}


def members(desk: FaultDesk, stored: dict[str, str | bytes]) -> set[str]:
    """The symbols of these batch files; the undisturbed desk's split is the same."""
    from stocks_pipeline.storage.layout import parse_raw_key

    numbers = {parse_raw_key(key).batch for key in stored}
    return {s for batch in desk.plan().batches if batch.batch_number in numbers for s in batch.symbols}

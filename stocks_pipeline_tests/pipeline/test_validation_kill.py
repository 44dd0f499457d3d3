"""`kill -9` of `stocks validate` while it waits for credits: what was checked stays, the rest is done by the next."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from stocks_pipeline.clock import SystemClock
from stocks_pipeline.defs.us.session_book import SessionBook
from stocks_pipeline.domain.validation_session import Session
from stocks_pipeline.storage.validation_keys import SessionPlace
from stocks_pipeline_tests.fault_desk import DAY
from stocks_pipeline_tests.sandbox_server import SandboxServer
from stocks_pipeline_tests.stocks_process import STOCKS, StocksDesk, wait_for

DAYS_OWN = SessionPlace("us", DAY)
MINUTE_S = 2.0
SYMBOLS = [f"A{letter}{more}" for letter in "ABCDEFGHIJ" for more in "XY"]
"""Twenty: three batches of the free plan, each a vendor's minute after the one before."""
GIGABYTE_KB = 1024 * 1024
WATCHED = """
import resource, sys
from stocks_pipeline.cli import main
try:
    main()
finally:
    print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""
MEASURED = (STOCKS[0], "-c", WATCHED)
"""The command, and its peak memory in kilobytes on standard error."""


@pytest.fixture
def validating(tmp_path: Path) -> Iterator[StocksDesk]:
    """A desk with the day's prices of twenty symbols, in a world whose credits come every two seconds."""
    arguments = ("--today", str(DAY), "--seed", "1", "--companies", "50", "--unknown-share", "0")
    strategies, home = tmp_path / "strategies", tmp_path / "stocks"
    for folder in (strategies, home):
        folder.mkdir()
    (strategies / "mine.yaml").write_text(f"symbols: {json.dumps(SYMBOLS)}\n", encoding="utf-8")
    with SandboxServer(*arguments, "--credit-minute-s", str(MINUTE_S)) as world:
        desk = StocksDesk(home, world)
        desk.settings = {"STOCKS_CREDIT_MINUTE": str(MINUTE_S), "STOCKS_STRATEGIES": str(strategies)}
        fetched = desk.report(desk.start(*STOCKS, "run", "us", "--date", str(DAY), "--json"))
        assert fetched["planned_symbols"] == len(SYMBOLS)
        world.reset()
        yield desk
        desk.end()


def session(desk: StocksDesk) -> Session:
    found = SessionBook(desk.lake, DAYS_OWN, SystemClock()).get()
    assert found is not None
    return found


def asked(desk: StocksDesk) -> list[str]:
    """Symbols that the second vendor answered, in order."""
    records = desk.world.log(endpoint="time_series")
    return [symbol for record in records if record["status"] == 200 for symbol in str(record["symbol"]).split(",")]


@pytest.mark.timeout(120)
def test_a_killed_session_is_finished_by_the_next_command(validating: StocksDesk) -> None:
    """D02, D12, D36: killed while a batch was in work; `status` says that it is not done, the next command takes the
    batch over, asks for no symbol that has its verdict, and the session completes. No run is left running.
    D08: the command stays below a gigabyte.
    """
    child = validating.start(*STOCKS, "validate", "--date", str(DAY), "--json")
    first = DAYS_OWN.batch(0)
    wait_for(
        lambda: validating.lake.exists(first) and session(validating).count()["processing"] == 1, child, longest_s=60
    )
    child.send_signal(signal.SIGKILL)
    child.wait(10)
    assert session(validating).status == "processing"
    kept = validating.lake.read(first)
    seen = validating.report(validating.start(*STOCKS, "validation", "status", "--date", str(DAY), "--json"))
    assert (seen["summary"]["event"], seen["summary"]["deferred_count"]) == (None, len(SYMBOLS) - 8)

    again = validating.start(*MEASURED, "validation", "retry", "--date", str(DAY), "--json")
    done = validating.report(again)
    assert (done["summary"]["event"], done["summary"]["passed_count"]) == ("WorkflowCompleted", len(SYMBOLS))
    assert session(validating).status == "completed"
    assert validating.lake.read(first) == kept
    assert asked(validating).count(SYMBOLS[0]) == 1
    assert not validating.statuses() & {"STARTED", "STARTING", "QUEUED"}
    said = validating.output(validating.started.index(again), "err").read_text()
    assert int(said.rpartition("peak ")[2]) < GIGABYTE_KB

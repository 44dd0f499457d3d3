"""Ctrl-C in the worst moment: every call hangs, one batch is stored, and the person wants the prompt back."""

import signal
import time

import pytest

from stocks_pipeline_tests.fault_desk import DAY, FaultDesk, contents
from stocks_pipeline_tests.stocks_process import StocksDesk, wait_for

INTERRUPTED = 130
PATIENT = {"STOCKS_REQUEST_TIMEOUT": "30", "STOCKS_RETRY_BUDGET": "300"}
PROMPT_S = 10.0
"""Far less than STOCKS_REQUEST_TIMEOUT: nobody waits for the calls in flight, only for the end of the run."""


@pytest.mark.timeout(180)
def test_ctrl_c_while_the_vendor_hangs(stocks: StocksDesk, desk: FaultDesk) -> None:
    """E18: with the rest of the day hanging, Ctrl-C ends the command within ten seconds; the run is recorded as ended,
    the stored batch stays, and the next run asks for the others only and ends with an undisturbed run's content.
    """
    desk.run()
    stocks.world.reset()
    hanging = desk.vendor_symbols(1) + desk.vendor_symbols(2)
    stocks.world.fault("timeout", symbols=hanging)
    stocks.settings = {**PATIENT, "STOCKS_YAHOO_CONCURRENCY": "250"}
    child = stocks.run()
    assert wait_for(lambda: len(stocks.stored()) == 1, child, longest_s=60)
    kept = stocks.stored()

    pressed = time.monotonic()
    child.send_signal(signal.SIGINT)
    child.wait(60)
    took = time.monotonic() - pressed

    assert child.returncode == INTERRUPTED, stocks.output(0, "err").read_text()
    assert took < PROMPT_S
    assert stocks.statuses() <= {"SUCCESS", "FAILURE", "CANCELED"}
    assert kept.items() <= stocks.stored().items()

    stocks.world.reset()
    again = stocks.run()
    assert stocks.report(again)["whole"]
    assert {record["symbol"] for record in stocks.world.log(endpoint="chart")} == set(hanging)
    assert contents(stocks.lake) == contents(desk.lake)


@pytest.mark.timeout(180)
def test_a_terminated_run_leaves_nothing_running(stocks: StocksDesk) -> None:
    """E18: SIGTERM (a shutdown, `docker stop`) ends the command promptly, and its run does not stay STARTED."""
    stocks.world.fault("timeout")
    stocks.settings = PATIENT
    child = stocks.run("--limit", "20")
    assert wait_for(lambda: len(stocks.world.log(endpoint="chart")) >= 20, child, longest_s=60)

    pressed = time.monotonic()
    child.terminate()
    child.wait(60)
    took = time.monotonic() - pressed

    assert child.returncode != 0
    assert took < PROMPT_S
    stocks.world.reset()
    again = stocks.run("--limit", "20")
    assert stocks.report(again)["whole"]
    assert stocks.statuses() <= {"SUCCESS", "FAILURE", "CANCELED"}
    assert stocks.report(again)["date"] == str(DAY)

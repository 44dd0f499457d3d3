"""A verdict is about the rows it compared: other rows, another verdict; rows still to come, none yet. And what is paid
for is stored before more is asked.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from stocks_pipeline.defs.batch_file import BatchState, load_batch, store_batch
from stocks_pipeline.defs.us.checking import open_batches, stored_results, waits
from stocks_pipeline.domain.prices import SymbolOutcome
from stocks_pipeline.domain.validation_types import Status, SymbolResult
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.validation_keys import SessionPlace
from stocks_pipeline.upstream.failures import FailureKind
from stocks_pipeline.upstream.limits import Cancelled
from stocks_pipeline_tests.validation_desk import DAY, ValidationDesk, down, validation_desk

SYMBOLS = [f"S{number:02}" for number in range(20)]
DAYS_OWN = SessionPlace("us", DAY)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ValidationDesk]:
    with validation_desk(tmp_path, monkeypatch) as found:
        found.stock(SYMBOLS, spoilt={"S03": 1.05, "S09": 1.05})
        yield found


def results(desk: ValidationDesk) -> dict[str, SymbolResult]:
    found = stored_results(desk.lake, DAYS_OWN, desk.session())
    return {result.symbol: result for batch in found.values() for result in batch}


def failed(desk: ValidationDesk) -> list[str]:
    return [symbol for symbol, result in results(desk).items() if result.status is Status.FAILED]


def fetch_fails(desk: ValidationDesk, why: Mapping[str, FailureKind]) -> None:
    """Store the day's prices as a fetch leaves them that failed for these symbols."""
    key = layout.raw_key("us", DAY, 0)
    before = load_batch(desk.lake, key, [symbol for symbol in SYMBOLS if symbol not in why])
    assert before is not None
    outcomes = {
        symbol: SymbolOutcome(symbol, "failed", why[symbol].value, "503 from chart", 3, 0)
        if symbol in why
        else SymbolOutcome(symbol, "ok", None, "", 1, 9)
        for symbol in SYMBOLS
    }
    store_batch(desk.lake, key, BatchState(before.table, outcomes, lookback_days=14))


def test_healed_prices_heal_the_verdict(desk: ValidationDesk) -> None:
    """D: of two that failed, the one whose prices were fetched again is asked again, alone; then nothing is open."""
    desk.open()
    desk.check()
    assert failed(desk) == ["S03", "S09"]
    desk.stock(SYMBOLS, spoilt={"S03": 1.05})
    assert open_batches(desk.lake, DAYS_OWN, desk.session()) == [1]
    desk.vendor.asked = []
    assert desk.check().success
    assert (desk.vendor.asked, failed(desk)) == ([("S09",)], ["S03"])
    assert open_batches(desk.lake, DAYS_OWN, desk.session()) == []
    assert desk.check().success
    assert desk.vendor.asked == [("S09",)]


def test_a_passed_verdict_on_other_rows_is_none(desk: ValidationDesk) -> None:
    """What was fetched again and is wrong now did not pass."""
    desk.open()
    desk.check()
    desk.stock(SYMBOLS, spoilt={"S03": 1.05, "S09": 1.05, "S17": 1.05})
    desk.vendor.asked = []
    desk.check()
    assert (desk.vendor.asked, failed(desk)) == ([("S17",)], ["S03", "S09", "S17"])


def test_the_same_prices_fetched_at_another_time_change_nothing(desk: ValidationDesk) -> None:
    """A fetch that brought the same values, outcomes beside them, leaves every verdict."""
    desk.open()
    desk.check()
    fetch_fails(desk, {})
    assert open_batches(desk.lake, DAYS_OWN, desk.session()) == []


def test_a_price_that_is_still_to_come_is_waited_for(desk: ValidationDesk) -> None:
    """D: our fetch failed for a passing reason: no credit is spent and nobody is called wrong; the reason and the
    command are named. A symbol that was refused for good is our fault. Once fetched, exactly that one is asked for.
    """
    fetch_fails(desk, {"S05": FailureKind.TRANSIENT, "S06": FailureKind.PERMANENT})
    desk.open()
    assert desk.check().success
    assert [symbol for symbols in desk.vendor.asked for symbol in symbols] == [s for s in SYMBOLS if s != "S05"]
    found = results(desk)
    assert (found["S05"].status, found["S06"].status) == (Status.DEFERRED, Status.FAILED)
    assert "503 from chart" in found["S05"].message
    assert f"stocks retry us/raw_prices --date {DAY} --pending" in found["S05"].message
    assert waits(desk.lake, DAYS_OWN, desk.session())
    desk.stock(SYMBOLS, spoilt={"S03": 1.05, "S09": 1.05})
    desk.vendor.asked = []
    assert desk.check().success
    assert desk.vendor.asked == [("S05", "S06")]
    assert failed(desk) == ["S03", "S09"]
    assert not waits(desk.lake, DAYS_OWN, desk.session())


def test_without_the_days_prices_nothing_is_asked(desk: ValidationDesk) -> None:
    """The price batch is missing as a whole: twenty symbols wait, no credit is spent."""
    desk.lake.delete(layout.raw_key("us", DAY, 0))
    desk.open()
    assert desk.check().success
    assert desk.vendor.asked == []
    assert {result.status for result in results(desk).values()} == {Status.DEFERRED}
    assert "batch 0 is missing" in results(desk)["S00"].message


def test_an_outage_for_the_rest_fails_the_batch(desk: ValidationDesk) -> None:
    """What waits for our own prices does not hide that the vendor answered for none of the others."""
    fetch_fails(desk, {"S05": FailureKind.TRANSIENT})
    desk.open()
    desk.vendor.script = lambda _s, _n: down()
    assert not desk.check(range(1)).success
    assert desk.states()[0] == "failed"


@pytest.fixture
def lowered(desk: ValidationDesk, monkeypatch: pytest.MonkeyPatch) -> ValidationDesk:
    """A session of one batch of twenty, whose plan then was lowered to eight credits a minute."""
    monkeypatch.setenv("STOCKS_TWELVE_DATA_PLAN", "grow377")
    desk.open()
    assert desk.session().total_batches == 1
    monkeypatch.setenv("STOCKS_TWELVE_DATA_PLAN", "basic8")
    return desk


def test_a_lowered_plan_asks_for_fewer_at_once(lowered: ValidationDesk) -> None:
    """D41: the session keeps its batches; a request asks for what the plan of today allows."""
    assert lowered.check().success
    assert lowered.vendor.asked == [tuple(SYMBOLS[0:8]), tuple(SYMBOLS[8:16]), tuple(SYMBOLS[16:20])]
    assert len(results(lowered)) == 20


def test_what_one_request_found_is_stored_before_the_next(lowered: ValidationDesk) -> None:
    """D: stopped in the second request of a batch: the eight that were paid for are not asked for again."""

    def stop(_symbols: object, number: int) -> None:
        if number == 1:
            raise Cancelled("stopped")

    lowered.vendor.script = stop
    assert not lowered.check().success
    assert (lowered.states(), len(results(lowered))) == (["pending"], 8)
    lowered.vendor.script, lowered.vendor.asked = (lambda _s, _n: None), []
    assert lowered.check().success
    assert lowered.vendor.asked == [tuple(SYMBOLS[8:16]), tuple(SYMBOLS[16:20])]


def test_a_day_spent_within_a_batch_puts_its_rest_off(lowered: ValidationDesk) -> None:
    """D: the second request meets the end of the day's credits: the third is not sent, and twelve wait."""
    lowered.vendor.script = lambda _s, number: down(FailureKind.QUOTA_DAY, "no credits left today") if number else None
    assert lowered.check().success
    assert len(lowered.vendor.asked) == 2
    assert [result.status for result in results(lowered).values()].count(Status.DEFERRED) == 12
    assert waits(lowered.lake, DAYS_OWN, lowered.session())

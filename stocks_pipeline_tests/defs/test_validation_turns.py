"""Two at once: a session that was replaced writes nothing more, and two runs of one session pay for it once."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stocks_pipeline.clock import SystemClock
from stocks_pipeline.defs.us.at_work import FOLLOWS
from stocks_pipeline.defs.us.checking import open_batches, stored_results
from stocks_pipeline.defs.us.session_book import ReplacedError
from stocks_pipeline.domain.validation_session import State
from stocks_pipeline.storage.validation_keys import SessionPlace
from stocks_pipeline.upstream.claims import Claims
from stocks_pipeline_tests.validation_desk import DAY, ValidationDesk, down, said, validation_desk

SYMBOLS = [f"S{number:02}" for number in range(20)]
DAYS_OWN = SessionPlace("us", DAY)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ValidationDesk]:
    with validation_desk(tmp_path, monkeypatch) as found:
        found.stock(SYMBOLS, spoilt={"S03": 1.05})
        yield found


def passed(desk: ValidationDesk) -> int:
    """How many verdicts the day's session has."""
    return sum(len(results) for results in stored_results(desk.lake, DAYS_OWN, desk.session()).values())


@pytest.mark.parametrize("answer", ["bars", "failure"])
def test_a_replaced_sessions_late_batch_changes_nothing(desk: ValidationDesk, answer: str) -> None:
    """D10: while the vendor answers the old session's batch, a new one takes the day and is begun: the late answer, or
    the late failure, is not written over the new session's record and verdicts, and its run says what happened.
    """
    desk.open()
    before = desk.session()
    after: list[Any] = []

    def replaced(_symbols: object, number: int) -> Any:
        if number == 0:
            desk.open(anew=True)
            desk.book().start(1)
            after.append((desk.session(), {key: desk.lake.read(key) for key in desk.lake.list(DAYS_OWN.batches)}))
        return down() if answer == "failure" and number == 0 else None

    desk.vendor.script = replaced
    result = desk.check()
    assert f"{before.session_id} was replaced by {desk.session().session_id}" in said(result)
    assert "bug" not in said(result)
    assert len(desk.vendor.asked) == 1
    assert after == [(desk.session(), {key: desk.lake.read(key) for key in desk.lake.list(DAYS_OWN.batches)})]
    assert desk.session().session_id != before.session_id
    assert desk.check().success
    assert passed(desk) == len(SYMBOLS)


def test_a_replaced_session_keeps_what_it_found(desk: ValidationDesk) -> None:
    """What was paid for is not deleted: results, calls and record lie beside the day's, found by the same id."""
    desk.open()
    desk.check(range(2))
    desk.sum_up()
    old, verdicts = desk.session(), stored_results(desk.lake, DAYS_OWN, desk.session())
    calls = len(list(desk.lake.list(DAYS_OWN.calls)))
    assert desk.open(anew=True).success
    beside = SessionPlace("us", DAY, old.session_id)
    assert desk.lake.read(beside.record) == old.to_json()
    assert stored_results(desk.lake, beside, old) == verdicts
    assert len(list(desk.lake.list(beside.calls))) == calls == 2
    assert not list(desk.lake.list(DAYS_OWN.calls))
    assert open_batches(desk.lake, DAYS_OWN, desk.session()) == [0, 1, 2]
    assert desk.adhoc(session=old.session_id).success
    assert [len(symbols) for symbols in desk.vendor.asked] == [8, 8, 4]


def test_a_session_that_found_nothing_leaves_nothing(desk: ValidationDesk) -> None:
    """Opened twice anew without an answer between: no list of empty sessions."""
    desk.open()
    desk.open(anew=True)
    assert [key for key in desk.lake.list("us/validation/") if "session-" in key] == []


def test_a_completed_batch_without_results_is_open(desk: ValidationDesk) -> None:
    """Whatever the record says: a symbol without a verdict is asked for again."""
    desk.open()
    desk.check()
    desk.lake.delete(DAYS_OWN.batch(1))
    assert desk.states() == ["completed"] * 3
    assert open_batches(desk.lake, DAYS_OWN, desk.session()) == [1]


def test_the_book_of_a_session_is_that_sessions(desk: ValidationDesk) -> None:
    """Every change that a replaced session asks for is refused; its run's death is none of the new one."""
    desk.open()
    book, before = desk.book().of(desk.session()), desk.clock.now()
    desk.clock.advance(1.0)
    desk.open(anew=True)
    for change in (book.start, book.complete, lambda n: book.fail(n, "late"), lambda n: book.put_back(n, "late")):
        with pytest.raises(ReplacedError):
            change(0)
    with pytest.raises(ReplacedError):
        book.stored(lambda: pytest.fail("stored"))
    assert not desk.book().abandon("its run died", before)
    assert {batch.status for batch in desk.session().batches} == {State.PENDING}


@pytest.mark.timeout(60)
def test_two_runs_of_one_session_pay_once(desk: ValidationDesk) -> None:
    """D37: the second waits until the first is done, says so, and asks for nothing that was found; both are green."""
    desk.open()
    met, results = threading.Event(), []
    second = threading.Thread(target=lambda: results.append(desk.check()))

    def other_starts(_symbols: object, number: int) -> None:
        if number == 0:
            second.start()
            met.wait(3)  # as long as the other would need to ask, were it not for the claim

    desk.vendor.script = other_starts
    results.append(desk.check())
    second.join(30)
    assert [result.success for result in results] == [True, True]
    assert sorted(desk.vendor.asked) == [tuple(SYMBOLS[0:8]), tuple(SYMBOLS[8:16]), tuple(SYMBOLS[16:20])]
    follower = results[1]
    lines = [entry.user_message for entry in desk.instance.all_logs(follower.run_id) if FOLLOWS in entry.user_message]
    assert len(lines) == 1
    assert results[0].run_id in lines[0]


@pytest.mark.timeout(60)
def test_a_killed_runs_claim_holds_nobody_up(desk: ValidationDesk) -> None:
    """Nobody gives it back: whoever comes next knows from the instance that its run is over."""
    desk.open()
    run = desk.instance.create_run_for_job(desk.repository.get_job("us_validation_results"))
    desk.instance.report_run_failed(run, message="Its process died.")
    claims = Claims(str(desk.root.parent / "home" / "control.db"), clock=SystemClock())
    with claims.hold(f"validation {desk.lake.uri(DAYS_OWN.record)}", run.run_id):  # renewed for as long as this lasts
        assert desk.check().success

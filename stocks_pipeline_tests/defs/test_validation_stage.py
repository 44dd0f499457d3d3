"""Results and summary: who is checked, what an absent answer is, and what the day's checks say."""

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from stocks_pipeline.defs.us import US
from stocks_pipeline.defs.us.checking import stored_results
from stocks_pipeline.domain.credit_audit import Limit
from stocks_pipeline.domain.schemas import EXTERNAL_BARS, PRICES
from stocks_pipeline.domain.validation_types import Cause, Status
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.tables import write_table
from stocks_pipeline.storage.validation_keys import SessionPlace
from stocks_pipeline.upstream.failures import FailureKind
from stocks_pipeline.upstream.limits import Cancelled
from stocks_pipeline.upstream.twelve_data import SentCall
from stocks_pipeline_tests.validation_desk import (
    DAY,
    FREE,
    ValidationDesk,
    checks,
    down,
    said,
    their_bars,
    validation_desk,
)

SYMBOLS = [f"S{number:02}" for number in range(20)]
"""Three batches of the free plan: 8, 8 and 4."""


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ValidationDesk]:
    with validation_desk(tmp_path, monkeypatch) as found:
        found.stock(SYMBOLS, spoilt={"S03": 1.05})
        yield found


def statuses(desk: ValidationDesk) -> dict[str, Status]:
    """Of every symbol with a stored result."""
    found = stored_results(desk.lake, SessionPlace(US.name, DAY), desk.session())
    return {result.symbol: result.status for batch in found.values() for result in batch}


def test_a_day_is_checked_batch_by_batch_and_summed_up(desk: ValidationDesk) -> None:
    """The whole chain: one disagreement found, named with its cause, and the rest passed."""
    assert desk.open().success
    assert desk.check().success
    assert desk.vendor.asked == [tuple(SYMBOLS[0:8]), tuple(SYMBOLS[8:16]), tuple(SYMBOLS[16:20])]
    assert desk.states() == ["completed"] * 3
    assert statuses(desk) == {s: Status.FAILED if s == "S03" else Status.PASSED for s in SYMBOLS}
    result = desk.sum_up()
    assert result.success
    found = checks(result)
    assert {name: check.passed for name, check in found.items()} == {
        "prices_agree": False,
        "freshness": True,
        "completeness": True,
        "duplicates_and_extra_days": True,
        "accuracy": False,
        "all_checked": True,
        "credits_kept": True,
    }
    assert "S03" in str(found["prices_agree"].metadata["symbols"].value)


def test_the_summary_has_the_seeds_fields(desk: ValidationDesk) -> None:
    """WorkflowCompleted with session, counts and failed symbols; the credits are those of the log."""
    desk.open()
    desk.check()
    desk.sum_up()
    document = desk.summary()
    assert document["event"] == "WorkflowCompleted"
    assert document["session_id"] == desk.session().session_id
    wanted = ("total_symbols", "passed_count", "failed_count", "error_count", "deferred_count", "credits_used")
    assert [document[name] for name in wanted] == [20, 19, 1, 0, 0, 20]
    assert document["failed_symbols"] == ["S03"]


@pytest.mark.parametrize("failing", [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)])
def test_a_failed_batch_costs_nobody_else_anything(desk: ValidationDesk, failing: tuple[int, ...]) -> None:
    """For every choice of failing batches, also the last: the others are stored, the session failed, the event says
    where; the next run asks for exactly the failed ones and the session heals.
    """
    desk.open()
    desk.vendor.script = lambda symbols, _: down() if SYMBOLS.index(symbols[0]) // 8 in failing else None
    assert not desk.check().success
    assert desk.states() == ["failed" if n in failing else "completed" for n in range(3)]
    assert desk.colours() == ["FAILED" if n in failing else "MATERIALIZED" for n in range(3)]
    assert desk.session().status == "failed"
    desk.sum_up()
    document = desk.summary()
    assert document["event"] == "WorkflowFailed"
    assert document["failure_step"] == f"batch_{failing[0]}"
    assert "503" in document["failure_reason"]
    assert document["deferred_count"] == sum((8, 8, 4)[n] for n in failing)
    desk.vendor.script, desk.vendor.asked = (lambda _s, _n: None), []
    assert desk.check().success
    assert [SYMBOLS.index(symbols[0]) // 8 for symbols in desk.vendor.asked] == list(failing)
    assert (desk.session().status, set(desk.colours())) == ("completed", {"MATERIALIZED"})
    assert desk.sum_up().success
    assert desk.summary()["event"] == "WorkflowCompleted"


def test_one_unknown_symbol_leaves_seven_verdicts(desk: ValidationDesk) -> None:
    """D: could not check is neither passed nor failed; the batch is complete, and only that symbol is asked again."""
    desk.open()
    unknown = down(FailureKind.PERMANENT, "symbol not found", "S05")
    desk.vendor.script = lambda _s, _n: {"S05": unknown}
    result = desk.check(range(1))
    assert result.success
    assert statuses(desk) == {
        s: Status.ERROR if s == "S05" else Status.FAILED if s == "S03" else Status.PASSED for s in SYMBOLS[:8]
    }
    found = checks(result, f"{DAY}|0")
    assert not found["all_checked"].passed
    desk.vendor.asked = []
    desk.vendor.script = lambda _s, _n: None
    desk.check(range(1))
    assert desk.vendor.asked == [("S05",)]
    assert statuses(desk)["S05"] is Status.PASSED


def test_a_batch_of_unknown_symbols_is_complete(desk: ValidationDesk) -> None:
    """Every one refused for good is an answer: nothing to retry, nothing passed."""
    desk.open()
    desk.vendor.script = lambda symbols, _: {s: down(FailureKind.PERMANENT, "not found", s) for s in symbols}
    assert desk.check().success
    assert set(statuses(desk).values()) == {Status.ERROR}
    desk.sum_up()
    assert (desk.summary()["passed_count"], desk.summary()["failed_count"]) == (0, 0)
    assert desk.summary()["error_count"] == 20


def test_a_spent_day_leaves_the_rest_pending_and_is_finished_tomorrow(desk: ValidationDesk) -> None:
    """F: no credits left after the first batch: the rest waits, is not tried, is not failed, and the same session
    goes on tomorrow without asking twice.
    """
    desk.open()
    desk.vendor.script = lambda _s, number: down(FailureKind.QUOTA_DAY, "no credits today") if number else None
    assert not desk.check().success
    assert len(desk.vendor.asked) == 2
    assert desk.states() == ["completed", "pending", "pending"]
    assert desk.session().status == "processing"
    desk.sum_up()
    assert desk.summary()["event"] is None
    assert desk.summary()["deferred_count"] == 12
    before = desk.session().session_id
    desk.vendor.script, desk.vendor.asked = (lambda _s, _n: None), []
    assert desk.open().success
    assert desk.check().success
    assert desk.vendor.asked == [tuple(SYMBOLS[8:16]), tuple(SYMBOLS[16:20])]
    assert (desk.session().session_id, desk.session().status) == (before, "completed")


def test_a_wrong_key_stops_the_stage_and_fails_nobody(desk: ValidationDesk) -> None:
    """One refusal is enough; what was not asked is pending, and the run says what to do."""
    desk.open()
    desk.vendor.script = lambda _s, _n: down(FailureKind.AUTH, "apikey parameter is incorrect")
    result = desk.check()
    assert not result.success
    assert "apikey" in said(result)
    assert len(desk.vendor.asked) == 1
    assert desk.states() == ["pending"] * 3


def test_a_stopped_run_leaves_its_batch_pending(desk: ValidationDesk) -> None:
    """Ctrl-C while waiting for credits is nobody's failure."""
    desk.open()

    def cancelled(_symbols: object, _number: int) -> None:
        raise Cancelled("stopped while waiting")

    desk.vendor.script = cancelled
    assert not desk.check(range(1)).success
    assert desk.states()[0] == "pending"


def test_a_bug_is_recorded_with_the_batch(desk: ValidationDesk) -> None:
    """An error of ours fails its batch with its name, and the others go on."""
    desk.open()

    def broken(_symbols: object, number: int) -> None:
        if number == 0:
            raise ZeroDivisionError("ours")

    desk.vendor.script = broken
    assert not desk.check().success
    assert desk.states() == ["failed", "completed", "completed"]
    assert desk.session().batches[0].error_message == "ZeroDivisionError: ours"


def test_nan_on_either_side_never_passes(desk: ValidationDesk) -> None:
    """D: a price that is no number is no agreement."""
    desk.open()
    start = date(2025, 12, 22)
    desk.vendor.script = lambda _s, _n: {"S00": their_bars("S00", start, DAY, float("nan"))}
    desk.check(range(1))
    assert statuses(desk)["S00"] is not Status.PASSED


def test_without_our_prices_a_symbol_fails_with_no_data(desk: ValidationDesk) -> None:
    """What we lack and the vendor has is our fault, and is called so, once nobody can bring it any more."""
    write_table(desk.lake, layout.raw_key(US.name, DAY, 0), PRICES.empty_table(), PRICES)
    desk.open()
    assert desk.check(range(1)).success
    results = stored_results(desk.lake, SessionPlace(US.name, DAY), desk.session())[0]
    assert {result.issues[0].cause for result in results} == {Cause.NO_DATA}


def test_too_many_credits_in_a_minute_fail_the_audit(desk: ValidationDesk) -> None:
    """C: the log certifies the day; nine credits within 60 s are one too many, whoever sent them."""
    desk.open()
    desk.check()
    log = desk.vendor.log
    assert log is not None
    for _ in range(2):
        log.record(SentCall(desk.clock.time(), 5, 200, None, None, ("X",)))
    found = checks(desk.sum_up())["credits_kept"]
    assert not found.passed
    assert "14 credits" in (found.description or "")


def test_calls_of_another_session_count_in_the_audit(desk: ValidationDesk) -> None:
    """Two sessions share the credits: alone each is fine, together they were not."""
    from stocks_pipeline.defs.us.calls import CallLog

    desk.open()
    desk.check()
    other = CallLog(desk.lake, SessionPlace(US.name, date(2026, 1, 2)), FREE)
    other.record(SentCall(desk.clock.time(), 8, 200, None, None, ("X",)))
    assert not checks(desk.sum_up())["credits_kept"].passed


def test_calls_of_a_scaled_minute_are_audited_on_their_own_clock(desk: ValidationDesk) -> None:
    """Credits of minutes of two seconds are no breach of real minutes beside them; nine in two seconds still are."""
    from stocks_pipeline.defs.us.calls import CallLog

    desk.open()
    desk.check()
    demo = CallLog(desk.lake, SessionPlace(US.name, date(2026, 1, 2)), Limit(8, None, 2.0))
    for after_s in (0.0, 2.0, 4.0):
        demo.record(SentCall(desk.clock.time() + after_s, 8, 200, None, None, ("X",)))
    assert checks(desk.sum_up())["credits_kept"].passed
    demo.record(SentCall(desk.clock.time() + 5.9, 1, 200, None, None, ("X",)))
    assert not checks(desk.sum_up())["credits_kept"].passed


def test_stored_results_hold_the_instant_of_each_verdict(desk: ValidationDesk) -> None:
    """A verdict that was kept is not dated anew when its neighbour is asked again."""
    from stocks_pipeline.storage.tables import read_table

    desk.open()
    desk.vendor.script = lambda _s, _n: {"S05": down(subject="S05")}
    desk.check(range(1))

    def instants() -> dict[str, datetime]:
        rows = read_table(desk.lake, SessionPlace(US.name, DAY).batch(0)).to_pylist()
        return {row["symbol"]: row["validated_at"] for row in rows}

    before = instants()
    desk.vendor.script = lambda _s, _n: None
    desk.check(range(1))
    after = instants()
    assert after["S05"] > before["S05"]
    assert {s: t for s, t in after.items() if s != "S05"} == {s: t for s, t in before.items() if s != "S05"}


def test_the_views_show_the_days_session_and_only_its_results(desk: ValidationDesk) -> None:
    """SQL over a session: its record, its verdicts; one that was replaced is no longer the day's."""
    from stocks_pipeline.storage.warehouse import Warehouse

    def rows(query: str) -> list[tuple[object, ...]]:
        with Warehouse(desk.lake, markets=("us",)) as warehouse:
            return [tuple(row.values()) for row in warehouse.sql(query).to_pylist()]

    assert rows("FROM validation_sessions") == rows("FROM validation_results") == []
    desk.open()
    desk.vendor.script = lambda symbols, _: down() if symbols[0] == "S16" else None
    desk.check()
    record = (
        "SELECT market, as_of, adhoc, status, total_symbols, batches_completed, batches_failed FROM validation_sessions"
    )
    assert rows(record) == [("us", DAY, False, "failed", 20, 2, 1)]
    counts = "SELECT status, causes, count(*) FROM validation_results GROUP BY ALL ORDER BY ALL"
    assert [(row[0], row[2]) for row in rows(counts)] == [("failed", 1), ("passed", 15)]
    assert desk.open(anew=True).success
    assert rows("FROM validation_results WHERE NOT adhoc") == []
    assert len(rows("FROM validation_results")) == 16


def test_each_batch_of_a_session_is_a_row(desk: ValidationDesk) -> None:
    """D07: of the day's session and of one beside it: who is in each batch, how far it is, since when, and why not.
    Without any session the view is empty and has its columns; a damaged record hides no other.
    """
    from stocks_pipeline.storage.warehouse import Warehouse

    def rows(columns: str) -> list[tuple[object, ...]]:
        query = f"SELECT {columns} FROM validation_batches ORDER BY adhoc, batch_number"  # noqa: S608 - ours
        with Warehouse(desk.lake, markets=("us",)) as warehouse:
            return [tuple(row.values()) for row in warehouse.sql(query).to_pylist()]

    about, times = "market, as_of, adhoc, session_id, batch_number, symbol_count, symbols", "started_at, completed_at"
    assert rows(f"{about}, status, {times}, error_message") == []
    desk.open()
    desk.vendor.script = lambda symbols, _: down() if symbols[0] == "S08" else None
    desk.check(range(2))
    desk.vendor.script = lambda _s, _n: None
    beside = desk.beside(desk.adhoc(symbols=["S01"])).place.adhoc
    own, record = desk.session().session_id, desk.session().batches
    desk.lake.write(SessionPlace(US.name, date(2026, 1, 2)).record, b'{"session_id": "ses')
    assert rows(about) == [
        ("us", DAY, False, own, 0, 8, SYMBOLS[:8]),
        ("us", DAY, False, own, 1, 8, SYMBOLS[8:16]),
        ("us", DAY, False, own, 2, 4, SYMBOLS[16:]),
        ("us", DAY, True, beside, 0, 1, ["S01"]),
    ]
    assert rows("status") == [("completed",), ("failed",), ("pending",), ("completed",)]
    assert rows(times)[:3] == [(batch.started_at, batch.completed_at) for batch in record]
    assert rows(times)[2] == (None, None)
    why = [found for (found,) in rows("error_message")]
    assert why == [None, record[1].error_message, None, None]
    assert "503: try later" in str(why[1])


def test_an_ex_date_at_the_edge_of_the_window_is_explained(desk: ValidationDesk) -> None:
    """PGR on 2026-01-05: only the window's first session lies before the ex-date, so alone it would look like one bad
    bar; what came before shows the dividend basis, which is harmless.
    """
    prices, edge = ("open", "high", "low", "close"), date(2025, 12, 31)
    rows = their_bars("S00", date(2025, 12, 22), DAY).to_pylist()
    raised = [{**row, **{n: row[n] * 1.0637 for n in prices}} if row["session"] <= edge else row for row in rows]
    desk.open()
    desk.vendor.script = lambda _s, _n: {"S00": pa.Table.from_pylist(raised, schema=EXTERNAL_BARS)}
    desk.check(range(1))
    result = next(
        r for r in stored_results(desk.lake, SessionPlace(US.name, DAY), desk.session())[0] if r.symbol == "S00"
    )
    assert {issue.cause for issue in result.issues} == {Cause.DIVIDEND_BASIS}
    assert result.harmless
    assert "dividends" in result.message

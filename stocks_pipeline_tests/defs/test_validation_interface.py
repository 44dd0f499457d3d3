"""What the outside sees of a validation: the question it takes, the record of a verdict, the counts of a session."""

import json
import threading
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from stocks_pipeline.cli.show_validation import SessionView
from stocks_pipeline.domain.symbols import BatchPlan, split_batches
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.tables import read_table
from stocks_pipeline.storage.validation_keys import SessionPlace
from stocks_pipeline_tests.validation_desk import DAY, ValidationDesk, checks, down, said, validation_desk

SYMBOLS = ["AAPL", "GOOGL", "MSFT", *(f"S{number:02}" for number in range(17))]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ValidationDesk]:
    with validation_desk(tmp_path, monkeypatch) as found:
        found.stock(SYMBOLS, spoilt={"MSFT": 1.05})
        yield found


def test_three_named_symbols_over_ten_days_are_one_batch(desk: ValidationDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """D20: AAPL, GOOGL and MSFT, lookback_days 10: one request for those three that reaches back ten days."""
    spans: list[tuple[tuple[str, ...], date, date]] = []
    answer = desk.vendor.daily

    def daily(symbols: list[str], *, start: date, end: date, stop: object = None) -> object:
        spans.append((tuple(symbols), start, end))
        return answer(symbols, start=start, end=end, stop=stop)  # type: ignore[arg-type]

    monkeypatch.setattr(desk.vendor, "daily", daily)
    made = desk.adhoc(symbols=["AAPL", "GOOGL", "MSFT"], lookback_days=10)
    assert made.success
    place = desk.beside(made).place
    ((symbols, start, end),) = spans
    assert (symbols, end) == (("AAPL", "GOOGL", "MSFT"), DAY)
    assert (end - start).days >= 10
    rows = read_table(desk.lake, place.batch(0)).to_pylist()
    assert {row["rows_checked"] for row in rows} == {6}  # 26, 29, 30, 31 December, 2 and 5 January


def test_a_result_has_the_seeds_fields(desk: ValidationDesk) -> None:
    """D11, D22: one record a session and symbol: session_id, symbol, passed, issues[], rows_checked, external_source,
    validated_at.
    """
    desk.open()
    desk.check()
    batches = [SessionPlace("us", DAY).batch(number) for number in range(3)]
    rows = [row for key in batches for row in read_table(desk.lake, key).to_pylist()]
    wanted = {"session_id", "symbol", "passed", "issues", "rows_checked", "external_source", "validated_at"}
    assert wanted <= set(rows[0])
    assert sorted((row["session_id"], row["symbol"]) for row in rows) == sorted(
        (desk.session().session_id, symbol) for symbol in SYMBOLS
    )
    (failed,) = [row for row in rows if not row["passed"]]
    assert (failed["symbol"], failed["external_source"]) == ("MSFT", "twelvedata")
    assert {issue["rule"] for issue in json.loads(failed["issues"])} == {"accuracy"}
    assert failed["rows_checked"] > 0
    assert failed["validated_at"].tzinfo is not None


def test_the_summary_counts_what_waits_is_at_work_and_is_done(desk: ValidationDesk) -> None:
    """D31: one batch done, one failed, one that a run has begun: as the queue's three numbers showed it, in the stored
    summary and in what the UI shows of it.
    """
    desk.open()
    desk.vendor.script = lambda symbols, _: down() if symbols[0] == SYMBOLS[8] else None
    desk.check(range(2))
    assert counted(desk.sum_up()) == {"pending": 1, "processing": 0, "completed": 1, "failed": 1}
    assert desk.summary()["batches"] == {"pending": 1, "processing": 0, "completed": 1, "failed": 1}
    desk.book().start(2)
    assert counted(desk.sum_up()) == {"pending": 0, "processing": 1, "completed": 1, "failed": 1}
    assert desk.summary()["batches"] == {"pending": 0, "processing": 1, "completed": 1, "failed": 1}


def counted(result: Any) -> Any:
    """The batches by state as the UI shows them: in the metadata of the summary's materialization."""
    (made,) = result.asset_materializations_for_node("us__validation_summary")
    return made.metadata["batches"].value


def test_a_question_without_a_lookback_is_about_five_days(desk: ValidationDesk) -> None:
    """D18: what the seed's trigger took for granted."""
    assert desk.open().success
    assert desk.session().lookback_days == 5


def test_a_failed_batch_is_shown_with_its_reason_and_the_way_out(desk: ValidationDesk) -> None:
    """D21, D32: who looks at the session reads how much is done, what failed and why, and the command that retries."""
    desk.open()
    desk.vendor.script = lambda symbols, _: down() if symbols[0] == SYMBOLS[8] else None
    desk.check()
    view = SessionView.of(desk.lake, SessionPlace("us", DAY))
    (problem,) = view.problems
    assert problem.startswith("1 batch failed")
    assert "503: try later" in problem
    assert view.document["batches"]["completed"] == 2
    assert f"stocks validation retry --date {DAY}" in [command for _, command in view.steps()]


def test_a_wider_plan_asks_for_several_batches_at_once(desk: ValidationDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """D41, D42: the plan is a setting; with 377 credits a minute three requests are in flight together."""
    monkeypatch.setenv("STOCKS_TWELVE_DATA_PLAN", "grow377")
    many = [f"T{number:03}" for number in range(300)]
    stock_in_one_file(desk, many)
    assert desk.open(anew=True).success
    assert desk.session().total_batches == 3
    together = threading.Barrier(3, timeout=30)

    def meet(_symbols: Sequence[str], _number: int) -> None:
        together.wait()

    desk.vendor.script = meet
    assert desk.check().success
    assert desk.states() == ["completed"] * 3


@pytest.mark.parametrize(
    ("plan", "batches"),
    [
        ("basic8", [8] * 23 + [4]),
        ("grow55", [55, 55, 55, 23]),
        ("grow377", [120, 68]),
        ("377/none/94", [94, 94]),
        ("30/2000/100", None),
    ],
)
def test_the_plan_that_is_set_makes_the_session(
    desk: ValidationDesk, monkeypatch: pytest.MonkeyPatch, plan: str, batches: list[int] | None
) -> None:
    """D41: 188 symbols from session to summary under 8, 55 and 377 credits a minute and under a plan in numbers: the
    batches are the plan's, every symbol is checked once, its credits were kept; numbers that are no plan are refused.
    """
    many = [f"T{number:03}" for number in range(188)]
    stock_in_one_file(desk, many)
    monkeypatch.setenv("STOCKS_TWELVE_DATA_PLAN", plan)
    made = desk.open()
    if batches is None:
        assert "batch_size is 100; one request of that plan may hold 1 to 30 symbols" in said(made)
        return
    assert made.success
    assert [len(batch.symbols) for batch in desk.session().batches] == batches
    assert desk.check().success
    assert sorted(desk.vendor.asked) == [batch.symbols for batch in desk.session().batches]
    summed = desk.sum_up()
    found = checks(summed)
    assert {"prices_agree", "all_checked", "credits_kept"} <= found.keys()
    assert all(check.passed for check in found.values())
    assert desk.summary()["passed_count"] == desk.summary()["credits_used"] == 188


def stock_in_one_file(desk: ValidationDesk, symbols: Sequence[str]) -> None:
    """More symbols than a batch of prices holds: the desk's prices are in one file, so the split says so too."""
    desk.stock(symbols)
    whole = BatchPlan(tuple(symbols), split_batches(list(symbols), len(symbols)), {"date": DAY.isoformat()})
    desk.lake.write(layout.batches_key("us", DAY), whole.to_json())

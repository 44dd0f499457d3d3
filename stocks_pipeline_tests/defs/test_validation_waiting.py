"""Symbols without a verdict: the checks, the summary and a failed run say how many, why, until when and what to do."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from rich.progress import Progress

from stocks_pipeline.cli.show_validation import SessionView
from stocks_pipeline.cli.validation_progress import Watcher
from stocks_pipeline.defs.us.waiting import meaning
from stocks_pipeline.domain.plans import plan_named
from stocks_pipeline.storage.validation_keys import SessionPlace
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError
from stocks_pipeline_tests.validation_desk import DAY, ValidationDesk, checks, down, their_bars, validation_desk

SYMBOLS = [f"S{number:02}" for number in range(24)]
PLACE = SessionPlace("us", DAY)
RETRY = f"stocks validation retry --date {DAY}"
ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ValidationDesk]:
    with validation_desk(tmp_path, monkeypatch) as found:
        found.stock(SYMBOLS)
        found.open()
        yield found


def text(value: Any) -> str:
    return str(value.value)


def failed_step(result: Any) -> str:
    """What the run's failure says is to be done."""
    (event,) = [event for event in result.all_events if event.is_step_failure]
    return text(event.step_failure_data.user_failure_data.metadata["next_step"])


@pytest.mark.parametrize(
    ("kind", "said", "why", "step"),
    [
        (FailureKind.TRANSIENT, "503: try later", "the vendor does not answer", f"When it answers again: {RETRY}"),
        (FailureKind.AUTH, "401: no such key", "refuses the key", f"Set STOCKS_TWELVE_DATA_API_KEY, then: {RETRY}"),
        (FailureKind.QUOTA_DAY, "800 of 800 are used", "the day's credits are spent", "After 00:00 UTC"),
    ],
)
def test_nothing_compared_is_no_agreement(
    desk: ValidationDesk, kind: FailureKind, said: str, why: str, step: str
) -> None:
    """Vendor down, wrong key, day spent: neither check is green, none is an error, and both say what to do."""
    desk.vendor.script = lambda _s, _n: down(kind, said)
    result = desk.check()
    assert step in failed_step(result)
    of_run = checks(result)
    assert [(c.passed, c.severity) for c in of_run.values()] == [(False, WARN)] * 6
    found = checks(desk.sum_up())
    agree, checked = found["prices_agree"], found["all_checked"]
    assert [(c.passed, c.severity) for c in (agree, checked)] == [(False, WARN)] * 2
    assert agree.description == f"{DAY}: 0 of 24 symbols compared, so nothing is known."
    assert (checked.description or "").startswith(f"{DAY}: 24 of 24 symbols wait: ")
    assert why in (checked.description or "")
    assert step in text(checked.metadata["next_step"])
    assert RETRY in text(agree.metadata["next_step"])
    assert why in desk.summary()["message"]
    assert step in desk.summary()["next_steps"]


def test_what_was_compared_is_told_while_the_rest_waits(desk: ValidationDesk) -> None:
    """The day's credits end after the first batch: 8 of 24 compared, none disagrees; who waits is listed."""
    desk.vendor.script = lambda _s, number: down(FailureKind.QUOTA_DAY, "800 of 800 are used") if number else None
    desk.check()
    found = checks(desk.sum_up())
    assert found["prices_agree"].description == f"{DAY}: 8 of 24 symbols compared, none disagrees."
    assert (found["prices_agree"].passed, found["prices_agree"].severity) == (False, WARN)
    assert "S08, S09" in text(found["all_checked"].metadata["who"])
    view = SessionView.of(desk.lake, PLACE)
    ((label, command),) = view.steps()
    assert command == RETRY
    assert label.startswith("16 symbols wait. After 00:00 UTC")


def test_what_ended_the_newest_run_is_the_reason_for_all(desk: ValidationDesk) -> None:
    """Batches that failed yesterday wait for today's key as the others do: one reason, one thing to do."""
    desk.vendor.script = lambda _s, _n: down()
    desk.check()
    desk.vendor.script = lambda _s, _n: down(FailureKind.AUTH, "401: apikey is incorrect. You can get one at …")
    desk.check()
    (wait,) = SessionView.of(desk.lake, PLACE).waits
    assert (len(wait.symbols), wait.why) == (24, "the vendor refuses the key (401: apikey is incorrect)")


def test_a_disagreement_is_an_error_also_while_others_wait(desk: ValidationDesk) -> None:
    """It names the symbol, the cause, whose bars are in doubt, and the command that shows it."""

    def script(symbols: Any, number: int) -> Any:
        if number:
            return down()
        return {symbols[3]: their_bars(symbols[3], DAY.replace(day=2), DAY, 150.0)}

    desk.vendor.script = script
    result = desk.check()
    assert checks(result)["prices_agree"].severity is ERROR
    agree = checks(desk.sum_up())["prices_agree"]
    assert (agree.passed, agree.severity) == (False, ERROR)
    assert (agree.description or "").startswith(f"{DAY}: 8 of 24 symbols compared, 1 disagrees. S03: ")
    assert text(agree.metadata["next_step"]) == f"stocks validation results --date {DAY} --status failed"


def test_all_well_is_said_in_numbers(desk: ValidationDesk) -> None:
    """Both checks pass, and the run's own do."""
    result = desk.check()
    assert all(check.passed for check in checks(result).values())
    found = checks(desk.sum_up())
    assert found["prices_agree"].description == f"{DAY}: 24 of 24 symbols compared, none disagrees."
    assert found["all_checked"].description == f"{DAY}: every symbol was checked."
    assert "next_step" not in found["prices_agree"].metadata
    assert desk.summary()["next_steps"] == "Nothing to do."


def test_a_symbol_nobody_could_check_is_no_wait(desk: ValidationDesk) -> None:
    """Prices that were compared agree; the symbol, its reason and what to do are all_checked's."""
    desk.vendor.script = lambda _s, _n: {"S05": down(FailureKind.PERMANENT, "404: symbol not found", "S05")}
    desk.check()
    found = checks(desk.sum_up())
    assert found["prices_agree"].passed
    assert found["prices_agree"].description == f"{DAY}: 23 of 24 symbols compared, none disagrees."
    assert found["all_checked"].description == f"{DAY}: 1 of 24 symbols could not be checked: S05."
    assert "symbol not found" in text(found["all_checked"].metadata["who"])
    assert "--status error" in desk.summary()["next_steps"]


@pytest.mark.parametrize(
    ("error", "why", "step"),
    [
        (
            UpstreamError(
                FailureKind.QUOTA_DAY, "twelvedata", "A,B", "we count on 55: set STOCKS_TWELVE_DATA_PLAN=basic8"
            ),
            "we count on 55",
            f"Set STOCKS_TWELVE_DATA_PLAN=basic8, then: {RETRY}",
        ),
        (
            UpstreamError(FailureKind.AUTH, "twelvedata", "A,B,… (8)", "no key: set STOCKS_TWELVE_DATA_API_KEY"),
            "no key is set",
            f"Set STOCKS_TWELVE_DATA_API_KEY, then: {RETRY}",
        ),
        (
            UpstreamError(FailureKind.AUTH, "limits", "", "STOCKS_LIMITS_URL (db:5432/x) refuses the user"),
            "limits: STOCKS_LIMITS_URL (db:5432/x) refuses the user",
            f"Mend that, then: {RETRY}",
        ),
        ("ZeroDivisionError: ours", "ZeroDivisionError: ours", f"Run: {RETRY}"),
        ("", "not asked yet", f"Run: {RETRY}"),
    ],
)
def test_a_written_reason_is_read_back(error: UpstreamError | str, why: str, step: str) -> None:
    """The setting by name and value, the database of the limits, our own mistakes, and no reason at all."""
    assert meaning(PLACE, str(error)) == (why, step)


def test_a_session_beside_names_itself(desk: ValidationDesk) -> None:
    """The command has its id, and the failed run says it too; the chain goes on with it as with the day's."""
    desk.vendor.script = lambda _s, _n: down(FailureKind.QUOTA_DAY, "800 of 800 are used")
    result = desk.adhoc(symbols=["S01"])
    by_hand = f"stocks validation retry --session {result.run_id[:8]}"
    assert failed_step(result) == f"After 00:00 UTC it goes on by itself (the chain), or: {by_hand}"


def test_the_progress_counts_credits_of_calls_that_failed(desk: ValidationDesk) -> None:
    """The vendor is down: no batch is done, and the credits are spent all the same; earlier ones are not counted."""
    desk.check(range(1))
    watch = Watcher(Progress(disable=True), plan_named("basic8"), 60.0, desk.lake, DAY, desk.clock.time() + 1)
    watch.place = PLACE
    assert watch.note() == "0 credits used"
    desk.vendor.script = lambda _s, _n: down()
    desk.check(range(1, 3))
    assert watch.note() == "16 credits used"

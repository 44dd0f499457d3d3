"""`stocks validate` and `stocks validation`: arguments, what they print, exit codes, exactly what a retry tries."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from stocks_pipeline.defs.us.reaping import DIED
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.validation_keys import SessionPlace
from stocks_pipeline.upstream.failures import FailureKind
from stocks_pipeline_tests.offline import Stocks, go_offline, run_stocks
from stocks_pipeline_tests.validation_desk import DAY, ValidationDesk, down

SYMBOLS = [f"S{number:02}" for number in range(20)]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ValidationDesk]:
    """A desk whose commands meet the canned vendor; S03 differs."""
    home = tmp_path / "home"
    home.mkdir()
    go_offline(monkeypatch, home, STOCKS_TWELVE_DATA_PLAN="basic8")
    with dg.DagsterInstance.ephemeral() as instance:
        made = ValidationDesk(home / "lake", instance)
        made.stock(SYMBOLS, spoilt={"S03": 1.05})
        monkeypatch.setattr("stocks_pipeline.definitions.defs", lambda: made.defs)
        yield made


@pytest.fixture
def stocks(desk: ValidationDesk) -> Stocks:
    """Run one command on that desk in this process: exit code, standard output, standard error."""
    assert desk.lake.exists(layout.batches_key("us", DAY))

    return run_stocks


def validated(stocks: Stocks, *more: str) -> tuple[int, dict[str, Any]]:
    """`stocks validate` of the day with --json."""
    code, out, _ = stocks("validate", "--date", str(DAY), "--json", *more)
    return code, json.loads(out)


def test_a_session_in_one_document(desk: ValidationDesk, stocks: Stocks) -> None:
    """D: trigger with the seed's five keys, summary, what did not pass; 3 because one differs."""
    code, found = validated(stocks)
    assert code == 3
    assert set(found["trigger"]) == {
        "status",
        "session_id",
        "total_symbols",
        "total_batches",
        "estimated_duration_minutes",
    }
    assert found["summary"]["passed_count"] == 19
    assert [row["symbol"] for row in found["symbols"]] == ["S03"]
    assert desk.summary()["session_id"] == found["trigger"]["session_id"]


def test_the_table_says_what_and_why(desk: ValidationDesk, stocks: Stocks) -> None:
    """Counts, the cause, what to do, and the five keys at the start."""
    code, out, err = stocks("validate", "--date", str(DAY))
    assert code == 3
    assert "total_batches=3" in out
    assert "19 of 20 symbols agree, 1 does not (1 one_off)" in out
    assert "S03" in out
    assert "20 credits used" in err + out
    assert desk.states() == ["completed"] * 3


def test_named_symbols_are_a_session_beside_the_days(desk: ValidationDesk, stocks: Stocks) -> None:
    """D20: only these, in a session of its own: the day's session, its results and its summary stay what they were."""
    assert validated(stocks)[0] == 3
    before = {key: desk.lake.read(key) for key in desk.lake.list("us/validation/")}
    desk.vendor.asked = []
    code, found = validated(stocks, "s01", "S02,S04", "--lookback-days", "10")
    assert (code, found["trigger"]["total_symbols"], found["summary"]["adhoc"]) == (0, 3, True)
    assert desk.vendor.asked == [("S01", "S02", "S04")]
    assert {key: desk.lake.read(key) for key in before} == before
    assert desk.session().total_symbols == 20


def test_sessions_are_listed_and_chosen_by_id(stocks: Stocks) -> None:
    """D21: the day's first, then those beside it; status, results and retry take the beginning of an id."""
    validated(stocks)
    session = validated(stocks, "S01", "S03", "--profile", "strict")[1]["trigger"]["session_id"]
    rows = json.loads(stocks("validation", "list", "--json")[1])["sessions"]
    assert [(row["kind"], row["symbols"]) for row in rows] == [("the day's", 20), ("ad hoc", 2)]
    assert rows[1]["session"] == session
    start = session.removeprefix("session-")[:8]
    assert start in stocks("validation", "list", "--date", str(DAY))[1]
    code, out, _ = stocks("validation", "status", "--session", start, "--json")
    assert (code, json.loads(out)["summary"]["total_symbols"]) == (3, 2)
    found = json.loads(stocks("validation", "results", "--session", session, "--json")[1])
    assert [row["symbol"] for row in found["results"]] == ["S01", "S03"]
    assert "1 session beside it" in stocks("validation", "status", "--date", str(DAY))[1]
    assert f"--session {start}" in stocks("validation", "status", "--session", session)[1]
    code, out, err = stocks("validation", "status", "--session", "nobody")
    assert (code, out) == (2, "")
    assert "stocks validation list" in err


def test_a_session_beside_is_gone_on_with_by_its_id(desk: ValidationDesk, stocks: Stocks) -> None:
    """D29: what failed of it is tried again in the same session, and the day's is not asked for."""
    desk.vendor.script = lambda _s, _n: down()
    code, found = validated(stocks, "S01", "S02")
    assert (code, found["summary"]["event"]) == (1, "WorkflowFailed")
    desk.vendor.script, desk.vendor.asked = (lambda _s, _n: None), []
    session = found["trigger"]["session_id"]
    code, out, _ = stocks("validation", "retry", "--session", session, "--json")
    assert (code, json.loads(out)["summary"]["event"]) == (0, "WorkflowCompleted")
    assert json.loads(out)["trigger"]["session_id"] == session
    assert desk.vendor.asked == [("S01", "S02")]
    assert desk.book().get() is None


def test_every_symbol_by_another_profile_beside_the_days(desk: ValidationDesk, stocks: Stocks) -> None:
    """D: another profile is refused for the day's own session and says how to have it; --beside has it."""
    validated(stocks)
    code, out, err = stocks("validate", "--date", str(DAY), "--profile", "strict")
    assert (code, out) == (2, "")
    assert "--beside" in err
    assert "--anew" in err
    found = validated(stocks, "--profile", "strict", "--beside")[1]
    assert (found["summary"]["profile"], found["summary"]["total_symbols"]) == ("strict", 20)
    assert desk.session().profile == "standard"


def test_a_retry_takes_what_could_not_be_checked(desk: ValidationDesk, stocks: Stocks) -> None:
    """D26: a symbol that the vendor could not answer for is asked again, alone, though its batch is complete."""
    desk.vendor.script = lambda _s, _n: {"S05": down(FailureKind.PERMANENT, "not found", "S05")}
    code, found = validated(stocks)
    assert (code, found["summary"]["error_count"]) == (3, 1)
    assert "stocks validation retry" in found["summary"]["next_steps"]
    desk.vendor.script, desk.vendor.asked = (lambda _s, _n: None), []
    out = stocks("validation", "retry", "--date", str(DAY), "--json")[1]
    assert desk.vendor.asked == [("S05",)]
    assert json.loads(out)["summary"]["error_count"] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["validate", "--profile", "lax"], 2, "standard, strict"),
        (["validate", "S0", "--date", str(DAY)], 2, "nearest"),
        (["validate", "S01", "--anew", "--date", str(DAY)], 2, "--anew replaces the day's own session"),
        (["validate", "--date", "2026-01-01"], 2, "is closed"),
        (["validate", "--date", "2025-12-30"], 1, "stocks run us --date 2025-12-30"),
        (["validation", "status", "--date", str(DAY)], 2, "stocks validate --date"),
        (["validation", "retry", "--date", str(DAY)], 2, "stocks validate --date"),
        (["validation", "results", "--status", "good"], 2, "passed, failed, error, deferred"),
        (["validation", "results", "--cause", "magic"], 2, "dividend_basis"),
    ],
)
def test_wrong_arguments_say_what_is_right(
    desk: ValidationDesk, stocks: Stocks, arguments: list[str], code: int, says: str
) -> None:
    """E: one line, nothing recorded."""
    found, out, err = stocks(*arguments)
    assert (found, out) == (code, "")
    assert says in " ".join(err.split())
    assert desk.vendor.asked == []
    assert desk.book().get() is None


def test_retry_tries_exactly_what_failed_or_waits(desk: ValidationDesk, stocks: Stocks) -> None:
    """D: of the same session; the good batch is not asked again; then there is nothing to retry."""
    desk.vendor.script = lambda symbols, _: None if symbols[0] == "S08" else down()
    code, found = validated(stocks)
    assert code == 3
    assert found["summary"]["event"] == "WorkflowFailed"
    session = desk.session().session_id
    desk.vendor.script, desk.vendor.asked = (lambda _s, _n: None), []
    code, out, _ = stocks("validation", "retry", "--date", str(DAY), "--json")
    assert [symbols[0] for symbols in desk.vendor.asked] == ["S00", "S16"]
    assert json.loads(out)["summary"]["event"] == "WorkflowCompleted"
    assert (code, desk.session().session_id) == (3, session)
    desk.vendor.asked = []
    assert "Nothing to retry" in stocks("validation", "retry", "--date", str(DAY))[1]
    assert desk.vendor.asked == []


def test_a_spent_day_says_so_and_how_to_go_on(desk: ValidationDesk, stocks: Stocks) -> None:
    """F: nothing was checked: 1; the reason and the command that goes on."""
    desk.vendor.script = lambda _s, _n: down(FailureKind.QUOTA_DAY, "no credits left today")
    code, out, err = stocks("validate", "--date", str(DAY))
    assert code == 1
    assert "no credits left today" in out + err
    assert f"stocks validation retry --date {DAY}" in out


def test_results_are_filtered(stocks: Stocks) -> None:
    """D: by status and by cause, with the issues for a program."""
    validated(stocks)
    code, out, _ = stocks("validation", "results", "--date", str(DAY), "--status", "failed", "--json")
    (row,) = json.loads(out)["results"]
    assert (code, row["symbol"]) == (0, "S03")
    assert row["issues"][0]["rule"] == "accuracy"
    other = stocks("validation", "results", "--date", str(DAY), "--cause", "duplicate", "--json")[1]
    assert json.loads(other)["results"] == []
    assert len(json.loads(stocks("validation", "results", "--date", str(DAY), "--json")[1])["results"]) == 20


def test_status_reads_only(desk: ValidationDesk, stocks: Stocks) -> None:
    """The same counts as the run printed; no file is written."""
    validated(stocks)
    before = {key: desk.lake.read(key) for key in desk.lake.list("us/")}
    code, out, _ = stocks("validation", "status", "--date", str(DAY), "--json")
    assert (code, json.loads(out)["summary"]["passed_count"]) == (3, 19)
    assert {key: desk.lake.read(key) for key in desk.lake.list("us/")} == before


def test_an_empty_day_is_well(desk: ValidationDesk, stocks: Stocks) -> None:
    """No symbols is no error."""
    friday = date(2026, 1, 2)
    desk.stock([], friday)
    code, out, _ = stocks("validate", "--date", str(friday), "--json")
    assert (code, json.loads(out)["summary"]["total_symbols"]) == (0, 0)
    assert desk.lake.exists(SessionPlace("us", friday).summary)


def test_failed_batches_are_dead_letters(desk: ValidationDesk, stocks: Stocks) -> None:
    """D28, D32: session, symbols, class, tries, and the command that tries exactly them, also of one beside it."""
    assert "no batch of the newest sessions failed" not in stocks("dead-letters")[1]
    desk.vendor.script = lambda symbols, _: down(FailureKind.TRANSIENT) if "S00" in symbols else None
    validated(stocks)
    _, out, _ = stocks("validate", "S00", "--date", str(DAY), "--json")
    beside = json.loads(out)["trigger"]["session_id"].removeprefix("session-")[:8]
    code, out, _ = stocks("dead-letters", "--json")
    found = json.loads(out)["validation"]
    assert (code, found["total"]) == (0, 2)
    own, other = found["failed"]
    assert (own["batch"], own["symbols"], own["kind"], own["tries"]) == (0, SYMBOLS[:8], "transient", 3)
    assert "503: try later" in own["why"]
    assert own["do"].endswith(f": stocks validation retry --date {DAY}")
    assert other["do"].endswith(f": stocks validation retry --session {beside}")
    code, out, _ = stocks("dead-letters", "--date", str(DAY))
    assert code == 0
    assert "Validation: 2 batches of 2 sessions failed." in out
    assert f"session {beside}" in out
    desk.vendor.script = lambda *_: None
    stocks("validation", "retry", "--date", str(DAY))
    stocks("validation", "retry", "--session", beside)
    assert "Validation: no batch of the newest sessions failed." in stocks("dead-letters")[1]


def test_ten_dead_letters_are_shown_unless_more_are_asked_for(desk: ValidationDesk, stocks: Stocks) -> None:
    """D32: of eleven failed batches ten, and how many there are; --limit shows more or fewer."""
    desk.stock([f"S{number:02}" for number in range(88)])
    desk.vendor.script = lambda _s, _n: down()
    validated(stocks)
    assert desk.states() == ["failed"] * 11

    def shown(*more: str) -> tuple[list[int], int]:
        found = json.loads(stocks("dead-letters", "--json", *more)[1])["validation"]
        return [row["batch"] for row in found["failed"]], found["total"]

    assert shown() == (list(range(10)), 11)
    assert shown("--limit", "11") == (list(range(11)), 11)
    assert shown("--limit", "2") == ([0, 1], 11)
    out = stocks("dead-letters", "--date", str(DAY))[1]
    assert "Validation: 11 batches of 1 session failed." in out
    assert "10 of 11" in out


def test_a_batch_whose_run_died_and_one_we_broke_are_told_apart(desk: ValidationDesk, stocks: Stocks) -> None:
    """D28: of neither the vendor is to blame; the first needs nothing but another try."""
    assert desk.open().success
    book = desk.book()
    book.start(0)
    book.fail(0, "TypeError: no such thing")
    book.start(1)
    book.abandon(DIED, desk.clock.now())
    rows = json.loads(stocks("dead-letters", "--json")[1])["validation"]["failed"]
    assert [(row["kind"], row["tries"]) for row in rows] == [("bug", None), ("died", None), ("died", None)]

"""What `stocks validate` refuses before it opens or replaces a session, and what it says while another is at it."""

import threading
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from typer.testing import CliRunner

from stocks_pipeline.cli.app import app
from stocks_pipeline.clock import SystemClock
from stocks_pipeline.defs.paid_resources import _credits
from stocks_pipeline.settings import Settings
from stocks_pipeline.storage.validation_keys import SessionPlace
from stocks_pipeline.upstream.claims import Claims
from stocks_pipeline_tests.offline import go_offline
from stocks_pipeline_tests.validation_desk import DAY, ValidationDesk

SYMBOLS = [f"S{number:02}" for number in range(20)]
DAYS_OWN = SessionPlace("us", DAY)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ValidationDesk]:
    """A desk whose commands meet the canned vendor."""
    home = tmp_path / "home"
    home.mkdir()
    go_offline(monkeypatch, home, STOCKS_TWELVE_DATA_PLAN="basic8")
    with dg.DagsterInstance.ephemeral() as instance:
        made = ValidationDesk(home / "lake", instance)
        made.stock(SYMBOLS)
        monkeypatch.setattr("stocks_pipeline.definitions.defs", lambda: made.defs)
        yield made


def stocks(*arguments: str) -> tuple[int, str, str]:
    """Run one command in this process: exit code, standard output, standard error in one line."""
    found = CliRunner().invoke(app, list(arguments))
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found.exit_code, found.stdout, " ".join(found.stderr.split())


def runs_recorded() -> int:
    """In the commands' own instance."""
    with dg.DagsterInstance.get() as instance:
        return instance.get_runs_count()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"STOCKS_UPSTREAM": "live", "STOCKS_SANDBOX_URL": ""}, "STOCKS_TWELVE_DATA_API_KEY"),
        ({"STOCKS_TWELVE_DATA_PLAN": "golden"}, "STOCKS_TWELVE_DATA_PLAN"),
        ({"STOCKS_LIMITS_URL": "mysql://nowhere"}, "STOCKS_LIMITS_URL"),
    ],
    ids=["key", "plan", "limits"],
)
def test_a_wrong_setting_costs_no_result(
    desk: ValidationDesk, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], says: str
) -> None:
    """F: exit 2 before anything changed: --anew keeps the session and its results, a retry its record."""
    assert stocks("validate", "--date", str(DAY))[0] == 0
    desk.lake.delete(DAYS_OWN.batch(2))
    before = {key: desk.lake.read(key) for key in desk.lake.list("us/")}
    runs = runs_recorded()
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    for arguments in (("validate", "--anew"), ("validate", "S01"), ("validation", "retry")):
        code, out, err = stocks(*arguments, "--date", str(DAY))
        assert (code, out) == (2, ""), err
        assert says in err
    assert {key: desk.lake.read(key) for key in desk.lake.list("us/")} == before
    assert runs_recorded() == runs > 0


def test_limits_that_cannot_be_reached_cost_no_result(desk: ValidationDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """F: the database is down: exit 1, the session stays."""
    assert stocks("validate", "--date", str(DAY))[0] == 0
    before = desk.session()
    monkeypatch.setenv("STOCKS_LIMITS_URL", "postgresql://nobody@127.0.0.1:1/none")
    assert stocks("validate", "--anew", "--date", str(DAY))[0] == 1
    assert desk.session() == before


@pytest.mark.parametrize("symbols", [[""], [" ", ","]])
def test_an_empty_symbol_is_not_every_symbol(desk: ValidationDesk, symbols: list[str]) -> None:
    """E: an unset variable of a script must not spend the day's credits."""
    code, out, err = stocks("validate", *symbols, "--date", str(DAY))
    assert (code, out, desk.vendor.asked) == (2, "", [])
    assert "SYMBOL" in err


def test_anew_keeps_what_was_found_beside(desk: ValidationDesk) -> None:
    """The replaced session is in the list, with its results, and can be looked at by its id."""
    assert stocks("validate", "--date", str(DAY))[0] == 0
    old = desk.session().session_id.removeprefix("session-")[:8]
    assert stocks("validate", "--anew", "--date", str(DAY))[0] == 0
    assert old in stocks("validation", "list", "--date", str(DAY))[1]
    code, out, _ = stocks("validation", "status", "--session", old)
    assert code == 0
    assert "20 of 20 symbols agree" in out


@pytest.mark.timeout(60)
def test_who_comes_second_is_told(desk: ValidationDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process is at the session: the command says so and waits, then shows what was found."""
    told: list[str] = []
    monkeypatch.setattr("stocks_pipeline.cli.validate.complain", told.append)
    claims = Claims(str(desk.root.parent / "control.db"), clock=SystemClock())

    monkeypatch.setattr("stocks_pipeline.defs.us.at_work._alive", lambda _instance, run_id: run_id == "1234")

    def other() -> None:
        with claims.hold(f"validation {desk.lake.uri(DAYS_OWN.record)}", "1234"):
            held.set()
            while not told and not over.wait(0.05):
                pass

    held, over = threading.Event(), threading.Event()
    first = threading.Thread(target=other)
    first.start()
    held.wait(10)
    code, out, _ = stocks("validate", "--date", str(DAY))
    over.set()
    first.join(10)
    assert code == 0
    assert "run 1234 is at the session of 2026-01-05" in told[0]
    assert "20 of 20" in out


def test_anew_on_a_spent_day_replaces_nothing(desk: ValidationDesk) -> None:
    """D: a finished session is not given up for one that today's credits cannot bring; tomorrow they can."""
    assert stocks("validate", "--date", str(DAY))[0] in {0, 3}
    before, record = desk.summary(), desk.lake.read(DAYS_OWN.record)
    limiter = _credits(Settings.load())
    limiter.acquire(8)
    with limiter._ledger._store.transaction() as con:
        con.execute("UPDATE limit_days SET credits=790")
    limiter.close()
    code, _, err = stocks("validate", "--anew", "--date", str(DAY))
    assert code == 1
    assert "10 of 800 credits are left today, 20 are needed: try after 00:00 UTC" in err
    assert (desk.summary(), desk.lake.read(DAYS_OWN.record)) == (before, record)

"""`stocks alerts`: what was told and what waits, and handing over what waits to a receiver that is well again."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from stocks_pipeline.cli.app import app
from stocks_pipeline.clock import SystemClock
from stocks_pipeline.defs.operations.alerts import open_outbox, tell
from stocks_pipeline.domain.alert_facts import FailedRun
from stocks_pipeline.domain.alerts import of_run
from stocks_pipeline.settings import Settings
from stocks_pipeline_tests.sandbox.test_alert_sinks import Hook, hook

__all__ = ["hook"]
Stocks = Callable[..., tuple[int, str]]


@pytest.fixture
def stocks(hook: Hook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stocks:
    """Runs a command on a desk that tells a log and a web hook: exit code, standard output."""
    for name, value in {
        "STOCKS_HOME": str(tmp_path / "home"),
        "STOCKS_ALERT_SINKS": "log,webhook",
        "STOCKS_ALERT_WEBHOOK_URL": hook.url,
    }.items():
        monkeypatch.setenv(name, value)

    def call(*arguments: str) -> tuple[int, str]:
        found = CliRunner().invoke(app, ["alerts", *arguments])
        if found.exception is not None and not isinstance(found.exception, SystemExit):
            raise found.exception
        return found.exit_code, found.stdout + found.stderr

    return call


def document(answer: tuple[int, str]) -> Mapping[str, Any]:
    """The document of a --json answer."""
    found: dict[str, Any] = json.loads(answer[1][answer[1].index("{") :])
    return found


def happened(*numbers: int) -> None:
    """Runs failed; what the daemon's sensor does about it."""
    found, clock = Settings.load(), SystemClock()
    at = datetime(2025, 12, 5, 7, tzinfo=UTC)
    facts = [FailedRun(f"r-{n}", f"job-{n}", "", "boom", "stocks status", at) for n in numbers]
    outbox = open_outbox(found, clock)
    outbox.put([of_run(fact) for fact in facts], found.alerts.sinks, clock.time())
    tell(outbox, found, clock)
    outbox.close()


def test_a_desk_that_never_ran_has_none_and_stays_untouched(stocks: Stocks, tmp_path: Path) -> None:
    """Looking and sending make nothing; the daemon that finds alerts is named."""
    assert "stocks dev" in stocks()[1]
    assert document(stocks("--json")) == {"alerts": [], "waiting": []}
    assert stocks("send")[0] == 0
    assert not (tmp_path / "home").exists()


def test_what_waits_is_seen_and_is_handed_over_once(stocks: Stocks, hook: Hook) -> None:
    """E38: the hook is down, the log is not: seen by sink, newest first; sent by hand it arrives, each alert once."""
    hook.answer = 503
    happened(1, 2)
    rows = document(stocks("--json"))["alerts"]
    assert [(row["key"], row["sink"], row["status"]) for row in rows] == [
        ("run:r-2", "log", "sent"),
        ("run:r-2", "webhook", "waiting"),
        ("run:r-1", "log", "sent"),
        ("run:r-1", "webhook", "waiting"),
    ]
    (waiting,) = document(stocks("--json"))["waiting"]
    assert (waiting["sink"], waiting["count"], "503" in waiting["said"]) == ("webhook", 2, True)
    text = stocks("--status", "waiting", "--sink", "webhook")[1]
    assert "Run of job-2 failed" in text
    assert "sent" not in text.split("What to do")[0]
    assert "stocks alerts send" in text.split("What to do")[1]
    assert "s3cr3t" not in text

    code, text = stocks("send")
    assert (code, "webhook took 0 alerts" in text) == (1, True)
    hook.answer, before = 204, len(hook.got)
    assert document(stocks("send", "--json")) == {"taken": {"log": 0, "webhook": 2}, "waiting": []}
    assert stocks("send")[0] == 0
    assert [body["key"] for _, _, body in hook.got[before:]] == ["run:r-1", "run:r-2"]
    assert [row["status"] for row in document(stocks("--sink", "webhook", "--last", "1", "--json"))["alerts"]] == [
        "sent"
    ]


def put(*sinks: str) -> None:
    """One more alert for these sinks, not delivered."""
    found, clock = Settings.load(), SystemClock()
    outbox = open_outbox(found, clock)
    outbox.put([of_run(FailedRun("r-9", "job-9", "", "", "", datetime(2025, 12, 5, tzinfo=UTC)))], sinks, clock.time())
    outbox.close()


def test_what_waits_for_a_sink_that_nobody_names_says_so(stocks: Stocks) -> None:
    """A sink that was switched off keeps its alerts; sending to the others is well, and how to get them is told."""
    put("sns")
    code, text = stocks("send")
    assert (code, "name sns in STOCKS_ALERT_SINKS" in text) == (0, True)
    assert "name sns in STOCKS_ALERT_SINKS" in stocks()[1]


def test_one_dead_sink_does_not_hold_the_other(stocks: Stocks, hook: Hook) -> None:
    """Exit code 3; what is handed to the log from the command line stands on standard error, not nowhere."""
    hook.answer = 503
    put("webhook", "log")
    code, text = stocks("send")
    assert (code, "log took 1 alert; webhook took 0 alerts." in text) == (3, True)
    assert "ALERT error RunFailed: Run of job-9 failed" in text


@pytest.mark.parametrize(
    ("arguments", "field", "valid"),
    [
        (["--sink", "pager"], "--sink", "eventbridge"),
        (["--status", "lost"], "--status", "waiting, sent"),
        (["send", "--sink", "sns"], "--sink", "log, webhook"),
        (["--last", "0"], "--last", ""),
    ],
)
def test_wrong_arguments_name_the_field(stocks: Stocks, arguments: list[str], field: str, valid: str) -> None:
    """And what is valid; exit code 2."""
    code, said = stocks(*arguments)
    assert (code, field in said, valid in said) == (2, True, True), said

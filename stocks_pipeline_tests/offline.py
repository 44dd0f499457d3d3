"""A home for commands that meet nobody: the environment of a desk without upstreams, and a runner of `stocks`.

What belongs here: what tests of the command line share. What does not: a desk's data (market_desk.py, morning_desk.py).
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stocks_pipeline.cli.app import app

Stocks = Callable[..., tuple[int, str, str]]
"""Arguments to exit code, standard output, standard error."""


def go_offline(monkeypatch: pytest.MonkeyPatch, home: Path, **more: str) -> None:
    """Settings of a desk in `home` whose upstreams nobody answers; `more` of them, or others."""
    for name, value in {
        "STOCKS_UPSTREAM": "sandbox",
        "STOCKS_SANDBOX_URL": "http://127.0.0.1:9",
        "STOCKS_HOME": str(home),
        "DAGSTER_HOME": str(home / "dagster"),
        "STOCKS_LAKE": str(home / "lake"),
        "STOCKS_CONTROL_DB": str(home / "control.db"),
        **more,
    }.items():
        monkeypatch.setenv(name, value)


def run_stocks(*arguments: str) -> tuple[int, str, str]:
    """A command in this process; what it raises beside an exit code is raised here."""
    found = CliRunner().invoke(app, list(arguments))
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found.exit_code, found.stdout, found.stderr

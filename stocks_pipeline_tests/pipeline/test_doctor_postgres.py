"""The doctor on limits in a real Postgres: usable, cooling, refused; and its probe leaves nothing."""

import dataclasses
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from stocks_pipeline.cli import doctor_reports, doctor_shared
from stocks_pipeline.cli.doctor_checks import Finding
from stocks_pipeline.clock import SystemClock
from stocks_pipeline.settings import Settings
from stocks_pipeline.upstream.budget import Budget
from stocks_pipeline.upstream.limits import Rate, open_limiter
from stocks_pipeline_tests.postgres_server import postgres_server


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    with postgres_server() as made:
        yield made


def settings(url: str, home: Path) -> Settings:
    """A desk that never ran, with its limits at that address."""
    return dataclasses.replace(Settings.load({"STOCKS_HOME": str(home)}), limits_url=url)


def look(url: str, home: Path) -> list[Finding]:
    """What the doctor says of limits at that address."""
    return list(doctor_shared.limits(settings(url, home)))


def test_a_database_that_can_be_used_is_well_and_keeps_no_probe(server: Any, tmp_path: Path) -> None:
    """D35: written and taken back; an upstream that cools down there is told, with its reason."""
    url = server.get_uri()
    (finding,) = look(url, tmp_path)
    assert (finding.state, "written and taken back" in finding.what) == ("ok", True)
    limiter = open_limiter(url, "yahoo", [Rate(5, 1.0)], clock=SystemClock(), upstream="yahoo")
    limiter.cool_down(60, "HTTP 429")
    limiter.close()
    assert [(f.name, f.state) for f in look(url, tmp_path)] == [("limits", "ok"), ("limits of yahoo", "warn")]
    with psycopg.connect(url) as con:
        assert con.execute("SELECT key FROM limit_keys").fetchall() == [("yahoo",)]


def test_a_user_who_may_not_write_is_refused_with_what_to_do(server: Any, tmp_path: Path) -> None:
    """D35: the server answers and still no run could count: a failure that says which right is missing."""
    url = server.get_uri()
    with psycopg.connect(url, autocommit=True) as con:
        con.execute("CREATE ROLE reader LOGIN")
    (finding,) = look(url.replace("//postgres:@", "//reader:@"), tmp_path)
    assert (finding.state, "permission denied" in finding.what) == ("fail", True)
    assert "right to make and write tables" in finding.do


def test_the_budget_of_several_machines_is_the_databases(server: Any, tmp_path: Path) -> None:
    """C21: what another machine spent today is told here, where nothing ever ran; out of reach is no zero."""
    url, today = server.get_uri(), SystemClock().now().date()
    other = Budget(url, Decimal(2), clock=SystemClock())
    other.settle("theirs", Decimal("1.95"), day=today)
    other.close()
    (finding,) = doctor_reports.budget(settings(url, tmp_path))
    assert (finding.state, f"1.9500 of 2.00 USD spent on {today}" in finding.what) == ("warn", True)
    (finding,) = doctor_reports.budget(settings("postgresql://localhost:1/nowhere", tmp_path))
    assert (finding.state, "cannot be read" in finding.what) == ("fail", True)

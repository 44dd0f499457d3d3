"""The doctor on limits in a real Postgres: usable, cooling, refused; and its probe leaves nothing."""

import dataclasses
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from stocks_pipeline.cli import doctor_shared
from stocks_pipeline.cli.doctor_checks import Finding
from stocks_pipeline.clock import SystemClock
from stocks_pipeline.settings import Settings
from stocks_pipeline.upstream.limits import Rate, open_limiter
from stocks_pipeline_tests.pipeline.test_limits_postgres import postgres


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    """A Postgres of our own; not below pytest's folder, which another pytest that starts meanwhile closes."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        made = postgres(Path(folder) / "pg")
        yield made
        made.cleanup()


def look(url: str, home: Path) -> list[Finding]:
    """What the doctor says of limits at that address."""
    found = Settings.load({"STOCKS_HOME": str(home)})
    return list(doctor_shared.limits(dataclasses.replace(found, limits_url=url)))


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

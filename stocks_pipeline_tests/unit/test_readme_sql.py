"""The README's SQL, as it is printed there, against a small lake."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from stocks_pipeline.storage.lake import Lake, open_lake
from stocks_pipeline.storage.warehouse import Warehouse
from stocks_pipeline_tests.dr_files import payload, put_report, put_ticker
from stocks_pipeline_tests.price_files import put_daily, put_raw

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sql\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
COMMANDS = re.findall(r'^stocks sql "(SELECT .*)"$', README, flags=re.MULTILINE)
EXERCISES = re.findall(r'^stocks sql "(SELECT .*)"\s+# ', README, flags=re.MULTILINE)
"""Queries of the exercises: they ask for what the exercises before them made, which sandbox/test_cli_mornings runs."""
QUERIES = [*COMMANDS, *(query.strip() for block in BLOCKS for query in block.split(";") if query.strip())]
SESSION = date(2025, 12, 5)
CLOSES = {f"S{n:02d}": {SESSION: float(n + 1)} for n in range(12)}
FAILED = {"symbol": "XXX", "status": "failed", "kind": "rate", "message": "429", "attempts": 3, "rows": 0}


@contextmanager
def plain_connection() -> Iterator[Any]:
    connection = duckdb.connect()
    yield connection
    connection.close()


def todays(now: datetime) -> date:
    """The morning that is today in Bangkok, which has no summer time."""
    return (now + timedelta(hours=7)).date()


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A day of prices, and this and yesterday's morning; written at five in Bangkok, which is yesterday in UTC."""
    lake, today = open_lake(str(tmp_path / "lake")), todays(datetime.now(UTC))
    put_daily(lake, SESSION, CLOSES)
    put_raw(lake, SESSION, 0, CLOSES, [FAILED])
    for day in (today - timedelta(days=1), today):
        put_ticker(lake, day, {"NVDA19": {day - timedelta(days=n): 1.0 for n in range(5)}, "DBS19": {day: 2.0}})
        five = datetime(day.year, day.month, day.day, 5, 25, tzinfo=UTC) - timedelta(hours=7)
        for name in ("NVDA19", "DBS19"):
            put_report(lake, day, name, payload(five))
    return lake


@pytest.fixture
def warehouse(lake: Lake) -> Iterator[Warehouse]:
    with Warehouse(lake, connect=plain_connection) as opened:
        yield opened


def test_all_of_the_readmes_sql_is_found() -> None:
    """The patterns above still fit the page: a query that is not found is not tested."""
    assert len(COMMANDS) + len(EXERCISES) == README.count('stocks sql "') - README.count('stocks sql "SELECT …"')
    assert (len(BLOCKS), len(QUERIES) - len(COMMANDS)) == (1, 3)


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_of_the_readme_runs_and_finds_something(warehouse: Warehouse, query: str) -> None:
    """As printed."""
    assert warehouse.sql(query).num_rows > 0


@pytest.mark.parametrize("query", EXERCISES)
def test_a_query_of_the_exercises_is_valid(warehouse: Warehouse, query: str) -> None:
    """As printed, on a desk where nobody did the exercises: an answer, not an error."""
    assert warehouse.sql(query).column_names


def test_the_mornings_queries_answer_what_they_ask(warehouse: Warehouse) -> None:
    """Only today's data and reports; of one ticker the newest report, its text quoted as JSON."""
    before = todays(datetime.now(UTC))
    data, reports, one = (warehouse.sql(query).to_pylist() for query in QUERIES[len(COMMANDS) :])
    if before != todays(datetime.now(UTC)):
        pytest.skip("it was midnight in Bangkok")
    assert [(row["symbol"], row["data_date"], row["price_points"]) for row in data] == [
        ("DBS19", before, 1),
        ("NVDA19", before, 5),
    ]
    assert {row["symbol"] for row in reports} == {"NVDA19", "DBS19"}
    assert {row["generated_at"].date() for row in reports} == {before}
    assert all(row["report_size"] > 1000 for row in reports)
    [row] = one
    assert row["symbol"] == "NVDA19"
    assert row["report_snippet"].startswith('"**NVDA19')
    assert todays(row["created_at"]) == before


def test_the_seeds_queries_run_as_they_were_written(warehouse: Warehouse) -> None:
    """Before MySQL became DuckDB: the documents' own three queries, with the receipt's name for NVDA."""
    before = todays(datetime.now(UTC))
    data = """SELECT symbol, data_date, COUNT(*) as price_points
FROM ticker_data
WHERE data_date = CURDATE()
GROUP BY symbol, data_date
ORDER BY symbol;"""
    reports = """SELECT symbol, generated_at, LENGTH(report_json) as report_size
FROM precomputed_reports
WHERE DATE(generated_at) = CURDATE()
ORDER BY generated_at DESC;"""
    one = """SELECT
  symbol,
  JSON_EXTRACT(report_json, '$.narrative_report') as report_snippet,
  created_at
FROM precomputed_reports
WHERE symbol = 'NVDA19'
ORDER BY created_at DESC
LIMIT 1;"""
    found = [warehouse.sql(query).num_rows for query in (data, reports, one)]
    if before != todays(datetime.now(UTC)):
        pytest.skip("it was midnight in Bangkok")
    assert found == [2, 2, 1]

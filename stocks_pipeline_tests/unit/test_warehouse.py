"""SQL over the lake: the documented views, read-only, undisturbed by writers."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from stocks_pipeline.domain.jobs import KEEP, Asked, Job
from stocks_pipeline.domain.symbols import Company, companies_to_csv
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.dictionary import VIEWS
from stocks_pipeline.storage.lake import Lake, LakeError, open_lake
from stocks_pipeline.storage.sources import SOURCES
from stocks_pipeline.storage.warehouse import QueryError, Warehouse, check, describe
from stocks_pipeline_tests.dr_files import (
    DBS,
    NVDA,
    payload,
    put_call,
    put_job,
    put_master,
    put_report,
    put_summary,
    put_ticker,
)
from stocks_pipeline_tests.price_files import put_daily, put_plan, put_raw

THU, FRI = date(2026, 11, 19), date(2026, 11, 20)
LATE = datetime(2026, 11, 19, 22, 25, tzinfo=UTC)
"""Thursday evening in UTC, Friday morning in Bangkok."""
OUTCOMES = [
    {"symbol": "BHP", "status": "ok", "kind": None, "message": "", "attempts": 1, "rows": 2},
    {"symbol": "XXX", "status": "failed", "kind": "permanent", "message": "404", "attempts": 1, "rows": 0},
]


@contextmanager
def plain_connection() -> Iterator[Any]:
    """DuckDB without Dagster, whose import takes longer than all these tests."""
    connection = duckdb.connect()
    yield connection
    connection.close()


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return open_lake(str(tmp_path / "lake"))


@pytest.fixture
def warehouse(lake: Lake) -> Iterator[Warehouse]:
    with Warehouse(lake, connect=plain_connection) as opened:
        yield opened


def fill(lake: Lake) -> None:
    """One day of everything."""
    put_raw(lake, THU, None, {"BHP": {THU: 40.0}})
    put_raw(lake, FRI, 0, {"BHP": {THU: 41.0, FRI: 42.0}}, OUTCOMES)
    put_daily(lake, FRI, {"BHP": {FRI: 42.0}})
    put_plan(lake, FRI, ["BHP", "XXX"], 1)
    companies = [
        Company("BHP", 'BHP "Group", Ltd', "Materials", date(1885, 8, 13), 2**40),
        Company("XXX", "X", "", None, None),
    ]
    lake.write(layout.symbols_key("asx", FRI), companies_to_csv(companies))


def fill_morning(lake: Lake) -> None:
    """One morning of everything the reports leave behind."""
    put_master(lake, NVDA, DBS)
    put_ticker(lake, FRI, {"NVDA19": {THU: 1.0, FRI: 2.0}, "DBS19": {FRI: 3.0}})
    put_report(lake, FRI, "NVDA19", payload(LATE))
    put_job(
        lake,
        FRI,
        Job.new("NVDA19", "exec-1", Asked("manual", 5, "a trial"), LATE)
        .started(LATE)
        .failed("429 again", "rate", LATE),
    )
    put_call(lake, LATE, Decimal("0.0065"))
    put_summary(lake, FRI)


def rows(warehouse: Warehouse, query: str, **parameters: object) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in warehouse.sql(query, parameters or None).to_pylist()]


def check_all_views(warehouse: Warehouse) -> None:
    """What `fill` wrote, seen through each view."""
    assert rows(
        warehouse, "SELECT market, as_of, session, close, batch_number FROM raw_prices ORDER BY as_of, session"
    ) == [
        ("asx", THU, THU, 40.0, None),
        ("asx", FRI, THU, 41.0, 0),
        ("asx", FRI, FRI, 42.0, 0),
    ]
    assert rows(warehouse, "SELECT market, symbol, session, close FROM daily_prices") == [("asx", "BHP", FRI, 42.0)]
    assert rows(warehouse, "FROM symbols ORDER BY symbol") == [
        ("asx", FRI, "BHP", 'BHP "Group", Ltd', "Materials", date(1885, 8, 13), 2**40),
        ("asx", FRI, "XXX", "X", None, None, None),
    ]
    assert rows(warehouse, "FROM symbol_batches ORDER BY batch_number") == [
        ("asx", FRI, 0, 1, ["BHP"]),
        ("asx", FRI, 1, 1, ["XXX"]),
    ]
    assert rows(warehouse, "FROM symbol_outcomes ORDER BY symbol") == [
        ("asx", FRI, 0, "BHP", "ok", None, "", 1, 2),
        ("asx", FRI, 0, "XXX", "failed", "permanent", "404", 1, 0),
    ]


def test_the_views_show_what_is_in_the_lake(lake: Lake, warehouse: Warehouse) -> None:
    """Every view over one day, old layout included, and what is written later is seen by the next query."""
    assert rows(warehouse, "SELECT count(*) FROM raw_prices") == [(0,)]
    fill(lake)
    check_all_views(warehouse)
    put_raw(lake, FRI, 1, {"CBA": {FRI: 5.0}})
    put_daily(lake, FRI, {"BHP": {FRI: 43.0}})
    assert rows(warehouse, "SELECT count(*) FROM raw_prices") == [(4,)]
    assert rows(warehouse, "SELECT close FROM daily_prices WHERE symbol = $symbol", symbol="BHP") == [(43.0,)]


def check_morning(warehouse: Warehouse) -> None:
    """What `fill_morning` wrote, seen through each view."""
    assert rows(
        warehouse, "SELECT symbol, yahoo_symbol, exchange, sector, is_active FROM ticker_master ORDER BY 1"
    ) == [
        ("DBS19", "D05.SI", "XSES", None, True),
        ("NVDA19", "NVDA", "XNAS", None, True),
    ]
    counts = "SELECT symbol, data_date, count(*) AS price_points FROM ticker_data GROUP BY ALL ORDER BY symbol"
    assert rows(warehouse, counts) == [("DBS19", FRI, 1), ("NVDA19", FRI, 2)]
    assert rows(warehouse, "SELECT session, close FROM ticker_data WHERE symbol = 'DBS19'") == [(FRI, 3.0)]
    assert rows(
        warehouse,
        "SELECT symbol, report_date, generated_at, computed_at, session, stance, numbers_checked, model, cost_usd, "
        "execution_id, chart_key, pdf_key, news_error FROM precomputed_reports",
    ) == [
        ("NVDA19", FRI, LATE.replace(tzinfo=None) + timedelta(hours=7), LATE, date(2024, 3, 14), "BUY", 10,
         "vendor/model", Decimal("0.0065"), "exec-1", layout.report_file_key(FRI, "NVDA19", "exec-1", "png"), None,
         None),
    ]  # fmt: skip
    assert rows(warehouse, "SELECT * EXCLUDE (message, next_steps, by_ticker) FROM precompute_summaries") == [
        (FRI, "incomplete", 2, 1, 1, 0)
    ]
    assert rows(warehouse, "SELECT by_ticker ->> '$.DBS19.error' FROM precompute_summaries") == [("429",)]
    assert rows(warehouse, "FROM jobs") == [
        (FRI, "NVDA19", "rpt_NVDA19_exec-1", "exec-1", "manual", 5, "a trial", "failed", LATE, LATE, LATE, LATE + KEEP,
         1, "429 again", "rate",
         '{"ticker":"NVDA19","status":"failed","pdf_s3_key":null,"error":"429 again"}'),
    ]  # fmt: skip
    assert rows(warehouse, "FROM llm_calls") == [
        (LATE, "NVDA19", "call-1", "exec-1", "vendor/model", "answered", None, 1.5, 1000, 400, Decimal("0.0065"))
    ]


def test_the_views_of_a_morning_show_what_is_in_the_lake(lake: Lake, warehouse: Warehouse) -> None:
    """Every view of the reports, empty before and right after, in whatever markets the warehouse was opened for."""
    for view in ("ticker_master", "ticker_data", "precomputed_reports", "precompute_summaries", "jobs", "llm_calls"):
        assert rows(warehouse, f"FROM {view}") == []
    fill_morning(lake)
    check_morning(warehouse)
    with Warehouse(lake, markets=["us"], connect=plain_connection) as other:
        check_morning(other)


def test_a_damaged_job_record_hides_no_other(lake: Lake, warehouse: Warehouse) -> None:
    """A file cut short, one of another kind and an empty one are no rows, and no error."""
    fill_morning(lake)
    for name, body in (("A19", b'{"job_id": "rpt_'), ("B19", b"{}"), ("C19", b"")):
        lake.write(layout.job_key(FRI, "exec-1", name), body)
    assert rows(warehouse, "SELECT symbol FROM jobs") == [("NVDA19",)]


def test_the_views_of_a_morning_show_the_same_from_files_read_whole(
    lake: Lake, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for prices."""
    fill_morning(lake)
    monkeypatch.setattr("stocks_pipeline.storage.warehouse._TRIES", 0)
    check_morning(warehouse)


def test_a_reports_json_is_the_payload_without_its_chart(lake: Lake, warehouse: Warehouse) -> None:
    """Nothing else is missing or changed; nulls and what is nested stay as they are."""
    stored = json.loads(put_report(lake, FRI, "NVDA19", payload(LATE)))
    [(found, text)] = rows(warehouse, "SELECT report_json, report_text FROM precomputed_reports")
    assert json.loads(found) == {key: value for key, value in stored.items() if key != "chart_base64"}
    assert text == stored["narrative_report"]
    assert {key for key, value in stored.items() if value is None} == {"news_error", "pdf_key"}


def test_names_that_need_encoding_are_told_as_they_are(lake: Lake, warehouse: Warehouse) -> None:
    """A report's symbol comes from its file's name and is decoded."""
    for name in ("NVDA19", "CON", "A.B-C", "^X"):
        put_report(lake, FRI, name, payload(LATE))
    found = rows(warehouse, "SELECT symbol FROM precomputed_reports ORDER BY symbol")
    assert found == [("A.B-C",), ("CON",), ("NVDA19",), ("^X",)]


def test_today_is_bangkoks(warehouse: Warehouse) -> None:
    """CURDATE() is the day of the mornings; current_date stays UTC's."""
    before = datetime.now(UTC)
    [(bangkok, utc)] = rows(warehouse, "SELECT CURDATE(), current_date")
    after = datetime.now(UTC)
    assert (before + timedelta(hours=7)).date() <= bangkok <= (after + timedelta(hours=7)).date()
    assert before.date() <= utc <= after.date()


def test_the_views_show_the_same_from_files_read_whole(
    lake: Lake, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last resort under constant replacement gives the same rows, and the next query reads in place again."""
    fill(lake)
    with monkeypatch.context() as patch:
        patch.setattr("stocks_pipeline.storage.warehouse._TRIES", 0)
        check_all_views(warehouse)
    check_all_views(warehouse)


def test_the_dictionary_is_the_schema(lake: Lake, warehouse: Warehouse) -> None:
    """Names, order and types of all columns, with files and without; every column is described."""
    for filled in (False, True):
        if filled:
            fill(lake)
            fill_morning(lake)
        found = [(view, name, kind) for view in VIEWS for name, kind, *_ in rows(warehouse, f"DESCRIBE FROM {view}")]
        assert found == [(view, column, kind) for view, column, kind, _ in describe()]
    assert all(text for *_, text in describe())
    assert {source.view for source in SOURCES} == set(VIEWS)


@pytest.mark.parametrize(
    "query",
    [
        "COPY (SELECT 1) TO 'x.csv'",
        "COPY daily_prices TO 'x.csv'",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO 'x.csv'",
        "explain analyze explain analyze copy (select 1) to 'x.csv'",
        "/* c */ EXPLAIN ANALYZE COPY (SELECT 1) TO 'x.csv'",
        "SELECT 1; COPY (SELECT 1) TO 'x.csv'",
        "CREATE TABLE x AS SELECT 1",
        "CREATE OR REPLACE VIEW raw_prices AS SELECT 1",
        "INSERT INTO raw_prices SELECT 1",
        "DELETE FROM daily_prices",
        "DROP VIEW raw_prices",
        "ATTACH 'x.db'",
        "SET enable_external_access = true",
        "RESET enable_external_access",
        "INSTALL httpfs",
        "LOAD httpfs",
        "PRAGMA version",
        "CALL pragma_version()",
        "EXPORT DATABASE 'x'",
        "PREPARE p AS SELECT 1",
        "",
        "-- nothing",
        "selec 1",
    ],
)
def test_only_one_question_at_a_time_passes(query: str) -> None:
    """Nothing that could write, configure, load or attach; also not behind EXPLAIN ANALYZE, which runs its query."""
    with pytest.raises(QueryError):
        check(query)


@pytest.mark.parametrize(
    "query",
    ["SELECT 1", "WITH a AS (SELECT 1) FROM a", "FROM a", "DESCRIBE a", "SHOW TABLES", "SUMMARIZE a", "EXPLAIN FROM a",
     "explain analyze select 1", "-- c\nSELECT 1;", "VALUES (1)"],
)  # fmt: skip
def test_questions_pass(query: str) -> None:
    """The read-only half of the language."""
    check(query)


def test_nothing_outside_the_lake_can_be_read(lake: Lake, warehouse: Warehouse, tmp_path: Path) -> None:
    """Not by table function, path, pattern, parent folder, neighbour with the same beginning, or Python variable."""
    fill(lake)
    secret = tmp_path / "secret.txt"
    secret.write_text("password")
    neighbour = tmp_path / "lake2"
    neighbour.mkdir()
    (neighbour / "x.txt").write_text("password")
    for query in (
        f"FROM read_text('{secret}')",
        f"FROM read_text('{lake.root}/../secret.txt')",
        f"FROM read_text('{lake.root}/asx/../../secret.txt')",
        f"FROM read_text('{neighbour}/x.txt')",
        f"FROM '{secret}'",
        f"FROM glob('{tmp_path}/*')",
        "FROM read_text('/etc/passwd')",
        "FROM read_csv('/etc/passwd')",
        "FROM secret",
    ):
        with pytest.raises(QueryError):
            warehouse.sql(query)
    assert rows(warehouse, "SELECT count(*) FROM raw_prices") == [(3,)]


def test_a_lake_behind_a_link_is_read_and_a_link_out_of_it_is_not(lake: Lake, tmp_path: Path) -> None:
    """A Mac puts temporary folders behind a link; a link inside the lake to somewhere else is a way out."""
    fill(lake)
    (tmp_path / "link").symlink_to(lake.root)
    (tmp_path / "secret.txt").write_text("password")
    (Path(lake.root) / "way-out").symlink_to(tmp_path)
    with Warehouse(str(tmp_path / "link"), connect=plain_connection) as linked:
        assert rows(linked, "SELECT count(*) FROM raw_prices") == [(3,)]
        with pytest.raises(QueryError, match="Permission"):
            linked.sql(f"FROM read_text('{tmp_path}/link/way-out/secret.txt')")


def test_a_wrong_query_says_what_is_wrong(warehouse: Warehouse) -> None:
    """DuckDB's own words, as one class of error."""
    with pytest.raises(QueryError, match="no_such_column"):
        warehouse.sql("SELECT no_such_column FROM daily_prices")
    with pytest.raises(QueryError, match="nowhere"):
        warehouse.sql("FROM nowhere")


def test_a_lake_that_is_not_there_is_an_error_and_an_empty_one_is_not(tmp_path: Path) -> None:
    """A typing error in STOCKS_LAKE must not look like a quiet market."""
    with Warehouse(str(tmp_path / "no" / "lake"), connect=plain_connection) as lost, pytest.raises(LakeError) as caught:
        lost.sql("FROM raw_prices")
    assert "STOCKS_LAKE" in str(caught.value)
    with pytest.raises(LakeError, match="pattern"):
        Warehouse(str(tmp_path / "lake[1]"))


def test_queries_are_never_disturbed_by_writers(lake: Lake, warehouse: Warehouse) -> None:
    """Files are replaced by ones of another size while they are queried: no error, and each file's rows are whole."""
    bars = [{f"S{n:03d}": {FRI: float(size)} for n in range(size)} for size in (40, 400, 90)]
    blobs = []
    for each in bars:
        put_raw(lake, FRI, 0, each, OUTCOMES)
        blobs.append(lake.read(layout.raw_key("asx", FRI, 0)))
    keys = [layout.raw_key("asx", FRI, batch) for batch in range(6)]
    for key in keys:
        lake.write(key, blobs[0])
    stop = threading.Event()

    def write() -> None:
        turn = 0
        while not stop.is_set():
            turn += 1
            lake.write(keys[turn % 6], blobs[turn % 3])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(25):
            found = rows(warehouse, "SELECT batch_number, min(close), max(close), count(*) FROM raw_prices GROUP BY 1")
            assert len(found) == 6
            assert all(low == high == count for _, low, high, count in found)
            assert rows(warehouse, "SELECT count(*) FROM symbol_outcomes") == [(12,)]
    finally:
        stop.set()
        writer.join()


def test_threads_share_a_warehouse(lake: Lake, warehouse: Warehouse) -> None:
    """Eight threads, one connection, right answers."""
    fill(lake)
    answers: list[Any] = []
    threads = [
        threading.Thread(target=lambda: answers.append(rows(warehouse, "SELECT sum(close) FROM raw_prices")))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [[(123.0,)]] * 8


def test_the_default_connection_is_dagsters_and_can_be_reopened(lake: Lake) -> None:
    """DuckDBResource in memory; close gives it back and the next query opens another."""
    fill(lake)
    warehouse = Warehouse(lake.root)
    for _ in range(2):
        assert rows(warehouse, "SELECT count(*) FROM daily_prices") == [(1,)]
        warehouse.close()


def test_a_failed_opening_leaves_nothing_open(lake: Lake) -> None:
    """The connection is given back when the views cannot be made."""
    closed: list[bool] = []

    @contextmanager
    def broken() -> Iterator[Any]:
        connection = duckdb.connect(config={"lock_configuration": True})
        try:
            yield connection
        finally:
            connection.close()
            closed.append(True)

    with pytest.raises(duckdb.Error):
        Warehouse(lake, connect=broken).sql("SELECT 1")
    assert closed == [True]

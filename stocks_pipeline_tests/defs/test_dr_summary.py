"""The summary of a morning: true counts of every mixture, and the one check to look at."""

import itertools
import json
from pathlib import Path

import dagster as dg

from stocks_pipeline.defs.dr.job_book import JobBook
from stocks_pipeline.defs.dr.master import as_table
from stocks_pipeline.defs.dr.summary import CHECK, summarise
from stocks_pipeline.domain.jobs import JobStatus
from stocks_pipeline.domain.schemas import TICKERS
from stocks_pipeline.domain.tickers import parse_tickers
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import Lake, open_lake
from stocks_pipeline.storage.tables import write_table
from stocks_pipeline.upstream.failures import FailureKind
from stocks_pipeline_tests.fakes import FakeClock
from stocks_pipeline_tests.morning_desk import ACTIVE, DAY, LIST, MORNING, MorningDesk, down, failure_of, morning

__all__ = ["morning"]
STATES = {
    "report": ("success", ""),
    "failed": ("failed", "malformed"),
    "failed after a report": ("failed", "malformed"),
    "put back": ("skipped", "auth"),
    "put back after a report": ("success", ""),
    "in progress": ("skipped", "not begun"),
    "data only": ("skipped", "not begun"),
    "nothing": ("skipped", "no data"),
}
"""What a ticker can be found in -> status and class in the summary."""


def put(lake: Lake, ticker: str, state: str) -> None:
    """Bring one ticker into that state, through its job book as the reports do."""
    clock = FakeClock(MORNING.timestamp())
    book = JobBook(lake, DAY, "e1", "test", clock)
    if state != "nothing":
        lake.write(layout.ticker_data_key(DAY, ticker), b"bars")
    if state in {"nothing", "data only"}:
        return
    book.open([ticker])
    book.start(ticker)
    if "report" in state:
        lake.write(layout.report_key(DAY, ticker), b"{}")
        book.complete(ticker, {})
        clock.advance(1)
        book = JobBook(lake, DAY, "e2", "test", clock)
        if state != "report":
            book.open([ticker])
            book.start(ticker)
    if state.startswith("failed"):
        book.fail(ticker, down(ticker, FailureKind.MALFORMED, "refused"))
    if state.startswith("put back"):
        book.put_back(ticker, down(ticker, FailureKind.AUTH, "401"))


def test_counts_are_true_for_every_mixture(tmp_path: Path) -> None:
    """B28, B40: success + failed + skipped is the total, each ticker with its class; completed means all."""
    third = itertools.cycle(STATES)
    for number, pair in enumerate(itertools.combinations_with_replacement(STATES, 2)):
        states = (*pair, next(third))
        lake = open_lake(str(tmp_path / str(number)))
        write_table(lake, layout.ticker_master_key(), as_table(parse_tickers(LIST.encode())), TICKERS)
        for ticker, state in zip(ACTIVE, states, strict=True):
            put(lake, ticker, state)
        found = summarise(lake, DAY)
        expected = [STATES[state] for state in states]
        assert [(e["status"], e.get("class", "")) for e in found.by_ticker.values()] == expected, states
        words = [status for status, _ in expected]
        counts = tuple(words.count(word) for word in ("success", "failed", "skipped"))
        assert (found.succeeded, found.failed, found.skipped) == counts
        assert found.total_tickers == sum(counts) == 3
        assert found.status == ("completed" if counts[0] == 3 else "incomplete" if counts[0] else "failed")
        assert f"{counts[0]} of 3" in found.message


def test_the_asset_stores_the_counts_and_its_check_is_an_error_until_all_are_there(morning: MorningDesk) -> None:
    """B28, B40: the seed's keys in the file; the check fails with the names of what is missing, and then passes."""
    morning.model.script = lambda subject, number: down(subject) if subject == "DBS19" and not number else None
    morning.fetch()
    first = morning.write()
    done = morning.sum_up()
    (check,) = done.get_asset_check_evaluations()
    assert (check.check_name, check.passed, check.severity) == (CHECK, False, dg.AssetCheckSeverity.ERROR)
    assert "DBS19" in str(check.metadata["not_there"].value)
    stored = json.loads(morning.lake.read(layout.precompute_summary_key(DAY)))
    assert {"status", "total_tickers", "message", "next_steps"} <= set(stored)
    assert (stored["status"], stored["succeeded"], stored["failed"], stored["skipped"]) == ("incomplete", 2, 1, 0)
    assert stored["by_ticker"]["DBS19"]["class"] == "transient"

    morning.write(parent=first)
    (check,) = morning.sum_up().get_asset_check_evaluations()
    assert check.passed
    assert json.loads(morning.lake.read(layout.precompute_summary_key(DAY)))["status"] == "completed"


def test_a_retired_ticker_is_not_counted(morning: MorningDesk) -> None:
    """B10: the total is the active ones; a report of a retired one changes nothing."""
    morning.fetch()
    morning.lake.write(layout.report_key(DAY, "RETIRED19"), b"{}")
    assert summarise(morning.lake, DAY).total_tickers == 3
    assert summarise(morning.lake, DAY).status == "failed"


def test_without_a_list_there_is_nothing_to_sum_up(morning: MorningDesk) -> None:
    """It fails and says which asset is missing."""
    said, metadata = failure_of(morning.sum_up())
    assert "dr/ticker_master" in said
    assert metadata["class"] == "permanent"


def test_another_morning_is_another_count(morning: MorningDesk) -> None:
    """Yesterday's reports are not today's."""
    morning.fetch()
    morning.write()
    assert summarise(morning.lake, DAY).succeeded == 3
    assert summarise(morning.lake, DAY.replace(day=8)).skipped == 3
    assert {job.status for job in morning.jobs()} == {JobStatus.COMPLETED}

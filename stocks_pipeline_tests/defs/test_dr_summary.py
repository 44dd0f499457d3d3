"""The summary of a morning: true counts of every mixture, and the one check to look at."""

import itertools
import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dagster as dg

from stocks_pipeline.defs.dr.fetched import NoData
from stocks_pipeline.defs.dr.job_book import JobBook
from stocks_pipeline.defs.dr.summary import CHECK, Summary, summarise
from stocks_pipeline.domain.jobs import Asked, JobStatus
from stocks_pipeline.domain.tickers import parse_tickers
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import Lake, open_lake
from stocks_pipeline.upstream.failures import FailureKind
from stocks_pipeline_tests.dr_files import put_ticker
from stocks_pipeline_tests.fake_feed import refused
from stocks_pipeline_tests.fakes import FakeClock
from stocks_pipeline_tests.morning_desk import ACTIVE, DAY, LIST, MORNING, MorningDesk, down, failure_of, morning, waves

__all__ = ["morning"]
STATES = {
    "report": ("success", ""),
    "failed": ("failed", "malformed"),
    "failed after a report": ("failed", "malformed"),
    "failed without data": ("skipped", "permanent"),
    "put back": ("skipped", "auth"),
    "put back after a report": ("skipped", "auth"),
    "not tried after a report": ("skipped", "not tried"),
    "damaged report": ("failed", "damaged"),
    "in progress": ("skipped", "not begun"),
    "data only": ("skipped", "not begun"),
    "damaged data": ("skipped", "damaged"),
    "fetch failed": ("skipped", "transient"),
    "nothing": ("skipped", "not fetched"),
}
"""What a ticker can be found in -> status and class in the summary."""
WITHOUT_DATA = {"failed without data": NoData("permanent", "404", 1), "fetch failed": NoData("transient", "503", 3)}
LISTED = parse_tickers(LIST.encode())
PAYLOAD = json.dumps(
    {
        "chart_base64": "",
        "generated_at": "2025-12-04T22:20:00+00:00",
        "session": "2025-12-04",
        "narrative_report": "",
        "stance": "HOLD",
        "news_items": [],
        "api_costs": {"usd": "0.01"},
        "timing_metrics": {},
    }
).encode()
"""What the readers of a report need of it."""


@cache
def bars() -> bytes:
    """A file of bars that can be read."""
    with TemporaryDirectory() as folder:
        lake = open_lake(folder)
        put_ticker(lake, DAY, {"DBS19": {DAY: 40.0}})
        return lake.read(layout.ticker_data_key(DAY, "DBS19"))


def put(lake: Lake, ticker: str, state: str) -> None:
    """Bring one ticker into that state, through its job book as the reports do."""
    clock = FakeClock(MORNING.timestamp())
    book = JobBook(lake, DAY, "e1", Asked("test"), clock)
    if state not in {"nothing", *WITHOUT_DATA}:
        lake.write(layout.ticker_data_key(DAY, ticker), bars() if state != "damaged data" else bars()[:60])
    if state in {"nothing", "data only", "damaged data", "fetch failed"}:
        return
    book.open([ticker])
    book.start(ticker)
    if "report" in state:
        lake.write(layout.report_key(DAY, ticker), PAYLOAD if state != "damaged report" else PAYLOAD[:60])
        book.complete(ticker, {})
        clock.advance(1)
        book = JobBook(lake, DAY, "e2", Asked("test"), clock)
        if state.endswith("after a report"):
            book.open([ticker])
        if state.endswith("after a report") and not state.startswith("not tried"):
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
        for ticker, state in zip(ACTIVE, states, strict=True):
            put(lake, ticker, state)
        why = {name: WITHOUT_DATA[state] for name, state in zip(ACTIVE, states, strict=True) if state in WITHOUT_DATA}
        found = summarise(lake, DAY, LISTED, ACTIVE, why)
        expected = [STATES[state] for state in states]
        assert [(e["status"], e.get("class", "")) for e in found.by_ticker.values()] == expected, states
        words = [status for status, _ in expected]
        counts = tuple(words.count(word) for word in ("success", "failed", "skipped"))
        assert (found.succeeded, found.failed, found.skipped) == counts
        assert found.total_tickers == sum(counts) == 3
        assert found.status == ("completed" if counts[0] == 3 else "incomplete" if counts[0] else "failed")
        assert f"{counts[0]} of 3" in found.message
        assert found.no_data == sum(state in {"nothing", "damaged data", *WITHOUT_DATA} for state in states)
        for state, entry in zip(states, found.by_ticker.values(), strict=True):
            if state in WITHOUT_DATA:
                assert (entry["step"], entry["error"]) == ("data", WITHOUT_DATA[state].why)


def test_the_asset_stores_the_counts_and_its_check_is_an_error_until_all_are_there(morning: MorningDesk) -> None:
    """B28, B40, C17: the seed's keys in the file, the counts on the page in the UI as well, which alerts are made of;
    the check fails with the names of what is missing, and then passes.
    """
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
    counts = {"total_tickers": 3, "listed_tickers": 3, "succeeded": 2, "failed": 1, "skipped": 0}
    said = {"status": "incomplete", "failed_symbols": ["DBS19"], "next_steps": stored["next_steps"]}
    shown = shown_by(done)
    assert {name: shown.get(name) for name in {*counts, *said}} == counts | said
    assert "DBS19" in str(shown["not_there"])
    assert str(shown["path"]).endswith(layout.precompute_summary_key(DAY))

    morning.write(parent=first)
    again = morning.sum_up()
    (check,) = again.get_asset_check_evaluations()
    assert check.passed
    assert {name: shown_by(again).get(name) for name in counts} == counts | {"succeeded": 3, "failed": 0}
    assert json.loads(morning.lake.read(layout.precompute_summary_key(DAY)))["status"] == "completed"


def shown_by(done: dg.ExecuteInProcessResult) -> dict[str, Any]:
    """The metadata of the one thing that the run materialized."""
    (made,) = [event.materialization for event in done.get_asset_materialization_events()]
    return {name: entry.value for name, entry in made.metadata.items()}


def test_a_ticker_whose_fetch_failed_is_told_with_the_fetchs_own_words(morning: MorningDesk) -> None:
    """Not "not begun": class and message of the vendor, in the file, in the check and in its sentence; a retry is
    advised only where one can help.
    """
    morning.feed.script = lambda s, w: (
        refused(s, FailureKind.PERMANENT, "404: no such") if s == "D05.SI" else waves(s, w)
    )
    morning.fetch()
    for name in ("NVDA19", "NINTENDO19"):
        morning.write(keys=[name])
    done = morning.sum_up(tickers=list(ACTIVE))
    stored = json.loads(morning.lake.read(layout.precompute_summary_key(DAY)))
    told = {"status": "skipped", "step": "data", "class": "permanent", "error": "404: no such"}
    assert stored["by_ticker"]["DBS19"] == told
    assert stored["message"] == "2 of 3 reports are there; 1 with no data (1 permanent)."
    assert stored["next_steps"] == f"stocks dead-letters --date {DAY}"
    (check,) = done.get_asset_check_evaluations()
    assert (check.passed, check.description) == (False, stored["message"])
    assert "404: no such" in str(check.metadata["not_there"].value)


def test_the_total_is_what_was_asked_for(morning: MorningDesk) -> None:
    """Five asked for are five, beside how many the list holds; a later request adds to them; the scheduler, and a count
    of which nothing is known, mean the whole list.
    """
    assert scope(summarise(morning.lake, DAY, LISTED, (), {})) == (3, 3)
    morning.fetch()
    morning.write(limit=1)
    morning.sum_up()
    stored = json.loads(morning.lake.read(layout.precompute_summary_key(DAY)))
    assert (stored["status"], stored["total_tickers"], stored["listed_tickers"]) == ("completed", 1, 3)
    assert stored["message"] == "1 of 1 report that was asked for is there; the list has 3 active tickers."
    assert scope(summarise(morning.lake, DAY, LISTED, ["DBS19"], {})) == (2, 3)
    again = morning.run("dr_reports", morning.tags(["DBS19"], source="scheduler"))
    assert again.success
    assert scope(summarise(morning.lake, DAY, LISTED, (), {})) == (3, 3)


def test_a_narrower_request_does_not_hide_what_an_earlier_one_left(morning: MorningDesk) -> None:
    """All three asked for and one missing: counting one again leaves the morning incomplete."""
    morning.model.script = lambda subject, _: down(subject) if subject == "DBS19" else None
    morning.fetch()
    morning.write()
    morning.sum_up(tickers=list(ACTIVE))
    for key in list(morning.lake.list(layout.job_prefix(DAY))):
        morning.lake.delete(key)  # as retention does after a week
    morning.sum_up(tickers=["NVDA"])
    stored = json.loads(morning.lake.read(layout.precompute_summary_key(DAY)))
    assert (stored["status"], stored["total_tickers"], stored["succeeded"]) == ("incomplete", 3, 2)


def scope(found: Summary) -> tuple[int, int]:
    """How many were asked for, of how many."""
    return found.total_tickers, found.listed_tickers


def test_a_retired_ticker_counts_only_when_it_was_asked_for(morning: MorningDesk) -> None:
    """B10: the total is the active ones; a report of a retired one changes nothing, unless somebody named it."""
    morning.fetch()
    morning.lake.write(layout.report_key(DAY, "RETIRED19"), PAYLOAD)
    assert scope(summarise(morning.lake, DAY, LISTED, (), {})) == (3, 3)
    assert summarise(morning.lake, DAY, LISTED, (), {}).status == "failed"
    assert summarise(morning.lake, DAY, LISTED, ["RETIRED19"], {}).status == "completed"


def test_without_a_list_there_is_nothing_to_sum_up(morning: MorningDesk) -> None:
    """It fails and says which asset is missing."""
    said, metadata = failure_of(morning.sum_up())
    assert "dr/ticker_master" in said
    assert metadata["class"] == "permanent"


def test_another_morning_is_another_count(morning: MorningDesk) -> None:
    """Yesterday's reports are not today's."""
    morning.fetch()
    morning.write()
    assert summarise(morning.lake, DAY, LISTED, (), {}).succeeded == 3
    assert summarise(morning.lake, DAY.replace(day=8), LISTED, (), {}).skipped == 3
    assert {job.status for job in morning.jobs()} == {JobStatus.COMPLETED}

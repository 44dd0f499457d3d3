"""How a morning goes on from its data to its reports: never early, the same by every door."""

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import dagster as dg
import pytest

from stocks_pipeline.cli.foreground import Stages
from stocks_pipeline.cli.mornings import MorningDesk as Foreground
from stocks_pipeline.cli.mornings import Mornings
from stocks_pipeline.defs.dr.automation import add_active_tickers, precompute_sensor
from stocks_pipeline.domain.jobs import JobStatus
from stocks_pipeline.partitions import ticker_key
from stocks_pipeline.settings import Settings
from stocks_pipeline.upstream.failures import UpstreamError
from stocks_pipeline.upstream.yahoo_bars import Bars, Window
from stocks_pipeline_tests.morning_desk import ACTIVE, DAY, MorningDesk, down, failure_of, morning, waves

__all__ = ["morning"]
TWENTY_FIVE_MINUTES = 25 * 60.0


def asked_by_the_sensor(desk: MorningDesk) -> list[dg.RunRequest]:
    """What `dr_precompute` asks for now."""
    with dg.build_sensor_context(instance=desk.instance, repository_def=desk.repository) as context:
        return list(precompute_sensor(desk.clock).evaluate_tick(context).run_requests or [])


def test_no_report_is_asked_for_before_a_slow_fetch_ended(morning: MorningDesk) -> None:
    """A27, A28: each ticker takes 25 minutes; whenever the sensor looks meanwhile it asks for nothing, and at the end
    for all.
    """
    seen: list[int] = []
    one_at_a_time = threading.Lock()

    def slow(symbol: str, window: Window) -> Bars:
        with one_at_a_time:
            morning.clock.advance(TWENTY_FIVE_MINUTES)
            seen.append(len(asked_by_the_sensor(morning)))
        return waves(symbol, window)

    morning.feed.script = slow
    assert morning.fetch().success
    assert seen == [0] * len(ACTIVE)
    (request,) = asked_by_the_sensor(morning)
    assert request.tags["dagster/asset_partition_range_end"] == ticker_key(DAY, ACTIVE[-1])


def test_the_start_by_completion_says_who_what_and_when(morning: MorningDesk) -> None:
    """B06: source, action and triggered_at, as the fetcher's event had them."""
    morning.fetch()
    (request,) = asked_by_the_sensor(morning)
    told = {name: request.tags[name] for name in ("source", "action", "triggered_at")}
    assert told == {"source": "scheduler", "action": "precompute", "triggered_at": "2025-12-04T22:20:00+00:00"}


def test_reports_that_fail_leave_the_fetch_green(morning: MorningDesk) -> None:
    """A31: every report fails; the run of the data stays a success, and so does each of its partitions."""
    fetched = morning.fetch()
    morning.model.script = lambda subject, _: down(subject)
    assert not morning.write().success
    run = morning.instance.get_run_by_id(fetched.run_id)
    assert run is not None
    assert run.status is dg.DagsterRunStatus.SUCCESS
    assert {morning.colours("ticker_data")[name] for name in ACTIVE} == {"MATERIALIZED"}
    assert {morning.colours()[name] for name in ACTIVE} == {"FAILED"}


def test_the_graph_of_a_morning_is_one_line(morning: MorningDesk) -> None:
    """A26, A32: list, data, reports and summary hang on one another, so one view of the UI shows the whole morning."""
    graph = morning.repository.asset_graph
    parents = {
        key.path[-1]: sorted(parent.path[-1] for parent in graph.get(key).parent_keys)
        for key in graph.materializable_asset_keys
    }
    assert parents["ticker_data"] == ["ticker_master"]
    assert parents["ticker_reports"] == ["ticker_data"]
    assert parents["precompute_summary"] == ["ticker_reports"]


def test_all_tickers_are_worked_on_at_once_in_one_run(morning: MorningDesk) -> None:
    """A07, B12, C07: each answer waits until every ticker has asked: one run, one event a ticker, nobody in a line."""
    morning.fetch()
    together = threading.Barrier(len(ACTIVE), timeout=30)

    def meet(_subject: str, _number: int) -> None:
        together.wait()

    morning.model.script = meet
    done = morning.write()
    assert done.success, failure_of(done)
    made = Counter(event.partition for event in done.get_asset_materialization_events())
    assert made == Counter(ticker_key(DAY, name) for name in ACTIVE)


def test_the_whole_list_is_asked_about_at_once(morning: MorningDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """C07: with the settings as they are shipped, all forty-six of the packaged list are with the model at the same
    time; each is let go, without an answer, only when the last has asked.
    """
    monkeypatch.delenv("STOCKS_DR_TICKERS")
    many = add_active_tickers(morning.instance)
    assert Settings.load({}).llm.concurrency >= len(many) == 46
    together = threading.Barrier(len(many), timeout=60)

    def meet(subject: str, _number: int) -> UpstreamError:
        together.wait()
        return down(subject)

    morning.model.script = meet
    assert morning.fetch(many).success
    assert not morning.write(many).success
    assert morning.model.subjects == sorted(many)
    assert (together.broken, {job.error_class for job in morning.jobs()}) == (False, {"transient"})


def test_a_report_is_the_same_by_every_door(morning: MorningDesk) -> None:
    """C09, C16, C18: DBS19 alone, as one partition in the UI, by the command, and from the sensor's queue of requests;
    each is an execution of its own, and text, evidence, scores and chart are the same.
    """
    morning.fetch()
    (queued,) = asked_by_the_sensor(morning)
    alone = {"dagster/partition": ticker_key(DAY, "DBS19")}
    stages = Stages(morning.instance, morning.repository, Mornings(), morning.clock, "a test", lambda _: None)
    command = Foreground(stages, lambda _name, _total: None)
    doors: list[Callable[[], bool]] = [
        lambda: morning.run("dr_reports", alone).success,
        lambda: command.write(DAY, ["DBS19"], rewrite=False, tags={"source": "manual"})[0].success,
        lambda: morning.run("dr_reports", queued.tags).success,
    ]
    reports = []
    for door in doors:
        assert door()
        reports.append(morning.payload("DBS19"))
        assert morning.job("DBS19").status is JobStatus.COMPLETED
        morning.clock.advance(60.0)
    assert len({report["execution_id"] for report in reports}) == 3
    first, *others = ({k: v for k, v in report.items() if k not in OF_ONE_EXECUTION} for report in reports)
    assert all(other == first for other in others)
    assert {"narrative_report", "evidence", "user_facing_scores", "chart_base64"} <= set(first)


OF_ONE_EXECUTION = {
    "execution_id",
    "generated_at",
    "timing_metrics",
    "api_costs",
    "chart_key",
    "pdf_key",
    "markdown_key",
}


def test_a_run_launched_in_the_ui_is_manual_and_its_config_is_typed(morning: MorningDesk) -> None:
    """A13, A14: without any tag of ours the same job makes the same records, named `manual`; what the Launchpad would
    refuse starts nothing.
    """
    morning.fetch()
    plain = {k: v for k, v in morning.tags().items() if k.startswith("dagster/")}
    assert morning.run("dr_reports", plain, "dr__ticker_reports", {"limit": 1, "description": "a trial"}).success
    (job,) = morning.jobs()
    assert (job.source, job.limit, job.description) == ("manual", 1, "a trial")
    assert job.execution_id.startswith("manual-")
    wrong: list[dict[str, Any]] = [{"limit": 0}, {"tickers": ["NVDX"]}, {"description": "two\nlines"}]
    for config in wrong:
        assert not morning.run("dr_reports", plain, "dr__ticker_reports", config).success
    assert len(morning.jobs()) == 1

"""Asking again for reports of a morning: few runs, a failed rewrite is told and taken up, damage stops nobody."""

import pytest

from stocks_pipeline.cli.foreground import Stages
from stocks_pipeline.cli.morning_report import NOT_BEGUN, MorningReport, morning_report
from stocks_pipeline.cli.mornings import MorningDesk as Front
from stocks_pipeline.cli.mornings import Mornings
from stocks_pipeline.cli.output import Exit
from stocks_pipeline.cli.retry_morning import plan_of
from stocks_pipeline.cli.run_morning import Plan, exit_code
from stocks_pipeline.defs.dr.automation import REPORTS, morning_requests
from stocks_pipeline.defs.dr.summary import summarise
from stocks_pipeline.domain.jobs import JobStatus
from stocks_pipeline.domain.tickers import parse_tickers
from stocks_pipeline.storage import layout
from stocks_pipeline.upstream.failures import MODEL_STEP, FailureKind, UpstreamError
from stocks_pipeline_tests.morning_desk import ACTIVE, DAY, LIST, MorningDesk, down, morning, waves

__all__ = ["morning"]
GREEN, RED = "MATERIALIZED", "FAILED"
OUTER = ("NVDA19", "NINTENDO19")
"""With a ticker between them."""
TAGS = {"source": "manual", "execution_name": "retry-20251205-052000"}


def front(found: MorningDesk) -> Front:
    """The stages as the commands run them, a while after what was before."""
    found.clock.advance(60)
    stages = Stages(found.instance, found.repository, Mornings(), found.clock, "a test", lambda _: None)
    return Front(stages, lambda _name, _total: None)


def report_of(found: MorningDesk) -> MorningReport:
    return morning_report(found.instance, found.lake, DAY, ACTIVE)


def summary_of(found: MorningDesk) -> dict[str, object]:
    told = summarise(found.lake, DAY, parse_tickers(LIST.encode()), ACTIVE, {})
    return {"status": told.status, "message": told.message, "next": told.next_steps}


def refused(found: MorningDesk, *tickers: str, kind: FailureKind = FailureKind.TRANSIENT) -> None:
    """From now on the model refuses these."""
    found.model.script = lambda subject, _: down(subject, kind) if subject in tickers else None


def test_a_retry_of_scattered_tickers_is_one_run_and_leaves_those_between_alone(morning: MorningDesk) -> None:
    """The run spans a green one: it stays green also when the run fails again, and nobody is asked about it."""
    morning.fetch()
    refused(morning, *OUTER)
    morning.write()
    assert len(front(morning).write(DAY, OUTER, rewrite=False, tags=TAGS)) == 1
    colours = {name: morning.colours()[name] for name in ACTIVE}
    assert colours == {"NVDA19": RED, "DBS19": GREEN, "NINTENDO19": RED}
    assert morning.model.subjects.count("DBS19") == 1
    refused(morning)
    (healed,) = front(morning).write(DAY, OUTER, rewrite=False, tags=TAGS)
    assert healed.success
    assert report_of(morning).whole
    assert morning.model.subjects.count("DBS19") == 1
    assert morning.metadata("DBS19")["reused_from"]


@pytest.mark.parametrize("red", [True, False])
def test_a_range_is_cut_by_what_was_never_made_or_is_red(morning: MorningDesk, *, red: bool) -> None:
    """Else a run that fails would paint the one red, and one that succeeds the other green."""
    morning.fetch()
    if red:
        morning.write()
        refused(morning, "DBS19")
        front(morning).write(DAY, ACTIVE, rewrite=True, tags=TAGS)
        assert morning.colours()["DBS19"] == RED
    assert len(morning_requests(morning.instance, DAY, OUTER, cause="x", tags={}, across=REPORTS)) == 2
    assert len(morning_requests(morning.instance, DAY, OUTER, cause="x", tags={})) == 2


def test_a_report_that_had_no_data_waits_for_them_and_is_then_nobodys_failure(morning: MorningDesk) -> None:
    """The fetch's own class and words on the job; when the data have come, its report is merely not begun."""
    lost = UpstreamError(FailureKind.AUTH, "yahoo", "D05.SI", "401: crumb", attempts=2)
    answers: dict[str, UpstreamError] = {"D05.SI": lost}
    morning.feed.script = lambda symbol, window: answers.get(symbol) or waves(symbol, window)
    for name in ACTIVE:
        morning.fetch(keys=[name])
    (ran,) = front(morning).write(DAY, ACTIVE, rewrite=False, tags=TAGS)
    job = morning.job("DBS19")
    assert (job.status, job.error_class, job.lacked_data) == (JobStatus.FAILED, "transient", True)
    assert "401: crumb" in str(job.error)
    assert "1 of 3 partitions not made" in ran.message  # the others were written: its class does not end the stage
    assert report_of(morning).data_failed == {"auth": 1}
    answers.clear()
    morning.fetch(keys=["DBS19"])
    (waiting,) = report_of(morning).stuck
    assert (waiting.state, waiting.kind) == ("pending", NOT_BEGUN)
    assert list(plan_of(report_of(morning), "dr").write) == ["DBS19"]
    (healed,) = front(morning).write(DAY, ["DBS19"], rewrite=False, tags=TAGS)
    assert (healed.success, report_of(morning).whole) == (True, True)


@pytest.mark.parametrize("kind", [FailureKind.AUTH, FailureKind.TRANSIENT])
def test_a_rewrite_that_failed_is_no_success_and_a_retry_takes_it_up(morning: MorningDesk, kind: FailureKind) -> None:
    """Exit, sentence, summary and plan say that nothing was written, and that the older reports stand; the retry
    writes anew and not from kept answers.
    """
    morning.fetch()
    morning.write()
    refused(morning, *ACTIVE, kind=kind)
    (stage,) = front(morning).write(DAY, ACTIVE, rewrite=True, tags=TAGS)
    report = report_of(morning)
    assert (report.written, report.older, report.whole) == (0, 3, False)
    assert report.progress() == "0 of 3 reports are written; 3 older ones stand"
    assert exit_code(Plan(DAY, ACTIVE, (), ACTIVE), [stage], report) is Exit.FAILURE
    told = summary_of(morning)
    assert told["status"] == "failed"
    assert str(told["message"]).startswith("0 of 3 reports are there; 3 older ones stand; ")
    assert f"stocks retry dr --date {DAY}" in str(told["next"])
    plan = plan_of(report, "dr")
    assert (list(plan.write), list(plan.rewrite)) == (list(ACTIVE), list(ACTIVE))
    asked = len(morning.model.asked)
    refused(morning)
    front(morning).write(DAY, plan.write, rewrite=True, tags=TAGS)
    assert (report_of(morning).whole, len(morning.model.asked)) == (True, asked + 3)
    assert summary_of(morning)["status"] == "completed"


def test_what_only_waits_says_what_it_waits_for(morning: MorningDesk) -> None:
    """Everything put back: what to mend comes before the command that would meet the same again."""
    morning.fetch()
    refused(morning, *ACTIVE, kind=FailureKind.QUOTA_DAY)
    morning.write()
    step = MODEL_STEP[FailureKind.QUOTA_DAY]
    look, again = f"stocks dead-letters --date {DAY}", f"stocks retry dr --date {DAY}"
    assert summary_of(morning)["next"] == f"{look}; {step.rstrip('.')}; {again}"
    assert report_of(morning).next_steps() == [
        ("see who waits and why", look),
        (step, "stocks doctor"),
        ("do what failed or is missing", again),
    ]


def test_records_that_wait_for_nothing_are_closed_by_the_report(morning: MorningDesk) -> None:
    """Pending ones of an execution that ended, when a later one has written the report; the newest speaks."""
    morning.fetch()
    refused(morning, *ACTIVE, kind=FailureKind.AUTH)
    morning.write()
    assert {job.status for job in morning.jobs()} == {JobStatus.PENDING}
    refused(morning)
    morning.clock.advance(60)
    assert morning.write().success
    assert sorted((j.status.value, j.error_class) for j in morning.jobs() if j.status is not JobStatus.COMPLETED) == [
        ("failed", "superseded")
    ] * len(ACTIVE)
    assert report_of(morning).jobs == {"completed": 3}


def test_one_damaged_record_stops_no_run(morning: MorningDesk) -> None:
    """Neither a run of the same tickers nor the count."""
    morning.fetch()
    morning.write(limit=1)
    (key,) = morning.lake.list(layout.job_prefix(DAY))
    morning.lake.write(key, b'{"job_id": "rpt_')
    assert morning.write().success
    assert report_of(morning).whole


@pytest.mark.parametrize("body", [b'{"ticker": "DB', b"{}", b"[]", b"\xff"])
def test_a_damaged_report_is_a_failure_that_a_retry_heals(morning: MorningDesk, body: bytes) -> None:
    """Told with its file and class by the count and the commands; written again from the kept answer, at no cost."""
    morning.fetch()
    morning.write()
    morning.lake.write(layout.report_key(DAY, "DBS19"), body)
    report = report_of(morning)
    assert (report.written, report.failed) == (2, {"damaged": 1})
    assert "DBS19.json" in report.stuck[0].why
    assert summary_of(morning)["status"] == "incomplete"
    plan = plan_of(report, "dr")
    assert (list(plan.write), plan.fetch, plan.rewrite) == (["DBS19"], [], [])
    front(morning).write(DAY, plan.write, rewrite=False, tags=TAGS)
    assert (report_of(morning).whole, len(morning.model.asked)) == (True, 3)


@pytest.mark.parametrize("written", [True, False])
def test_damaged_data_are_fetched_again_by_a_retry(morning: MorningDesk, *, written: bool) -> None:
    """Data that cannot be read are missing data, whether or not a report failed for them: told as such by the count and
    the commands, and the retry, which they advise, fetches exactly that ticker before it writes.
    """
    morning.fetch()
    (morning.root / layout.ticker_data_key(DAY, "DBS19")).write_bytes(b"PAR1 cut in the middle")
    morning.write(keys=ACTIVE if written else ["NVDA19"])
    report = report_of(morning)
    assert (report.data_stored, report.data_failed) == (2, {"damaged": 1})
    (stuck,) = [one for one in report.stuck if one.ticker == "DBS19"]
    assert (stuck.state, stuck.step, stuck.final) == ("no_data", "data", False)
    assert "DBS19.parquet is not a readable Parquet file" in stuck.why
    assert "with no data (1 damaged)" in str(summary_of(morning)["message"])
    assert f"stocks retry dr --date {DAY}" in str(summary_of(morning)["next"])
    plan = plan_of(report, "dr")
    assert (list(plan.fetch), "DBS19" in plan.write) == (["DBS19"], True)
    assert "DBS19" not in plan_of(report, "dr/ticker_reports").asked
    morning.feed.forget()
    desk = front(morning)
    desk.fetch(DAY, plan.fetch, refetch=plan.refetch, tags=TAGS)
    desk.write(DAY, plan.write, rewrite=False, tags=TAGS)
    assert (morning.feed.symbols_asked, report_of(morning).whole) == (["D05.SI"], True)


def test_the_tries_of_a_failure_are_its_calls(morning: MorningDesk) -> None:
    """Three, as the error says, and said once."""
    morning.fetch()
    refused(morning, "DBS19")
    morning.write()
    (failed,) = report_of(morning).stuck
    assert (failed.tries, failed.why) == (3, "model DBS19: 503: try later")

"""A session beside the day's own: its own files, colours and checks, from the Launchpad, and what a dead run leaves."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from stocks_pipeline.clock import Clock
from stocks_pipeline.defs.us import US, automation
from stocks_pipeline.defs.us.adhoc import KEY
from stocks_pipeline.defs.us.reaping import DIED, TAG, reap_sessions
from stocks_pipeline.storage.validation_keys import SessionPlace
from stocks_pipeline.storage.warehouse import Warehouse
from stocks_pipeline.upstream.failures import FailureKind
from stocks_pipeline_tests.validation_desk import DAY, ValidationDesk, checks, down, said, validation_desk

SYMBOLS = [f"S{number:02}" for number in range(20)]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ValidationDesk]:
    with validation_desk(tmp_path, monkeypatch) as found:
        found.stock(SYMBOLS, spoilt={"S03": 1.05})
        yield found


def days_files(desk: ValidationDesk) -> dict[str, bytes]:
    return {key: desk.lake.read(key) for key in desk.lake.list("us/validation/") if "session-" not in key}


def test_the_days_session_is_not_touched(desk: ValidationDesk) -> None:
    """D20: before, during and after: its files and colours stay, it is neither shrunk nor healed by the other."""
    desk.open()
    desk.vendor.script = lambda symbols, _: down() if symbols[0] == "S16" else None
    desk.check()
    desk.sum_up()
    before, colours = days_files(desk), desk.colours()
    desk.vendor.script, desk.vendor.asked = (lambda _s, _n: None), []
    result = desk.adhoc(symbols=["s17", "S03"], lookback_days=10)
    assert result.success, said(result)
    assert desk.vendor.asked == [("S03", "S17")]
    assert (days_files(desk), desk.colours()) == (before, colours)
    found = checks(result)
    assert [found[name].passed for name in ("prices_agree", "all_checked", "credits_kept")] == [False, True, True]
    assert desk.check().success
    assert desk.session().status == "completed"


def test_it_is_named_by_its_run(desk: ValidationDesk) -> None:
    """D11: session-<run id>, in a folder of that name, tagged on the run: from each to the other."""
    result = desk.adhoc(symbols=["S01"])
    book = desk.beside(result)
    session = book.get()
    assert session is not None
    assert session.session_id == book.place.adhoc == f"session-{result.run_id}"
    assert {key.rpartition("/")[2] for key in desk.lake.list(book.place.folder) if "/calls/" not in key} == {
        "session.json",
        "batch-0.parquet",
        "summary.json",
    }
    run = desk.instance.get_run_by_id(result.run_id)
    assert run is not None
    assert run.tags[TAG] == book.place.record


def test_two_of_the_same_are_two(desk: ValidationDesk) -> None:
    """Asked again it looks again: a session beside is a question of its own."""
    first, second = desk.adhoc(symbols=["S01"]), desk.adhoc(symbols=["S01"])
    assert desk.beside(first).place != desk.beside(second).place
    assert desk.vendor.asked == [("S01",), ("S01",)]


def test_a_failed_batch_costs_the_others_nothing_and_the_run_is_red(desk: ValidationDesk) -> None:
    """D27: two of three batches are stored, the event says which failed; the same session is gone on with by its id."""
    desk.vendor.script = lambda symbols, _: down() if symbols[0] == "S08" else None
    result = desk.adhoc()
    assert not result.success
    assert f"--session {result.run_id[:8]}" in said(result)
    (made,) = result.asset_materializations_for_node("us__validation_adhoc")
    assert made.metadata["event"].value == "WorkflowFailed"
    assert made.metadata["failure_step"].value == "batch_1"
    desk.vendor.script, desk.vendor.asked = (lambda _s, _n: None), []
    assert desk.adhoc(session=f"session-{result.run_id}").success
    assert desk.vendor.asked == [tuple(SYMBOLS[8:16])]
    session = desk.beside(result).get()
    assert session is not None
    assert session.status == "completed"


def test_a_batch_that_was_stored_before_it_was_said_is_not_asked_again(desk: ValidationDesk) -> None:
    """A kill between the store and the record costs no credit."""
    result = desk.adhoc(symbols=["S01"])
    book = desk.beside(result)
    body = desk.lake.read(book.place.record).replace(b'"completed"', b'"processing"')
    desk.lake.write(book.place.record, body)
    desk.vendor.asked = []
    assert desk.adhoc(session=book.place.adhoc).success
    assert desk.vendor.asked == []
    session = book.get()
    assert session is not None
    assert session.status == "completed"


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"symbols": ["S0"]}, "nearest"),
        ({"session": "session-1"}, "no session id"),
        ({"session": "session-00000000-0000-0000-0000-000000000000"}, "stocks validation list"),
        ({"date": "2026-01-01"}, "is closed"),
        ({"date": "5 January"}, "isoformat"),
    ],
)
def test_a_wrong_question_says_what_is_right(desk: ValidationDesk, config: dict[str, Any], says: str) -> None:
    """E: before anything is stored or asked."""
    result = desk.run("validation_adhoc", {}, {"date": str(DAY), **config})
    assert not result.success
    assert says in said(result)
    assert list(desk.lake.list("us/validation/")) == desk.vendor.asked == []


def test_without_a_date_it_is_the_newest_closed_session(desk: ValidationDesk) -> None:
    """The Launchpad's default: at 04:30 UTC on Tuesday that is Monday."""
    result = desk.run("validation_adhoc", {}, {"symbols": ["S01"]})
    assert result.success, said(result)
    assert desk.beside(result, DAY).get() is not None


def test_a_spent_day_leaves_it_waiting(desk: ValidationDesk) -> None:
    """F: no credits: the run says so, nothing is failed, and tomorrow the same session goes on."""
    desk.vendor.script = lambda _s, number: down(FailureKind.QUOTA_DAY, "no credits today") if number else None
    result = desk.adhoc()
    assert "no credits today" in said(result)
    session = desk.beside(result).get()
    assert session is not None
    assert [batch.status.value for batch in session.batches] == ["completed", "pending", "pending"]
    desk.vendor.script = lambda _s, _n: None
    assert desk.adhoc(session=session.session_id).success


def test_the_views_tell_it_from_the_days(desk: ValidationDesk) -> None:
    """What counts for the day is NOT adhoc, in both views; nothing is counted twice by those who say so."""
    desk.open()
    desk.check()
    desk.adhoc(symbols=["S01", "S02"])
    with Warehouse(desk.lake, markets=("us",)) as warehouse:
        query = "SELECT market, as_of, adhoc, count(*) AS n FROM {} GROUP BY ALL ORDER BY adhoc"
        rows = [warehouse.sql(query.format(view)).to_pylist() for view in ("validation_sessions", "validation_results")]
    about = {"market": "us", "as_of": DAY}
    assert rows == [
        [{**about, "adhoc": False, "n": 1}, {**about, "adhoc": True, "n": 1}],
        [{**about, "adhoc": False, "n": 20}, {**about, "adhoc": True, "n": 2}],
    ]


def test_its_calls_count_in_the_days_audit(desk: ValidationDesk) -> None:
    """D37: beside each other they share the credits; each session reports only its own."""
    desk.open()
    desk.check()
    desk.clock.advance(-50.0)
    result = desk.adhoc(symbols=SYMBOLS[:8])
    assert not checks(result)["credits_kept"].passed
    summary = desk.sum_up()
    assert not checks(summary)["credits_kept"].passed
    assert desk.summary()["credits_used"] == 20


def died(desk: ValidationDesk, job: str, place: SessionPlace, **tags: str) -> str:
    """A run of that job on that session whose process was killed, and which was found dead; its id."""
    run = desk.instance.create_run_for_job(desk.repository.get_job(job), tags={TAG: place.record, **tags})
    desk.instance.report_run_failed(run, message="Its process died.")
    return run.run_id


def reaped(desk: ValidationDesk) -> list[SessionPlace]:
    clock: Clock = desk.clock
    return reap_sessions(desk.instance, desk.lake, clock, 0.0)


def test_a_dead_owners_session_fails_and_is_healed(desk: ValidationDesk) -> None:
    """D36: no session stays in progress after its run died: what is open failed, saying so, once; a rerun heals it."""
    desk.open()
    desk.check(range(1))
    desk.book().start(1)
    died(desk, "us_validation_results", SessionPlace(US.name, DAY))
    assert reaped(desk) == [SessionPlace(US.name, DAY)]
    assert (desk.session().status, desk.states()) == ("failed", ["completed", "failed", "failed"])
    assert desk.session().batches[1].error_message == DIED
    assert reaped(desk) == []
    assert desk.check().success
    assert desk.session().status == "completed"


def test_a_session_that_another_run_works_on_is_left_alone(desk: ValidationDesk) -> None:
    """The dead run's batch is the living one's now."""
    desk.open()
    desk.book().start(0)
    place = SessionPlace(US.name, DAY)
    died(desk, "us_validation_results", place)
    job = desk.repository.get_job("us_validation_results")
    desk.instance.create_run_for_job(job, tags={TAG: place.record}, status=dg.DagsterRunStatus.STARTED)
    assert reaped(desk) == []
    assert desk.states()[0] == "processing"


def test_a_run_that_said_why_it_failed_is_not_dead(desk: ValidationDesk) -> None:
    """A spent day leaves batches waiting on purpose."""
    desk.open()
    desk.vendor.script = lambda _s, _n: down(FailureKind.QUOTA_DAY, "no credits today")
    assert not desk.check().success
    assert reaped(desk) == []
    assert desk.states() == ["pending"] * 3


def test_the_chain_reaps_and_sums_up_what_died_in_the_foreground(desk: ValidationDesk) -> None:
    """D36: `stocks validate` was killed: the daemon fails its session and counts it, once; an ad-hoc one is reaped."""
    from stocks_pipeline.defs.resources import LakeResource

    desk.open()
    desk.book().start(0)
    foreground = {"stocks/chain": "foreground"}
    run_id = died(desk, "us_validation_results", SessionPlace(US.name, DAY), **foreground)
    beside = SessionPlace(US.name, DAY, "session-00000000-0000-0000-0000-000000000000")
    desk.lake.write(beside.record, desk.lake.read(SessionPlace(US.name, DAY).record))
    died(desk, "us_validation_adhoc", beside, **foreground)
    resources = {"lake": LakeResource(root=str(desk.root))}
    with dg.build_sensor_context(desk.instance, repository_def=desk.repository, resources=resources) as context:
        requests = automation.validation_chain().evaluate_tick(context).run_requests or []
    assert desk.session().status == "failed"
    assert b'"failed"' in desk.lake.read(beside.record)
    wanted = [r.run_key for r in requests if r.job_name == "us_validation_summary"]
    assert wanted == [f"us-validation-summary-{DAY}-{run_id}"]


def test_it_has_no_partitions_so_that_days_stay_days(desk: ValidationDesk) -> None:
    """Its materializations colour no day."""
    assert desk.defs.get_assets_def(KEY).partitions_def is None
    assert date.fromisoformat(str(DAY)) == DAY

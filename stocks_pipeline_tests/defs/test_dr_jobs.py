"""The job records of an execution as files: whole, idempotent, and moved along legal steps only."""

import dagster as dg
import pytest

from stocks_pipeline.defs.dr.job_book import JobBook, execution_of, newest_jobs
from stocks_pipeline.domain.jobs import Asked, IllegalTransitionError, JobStatus
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import KeyMissing, LakeError, open_lake
from stocks_pipeline.upstream.failures import FailureKind
from stocks_pipeline_tests.fakes import FakeClock
from stocks_pipeline_tests.morning_desk import DAY, MORNING, MorningDesk, down, morning

__all__ = ["morning"]


@pytest.fixture
def book(tmp_path: object) -> JobBook:
    return JobBook(open_lake(str(tmp_path)), DAY, "e1", Asked("manual"), FakeClock(MORNING.timestamp()))


def test_opening_twice_changes_nothing(book: JobBook) -> None:
    """C13: a repeated creation is no second record and no step back."""
    book.open(["DBS19"])
    book.start("DBS19")
    book.open(["DBS19", "NVDA19"])
    assert [(j.ticker, j.status.value, j.attempts) for j in newest_jobs(book.lake, DAY).values()] == [
        ("DBS19", "in_progress", 1),
        ("NVDA19", "pending", 0),
    ]


def test_a_record_is_whole_from_the_start(book: JobBook) -> None:
    """C11, named after the seed's KeyError('ticker'): every field is there before work, the ticker upper-case."""
    book.open(["DBS19"])
    job = book.get("DBS19")
    assert (job.job_id, job.ticker, job.execution_id, job.source) == ("rpt_DBS19_e1", "DBS19", "e1", "manual")
    assert (job.expires_at - job.created_at).days == 7


def test_completed_is_the_end(book: JobBook) -> None:
    """C12: a completed record neither starts nor fails; one that was never begun is not completed."""
    book.open(["DBS19", "NVDA19"])
    book.start("DBS19")
    book.complete("DBS19", {"status": "success"})
    for step in (
        lambda: book.start("DBS19"),
        lambda: book.fail("DBS19", down("DBS19")),
        lambda: book.complete("NVDA19", {}),
    ):
        with pytest.raises(IllegalTransitionError):
            step()
    with pytest.raises(KeyMissing):
        book.get("OTHER19")


@pytest.mark.parametrize(
    ("error", "kind", "said", "tries"),
    [
        (down("DBS19", FailureKind.RATE), "rate", "model DBS19: 503: try later", 3),
        (down("DBS19", FailureKind.MALFORMED, "long " * 99), "malformed", "model DBS19: long long", 3),
        (LakeError("disk full"), "transient", "disk full", 1),
        (ValueError("ours"), "bug", "ours", 0),
    ],
)
def test_a_failure_keeps_its_class_and_words(book: JobBook, error: Exception, kind: str, said: str, tries: int) -> None:
    """B37: its words, and as fields of their own the class, the calls and the next step, however long the words are; it
    is a dead letter until a retry completes it.
    """
    book.open(["DBS19"])
    book.start("DBS19")
    book.fail("DBS19", error)
    dead = newest_jobs(book.lake, DAY)["DBS19"]
    assert dead.status is JobStatus.FAILED
    assert (dead.error_class, dead.tries, bool(dead.next_step)) == (kind, tries, kind != "bug")
    assert (dead.error or "").startswith(said)
    assert "tries]" not in (dead.error or "")
    again = book.start("DBS19")
    assert (again.error, again.tries, again.next_step) == (None, 0, None)
    book.complete("DBS19", {})
    assert newest_jobs(book.lake, DAY)["DBS19"].status is JobStatus.COMPLETED


def test_a_secret_in_an_error_is_not_kept(book: JobBook) -> None:
    """F14: a bug's message may quote a header; the record does not."""
    book.open(["DBS19"])
    book.start("DBS19")
    book.fail("DBS19", ValueError("Authorization: Bearer sk-or-v1-0123456789abcdef0123456789abcdef"))
    assert b"0123456789abcdef" not in book.lake.read(layout.job_key(DAY, "e1", "DBS19"))


def test_the_newest_execution_speaks_for_a_ticker(book: JobBook) -> None:
    """B38: records of both are kept."""
    book.open(["DBS19"])
    book.start("DBS19")
    book.fail("DBS19", down("DBS19"))
    book.clock.sleep(60)
    later = JobBook(book.lake, DAY, "a-later-one", Asked("manual"), book.clock)
    later.open(["DBS19"])
    assert newest_jobs(book.lake, DAY)["DBS19"].status is JobStatus.PENDING


def test_an_execution_lasts_until_a_run_of_it_succeeds(morning: MorningDesk) -> None:
    """A re-execution goes on with a failed run's execution; after a success another begins."""
    job = morning.repository.get_job("dr_reports")

    def run(status: dg.DagsterRunStatus, parent: dg.DagsterRun | None = None) -> dg.DagsterRun:
        tags = {} if parent is None else {"dagster/root_run_id": parent.run_id, "dagster/parent_run_id": parent.run_id}
        named = {**morning.tags(["DBS19"]), "execution_name": "manual-20251205-052000", **tags}
        return morning.instance.create_run_for_job(job, status=status, tags=named)

    first = run(dg.DagsterRunStatus.FAILURE)
    second = run(dg.DagsterRunStatus.FAILURE, first)
    third = run(dg.DagsterRunStatus.SUCCESS, first)
    fourth = run(dg.DagsterRunStatus.FAILURE, first)
    fifth = run(dg.DagsterRunStatus.STARTED, first)
    names = [execution_of(morning.instance, one) for one in (first, second, third, fourth, fifth)]
    assert names == [f"manual-20251205-052000-{r.run_id[:8]}" for r in (first, first, first, fourth, fourth)]


def test_one_damaged_record_hides_no_other(book: JobBook, caplog: pytest.LogCaptureFixture) -> None:
    """B29: an empty file among the records is told in the log; the others still speak for their tickers."""
    book.open(["DBS19", "NVDA19"])
    book.lake.write(layout.job_key(DAY, "e1", "NVDA19"), b"")
    assert set(newest_jobs(book.lake, DAY)) == {"DBS19"}
    assert "NVDA19" in caplog.text

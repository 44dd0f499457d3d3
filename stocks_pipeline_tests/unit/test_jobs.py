"""Job records: complete from the start, legal steps only, the same after a round trip."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocks_pipeline.domain.jobs import Asked, IllegalTransitionError, Job, JobStatus

NOW = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)


def test_a_job_is_complete_before_work_starts() -> None:
    """C11: every field that a reader needs is there in the pending record; 43 of 46 failed on a half row once."""
    job = Job.new("dbs19", "precompute-20261120-220000", Asked("manual"), NOW)
    assert (job.job_id, job.ticker, job.status) == ("rpt_DBS19_precompute-20261120-220000", "DBS19", JobStatus.PENDING)
    assert job.expires_at - job.created_at == timedelta(days=7)
    assert Job.from_json(job.to_json()) == job


def test_the_whole_life_of_a_job() -> None:
    """B13, B25: pending, in progress, completed, with the result that the worker gave and when."""
    job = Job.new("NVDA19", "x", Asked("manual"), NOW).started(NOW).completed({"status": "success"}, NOW)
    assert (job.status, job.attempts, job.result) == (JobStatus.COMPLETED, 1, {"status": "success"})
    assert job.finished_at == NOW
    assert Job.from_json(job.to_json()) == job


def test_a_failed_job_may_be_tried_again() -> None:
    """A failure keeps its reason and class, and a second attempt clears them and is counted."""
    failed = Job.new("NVDA19", "x", Asked("manual"), NOW).started(NOW).failed("no stored data", "permanent", NOW)
    assert (failed.error, failed.error_class) == ("no stored data", "permanent")
    again = failed.started(NOW)
    assert (again.status, again.attempts, again.error, again.result) == (JobStatus.IN_PROGRESS, 2, None, None)


def test_a_job_whose_stage_had_to_stop_is_pending_again() -> None:
    """C22: no budget or no key is nobody's failure; the job waits, says why, and may be started again."""
    waiting = (
        Job.new("NVDA19", "x", Asked("manual"), NOW).started(NOW).put_back("the day's budget is spent", "quota_day")
    )
    assert (waiting.status, waiting.error_class) == (JobStatus.PENDING, "quota_day")
    told = waiting.explained(2, "Wait.", NOW)
    assert Job.from_json(told.to_json()) == told
    older = json.loads(waiting.to_json())
    for name in ("tries", "next_step", "waits_until"):
        del older[name]
    assert Job.from_json(json.dumps(older).encode()) == waiting
    assert waiting.started(NOW).status is JobStatus.IN_PROGRESS


def test_a_job_left_by_a_dead_worker_starts_again() -> None:
    """No job stays in progress for ever: who finds it takes it over."""
    left = Job.new("NVDA19", "x", Asked("manual"), NOW).started(NOW)
    assert left.started(NOW).attempts == 2


@given(st.lists(st.sampled_from(["start", "complete", "fail"]), max_size=8))
def test_no_sequence_of_steps_leaves_completed(steps: list[str]) -> None:
    """C12: forbidden steps are refused whatever came before, and completed is final."""
    job = Job.new("A", "x", Asked("manual"), NOW)
    for step in steps:
        before = job
        moves = {"start": lambda j=job: j.started(NOW), "complete": lambda j=job: j.completed({}, NOW)}
        try:
            job = moves.get(step, lambda j=job: j.failed("e", "transient", NOW))()
        except IllegalTransitionError:
            job = before
        if before.status is JobStatus.COMPLETED:
            assert job is before


def test_a_foreign_record_is_refused() -> None:
    """Something that is no job record says so instead of half-loading."""
    with pytest.raises(ValueError, match="not a job record"):
        Job.from_json(b'{"job_id": "x"}')

"""Purging job records: which go, and that nothing else ever does."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stocks_pipeline.domain.jobs import KEEP, Asked, Job, JobStatus
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import KeyMissing, Lake, open_lake
from stocks_pipeline.storage.purge import Purged, expired, purge_jobs
from stocks_pipeline_tests.dr_files import (
    NVDA,
    payload,
    put_call,
    put_job,
    put_master,
    put_report,
    put_summary,
    put_ticker,
)

DAY = date(2026, 11, 10)
MADE = datetime(2026, 11, 9, 22, tzinfo=UTC)
DUE = MADE + KEEP


def job(name: str = "NVDA19", execution: str = "exec-1", made: datetime = MADE) -> Job:
    return Job.new(name, execution, Asked("manual"), made)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return open_lake(str(tmp_path / "lake"))


@example(hours=0, status=JobStatus.IN_PROGRESS, began=-168)
@example(hours=0, status=JobStatus.IN_PROGRESS, began=-167)
@given(
    hours=st.integers(-400, 400),
    status=st.sampled_from(JobStatus),
    began=st.none() | st.integers(-400, 400),
)
def test_a_record_goes_when_its_date_is_past_and_nobody_works_on_it(
    hours: int, status: JobStatus, began: int | None
) -> None:
    """For every state and age: never before `expires_at`, and then always, unless it was begun within seven days."""
    now = DUE + timedelta(hours=hours)
    started = None if began is None else now + timedelta(hours=began)
    record = replace(job(), status=status, started_at=started)
    at_work = status is JobStatus.IN_PROGRESS and began is not None and began > -KEEP / timedelta(hours=1)
    assert expired([("key", record)], now) == (("key",) if hours >= 0 and not at_work else ())


def test_only_job_records_go_and_a_second_purge_finds_nothing(lake: Lake) -> None:
    """Reports, history, prices, ledger, summaries and the list stay byte by byte, however old."""
    put_master(lake, NVDA)
    put_ticker(lake, DAY, {"NVDA19": {DAY: 1.0}})
    put_report(lake, DAY, "NVDA19", payload(MADE))
    put_call(lake, MADE, None)
    put_summary(lake, DAY)
    fresh = put_job(lake, DAY, job(execution="again", made=DUE))
    stays = {key: lake.read(key) for key in lake.list("")}
    old = [put_job(lake, DAY, job(name)) for name in ("DBS19", "NVDA19")]
    assert purge_jobs(lake, DUE - timedelta(seconds=1)) == Purged((), 3, ())
    assert purge_jobs(lake, DUE) == Purged(tuple(sorted(old)), 1, ())
    assert {key: lake.read(key) for key in lake.list("")} == stays
    assert fresh in stays
    assert purge_jobs(lake, DUE) == Purged((), 1, ())


def test_what_is_no_record_is_left_and_named(lake: Lake) -> None:
    """A stranger's file, a record laid elsewhere, half of one and one without dates stay, and do not stop the purge."""
    undated = json.loads(job("ABBV19").to_json()) | {"expires_at": None}
    strangers = {
        "dr/jobs/README.txt": b"hello",
        "dr/jobs/2026-11-10/kept-aside.json": job().to_json(),
        layout.job_key(DAY, "exec-1", "AIA19"): b'{"job_id": "rpt',
        layout.job_key(DAY, "exec-1", "ABBV19"): json.dumps(undated).encode(),
        layout.job_key(DAY, "exec-1", "DBS19"): job("DBS19").to_json().replace(b"+00:00", b""),
    }
    for key, body in strangers.items():
        lake.write(key, body)
    old = put_job(lake, DAY, job())
    assert purge_jobs(lake, DUE) == Purged((old,), 0, tuple(sorted(strangers)))
    assert {key: lake.read(key) for key in lake.list("")} == strangers


def test_two_purges_at_once_do_not_disturb_each_other(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that another purge removed after the listing is no error and is not counted."""
    keys = [put_job(lake, DAY, job(name)) for name in ("DBS19", "NVDA19")]
    read = lake.read

    def racing(key: str) -> bytes:
        if key == keys[0]:
            lake.delete(key)
            raise KeyMissing(key, key)
        return read(key)

    monkeypatch.setattr(lake, "read", racing)
    assert purge_jobs(lake, DUE) == Purged((keys[1],), 0, ())

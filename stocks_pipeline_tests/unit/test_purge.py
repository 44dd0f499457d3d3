"""Purging job records: which go, and that nothing else ever does."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stocks_pipeline.domain.jobs import KEEP, Asked, Job
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import KeyMissing, Lake, open_lake
from stocks_pipeline.storage.purge import Purged, purge_jobs
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


HOURS = st.integers(-400, 0)


@example(made=-400, began=-168, ended=None, days=7)
@example(made=-400, began=-167, ended=None, days=7)
@example(made=-400, began=-300, ended=-23, days=1)
@given(made=HOURS, began=st.none() | HOURS, ended=st.none() | HOURS, days=st.integers(1, 16))
def test_a_record_goes_when_it_did_not_change_for_its_days(
    tmp_path_factory: pytest.TempPathFactory, made: int, began: int | None, ended: int | None, days: int
) -> None:
    """Its age is that of the last of its dates, for any number of days: whoever went on with an old one keeps it."""

    def moment(hours: int | None) -> datetime | None:
        return None if hours is None else DUE + timedelta(hours=hours)

    lake = open_lake(str(tmp_path_factory.mktemp("lake")))
    record = replace(job(made=DUE + timedelta(hours=made)), started_at=moment(began), finished_at=moment(ended))
    key = put_job(lake, DAY, record)
    youngest = max(hours for hours in (made, began, ended) if hours is not None)
    gone = (key,) if youngest <= -24 * days else ()
    assert purge_jobs(lake, DUE, timedelta(days=days), dry_run=True) == Purged(gone, 1 - len(gone), ())
    assert lake.exists(key)


def test_less_than_a_day_is_refused(lake: Lake) -> None:
    """C22: a number of days that would delete what is in work is an error, and no record is called unreadable."""
    put_job(lake, DAY, job())
    with pytest.raises(ValueError, match="a day at least"):
        purge_jobs(lake, DUE, timedelta(hours=23))


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
    assert purge_jobs(lake, DUE - timedelta(seconds=1), KEEP) == Purged((), 3, ())
    assert purge_jobs(lake, DUE, KEEP) == Purged(tuple(sorted(old)), 1, ())
    assert {key: lake.read(key) for key in lake.list("")} == stays
    assert fresh in stays
    assert purge_jobs(lake, DUE, KEEP) == Purged((), 1, ())


def test_what_is_no_record_is_left_and_named(lake: Lake) -> None:
    """A stranger's file, a record laid elsewhere, half of one and one without dates stay, and do not stop the purge."""
    undated = json.loads(job("ABBV19").to_json()) | {"created_at": None}
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
    assert purge_jobs(lake, DUE, KEEP) == Purged((old,), 0, tuple(sorted(strangers)))
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
    assert purge_jobs(lake, DUE, KEEP) == Purged((keys[1],), 0, ())

"""Retention: what may ever be deleted, when it is due, and that data can never be chosen."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stocks_pipeline.defs.operations.retention import clean
from stocks_pipeline.domain.jobs import Asked, Job
from stocks_pipeline.domain.plans import plan_named
from stocks_pipeline.domain.retention import Record, due, files_of, may_go, session_of
from stocks_pipeline.domain.validation_session import Session
from stocks_pipeline.settings import Settings
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.dr_keys import news_key
from stocks_pipeline.storage.lake import Lake, open_lake
from stocks_pipeline.storage.purge_sessions import PurgedSessions, purge_sessions
from stocks_pipeline.storage.validation_keys import SessionPlace
from stocks_pipeline_tests.fakes import FakeClock

NOW = datetime(2026, 11, 21, 19, tzinfo=UTC)
WEEK = timedelta(days=7)
DAY = date(2026, 11, 10)
DAYS = st.dates(date(2020, 1, 1), date(2030, 12, 31))
NAMES = st.text("ABCDEFGHIJ0123456789.-^=", min_size=1, max_size=8)
US = st.just("us")
MARKETS = st.sampled_from(["asx", "us", "lse"])

DATA = st.one_of(  # every key that holds data, as the layout makes it
    st.builds(layout.symbols_key, MARKETS, DAYS),
    st.builds(layout.batches_key, MARKETS, DAYS),
    st.builds(layout.raw_key, MARKETS, DAYS, st.none() | st.integers(0, 99)),
    st.builds(layout.daily_key, MARKETS, DAYS),
    st.builds(layout.ticker_data_key, DAYS, NAMES),
    st.builds(layout.report_key, DAYS, NAMES),
    st.builds(layout.report_history_key, DAYS, NAMES, NAMES),
    st.builds(layout.report_file_key, DAYS, NAMES, NAMES, st.sampled_from(["md", "png", "pdf"])),
    st.builds(layout.precompute_summary_key, DAYS),
    st.builds(news_key, DAYS, NAMES),
    st.builds(layout.llm_call_key, DAYS, NAMES),
    st.just(layout.ticker_master_key()),
)
PLACES = st.builds(SessionPlace, US, DAYS, st.just("") | st.uuids().map("session-{}".format))
RECORDS = st.one_of(  # every key that retention is for
    st.builds(layout.job_key, DAYS, NAMES, NAMES),
    PLACES.map(lambda place: place.record),
    PLACES.map(lambda place: place.summary),
    st.builds(SessionPlace.batch, PLACES, st.integers(0, 99)),
    st.builds(SessionPlace.call, PLACES, NAMES, st.integers(0, 99)),
)
SAFE = ("asx/", "us/raw-data/", "us/daily/", "us/symbols/", "us/symbol-batches/", "dr/reports/", "dr/ticker-data/")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return open_lake(str(tmp_path / "lake"))


@given(key=DATA)
def test_no_key_that_holds_data_can_be_chosen(key: str) -> None:
    """C22: whatever the market, day and name: prices, lists, reports and the ledger of calls may not go."""
    assert not may_go(key)


@given(key=RECORDS)
def test_every_record_of_work_may_go(key: str) -> None:
    """C22: the list names all kinds of records that the layout makes."""
    assert may_go(key)


@settings(max_examples=300)
@example(prefix="asx/", rest="daily/2026-01-05.parquet")
@example(prefix="asx/", rest="validation/2026-01-05/session.json")
@example(prefix="us/raw-data/", rest="../validation/2026-01-05/session.json")
@example(prefix="dr/reports/", rest="us/validation/2026-01-05/session.json")
@example(prefix="dr/ticker-data/", rest="dr/jobs/2026-01-05/a/b.json")
@given(prefix=st.sampled_from(SAFE), rest=st.text(st.sampled_from("abz019/.-_\n\\*%"), max_size=60))
def test_nothing_under_the_data_folders_can_be_chosen_whatever_it_is_called(prefix: str, rest: str) -> None:
    """C22: no name under a data folder looks like a record, also a hostile one."""
    assert not may_go(prefix + rest)


@given(key=RECORDS, junk=st.sampled_from(["x", "/x", "\n", " ", ".bak", "/"]), before=st.booleans())
def test_a_key_that_only_resembles_a_record_stays(key: str, junk: str, before: bool) -> None:  # noqa: FBT001 - drawn
    """F08: a whole match, not a beginning: a stranger's file beside the records is nobody's to delete."""
    changed = "x/" + key if before else key + junk
    assert not may_go(changed)


@given(ages=st.lists(st.integers(0, 30 * 24), max_size=8), days=st.integers(1, 20))
def test_due_is_what_did_not_move_for_its_days(ages: list[int], days: int) -> None:
    """C22: to the hour, for any number of days, and nothing younger."""
    records = [Record(str(n), NOW - timedelta(hours=age)) for n, age in enumerate(ages)]
    chosen = due(records, NOW, timedelta(days=days))
    assert chosen == tuple(str(n) for n, age in enumerate(ages) if age >= 24 * days)


def test_less_than_a_day_is_refused() -> None:
    """C22: nobody can set the knife to what is in work."""
    with pytest.raises(ValueError, match="a day at least"):
        due([], NOW, timedelta(hours=23))


def test_a_sessions_record_goes_last() -> None:
    """A15: a purge that dies half way leaves the record that says how old the rest is."""
    keys = session_files(DAY)
    chosen = files_of({session_of(keys[0]) or ""}, [*keys, layout.daily_key("us", DAY)])
    assert chosen[-1].endswith("/session.json")
    assert set(chosen) == set(keys)


def session_files(day: date) -> list[str]:
    """The keys of one session."""
    return [
        SessionPlace("us", day).record,
        SessionPlace("us", day).summary,
        SessionPlace("us", day).batch(0),
        SessionPlace("us", day).call("20260105T220000", 1),
    ]


def put_session(lake: Lake, day: date, moved: datetime) -> list[str]:
    """A stored session that last moved then; its keys."""
    for key in session_files(day):
        lake.write(key, b"{}")
    record = Session.new("u", ["AAPL"], plan_named("basic8"), moved)
    lake.write(SessionPlace("us", day).record, record.to_json())
    return session_files(day)


def put_job(lake: Lake, made: datetime) -> str:
    """A stored job record, made then."""
    job = Job.new("NVDA19", f"exec-{made:%d%H}", Asked("manual"), made)
    key = layout.job_key(made.date(), job.execution_id, job.ticker)
    lake.write(key, job.to_json())
    return key


def test_a_sessions_age_is_when_it_last_moved(lake: Lake) -> None:
    """C22: a day of last year that was checked this morning stays; one left for seven days goes whole."""
    fresh = put_session(lake, date(2025, 1, 6), NOW - timedelta(hours=1))
    old = put_session(lake, DAY, NOW - WEEK)
    done = purge_sessions(lake, NOW, WEEK)
    assert (done.sessions, set(done.files), done.kept) == (("us/validation/2026-11-10/",), set(old), 1)
    assert set(lake.list("")) == set(fresh)
    assert purge_sessions(lake, NOW, WEEK) == PurgedSessions((), (), 1, ())


def test_a_session_without_a_readable_record_is_left_for_a_person(lake: Lake) -> None:
    """F08: neither half a record nor none is a reason to delete or to stop."""
    broken = put_session(lake, DAY, NOW - WEEK)
    lake.write(SessionPlace("us", DAY).record, b'{"session_id":')
    lake.write(SessionPlace("us", date(2026, 11, 11)).batch(0), b"")
    done = purge_sessions(lake, NOW, WEEK)
    assert done.unreadable == ("us/validation/2026-11-10/", "us/validation/2026-11-11/")
    assert done.files == ()
    assert set(broken) <= set(lake.list(""))


@settings(max_examples=8, deadline=None)
@given(data=st.lists(DATA, max_size=6, unique=True), days=st.integers(1, 30))
def test_a_lake_full_of_data_is_left_byte_by_byte(
    tmp_path_factory: pytest.TempPathFactory, data: list[str], days: int
) -> None:
    """C22: reports and prices never: after any purge exactly the records past their days are gone."""
    lake = open_lake(str(tmp_path_factory.mktemp("lake")))
    for key in data:
        lake.write(key, key.encode())
    jobs = {put_job(lake, NOW - timedelta(days=age)): age for age in (0, 3, 6, 8, 40)}
    sessions = dict.fromkeys(put_session(lake, DAY, NOW - timedelta(days=9)), 9)
    expected = {key for key, age in (jobs | sessions).items() if age >= days}
    before = everything(lake)
    home = {"STOCKS_HOME": str(tmp_path_factory.mktemp("home")), "STOCKS_RETENTION_DAYS": str(days)}
    clock = FakeClock(NOW.timestamp())
    said = clean(lake, Settings.load(home), clock, dry_run=True)
    assert everything(lake) == before, "a dry run deletes nothing"
    assert said.counts()["files"] == len(expected), "and says the same"
    clean(lake, Settings.load(home), clock, dry_run=False)
    assert everything(lake) == {key: body for key, body in before.items() if key not in expected}


def everything(lake: Lake, prefixes: Iterable[str] = ("",)) -> dict[str, bytes]:
    """Every file of the lake."""
    return {key: lake.read(key) for prefix in prefixes for key in lake.list(prefix)}

import importlib.util
import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocks_pipeline.domain import calendars
from stocks_pipeline.domain.calendars import UnknownCalendar, UnknownSession, calendar

REPO = Path(calendars.__file__).resolve().parents[2]
OWN = ["XASX", "XBKK", "XHKG", "XNYS", "XSES", "XSTC", "XTAI", "XTKS"]


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture(scope="module")
def dump() -> ModuleType:
    """The dump script as a module."""
    spec = importlib.util.spec_from_file_location("dump_calendars", REPO / "scripts" / "dump_calendars.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# exchange_calendars 4.13 reads `Series.values`, deprecated by pandas 3.1; goes with its next release.
@pytest.mark.filterwarnings("ignore:Series.values returning:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:DatetimeIndex.weekday is deprecated:DeprecationWarning")
def test_json_is_what_the_libraries_say(dump: ModuleType) -> None:
    """The stored file equals a fresh dump, to the byte."""
    assert dump.TARGET.read_text(encoding="utf-8") == dump.render(dump.build())


def test_check_mode_names_the_exchange_that_differs(
    dump: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--check returns 1 and names the exchange whose holidays were changed, and 0 on the stored file."""
    stored = json.loads(dump.TARGET.read_text(encoding="utf-8"))
    monkeypatch.setattr(dump, "build", lambda: json.loads(dump.TARGET.read_text(encoding="utf-8")))
    assert dump.main(["--check"]) == 0
    changed = tmp_path / "calendars.json"
    monkeypatch.setattr(dump, "build", lambda: stored)
    altered = json.loads(json.dumps(stored))
    altered["calendars"]["XTKS"]["closed"]["2025"] = ""
    changed.write_text(dump.render(altered), encoding="utf-8")
    monkeypatch.setattr(dump, "TARGET", changed)
    assert dump.main(["--check"]) == 1
    assert "XTKS" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("day", "opens", "closes"),
    [
        ("2025-10-03", "2025-10-03T00:00", "2025-10-03T06:00"),
        ("2025-10-06", "2025-10-05T23:00", "2025-10-06T05:00"),
        ("2026-04-02", "2026-04-01T23:00", "2026-04-02T05:00"),
        ("2026-04-07", "2026-04-07T00:00", "2026-04-07T06:00"),
    ],
)
def test_sydney_keeps_its_hours_over_both_clock_changes(day: str, opens: str, closes: str) -> None:
    """10:00 to 16:00 in Sydney moves by an hour in UTC when summer time begins (October) and ends (April)."""
    asx = calendar("XASX")
    assert asx.open_at(date.fromisoformat(day)) == _utc(opens)
    assert asx.close_at(date.fromisoformat(day)) == _utc(closes)


@pytest.mark.parametrize(
    ("mic", "day", "name"),
    [
        ("XASX", "2025-12-25", "Christmas"),
        ("XASX", "2022-09-22", "National Day of Mourning, announced 12 days ahead"),
        ("XNYS", "2025-01-09", "day of mourning for President Carter"),
        ("XNAS", "2025-11-27", "Thanksgiving, through the alias"),
        ("XSES", "2026-02-17", "Lunar New Year"),
        ("XHKG", "2025-10-01", "National Day"),
        ("XHKG", "2023-09-01", "typhoon Saola, added by hand"),
        ("XHKG", "2023-09-08", "black rainstorm, added by hand"),
        ("XTKS", "2025-12-31", "market holiday at the year's end"),
        ("XBKK", "2026-04-14", "Songkran"),
        ("XTAI", "2025-02-28", "Peace Memorial Day"),
        ("XSTC", "2026-02-17", "Tet"),
    ],
)
def test_known_holidays_are_closed(mic: str, day: str, name: str) -> None:
    """A holiday that history or the exchange's notice fixes is a closed day."""
    assert calendar(mic).is_session(date.fromisoformat(day)) is False, name


def test_early_close_ends_the_session_earlier() -> None:
    """Christmas Eve closes at 14:10 in Sydney and 13:00 in New York; the day before is a full one."""
    assert calendar("XASX").close_at(date(2025, 12, 24)) == _utc("2025-12-24T03:10")
    assert calendar("XNYS").close_at(date(2025, 12, 24)) == _utc("2025-12-24T18:00")
    assert calendar("XNYS").close_at(date(2025, 12, 23)) == _utc("2025-12-23T21:00")


def test_tokyo_closes_half_an_hour_later_since_november_2024() -> None:
    """A change of regular hours holds from its day on."""
    tokyo = calendar("XTKS")
    assert tokyo.close_at(date(2024, 11, 1)) == _utc("2024-11-01T06:00")
    assert tokyo.close_at(date(2024, 11, 5)) == _utc("2024-11-05T06:30")


def test_beyond_the_calendar_nothing_is_claimed() -> None:
    """Singapore is known to the end of 2026: a day later is unknown to every question, neither open nor closed."""
    singapore = calendar("XSES")
    beyond = date(2027, 1, 4)
    assert singapore.last == date(2026, 12, 31)
    assert singapore.is_session(beyond) is None
    assert singapore.is_session(date(2014, 12, 31)) is None
    with pytest.raises(UnknownSession, match=r"XSES: 2027-01-04 is unknown; .* 2015-01-01 to 2026-12-31"):
        singapore.sessions(date(2026, 12, 30), beyond)
    for question in (singapore.open_at, singapore.close_at, singapore.previous_session):
        with pytest.raises(UnknownSession):
            question(beyond)
    with pytest.raises(UnknownSession):
        singapore.latest_closed(_utc("2027-01-05T12:00"))


def test_a_closed_day_has_no_hours() -> None:
    """Hours of a Saturday are an error that names the day, not the hours of some other day."""
    with pytest.raises(ValueError, match="XASX is closed on 2025-12-06"):
        calendar("XASX").open_at(date(2025, 12, 6))


def test_the_previous_session_steps_over_holidays() -> None:
    """Easter 2026: in Sydney Thursday 2 April is the session before Tuesday 7 April."""
    asx = calendar("XASX")
    assert asx.previous_session(date(2026, 4, 7)) == date(2026, 4, 2)
    assert asx.previous_session(date(2026, 4, 5)) == date(2026, 4, 2)


def test_latest_closed_is_the_session_a_vendor_should_have() -> None:
    """Until the close it is the day before, then the day, at a weekend Friday; naive times are refused."""
    asx = calendar("XASX")
    assert asx.latest_closed(_utc("2025-12-05T04:59:59")) == date(2025, 12, 4)
    assert asx.latest_closed(_utc("2025-12-05T05:00:00")) == date(2025, 12, 5)
    assert asx.latest_closed(_utc("2025-12-07T03:00:00")) == date(2025, 12, 5)
    with pytest.raises(ValueError, match="aware"):
        asx.latest_closed(datetime(2025, 12, 5, 5))  # noqa: DTZ001  # the naive value is what is refused


def test_a_datetime_asks_for_its_day() -> None:
    """A datetime at noon on a holiday is that holiday, though it equals no date."""
    assert calendar("XASX").is_session(_utc("2025-12-25T12:00")) is False
    assert calendar("XASX").sessions(_utc("2025-12-24T12:00"), date(2025, 12, 29)) == [
        date(2025, 12, 24),
        date(2025, 12, 29),
    ]


def test_sources_are_told_apart() -> None:
    """Vietnam's days say that they are not the exchange's own, Hong Kong's that some were added by hand."""
    assert calendar("XSTC").source == "holidays (not the exchange's own notice)"
    assert calendar("XHKG").source == "exchange_calendars and closures added by hand"
    assert calendar("XASX").source == "exchange_calendars"


def test_an_alias_keeps_its_own_name() -> None:
    """XNAS and ARCX share New York's days but say their own MIC in messages."""
    assert calendar("XNAS").mic == "XNAS"
    assert calendar("ARCX").sessions(date(2025, 1, 1), date(2025, 12, 31)) == calendar("XNYS").sessions(
        date(2025, 1, 1), date(2025, 12, 31)
    )
    assert calendar("XASX") is calendar("XASX")


def test_an_unknown_exchange_is_refused_by_name() -> None:
    """The message names the code asked for and those that are known."""
    with pytest.raises(UnknownCalendar, match=r"'XLON'; known: ARCX, XASX"):
        calendar("XLON")


def test_every_market_of_the_desk_is_there() -> None:
    """The exchanges of the ASX, US and depositary-receipt lists all have a calendar with plausible years."""
    assert set(calendars.mics()) == {*OWN, "XNAS", "ARCX"}
    for mic in OWN:
        for year in range(2015, 2027):
            assert 235 <= len(calendar(mic).sessions(date(year, 1, 1), date(year, 12, 31))) <= 256, (mic, year)


@given(st.sampled_from(OWN), st.dates(date(2014, 6, 1), date(2028, 6, 1)), st.integers(-5, 30))
def test_sessions_agree_with_is_session(mic: str, start: date, length: int) -> None:
    """A range is exactly the days that are sessions, and is refused exactly when an end is unknown."""
    here = calendar(mic)
    days = [start + timedelta(days=n) for n in range(length + 1)]
    answers = {day: here.is_session(day) for day in days}
    if None in answers.values():
        with pytest.raises(UnknownSession):
            here.sessions(start, start + timedelta(days=length))
    else:
        found = here.sessions(start, start + timedelta(days=length))
        assert found == [day for day, answer in answers.items() if answer]


@given(st.sampled_from(OWN), st.dates(date(2015, 2, 1), date(2026, 12, 1)))
def test_hours_are_in_order_and_on_the_local_day(mic: str, day: date) -> None:
    """Every session opens before it closes, lasts two to nine hours, and knows the one before it."""
    here = calendar(mic)
    if here.is_session(day):
        assert 2 <= (here.close_at(day) - here.open_at(day)).total_seconds() / 3600 <= 9
        assert here.previous_session(day) == here.sessions(day - timedelta(days=15), day)[-2]


def test_loading_pulls_in_nothing() -> None:
    """A fresh interpreter reads all calendars without pandas, pyarrow or exchange_calendars."""
    code = (
        "import sys;"
        "from stocks_pipeline.domain.calendars import calendar, mics; [calendar(m) for m in mics()];"
        "print(sorted({'pandas', 'exchange_calendars', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPO)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("file", "ending", "mic", "enough"),
    [
        ("yahoo_asx", ".AX", "XASX", 100),
        ("yahoo_us", "", "XNYS", 100),
        ("yahoo_dr", ".HK", "XHKG", 5),
        ("yahoo_dr", ".SI", "XSES", 5),
    ],
)
def test_real_sessions_were_trading_days(file: str, ending: str, mic: str, enough: int) -> None:
    """Days on which most real bars exist are exactly the calendar's sessions (needs the shared data)."""
    folder = Path(os.environ.get("STOCKS_SHARED_DATA", REPO.parent / "shared" / "data"))
    path = folder / "replay" / f"{file}.parquet"
    if not path.exists():
        pytest.skip("no shared data here")
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    bars = pq.read_table(path, columns=["symbol", "date"])
    counts = pc.value_counts(bars.filter(pc.ends_with(bars["symbol"], ending))["date"]).to_pylist()
    traded = sorted(row["values"] for row in counts if row["counts"] >= enough)
    assert traded == calendar(mic).sessions(traded[0], traded[-1])

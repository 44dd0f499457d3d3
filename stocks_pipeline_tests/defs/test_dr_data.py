"""A year of bars for a morning: what it may know, what it stores, and each ticker failing alone."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest

from stocks_pipeline.defs.dr.company import PATIENCE, CompanyDesk
from stocks_pipeline.defs.dr.data import COMPANY, GIVE_UP, LOOKBACK, cutoff, expected_session
from stocks_pipeline.domain.calendars import calendar
from stocks_pipeline.domain.reports.chart_series import AVERAGES, SHOWN
from stocks_pipeline.domain.tickers import Ticker, packaged_tickers, resolve
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.tables import read_metadata, read_table
from stocks_pipeline.upstream.failures import FailureKind
from stocks_pipeline.upstream.yahoo_bars import Bars, Window
from stocks_pipeline_tests.fake_feed import refused
from stocks_pipeline_tests.fakes import FakeClock
from stocks_pipeline_tests.morning_desk import (
    ACTIVE,
    DAY,
    MORNING,
    YAHOO,
    CannedCompany,
    MorningDesk,
    down,
    failure_of,
    failure_row,
    morning,
    waves,
)

__all__ = ["morning"]


def ticker(mic: str) -> Ticker:
    return Ticker("T19", "T", "T", mic, "USD", active=True)


@pytest.mark.parametrize(
    ("mic", "day", "expected"),
    [
        ("XNAS", date(2025, 12, 5), date(2025, 12, 4)),  # winter: New York closes an hour before the cutoff
        ("XNAS", date(2025, 7, 4), date(2025, 7, 3)),  # summer: two hours before it
        ("XNAS", date(2025, 3, 10), date(2025, 3, 7)),  # the Monday after the clocks went forward
        ("XNAS", date(2025, 11, 28), date(2025, 11, 26)),  # Thanksgiving was no session
        ("XNAS", date(2025, 12, 6), date(2025, 12, 5)),  # Saturday: Friday's, which closed an hour ago in Bangkok
        ("XNAS", date(2025, 12, 8), date(2025, 12, 5)),  # Monday: Friday's still
        ("XTKS", date(2025, 12, 5), date(2025, 12, 4)),
        ("XSES", date(2025, 12, 5), date(2025, 12, 4)),
        ("XSTC", date(2025, 12, 5), date(2025, 12, 4)),
        ("XHKG", date(2025, 12, 26), date(2025, 12, 24)),  # Christmas
    ],
)
def test_the_newest_session_that_had_closed_by_five_in_bangkok(mic: str, day: date, expected: date) -> None:
    """F17: each exchange by its own calendar and clock, New York's summer time included."""
    assert expected_session(ticker(mic), day) == expected


def test_beyond_the_calendar_it_is_the_day_before() -> None:
    """Nobody knows the sessions of 2100; the check then says what it saw."""
    assert expected_session(ticker("XNAS"), date(2100, 1, 5)) == date(2100, 1, 4)


def test_the_cutoff_is_ten_in_the_evening_before_in_utc() -> None:
    """A02: 05:00 in Bangkok is 22:00 UTC of the day before, all year."""
    assert cutoff(DAY).astimezone(UTC) == datetime(2025, 12, 4, 22, tzinfo=UTC)
    assert cutoff(date(2025, 7, 4)).astimezone(UTC) == datetime(2025, 7, 3, 22, tzinfo=UTC)


def test_a_year_of_bars_is_stored_with_its_session_and_what_the_page_shows(morning: MorningDesk) -> None:
    """A06, A23: Parquet by day and ticker, `price_points` and `data_date`, the three checks passed."""
    done = morning.fetch()
    assert done.success
    assert {name: morning.colours("ticker_data")[name] for name in ACTIVE} == dict.fromkeys(ACTIVE, "MATERIALIZED")
    table = read_table(morning.lake, layout.ticker_data_key(DAY, "DBS19"))
    shown = morning.metadata("DBS19", "ticker_data")
    assert (shown["price_points"], shown["data_date"]) == (table.num_rows, "2025-12-04")
    assert table.column("symbol").unique().to_pylist() == ["DBS19"]
    checks = [c for c in done.get_asset_check_evaluations() if c.partition]
    assert len(checks) == 9
    assert all(check.passed for check in checks)
    asked = {symbol: window for (symbol,), window in morning.feed.asked}
    assert asked == dict.fromkeys((YAHOO[n] for n in ACTIVE), Window(date(2025, 12, 4) - LOOKBACK, date(2025, 12, 4)))


@pytest.mark.parametrize("mic", sorted({ticker.exchange_mic for ticker in packaged_tickers()}))
def test_the_long_average_spans_the_whole_picture(mic: str) -> None:
    """B21: every session that a chart draws has the 200 before it, on each exchange of the list, in any year."""
    known = calendar(mic)
    for year in range(known.first.year + 2, known.last.year):
        last = date(year, 12, 4)
        assert len(known.sessions(last - LOOKBACK, last)) >= SHOWN + max(AVERAGES) - 1


def test_a_morning_made_again_later_knows_no_more(morning: MorningDesk) -> None:
    """A bar of a session that closed after the cutoff is not asked for, and the second time says the same."""
    morning.fetch()
    first = morning.metadata("NVDA19", "ticker_data")
    morning.clock.advance(30 * 86_400)
    morning.fetch(refetch=True)
    again = morning.metadata("NVDA19", "ticker_data")
    assert again["data_date"] == first["data_date"] == "2025-12-04"
    assert again["file_changed"] is False
    assert {window.end for _, window in morning.feed.asked} == {date(2025, 12, 4)}


def test_a_morning_that_has_not_come_is_refused_and_asks_nobody(morning: MorningDesk) -> None:
    """Before its 05:00 a session may still be trading, and a bar of it would be stored for good; from then on it is
    fetched. In the Launchpad as anywhere: the asset itself refuses.
    """
    morning.clock.advance(cutoff(DAY).timestamp() - 1 - morning.clock.time())
    done = morning.fetch()
    kind, said, *_ = failure_row(done, "NVDA19")
    assert kind == "permanent"
    assert said.startswith("the morning of 2025-12-05 comes at 05:00 in Bangkok (2025-12-04 22:00 UTC)")
    assert (morning.feed.asked, morning.company.asked) == ([], [])
    assert not morning.lake.exists(layout.ticker_data_key(DAY, "NVDA19"))
    morning.clock.advance(1)
    assert morning.fetch().success


def test_a_feed_without_the_newest_session_is_stored_and_called_stale(morning: MorningDesk) -> None:
    """B17: what is there is kept; `data_fresh` names the session that is missing."""
    morning.feed.script = lambda s, w: waves(s, replace(w, end=w.end - timedelta(days=2)) if s == "NVDA" else w)
    done = morning.fetch()
    checks = {c.partition: c for c in done.get_asset_check_evaluations() if c.check_name == "data_fresh"}
    assert done.success
    assert [key for key, check in checks.items() if key and not check.passed] == [f"{DAY}|NVDA19"]


@pytest.mark.parametrize("bad", ACTIVE)
@pytest.mark.parametrize(
    "kind", [FailureKind.TRANSIENT, FailureKind.RATE, FailureKind.PERMANENT, FailureKind.MALFORMED]
)
def test_each_ticker_fails_alone(morning: MorningDesk, bad: str, kind: FailureKind) -> None:
    """B43: the others are green, this one is red, with Yahoo's own words, its class and what to do next."""
    morning.feed.script = lambda s, w: refused(s, kind, "Yahoo said no") if s == YAHOO[bad] else waves(s, w)
    done = morning.fetch()
    assert not done.success
    expected = {name: "FAILED" if name == bad else "MATERIALIZED" for name in ACTIVE}
    assert morning.colours("ticker_data") == {**expected, "RETIRED19": None}
    assert failure_row(done, bad)[:3] == [kind.value, "Yahoo said no", "4"]
    assert failure_of(done)[1]["made"] == 2


def test_a_ticker_without_a_bar_is_a_failure_that_no_retry_mends(morning: MorningDesk) -> None:
    """F02: an empty answer is no data, and is never stored."""
    morning.feed.script = lambda s, w: Bars(s, waves(s, w).table.slice(0, 0), "USD", 0) if s == "NVDA" else None
    done = morning.fetch(["NVDA19"])
    assert failure_row(done, "NVDA19")[0] == "permanent"
    assert "NVDA has no bar from" in failure_row(done, "NVDA19")[1]
    assert not morning.lake.exists(layout.ticker_data_key(DAY, "NVDA19"))


def test_a_refused_address_stops_the_stage(morning: MorningDesk) -> None:
    """AUTH: one clear failure, the rest not tried."""
    morning.feed.script = lambda s, _: refused(s, FailureKind.AUTH, "401: Invalid Crumb")
    done = morning.fetch()
    said, metadata = failure_of(done)
    assert "Invalid Crumb" in said
    assert metadata["made"] == 0


def test_what_is_stored_is_logged_again_and_a_damaged_file_fetched_anew(morning: MorningDesk) -> None:
    """Second run: nobody is asked but for the file that cannot be read; `refetch` asks for all."""
    morning.fetch()
    morning.feed.forget()
    (morning.root / layout.ticker_data_key(DAY, "DBS19")).write_bytes(b"PAR1 cut")
    assert morning.fetch().success
    assert morning.feed.symbols_asked == ["D05.SI"]
    assert morning.metadata("NVDA19", "ticker_data")["reused_from"] == layout.ticker_data_key(DAY, "NVDA19")
    morning.feed.forget()
    assert morning.fetch(refetch=True).success
    assert len(morning.feed.symbols_asked) == 3


def _late(morning: MorningDesk, *symbols: str) -> None:
    """Yahoo lacks the newest session of these."""
    morning.feed.script = lambda s, w: waves(s, replace(w, end=w.end - timedelta(days=1)) if s in symbols else w)


def test_a_late_session_is_asked_for_again_and_nothing_else_is(morning: MorningDesk) -> None:
    """Yahoo was late with one of three: the same morning asks for that one, and once it is there for nobody."""
    _late(morning, "NVDA")
    morning.fetch()
    assert morning.metadata("NVDA19", "ticker_data")["data_date"] == "2025-12-03"
    morning.feed.forget()
    morning.fetch()
    assert morning.feed.symbols_asked == ["NVDA"]
    _late(morning)
    morning.feed.forget()
    morning.clock.advance(3_600)
    done = morning.fetch()
    assert morning.feed.symbols_asked == ["NVDA"]
    assert morning.metadata("NVDA19", "ticker_data")["data_date"] == "2025-12-04"
    assert all(check.passed for check in done.get_asset_check_evaluations() if check.partition)
    morning.feed.forget()
    assert morning.fetch().success
    assert morning.feed.symbols_asked == []


def test_a_session_that_never_came_is_given_up_with_the_next_morning(morning: MorningDesk) -> None:
    """Up to GIVE_UP after the cutoff Yahoo is asked, then what is stored stays; `refetch` asks all the same."""
    _late(morning, "NVDA")
    morning.fetch()
    passed = morning.clock.now() - cutoff(DAY)
    morning.feed.forget()
    morning.clock.advance((GIVE_UP - passed).total_seconds() - 1)
    morning.fetch()
    assert morning.feed.symbols_asked == ["NVDA"]
    morning.feed.forget()
    morning.clock.advance(2)
    done = morning.fetch()
    assert done.success
    assert morning.feed.symbols_asked == []
    assert f"{DAY}|NVDA19" in {c.partition for c in done.get_asset_check_evaluations() if not c.passed}
    morning.fetch(["NVDA19"], refetch=True)
    assert morning.feed.symbols_asked == ["NVDA"]


def test_a_late_session_that_cannot_be_had_now_costs_no_stored_bar(morning: MorningDesk) -> None:
    """The second try fails: red with the reason, and the bars of the first are still there."""
    _late(morning, "NVDA")
    morning.fetch()
    before = read_table(morning.lake, layout.ticker_data_key(DAY, "NVDA19"))
    morning.feed.script = lambda s, _: refused(s, FailureKind.TRANSIENT, "503")
    assert failure_row(morning.fetch(), "NVDA19")[:2] == ["transient", "503"]
    assert read_table(morning.lake, layout.ticker_data_key(DAY, "NVDA19")).equals(before)


def test_company_fields_outlive_a_second_fetch_that_cannot_have_them(morning: MorningDesk) -> None:
    """What the morning has stored of the company stays when Yahoo has nothing to say, and the note tells both."""
    morning.company.fields = {"NVDA": {"beta": 1.5}}
    morning.fetch()
    morning.company.fields = {"NVDA": down("NVDA", said="no crumb")}
    morning.fetch(["NVDA19"], refetch=True)
    assert read_metadata(morning.lake, layout.ticker_data_key(DAY, "NVDA19"))[COMPANY] == '{"beta": 1.5}'
    shown = morning.metadata("NVDA19", "ticker_data")
    assert shown["company_fields"] == 1
    assert "as stored before" in shown["company_note"]
    assert "no crumb" in shown["company_note"]


def test_the_true_reason_without_company_data_reaches_the_reader(morning: MorningDesk) -> None:
    """A past morning asks for no company: the report says that, also of data read again, and no field name."""
    morning.clock.advance(3 * 86_400.0)
    morning.fetch()
    before = morning.lake.read(layout.ticker_data_key(DAY, "NVDA19"))
    morning.fetch()
    assert morning.lake.read(layout.ticker_data_key(DAY, "NVDA19")) == before
    morning.write()
    why = "not asked for: the morning is past, and Yahoo tells the present only"
    payload = morning.payload("NVDA19")
    assert payload["facts"]["absent"]["trailing_pe"] == why
    assert payload["score_parts"]["valuation"]["reason"].startswith(f"trailing P/E: no price/earnings ({why})")
    assert "trailing_pe" not in morning.lake.read(payload["markdown_key"]).decode()


def test_another_currency_than_the_lists_is_told(morning: MorningDesk) -> None:
    """The vendor's word counts: stored as it is, a check that warns and a note; the others have neither."""
    morning.feed.script = lambda s, w: replace(waves(s, w), currency="EUR") if s == "NVDA" else waves(s, w)
    done = morning.fetch()
    assert done.success
    failed = [c for c in done.get_asset_check_evaluations() if c.partition and not c.passed]
    assert [(c.partition, c.check_name, c.severity.value) for c in failed] == [
        (f"{DAY}|NVDA19", "bars_consistent", "WARN")
    ]
    shown = morning.metadata("NVDA19", "ticker_data")
    assert shown["currency_note"] == "the ticker list says USD, the bars are in EUR"
    assert shown["close"].endswith(" EUR")
    assert "currency_note" not in morning.metadata("DBS19", "ticker_data")


@pytest.mark.parametrize(("close", "money", "shown"), [(96_000.0, "VND", "96,000 VND"), (90.84, "USD", "90.84 USD")])
def test_the_close_is_shown_with_all_its_digits(morning: MorningDesk, close: float, money: str, shown: str) -> None:
    """Never 9.6e+04: the digits of the report."""

    def bars(symbol: str, window: Window) -> Bars:
        made = waves(symbol, window)
        table = made.table.set_column(4, made.table.schema.field(4), pa.array([close] * made.table.num_rows))
        return replace(made, table=table, currency=money)

    morning.feed.script = bars
    morning.fetch(["NVDA19"])
    assert morning.metadata("NVDA19", "ticker_data")["close"] == shown


def test_limit_and_names_narrow_the_run(morning: MorningDesk) -> None:
    """A12, A16: exactly two; NVDA and DBS19 by either name; the run is green for what it was asked."""
    assert morning.fetch(limit=2).success
    assert morning.feed.symbols_asked == ["D05.SI", "NVDA"]
    morning.feed.forget()
    assert morning.fetch(tickers=["NVDA", "DBS19"], refetch=True).success
    assert morning.feed.symbols_asked == ["D05.SI", "NVDA"]


def test_an_unknown_name_lists_the_nearest_and_asks_nobody(morning: MorningDesk) -> None:
    """B14: NVDA18 is no ticker."""
    said, _ = failure_of(morning.fetch(tickers=["NVDA18"]))
    assert "NVDA18" in said
    assert "NVDA19" in said
    assert morning.feed.asked == []


def test_a_retired_ticker_is_left_out_unless_named(morning: MorningDesk) -> None:
    """B10: a range over it leaves it as it was; alone it is no success; by name it is fetched."""
    morning.instance.add_dynamic_partitions("dr_tickers", ["RETIRED19"])
    assert morning.fetch([*ACTIVE, "RETIRED19"]).success
    assert "OLD.SI" not in morning.feed.symbols_asked
    assert morning.colours("ticker_data")["RETIRED19"] is None
    said, _ = failure_of(morning.fetch(["RETIRED19"]))
    assert "nothing to do: RETIRED19" in said
    assert morning.fetch(["RETIRED19"], tickers=["RETIRED19"]).success


def test_company_fields_are_stored_with_the_bars(morning: MorningDesk) -> None:
    """B17: price history and company info in one file; counted in the metadata."""
    morning.company.fields = {"NVDA": {"marketCap": 10, "beta": 1.5}}
    morning.fetch()
    metadata = read_metadata(morning.lake, layout.ticker_data_key(DAY, "NVDA19"))
    assert metadata[COMPANY] == '{"beta": 1.5, "marketCap": 10}'
    assert morning.metadata("NVDA19", "ticker_data")["company_fields"] == 2
    version = morning.metadata("NVDA19", "ticker_data")["file_changed"]
    morning.company.asked.clear()
    morning.fetch()
    assert (version, morning.metadata("NVDA19", "ticker_data")["file_changed"]) == (True, False)
    assert morning.company.asked == []
    assert read_metadata(morning.lake, layout.ticker_data_key(DAY, "NVDA19"))[COMPANY] == metadata[COMPANY]


@pytest.mark.parametrize("kind", list(FailureKind))
def test_a_company_that_cannot_be_had_costs_nothing(morning: MorningDesk, kind: FailureKind) -> None:
    """Whatever the class: green, without fields, and the note holds the reason."""
    morning.company.fields = {symbol: down(symbol, kind, "no crumb") for symbol in YAHOO.values()}
    assert morning.fetch().success
    shown = morning.metadata("DBS19", "ticker_data")
    assert shown["company_fields"] == 0
    assert "no crumb" in shown["company_note"]


def test_after_a_few_failures_no_more_companies_are_asked_for() -> None:
    """They share the bars' limit: a vendor that refuses is not asked forty times. An unknown name is no refusal."""
    source = CannedCompany({"A": down("A"), "B": down("B", FailureKind.PERMANENT)})
    desk = CompanyDesk(source, FakeClock(MORNING.timestamp()))
    for symbol in ("A", "A", "B", *["A"] * 10):
        desk.ask(symbol, cutoff(DAY))
    assert source.asked == ["A", "A", "B", *["A"] * PATIENCE]
    assert "could not be had" in desk.ask("A", cutoff(DAY)).note


def test_a_morning_of_last_month_learns_nothing_of_today() -> None:
    """Yahoo tells the present: a past morning is not given today's market value, and says so."""
    source = CannedCompany({"A": {"marketCap": 1}})
    desk = CompanyDesk(source, FakeClock(MORNING.timestamp() + 3 * 86_400))
    answer = desk.ask("A", cutoff(DAY))
    assert (answer.fields, source.asked) == ({}, [])
    assert "the morning is past" in answer.note


def test_every_exchange_of_the_packaged_list_is_known() -> None:
    """F17: each active ticker has a calendar, and a session before this morning."""
    for one in packaged_tickers():
        assert date(2025, 11, 28) <= expected_session(one, DAY) < DAY, one.dr
    assert resolve(packaged_tickers(), "D05.SI").dr == "DBS19"

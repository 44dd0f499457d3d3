"""The decoder of Yahoo's chart bodies: what it reads, what it refuses, and that it never raises anything else."""

import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stocks_pipeline.domain.schemas import BARS, conform
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError
from stocks_pipeline.upstream.yahoo_bars import Bars, Event, Window
from stocks_pipeline.upstream.yahoo_chart import decode_chart

SYDNEY = "Australia/Sydney"
WEEK = Window(date(2025, 12, 1), date(2025, 12, 7))
SHARED = Path(os.environ.get("STOCKS_SHARED_DATA") or Path(__file__).parents[3] / "shared" / "data")
WIRE = SHARED / "wire" / "yahoo"


def stamp(day: str, tz: str = SYDNEY, hour: int = 10, minute: int = 0) -> int:
    at = datetime.fromisoformat(f"{day}T{hour:02}:{minute:02}").replace(tzinfo=ZoneInfo(tz))
    return int(at.timestamp())


def chart(days: list[str], **changes: Any) -> dict[str, Any]:
    """A body's document with one bar a day, closes 10.5, 11.5, …; `changes` replace columns, `meta` and `events`."""
    n = len(days)
    columns = {
        "open": [10.0 + i for i in range(n)],
        "high": [11.0 + i for i in range(n)],
        "low": [9.0 + i for i in range(n)],
        "close": [10.5 + i for i in range(n)],
        "volume": [100 + i for i in range(n)],
    }
    adjusted = changes.pop("adj_close", [10.25 + i for i in range(n)])
    meta = {"symbol": "BHP.AX", "currency": "AUD", "exchangeTimezoneName": SYDNEY, "dataGranularity": "1d"}
    meta |= changes.pop("meta", {})
    result: dict[str, Any] = {"meta": meta, "timestamp": changes.pop("timestamp", [stamp(d) for d in days])}
    if "events" in changes:
        result["events"] = changes.pop("events")
    result["indicators"] = {"quote": [columns | changes], "adjclose": [{"adjclose": adjusted}]}
    return {"chart": {"result": [result], "error": None}}


def decode(document: Any, symbol: str = "BHP.AX", window: Window = WEEK) -> Bars:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return decode_chart(body, symbol=symbol, window=window)


def refusal(document: Any, **options: Any) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        decode(document, **options)
    return caught.value


def column(bars: Bars, name: str) -> list[Any]:
    return list(bars.table.column(name).to_pylist())


def test_prices_are_kept_as_sent() -> None:
    """Every column arrives, to the last bit, under the schema of bars."""
    odd = 45.130001068115234
    bars = decode(chart(["2025-12-01", "2025-12-02"], close=[odd, 7], volume=[None, 10**12]))
    assert bars.table.schema.equals(BARS)
    assert conform(bars.table, BARS).num_rows == 2
    assert column(bars, "session") == [date(2025, 12, 1), date(2025, 12, 2)]
    assert column(bars, "close") == [odd, 7.0]
    assert column(bars, "adj_close") == [10.25, 11.25]
    assert column(bars, "volume") == [None, 10**12]
    assert (bars.currency, bars.dropped, bars.unplaced, bars.note) == ("AUD", 0, (), "")


def test_a_missing_number_stays_missing() -> None:
    """Null open, volume and adjusted close are null in the table, never 0 and never the plain close."""
    bars = decode(chart(["2025-12-01"], open=[None], volume=[None], adj_close=[None]))
    assert [column(bars, c) for c in ("open", "volume", "adj_close")] == [[None], [None], [None]]
    assert bars.table.column("open").null_count == 1
    without = chart(["2025-12-01"])
    del without["chart"]["result"][0]["indicators"]["adjclose"]
    assert column(decode(without), "adj_close") == [None]


def test_infinite_adjusted_close_is_missing() -> None:
    """The string "Infinity" that Yahoo sends for some old bars is as good as no number."""
    assert column(decode(chart(["2025-12-01"], adj_close=["Infinity"])), "adj_close") == [None]


@pytest.mark.parametrize("nothing", [None, 0, 0.0])
def test_a_bar_without_a_close_is_dropped_and_counted(nothing: float | None) -> None:
    """No close, or a close of zero, is no bar."""
    bars = decode(chart(["2025-12-01", "2025-12-02", "2025-12-03"], close=[10.5, nothing, 12.5]))
    assert column(bars, "close") == [10.5, 12.5]
    assert bars.dropped == 1


def test_dividends_and_splits_land_on_their_session() -> None:
    """An event is on its own day's bar; two dividends of a day add up, two splits multiply, other days are 0.0."""
    at = stamp("2025-12-02")
    events = {
        "dividends": {"a": {"amount": 0.25, "date": at}, "b": {"amount": 0.5, "date": at + 60}},
        "splits": {
            "c": {"date": at, "numerator": 3, "denominator": 2},
            "d": {"date": at, "numerator": 2, "denominator": 1},
        },
    }
    bars = decode(chart(["2025-12-01", "2025-12-02", "2025-12-03"], events=events))
    assert column(bars, "dividend") == [0.0, 0.75, 0.0]
    assert column(bars, "split") == [0.0, 3.0, 0.0]
    assert bars.note == ""


def test_an_event_without_a_bar_moves_to_the_next_bar() -> None:
    """The first price that shows a split of a suspended stock is the next bar's; so it is before the first bar."""
    events = {
        "dividends": {"a": {"amount": 0.25, "date": stamp("2025-12-01")}},
        "splits": {"c": {"date": stamp("2025-12-03"), "numerator": 4, "denominator": 1}},
    }
    bars = decode(chart(["2025-12-02", "2025-12-03", "2025-12-04"], close=[10.5, None, 12.5], events=events))
    assert column(bars, "session") == [date(2025, 12, 2), date(2025, 12, 4)]
    assert column(bars, "dividend") == [0.25, 0.0]
    assert column(bars, "split") == [0.0, 4.0]
    assert "2 events moved" in bars.note


def test_an_event_after_the_last_bar_is_reported_not_lost() -> None:
    """It belongs to a session outside the table, so it is handed over beside it; one outside the window is not."""
    events = {"dividends": {d: {"amount": 0.25, "date": stamp(d)} for d in ("2025-12-05", "2025-12-08", "2025-11-30")}}
    bars = decode(chart(["2025-12-01"], events=events))
    assert column(bars, "dividend") == [0.0]
    assert bars.unplaced == (Event(date(2025, 12, 5), "dividend", 0.25),)


def test_dividends_in_another_currency_are_noted() -> None:
    """A dividend in another money than the price is kept as sent, and said."""
    events = {"dividends": {"a": {"amount": 0.25, "date": stamp("2025-12-01"), "currency": "USD"}}}
    assert decode(chart(["2025-12-01"], events=events)).note == "dividends in USD, prices in AUD"


@pytest.mark.parametrize(("hour", "minute"), [(10, 0), (0, 0), (0, 30), (23, 30)])
def test_dates_are_local_across_a_clock_change(hour: int, minute: int) -> None:
    """Sydney's open is 23:00 UTC of the day before in summer, 00:00 UTC in winter; one window may hold both."""
    days = ["2025-10-02", "2025-10-03", "2025-10-06", "2025-10-07"]  # clocks change on the 5th
    times = [stamp(day, hour=hour, minute=minute) for day in days]
    bars = decode(chart(days, timestamp=times), window=Window(date(2025, 10, 1), date(2025, 10, 10)))
    assert [d.isoformat() for d in column(bars, "session")] == days


def test_a_bar_stamped_late_the_evening_before_belongs_to_the_day() -> None:
    """Yahoo dates some bars 23:00 of the evening before, a slip of its clock change (yfinance corrects it too)."""
    document = chart(["2025-12-02"], timestamp=[stamp("2025-12-01", hour=23)])
    assert column(decode(document), "session") == [date(2025, 12, 2)]


def test_the_live_bar_replaces_its_double() -> None:
    """While the market is open today comes twice: the second is the fresher one."""
    times = [stamp("2025-12-01"), stamp("2025-12-02"), stamp("2025-12-02", hour=14, minute=31)]
    bars = decode(chart(["2025-12-01", "2025-12-02", "2025-12-02"], timestamp=times))
    assert column(bars, "close") == [10.5, 12.5]


def test_a_live_bar_without_a_price_does_not_hide_the_day() -> None:
    """A null double is dropped before doubles are merged, so the priced bar stays."""
    bars = decode(chart(["2025-12-02", "2025-12-02"], close=[10.5, None]))
    assert column(bars, "close") == [10.5]
    assert bars.dropped == 1


def test_doubles_elsewhere_keep_the_first() -> None:
    """As in yfinance."""
    bars = decode(chart(["2025-12-01", "2025-12-01", "2025-12-02"]))
    assert column(bars, "close") == [10.5, 12.5]


def test_bars_outside_the_window_are_not_taken() -> None:
    """Yahoo may append the live bar behind the end of the window."""
    bars = decode(chart(["2025-11-28", "2025-12-01", "2025-12-07", "2025-12-08"], close=[1, 2, 3, None]))
    assert column(bars, "close") == [2.0, 3.0]
    assert bars.dropped == 0


def test_an_empty_window_is_no_failure() -> None:
    """A listed symbol without bars in the window has zero rows."""
    document = chart([])
    result = document["chart"]["result"][0]
    del result["timestamp"]
    result["indicators"] = {"quote": [{}], "adjclose": [{}]}
    bars = decode(document)
    assert (bars.table.num_rows, bars.currency, bars.note) == (0, "AUD", "no bars in the window")


def test_a_window_before_the_listing_is_empty_and_says_so() -> None:
    """Yahoo's 400 "Data doesn't exist" is about a known symbol: no rows, its words in the note."""
    words = "Data doesn't exist for startDate = 1565740800, endDate = 1596067200"
    bars = decode({"chart": {"result": None, "error": {"code": "Bad Request", "description": words}}})
    assert (bars.table.num_rows, bars.currency, bars.note) == (0, None, words)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("Not Found", FailureKind.PERMANENT),
        ("Unauthorized", FailureKind.AUTH),
        ("Too Many Requests", FailureKind.RATE),
        ("internal-error", FailureKind.TRANSIENT),
        ("Something New", FailureKind.MALFORMED),
    ],
)
def test_an_error_inside_an_answer_is_classified(code: str, kind: FailureKind) -> None:
    """Yahoo sends errors inside 200 too; words we do not know are tried again and seen."""
    error = refusal({"chart": {"result": None, "error": {"code": code, "description": "so it is"}}})
    assert (error.kind, error.subject) == (kind, "BHP.AX")
    assert "so it is" in error.message


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (b"", "not JSON"),
        (b"<html>hello</html>", "<html>"),
        (b'{"chart":{"result":[{"meta":', "not JSON"),
        ({}, "no chart.result"),
        ([], "no chart.result"),
        ({"chart": {"result": None, "error": None}}, "no chart.result"),
        ({"chart": {"result": [], "error": None}}, "no chart.result"),
        ({"chart": {"result": [None], "error": None}}, "no chart.result"),
        ({"chart": {"result": [{}], "error": None}}, "meta"),
        (chart(["2025-12-01"], meta={"symbol": "BHP"}), "'BHP'"),
        (chart(["2025-12-01"], meta={"symbol": None}), "None"),
        (chart(["2025-12-01"], meta={"exchangeTimezoneName": None}), "exchangeTimezoneName"),
        (chart(["2025-12-01"], meta={"exchangeTimezoneName": "Mars/Olympus"}), "Mars/Olympus"),
        (chart(["2025-12-01"], meta={"dataGranularity": "1mo"}), "1mo"),
        (chart(["2025-12-01"], close=[1.0, 2.0]), "1 timestamps and 2 of close"),
        (chart(["2025-12-01"], volume=[]), "0 of volume"),
        (chart(["2025-12-01"], adj_close=[]), "0 of adj_close"),
        (chart(["2025-12-02", "2025-12-01"]), "out of order"),
        (chart(["2025-12-01"], close=[-1.0]), "negative close"),
        (chart(["2025-12-01"], close=[1e16]), "absurd close"),
        (chart(["2025-12-01"], volume=[2**60]), "absurd volume"),
        (chart(["2025-12-01"], close=["10.5"]), "str"),
        (chart(["2025-12-01"], close=[True]), "bool"),
        (chart(["2025-12-01"], close=None), "list"),
        (chart(["2025-12-01"], timestamp=[1e9]), "float"),
        (chart(["2025-12-01"], timestamp=[10**17]), "cannot be read"),
        (chart([], timestamp=[], close=[1.0]), "prices without timestamps"),
        (chart(["2025-12-01"], events={"splits": {"a": {"date": 1, "numerator": 1, "denominator": 0}}}), "positive"),
        (chart(["2025-12-01"], events={"dividends": {"a": {"date": 1, "amount": -1}}}), "positive"),
        (chart(["2025-12-01"], events={"dividends": {"a": {"date": "x", "amount": 1}}}), "unix seconds"),
    ],
)
def test_what_cannot_be_believed_is_malformed(document: Any, says: str) -> None:
    """Damage of every shape is one class of failure whose message says what is wrong."""
    error = refusal(document)
    assert error.kind is FailureKind.MALFORMED
    assert says in error.message


def test_a_column_that_is_absent_is_malformed() -> None:
    """A vendor that stops sending a column is noticed, not read as nulls."""
    document = chart(["2025-12-01"])
    del document["chart"]["result"][0]["indicators"]["quote"][0]["volume"]
    assert "volume" in refusal(document).message


def test_the_maintenance_page_is_transient() -> None:
    """Yahoo's "Will be right back" means later, whatever its status."""
    assert refusal(b"<html>Will be right back...").kind is FailureKind.TRANSIENT


def test_a_window_is_inclusive_in_local_days() -> None:
    """period1 is the first day's midnight on the exchange, period2 the midnight after the last day."""
    first, after = Window(date(2025, 10, 5), date(2025, 10, 5)).unix(SYDNEY)  # the day has 23 hours
    assert datetime.fromtimestamp(first, UTC) == datetime(2025, 10, 4, 14, tzinfo=UTC)
    assert after - first == 23 * 3600
    with pytest.raises(ValueError, match="before it starts"):
        Window(date(2025, 1, 2), date(2025, 1, 1))


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_paths = st.sampled_from(
    [
        *("meta", "timestamp", "events", "indicators", "meta.symbol", "meta.currency", "meta.exchangeTimezoneName"),
        *("meta.dataGranularity", "indicators.quote", "indicators.adjclose", "indicators.quote.0"),
        *("indicators.quote.0.close", "events.dividends", "events.splits", "events.dividends.a"),
        *("events.dividends.a.date", "events.splits.b"),
    ]
)


@settings(max_examples=150, deadline=None)
@given(path=_paths, value=_json)
def test_any_damage_is_a_table_or_a_classified_failure(path: str, value: Any) -> None:
    """Whatever stands where something was expected, nothing but UpstreamError comes out."""
    at = stamp("2025-12-01")
    events = {
        "dividends": {"a": {"amount": 0.25, "date": at}},
        "splits": {"b": {"date": at, "numerator": 2, "denominator": 1}},
    }
    document = chart(["2025-12-01", "2025-12-02"], events=events)
    *parents, last = path.split(".")
    place: Any = document["chart"]["result"][0]
    for step in parents:
        place = place[int(step)] if step.isdigit() else place[step]
    place[int(last) if last.isdigit() else last] = value
    try:
        bars = decode(document)
    except UpstreamError:
        return
    assert conform(bars.table, BARS).num_rows <= 2


@settings(max_examples=100, deadline=None)
@given(cut=st.integers(0, 600))
def test_a_cut_body_is_malformed(cut: int) -> None:
    """A body that ends early never passes for data."""
    body = json.dumps(chart(["2025-12-01", "2025-12-02"])).encode()
    assert refusal(body[: min(cut, len(body) - 1)]).kind is FailureKind.MALFORMED


@settings(max_examples=60, deadline=None)
@given(
    tz=st.sampled_from(["Australia/Sydney", "America/New_York", "Asia/Tokyo", "Europe/London", "America/Sao_Paulo"]),
    days=st.lists(st.integers(0, 9000), min_size=1, max_size=40, unique=True).map(sorted),
    closes=st.data(),
)
def test_rows_are_one_a_session_and_complete(tz: str, days: list[int], closes: st.DataObject) -> None:
    """Sessions come out ascending and distinct, on the local date, and rows plus dropped is what came in."""
    dates = [(date(2000, 1, 1) + timedelta(days=d)).isoformat() for d in days]
    prices = closes.draw(st.lists(st.none() | st.floats(0.001, 1e6), min_size=len(days), max_size=len(days)))
    times = [stamp(d, tz=tz) for d in dates]
    document = chart(dates, timestamp=times, close=prices, meta={"exchangeTimezoneName": tz})
    bars = decode(document, window=Window(date(2000, 1, 1), date(2030, 1, 1)))
    expected = [(d, p) for d, p in zip(dates, prices, strict=True) if p is not None]
    got = zip(column(bars, "session"), column(bars, "close"), strict=True)
    assert [(d.isoformat(), p) for d, p in got] == expected
    assert bars.table.num_rows + bars.dropped == len(days)


def test_pandas_stays_out() -> None:
    """Decoding, gaps and events included, loads no pandas: 0.6 s of every process."""
    events = {"dividends": {"a": {"amount": 1, "date": stamp("2025-12-01")}}}
    body = json.dumps(chart(["2025-12-01", "2025-12-02"], volume=[None, 1], events=events))
    code = (
        "import sys; from datetime import date; from stocks_pipeline.upstream.yahoo_chart import decode_chart, Window;"
        "w = Window(date(2025, 1, 1), date(2026, 1, 1));"
        f"t = decode_chart({body!r}.encode(), symbol='BHP.AX', window=w);"
        "assert t.table.num_rows == 2; assert 'pandas' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def recorded() -> list[Path]:
    return sorted(WIRE.rglob("*chart*.json"))


@pytest.mark.skipif(not WIRE.is_dir(), reason="the recorded bodies (STOCKS_SHARED_DATA) are not on this machine")
def test_recorded_bodies_decode() -> None:
    """Every recorded answer of the real Yahoo is read: its bars, splits and dividends, or its refusal."""
    rows: dict[str, int] = {}
    events = 0.0
    for path in recorded():
        document = json.loads(path.read_bytes())
        document = document["response"]["bodyJson"] if "response" in document else document
        result = (document["chart"]["result"] or [{}])[0]
        symbol = result.get("meta", {}).get("symbol", path.name)
        bars = decode(document, symbol=symbol, window=Window(date(1980, 1, 1), date(2030, 1, 1)))
        assert conform(bars.table, BARS).num_rows + bars.dropped == len(result.get("timestamp") or [])
        rows[path.name] = bars.table.num_rows
        events += sum(column(bars, "dividend")) + sum(column(bars, "split"))
    assert len(rows) >= 6
    assert sum(rows.values()) > 300
    assert events > 4  # NVDA's and Apple's 4:1 among them

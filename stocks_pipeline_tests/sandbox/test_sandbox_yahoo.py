"""Yahoo as the sandbox plays it: bodies, errors and faults, asked over HTTP."""

import json
import time
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest

from stocks_pipeline.domain.calendars import calendar
from stocks_pipeline_tests.sandbox_server import TODAY, SandboxServer, shared_data

SYDNEY = ZoneInfo("Australia/Sydney")
OPENS = 10  # o'clock


def midnight(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=SYDNEY).timestamp())


def opening(day: date) -> int:
    return midnight(day) + OPENS * 3600


def window(start: date, end: date) -> str:
    return f"period1={midnight(start)}&period2={midnight(end)}&interval=1d&events=div%2Csplits%2CcapitalGains"


def chart(server: SandboxServer, symbol: str = "BHP.AX", query: str | None = None) -> tuple[int, dict[str, Any]]:
    query = query or window(TODAY - timedelta(days=30), TODAY + timedelta(days=1))
    status, _, body = server.get(f"/v8/finance/chart/{quote(symbol, safe='')}?{query}")
    return status, json.loads(body)["chart"]


def result(server: SandboxServer, symbol: str = "BHP.AX", query: str | None = None) -> dict[str, Any]:
    status, body = chart(server, symbol, query)
    assert status == 200
    assert body["error"] is None
    found: dict[str, Any] = body["result"][0]
    return found


def quotes(found: dict[str, Any]) -> dict[str, list[Any]]:
    return {**found["indicators"]["quote"][0], **found["indicators"]["adjclose"][0], "timestamp": found["timestamp"]}


def test_a_chart_has_the_shape_of_the_recorded_ones(sandbox: SandboxServer) -> None:
    """No key of the body that a recording has is missing, and none has another type."""
    data = shared_data()
    if data is None:
        pytest.skip("the shared recordings are not here")
    recorded = json.loads((data / "wire/yahoo/yfinance-rs/history_chart_GS2C.DE.json").read_text())["chart"]["result"][
        0
    ]
    played = result(sandbox, query="range=5d&interval=1d")
    assert set(played) == set(recorded)
    assert set(played["meta"]) == set(recorded["meta"])
    for key, value in recorded["meta"].items():
        expected = (int, float) if isinstance(value, float) else type(value)
        assert isinstance(played["meta"][key], expected), key
    assert set(played["meta"]["currentTradingPeriod"]["regular"]) == {"timezone", "start", "end", "gmtoffset"}
    assert set(quotes(played)) == set(quotes(recorded))
    assert all(isinstance(volume, int) for volume in quotes(played)["volume"])


def test_headers_are_yahoo_s(sandbox: SandboxServer) -> None:
    """JSON with a charset, and the server's name."""
    _, headers, _ = sandbox.get("/v8/finance/chart/BHP.AX?range=1d&interval=1d")
    assert headers["content-type"] == "application/json;charset=utf-8"
    assert headers["server"] == "ATS"
    assert headers["cache-control"].startswith("public, max-age=10")


def test_the_end_of_a_window_is_exclusive_and_its_start_is_not(sandbox: SandboxServer) -> None:
    """period1 <= opening < period2, to the second."""
    first, last = opening(date(2026, 11, 16)), opening(date(2026, 11, 19))
    found = result(sandbox, query=f"period1={first}&period2={last}&interval=1d")
    assert [datetime.fromtimestamp(ts, UTC).astimezone(SYDNEY).day for ts in found["timestamp"]] == [16, 17, 18]
    assert len(result(sandbox, query=f"period1={first + 1}&period2={last + 1}&interval=1d")["timestamp"]) == 3


def test_bars_are_stamped_ten_o_clock_in_sydney_in_summer_and_winter(sandbox: SandboxServer) -> None:
    """The UTC hour moves with daylight saving; gmtoffset is today's, also beside July's bars."""
    found = result(sandbox, query=window(date(2026, 7, 1), date(2026, 11, 21)))
    hours = {datetime.fromtimestamp(ts, UTC).hour for ts in found["timestamp"]}
    assert hours == {0, 23}
    assert {datetime.fromtimestamp(ts, SYDNEY).hour for ts in found["timestamp"]} == {OPENS}
    assert found["meta"]["gmtoffset"] == 11 * 3600
    assert found["meta"]["timezone"] == "AEDT"


def test_nothing_after_today_exists_and_today_can_be_set(sandbox: SandboxServer) -> None:
    """The world's date hides later bars; the date may be moved while the server runs."""
    wide = window(date(2026, 1, 1), date(2027, 1, 1))
    assert result(sandbox, query=wide)["timestamp"][-1] == opening(TODAY)
    sandbox.today(date(2026, 3, 3))
    assert result(sandbox, query=wide)["timestamp"][-1] == opening(date(2026, 3, 3))
    assert sandbox.health()["today"] == "2026-03-03"


def test_an_empty_window_inside_the_listing_is_a_success_without_bars(sandbox: SandboxServer) -> None:
    """A weekend: HTTP 200, no timestamp, empty indicators."""
    found = result(sandbox, query=window(date(2026, 11, 14), date(2026, 11, 16)))
    assert "timestamp" not in found
    assert found["indicators"] == {"quote": [{}], "adjclose": [{}]}
    assert found["meta"]["exchangeTimezoneName"] == "Australia/Sydney"


def test_a_window_before_the_listing_is_a_400_with_yahoo_s_words(sandbox: SandboxServer) -> None:
    """The text names both ends as unix seconds."""
    status, body = chart(sandbox, query="period1=1000000000&period2=1000086400&interval=1d")
    assert status == 400
    assert body == {
        "result": None,
        "error": {
            "code": "Bad Request",
            "description": "Data doesn't exist for startDate = 1000000000, endDate = 1000086400",
        },
    }


@pytest.mark.parametrize("symbol", ["NOPE99", "BHP.XX", "../../x", "", "^NOPE", "bhp.ax"])
def test_what_is_no_symbol_is_not_found(sandbox: SandboxServer, symbol: str) -> None:
    """A 404 with Yahoo's words, whatever the characters."""
    status, body = chart(sandbox, symbol)
    assert status == 404
    assert body["error"] == {"code": "Not Found", "description": "No data found, symbol may be delisted"}


@pytest.mark.parametrize("symbol", ["^AXJO", "BRK-B", "CON", "0700.HK", "7974.T"])
def test_odd_but_real_symbols_have_charts(sandbox: SandboxServer, symbol: str) -> None:
    """Indices, share classes, device names and numbers are symbols like any other."""
    assert result(sandbox, symbol)["meta"]["symbol"] == symbol


@pytest.mark.parametrize(
    ("name", "since"),
    [
        ("1d", TODAY),
        ("5d", date(2026, 11, 16)),
        ("1mo", date(2026, 10, 20)),
        ("6mo", date(2026, 5, 20)),
        ("1y", date(2025, 11, 20)),
        ("ytd", date(2026, 1, 1)),
        ("max", date(2018, 1, 1)),
    ],
)
def test_ranges_by_name(sandbox: SandboxServer, name: str, since: date) -> None:
    """Days count sessions, months go back on the calendar: every session of an index from there to today."""
    found = result(sandbox, "^AXJO", f"range={name}&interval=1d")
    assert found["timestamp"] == [opening(day) for day in calendar("XASX").sessions(since, TODAY)]
    assert found["meta"]["range"] == name


@pytest.mark.parametrize(
    "query",
    ["range=7d&interval=1d", "range=1d&interval=1m", "period1=x", "period1=9&period2=8", "period1=9" + "9" * 30],
)
def test_impossible_questions_are_refused(sandbox: SandboxServer, query: str) -> None:
    """A 4xx with a description, never another window than the one asked for."""
    status, body = chart(sandbox, query=query)
    assert status in (400, 422)
    assert body["result"] is None
    assert body["error"]["description"]


def test_events_come_when_asked_for(sandbox: SandboxServer) -> None:
    """Dividends and splits by timestamp; no key when there is none or none was asked for."""
    found = result(sandbox, "CBA.AX", window(date(2018, 1, 1), TODAY))
    dividends = found["events"]["dividends"]
    assert all(key == str(value["date"]) and value["amount"] > 0 for key, value in dividends.items())
    splits = found["events"]["splits"]
    assert all(value["splitRatio"] == f"{value['numerator']}:{value['denominator']}" for value in splits.values())
    assert "events" not in result(sandbox, "CBA.AX", window(date(2018, 1, 1), TODAY).partition("&events")[0])
    assert "events" not in result(sandbox, "^AXJO")


def test_the_cookie_the_crumb_and_who_needs_it(sandbox: SandboxServer) -> None:
    """The cookie host sets A3 with a 404; quotes want the crumb; charts do not."""
    status, headers, _ = sandbox.get("/", host="fc.yahoo.com")
    assert status == 404
    assert headers["set-cookie"].startswith("A3=")
    assert "Domain=.yahoo.com" in headers["set-cookie"]
    crumb = sandbox.get("/v1/test/getcrumb", host="query1.finance.yahoo.com")[2].decode()
    path = "/v7/finance/quote?symbols=BHP.AX,NOPE99"
    status, _, body = sandbox.get(path)
    assert status == 401
    assert json.loads(body)["finance"]["error"] == {"code": "Unauthorized", "description": "Invalid Crumb"}
    status, _, body = sandbox.get(f"{path}&crumb={crumb}")
    assert status == 200
    assert [quoted["symbol"] for quoted in json.loads(body)["quoteResponse"]["result"]] == ["BHP.AX"]


def test_company_facts_have_the_modules_asked_for(sandbox: SandboxServer) -> None:
    """Summaries have the modules it has, and 404 for an unknown symbol."""
    crumb = sandbox.get("/v1/test/getcrumb")[2].decode()
    path = "/v10/finance/quoteSummary/{}?modules=summaryDetail,quoteType&crumb=" + crumb
    status, _, body = sandbox.get(path.format("BHP.AX"))
    assert status == 200
    assert set(json.loads(body)["quoteSummary"]["result"][0]) == {"summaryDetail", "quoteType"}
    status, _, body = sandbox.get(path.format("NOPE99"))
    assert status == 404
    assert json.loads(body)["quoteSummary"]["error"]["code"] == "Not Found"


def test_429_is_plain_text_as_from_the_edge(sandbox: SandboxServer) -> None:
    """No JSON, no Retry-After unless the fault says so."""
    sandbox.fault("429", count=1)
    sandbox.fault("429", retry_after=3)
    status, headers, body = sandbox.get("/v8/finance/chart/BHP.AX?range=1d")
    assert (status, body) == (429, b"Edge: Too Many Requests")
    assert headers["content-type"].startswith("text/plain")
    assert "retry-after" not in headers
    sandbox.get("/v8/finance/chart/BHP.AX?range=1d")


def test_retry_after_is_sent_where_the_fault_has_it(sandbox: SandboxServer) -> None:
    """In seconds."""
    sandbox.fault("429", retry_after=3)
    assert sandbox.get("/v8/finance/chart/BHP.AX?range=1d")[1]["retry-after"] == "3"


def test_500_and_html_are_pages(sandbox: SandboxServer) -> None:
    """Neither is JSON; the page comes with a 200 or with the status that the fault names."""
    for name, fields, expected in (("500", {}, 500), ("500", {"status": 503}, 503), ("html", {}, 200)):
        sandbox.clear_faults()
        sandbox.fault(name, **fields)
        status, headers, body = sandbox.get("/v8/finance/chart/BHP.AX?range=1d")
        assert status == expected
        assert headers["content-type"].startswith("text/html")
        assert body.startswith(b"<!DOCTYPE html>")


def test_malformed_is_a_200_whose_json_breaks_off(sandbox: SandboxServer) -> None:
    """The status lies."""
    sandbox.fault("malformed")
    status, _, body = sandbox.get("/v8/finance/chart/BHP.AX?range=1mo")
    assert status == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(body)


def test_timeout_says_nothing_and_the_log_shows_who_gave_up(sandbox: SandboxServer) -> None:
    """The client hangs up; the record has status 0 and no call stays in flight."""
    sandbox.fault("timeout", symbols=["BHP.AX"])
    with pytest.raises(TimeoutError):
        sandbox.get("/v8/finance/chart/BHP.AX?range=1d", timeout=0.3)
    assert chart(sandbox, "CBA.AX")[0] == 200
    deadline = time.monotonic() + 5
    while sandbox.log()[0]["status"] is None and time.monotonic() < deadline:
        time.sleep(0.01)
    record = sandbox.log()[0]
    assert (record["symbol"], record["status"], record["fault"]) == ("BHP.AX", 0, "timeout")
    assert sandbox.stats()["in_flight"] == 0


def test_slow_answers_late_but_right(sandbox: SandboxServer) -> None:
    """After the seconds it was told, as the log's ms show."""
    sandbox.fault("slow", seconds=0.2)
    assert chart(sandbox)[0] == 200
    assert sandbox.log()[0]["ms"] >= 200


def test_unknown_and_delisted_symbols(sandbox: SandboxServer) -> None:
    """Both are a 404 on the chart; only the unknown one has no quote; delisted may also mean that bars end."""
    crumb = sandbox.get("/v1/test/getcrumb")[2].decode()
    quoted = f"/v7/finance/quote?symbols=BHP.AX&crumb={crumb}"
    sandbox.fault("delisted")
    assert chart(sandbox)[0] == 404
    assert len(json.loads(sandbox.get(quoted)[2])["quoteResponse"]["result"]) == 1
    sandbox.clear_faults()
    sandbox.fault("unknown", symbols=["BHP.AX"])
    assert chart(sandbox)[0] == 404
    assert json.loads(sandbox.get(quoted)[2])["quoteResponse"]["result"] == []
    sandbox.clear_faults()
    whole = result(sandbox)["timestamp"]
    sandbox.fault("delisted", days=10)
    assert result(sandbox)["timestamp"] == whole[:-10]


def test_every_data_fault_spoils_what_its_name_says_and_no_more(sandbox: SandboxServer) -> None:
    """Compared with the healthy window, cell by cell."""
    healthy = quotes(result(sandbox))
    bars = len(healthy["timestamp"])

    def spoilt(name: str, **fields: float) -> dict[str, Any]:
        sandbox.clear_faults()
        sandbox.fault(name, **fields)
        return result(sandbox)

    assert "timestamp" not in spoilt("empty")
    null = quotes(spoilt("nan_last_row"))
    assert null["timestamp"] == healthy["timestamp"]
    assert all(null[name] == [*healthy[name][:-1], None] for name in null if name != "timestamp")
    missing = quotes(spoilt("missing_day"))
    assert missing == {name: column[:-2] + column[-1:] for name, column in healthy.items()}
    assert quotes(spoilt("stale")) == {name: column[:-3] for name, column in healthy.items()}
    scaled = quotes(spoilt("x100"))
    assert scaled["close"] == [*healthy["close"][:-1], pytest.approx(100 * healthy["close"][-1])]
    assert scaled["volume"] == healthy["volume"]
    every = quotes(spoilt("x100", bars=0, factor=0.01))
    assert every["open"] == pytest.approx([price / 100 for price in healthy["open"]])
    assert len(every["open"]) == bars
    assert quotes(spoilt("x100", bars=99_999))["close"] == pytest.approx([price * 100 for price in healthy["close"]])
    assert "timestamp" not in spoilt("stale", days=99_999)


def test_split_today_adjusts_the_past_or_forgets_to(sandbox: SandboxServer) -> None:
    """The event is there either way; a vendor that is behind leaves the older bars at the old price."""
    healthy = quotes(result(sandbox))["close"]
    sandbox.fault("split_today", ratio=5)
    adjusted = result(sandbox)
    assert quotes(adjusted)["close"] == pytest.approx([price / 5 for price in healthy])
    assert adjusted["events"]["splits"][str(opening(TODAY))]["splitRatio"] == "5:1"
    sandbox.clear_faults()
    sandbox.fault("split_today", ratio=5, adjusted=False)
    assert quotes(result(sandbox))["close"] == pytest.approx([*healthy[:-1], healthy[-1] / 5])


def test_a_batch_is_struck_by_its_symbols(sandbox: SandboxServer) -> None:
    """A fault with a list of symbols strikes those and no others."""
    sandbox.fault("500", symbols=["ANZ.AX", "NAB.AX"])
    statuses = {symbol: chart_status(sandbox, symbol) for symbol in ("ANZ.AX", "BHP.AX", "NAB.AX")}
    assert statuses == {"ANZ.AX": 500, "BHP.AX": 200, "NAB.AX": 500}


def chart_status(server: SandboxServer, symbol: str) -> int:
    return server.get(f"/v8/finance/chart/{symbol}?range=5d&interval=1d")[0]


def test_a_host_in_the_path_or_in_the_header_or_none_reaches_the_same(sandbox: SandboxServer) -> None:
    """Three ways to write an upstream's URL; an unknown host or path is a 404 that says so."""
    path = "/v8/finance/chart/BHP.AX?range=5d&interval=1d"
    bodies = {
        sandbox.get(path)[2],
        sandbox.get(f"/query2.finance.yahoo.com{path}", host="")[2],
        sandbox.get(path, host="")[2],
    }
    assert len(bodies) == 1
    assert [record["host"] for record in sandbox.log()] == ["query2.finance.yahoo.com", "query2.finance.yahoo.com", ""]
    status, _, body = sandbox.get("/v8/other")
    assert status == 404
    assert b"does not play query2.finance.yahoo.com /v8/other" in body
    status, _, body = sandbox.get(path, host="example.com")
    assert status == 404
    assert b"example.com" in body

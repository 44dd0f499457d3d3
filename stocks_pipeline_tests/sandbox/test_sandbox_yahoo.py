"""Yahoo as the sandbox plays it: bodies and errors of a healthy server, asked over HTTP."""

import json
from datetime import UTC, date, datetime

import pytest

from stocks_pipeline.domain.calendars import calendar
from stocks_pipeline_tests.sandbox_charts import OPENS, SYDNEY, chart, opening, quotes, result, window
from stocks_pipeline_tests.sandbox_server import TODAY, SandboxServer, shared_data


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

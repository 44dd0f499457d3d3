"""Yahoo's failures and bad data as the sandbox plays them, asked over HTTP."""

import json
import time
from typing import Any

import pytest

from stocks_pipeline_tests.sandbox_charts import chart, opening, quotes, result
from stocks_pipeline_tests.sandbox_server import TODAY, SandboxServer


def test_429_is_plain_text_as_from_the_edge(sandbox: SandboxServer) -> None:
    """No JSON, no Retry-After unless the fault says so; a counted fault is over after its count."""
    sandbox.fault("429", count=1)
    status, headers, body = sandbox.get("/v8/finance/chart/BHP.AX?range=1d")
    assert (status, body) == (429, b"Edge: Too Many Requests")
    assert headers["content-type"].startswith("text/plain")
    assert "retry-after" not in headers
    assert sandbox.get("/v8/finance/chart/BHP.AX?range=1d")[0] == 200


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
    assert sandbox.log()[0]["ms"] >= 199  # the loop wakes up to a timer tick early


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

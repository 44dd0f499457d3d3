"""The admin paths: what tests and benchmarks read and set while the sandbox runs."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from urllib.request import Request, urlopen

import pytest

from stocks_pipeline.sandbox.chance import chance
from stocks_pipeline_tests.sandbox_server import SandboxRefused, SandboxServer

CHART = "/v8/finance/chart/{}?range=5d&interval=1d"


def test_the_log_shows_every_call_in_order(sandbox: SandboxServer) -> None:
    """Index, time, host, path, endpoint, symbol, status, fault, ms and how many were in flight."""
    sandbox.fault("500", symbols=["CBA.AX"])
    for symbol in ("BHP.AX", "CBA.AX"):
        sandbox.get(CHART.format(symbol))
    first, second = sandbox.log()
    assert (first["index"], second["index"]) == (0, 1)
    assert first["time"] <= second["time"]
    assert first["host"] == "query2.finance.yahoo.com"
    assert first["path"] == CHART.format("BHP.AX")
    assert (first["endpoint"], first["symbol"], first["status"], first["fault"]) == ("chart", "BHP.AX", 200, "")
    assert (second["symbol"], second["status"], second["fault"]) == ("CBA.AX", 500, "500")
    assert first["in_flight"] == 1
    assert first["ms"] >= 0
    assert sandbox.log(since=1) == [second]
    assert sandbox.log(since=2) == []
    assert sandbox.log(endpoint="listing") == []


def test_admin_calls_are_not_in_the_log(sandbox: SandboxServer) -> None:
    """Looking changes nothing."""
    sandbox.health()
    sandbox.faults()
    assert sandbox.stats()["total"] == 0


def test_stats_count_by_status_endpoint_and_fault(sandbox: SandboxServer) -> None:
    """And the most calls that were in flight at once."""
    sandbox.latency(200)
    sandbox.fault("429", count=2)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: sandbox.get(CHART.format(f"AA{n}")), "ABCDEFGH"))
    stats = sandbox.stats()
    assert stats["total"] == 8
    assert stats["by_status"] == {"200": 6, "429": 2}
    assert stats["by_endpoint"] == {"chart": 8}
    assert stats["by_fault"] == {"429": 2}
    assert 4 <= stats["max_in_flight"] <= 8
    assert stats["in_flight"] == 0


def test_latency_is_the_mean_with_a_jitter_that_repeats(sandbox: SandboxServer) -> None:
    """Each call takes at least the mean times its own factor between a half and one and a half."""
    sandbox.latency(40)
    for symbol in ("BHP.AX", "CBA.AX", "CSL.AX"):
        sandbox.get(CHART.format(symbol))
    for record in sandbox.log():
        factor = 0.5 + chance(1, "latency", record["symbol"], record["index"])
        assert 0.5 <= factor < 1.5
        assert record["ms"] >= 40 * factor - 1


def test_reset_returns_to_the_start(sandbox: SandboxServer) -> None:
    """Faults, date, latency and log."""
    start = sandbox.health()
    sandbox.fault("429")
    sandbox.today(date(2025, 1, 6))
    sandbox.latency(5)
    sandbox.get(CHART.format("BHP.AX"))
    sandbox.reset()
    assert sandbox.health() == start
    assert sandbox.faults() == []
    assert sandbox.log() == []


def test_faults_show_what_they_struck(sandbox: SandboxServer) -> None:
    """Matched: calls it was about; struck: calls it hit."""
    sandbox.fault("429", count=1, symbols=["BHP.AX"])
    for symbol in ("BHP.AX", "BHP.AX", "CBA.AX"):
        sandbox.get(CHART.format(symbol))
    assert sandbox.faults() == [{"name": "429", "count": 1, "symbols": ["BHP.AX"], "matched": 2, "struck": 1}]


def test_a_list_of_faults_is_taken_whole_or_not_at_all(sandbox: SandboxServer) -> None:
    """One impossible fault among good ones: none is in force."""
    with pytest.raises(SandboxRefused) as refused:
        sandbox._admin("POST", "faults", [{"name": "429"}, {"name": "slow", "seconds": "x"}])
    assert refused.value.field == "seconds"
    assert sandbox.faults() == []
    sandbox._admin("POST", "faults", [{"name": "429"}, {"name": "slow", "seconds": 1}])
    assert [fault["name"] for fault in sandbox.faults()] == ["429", "slow"]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("faults", {"name": "429", "share": 7}, "share"),
        ("faults", {}, "name"),
        ("today", {"today": "tomorrow"}, "today"),
        ("latency", {"mean_ms": -1}, "mean_ms"),
        ("latency", {}, "mean_ms"),
    ],
)
def test_refusals_name_the_field(sandbox: SandboxServer, path: str, body: object, field: str) -> None:
    """A 400 with `error` and `field`."""
    with pytest.raises(SandboxRefused) as refused:
        sandbox._admin("POST", path, body)
    assert refused.value.field == field
    assert field in str(refused.value)


def test_what_is_no_json_or_no_number_is_refused(sandbox: SandboxServer) -> None:
    """Bad bodies and bad queries are 400, never 500."""
    broken = Request(f"{sandbox.url}/_admin/faults", data=b"{", method="POST")  # noqa: S310 - our own URL
    with pytest.raises(OSError, match="400") as refused:
        urlopen(broken, timeout=10)  # noqa: S310 - same
    refused.value.close()
    with pytest.raises(SandboxRefused, match="since"):
        sandbox._admin("GET", "log?since=-1")


def test_an_unknown_admin_path_is_a_404(sandbox: SandboxServer) -> None:
    """And says so as JSON."""
    status, _, body = sandbox.get("/_admin/nothing", host="")
    assert status == 404
    assert "/_admin/nothing" in json.loads(body)["error"]

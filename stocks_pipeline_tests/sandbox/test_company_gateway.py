"""Company facts against the sandbox's quoteSummary and against recorded ones."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocks_pipeline.clock import SystemClock
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError
from stocks_pipeline.upstream.http import RetryPolicy
from stocks_pipeline.upstream.yahoo_company import NUMBERS, TEXTS, YahooCompany, read_summary
from stocks_pipeline_tests.fakes import Unlimited
from stocks_pipeline_tests.sandbox_server import SandboxServer, shared_data

QUICK = RetryPolicy(attempts=2, budget_s=3, base_s=0.01, rate_attempts=2, cool_down_s=0.05)


@pytest.fixture
def gateway(sandbox: SandboxServer) -> Iterator[YahooCompany]:
    clock = SystemClock()
    made = YahooCompany(
        base_url=sandbox.url, limiter=Unlimited(clock), clock=clock, policy=QUICK, request_timeout_s=2.0
    )
    yield made
    made.close()


def summary(**modules: Any) -> bytes:
    return json.dumps({"quoteSummary": {"result": [modules], "error": None}}).encode()


def recorded(name: str) -> bytes:
    folder = shared_data()
    if folder is None:
        pytest.skip("no recorded data: set STOCKS_SHARED_DATA")
    found = json.loads((folder / "wire" / "yahoo" / name).read_bytes())
    return json.dumps(found["response"]["bodyJson"] if "response" in found else found).encode()


def test_a_company_has_the_fields_that_yahoo_has(sandbox: SandboxServer, gateway: YahooCompany) -> None:
    """One cookie, one crumb, one request a company; numbers, names and the dividend yield in percent."""
    found = gateway.company("D05.SI")
    assert set(found) <= {*NUMBERS, *TEXTS, "dividendYieldPercent"}
    assert {"longName", "currency", "sector", "industry", "marketCap", "trailingPE", "beta"} <= set(found)
    assert found["currency"] == "SGD"
    assert isinstance(found["marketCap"], int)
    gateway.company("NVDA")
    assert sandbox.stats()["by_endpoint"] == {"cookie": 1, "crumb": 1, "summary": 2}


@pytest.mark.parametrize(
    ("fault", "fields", "kind", "asked"),
    [
        ("unknown", {}, FailureKind.PERMANENT, 1),
        ("429", {}, FailureKind.RATE, 2),
        ("500", {}, FailureKind.TRANSIENT, 2),
        ("500", {"status": 401}, FailureKind.AUTH, 2),
        ("malformed", {}, FailureKind.MALFORMED, 2),
        ("html", {}, FailureKind.MALFORMED, 2),
    ],
)
def test_each_failure_has_its_class(  # noqa: PLR0917 - parameters of the table above
    sandbox: SandboxServer, gateway: YahooCompany, fault: str, fields: dict[str, Any], kind: FailureKind, asked: int
) -> None:
    """Bounded tries; another company is not concerned."""
    sandbox.fault(fault, endpoint="summary", symbols=["NVDA"], **fields)
    with pytest.raises(UpstreamError) as caught:
        gateway.company("NVDA")
    assert (caught.value.kind, caught.value.subject) == (kind, "NVDA")
    assert len(sandbox.log(endpoint="summary")) == asked
    assert gateway.company("D05.SI")["currency"] == "SGD"


def test_recorded_answers_are_read() -> None:
    """Plain numbers, `raw` numbers and a profile, as Yahoo sent them in 2025."""
    detail = read_summary(recorded("node-yahoo-finance2/quoteSummary-summaryDetail-AAPL.json"), "AAPL")
    assert detail["trailingPE"] == 38.91442
    assert detail["marketCap"] == 3_688_676_720_640
    assert detail["fiftyTwoWeekHigh"] == 260.1
    assert detail["dividendYieldPercent"] == 0.41
    assert "dividendYield" not in detail
    data = read_summary(recorded("yfinance-rs/analysis_api_financialData_MSFT.json"), "MSFT")
    assert data["returnOnEquity"] == 0.33280998
    stats = read_summary(recorded("node-yahoo-finance2/quoteSummary-defaultKeyStatistics-AAPL.json"), "AAPL")
    assert stats["priceToBook"] == 55.328976
    profile = read_summary(recorded("yfinance-rs/profile_api_assetProfile-quoteType-fundProfile_7203.T.json"), "7203.T")
    assert (profile["sector"], profile["industry"]) == ("Consumer Cyclical", "Auto Manufacturers")


def test_a_recorded_refusal_is_permanent() -> None:
    """Yahoo has nothing on it and says so."""
    with pytest.raises(UpstreamError, match="No fundamentals data") as caught:
        read_summary(recorded("node-yahoo-finance2/quoteSummary-assetProfile-ADH.json"), "ADH")
    assert caught.value.kind is FailureKind.PERMANENT


@pytest.mark.parametrize(
    ("sent", "rate", "price", "percent"),
    [
        (0.0041, 1.0, 245.83, 0.41),
        (0.41, 1.0, 245.83, 0.41),
        (0.35, 0.35, 100.0, 0.35),
        (0.054, 1.92, 35.5, 5.4),
        (0.0, 0.0, 10.0, 0.0),
        (0.0041, None, 245.83, None),
        (0.0041, 1.0, None, None),
        (0.0041, 50.0, 245.83, None),
        (0.0041, 1.0, 0.0, None),
    ],
)
def test_a_dividend_yield_is_in_percent_or_absent(
    sent: float, rate: float | None, price: float | None, percent: float | None
) -> None:
    """Whichever unit Yahoo uses this year: 0.35 % is never shown as 35 %."""
    body = summary(summaryDetail={"dividendYield": sent, "dividendRate": rate, "previousClose": price})
    assert read_summary(body, "X").get("dividendYieldPercent") == percent


@pytest.mark.parametrize("bad", [None, "Infinity", "38.9", True, {}, {"raw": None}, {"raw": "x"}, [], -5.0, 1e30])
def test_what_cannot_be_true_is_missing(bad: object) -> None:
    """No text, no truth value, no impossible number passes for a price-earnings ratio; nothing takes its place."""
    assert read_summary(summary(summaryDetail={"trailingPE": bad}), "X") == {}


def test_a_strangers_name_is_plain_text() -> None:
    """Names are cleaned like headlines."""
    body = summary(quoteType={"longName": "<b>Evil</b> {close} \u202eInc"}, assetProfile={"sector": "x" * 500})
    found = read_summary(body, "X")
    assert found["longName"] == "Evil close Inc"
    assert len(found["sector"]) <= 80


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3)
       | st.dictionaries(st.sampled_from(["quoteSummary", "result", "error", "summaryDetail", "trailingPE", "raw"]),
                         inner, max_size=4)))  # fmt: skip
def test_no_json_ends_in_anything_but_fields_or_a_classified_failure(found: object) -> None:
    """Any JSON of any shape."""
    kinds = set()
    try:
        read_summary(json.dumps(found).encode(), "X")
    except UpstreamError as error:
        kinds.add(error.kind)
    assert kinds <= {FailureKind.MALFORMED, FailureKind.PERMANENT}

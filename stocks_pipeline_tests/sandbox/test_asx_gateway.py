"""The ASX listing's gateway against the sandbox: both forms, every way in which they fail, the fallback."""

import pytest

from stocks_pipeline.clock import SystemClock
from stocks_pipeline.upstream.asx import URLS, AsxListing
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError
from stocks_pipeline.upstream.http import RetryPolicy
from stocks_pipeline_tests.fakes import Unlimited
from stocks_pipeline_tests.sandbox_server import SandboxServer

FAST = RetryPolicy(attempts=2, budget_s=5, base_s=0.01, cap_s=0.02, rate_attempts=2, cool_down_s=0.05)


def gateway(base_url: str, timeout_s: float = 5.0) -> AsxListing:
    clock = SystemClock()
    return AsxListing(
        base_url=base_url, limiter=Unlimited(clock), clock=clock, policy=FAST, request_timeout_s=timeout_s
    )


def refusal(base_url: str, timeout_s: float = 5.0) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        gateway(base_url, timeout_s).fetch()
    return caught.value


def test_the_dated_form_is_preferred(sandbox: SandboxServer) -> None:
    """The file with its own date is taken, byte for byte, and the address is the public one."""
    fetched = gateway(sandbox.url).fetch()
    assert fetched.listing.form == "preamble"
    assert fetched.fetched_from == URLS["csv"]
    assert fetched.body == sandbox.get("/asx/research/ASXListedCompanies.csv", host="www.asx.com.au")[2]
    assert len(fetched.listing.companies) > 1900
    assert fetched.listing.as_at is not None
    assert "AEDT 2026" in fetched.listing.as_at


@pytest.mark.parametrize(
    ("fault", "tries"),
    [
        ("html", 1),
        ("429", 2),
        ("500", 2),
        ("unknown", 1),
        ("truncated", 2),
        ("empty", 2),
        ("malformed", 2),
        ("timeout", 2),
    ],
)
def test_the_directory_steps_in(sandbox: SandboxServer, fault: str, tries: int) -> None:
    """Whatever is wrong with the first form, the second one serves; a bot wall is not asked twice."""
    sandbox.fault(fault, endpoint="listing")
    fetched = gateway(sandbox.url, timeout_s=0.3).fetch()
    assert fetched.listing.form == "directory"
    assert fetched.fetched_from == URLS["directory"]
    assert any(company.listed_on for company in fetched.listing.companies)
    assert sandbox.stats()["by_endpoint"] == {"listing": tries, "directory": 1}


def test_both_forms_list_the_same_companies(sandbox: SandboxServer) -> None:
    """Codes and names do not depend on which form was had."""
    one = gateway(sandbox.url).fetch().listing.companies
    sandbox.fault("html", endpoint="listing")
    two = gateway(sandbox.url).fetch().listing.companies
    assert [(c.code, c.name) for c in one] == [(c.code, c.name) for c in two]


@pytest.mark.parametrize(
    ("fault", "fields", "kind", "says"),
    [
        ("html", {}, FailureKind.MALFORMED, "takes this client for a robot"),
        ("html", {"status": 200}, FailureKind.MALFORMED, "HTML instead of CSV"),
        ("truncated", {}, FailureKind.MALFORMED, "cut off"),
        ("empty", {}, FailureKind.MALFORMED, "empty body"),
        ("429", {}, FailureKind.RATE, "429"),
        ("500", {}, FailureKind.TRANSIENT, "500"),
        ("timeout", {}, FailureKind.TRANSIENT, "imeout"),
        ("unknown", {}, FailureKind.PERMANENT, "404"),
    ],
)
def test_a_failure_tells_of_both_forms(
    sandbox: SandboxServer, fault: str, fields: dict[str, int], kind: FailureKind, says: str
) -> None:
    """When neither form can be had, one failure says why not for each."""
    for endpoint in ("listing", "directory"):
        sandbox.fault(fault, endpoint=endpoint, **fields)
    error = refusal(sandbox.url, timeout_s=0.3)
    assert (error.kind, error.subject) == (kind, "listing")
    assert error.message.count(says) == 2
    assert error.message.startswith("csv: ")
    assert "; directory: " in error.message


def test_different_failures_are_retryable_if_one_is(sandbox: SandboxServer) -> None:
    """One form gone for good and one down for now: worth another run."""
    sandbox.fault("unknown", endpoint="listing")
    sandbox.fault("500", endpoint="directory")
    assert refusal(sandbox.url).kind is FailureKind.TRANSIENT


def test_a_passing_failure_is_ridden_out(sandbox: SandboxServer) -> None:
    """One failed try does not send us to the second form."""
    sandbox.fault("500", endpoint="listing", count=1)
    assert gateway(sandbox.url).fetch().fetched_from == URLS["csv"]


@pytest.mark.parametrize("fault", ["bom", "crlf", "header"])
def test_known_oddities_are_read(sandbox: SandboxServer, fault: str) -> None:
    """A byte-order mark, other line ends and the other spelling of the header change nothing."""
    plain = gateway(sandbox.url).fetch().listing.companies
    sandbox.fault(fault)
    assert gateway(sandbox.url).fetch().listing.companies == plain

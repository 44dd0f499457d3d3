"""The checks of one rule each, over results as the rules make them."""

from datetime import date

import dagster as dg
import pytest

from stocks_pipeline.defs.us.verdicts import RULES, verdict_checks
from stocks_pipeline.domain.validation_types import Cause, Issue, Status, SymbolResult
from stocks_pipeline.fanout import PartitionCheck
from stocks_pipeline.storage.validation_keys import SessionPlace

PLACE = SessionPlace("us", date(2026, 1, 5))
ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN
WELL = SymbolResult("AAPL", Status.PASSED, (), 5, "twelvedata")


def failed(symbol: str, rule: str, cause: Cause = Cause.REAL, **evidence: float | str) -> SymbolResult:
    issue = Issue(rule, cause, f"{rule} is broken", (PLACE.day,), evidence)
    return SymbolResult(symbol, Status.FAILED, (issue,), 5, "twelvedata", issue.message)


def checks(*results: SymbolResult) -> dict[str, PartitionCheck]:
    return {check.name: check for check in verdict_checks(PLACE, results, ())}


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        ("freshness", "freshness"),
        ("completeness", "completeness"),
        ("no_data", "completeness"),
        ("no_overlap", "completeness"),
        ("duplicates", "duplicates_and_extra_days"),
        ("extra_days", "duplicates_and_extra_days"),
        ("accuracy", "accuracy"),
        ("ohlc", "accuracy"),
        ("volume", "accuracy"),
        ("one that is new", "accuracy"),
    ],
)
def test_the_check_of_a_rule_fails_alone_with_their_sum(rule: str, name: str) -> None:
    """D24: which rule broke is seen in the list of checks, with the symbols; the sum fails with it, no other does."""
    found = checks(WELL, failed("MSFT", rule))
    assert {check.name for check in found.values() if not check.passed} == {name, "prices_agree"}
    assert (found[name].severity, found[name].description) == (ERROR, "1 of 2 compared symbols broke it: MSFT.")
    assert "MSFT" in str(found[name].metadata["symbols"].value)
    assert found[name].metadata["next_step"] == "stocks validation results --date 2026-01-05 --status failed"


def test_a_harmless_difference_breaks_no_rule() -> None:
    """D24: the dividend basis, and what leaves a question open, are no fault of a rule."""
    found = checks(
        failed("KO", "accuracy", Cause.DIVIDEND_BASIS), failed("PEP", "freshness", Cause.STALE, could_not_check=1)
    )
    assert all(found[name].passed for name in (*RULES, "prices_agree"))


def test_nothing_compared_holds_no_rule() -> None:
    """D26: could not check is neither: each rule warns, and of no symbol at all each holds."""
    found = checks(SymbolResult("AAPL", Status.ERROR, (), 0, "twelvedata", "no such symbol"))
    assert [(found[name].passed, found[name].severity) for name in RULES] == [(False, WARN)] * len(RULES)
    assert all(check.passed for check in checks().values())

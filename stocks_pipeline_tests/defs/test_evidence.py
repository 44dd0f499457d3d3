"""How findings and rows look in the UI: text stays text, and nothing turns into markup."""

from datetime import date

import dagster as dg
from hypothesis import given

from stocks_pipeline.defs.checks import worst
from stocks_pipeline.defs.evidence import check_result, failure, markdown_table
from stocks_pipeline.domain.prices import Finding
from stocks_pipeline.upstream.failures import NEXT_STEP, RETRYABLE, FailureKind, UpstreamError
from stocks_pipeline_tests.markdown import NASTY, cells, inert


@given(first=NASTY, second=NASTY)
def test_any_text_stays_in_its_cell(first: str, second: str) -> None:
    """Security: whatever the text, the table has its rows and columns and no more, and no tag opens."""
    lines = markdown_table([{"a": first, "b": second}]).md_str.split("\n")
    assert len(lines) == 3
    assert len(cells(lines[2])) == 2
    assert inert(lines[2])


def test_nothing_is_a_dash_and_no_rows_is_said() -> None:
    """Honesty: a missing value is shown as missing, never as 0 or None."""
    assert markdown_table([]).md_str == "(nothing)"
    assert markdown_table([{"a": 1, "b": None}]).md_str.splitlines() == ["| a | b |", "|---|---|", "| 1 | — |"]


def test_a_failure_carries_class_next_step_and_whether_a_retry_helps() -> None:
    """F01, E19: each class tells a person what to do, and Dagster whether to try again."""
    for kind in FailureKind:
        found = failure(UpstreamError(kind, "asx", "listing", "no"), "The list cannot be had", otherwise="reuse it")
        values = {name: entry.value for name, entry in found.metadata.items()}
        assert values == {"class": kind.value, "next_step": NEXT_STEP[kind], "otherwise": "reuse it"}
        assert found.allow_retries == (kind in RETRYABLE)
        assert (found.description or "").startswith("The list cannot be had: asx listing: no")


def finding(rule: str, *, passed: bool, severity: str = "error", **evidence: float) -> Finding:
    """A finding with its evidence."""
    assert severity in {"warn", "error"}
    return Finding(rule, passed, "warn" if severity == "warn" else "error", f"{rule} says", dict(evidence))


def test_a_check_says_what_its_finding_says() -> None:
    """E41: outcome, severity, sentence, numbers and examples come through unchanged."""
    found = Finding("r", passed=False, severity="warn", summary="two odd", evidence={"odd": 2}, rows=({"symbol": "A"},))
    result = check_result(found, "rule")
    assert (result.passed, result.severity, result.description) == (False, dg.AssetCheckSeverity.WARN, "two odd")
    assert result.metadata["odd"] == dg.MetadataValue.int(2)
    assert result.metadata["examples"] == dg.MetadataValue.md("| symbol |\n|---|\n| A |")


def test_a_stand_in_never_passes() -> None:
    """E32: however plausible the list is, one of another day warns and says whose it is."""
    result = check_result(finding("r", passed=True), "rule", reused_from=date(2025, 12, 4))
    assert (result.passed, result.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "2025-12-04" in (result.description or "")


def test_the_worst_finding_decides_and_all_evidence_stays() -> None:
    """E41: an error outweighs a warning whatever the order; numbers of every rule are kept."""
    good = finding("good", passed=True, rows=3)
    odd = finding("odd", passed=False, severity="warn", threshold=0.1)
    bad = finding("bad", passed=False, threshold=0.2)
    for order in ([good, odd, bad], [bad, odd, good], [odd, bad, good]):
        merged = worst(order)
        assert (merged.passed, merged.severity) == (False, "error")
        assert set(merged.summary.rstrip(".").split("; ")) == {"bad says", "odd says"}
        assert merged.evidence == {"rows": 3, "threshold": 0.2}
    assert worst([good, odd]).severity == "warn"
    assert worst([good]).passed

"""How findings and tables look in the UI.

What belongs here: turning domain findings into check results, and rows into Markdown. What does not: deciding
anything, and the rule by which text from an upstream is escaped (markup.py).
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg

from stocks_pipeline.markup import escape
from stocks_pipeline.upstream.failures import RETRYABLE, FailureKind, UpstreamError

if TYPE_CHECKING:
    from stocks_pipeline.domain.prices import Finding


def markdown_table(rows: Sequence[Mapping[str, object]]) -> dg.MarkdownMetadataValue:
    """Rows of the same columns as a Markdown table; a dash stands for what is missing."""
    if not rows:
        return dg.MetadataValue.md("(nothing)")
    columns = list(rows[0])
    lines = [
        "| " + " | ".join(columns) + " |",
        "|" + "---|" * len(columns),
        *("| " + " | ".join(escape(row.get(c)) for c in columns) + " |" for row in rows),
    ]
    return dg.MetadataValue.md("\n".join(lines))


def failure(error: UpstreamError, what: str, **more: str) -> dg.Failure:
    """The failure of a whole step: what could not be done, why, and what to do next."""
    return dg.Failure(
        f"{what}: {error}",
        metadata={"class": error.kind.value, "next_step": error.next_step, **more},
        allow_retries=error.kind in RETRYABLE,
    )


class LakeFailedError(UpstreamError):
    """The lake could not take a partition. In the words of the other failures, so that it stands in their table."""

    @property
    def next_step(self) -> str:
        return "Nothing is wrong with the vendor: fix the disk or STOCKS_LAKE, then retry."


def lake_failure(error: Exception) -> UpstreamError | None:
    """What a full or read-only lake means for a partition; None for anything else."""
    from stocks_pipeline.storage.lake import LakeError

    return LakeFailedError(FailureKind.TRANSIENT, "lake", "", str(error)) if isinstance(error, LakeError) else None


def severity(finding: "Finding") -> dg.AssetCheckSeverity:
    """The finding's severity in Dagster's words."""
    return dg.AssetCheckSeverity.ERROR if finding.severity == "error" else dg.AssetCheckSeverity.WARN


def evidence(finding: "Finding") -> dict[str, Any]:
    """The finding's evidence as metadata: numbers as numbers, examples as a table."""
    found: dict[str, Any] = dict(finding.evidence)
    if finding.rows:
        found["examples"] = markdown_table(finding.rows)
    return found


def check_result(finding: "Finding", name: str, *, reused_from: date | None = None) -> dg.AssetCheckResult:
    """The finding as the result of the check `name`; a list that stands in for another never passes."""
    if reused_from:
        return dg.AssetCheckResult(
            check_name=name,
            passed=False,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"The list of {reused_from} stands in for the day's own. {finding.summary}",
            metadata={**evidence(finding), "reused_from": str(reused_from)},
        )
    return dg.AssetCheckResult(
        check_name=name,
        passed=finding.passed,
        severity=severity(finding),
        description=finding.summary,
        metadata=evidence(finding),
    )

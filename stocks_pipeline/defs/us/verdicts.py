"""Verdicts as a person reads them: the checks over some results or a session, and the table of what did not agree.

What belongs here: wording and counting. What does not: reaching a verdict (domain/validation.py).
"""

from collections import Counter
from typing import TYPE_CHECKING, Any

import dagster as dg

from stocks_pipeline.defs.evidence import markdown_table
from stocks_pipeline.domain.validation_types import Status, SymbolResult
from stocks_pipeline.fanout import PartitionCheck
from stocks_pipeline.wording import counted

if TYPE_CHECKING:
    from stocks_pipeline.defs.us.checking import Checked
    from stocks_pipeline.defs.us.summing import Summed

SHOWN = 25

CHECKS = {
    "prices_agree": "Every checked symbol agrees with the second vendor, or differs only by the dividend basis.",
    "all_checked": "No symbol was left without a verdict: could not check is neither passed nor failed.",
}
CREDITS_KEPT = "No call took more credits in the minute or on the day (UTC) than its plan allowed when it was sent."


def session_check_specs(asset: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """The three checks of a whole session."""
    said = {**CHECKS, "credits_kept": CREDITS_KEPT}
    return [dg.AssetCheckSpec(name, asset=asset, description=text) for name, text in said.items()]


def session_metadata(summed: "Summed", uri: str) -> dict[str, Any]:
    """What the UI shows of a whole session: the sentence first, then what differs, then the counts."""
    found = summed.document
    return {
        "message": found["message"],
        "differs": markdown_table(failed_rows(summed.results)),
        **{name: value for name, value in found.items() if isinstance(value, int | str)},
        "batches": dg.MetadataValue.json(found["batches"]),
        "failed_symbols": dg.MetadataValue.json(found["failed_symbols"]),
        "path": dg.MetadataValue.path(uri),
    }


def session_check_results(asset: dg.AssetKey, summed: "Summed") -> list[dg.AssetCheckResult]:
    """What the three checks say of it."""
    audited, error = summed.audit, dg.AssetCheckSeverity.ERROR
    kept = PartitionCheck(
        "credits_kept",
        audited.passed,
        error,
        {"worst_minute": audited.worst_minute, "calls": audited.calls},
        audited.reason or f"At most {audited.worst_minute} credits in any minute.",
    )
    return [
        dg.AssetCheckResult(
            asset_key=asset,
            check_name=check.name,
            passed=check.passed,
            severity=check.severity,
            description=check.description,
            metadata=dict(check.metadata),
        )
        for check in (*verdict_checks(summed.results, summed.missing), kept)
    ]


def batch_metadata(checked: "Checked") -> dict[str, Any]:
    """What the UI shows of one batch."""
    counts = Counter(result.status for result in checked.results)
    return {
        "dagster/partition_row_count": len(checked.results),
        "batch_number": checked.batch,
        "credits": checked.asked,
        **{status.value: counts[status] for status in Status},
        "failed_symbols": markdown_table(failed_rows(checked.results)),
        "path": dg.MetadataValue.path(checked.stored.uri),
        "seconds_check": round(checked.seconds, 3),
    }


def verdict_checks(results: tuple[SymbolResult, ...], missing: int) -> list[PartitionCheck]:
    """The two checks over some results; `missing` symbols have none at all."""
    failed = [r for r in results if r.status is Status.FAILED and not r.harmless]
    harmless = sum(r.harmless for r in results)
    unchecked = [r for r in results if not r.status.checked]
    causes = Counter(issue.cause.value for r in failed for issue in r.issues)
    told = ", ".join(f"{n} {cause}" for cause, n in causes.most_common())
    waiting = len(unchecked) + missing
    warn, error = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR
    return [
        PartitionCheck(
            "prices_agree",
            not failed,
            error,
            {"failed": len(failed), "harmless": harmless, "symbols": markdown_table(failed_rows(tuple(failed)))},
            f"{_disagree(len(failed))}: {told}." if failed else f"All agree; {harmless} by another basis.",
        ),
        PartitionCheck(
            "all_checked",
            not waiting,
            warn,
            {
                "could_not_check": waiting,
                "examples": markdown_table([{"symbol": r.symbol, "why": r.message} for r in unchecked[:SHOWN]]),
            },
            f"{counted(waiting, 'symbol')} could not be checked." if waiting else "Every symbol was checked.",
        ),
    ]


def _disagree(number: int) -> str:
    return f"{counted(number, 'symbol')} disagree{'s' if number == 1 else ''}"


def failed_rows(results: tuple[SymbolResult, ...]) -> list[dict[str, Any]]:
    """What did not agree, as a person reads it: the likely cause and what to do, errors before harmless differences."""
    failed = sorted((r for r in results if r.status is Status.FAILED), key=lambda r: r.harmless)
    return [
        {
            "symbol": result.symbol,
            "cause": issue.cause.value,
            "in doubt": issue.side,
            "what": issue.message,
            "sessions": ", ".join(str(s) for s in issue.sessions[:3]),
            "what to do": issue.next_step,
        }
        for result in failed[:SHOWN]
        for issue in result.issues[:2]
    ]

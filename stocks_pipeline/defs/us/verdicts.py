"""Verdicts as a person reads them: the two checks over some results, and the table of what did not agree.

What belongs here: wording and counting. What does not: reaching a verdict (domain/validation.py).
"""

from collections import Counter
from typing import Any

import dagster as dg

from stocks_pipeline.defs.evidence import markdown_table
from stocks_pipeline.domain.validation_types import NEXT_STEP, Status, SymbolResult
from stocks_pipeline.fanout import PartitionCheck
from stocks_pipeline.wording import counted

SHOWN = 25


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
            "what": issue.message,
            "sessions": ", ".join(str(s) for s in issue.sessions[:3]),
            "what to do": NEXT_STEP[issue.cause],
        }
        for result in failed[:SHOWN]
        for issue in result.issues[:2]
    ]

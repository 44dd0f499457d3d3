"""Verdicts as a person reads them: the checks over some results or a session, and the table of what did not agree.

What belongs here: wording and counting. What does not: reaching a verdict (domain/validation.py).
"""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from stocks_pipeline.defs.evidence import markdown_table
from stocks_pipeline.defs.us.waiting import Wait, first_step, meaning, which
from stocks_pipeline.domain.validation_types import Issue, Status, SymbolResult
from stocks_pipeline.fanout import PartitionCheck
from stocks_pipeline.storage.validation_keys import SessionPlace
from stocks_pipeline.wording import counted, some

if TYPE_CHECKING:
    from stocks_pipeline.defs.us.checking import Checked
    from stocks_pipeline.defs.us.summing import Summed

SHOWN = 25
NAMED = 3
"""Symbols that a sentence names."""

CHECKS = {
    "prices_agree": "No symbol disagrees with the second vendor by more than the dividend basis, and none waits.",
    "all_checked": "No symbol was left without a verdict: could not check is neither passed nor failed.",
}
RULES = {
    "freshness": ("No newest bar of ours is old, or repeats the session before.", frozenset({"freshness"})),
    "completeness": ("No session of ours is missing.", frozenset({"completeness", "no_data", "no_overlap"})),
    "duplicates_and_extra_days": (
        "No session of ours is there twice, and none on a day on which the exchange was closed.",
        frozenset({"duplicates", "extra_days"}),
    ),
    "accuracy": ("No price or volume differs by more than the profile allows.", frozenset[str]()),
}
"""The checks of one rule each, by name: what they promise, and the rules of `Issue`; accuracy has all others."""

CHECKS |= {name: says for name, (says, _) in RULES.items()}
CREDITS_KEPT = "No call took more credits in the minute or on the day (UTC) than its plan allowed when it was sent."


def session_check_specs(asset: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """The checks of a whole session."""
    said = {**CHECKS, "credits_kept": CREDITS_KEPT}
    return [dg.AssetCheckSpec(name, asset=asset, description=text) for name, text in said.items()]


def session_metadata(summed: "Summed", uri: str) -> dict[str, Any]:
    """What the UI shows of a whole session: the sentence first, then what differs, then the counts."""
    found = summed.document
    return {
        "message": found["message"],
        "differs": markdown_table(failed_rows(summed.results)),
        "waiting": markdown_table([_row(some(w.symbols), w.why, w.step) for w in summed.waits]),
        **{name: value for name, value in found.items() if isinstance(value, int | str)},
        "batches": dg.MetadataValue.json(found["batches"]),
        "failed_symbols": dg.MetadataValue.json(found["failed_symbols"]),
        "path": dg.MetadataValue.path(uri),
    }


def session_check_results(asset: dg.AssetKey, summed: "Summed") -> list[dg.AssetCheckResult]:
    """What the checks say of it."""
    audited, about = summed.audit, f"{summed.place.day}: "
    step = {
        "next_step": "Find who else uses the key, or what sent the calls of the worst minute: us/validation/…/calls"
    }
    kept = PartitionCheck(
        "credits_kept",
        audited.passed,
        dg.AssetCheckSeverity.ERROR,
        {"worst_minute": audited.worst_minute, "calls": audited.calls} | ({} if audited.passed else step),
        f"{about}{audited.reason or f'at most {audited.worst_minute} credits in any minute.'}",
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
        for check in (*verdict_checks(summed.place, summed.results, summed.waits, about), kept)
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


def verdict_checks(
    place: SessionPlace, results: Sequence[SymbolResult], waits: Sequence[Wait], about: str = ""
) -> list[PartitionCheck]:
    """The checks over some results and those who have none; `about` begins what they say."""
    rules = [_rule(name, place, results, about) for name in RULES]
    return [_agree(place, results, waits, about), *rules, _checked(place, results, waits, about)]


def _rule(name: str, place: SessionPlace, results: Sequence[SymbolResult], about: str) -> PartitionCheck:
    """One rule over what was compared: what breaks it harmlessly, or leaves a question open, does not count."""
    compared = sum(result.status.checked for result in results)
    broken = [
        (result.symbol, issue)
        for result in results
        if result.status is Status.FAILED
        for issue in result.issues
        if _rule_of(issue) == name and not (issue.cause.harmless or issue.could_not_check)
    ]
    symbols = list(dict.fromkeys(symbol for symbol, _ in broken))
    of = f"{len(symbols)} of {counted(compared, 'compared symbol')} broke it: {some(symbols)}" if broken else ""
    known = compared or not results
    fine = f"none of {counted(compared, 'compared symbol')} broke it" if compared else "nothing was compared"
    step = f"stocks validation results {which(place)} --status {'failed' if broken else 'error'}"
    rows = [_issue_row(symbol, issue) for symbol, issue in broken[:SHOWN]]
    return PartitionCheck(
        name,
        not broken and bool(known),
        dg.AssetCheckSeverity.ERROR if broken else dg.AssetCheckSeverity.WARN,
        {"compared": compared, "failed": len(symbols)}
        | ({"symbols": markdown_table(rows)} if rows else {})
        | ({} if known and not broken else {"next_step": step}),
        f"{about}{of or fine}.",
    )


def _rule_of(issue: Issue) -> str:
    return next((name for name, (_, rules) in RULES.items() if issue.rule in rules), "accuracy")


def _agree(place: SessionPlace, results: Sequence[SymbolResult], waits: Sequence[Wait], about: str) -> PartitionCheck:
    """An error only where something disagrees; else it says how many were compared, and holds once nobody waits."""
    bad = [r for r in results if r.status is Status.FAILED and not r.harmless]
    harmless, compared = sum(r.harmless for r in results), sum(r.status.checked for r in results)
    total = len({r.symbol for r in results} | {symbol for wait in waits for symbol in wait.symbols})
    whole = not waits and (compared or not total)
    of = f"{compared} of {counted(total, 'symbol')} compared"
    basis = f"; {harmless} by the dividend basis only, which is harmless" if harmless else ""
    if bad:
        said = "; ".join(f"{r.symbol}: {r.gravest.cause.value}, {_whose(r.gravest)}" for r in bad[:NAMED] if r.gravest)
        more = f"; {len(bad) - NAMED} more" if len(bad) > NAMED else ""
        says = f"{of}, {len(bad)} disagree{'s' if len(bad) == 1 else ''}{basis}. {said}{more}"
        step = f"stocks validation results {which(place)} --status failed"
        says = f"{says}. See: {step}"
    else:
        says, step = f"{of}, {'none disagrees' if compared else 'so nothing is known'}{basis}", first_step(place, waits)
    return PartitionCheck(
        "prices_agree",
        not bad and bool(whole),
        dg.AssetCheckSeverity.ERROR if bad else dg.AssetCheckSeverity.WARN,
        {"compared": compared, "failed": len(bad), "harmless": harmless}
        | ({"symbols": markdown_table(failed_rows(tuple(bad)))} if bad else {})
        | ({} if whole and not bad else {"next_step": step}),
        f"{about}{says}.".replace("..", "."),
    )


def _checked(place: SessionPlace, results: Sequence[SymbolResult], waits: Sequence[Wait], about: str) -> PartitionCheck:
    """Who has no verdict: those who wait, each with the reason and what brings it, and those nobody could check."""
    unchecked = [r for r in results if r.status is Status.ERROR]
    total = len({r.symbol for r in results} | {symbol for wait in waits for symbol in wait.symbols})
    parts = [f"{len(w.symbols)} of {counted(total, 'symbol')} wait: {w.why}. {w.step}" for w in waits]
    if unchecked:
        names = some([r.symbol for r in unchecked], NAMED)
        parts.append(f"{len(unchecked)} of {counted(total, 'symbol')} could not be checked: {names}")
    rows = [_row(some(w.symbols), f"wait: {w.why}", w.step) for w in waits]
    rows += [_row(r.symbol, r.message, _do(place, r)) for r in unchecked[:SHOWN]]
    step = first_step(place, waits) if waits else f"stocks validation results {which(place)} --status error"
    return PartitionCheck(
        "all_checked",
        not rows,
        dg.AssetCheckSeverity.WARN,
        {"could_not_check": len(unchecked), "waiting": sum(len(w.symbols) for w in waits)}
        | ({"who": markdown_table(rows), "next_step": step} if rows else {}),
        f"{about}{'. '.join(parts) or 'every symbol was checked'}.",
    )


def _row(symbols: str, why: str, do: str) -> dict[str, Any]:
    return {"symbols": symbols, "why": why, "what to do": do}


def _do(place: SessionPlace, result: SymbolResult) -> str:
    """What a person does about a symbol that could not be checked."""
    return result.gravest.next_step if result.gravest else meaning(place, result.message)[1]


def _whose(issue: Issue) -> str:
    return "either may be wrong" if issue.side == "both" else f"{issue.side} in doubt"


def failed_rows(results: tuple[SymbolResult, ...]) -> list[dict[str, Any]]:
    """What did not agree, as a person reads it: the likely cause and what to do, errors before harmless differences."""
    failed = sorted((r for r in results if r.status is Status.FAILED), key=lambda r: r.harmless)
    return [_issue_row(result.symbol, issue) for result in failed[:SHOWN] for issue in result.issues[:2]]


def _issue_row(symbol: str, issue: Issue) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "cause": issue.cause.value,
        "in doubt": issue.side,
        "what": issue.message,
        "sessions": ", ".join(str(s) for s in issue.sessions[:3]),
        "what to do": issue.next_step,
    }

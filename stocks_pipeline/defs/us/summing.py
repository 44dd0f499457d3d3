"""A validation session summed up from what is stored: results, batches without any, and the audit of the credits.

What belongs here: `sum_up`, free of Dagster. What does not: how it is shown (verdicts.py).
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from stocks_pipeline.clock import SystemClock
from stocks_pipeline.defs.us.calls import calls_beside, calls_of
from stocks_pipeline.defs.us.checking import stored_results
from stocks_pipeline.defs.us.session_book import SessionBook
from stocks_pipeline.defs.us.waiting import Wait, waits_of, which
from stocks_pipeline.domain.credit_audit import Audit, audit
from stocks_pipeline.domain.validation_session import Session, State
from stocks_pipeline.domain.validation_types import Status, SymbolResult
from stocks_pipeline.storage.lake import Lake
from stocks_pipeline.storage.validation_keys import SessionPlace
from stocks_pipeline.wording import counted, some


@dataclass(frozen=True)
class Summed:
    """A session's end: its document as it is stored, its results, and the audit of its calls."""

    place: SessionPlace
    document: dict[str, Any]
    results: tuple[SymbolResult, ...]
    waits: tuple[Wait, ...]
    """Who has no verdict yet, why, and what brings it."""
    audit: Audit

    def write(self, lake: Lake) -> str:
        """Store the document; where it lies."""
        return lake.write(self.place.summary, json.dumps(self.document, indent=1).encode()).uri


def sum_up(lake: Lake, place: SessionPlace) -> Summed | None:
    """The session summed up; None where there is none.

    The seed's completion event is in the document: `WorkflowCompleted` with its five fields, or `WorkflowFailed` with
    reason and step. A session with a failed batch failed, whatever the others say, and so did one that ended with
    nothing compared. A harmless difference counts beside the failed, not among them.
    """
    session = SessionBook(lake, place, SystemClock()).get()
    if session is None:
        return None
    found = stored_results(lake, place, session)
    results = tuple(result for number in sorted(found) for result in found[number])
    count = {status: sum(r.status is status for r in results) for status in Status}
    failed_batches = [b for b in session.batches if b.status is State.FAILED]
    waits = waits_of(place, session, results)
    failed = [r for r in results if r.status is Status.FAILED and not r.harmless]
    mine, began = calls_of(lake, place), session.created_at.timestamp()
    document: dict[str, Any] = {
        **_head(place, session),
        "message": _sentence(session, results, waits),
        "passed_count": count[Status.PASSED],
        "failed_count": len(failed),
        "harmless_count": sum(r.harmless for r in results),
        "error_count": count[Status.ERROR],
        "deferred_count": sum(len(wait.symbols) for wait in waits),
        "batches": session.count(),
        "failed_symbols": [r.symbol for r in failed],
        "credits_used": sum(call.credits for call in mine if call.at >= began),
        "waiting": [asdict(wait) for wait in waits],
        "next_steps": _next_steps(place, len(failed), count[Status.ERROR], waits),
    }
    if failed_batches:
        document["failure_step"] = f"batch_{failed_batches[0].batch_number}"
        document["failure_reason"] = failed_batches[0].error_message
    elif document["event"] and session.total_symbols and not any(r.status.checked for r in results):
        document |= {"event": "WorkflowFailed", "failure_step": "validation_results"}
        document["failure_reason"] = "no symbol could be compared"
    return Summed(place, document, results, waits, audit([*mine, *calls_beside(lake, place, mine)]))


def _head(place: SessionPlace, session: Session) -> dict[str, Any]:
    """What the session is and where it stands."""
    return {
        "event": _event(session.status),
        "session_id": session.session_id,
        "date": place.day.isoformat(),
        "adhoc": bool(place.adhoc),
        "status": session.status.value,
        "profile": session.profile.value,
        "lookback_days": session.lookback_days,
        "total_symbols": session.total_symbols,
        "total_batches": session.total_batches,
    }


def _sentence(session: Session, results: Sequence[SymbolResult], waits: Sequence[Wait]) -> str:
    """The counts as a person reads them in one go; the parts add up to all symbols."""
    bad = [r for r in results if r.status is Status.FAILED and not r.harmless]
    causes = Counter(r.gravest.cause.value for r in bad if r.gravest)
    told = f" ({', '.join(f'{n} {cause}' for cause, n in causes.most_common())})" if causes else ""
    harmless = sum(r.harmless for r in results)
    unchecked = [r.symbol for r in results if r.status is Status.ERROR]
    total = counted(session.total_symbols, "symbol")
    known = any(r.status.checked for r in results) or not session.total_symbols
    parts = [
        f"{sum(r.status is Status.PASSED for r in results)} of {total} agree" if known else f"None of {total} compared"
    ]
    parts += [f"{len(bad)} {'does' if len(bad) == 1 else 'do'} not{told}"] if bad else []
    parts += [f"{harmless} by the dividend basis only, which is harmless"] if harmless else []
    parts += [f"{len(unchecked)} could not be checked ({some(unchecked, 3)})"] if unchecked else []
    parts += [f"{len(wait.symbols)} wait{'s' if len(wait.symbols) == 1 else ''}: {wait.why}" for wait in waits]
    return f"{', '.join(parts)}. Session {session.status}."


def _event(state: State) -> str | None:
    """The seed's name of how a session ended; None while batches wait for credits: it has not ended."""
    return {State.COMPLETED: "WorkflowCompleted", State.FAILED: "WorkflowFailed"}.get(state)


def _next_steps(place: SessionPlace, failed: int, unchecked: int, waits: Sequence[Wait]) -> str:
    """What a person does now."""
    results = f"stocks validation results {which(place)} --status"
    steps = [wait.step for wait in waits]
    steps += [f"{results} failed"] if failed else []
    steps += [f"{results} error"] if unchecked else []
    steps += [f"stocks validation retry {which(place)}"] if unchecked and not waits else []
    return "; ".join(dict.fromkeys(steps)) or "Nothing to do."

"""A validation session summed up from what is stored: results, batches without any, and the audit of the credits.

What belongs here: `sum_up`, free of Dagster. What does not: how it is shown (validation.py).
"""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from stocks_pipeline.clock import SystemClock
from stocks_pipeline.defs.us.checking import stored_results
from stocks_pipeline.defs.us.session_book import SessionBook
from stocks_pipeline.domain.credit_audit import Audit, audit
from stocks_pipeline.domain.plans import plan_named
from stocks_pipeline.domain.validation_session import State
from stocks_pipeline.domain.validation_types import Status, SymbolResult
from stocks_pipeline.settings import Settings
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import Lake
from stocks_pipeline.storage.validation_keys import calls_prefix

VENDOR_MINUTE_S = 60.0


@dataclass(frozen=True)
class Summed:
    """A session's end: its document as it is stored, its results, and the audit of its calls."""

    document: dict[str, Any]
    results: tuple[SymbolResult, ...]
    missing: int
    audit: Audit


def sum_up(lake: Lake, market: str, day: date) -> Summed | None:
    """The day's session summed up; None where there is none.

    The seed's completion event is in the document: `WorkflowCompleted` with its five fields, or `WorkflowFailed` with
    reason and step. A session with a failed batch failed, whatever the others say.
    """
    session = SessionBook(lake, market, day, SystemClock()).get()
    if session is None:
        return None
    found = stored_results(lake, market, day, session)
    results = tuple(result for number in sorted(found) for result in found[number])
    count = {status: sum(r.status is status for r in results) for status in Status}
    failed_batches = [b for b in session.batches if b.status is State.FAILED]
    missing = session.total_symbols - len(results)
    failed = [r for r in results if r.status is Status.FAILED and not r.harmless]
    document: dict[str, Any] = {
        "event": _event(session.status),
        "session_id": session.session_id,
        "date": day.isoformat(),
        "status": session.status.value,
        "profile": session.profile.value,
        "lookback_days": session.lookback_days,
        "total_symbols": session.total_symbols,
        "total_batches": session.total_batches,
        "passed_count": count[Status.PASSED],
        "failed_count": count[Status.FAILED],
        "harmless_count": sum(r.harmless for r in results),
        "error_count": count[Status.ERROR],
        "deferred_count": count[Status.DEFERRED] + missing,
        "batches": session.count(),
        "failed_symbols": [r.symbol for r in failed],
        "next_steps": _next_step(day, len(failed), count[Status.DEFERRED] + missing),
    }
    if failed_batches:
        document["failure_step"] = f"batch_{failed_batches[0].batch_number}"
        document["failure_reason"] = failed_batches[0].error_message
    began = session.created_at.timestamp()
    document["credits_used"] = sum(call.credits for call in _calls(lake, market, day) if call.at_s >= began)
    return Summed(document, results, missing, audit_calls(lake, market, day))


def _event(state: State) -> str | None:
    """The seed's name of how a session ended; None while batches wait for credits: it has not ended."""
    return {State.COMPLETED: "WorkflowCompleted", State.FAILED: "WorkflowFailed"}.get(state)


def _next_step(day: date, failed: int, waiting: int) -> str:
    """What a person does now."""
    look = f"stocks validation results --date {day} --status failed" if failed else ""
    heal = f"stocks validation retry --date {day}" if waiting else ""
    return "; ".join(step for step in (look, heal) if step) or "Nothing to do."


def audit_calls(lake: Lake, market: str, day: date) -> Audit:
    """Every call of the UTC days on which the session's calls were sent, held against the plan.

    Those of other sessions count too: they share the credits. Each call is looked at on the vendor's clock of its time,
    scaled where a sandbox's minute was shorter: calls under two clocks come to lie years apart and are never added up.
    A scaled day is no day, so the cap is audited only where all of them were sent in real time.
    """
    plan = plan_named(Settings.load().second_vendor.plan)
    mine = _calls(lake, market, day)
    days = {datetime.fromtimestamp(call.at_s, UTC).date() for call in mine}
    others = (key for key in lake.list(layout.validation_prefix(market)) if _on(key, days, day))
    calls = (*mine, *(_sent(lake, key) for key in others))
    real = all(call.minute_s == VENDOR_MINUTE_S for call in calls)
    sent = [(call.at_s * VENDOR_MINUTE_S / call.minute_s, call.credits) for call in calls]
    return audit(sent, plan.credits_per_minute, plan.credits_per_day if real else None)


@dataclass(frozen=True)
class _Call:
    """One call: when (seconds since 1970), for how many credits, and how long the vendor's minute was."""

    at_s: float
    credits: int
    minute_s: float


def _calls(lake: Lake, market: str, day: date) -> list[_Call]:
    """The calls of the day's sessions."""
    return [_sent(lake, key) for key in lake.list(calls_prefix(market, day))]


def _on(key: str, days: set[date], but: date) -> bool:
    """Whether it is a call of another session that was sent on one of the UTC days."""
    _, _, after = key.partition("/calls/")
    return bool(after) and f"/{but.isoformat()}/" not in key and any(after.startswith(f"{d:%Y%m%d}T") for d in days)


def _sent(lake: Lake, key: str) -> _Call:
    call = json.loads(lake.read(key))
    # Logs of earlier versions do not say: they are held against real minutes, which forgives nothing.
    return _Call(float(call["at_s"]), int(call["credits"]), float(call.get("minute_s", VENDOR_MINUTE_S)))

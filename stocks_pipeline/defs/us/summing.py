"""A validation session summed up from what is stored: results, batches without any, and the audit of the credits.

What belongs here: `sum_up`, free of Dagster. What does not: how it is shown (validation.py).
"""

import json
from dataclasses import dataclass
from datetime import date, datetime
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
    document: dict[str, Any] = {
        "session_id": session.session_id,
        "date": day.isoformat(),
        "status": session.status.value,
        "total_symbols": session.total_symbols,
        "total_batches": session.total_batches,
        "passed_count": count[Status.PASSED],
        "failed_count": count[Status.FAILED],
        "harmless_count": sum(r.harmless for r in results),
        "error_count": count[Status.ERROR],
        "deferred_count": count[Status.DEFERRED] + missing,
        "batches": session.count(),
        "failed_symbols": [r.symbol for r in results if r.status is Status.FAILED and not r.harmless],
        "event": "WorkflowFailed" if failed_batches or session.status is not State.COMPLETED else "WorkflowCompleted",
    }
    if failed_batches:
        document["failure_step"] = f"batch_{failed_batches[0].batch_number}"
        document["failure_reason"] = failed_batches[0].error_message
    return Summed(document, results, missing, _audit(lake, market, day))


def _audit(lake: Lake, market: str, day: date) -> Audit:
    """The day's calls held against the plan, on the vendor's clock (scaled where the sandbox's minute is shorter)."""
    settings = Settings.load().second_vendor
    plan, scale = plan_named(settings.plan), VENDOR_MINUTE_S / settings.minute_s
    prefix = layout.validation_call_key(market, day, "X", 0).rpartition("/")[0] + "/"
    calls = [json.loads(lake.read(key)) for key in lake.list(prefix)]
    sent = [(datetime.fromisoformat(c["at"]).timestamp() * scale, int(c["credits"])) for c in calls]
    return audit(sent, plan.credits_per_minute, plan.credits_per_day if scale == 1 else None)

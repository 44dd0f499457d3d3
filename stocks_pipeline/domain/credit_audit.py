"""Certifies from a request log that a vendor's limits were kept: in every 60 seconds and on every UTC day.

What belongs here: the audit, pure. What does not: keeping the limits (upstream/limits.py) and the log itself. It knows
nothing of how the limiter works, so it can contradict it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

WINDOW_S = 60.0


@dataclass(frozen=True)
class Audit:
    """What the log shows.

    `worst_minute`: most credits in any 60 s, `worst_minute_at` where those begin (seconds since 1970, None for no
    call), `per_day`: credits by UTC day as YYYY-MM-DD, `calls`: requests in the log, `reason`: empty where all is well.
    """

    passed: bool
    worst_minute: int
    worst_minute_at: float | None
    per_day: dict[str, int]
    calls: int
    reason: str = ""


def audit(calls: Sequence[tuple[float, int]], per_minute: int, per_day: int | None) -> Audit:
    """Hold every call `(at, credits)` against the limits; `at` in seconds since 1970, in any order.

    A window is half-open, [t, t + 60): two calls exactly 60 s apart are in no window together. Some window that begins
    at a call holds the most credits, so only those are looked at. Distances are taken between the calls themselves:
    t + 60 as a float can round past a call that is less than 60 s away.

    Raises:
        ValueError: a call at no finite time, with negative credits, or limits below 1.
    """
    if per_minute < 1 or (per_day is not None and per_day < 1):
        raise ValueError("limits must be at least 1")
    if any(not math.isfinite(at) or credits_ < 0 for at, credits_ in calls):
        raise ValueError("a call needs a finite time and credits of at least 0")
    ordered = sorted(calls)
    worst, worst_at = _worst(ordered)
    days: dict[str, int] = {}
    for at, credits_ in ordered:
        day = datetime.fromtimestamp(at, UTC).date().isoformat()
        days[day] = days.get(day, 0) + credits_
    reasons = []
    if worst > per_minute:
        reasons.append(f"{worst} credits within 60 s from {_instant(worst_at)}, {per_minute} allowed")
    if per_day is not None:
        reasons += [f"{spent} credits on {day}, {per_day} allowed" for day, spent in days.items() if spent > per_day]
    return Audit(not reasons, worst, worst_at, days, len(ordered), "; ".join(reasons))


def _worst(ordered: Sequence[tuple[float, int]]) -> tuple[int, float | None]:
    """Most credits in any window, and the first call of the first such window."""
    worst, worst_at, end, total = 0, ordered[0][0] if ordered else None, 0, 0
    for at, credits_ in ordered:
        while end < len(ordered) and ordered[end][0] - at < WINDOW_S:
            total += ordered[end][1]
            end += 1
        if total > worst:
            worst, worst_at = total, at
        total -= credits_
    return worst, worst_at


def _instant(at: float | None) -> str:
    return "nowhere" if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")

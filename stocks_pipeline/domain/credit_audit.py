"""Certifies from a request log that a vendor's limits were kept: in every minute and on every UTC day.

What belongs here: the audit, pure. What does not: keeping the limits (upstream/limits.py) and the log itself. It knows
nothing of how the limiter works, so it can contradict it.

Each call is held against the limit that was in force when it was sent: a plan that is changed afterwards neither
acquits nor accuses what was done under the one before.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class Limit:
    """What a plan allows: credits in any `minute_s` seconds, and on a UTC day (None: no cap).

    `minute_s` is 60 but for a sandbox whose minute is shorter.

    Raises:
        ValueError: credits below 1, or a minute that is none.
    """

    per_minute: int
    per_day: int | None = None
    minute_s: float = 60.0

    def __post_init__(self) -> None:
        if self.per_minute < 1 or (self.per_day is not None and self.per_day < 1):
            raise ValueError("limits must be at least 1")
        if not (math.isfinite(self.minute_s) and self.minute_s > 0):
            raise ValueError("a minute must be a positive time")


@dataclass(frozen=True)
class Charged:
    """One call: sent `at` (seconds since 1970), for `credits`, under `limit`.

    Raises:
        ValueError: no finite time, or negative credits.
    """

    at: float
    credits: int
    limit: Limit

    def __post_init__(self) -> None:
        if not math.isfinite(self.at) or self.credits < 0:
            raise ValueError("a call needs a finite time and credits of at least 0")


@dataclass(frozen=True)
class Audit:
    """What the log shows.

    `worst_minute`: most credits in the minute that ends with any call, `worst_minute_at` where that one begins: its
    first call (seconds since 1970, None for no call), `per_day`: credits by UTC day as YYYY-MM-DD, `calls`: requests in
    the log, `reason`: empty where all is well.
    """

    passed: bool
    worst_minute: int
    worst_minute_at: float | None
    per_day: dict[str, int]
    calls: int
    reason: str = ""


@dataclass(frozen=True)
class _Minute:
    """The minute that ends with a call: its credits, its first call, and what was allowed at its end."""

    used: int
    since: float
    limit: Limit

    @property
    def over(self) -> int:
        return self.used - self.limit.per_minute


def audit(calls: Sequence[Charged]) -> Audit:
    """Hold every call against its own limit; in any order.

    A window is half-open, (t - minute, t]: two calls exactly a minute apart are in no window together. Whichever call
    would be one too many, it is the last of some window, so only windows that end with a call are looked at. Distances
    are taken between the calls themselves: t - 60 as a float can round past a call that is less than 60 s away.

    Calls under minutes of another length went to another vendor, a sandbox: they are never added up.
    """
    ordered = sorted(calls, key=lambda call: call.at)
    clocks = dict.fromkeys(call.limit.minute_s for call in ordered)
    minutes = [m for clock in clocks for m in _minutes([call for call in ordered if call.limit.minute_s == clock])]
    worst = max(minutes, key=lambda minute: minute.used, default=None)
    days, caps = _days(ordered)
    reasons = []
    wrong = max(minutes, key=lambda minute: minute.over, default=None)
    if wrong is not None and wrong.over > 0:
        span, allowed = f"{wrong.limit.minute_s:g} s", wrong.limit.per_minute
        reasons.append(f"{wrong.used} credits within {span} from {_instant(wrong.since)}, {allowed} allowed")
    reasons += [f"{spent} credits on {day}, {allowed} allowed" for day, (spent, allowed) in caps.items()]
    used, since = (worst.used, worst.since) if worst else (0, None)
    return Audit(not reasons, used, since, days, len(ordered), "; ".join(reasons))


def _minutes(ordered: Sequence[Charged]) -> list[_Minute]:
    """For each call the minute that ends with it; calls of the same instant are all in it."""
    found, sums = [], [0]
    for call in ordered:
        sums.append(sums[-1] + call.credits)
    end = 0
    for at, call in enumerate(ordered):
        while end < len(ordered) and ordered[end].at <= call.at:
            end += 1
        begin = _first(ordered, at, call)
        found.append(_Minute(sums[end] - sums[begin], ordered[begin].at, call.limit))
    return found


def _first(ordered: Sequence[Charged], at: int, call: Charged) -> int:
    """The first call in the minute that ends with `call`, by bisection."""
    low, high = 0, at
    while low < high:
        middle = (low + high) // 2
        if call.at - ordered[middle].at < call.limit.minute_s:
            high = middle
        else:
            low = middle + 1
    return low


def _days(ordered: Sequence[Charged]) -> tuple[dict[str, int], dict[str, tuple[int, int]]]:
    """Credits by UTC day; and for days on which a call went over its cap, what was spent by then, and the cap."""
    days: dict[str, int] = {}
    by_clock: dict[tuple[str, float], int] = {}
    over: dict[str, tuple[int, int]] = {}
    for call in ordered:
        day, cap = datetime.fromtimestamp(call.at, UTC).date().isoformat(), call.limit.per_day
        days[day] = days.get(day, 0) + call.credits
        spent = by_clock[day, call.limit.minute_s] = by_clock.get((day, call.limit.minute_s), 0) + call.credits
        if cap is not None and spent > cap:
            over[day] = (spent, cap)
    return days, over


def _instant(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")

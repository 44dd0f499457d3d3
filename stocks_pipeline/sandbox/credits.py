"""What the second price vendor's plan allows: credits by the minute and by the day, and who is refused.

What belongs here: the plan, the meter and its counts. What does not: every other answer (twelve_data.py). As the real
vendor was seen to do: a call that does not fit into what is left is refused whole, at once, and costs nothing.
"""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

_MINUTES_A_DAY = 1440
_KEPT = 100_000
_SPENT = {
    "minute": "You have run out of API credits for the current minute. {used} API credits were used, with the current "
    "limit being {limit}. Wait for the next minute or consider switching to a higher tier plan at https://twelvedata.com/pricing",
    "day": "You have run out of API credits for the day. {used} API credits were used, with the current limit being "
    "{limit}. Wait for the next day or consider switching to a paid plan at https://twelvedata.com/pricing",
}


@dataclass(frozen=True)
class CreditPlan:
    """The plan that every key of the sandbox has.

    Attributes:
        per_minute: Credits in one minute of the vendor.
        per_day: Credits in one day of the vendor, from 00:00 UTC. None: a paid plan, which has no such cap and also
            covers exchanges outside the US.
        minute_s: How long one minute of the vendor is; at 1.0 its clock runs sixty times as fast, days included.
        any_window: Whether the minute is any `minute_s` seconds instead of a minute of the clock.
        counts_refused: Whether a refused call is counted like one that was answered.
    """

    per_minute: int = 8
    per_day: int | None = 800
    minute_s: float = 60.0
    any_window: bool = False
    counts_refused: bool = False

    @property
    def is_basic(self) -> bool:
        """Whether it is the free plan."""
        return self.per_day is not None


@dataclass(frozen=True)
class Refusal:
    """A call that did not fit: `used` is what the minute or the day would have come to with it."""

    scope: Literal["minute", "day"]
    used: int
    limit: int

    @property
    def text(self) -> str:
        """The vendor's own words."""
        return _SPENT[self.scope].format(used=self.used, limit=self.limit)


class Meter:
    """The credits spent since the last reset. Times are unix seconds. Used from the server's one event loop only."""

    def __init__(self, plan: CreditPlan) -> None:
        self.plan = plan
        self._charges: deque[tuple[float, int]] = deque(maxlen=_KEPT)
        self.reset()

    def reset(self) -> None:
        self._charges.clear()
        self._days: Counter[int] = Counter()
        self._refused: Counter[str] = Counter()
        self._calls = 0

    def refusal(self, now: float, asked: int) -> Refusal | None:
        """Why `asked` credits cannot be had now; None if they can. The day is looked at first."""
        plan, used = self.plan, self.used_day(now) + asked
        if plan.per_day is not None and used > plan.per_day:
            return self._refuse(now, asked, Refusal("day", used, plan.per_day))
        used = self.used_minute(now) + asked
        if used > plan.per_minute:
            return self._refuse(now, asked, Refusal("minute", used, plan.per_minute))
        return None

    def charge(self, now: float, credits_: int) -> None:
        """Book an answered call."""
        self._calls += 1
        self._book(now, credits_)

    def used_minute(self, now: float) -> int:
        """Credits of the present minute."""
        since = now - self.plan.minute_s if self.plan.any_window else now // self.plan.minute_s * self.plan.minute_s
        used = 0
        for at, credits_ in reversed(self._charges):
            if at < since or (self.plan.any_window and at == since):
                break
            used += credits_
        return used

    def used_day(self, now: float) -> int:
        """Credits of the present day."""
        return self._days[self._day(now)]

    def to_json(self, now: float) -> dict[str, Any]:
        """What is used and left, and the worst minute so far, by the clock and wherever it starts."""
        plan, charges = self.plan, list(self._charges)
        by_minute: Counter[int] = Counter()
        for at, credits_ in charges:
            by_minute[int(at // plan.minute_s)] += credits_
        return {
            "per_minute": plan.per_minute,
            "per_day": plan.per_day,
            "minute_s": plan.minute_s,
            "used_minute": self.used_minute(now),
            "used_day": self.used_day(now),
            "used": sum(self._days.values()),
            "calls": self._calls,
            "refused_minute": self._refused["minute"],
            "refused_day": self._refused["day"],
            "worst_minute": max(by_minute.values(), default=0),
            "worst_window": worst_window(charges, plan.minute_s),
            "charges": charges[-1000:],
        }

    def _refuse(self, now: float, asked: int, refusal: Refusal) -> Refusal:
        self._refused[refusal.scope] += 1
        if self.plan.counts_refused:
            self._book(now, asked)
        return refusal

    def _book(self, now: float, credits_: int) -> None:
        self._charges.append((now, credits_))
        self._days[self._day(now)] += credits_

    def _day(self, now: float) -> int:
        return int(now // (self.plan.minute_s * _MINUTES_A_DAY))


def worst_window(charges: Sequence[tuple[float, int]], period_s: float) -> int:
    """The most credits in any `period_s` seconds of these (unix seconds, credits), in order of time."""
    worst = used = first = 0
    for at, credits_ in charges:
        used += credits_
        while charges[first][0] <= at - period_s:
            used -= charges[first][1]
            first += 1
        worst = max(worst, used)
    return worst

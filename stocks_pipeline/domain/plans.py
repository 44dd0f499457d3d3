"""What each plan of Twelve Data allows, and how many symbols one request may hold under it.

What belongs here: the plans by name, and one that is given in numbers. What does not: how the limits are kept
(upstream/limits.py) or audited (credit_audit.py). Source: the vendor's support pages and the limits named in its 429
texts, as collected in 2026; only the free plan has a daily cap, which resets at 00:00 UTC.
"""

from dataclasses import dataclass

LARGEST_REQUEST = 120
"""Symbols the vendor takes in one request, whatever the plan."""


NUMBERS = "CREDITS_PER_MINUTE/CREDITS_PER_DAY[/BATCH_SIZE]"
"""How a plan without a name of ours is written; `none` a day is no cap."""

_NO_CAP = "none"
_MOST = 1_000_000


class UnknownPlanError(ValueError):
    """No such plan: a name that is none, or numbers that cannot be one. The message names the field, or those known."""


@dataclass(frozen=True)
class Plan:
    """One plan: credits in any 60 s, credits a UTC day (None: no cap), and symbols in one request.

    A daily series costs one credit a symbol, and a request that asks for more than a minute or a day holds is refused
    whole, so a batch is never larger than either.
    """

    name: str
    credits_per_minute: int
    credits_per_day: int | None
    batch_size: int

    def __post_init__(self) -> None:
        if self.credits_per_minute < 1 or (self.credits_per_day is not None and self.credits_per_day < 1):
            raise ValueError(f"plan {self.name}: credits must be at least 1")
        most = _largest_batch(self.credits_per_minute, self.credits_per_day)
        if not 1 <= self.batch_size <= most:
            raise ValueError(
                f"plan {self.name}: batch_size {self.batch_size} must be 1 to {most}, or the request is refused whole"
            )

    def windows(self, symbols: int) -> int:
        """How many windows of a minute the symbols take: an upper estimate of the minutes until all are checked."""
        return -(-symbols // self.credits_per_minute)

    def floor_s(self, symbols: int) -> float:
        """The least seconds until the last request may be sent; the first window's credits are free at once."""
        return 60.0 * max(0, self.windows(symbols) - 1)


def _largest_batch(per_minute: int, per_day: int | None) -> int:
    return min(per_minute, LARGEST_REQUEST, *(() if per_day is None else (per_day,)))


def _plan(name: str, per_minute: int, per_day: int | None = None) -> Plan:
    return Plan(name, per_minute, per_day, _largest_batch(per_minute, per_day))


PLANS: dict[str, Plan] = {
    plan.name: plan
    for plan in (
        _plan("basic8", 8, 800),
        _plan("grow55", 55),
        _plan("grow144", 144),
        _plan("grow377", 377),
        _plan("pro610", 610),
        _plan("pro987", 987),
        _plan("pro1597", 1597),
    )
}
"""Every plan by its name: the vendor's tier and its credits a minute."""


def plan_named(name: str) -> Plan:
    """The plan of that name, in any case of letters, or of those numbers: 30/2000, 30/2000/10, 30/none.

    Raises:
        UnknownPlanError: no such plan.
    """
    wanted = name.strip().lower()
    if "/" in wanted:
        return _plan_of_numbers(wanted)
    plan = PLANS.get(wanted)
    if plan is None:
        raise UnknownPlanError(f"unknown plan {name!r}; known are {', '.join(PLANS)}, or {NUMBERS}")
    return plan


def _plan_of_numbers(text: str) -> Plan:
    minute, day, *size = (part.strip() for part in text.split("/"))
    if len(size) > 1:
        raise UnknownPlanError(f"unknown plan {text!r}; in numbers it is {NUMBERS}")
    per_minute = _count("credits_per_minute", minute)
    per_day = None if day == _NO_CAP else _count("credits_per_day", day, f", or {_NO_CAP}")
    most = _largest_batch(per_minute, per_day)
    batch_size = _count("batch_size", size[0]) if size else most
    if batch_size > most:
        raise UnknownPlanError(f"batch_size is {batch_size}; one request of that plan may hold 1 to {most} symbols")
    return Plan("/".join((minute, day, *size)), per_minute, per_day, batch_size)


def _count(field: str, text: str, also: str = "") -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(_MOST)) and 1 <= int(text) <= _MOST):
        raise UnknownPlanError(f"{field} is {text!r}; it must be a whole number from 1 to {_MOST}{also}")
    return int(text)

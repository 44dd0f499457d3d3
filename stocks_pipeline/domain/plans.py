"""What each plan of Twelve Data allows, and how many symbols one request may hold under it.

What belongs here: the plans by name. What does not: how the limits are kept (upstream/limits.py) or audited
(credit_audit.py). Source: the vendor's support pages and the limits named in its 429 texts, as collected in 2026; only
the free plan has a daily cap, which resets at 00:00 UTC.
"""

from dataclasses import dataclass

LARGEST_REQUEST = 120
"""Symbols the vendor takes in one request, whatever the plan."""


class UnknownPlanError(ValueError):
    """A plan of that name is not known; the message lists those that are."""


@dataclass(frozen=True)
class Plan:
    """One plan: credits in any 60 s, credits a UTC day (None: no cap), and symbols in one request.

    A daily series costs one credit a symbol, and a request that asks for more than a minute holds is refused whole, so
    a batch is never larger than the minute's credits.
    """

    name: str
    credits_per_minute: int
    credits_per_day: int | None
    batch_size: int

    def __post_init__(self) -> None:
        if self.credits_per_minute < 1 or (self.credits_per_day is not None and self.credits_per_day < 1):
            raise ValueError(f"plan {self.name}: credits must be at least 1")
        if not 1 <= self.batch_size <= min(self.credits_per_minute, LARGEST_REQUEST):
            raise ValueError(
                f"plan {self.name}: batch_size {self.batch_size} must be 1 to "
                f"{min(self.credits_per_minute, LARGEST_REQUEST)}, or the vendor refuses the request whole"
            )

    def windows(self, symbols: int) -> int:
        """How many windows of a minute the symbols take: an upper estimate of the minutes until all are checked."""
        return -(-symbols // self.credits_per_minute)

    def floor_s(self, symbols: int) -> float:
        """The least seconds until the last request may be sent; the first window's credits are free at once."""
        return 60.0 * max(0, self.windows(symbols) - 1)

    def fits_day(self, symbols: int) -> bool:
        """Whether a day's credits, all unspent, are enough."""
        return self.credits_per_day is None or symbols <= self.credits_per_day


def _plan(name: str, per_minute: int, per_day: int | None = None) -> Plan:
    return Plan(name, per_minute, per_day, min(per_minute, LARGEST_REQUEST))


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
    """The plan of that name, in any case of letters.

    Raises:
        UnknownPlanError: no such plan.
    """
    plan = PLANS.get(name.strip().lower())
    if plan is None:
        raise UnknownPlanError(f"unknown plan {name!r}; known are {', '.join(PLANS)}")
    return plan

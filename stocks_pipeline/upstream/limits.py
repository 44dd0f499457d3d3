"""How often an upstream may be called: by any thread of any process that shares the control file or database.

What belongs here: the limiter a gateway holds, waiting one's turn, and opening a limiter by URL. What does not: the
shared ledger behind it (grants.py), the waiting itself (turns.py), what a failure means (failures.py), and retrying
(http.py).

A limiter promises that no window of the period, wherever it starts, holds more than the allowed credits, as seen by
the code after `acquire`. It is first come, first served; charged before the call, for every call. Inside a process
one thread at a time stands in the shared line, so a killed process leaves at most one unused send time behind, and
forty threads do not fight for the file. After a fork the child opens the file anew; a thread that was waiting in the
parent does not exist in the child.
"""

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol

from stocks_pipeline.clock import Clock
from stocks_pipeline.upstream.day_cap import DaySpent
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError
from stocks_pipeline.upstream.grants import TABLES, Grant, GrantLedger
from stocks_pipeline.upstream.shared_store import open_store
from stocks_pipeline.upstream.turns import Cancelled, Turns, check, pause

__all__ = ["Cancelled", "Limiter", "Rate", "SharedLimiter", "open_limiter", "pause", "slack_for"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rate:
    """At most `credits` in any `period_s` seconds."""

    credits: int
    period_s: float

    def __post_init__(self) -> None:
        if self.credits < 1 or self.period_s <= 0:
            raise ValueError(f"a rate needs at least one credit and a positive period, got {self}")


class Limiter(Protocol):
    """Permission to call one upstream."""

    def acquire(self, credits: int = 1, *, stop: threading.Event | None = None) -> None:  # noqa: A002 - the vendors' word
        """Wait until `credits` may be spent; they are charged when this returns, whatever the call then brings.

        Raises:
            UpstreamError: kind QUOTA_DAY, at once, when the day's cap (UTC) leaves no room.
            Cancelled: `stop` was set before or while waiting.
            ValueError: more credits than a whole period allows, or less than one.
        """
        ...

    def give_back(self, credits: int) -> None:  # noqa: A002 - the vendors' word
        """Take those of a call that was never sent off the day's count. The window keeps them, so the pace stays."""
        ...

    def cool_down(self, seconds: float, reason: str = "") -> None:
        """Grant nothing to anyone, in any process, before `seconds` from now. Never shortens a longer one."""
        ...

    def cooling_s(self) -> float:
        """Seconds until the present cool-down ends; 0.0 without one."""
        ...

    def used(self, period_s: float) -> int:
        """Credits granted in the last `period_s` seconds, by all processes."""
        ...


class SharedLimiter:
    """The limiter over a ledger file. Make one with `open_limiter`."""

    def __init__(
        self, ledger: GrantLedger, rates: Sequence[Rate], *, clock: Clock, upstream: str, daily: int | None
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._upstream = upstream
        self._daily = daily
        self._most = min([rate.credits for rate in rates], default=None)
        self.slack_s = slack_for(rates)
        self._turns = Turns()

    def acquire(self, credits: int = 1, *, stop: threading.Event | None = None) -> None:  # noqa: A002 - the vendors' word
        if credits < 1 or (self._most is not None and credits > self._most):
            raise ValueError(f"{self._upstream}: {credits} credits at once, allowed are 1 to {self._most or 'any'}")
        check(stop)
        with self._turns.turn(stop):
            check(stop)
            try:
                self._wait_for(self._ledger.reserve(credits, self.slack_s), stop)
            except DaySpent as spent:
                raise self._quota_error(spent, credits) from None

    def _wait_for(self, grant: Grant, stop: threading.Event | None) -> None:
        """Return while the grant is valid, however often it is moved or lapses before."""
        while True:
            earliest, latest = self._ledger.bounds()
            if grant.at <= earliest and latest <= grant.until:
                return
            if grant.at > earliest:
                try:
                    # The smaller of the two: a clock set back just now must not lengthen the sleep.
                    pause(min(grant.at - earliest, grant.wait), clock=self._clock, stop=stop)
                except BaseException:
                    self._ledger.take_back(grant)
                    raise
            grant = self._ledger.confirm(grant)

    def _quota_error(self, spent: DaySpent, asked: int) -> UpstreamError:
        day = date(1970, 1, 1) + timedelta(days=spent.day)
        return UpstreamError(
            FailureKind.QUOTA_DAY,
            self._upstream,
            "",
            f"{spent.used} of {self._daily} credits of {day} (UTC) are used, {asked} more were asked for",
            retry_after_s=self._ledger.days.left_of(spent.day),
        )

    def give_back(self, credits: int) -> None:  # noqa: A002 - the vendors' word
        self._ledger.days.give_back(credits)

    def cool_down(self, seconds: float, reason: str = "") -> None:
        _log.warning("%s cools down for %.1f s: %s", self._upstream, seconds, reason or "no reason given")
        self._ledger.cool_down(seconds, reason)

    def cooling_s(self) -> float:
        return self._ledger.cooling_s()

    def used(self, period_s: float) -> int:
        return self._ledger.used(period_s)

    def left_today(self) -> int | None:
        """Credits that the present UTC day has left; None where days have no cap."""
        return self._ledger.days.left()

    def close(self) -> None:
        """Release the file now instead of when the limiter is collected."""
        self._ledger.close()


def slack_for(rates: Sequence[Rate]) -> float:
    """Seconds a caller may wake late and still send; the window is widened by as much.

    A fiftieth of the shortest period: 2 % of the rate are given up. At most 0.5 s (more buys nothing), at least 0.01 s:
    who wakes later than that is given another time with twice the slack, so less only costs time and never the limit.
    """
    shortest = min([rate.period_s for rate in rates], default=0.0)
    return min(0.5, max(0.01, shortest / 50))


def open_limiter(  # noqa: PLR0913 - each is a dimension of the limit
    url: str, key: str, rates: Sequence[Rate], *, clock: Clock, upstream: str, daily: int | None = None
) -> SharedLimiter:
    """The limiter of `key` in the ledger at `url`. File or tables are made.

    `url` is a path, or `sqlite:///relative` or `sqlite:////absolute` as SQLAlchemy writes them, or `postgresql://…`:
    then it holds for every machine that names the same database.

    All `rates` hold at once; `daily` caps the credits of each UTC day.

    Raises:
        ValueError: another kind of URL.
        control_file.StoreError: the file cannot be written, or the database refuses what it is asked.
        UpstreamError: the database cannot be reached; here and from every method of the limiter.
    """
    pairs = [(rate.credits, rate.period_s) for rate in rates]
    ledger = GrantLedger(open_store(url, key, TABLES, clock), key, pairs, daily=daily)
    return SharedLimiter(ledger, rates, clock=clock, upstream=upstream, daily=daily)

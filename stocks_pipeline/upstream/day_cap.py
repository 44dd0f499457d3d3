"""How many credits each UTC day may spend: the second dimension of a limit, beside its windows.

What belongs here: which day a send time is of, and that day's count. What does not: the send times (grants.py).
"""

import math

from stocks_pipeline.upstream.shared_store import Connection, Store

DAY_S = 86_400
_KEPT_DAYS = 7
_LONGEST_CALL_S = 900.0  # between a call's charge and its end


class DaySpent(Exception):  # noqa: N818 - an outcome that limits.py turns into an UpstreamError, not an error of its own
    """The day's cap leaves no room. `used` credits are taken on `day` (days since the epoch, UTC)."""

    def __init__(self, used: int, day: int) -> None:
        super().__init__(used, day)
        self.used = used
        self.day = day


class DayCap:
    """The days of one key in one store; `most` credits each, None for no cap. Times are on the store's clock."""

    def __init__(self, store: Store, key: str, most: int | None) -> None:
        self._store = store
        self._key = key
        self._most = most

    def day_of(self, at: float) -> int:
        """The day in which a time lies for certain; it matters only where there is a cap."""
        return int((at + (0.0 if self._most is None else self._store.utc_ahead()[0])) // DAY_S)

    def end_of(self, day: int) -> float:
        """Until when it is that day for certain."""
        return math.inf if self._most is None else (day + 1) * DAY_S - self._store.utc_ahead()[1]

    def left_of(self, day: int) -> float:
        """Seconds until it is over."""
        return max(0.0, (day + 1) * DAY_S - self._store.bounds()[0] - self._store.utc_ahead()[0])

    def charge(self, con: Connection, day: int, credits_: int) -> None:
        """Count them.

        Raises:
            DaySpent: the cap leaves no room.
        """
        if self._most is None:
            return
        used = self._used(con, day)
        if used + credits_ > self._most:
            raise DaySpent(used, day)
        sql = "INSERT INTO limit_days VALUES(?,?,?) ON CONFLICT(key, day) DO UPDATE SET credits=excluded.credits"
        con.execute(sql, (self._key, day, used + credits_))
        con.execute("DELETE FROM limit_days WHERE key=? AND day<?", (self._key, day - _KEPT_DAYS))

    def take_off(self, con: Connection, day: int, credits_: int) -> None:
        """Count them no longer."""
        sql = "UPDATE limit_days SET credits=credits-? WHERE key=? AND day=? AND credits>=?"
        con.execute(sql, (credits_, self._key, day, credits_))

    def give_back(self, credits_: int) -> None:
        """Those of a call that was charged just now and never sent.

        Soon after midnight they may be yesterday's, so nobody has them back then.
        """
        if self._most is None:
            return
        with self._store.transaction() as con:
            now = self._store.now(con)
            if self.day_of(now - _LONGEST_CALL_S) == (day := self.day_of(now)):
                self.take_off(con, day, credits_)

    def left(self) -> int | None:
        """Credits that the present day has left; None without a cap."""
        if self._most is None:
            return None
        with self._store.transaction() as con:
            return max(0, self._most - self._used(con, self.day_of(self._store.now(con))))

    def _used(self, con: Connection, day: int) -> int:
        row = con.execute("SELECT credits FROM limit_days WHERE key=? AND day=?", (self._key, day)).fetchone()
        return int(row[0]) if row else 0

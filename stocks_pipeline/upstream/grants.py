"""The ledger of send times that every process shares: a SQLite file on one machine, a Postgres for several.

What belongs here: handing out, moving and taking back send times, each in one short transaction. What does not:
waiting for them (limits.py), the cap of a day (day_cap.py), what a refusal of the upstream means (failures.py,
http.py), and where the ledger lies (shared_store.py, shared_postgres.py).

How it is exact. The credits of a key form one line, in the order in which they were reserved. A reservation of `c`
credits under "N in any P seconds" may be sent from `at` to `until`, and `at` is never before the `until` of the credit
that stands N places ahead, plus P. `at` and `until` never fall along the line, so nothing overtakes and one index
look-up finds that credit. Because an entry is only a time, a process that dies leaves nothing to clean up.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from stocks_pipeline.upstream.day_cap import DayCap
from stocks_pipeline.upstream.shared_store import Connection, Store, Tables

TABLES = Tables(
    sqlite="""
CREATE TABLE IF NOT EXISTS limit_grants(
    id INTEGER PRIMARY KEY, key TEXT NOT NULL, seq INTEGER NOT NULL, credits INTEGER NOT NULL,
    at REAL NOT NULL, until REAL NOT NULL, day INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS limit_grants_seq ON limit_grants(key, seq);
CREATE INDEX IF NOT EXISTS limit_grants_until ON limit_grants(key, until);
CREATE TABLE IF NOT EXISTS limit_keys(
    key TEXT PRIMARY KEY, wrote_at REAL NOT NULL, cool_until REAL NOT NULL, keep_s REAL NOT NULL, reason TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS limit_days(
    key TEXT NOT NULL, day INTEGER NOT NULL, credits INTEGER NOT NULL, PRIMARY KEY(key, day)) WITHOUT ROWID;
""",
    postgres="""
CREATE TABLE IF NOT EXISTS limit_grants(
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, key TEXT NOT NULL, seq BIGINT NOT NULL,
    credits INTEGER NOT NULL, at DOUBLE PRECISION NOT NULL, until DOUBLE PRECISION NOT NULL, day INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS limit_grants_seq ON limit_grants(key, seq);
CREATE INDEX IF NOT EXISTS limit_grants_until ON limit_grants(key, until);
CREATE TABLE IF NOT EXISTS limit_keys(
    key TEXT PRIMARY KEY, wrote_at DOUBLE PRECISION NOT NULL, cool_until DOUBLE PRECISION NOT NULL,
    keep_s DOUBLE PRECISION NOT NULL, reason TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS limit_days(
    key TEXT NOT NULL, day INTEGER NOT NULL, credits INTEGER NOT NULL, PRIMARY KEY(key, day));
""",
)
_KEEP_AT_LEAST_S = 60.0
_JOIN = "INSERT INTO limit_keys VALUES(?,0,0,?,'') ON CONFLICT(key) DO UPDATE SET keep_s="
_JOIN += "CASE WHEN excluded.keep_s > limit_keys.keep_s THEN excluded.keep_s ELSE limit_keys.keep_s END"


@dataclass(frozen=True, slots=True)
class Grant:
    """Permission to send `credits` from `at` to `until` (seconds since the epoch), `wait` seconds after it was read."""

    id: int
    credits: int
    at: float
    until: float
    wait: float
    slack: float


class GrantLedger:
    """The line of credits of one key in one store, under `rates` (credits, seconds) that hold all at once.

    Safe for threads and processes, and after a fork, as the store is.
    """

    def __init__(self, store: Store, key: str, rates: Sequence[tuple[int, float]], *, daily: int | None = None) -> None:
        self._store = store
        self._key = key
        self._rates = tuple(rates)
        self.days = DayCap(store, key, daily)
        self.keep_s = max([_KEEP_AT_LEAST_S, *(2 * period_s for _, period_s in rates)])
        with self._store.transaction() as con:
            con.execute(_JOIN, (key, self.keep_s))

    def bounds(self) -> tuple[float, float]:
        """The present on the ledger's clock: not before the first, not after the second."""
        return self._store.bounds()

    def reserve(self, credits_: int, slack: float) -> Grant:
        """The next free send time for `credits_`, charged at once. It lapses `slack` seconds after it begins.

        Raises:
            DaySpent: the day's cap leaves no room.
            StoreError: the file cannot be written.
        """
        with self._turn() as (con, now):
            return self._reserve(con, now, credits_, slack)

    def confirm(self, grant: Grant) -> Grant:
        """What became of a grant while its caller slept: still valid, moved (cool-down), or too late and replaced."""
        with self._turn() as (con, now):
            row = con.execute("SELECT at, until, day FROM limit_grants WHERE id=?", (grant.id,)).fetchone()
            if row is not None:
                at, until, day = row
                until = min(until, self.days.end_of(day))
                cooling = at <= now < self._cool_until(con)
                if now <= until and not cooling:
                    return Grant(grant.id, grant.credits, at, until, at - now, grant.slack)
                self._take_back(con, grant.id)
            # Twice the tolerance each time: on a machine too busy to wake anyone in time, waiting must still end.
            slack = min(2 * grant.slack, max([grant.slack, *(period_s for _, period_s in self._rates)]))
            return self._reserve(con, now, grant.credits, slack)

    def take_back(self, grant: Grant) -> None:
        """Give the credits of a grant that was never used to those behind it."""
        with self._turn() as (con, _):
            self._take_back(con, grant.id)

    def cool_down(self, seconds: float, reason: str) -> None:
        """Move everything that is still to come to `seconds` from now or later; the order stays."""
        with self._turn() as (con, now):
            until = now + seconds
            con.execute(
                "UPDATE limit_keys SET cool_until=?, reason=? WHERE key=? AND cool_until<?",
                (until, reason, self._key, until),
            )
            first = con.execute("SELECT min(at) FROM limit_grants WHERE key=? AND at>?", (self._key, now)).fetchone()[0]
            if first is not None and first < until:
                delta = until - first
                con.execute(
                    "UPDATE limit_grants SET at=at+?, until=until+? WHERE key=? AND at>?",
                    (delta, delta, self._key, now),
                )

    def cooling_s(self) -> float:
        """Seconds until the present cool-down ends; 0.0 without one."""
        with self._turn() as (con, now):
            return max(0.0, self._cool_until(con) - now)

    def used(self, period_s: float) -> int:
        """Credits whose send time lies in the last `period_s` seconds.

        Raises:
            ValueError: older entries than that are pruned.
        """
        if period_s > self.keep_s:
            raise ValueError(f"the ledger of {self._key} goes back {self.keep_s:g} s, asked for {period_s:g} s")
        with self._turn() as (con, now):
            sql = "SELECT coalesce(sum(credits), 0) FROM limit_grants WHERE key=? AND at>? AND at<=?"
            return int(con.execute(sql, (self._key, now - period_s, now)).fetchone()[0])

    def close(self) -> None:
        """Release the file. The ledger cannot be used afterwards."""
        self._store.close()

    @contextmanager
    def _turn(self) -> Iterator[tuple[Connection, float]]:
        """A transaction and the present as read inside it, so that times and their order agree."""
        with self._store.transaction() as con:
            yield con, self._now(con)

    def _reserve(self, con: Connection, now: float, credits_: int, slack: float) -> Grant:
        sql = "SELECT seq, at, until FROM limit_grants WHERE key=? ORDER BY seq DESC LIMIT 1"
        seq, last_at, last_until = con.execute(sql, (self._key,)).fetchone() or (0, 0.0, 0.0)
        at = max(now, last_at, self._cool_until(con))
        for most, period_s in self._rates:
            ahead = seq - most + credits_  # the newest credit that must have left the window
            sql = "SELECT until, seq - credits FROM limit_grants WHERE key=? AND seq>=? ORDER BY seq LIMIT 1"
            row = con.execute(sql, (self._key, ahead)).fetchone() if ahead > 0 else None
            if row is not None and row[1] < ahead:  # else that credit is pruned, long out of the window
                at = max(at, row[0] + period_s)
        until, day = max(at + slack, last_until), self.days.day_of(at)
        self.days.charge(con, day, credits_)
        sql = "INSERT INTO limit_grants(key, seq, credits, at, until, day) VALUES(?,?,?,?,?,?) RETURNING id"
        (id_,) = con.execute(sql, (self._key, seq + credits_, credits_, at, until, day)).fetchone()
        con.execute(
            "DELETE FROM limit_grants WHERE key=? AND until < ? - (SELECT keep_s FROM limit_keys WHERE key=?)",
            (self._key, now, self._key),
        )
        return Grant(int(id_), credits_, at, min(until, self.days.end_of(day)), at - now, slack)

    def _take_back(self, con: Connection, id_: int) -> None:
        row = con.execute("SELECT seq, credits, day FROM limit_grants WHERE id=?", (id_,)).fetchone()
        if row is None:
            return
        seq, credits_, day = row
        con.execute("DELETE FROM limit_grants WHERE id=?", (id_,))
        con.execute("UPDATE limit_grants SET seq=seq-? WHERE key=? AND seq>?", (credits_, self._key, seq))
        self.days.take_off(con, day, credits_)

    def _cool_until(self, con: Connection) -> float:
        sql = "SELECT cool_until FROM limit_keys WHERE key=?"
        return float(con.execute(sql, (self._key,)).fetchone()[0])

    def _now(self, con: Connection) -> float:
        """The present, after moving the ledger along if the store's clock went back since the last transaction.

        A file's clock does so only when the machine was started anew with its clock set back, a database's when its
        server's is set. Without this an hour back would be an hour of waiting. The time between the two transactions
        is not known and counts as none, which only waits longer. A server's clock that was set *forward* cannot be
        told from time that passed; a file's cannot be set.
        """
        now = self._store.now(con)
        wrote_at = con.execute("SELECT wrote_at FROM limit_keys WHERE key=?", (self._key,)).fetchone()[0]
        back = wrote_at - now
        if back > 0:
            con.execute("UPDATE limit_grants SET at=at-?, until=until-? WHERE key=?", (back, back, self._key))
            con.execute("UPDATE limit_keys SET cool_until=cool_until-? WHERE key=?", (back, self._key))
        con.execute("UPDATE limit_keys SET wrote_at=? WHERE key=?", (now, self._key))
        return now

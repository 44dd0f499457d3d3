"""What the model may cost in a day: one cap in US dollars that every process shares, of one machine or of several.

What belongs here: reserving a call's worst case before it is sent, settling what it did cost, giving back what it did
not. What does not: what a call costs (model_prices.py), sending it (narrator.py), the ledger of calls (the lake).

Never over the cap: spent and reserved together are compared with it in the transaction that reserves. A reservation
carries a lease; a process that dies frees what it held when that ends. What it is known to have spent stays spent: an
answer that was kept is settled by whoever finds it. A call that a killed process paid for and never received can be
known to nobody here; the vendor's own bill has it.
"""

import threading
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Final

from stocks_pipeline.clock import Clock
from stocks_pipeline.upstream.failures import MODEL, FailureKind, UpstreamError
from stocks_pipeline.upstream.limits import pause
from stocks_pipeline.upstream.shared_store import Connection, Tables, open_store

UPSTREAM = MODEL
SETTING = "STOCKS_LLM_BUDGET_USD"
_UNITS = Decimal(10) ** 12  # sums are whole numbers: a token of the cheapest model costs some 10,000 of these
_POLL_S = 0.25
_KEEP = timedelta(days=62)
_MAKE: Final = """
CREATE TABLE IF NOT EXISTS llm_reserved(
    call_id TEXT PRIMARY KEY, day TEXT NOT NULL, amount BIGINT NOT NULL, until DOUBLE PRECISION NOT NULL);
CREATE TABLE IF NOT EXISTS llm_spent(
    call_id TEXT PRIMARY KEY, day TEXT NOT NULL, amount BIGINT NOT NULL);
CREATE INDEX IF NOT EXISTS llm_spent_day ON llm_spent(day);
"""
_TABLES: Final = Tables(sqlite=_MAKE, postgres=_MAKE)


@dataclass(frozen=True, slots=True)
class Reservation:
    """`amount_usd` of the budget of `day` (UTC), held for a call until it is settled, released or its lease ends."""

    call_id: str
    day: date
    amount_usd: Decimal


class CapReachedError(UpstreamError):
    """Our own cap, which neither the service lifts nor credit."""

    @property
    def next_step(self) -> str:
        return f"Our own cap of the day is reached: raise {SETTING}, or retry after 00:00 UTC."


class Budget:
    """The cap over one control file or database. Safe for threads and processes, and after a fork.

    Args:
        url: a path, or `postgresql://…` for the processes of several machines; file or tables are made.
        cap_usd: most that a UTC day may cost, 0 or more.
        clock: for waiting, and in a file for leases; in a database the server's counts for those.

    Raises:
        StoreError: the file cannot be used, or the database refuses what it is asked; from every method.
        UpstreamError: the database cannot be reached; from every method.
    """

    def __init__(self, url: str, cap_usd: Decimal, *, clock: Clock) -> None:
        if not cap_usd.is_finite() or cap_usd < 0:
            raise ValueError(f"{SETTING} is {cap_usd}; it must be 0 or more")
        self.cap_usd = cap_usd
        self._clock = clock
        self._store = open_store(url, "model budget", _TABLES, clock)

    def reserve(  # noqa: PLR0913 - keyword-only, each a decision of the caller
        self,
        amount_usd: Decimal,
        *,
        day: date,
        call_id: str,
        lease_s: float = 300.0,
        wait_s: float = 0.0,
        stop: threading.Event | None = None,
    ) -> Reservation:
        """Hold `amount_usd`, the most that the call can cost, for `lease_s` seconds.

        Where only what other calls hold stands in the way, this waits up to `wait_s` for them to be settled.

        Raises:
            UpstreamError: QUOTA_DAY, what is spent leaves no room; TRANSIENT, only what others held all the while does.
            Cancelled: `stop` was set while waiting.
            ValueError: a negative amount, or the id of a call that is settled already.
        """
        if amount_usd < 0:
            raise ValueError(f"{call_id}: a call cannot cost {amount_usd} USD")
        units, end = _units(amount_usd), self._clock.monotonic() + wait_s
        while True:
            spent, held = self._try(units, day, call_id, lease_s)
            if held is None:
                return Reservation(call_id, day, amount_usd)
            if spent + units > _units(self.cap_usd):
                raise self._spent_up(amount_usd, spent, day)
            left = end - self._clock.monotonic()
            if left <= 0:
                raise self._held_up(amount_usd, spent, held, day, wait_s)
            pause(min(left, _POLL_S), clock=self._clock, stop=stop)

    def settle(self, call_id: str, actual_usd: Decimal, *, day: date | None = None) -> None:
        """Book what a call did cost, instead of what was reserved for it. Settling it again changes nothing.

        `day` is for a call whose reservation is gone: that of a dead process, whose answer was found.

        Raises:
            ValueError: a negative amount, or no reservation and no day.
        """
        if actual_usd < 0:
            raise ValueError(f"{call_id}: a call cannot cost {actual_usd} USD")
        with self._store.transaction() as con:
            row = con.execute("SELECT day FROM llm_reserved WHERE call_id=?", (call_id,)).fetchone()
            known = con.execute("SELECT 1 FROM llm_spent WHERE call_id=?", (call_id,)).fetchone()
            if row is None and day is None and known is None:
                raise ValueError(f"{call_id}: nothing is reserved; say which day it belongs to")
            con.execute("DELETE FROM llm_reserved WHERE call_id=?", (call_id,))
            if known is None:
                booked = row[0] if row else str(day)
                con.execute("INSERT INTO llm_spent VALUES(?,?,?)", (call_id, booked, _units(actual_usd)))

    def release(self, call_id: str) -> None:
        """Give back what a call held that cost nothing. Without a reservation this does nothing."""
        with self._store.transaction() as con:
            con.execute("DELETE FROM llm_reserved WHERE call_id=?", (call_id,))

    def spent(self, day: date) -> Decimal:
        """US dollars settled on `day`."""
        with self._store.transaction() as con:
            return _spent(con, day) / _UNITS

    def reserved(self, day: date) -> Decimal:
        """US dollars held on `day` by calls whose lease has not ended."""
        with self._store.transaction() as con:
            return self._held(con, day) / _UNITS

    def close(self) -> None:
        """Release the file or the connection."""
        self._store.close()

    def _try(self, units: int, day: date, call_id: str, lease_s: float) -> tuple[int, int | None]:
        """Reserve if there is room. What is spent, and what others hold where there is no room; else None."""
        with self._store.transaction() as con:
            if con.execute("SELECT 1 FROM llm_spent WHERE call_id=?", (call_id,)).fetchone():
                raise ValueError(f"{call_id} is settled: every call needs an id of its own")
            now = self._store.now(con)
            con.execute("DELETE FROM llm_reserved WHERE until<=? OR call_id=?", (now, call_id))
            spent, held = _spent(con, day), self._held(con, day)
            if spent + held + units > _units(self.cap_usd):
                return spent, held
            con.execute("INSERT INTO llm_reserved VALUES(?,?,?,?)", (call_id, str(day), units, now + lease_s))
            con.execute("DELETE FROM llm_spent WHERE day<?", (str(day - _KEEP),))
            return spent, None

    def _held(self, con: Connection, day: date) -> int:
        sql = "SELECT coalesce(sum(amount), 0) FROM llm_reserved WHERE day=? AND until>?"
        return int(con.execute(sql, (str(day), self._store.now(con))).fetchone()[0])

    def _spent_up(self, amount: Decimal, spent: int, day: date) -> UpstreamError:
        after = datetime.combine(day + timedelta(days=1), time(), UTC) - self._clock.now()
        return CapReachedError(
            FailureKind.QUOTA_DAY,
            UPSTREAM,
            "",
            f"{self._so_far(spent, day)}, this call may cost {_shown(amount)}",
            retry_after_s=max(0.0, after.total_seconds()),
        )

    def _held_up(self, amount: Decimal, spent: int, held: int, day: date, waited_s: float) -> UpstreamError:
        said = (
            f"{self._so_far(spent, day)}, {_shown(held / _UNITS)} is held by calls in flight, this call may cost "
            f"{_shown(amount)}: nothing was sent within {waited_s:.0f} s; a retry finds those calls settled or lapsed"
        )
        return UpstreamError(FailureKind.TRANSIENT, UPSTREAM, "", said)

    def _so_far(self, spent: int, day: date) -> str:
        return f"the budget of {day} (UTC) is {_shown(self.cap_usd)} USD ({SETTING}): {_shown(spent / _UNITS)} is spent"


def _spent(con: Connection, day: date) -> int:
    sql = "SELECT coalesce(sum(amount), 0) FROM llm_spent WHERE day=?"
    return int(con.execute(sql, (str(day),)).fetchone()[0])


def _units(amount: Decimal) -> int:
    return int((amount * _UNITS).to_integral_value(ROUND_CEILING))


def _shown(amount: Decimal) -> str:
    return f"{amount:.4f}"

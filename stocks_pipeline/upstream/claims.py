"""Who is asking what: a claim on a question, which every process sees, so that nobody pays for it twice.

What belongs here: taking a claim, waiting for one, renewing it, giving it back. What does not: what is asked, and what
whoever waited finds then (narrator.py; defs/us/at_work.py for a validation's session).

A claim is a lease of seconds that its holder renews for as long as it works. So a slow answer loses nothing, and one
whose process was killed is overtaken at once instead of after the longest time that an answer may take.
"""

import logging
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from stocks_pipeline.clock import Clock
from stocks_pipeline.upstream.control_file import StoreError
from stocks_pipeline.upstream.failures import UpstreamError
from stocks_pipeline.upstream.limits import pause
from stocks_pipeline.upstream.shared_store import Connection, Tables, open_store

LEASE_S = 10.0
"""A busy machine may be late with renewing by almost so much; a killed holder keeps others waiting for no longer."""
_RENEWALS = 4  # in the time of a lease
_POLL_S = 0.25
_MAKE: Final = """
CREATE TABLE IF NOT EXISTS llm_claims(
    key TEXT PRIMARY KEY, holder TEXT NOT NULL, mark TEXT NOT NULL, until DOUBLE PRECISION NOT NULL);
"""
_TABLES: Final = Tables(sqlite=_MAKE, postgres=_MAKE)
_TAKE = """
INSERT INTO llm_claims VALUES(?,?,?,?)
ON CONFLICT(key) DO UPDATE SET holder=excluded.holder, mark=excluded.mark, until=excluded.until
WHERE llm_claims.until NOT BETWEEN ? AND ?
"""

_log = logging.getLogger(__name__)


class Claims:
    """The claims over one control file or database. Safe for threads and processes, and after a fork.

    Args:
        url: a path, or `postgresql://…` for the processes of several machines; file or tables are made.
        clock: for waiting, and in a file for leases; in a database the server's counts for those.
        lease_s: how long a claim outlives a holder that was killed; all who share the claims agree on it.
        poll_s: how often whoever waits looks again.

    Raises:
        StoreError: the file cannot be used, or the database refuses what it is asked; from every method.
        UpstreamError: the database cannot be reached; from every method.
    """

    def __init__(self, url: str, *, clock: Clock, lease_s: float = LEASE_S, poll_s: float = _POLL_S) -> None:
        self._clock, self._lease_s, self._poll_s = clock, lease_s, poll_s
        self._store = open_store(url, "claims", _TABLES, clock)
        self._lock = threading.Lock()
        self._held: dict[str, str] = {}  # mark -> key
        self._over = threading.Event()

    @contextmanager
    def hold(self, key: str, holder: str, *, stop: threading.Event | None = None) -> Iterator[None]:
        """Alone with the key, as soon as nobody else is. Not for nesting with the same key.

        `holder` is for people. Not bounded: whoever holds it is bounded itself, or dead and overtaken.

        Raises:
            Cancelled: `stop` was set while waiting.
        """
        mark = secrets.token_hex(8)
        while not self._take(key, holder, mark):
            pause(self._poll_s, clock=self._clock, stop=stop)
        self._work_on(key, mark)
        try:
            yield
        finally:
            self._done_with(key, mark)

    def holder(self, key: str) -> str | None:
        """Who holds the key at the moment."""
        with self._store.transaction() as con:
            sql = "SELECT holder FROM llm_claims WHERE key=? AND until BETWEEN ? AND ?"
            row = con.execute(sql, (key, *self._valid(con))).fetchone()
        return str(row[0]) if row else None

    def forget(self, key: str, holder: str) -> None:
        """End the claim of a holder that is known to be gone, instead of waiting until it lapses."""
        with self._store.transaction() as con:
            con.execute("DELETE FROM llm_claims WHERE key=? AND holder=?", (key, holder))

    def close(self) -> None:
        """Release the file or the connection."""
        self._store.close()

    def _valid(self, con: Connection) -> tuple[float, float]:
        """The present, and the latest end that a claim can have unless the clock was set back since."""
        now = self._store.now(con)
        return now, now + 2 * self._lease_s

    def _take(self, key: str, holder: str, mark: str = "") -> bool:
        with self._store.transaction() as con:
            now, latest = self._valid(con)
            taken = bool(con.execute(_TAKE, (key, holder, mark, now + self._lease_s, now, latest)).rowcount)
            if taken:  # what dead holders left, and nobody asked for again
                con.execute("DELETE FROM llm_claims WHERE until<?", (now - 60 * self._lease_s,))
        return taken

    def _work_on(self, key: str, mark: str) -> None:
        with self._lock:
            self._held[mark] = key
            if len(self._held) == 1:
                self._over = threading.Event()
                threading.Thread(target=self._keep, args=(self._over,), name="claims", daemon=True).start()

    def _done_with(self, key: str, mark: str) -> None:
        with self._lock:
            del self._held[mark]
            if not self._held:
                self._over.set()
        try:
            with self._store.transaction() as con:
                con.execute("DELETE FROM llm_claims WHERE key=? AND mark=?", (key, mark))
        except (StoreError, UpstreamError) as error:  # it lapses by itself, and the work that it was for is done
            _log.warning("a claim cannot be given back: %s", error)

    def _keep(self, over: threading.Event) -> None:
        """Renew everything that is held, until nothing is."""
        while not over.wait(self._lease_s / _RENEWALS):
            try:
                self._renew()
            except (StoreError, UpstreamError) as error:  # it may lapse then; the work will meet the same trouble
                _log.warning("claims cannot be renewed: %s", error)

    def _renew(self) -> None:
        with self._lock:
            held = list(self._held.items())
        with self._store.transaction() as con:
            until = self._store.now(con) + self._lease_s
            for mark, key in held:
                con.execute("UPDATE llm_claims SET until=? WHERE key=? AND mark=?", (until, key, mark))

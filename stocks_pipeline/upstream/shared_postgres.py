"""What the processes of several machines share, in a Postgres: limits, the model's budget, claims.

What belongs here: connecting, one short transaction at a time, the database's clock, and what it means when the server
is gone. What does not: what is kept there (grants.py, budget.py, claims.py), which is the same as in a file.

An advisory lock for each key makes one transaction at a time its only writer; the lock ends with the transaction, also
when the process or its machine dies. Times are the server's: machines need not agree on theirs. What a process knows
of the server's clock between two transactions is bounded by when it asked and when it had the answer, and a send time
counts as come, or as not yet gone, only if that is certain.
"""

import os
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from stocks_pipeline.clock import Clock
from stocks_pipeline.upstream.control_file import StoreError
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError
from stocks_pipeline.upstream.limits_address import UNREADABLE, where
from stocks_pipeline.upstream.shared_store import Connection, Tables

if TYPE_CHECKING:
    import psycopg

SETTING: Final = "STOCKS_LIMITS_URL"
_MAKING: Final = "stocks_pipeline limits"
_SESSION: Final[dict[str, Any]] = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "tcp_user_timeout": 15_000,  # milliseconds; a machine that vanished holds nobody up for longer
    "options": "-c lock_timeout=20s -c statement_timeout=30s -c idle_in_transaction_session_timeout=15s",
}
_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"


_REFUSED: Final = ("authentication failed", "no password supplied", "no pg_hba.conf entry")
_NOBODY: Final = re.compile(r'role "[^"]*" does not exist')
_NOWHERE: Final = re.compile(r'database "[^"]*" does not exist')
"""What the server says at the door, before it gives any code."""


def _readable(url: str) -> str:
    """The address as errors may show it: the setting, host, port and database.

    Raises:
        StoreError: it is no such address, or has a parameter that libpq does not know; it never shows the password.
    """
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    try:
        shown = f"{SETTING} ({where(url)})"
        conninfo_to_dict(url)
    except (ValueError, psycopg.Error):
        raise StoreError(UNREADABLE) from None
    return shown


class _Statements:
    """The connection inside a transaction, for statements that are written with `?`."""

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self._connection = connection

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Any:
        return self._connection.execute(sql.replace("?", "%s").encode(), parameters)


class PostgresStore:
    """One connection for all threads of a process; a forked child opens its own. Tables are made.

    Raises:
        UpstreamError: TRANSIENT, the server cannot be reached or went away; AUTH, it refuses the user.
        StoreError: the address cannot be read, there is no such database, the server refuses what it is asked, or
            psycopg is not installed. Both from every method; neither ever shows the password.
    """

    def __init__(self, url: str, key: str, tables: Tables, *, clock: Clock) -> None:
        self._where = _readable(url)
        self._url, self._clock = url, clock
        self._name = f"{_MAKING} {key}"
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._connection: psycopg.Connection[Any] | None = None
        self._inherited: list[Any] = []
        self._ahead = (0.0, 0.0)  # the server's clock minus our monotonic one: at least, at most
        with self._begun(_MAKING) as connection:
            connection.execute(tables.postgres.encode())

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """The only writer of this key on any machine while inside; an exception undoes everything."""
        with self._begun(self._name) as connection:
            yield _Statements(connection)

    def now(self, con: Connection) -> float:
        """The server's present."""
        asked = self._clock.monotonic()
        (now,) = con.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
        self._ahead = (now - self._clock.monotonic(), now - asked)
        return float(now)

    def bounds(self) -> tuple[float, float]:
        mine = self._clock.monotonic()
        return mine + self._ahead[0], mine + self._ahead[1]

    def utc_ahead(self) -> tuple[float, float]:
        return 0.0, 0.0

    def close(self) -> None:
        """Give the connection back. Closing twice does nothing."""
        if self._connection is not None and self._pid == os.getpid():
            self._connection.close()
        self._connection = None

    @contextmanager
    def _begun(self, lock: str) -> Iterator["psycopg.Connection[Any]"]:
        if self._pid != os.getpid():  # a fork: the parent goes on using the connection, and perhaps held the lock
            self._inherited.append(self._connection)
            self._pid, self._connection, self._lock = os.getpid(), None, threading.Lock()
        import psycopg

        with self._lock:
            connection = self._begin(lock)
            try:
                yield connection
                connection.execute("COMMIT")
            except psycopg.Error as exc:
                self._drop()
                raise self._unusable(exc) from exc
            except BaseException:
                self._roll_back(connection)
                raise

    def _begin(self, lock: str) -> "psycopg.Connection[Any]":
        """A connection inside a transaction that holds the lock. One that broke while idle is replaced once."""
        import psycopg
        from psycopg.conninfo import make_conninfo

        for fresh in (self._connection is None, True):
            try:
                if self._connection is None:
                    address = make_conninfo(self._url, **_SESSION)
                    self._connection = psycopg.connect(address, autocommit=True, prepare_threshold=None)
                self._connection.execute("BEGIN")
                self._connection.execute(_LOCK, (lock,))
            except psycopg.Error as exc:
                self._drop()
                if fresh or not isinstance(exc, psycopg.OperationalError | psycopg.InterfaceError):
                    raise self._unusable(exc) from exc
            else:
                return self._connection
        raise AssertionError("unreachable: the second try is fresh")

    def _roll_back(self, connection: "psycopg.Connection[Any]") -> None:
        import psycopg

        try:
            connection.execute("ROLLBACK")
        except psycopg.Error:
            self._drop()  # the server undoes what is left open

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _unusable(self, exc: Exception) -> UpstreamError | StoreError:
        """What the failure means."""
        import psycopg

        text = str(exc).strip().splitlines()[0] if str(exc).strip() else type(exc).__name__
        if any(said in text for said in _REFUSED) or _NOBODY.search(text):
            message = f"{self._where} refuses the user: {text}. Correct user and password in {SETTING}."
            return UpstreamError(FailureKind.AUTH, "limits", "", message)
        if isinstance(exc, psycopg.OperationalError | psycopg.InterfaceError) and not _NOWHERE.search(text):
            message = f"{self._where} cannot be reached: {text}. Nothing is sent without the shared limits."
            return UpstreamError(FailureKind.TRANSIENT, "limits", "", message)
        return StoreError(f"{self._where}: {text}")

"""What processes share: what it asks of a database, and the SQLite file that is the default.

What belongs here: the protocol, the file and its clock, and which of the two an address means. What does not: what is
kept there, each with tables of its own (grants.py, budget.py, claims.py), and Postgres (shared_postgres.py).
"""

import sqlite3
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from stocks_pipeline.clock import Clock
from stocks_pipeline.upstream.control_file import ControlFile


@dataclass(frozen=True, slots=True)
class Tables:
    """The statements that make what is kept, in both dialects. They are run each time a store is opened."""

    sqlite: str
    postgres: str


class Connection(Protocol):
    """What both databases offer; the dialect is what they share, with `?` for parameters."""

    def execute(self, sql: str, parameters: Sequence[Any] = ..., /) -> Any: ...


class Store(Protocol):
    """Where something lies that processes share."""

    def transaction(self) -> AbstractContextManager[Connection]:
        """The only writer of this key while inside; an exception undoes everything."""
        ...

    def now(self, con: Connection) -> float:
        """The present inside a transaction, in seconds since the epoch, on the clock that all processes share."""
        ...

    def bounds(self) -> tuple[float, float]:
        """The present on that clock outside of a transaction: not before the first, not after the second."""
        ...

    def utc_ahead(self) -> tuple[float, float]:
        """Seconds by which the clock of UTC days is ahead of that clock: at least, at most."""
        ...

    def close(self) -> None: ...


_ANCHORS = """
CREATE TABLE IF NOT EXISTS shared_clock(boot TEXT PRIMARY KEY, ahead REAL NOT NULL, seen REAL NOT NULL);
"""


class FileStore:
    """A SQLite file for the processes of one machine.

    Its clock is the time since the machine was started, counted from the wall clock's reading at the first use since
    then, which lies in the file: all processes share it, and setting the wall clock moves it in neither direction.
    Where a start of the machine has no name, a time since it that is shorter than one seen before means a new one.
    """

    def __init__(self, path: Path, tables: Tables, clock: Clock) -> None:
        self._file = ControlFile(path, _ANCHORS + tables.sqlite, clock=clock)
        self._clock = clock
        self._ahead: float | None = None
        self.transaction = self._file.transaction
        self.close = self._file.close

    def now(self, con: Connection) -> float:
        boot, up = self._clock.uptime()
        if self._ahead is None:
            self._ahead = self._anchored(con, boot, up)
        if not boot:
            con.execute("UPDATE shared_clock SET seen=? WHERE boot=?", (up, boot))
        return up + self._ahead

    def bounds(self) -> tuple[float, float]:
        if self._ahead is None:
            with self.transaction() as con:
                now = self.now(con)
        else:
            now = self._clock.uptime()[1] + self._ahead
        return now, now

    def utc_ahead(self) -> tuple[float, float]:
        before, wall, after = self.bounds()[0], self._clock.time(), self.bounds()[0]
        return wall - after, wall - before

    def _anchored(self, con: Connection, boot: str, up: float) -> float:
        row = con.execute("SELECT ahead, seen FROM shared_clock WHERE boot=?", (boot,)).fetchone()
        if row is not None and row[1] <= up:
            return float(row[0])
        ahead = self._clock.time() - up
        con.execute("INSERT OR REPLACE INTO shared_clock VALUES(?,?,?)", (boot, ahead, up))
        return ahead


def file_now(con: sqlite3.Connection, clock: Clock) -> float:
    """The present on the clock of a control file that is only read."""
    boot, up = clock.uptime()
    known = con.execute("SELECT 1 FROM sqlite_master WHERE name='shared_clock'").fetchone()
    row = con.execute("SELECT ahead FROM shared_clock WHERE boot=?", (boot,)).fetchone() if known else None
    return up + float(row[0]) if row else clock.time()


def open_store(url: str, key: str, tables: Tables, clock: Clock) -> Store:
    """Where `key` lies, by `url`: a path, `sqlite:///path` or `postgresql://…`. It is made.

    Transactions of one key exclude each other; in a file all do.

    Raises:
        ValueError: another kind of URL.
        StoreError, UpstreamError: it cannot be used, or not be reached.
    """
    scheme, separator, rest = url.partition("://")
    if scheme in {"postgresql", "postgres"} and separator:
        from stocks_pipeline.upstream.shared_postgres import PostgresStore  # psycopg is an extra

        return PostgresStore(url, key, tables, clock=clock)
    if separator and scheme != "sqlite":
        raise ValueError(
            f"STOCKS_CONTROL_DB={scheme}://…: a file path or sqlite:///path, or STOCKS_LIMITS_URL=postgresql://…"
        )
    path = Path(rest.removeprefix("/") if separator else url)
    if not path.name:
        raise ValueError("STOCKS_CONTROL_DB is empty: it must name a file")
    return FileStore(path, tables, clock)

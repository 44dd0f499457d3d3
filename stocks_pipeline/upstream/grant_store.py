"""Where a ledger of send times lies: what it asks of a database, and the SQLite file that is the default.

What belongs here: the protocol, the file, and which of the two an address means. What does not: the ledger itself
(grants.py) and Postgres (grants_postgres.py).
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from stocks_pipeline.clock import Clock
from stocks_pipeline.upstream.control_file import ControlFile

_SCHEMA = """
CREATE TABLE IF NOT EXISTS limit_grants(
    id INTEGER PRIMARY KEY, key TEXT NOT NULL, seq INTEGER NOT NULL, credits INTEGER NOT NULL,
    at REAL NOT NULL, until REAL NOT NULL, day INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS limit_grants_seq ON limit_grants(key, seq);
CREATE INDEX IF NOT EXISTS limit_grants_until ON limit_grants(key, until);
CREATE TABLE IF NOT EXISTS limit_keys(
    key TEXT PRIMARY KEY, wrote_at REAL NOT NULL, cool_until REAL NOT NULL, keep_s REAL NOT NULL, reason TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS limit_days(
    key TEXT NOT NULL, day INTEGER NOT NULL, credits INTEGER NOT NULL, PRIMARY KEY(key, day)) WITHOUT ROWID;
"""


class Connection(Protocol):
    """What both databases offer; the dialect is what they share, with `?` for parameters."""

    def execute(self, sql: str, parameters: Sequence[Any] = ..., /) -> Any: ...


class Store(Protocol):
    """Where a ledger lies."""

    def transaction(self) -> AbstractContextManager[Connection]:
        """The only writer of this ledger while inside; an exception undoes everything."""
        ...

    def now(self, con: Connection) -> float:
        """The present inside a transaction, in seconds since the epoch, on the clock that all processes share."""
        ...

    def bounds(self) -> tuple[float, float]:
        """The present on that clock outside of a transaction: not before the first, not after the second."""
        ...

    def close(self) -> None: ...


class FileStore:
    """A ledger in a SQLite file; its clock is the machine's."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._file = ControlFile(path, _SCHEMA, clock=clock)
        self._clock = clock
        self.transaction = self._file.transaction
        self.close = self._file.close

    def now(self, _con: Connection) -> float:
        return self._clock.time()

    def bounds(self) -> tuple[float, float]:
        now = self._clock.time()
        return now, now


def open_store(url: str, key: str, clock: Clock) -> Store:
    """Where the ledger of `key` lies, by `url`: a path, `sqlite:///path` or `postgresql://…`. It is made.

    Raises:
        ValueError: another kind of URL.
        StoreError, UpstreamError: it cannot be used, or not be reached.
    """
    scheme, separator, rest = url.partition("://")
    if scheme in {"postgresql", "postgres"} and separator:
        from stocks_pipeline.upstream.grants_postgres import PostgresStore  # psycopg is an extra

        return PostgresStore(url, key, clock=clock)
    if separator and scheme != "sqlite":
        raise ValueError(
            f"STOCKS_CONTROL_DB={scheme}://…: a file path or sqlite:///path, or STOCKS_LIMITS_URL=postgresql://…"
        )
    path = Path(rest.removeprefix("/") if separator else url)
    if not path.name:
        raise ValueError("STOCKS_CONTROL_DB is empty: it must name a file")
    return FileStore(path, clock)

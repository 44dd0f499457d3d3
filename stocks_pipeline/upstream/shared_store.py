"""What processes share: what it asks of a database, and the SQLite file that is the default.

What belongs here: the protocol, the file, and which of the two an address means. What does not: what is kept there,
each with tables of its own (grants.py, budget.py, claims.py), and Postgres (shared_postgres.py).
"""

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

    def close(self) -> None: ...


class FileStore:
    """A SQLite file for the processes of one machine; its clock is the machine's."""

    def __init__(self, path: Path, tables: Tables, clock: Clock) -> None:
        self._file = ControlFile(path, tables.sqlite, clock=clock)
        self._clock = clock
        self.transaction = self._file.transaction
        self.close = self._file.close

    def now(self, _con: Connection) -> float:
        return self._clock.time()

    def bounds(self) -> tuple[float, float]:
        now = self._clock.time()
        return now, now


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

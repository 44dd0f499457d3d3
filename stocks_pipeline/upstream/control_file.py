"""The control file: one SQLite file that every process of a machine shares.

What belongs here: opening it, one short transaction at a time, and saying clearly when it cannot be used. What does
not: what is kept in it. Each user brings its own tables (grants.py).
"""

import os
import sqlite3
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stocks_pipeline.clock import Clock

_BUSY_S = 30.0  # how long a transaction waits for another process's; each lasts well under a millisecond
_OPEN_TRIES = 100


class StoreError(RuntimeError):
    """The shared file cannot be used: a fault of this machine's setup, never of an upstream."""


class _Handle:
    """What belongs to one process: its connection, and the lock that serves its threads one by one."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.pid = os.getpid()
        self.lock = threading.Lock()
        self.connection = connection
        self.close = weakref.finalize(self, connection.close)


_INHERITED: list[_Handle] = []
"""Handles of a parent process, kept on purpose: closing one in the child would disturb the parent's file locks."""


class ControlFile:
    """One connection for all threads of a process; a forked child opens its own. Folder, file and tables are made.

    Raises:
        StoreError: from every method, when the file cannot be used.
    """

    def __init__(self, path: Path, schema: str, *, clock: Clock) -> None:
        self.path = path
        self._schema = schema
        self._clock = clock
        self._handle = _Handle(self._connect())

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """The only writer among all processes while inside; an exception undoes everything."""
        handle = self._handle
        if handle.pid != os.getpid():
            handle.close.detach()
            _INHERITED.append(handle)
            handle = self._handle = _Handle(self._connect())
        with handle.lock:
            try:
                handle.connection.execute("BEGIN IMMEDIATE")
                try:
                    yield handle.connection
                    handle.connection.execute("COMMIT")
                finally:
                    if handle.connection.in_transaction:  # SQLite undoes some failures, such as a full disk, by itself
                        handle.connection.execute("ROLLBACK")
            except sqlite3.Error as exc:
                raise self._unusable(exc) from exc

    def close(self) -> None:
        """Release the file now instead of when this object is collected."""
        self._handle.close()

    def _connect(self) -> sqlite3.Connection:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self.path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
        except (OSError, sqlite3.Error) as exc:
            raise self._unusable(exc) from exc
        for left in reversed(range(_OPEN_TRIES)):
            try:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=NORMAL")  # fsync at checkpoints: a power cut corrupts nothing
                connection.executescript(f"BEGIN IMMEDIATE; {self._schema} COMMIT;")
            except sqlite3.Error as exc:
                # Several processes making the same file: the change to WAL fails at once instead of waiting its turn.
                if "locked" in str(exc) and left:
                    self._clock.sleep(0.02)
                    continue
                connection.close()
                raise self._unusable(exc) from exc
            break
        return connection

    def _unusable(self, exc: Exception) -> StoreError:
        return StoreError(
            f"{self.path}: {exc}. STOCKS_CONTROL_DB must name a file on a local disk that this user may write."
        )

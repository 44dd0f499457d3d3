"""The lake: keys to bytes, in a local folder or on S3, written whole or not at all.

What belongs here: the `Lake` interface, its errors, the rules for keys, and `open_lake`. What does not: which key holds
what (layout.py), Parquet (tables.py), the two kinds of lake (local.py; s3.py, loaded only for an s3:// root).
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from stocks_pipeline.clock import Clock, SystemClock

_MAX_SEGMENT: Final = 220
_FORBIDDEN: Final = frozenset('\\:*?"<>|[]')
"""Not in file names on Windows, or wildcards to DuckDB, which would then read other files than the one named."""


class LakeError(Exception):
    """The lake as a whole cannot do what was asked: unreachable, read-only, full, or a bad key. Says what to do."""


class Conflict(LakeError):  # noqa: N818 - what it is, not what went wrong: read again, then write
    """Another process wrote the key since this one was alone with it. Nothing was written: read again."""


class KeyMissing(KeyError):  # noqa: N818 - it is a KeyError by nature, and the name reads as one
    """Nothing is stored under this key."""

    def __init__(self, key: str, uri: str) -> None:
        super().__init__(key)
        self.key = key
        self.uri = uri

    def __str__(self) -> str:
        return f"nothing is stored at {self.uri}"


@dataclass(frozen=True)
class Written:
    """A finished write, read back and compared. `changed` is False where the same bytes were there already."""

    key: str
    uri: str
    size: int
    sha256: str
    changed: bool


class Lake(Protocol):
    """Keys to bytes. Safe for threads and processes: writers of one key race, the last wins, the file is whole."""

    @property
    def root(self) -> str:
        """The folder or s3:// address everything lies under."""
        ...

    def uri(self, key: str) -> str:
        """Where DuckDB or a person finds the key: an absolute path or an s3:// address."""
        ...

    def read(self, key: str) -> bytes:
        """The bytes of a key. Raises KeyMissing, or LakeError if the lake cannot be reached."""
        ...

    def tail(self, key: str, size: int) -> bytes:
        """At most the last `size` bytes of a key, without fetching the rest. Raises as `read` does."""
        ...

    def write(self, key: str, data: bytes) -> Written:
        """Store the bytes whole, read them back, compare; same bytes are not written again. Raises LakeError."""
        ...

    def exclusive(self, key: str) -> AbstractContextManager[None]:
        """Alone with a key, to read it, add to it and write it. Not for nesting: keys may share a lock.

        In a folder this holds for all threads and processes of the machine. S3 has no locks: there it holds for this
        lake's threads, and `write` raises Conflict if another process wrote the key since. An imitation of S3 that
        ignores If-Match cannot tell; there the later of two writes within one second wins.

        Raises:
            LakeError: another one has held it for a minute, or the folder cannot be written.
        """
        ...

    def exists(self, key: str) -> bool:
        """Whether something is stored under the key."""
        ...

    def delete(self, key: str) -> bool:
        """Remove a key; False where there was nothing."""
        ...

    def list(self, prefix: str) -> Iterator[str]:
        """All keys that begin with the prefix (any characters, not only whole folders), sorted."""
        ...

    def folders(self, folder: str) -> tuple[str, ...]:
        """Names of the folders directly inside one (`dr/reports/` → days), sorted, without looking into them.

        One listing however many keys lie below. A folder that was emptied may still be named.
        """
        ...

    def versions(self, prefix: str) -> dict[str, str]:
        """As `list`, with a mark for each key that changes whenever its file is replaced."""
        ...


def open_lake(root: str, *, s3_client: Callable[[], Any] | None = None, clock: Clock | None = None) -> Lake:
    """The lake at `root`: a folder, file:// or s3://bucket/prefix.

    Args:
        root: the value of STOCKS_LAKE.
        s3_client: makes the boto3 client, called once and only for an s3:// root; boto3's default without it.
        clock: tells which leftovers of killed writers are old.

    Raises:
        LakeError: the root is empty or of an unknown kind.
    """
    from stocks_pipeline.storage.local import LocalLake

    scheme, found, rest = root.partition("://")
    if not found and root.strip():
        return LocalLake(Path(root).expanduser(), clock or SystemClock())
    if scheme == "file" and rest.startswith("/"):
        return LocalLake(Path(rest), clock or SystemClock())
    if scheme == "s3" and rest.strip("/"):
        from stocks_pipeline.storage.s3 import S3Lake

        bucket, _, prefix = rest.partition("/")
        return S3Lake(bucket, prefix.strip("/"), s3_client)
    raise LakeError(f"STOCKS_LAKE is {root!r}: set it to a folder, file:///folder or s3://bucket/prefix")


def check_key(key: str) -> str:
    """The key itself, if every lake can hold it and no reader can take it for another.

    Raises:
        LakeError: absolute, empty, hidden or `..` segments, control characters, wildcards, or a segment too long.
    """
    for segment in key.split("/"):
        if not segment or segment.startswith(".") or segment.endswith((".", " ")) or len(segment) > _MAX_SEGMENT:
            raise LakeError(f"bad lake key {key!r}: {segment!r} cannot name a folder or a file")
    if not key.isprintable() or _FORBIDDEN.intersection(key):
        raise LakeError(f"bad lake key {key!r}: no control characters and none of {''.join(sorted(_FORBIDDEN))}")
    return key


def check_prefix(prefix: str) -> str:
    """The prefix itself, if a key could begin so; empty lists everything.

    Raises:
        LakeError: no valid key begins like this.
    """
    if prefix:
        check_key(prefix + "x")
    return prefix

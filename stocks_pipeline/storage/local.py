"""The lake in a local folder: temporary name, fsync, read back, rename.

What belongs here: `LocalLake` and what the operating system's errors mean. What does not: the rules for keys (lake.py).
"""

import errno
import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from stocks_pipeline.clock import Clock
from stocks_pipeline.storage.lake import KeyMissing, LakeError, Written, check_key, check_prefix

LEFTOVER_S: Final = 3600.0
"""Seconds after which a temporary file must belong to a killed process: no write takes an hour."""

LOCKS: Final = ".locks"
"""Folder of the lock files; hidden, so no listing shows it."""
LOCKED_S: Final = 60.0
"""The longest wait for a lock, which is held for as long as one file takes to read and write: less than a second."""


class LocalLake:
    """A folder. The folder itself is made by the first write; the one above it must exist, or it is a typing error."""

    def __init__(self, root: Path, clock: Clock) -> None:
        self._root = root.absolute()
        self._clock = clock

    @property
    def root(self) -> str:
        return str(self._root)

    def uri(self, key: str) -> str:
        return str(self._path(key))

    def read(self, key: str) -> bytes:
        with self._explained(key):
            return self._path(key).read_bytes()

    def tail(self, key: str, size: int) -> bytes:
        with self._explained(key), self._path(key).open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - size))
            return file.read()

    def exists(self, key: str) -> bool:
        self._check_root()
        return self._path(key).is_file()

    def delete(self, key: str) -> bool:
        try:
            with self._explained(key):
                self._path(key).unlink()
        except KeyMissing:
            return False
        return True

    def list(self, prefix: str) -> Iterator[str]:
        yield from sorted(key for key, _ in self._walk(prefix))

    def folders(self, folder: str) -> tuple[str, ...]:
        self._check_root()
        path = self._root / check_prefix(folder)
        try:
            with os.scandir(path) as entries:
                names = sorted(entry.name for entry in entries if entry.is_dir())
        except (FileNotFoundError, NotADirectoryError):
            return ()
        except OSError as error:
            raise self._error(error, folder) from error
        return tuple(name for name in names if not name.startswith("."))

    def versions(self, prefix: str) -> dict[str, str]:
        found = {}
        for key, entry in self._walk(prefix):
            with suppress(FileNotFoundError):  # removed since the folder was read
                stat = entry.stat()
                found[key] = f"{stat.st_ino}-{stat.st_mtime_ns}-{stat.st_size}"
        return dict(sorted(found.items()))

    def write(self, key: str, data: bytes) -> Written:
        path = self._path(key)
        digest = hashlib.sha256(data).hexdigest()
        changed = not self._holds(path, len(data), digest)
        if changed:
            self._check_root()
            with self._explained(key, writing=True):
                _make_folder(path.parent)
                self._sweep(path)
                self._replace(path, data, digest)
        return Written(key, str(path), len(data), digest, changed)

    @contextmanager
    def exclusive(self, key: str) -> Iterator[None]:
        from filelock import FileLock, Timeout

        self._check_root()
        shared = hashlib.sha256(check_key(key).encode()).hexdigest()[:2]  # 256 files, not one for every key ever
        lock = FileLock(self._root / LOCKS / f"{shared}.lock")
        with self._explained(key, writing=True):
            _make_folder(self._root / LOCKS)  # perhaps the lake's own as well
            try:
                lock.acquire(timeout=LOCKED_S)
            except Timeout as error:
                raise LakeError(
                    f"lake {self._root}, key {key!r}: another run has held its lock for {LOCKED_S:.0f} s; "
                    "see `stocks status` for what runs, then retry"
                ) from error
        try:
            yield
        finally:
            lock.release()

    def _path(self, key: str) -> Path:
        return self._root / check_key(key)

    def _walk(self, prefix: str) -> Iterator[tuple[str, "os.DirEntry[str]"]]:
        """The files below the deepest folder that the prefix names, in no order."""
        self._check_root()
        yield from self._files(check_prefix(prefix).rpartition("/")[0], prefix)

    def _files(self, folder: str, prefix: str) -> Iterator[tuple[str, "os.DirEntry[str]"]]:
        try:
            entries = list(os.scandir(self._root / folder))
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise self._error(error, folder) from error
        for entry in entries:
            key = f"{folder}/{entry.name}" if folder else entry.name
            if entry.name.startswith(".") or not key.startswith(prefix):
                continue  # a hidden file is a writer's temporary one, or what a desktop left behind
            if entry.is_dir():
                yield from self._files(key, prefix)
            else:
                yield key, entry

    @staticmethod
    def _holds(path: Path, size: int, digest: str) -> bool:
        try:
            return path.stat().st_size == size and hashlib.sha256(path.read_bytes()).hexdigest() == digest
        except OSError:
            return False  # absent or unreadable: the write that follows explains itself

    def _replace(self, path: Path, data: bytes, digest: str) -> None:
        """Write beside, force to disk, read back, then rename: a bad disk never replaces a good file."""
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            _verify(temporary, digest)
            temporary.replace(path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
        _sync_folder(path.parent)
        path.stat()  # ours, or that of a later writer: either is whole

    def _sweep(self, path: Path) -> None:
        """Remove what killed writers of this key left."""
        for entry in path.parent.glob(f".{path.name}.*.tmp"):
            with suppress(FileNotFoundError):  # another writer sweeps too
                if self._clock.time() - entry.stat().st_mtime > LEFTOVER_S:
                    entry.unlink()

    def _check_root(self) -> None:
        if self._root.is_dir():
            return
        other = self._root.exists() and not self._root.is_dir()  # asked anew: another writer may just have made it
        if other or not self._root.parent.is_dir():
            raise LakeError(
                f"the lake's folder {self._root} cannot be used: "
                f"{'it is not a folder' if other else f'{self._root.parent} does not exist'}. "
                "Create it, mount the disk, or set STOCKS_LAKE to another folder"
            )

    @contextmanager
    def _explained(self, key: str, *, writing: bool = False) -> Iterator[None]:
        """Operating-system errors as LakeError; for a reader, the absence of a file as KeyMissing."""
        try:
            yield
        except OSError as error:
            absent = isinstance(error, FileNotFoundError | IsADirectoryError | NotADirectoryError)
            if absent and not writing:
                self._check_root()
                raise KeyMissing(key, self.uri(key)) from error
            raise self._error(error, key) from error

    def _error(self, error: OSError, key: str) -> LakeError:
        advice = {
            errno.ENOSPC: "the disk is full: free space (`stocks` retention, old logs) or set STOCKS_LAKE elsewhere",
            errno.EDQUOT: "the quota is used up: free space or set STOCKS_LAKE elsewhere",
            errno.EROFS: "the file system is read-only: remount it or set STOCKS_LAKE to a folder that can be written",
            errno.EACCES: "permission denied: give this user the folder or set STOCKS_LAKE to one that is theirs",
            errno.EPERM: "permission denied: give this user the folder or set STOCKS_LAKE to one that is theirs",
        }.get(error.errno or 0, f"{error.strerror or error}: check the folder that STOCKS_LAKE names")
        return LakeError(f"lake {self._root}, key {key!r}: {advice}")


def _verify(path: Path, digest: str) -> None:
    if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
        raise LakeError(f"{path} was not stored: the disk returned other bytes than were written")


def _make_folder(folder: Path) -> None:
    """The folder and those above it; each new one is forced to disk, or a power cut takes what lies below it too."""
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in reversed(new):
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut; Windows has no such call and needs none."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

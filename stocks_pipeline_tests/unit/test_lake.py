"""The lake in a local folder: atomic, verified, and clear about what is wrong."""

import errno
import hashlib
import multiprocessing
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stocks_pipeline.storage.lake import KeyMissing, Lake, LakeError, check_key, open_lake
from stocks_pipeline_tests.fakes import FakeClock

KEY = "asx/raw-data/2026-11-20-batch-0.parquet"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "lake"


@pytest.fixture
def lake(root: Path) -> Lake:
    return open_lake(str(root))


def hidden(root: Path) -> list[Path]:
    """Temporary files, which no listing shows."""
    return sorted(root.rglob(".*"))


def test_what_is_written_is_read(lake: Lake, root: Path) -> None:
    """The result names key, place, size and hash of what now lies there."""
    written = lake.write(KEY, b"prices")
    assert (written.key, written.size, written.changed) == (KEY, 6, True)
    assert written.sha256 == hashlib.sha256(b"prices").hexdigest()
    assert Path(written.uri) == root / KEY == Path(lake.uri(KEY))
    assert lake.read(KEY) == b"prices"
    assert lake.tail(KEY, 3) == b"ces"
    assert lake.tail(KEY, 99) == b"prices"
    assert hidden(root) == []


def test_the_same_bytes_are_not_written_again(lake: Lake, root: Path) -> None:
    """A rewrite of equal content leaves the file, its inode and its time alone."""
    lake.write(KEY, b"prices")
    before = (root / KEY).stat()
    assert lake.write(KEY, b"prices").changed is False
    after = (root / KEY).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert lake.write(KEY, b"PRICES").changed is True
    assert lake.read(KEY) == b"PRICES"


def test_missing_keys_say_where_was_looked(lake: Lake, root: Path) -> None:
    """Absent files, folders and files used as folders are all just missing; so is a root nothing was written to."""
    assert (lake.exists(KEY), list(lake.list("")), lake.delete(KEY)) == (False, [], False)
    lake.write("asx/file", b"")
    for key in (KEY, "asx", "asx/file/x"):
        with pytest.raises(KeyMissing, match="nothing is stored at") as caught:
            lake.read(key)
        assert str(root) in str(caught.value)
        assert caught.value.key == key
    with pytest.raises(LakeError, match="STOCKS_LAKE"):
        lake.write("asx/file/x", b"a file is no folder")


def test_a_listing_is_sorted_by_key_and_takes_any_prefix(lake: Lake) -> None:
    """As on S3: a prefix may end inside a name, and order is that of the whole key, not folder by folder."""
    keys = ["a/b.txt", "a/b/c", "a/b-1", "a/bb", "a0", "z"]
    for key in keys:
        lake.write(key, b"x")
    assert list(lake.list("")) == sorted(keys)
    assert list(lake.list("a/b")) == ["a/b-1", "a/b.txt", "a/b/c", "a/bb"]
    assert list(lake.list("a/b/")) == ["a/b/c"]
    assert list(lake.list("nothing/here")) == []
    assert lake.delete("a/bb") is True
    assert lake.exists("a/bb") is False


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/etc/passwd",
        "a//b",
        "a/",
        "../x",
        "a/../b",
        "a/./b",
        ".hidden",
        "a/b\n",
        "a\0b",
        "a\\b",
        "C:x",
        "a*",
        "a.",
        "x" * 221,
    ],
)
def test_keys_that_could_leave_the_lake_are_refused(lake: Lake, key: str) -> None:
    """Every operation checks its key before it touches the disk."""
    for operation in (lake.read, lake.exists, lake.delete, lake.uri, lambda k: lake.write(k, b"")):
        with pytest.raises(LakeError, match="bad lake key"):
            operation(key)


@given(st.text(max_size=20))
@example("a/..")
@example("..")
def test_an_accepted_key_stays_below_the_root(key: str) -> None:
    """Whatever passes the check resolves to a place inside the folder."""
    try:
        check_key(key)
    except LakeError:
        return
    assert os.path.normpath(f"/lake/{key}") == f"/lake/{key}"


def test_a_killed_writer_leaves_nothing_that_is_listed_and_is_swept_later(root: Path) -> None:
    """A process dies between writing and renaming: the old file stands, the rest goes with a write an hour later."""
    clock = FakeClock()
    lake = open_lake(str(root), clock=clock)
    lake.write(KEY, b"old")
    killed = (
        "import os, pathlib, sys; from stocks_pipeline.storage.lake import open_lake;"
        "pathlib.Path.replace = lambda *_: os._exit(9);"
        "open_lake(sys.argv[1]).write(sys.argv[2], b'new')"
    )
    assert subprocess.run([sys.executable, "-c", killed, str(root), KEY], check=False).returncode == 9
    [leftover] = hidden(root)
    assert (lake.read(KEY), list(lake.list(""))) == (b"old", [KEY])
    os.utime(leftover, (clock.time(), clock.time()))
    lake.write(KEY, b"at once")
    assert hidden(root) == [leftover]
    clock.advance(3601)
    lake.write(KEY, b"an hour later")
    assert hidden(root) == []


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (errno.ENOSPC, "disk is full"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "permission denied"),
        (errno.EIO, "STOCKS_LAKE"),
    ],
)
def test_a_disk_that_refuses_is_named_with_what_to_do(
    lake: Lake, root: Path, monkeypatch: pytest.MonkeyPatch, code: int, text: str
) -> None:
    """The old file stays, no temporary file stays, and the message names STOCKS_LAKE."""
    lake.write(KEY, b"old")

    def refuse(_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(LakeError, match=text) as caught:
        lake.write(KEY, b"new")
    assert "STOCKS_LAKE" in str(caught.value)
    assert (lake.read(KEY), hidden(root)) == (b"old", [])


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions do not bind this user")
def test_a_folder_without_permission_is_named(lake: Lake, root: Path) -> None:
    """The real thing, where the test does not run as root."""
    root.mkdir(mode=0o500)
    with pytest.raises(LakeError, match="permission denied"):
        lake.write(KEY, b"x")


def test_a_disk_that_returns_other_bytes_never_replaces_the_file(
    lake: Lake, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Verification comes before the rename."""
    lake.write(KEY, b"old")
    monkeypatch.setattr(Path, "read_bytes", lambda _: b"rot")
    with pytest.raises(LakeError, match="other bytes"):
        lake.write(KEY, b"new")
    monkeypatch.undo()
    assert (lake.read(KEY), hidden(root)) == (b"old", [])


def test_a_root_that_cannot_be_is_an_error_for_readers_and_writers(tmp_path: Path) -> None:
    """A typing error or an unmounted disk is not an empty lake."""
    (tmp_path / "file").write_bytes(b"")
    for bad in (tmp_path / "no" / "lake", tmp_path / "file"):
        lake = open_lake(str(bad))
        for operation in (lake.read, lake.exists, lambda k, o=lake: list(o.list(k)), lambda k, o=lake: o.write(k, b"")):
            with pytest.raises(LakeError, match="STOCKS_LAKE"):
                operation(KEY)


@pytest.mark.parametrize("root", ["", "  ", "s3://", "gs://bucket", "file://relative"])
def test_an_address_of_no_known_kind_is_refused(root: str) -> None:
    """The message says which kinds there are."""
    with pytest.raises(LakeError, match="s3://bucket/prefix"):
        open_lake(root)


def test_a_file_address_is_a_folder(root: Path) -> None:
    """file:///x and /x are the same lake."""
    assert open_lake(f"file://{root}").root == str(root)


def _framed(number: int) -> bytes:
    body = bytes([number]) * (10_000 + number)
    return hashlib.sha256(body).digest() + body


def _whole(data: bytes) -> bool:
    return hashlib.sha256(data[32:]).digest() == data[:32]


def _hammer(root: str, numbers: list[int]) -> None:
    lake = open_lake(root)
    for number in numbers:
        lake.write(KEY, _framed(number))


def test_writers_of_one_key_race_and_the_file_is_always_whole(lake: Lake, root: Path) -> None:
    """Three threads and two processes write the same key while it is read: no error, no torn read, one winner."""
    lake.write(KEY, _framed(0))
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=_hammer, args=(str(root), list(range(n, 60, 2)))) for n in (0, 1)]
    threads = [threading.Thread(target=_hammer, args=(str(root), list(range(n, 90, 3)))) for n in (0, 1, 2)]
    for worker in (*processes, *threads):
        worker.start()
    reads = 0
    while any(worker.is_alive() for worker in (*processes, *threads)):
        assert _whole(lake.read(KEY))
        assert list(lake.list("asx/")) == [KEY]
        reads += 1
    for worker in (*processes, *threads):
        worker.join()
    assert [p.exitcode for p in processes] == [0, 0]
    assert reads > 10
    assert _whole(lake.read(KEY))
    assert hidden(root) == []


def test_the_lake_costs_nothing_to_import() -> None:
    """Every process imports it, so neither pyarrow nor boto3 nor pandas may come along."""
    code = (
        "import sys, stocks_pipeline.storage, stocks_pipeline.storage.lake, stocks_pipeline.storage.layout;"
        "print({'pyarrow', 'pandas', 'numpy', 'boto3', 'botocore', 'duckdb'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "set()"


def test_a_version_changes_with_every_replacement_and_with_nothing_else(lake: Lake) -> None:
    """Readers compare versions before and after to know that no file was replaced under them."""
    lake.write("a/b", b"1")
    lake.write("a/c", b"1")
    before = lake.versions("a/")
    assert list(before) == ["a/b", "a/c"]
    lake.write("a/b", b"1")
    assert lake.versions("a/") == before
    lake.write("a/b", b"2")
    after = lake.versions("a/")
    assert (after["a/b"] != before["a/b"], after["a/c"]) == (True, before["a/c"])


def test_folders_are_named_without_looking_into_them(lake: Lake, root: Path) -> None:
    """Only folders, only those directly inside, sorted, with or without the last slash; none where there are none."""
    for key in ("a/2026-11-20/x", "a/2026-11-19/deep/x", "a/file", "b/x"):
        lake.write(key, b"1")
    (root / "a" / ".hidden").mkdir()
    assert lake.folders("a/") == lake.folders("a") == ("2026-11-19", "2026-11-20")
    assert lake.folders("") == ("a", "b")
    assert (lake.folders("nowhere/"), lake.folders("a/file/")) == ((), ())
    with pytest.raises(LakeError):
        lake.folders("../")


def test_alone_with_a_key(root: Path, lake: Lake) -> None:
    """Whoever reads, adds and writes under `exclusive` loses nothing to the others, each with a lake of its own."""
    lake.write(KEY, b"")

    def add(letter: bytes) -> None:
        mine = open_lake(str(root))
        for _ in range(10):
            with mine.exclusive(KEY):
                mine.write(KEY, mine.read(KEY) + letter)

    threads = [threading.Thread(target=add, args=(letter,)) for letter in (b"a", b"b", b"c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(lake.read(KEY).decode()) == sorted("abc" * 10)
    assert list(lake.list("")) == [KEY]
    assert lake.folders("") == ("asx",)


def test_a_lock_is_given_back_when_its_holder_fails(lake: Lake) -> None:
    """The next one need not wait for a process to end."""
    with pytest.raises(ValueError, match="mine"), lake.exclusive(KEY):
        raise ValueError("mine")
    with lake.exclusive(KEY):
        assert not lake.exists(KEY)


def test_a_lock_that_is_never_given_back_is_told(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute is more than any write takes: then the run fails and says why, it does not hang."""
    monkeypatch.setattr("stocks_pipeline.storage.local.LOCKED_S", 0.05)
    with lake.exclusive(KEY), pytest.raises(LakeError, match="another run has held its lock"), lake.exclusive(KEY):
        pytest.fail("two are alone with one key")


def test_new_folders_are_forced_to_disk_as_well(lake: Lake, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut cannot take a file whose folders were new: each new folder's name is forced in the one above it."""
    opened: dict[int, Path] = {}
    forced: list[Path] = []
    open_, fsync = os.open, os.fsync

    def opening(path: Path, flags: int) -> int:
        handle = open_(path, flags)
        opened[handle] = Path(path)
        return handle

    def forcing(handle: int) -> None:
        forced.extend([opened.pop(handle)] if handle in opened else [])  # popped: numbers come again
        fsync(handle)

    monkeypatch.setattr(os, "open", opening)
    monkeypatch.setattr(os, "fsync", forcing)
    lake.write(KEY, b"prices")
    assert forced == [root.parent, root, root / "asx", root / "asx/raw-data"]
    forced.clear()
    lake.write(KEY.replace("batch-0", "batch-1"), b"prices")
    assert forced == [root / "asx/raw-data"]

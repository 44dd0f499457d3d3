"""A lake that cannot be written: the run fails in words, nothing is half-written, and what was stored stays."""

import errno
import os
from pathlib import Path
from typing import Any, BinaryIO, Self

import pytest

from stocks_pipeline.storage import layout
from stocks_pipeline_tests.fault_desk import DAY, FaultDesk, contents, leftovers

pytestmark = pytest.mark.usefixtures("impatient")


class Disk:
    """Stands in for a disk under one folder: `breaks` with an error number from a given write on."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)
        self.error: int | None = None
        self.good_writes = 0

    def breaks(self, error: int, *, after: int = 0) -> None:
        """From the `after`-th opened file on, every write below the folder fails, having written half."""
        self.error, self.good_writes = error, after

    def mends(self) -> None:
        self.error = None

    def struck(self, path: str) -> int | None:
        if self.error is None or not path.startswith(self.folder):
            return None
        self.good_writes -= 1
        return self.error if self.good_writes < 0 else None


class HalfWritten:
    """A file on a full disk: takes half of what it is given and then says so."""

    def __init__(self, file: BinaryIO, error: int) -> None:
        self._file, self._error = file, error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, data: bytes) -> int:
        self._file.write(data[: len(data) // 2])
        self._file.flush()
        raise OSError(self._error, os.strerror(self._error))


@pytest.fixture
def disk(desk: FaultDesk, monkeypatch: pytest.MonkeyPatch) -> Disk:
    """The disk under the desk's lake."""
    found = Disk(desk.home / "lake")
    really = Path.open

    def opened(path: Path, mode: str = "r", *args: Any, **options: Any) -> Any:
        error = found.struck(str(path)) if "r" not in mode else None
        if error == errno.EROFS:
            raise OSError(error, os.strerror(error), str(path))
        file = really(path, mode, *args, **options)
        return HalfWritten(file, error) if error is not None else file

    monkeypatch.setattr(Path, "open", opened)
    return found


@pytest.mark.parametrize(
    ("error", "says"),
    [(errno.ENOSPC, "the disk is full"), (errno.EDQUOT, "the quota is used up"), (errno.EROFS, "read-only")],
    ids=["full", "quota", "read-only"],
)
def test_a_disk_that_fails_during_the_fetch(desk: FaultDesk, disk: Disk, error: int, says: str) -> None:
    """The second batch's write fails: the first stays, nothing is half-written, the failure names STOCKS_LAKE; once
    the disk is mended the same command does the rest and no more.
    """
    desk.split()
    disk.breaks(error, after=1)

    done = desk.run()

    assert not done.stages[1].success
    assert says in done.stages[1].message
    assert "STOCKS_LAKE" in done.stages[1].message
    assert sorted(map(str, desk.colours())) == ["FAILED", "FAILED", "MATERIALIZED"]
    assert leftovers(desk.home) == []
    kept = contents(desk.lake)
    (stored,) = [key for key in kept if "/raw-data/" in key]

    disk.mends()
    desk.world.reset()
    healed = desk.run()
    number = layout.parse_raw_key(stored).batch
    assert number is not None
    assert [stage.success for stage in healed.stages] == [True, True, True]
    assert not set(desk.vendor_symbols(number)) & set(desk.asked())
    assert kept.items() <= contents(desk.lake).items()


def test_a_full_disk_spares_the_earlier_file(desk: FaultDesk, disk: Disk) -> None:
    """A refetch that cannot be stored leaves yesterday's file as it was, and nothing beside it."""
    desk.run()
    kept = contents(desk.lake)
    desk.world.fault("x100", symbols=desk.vendor_symbols(0))
    disk.breaks(errno.ENOSPC)

    done = desk.run(refetch=True)

    assert not done.stages[1].success
    assert contents(desk.lake) == kept
    assert leftovers(desk.home) == []


def test_a_full_disk_under_the_listing(desk: FaultDesk, disk: Disk) -> None:
    """E32: the list cannot be stored: no price is asked for, and the failure says what to do."""
    disk.breaks(errno.ENOSPC)

    done = desk.run()

    assert [stage.success for stage in done.stages] == [False]
    assert "the disk is full" in done.stages[0].message
    assert "chart" not in desk.world.stats()["by_endpoint"]
    assert leftovers(desk.home) == []


def test_a_full_disk_under_the_merge(desk: FaultDesk, disk: Disk) -> None:
    """The day's table cannot be stored: its stage fails in words, the batches stay, and the next run merges alone."""
    desk.split()
    disk.breaks(errno.ENOSPC, after=3)

    done = desk.run()

    assert [stage.success for stage in done.stages] == [True, True, False]
    assert "the disk is full" in done.stages[2].message
    assert not desk.lake.exists(layout.daily_key("asx", DAY))
    disk.mends()
    desk.world.reset()
    assert [stage.success for stage in desk.run().stages] == [True, True, True]
    assert not desk.asked()


@pytest.mark.skipif(not Path("/sys/kernel").exists(), reason="only Linux has a folder that refuses root, too")
def test_a_folder_in_which_nobody_may_write(desk: FaultDesk) -> None:
    """A real one: no batch can be stored; the stage ends with the first, names STOCKS_LAKE, and asks no further."""
    (desk.home / "lake" / "asx" / "raw-data").symlink_to("/sys")

    done = desk.run()

    assert not done.stages[1].success
    assert "STOCKS_LAKE" in done.stages[1].message
    assert "(bug)" not in done.stages[1].message
    assert set(desk.colours()) == {"FAILED"}


def test_a_lake_that_is_no_folder(desk: FaultDesk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """STOCKS_LAKE lies below a file: the run fails in one sentence that names it."""
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("STOCKS_LAKE", str(tmp_path / "file" / "lake"))

    done = desk.run()

    assert [stage.success for stage in done.stages] == [False]
    assert "STOCKS_LAKE" in done.stages[0].message
    assert "chart" not in desk.world.stats()["by_endpoint"]

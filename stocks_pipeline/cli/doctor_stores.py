"""What the doctor does to every store: create, read, change and delete a probe, as runs will.

What belongs here: DAGSTER_HOME, the lake, the control file, the disk below them; nothing changes but the probe. What
does not: the other checks (doctor_checks.py, doctor_dagster.py), the time limit and printing (doctor.py).
"""

import os
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from stocks_pipeline.cli.desk import lake_of
from stocks_pipeline.cli.doctor_checks import Finding, failed, ok, warned
from stocks_pipeline.settings import Settings
from stocks_pipeline.storage.lake import Lake, LakeError

PROBE = "doctor/probe"
FULL_BYTES, LOW_BYTES = 200 * 2**20, 2 * 2**30
"""Free space below which a run may fail, and below which to think of it. A day of 2,000 symbols takes some 2 MB."""

BUSY_S = 5.0


def home(found: Settings) -> Sequence[Finding]:
    """DAGSTER_HOME: a probe is created, read, changed and deleted."""
    folder = found.dagster_home
    if not folder.exists():
        return [_absent("DAGSTER_HOME", folder)]
    probe = folder / f".doctor-{os.getpid()}"
    try:
        for text in ("created", "changed"):
            probe.write_text(text, "utf-8")
            if probe.read_text("utf-8") != text:
                return [failed("DAGSTER_HOME", f"{folder} returns other bytes than were written", "check the disk")]
        probe.unlink()
    except OSError as error:
        text = f"cannot write {folder}: {error.strerror}"
        return [failed("DAGSTER_HOME", text, "give this user the folder, or set STOCKS_HOME to one that is theirs")]
    return [ok("DAGSTER_HOME", f"{folder}: created, read, changed, deleted")]


def lake(found: Settings) -> Sequence[Finding]:
    """The lake: the same through the code that runs use."""
    if "://" not in found.lake and not Path(found.lake).exists():
        return [_absent("lake", Path(found.lake))]
    try:
        what = probe_lake(lake_of(found), f"{PROBE}-{os.getpid()}")
    except LakeError as error:
        return [failed("lake", str(error), "correct STOCKS_LAKE or what it names")]
    return [ok("lake", f"{found.lake}: {what}")]


def probe_lake(store: Lake, key: str) -> str:
    """Create, read, update, list and delete one key; what was done.

    Raises:
        LakeError: the lake refuses one of them, or returns other bytes than it was given.
    """
    try:
        for data in (b"created", b"changed"):
            store.write(key, data)
            if store.read(key) != data:
                raise LakeError(f"{store.root} returns other bytes than were written")
        if key not in store.list(key):
            raise LakeError(f"{store.root} does not list what was written")
    finally:
        store.delete(key)
    if store.exists(key):
        raise LakeError(f"{store.root} does not delete")
    return "created, read, changed, listed, deleted"


def control(found: Settings) -> Sequence[Finding]:
    """The control file: a row is made, read, changed and deleted inside a transaction that is taken back."""
    path = found.control_db
    if not path.exists():
        return [_absent("control file", path)]
    with closing(sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)) as con:
        try:
            con.execute("BEGIN IMMEDIATE")
            con.execute("CREATE TABLE doctor_probe(value TEXT)")
            con.execute("INSERT INTO doctor_probe VALUES('created')")
            con.execute("UPDATE doctor_probe SET value='changed'")
            con.execute("DELETE FROM doctor_probe")
            con.execute("ROLLBACK")
        except sqlite3.Error as error:
            do = "end the process that holds it, or set STOCKS_CONTROL_DB to a file on a local disk"
            return [failed("control file", f"{path}: {error}", do)]
    return [ok("control file", f"{path}: written and taken back")]


def disk(found: Settings) -> Sequence[Finding]:
    """Free space where runs write."""
    places = {found.dagster_home, found.control_db, *([] if "://" in found.lake else [Path(found.lake)])}
    place, free = min(((p, shutil.disk_usage(_existing(p)).free) for p in places), key=lambda found: found[1])
    text = f"{free / 2**30:.1f} GB free at {place}"
    do = "free space, or set STOCKS_HOME to another disk"
    if free < FULL_BYTES:
        return [failed("disk", text, do)]
    return [warned("disk", text, do) if free < LOW_BYTES else ok("disk", text)]


def _absent(name: str, path: Path) -> Finding:
    """A store that the first run will make: fine, if it can."""
    nearest = _existing(path)
    if os.access(nearest, os.W_OK | os.X_OK) and nearest.is_dir():
        return warned(name, f"{path} is not there yet; it can be made in {nearest}", "stocks demo makes it")
    do = "give this user the folder, or set STOCKS_HOME to one that is theirs"
    return failed(name, f"{path} is not there and cannot be made in {nearest}", do)


def _existing(path: Path) -> Path:
    """The nearest folder above that is there."""
    while not path.exists():
        path = path.parent
    return path

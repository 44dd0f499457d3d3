"""What the doctor looks at on the machine: settings, versions, keys, disk, and every store it must be able to write.

What belongs here: one function a check, facts in, findings out; nothing changes but a probe that is deleted again.
What does not: what Dagster knows (doctor_dagster.py), the time limit and printing (doctor.py).
"""

import os
import shutil
import sqlite3
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

from stocks_pipeline.clock import Clock, SystemClock
from stocks_pipeline.settings import TABLE, Settings
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import Lake, LakeError

PROBE = "doctor/probe"
FULL_BYTES, LOW_BYTES = 200 * 2**20, 2 * 2**30
"""Free space below which a run may fail, and below which to think of it. A day of 2,000 symbols takes some 2 MB."""

BUSY_S = 5.0
AWS_WAYS = ("AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_ROLE_ARN")


@dataclass(frozen=True)
class Finding:
    """The outcome of one check."""

    name: str
    state: Literal["ok", "warn", "fail"]
    what: str
    do: str = ""
    """What to do about it; empty where all is well."""

    def to_dict(self) -> dict[str, str]:
        """For `--json`."""
        return asdict(self)


def ok(name: str, what: str) -> Finding:
    """All is well."""
    return Finding(name, "ok", what)


def warned(name: str, what: str, do: str) -> Finding:
    """Worth knowing; a run may well succeed."""
    return Finding(name, "warn", what, do)


def failed(name: str, what: str, do: str) -> Finding:
    """A run will fail, or something is left undone that nobody else will do."""
    return Finding(name, "fail", what, do)


def settings(found: Settings) -> Finding:
    """The settings in force and the limits they set."""
    return ok(
        "settings",
        f"upstream {found.upstream}, home {found.home}, lake {found.lake}; Yahoo at most {found.yahoo_rate} requests "
        f"a second and {found.yahoo_concurrency} at once, {found.batch_concurrency} batches at once",
    )


def quoted_values(env: Mapping[str, str]) -> Sequence[Finding]:
    """Variables whose value still has the quotes of an .env file: we strip ours, other programs do not."""
    ours = ("STOCKS_", "AWS_", "DAGSTER_", "OPENAI_")
    bad = sorted(k for k, v in env.items() if k.startswith(ours) and v.strip()[:1] in {"'", '"'})
    if bad:
        return [warned("variables", f"quotes are part of the value of {', '.join(bad)}", "set them without quotes")]
    return [ok("variables", "no value is wrapped in quotes")]


def keys(found: Settings, env: Mapping[str, str]) -> Sequence[Finding]:
    """Whether the keys that this desk needs are set. Names only: a value is never read further than being there."""
    needed = [row.name for row in TABLE if row.secret] if found.upstream == "live" else []
    missing = [name for name in needed if not env.get(name, "").strip()]
    present = [name for name in needed if name not in missing]
    if found.lake.startswith("s3://"):
        pair = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        given = all(env.get(name) for name in pair) or any(env.get(name) for name in AWS_WAYS)
        if not given and not (Path.home() / ".aws" / "credentials").exists():
            missing += pair
        else:
            present.append("a way to sign for the lake on S3")
    if missing:
        do = f"export {' and '.join(missing)}; what needs no key runs without"
        return [warned("keys", f"not set: {', '.join(missing)}", do)]
    return [ok("keys", f"present: {', '.join(present)}" if present else "none needed")]


def versions() -> Sequence[Finding]:
    """Whether the installed packages lie in the ranges that were tested."""
    from importlib import metadata

    from packaging.requirements import Requirement

    bad = []
    for line in metadata.requires("stocks_pipeline") or []:
        wanted = Requirement(line)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue
        try:
            installed = metadata.version(wanted.name)
        except metadata.PackageNotFoundError:
            bad.append(f"{wanted.name} is missing")
            continue
        if not wanted.specifier.contains(installed, prereleases=True):
            bad.append(f"{wanted.name} {installed} is outside {wanted.specifier}")
    python = ".".join(map(str, sys.version_info[:3]))
    if bad:
        return [warned("versions", "; ".join(bad), "make install (the tested versions are in requirements.lock)")]
    return [
        ok("versions", f"Python {python}, dagster {metadata.version('dagster')}; every package in its tested range")
    ]


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
        what = probe_lake(opened(found), f"{PROBE}-{os.getpid()}")
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
        return [_absent("limits", path)]
    with closing(sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)) as con:
        try:
            con.execute("BEGIN IMMEDIATE")
            con.execute("CREATE TABLE doctor_probe(value TEXT)")
            con.execute("INSERT INTO doctor_probe VALUES('created')")
            con.execute("UPDATE doctor_probe SET value='changed'")
            con.execute("DELETE FROM doctor_probe")
            con.execute("ROLLBACK")
            cooling = _cooling(con, SystemClock())
        except sqlite3.Error as error:
            do = "end the process that holds it, or set STOCKS_CONTROL_DB to a file on a local disk"
            return [failed("limits", f"{path}: {error}", do)]
    return [ok("limits", f"{path}: written and taken back"), *cooling]


def upstream(found: Settings) -> Sequence[Finding]:
    """Whether the upstream answers; the real one is not called, so that looking costs nothing."""
    if found.upstream == "live":
        return [ok("upstream", "live: Yahoo and the ASX, not called by the doctor")]
    import httpx

    url = found.sandbox_url
    try:
        health = httpx.get(f"{url}/_admin/health", timeout=2.0).raise_for_status().json()
        faults = httpx.get(f"{url}/_admin/faults", timeout=2.0).raise_for_status().json()["faults"]
    except (httpx.HTTPError, ValueError, KeyError):
        do = "`stocks demo` and `stocks dev` start it by themselves; for `stocks run` start it with: stocks sandbox"
        return [warned("upstream", f"no sandbox answers at {url}", do)]
    if faults:
        names = ", ".join(sorted({str(f["name"]) for f in faults}))
        do = f"if that is not on purpose: curl -X DELETE {url}/_admin/faults"
        return [warned("upstream", f"the sandbox at {url} has faults in force: {names}", do)]
    return [ok("upstream", f"sandbox at {url}, {health.get('market')} market of {health.get('today')}")]


def disk(found: Settings) -> Sequence[Finding]:
    """Free space where runs write."""
    places = {found.dagster_home, found.control_db, *([] if "://" in found.lake else [Path(found.lake)])}
    place, free = min(((p, shutil.disk_usage(_existing(p)).free) for p in places), key=lambda found: found[1])
    text = f"{free / 2**30:.1f} GB free at {place}"
    do = "free space, or set STOCKS_HOME to another disk"
    if free < FULL_BYTES:
        return [failed("disk", text, do)]
    return [warned("disk", text, do) if free < LOW_BYTES else ok("disk", text)]


def clock(found: Settings) -> Sequence[Finding]:
    """Whether this machine's clock fits the data: a session in the future means that one of them is wrong."""
    from stocks_pipeline.definitions import MARKETS

    findings = []
    local = "://" not in found.lake and not Path(found.lake).exists()
    for market in MARKETS.values():
        keys = [] if local else opened(found).list(layout.daily_prefix(market.name))
        newest = max(map(layout.parse_daily_key, keys), default=None)
        findings.append(_clock_of(market.name, market.calendar().last, newest, SystemClock().now()))
    return findings


def _clock_of(market: str, calendar_ends: date, newest: date | None, now: datetime) -> Finding:
    if newest is not None and newest > now.date():
        text = f"{market}: the newest session stored is {newest}, this machine says {now:%Y-%m-%d %H:%M} UTC"
        return failed("clock", text, "set the machine's clock (NTP); schedules and windows depend on it")
    if now.date() > calendar_ends:
        text = f"{market}: its calendar ends on {calendar_ends}, so later sessions are unknown"
        return warned("clock", text, "update stocks_pipeline: scripts/dump_calendars.py makes the calendars")
    return ok("clock", f"{market}: {now:%Y-%m-%d %H:%M} UTC, newest session stored {newest or 'none'}")


def _cooling(con: sqlite3.Connection, present: Clock) -> Sequence[Finding]:
    tables = {row[0] for row in con.execute("SELECT name FROM sqlite_master WHERE type='table'")}
    if "limit_keys" not in tables:
        return []
    sql = "SELECT key, cool_until, reason FROM limit_keys WHERE cool_until > ?"
    return [
        warned(
            f"limits of {key}",
            f"cooling down until {datetime.fromtimestamp(until, UTC):%H:%M:%S} UTC: {reason or 'rate limited'}",
            "wait: calls go on by themselves then. If it comes back, lower STOCKS_YAHOO_RATE",
        )
        for key, until, reason in con.execute(sql, (present.time(),))
    ]


def opened(found: Settings) -> Lake:
    """The lake as runs open it."""
    from stocks_pipeline.cli.desk import lake_of

    return lake_of(found)


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


STORES: Mapping[str, Callable[[Settings], Sequence[Finding]]] = {
    "DAGSTER_HOME": home,
    "lake": lake,
    "limits": control,
    "upstream": upstream,
    "disk": disk,
    "clock": clock,
}

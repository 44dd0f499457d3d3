"""What the doctor looks at on the machine: settings, versions, keys, the upstream, the clock.

What belongs here: `Finding`, and one function a check, facts in, findings out. What does not: the stores
(doctor_stores.py), what Dagster knows (doctor_dagster.py), the time limit and printing (doctor.py).
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Literal

from stocks_pipeline.cli.desk import lake_of
from stocks_pipeline.clock import SystemClock
from stocks_pipeline.settings import TABLE, Settings
from stocks_pipeline.storage import layout

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
    # Other secrets are addresses that a desk may do without.
    needed = [row.name for row in TABLE if row.secret and row.name.endswith("_KEY")] if found.upstream == "live" else []
    missing = [name for name in needed if not env.get(name, "").strip()]
    present = [name for name in needed if name not in missing]
    if found.lake.startswith("s3://"):
        pair = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        given = all(env.get(name) for name in pair) or any(env.get(name) for name in AWS_WAYS)
        if not given and not (Path.home() / ".aws" / "credentials").exists():
            missing += pair
        else:
            present.append("credentials for the lake on S3")
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


def clock(found: Settings) -> Sequence[Finding]:
    """Whether this machine's clock fits the data: a session in the future means that one of them is wrong."""
    from stocks_pipeline.definitions import MARKETS

    findings = []
    local = "://" not in found.lake and not Path(found.lake).exists()
    for market in MARKETS.values():
        keys = [] if local else lake_of(found).list(layout.daily_prefix(market.name))
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

"""The desk a command works on: its settings, its DAGSTER_HOME, its Dagster instance.

What belongs here: opening them with clear errors. What does not: what commands do with them.
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stocks_pipeline.cli.output import Exit, fail
from stocks_pipeline.settings import SettingError, Settings

if TYPE_CHECKING:
    import dagster as dg

    from stocks_pipeline.defs.market import Market
    from stocks_pipeline.storage.lake import Lake

TEMPLATE = Path(__file__).parent.parent / "instance" / "dagster.yaml"


def settings() -> Settings:
    """The settings, or the end of the command with what is wrong with them."""
    try:
        return Settings.load()
    except SettingError as error:
        fail(str(error), Exit.USAGE)


def enter(found: Settings) -> None:
    """Make this process, and those it starts, work on the desk of `found`: folders, dagster.yaml, environment."""
    try:
        found.dagster_home.mkdir(parents=True, exist_ok=True)
        found.control_db.parent.mkdir(parents=True, exist_ok=True)
        target = found.dagster_home / "dagster.yaml"
        if not target.exists():
            part = target.with_suffix(f".{os.getpid()}")
            shutil.copyfile(TEMPLATE, part)
            part.replace(target)  # whole or not at all: another first command may be reading it
    except OSError as error:
        fail(
            f"DAGSTER_HOME: cannot use {found.dagster_home}: {error.strerror}. Set STOCKS_HOME to a folder of yours.",
            Exit.USAGE,
        )
    os.environ.update(found.environment())


def variables() -> dict[str, str]:
    """The environment as it was given, for the doctor, which looks at names that are no settings of ours."""
    return dict(os.environ)


def lake_of(found: Settings) -> "Lake":
    """The lake of the desk, opened as its runs open it.

    Raises:
        LakeError: its address is of no kind we know.
    """
    from stocks_pipeline.storage.lake import open_lake

    def client() -> Any:
        from stocks_pipeline.defs.resources import s3_client  # loads Dagster; only an s3:// lake needs it

        return s3_client(found.s3_endpoint)

    return open_lake(found.lake, s3_client=client)


_FIRST = {
    "us": ("no us prices here yet", "stocks run us", "stocks demo --only us"),
    "dr": ("no reports here yet", "stocks run dr --limit 5", "stocks demo --only dr"),
    "": ("nothing is stored here yet", "stocks run asx", "stocks demo"),
}
"""By the part of a desk that a command reads: what a desk that nobody began lacks, and what brings it."""


def unbegun(found: Settings) -> bool:
    """Whether nobody ever worked on this desk: its home is not there, nor a lake elsewhere. That is no broken disk."""
    return found.lake == str(found.home / "lake") and not found.home.exists()


def begun_lake(found: Settings, part: str = "") -> "Lake":
    """The lake of a desk that was begun; on a new one the end of the command, with the first commands."""
    if unbegun(found):
        lacks, run, demo = _FIRST[part]
        where = f"{found.home} does not exist; if it should, mount its disk or correct STOCKS_HOME"
        fail(f"{lacks}: `{run}`, or `{demo}` ({where})", Exit.FAILURE)
    return lake_of(found)


@contextmanager
def open_instance(found: Settings) -> Iterator["dg.DagsterInstance"]:
    """The desk's Dagster instance."""
    enter(found)
    import dagster as dg
    from filelock import FileLock

    # Two first commands at once would both create its storage, and a database stamped twice never opens again.
    with FileLock(found.dagster_home / "opening.lock"):
        opened = dg.DagsterInstance.get()
    with opened as instance:
        yield instance


def market_named(name: str) -> "Market":
    """The market of that name, or a usage error listing them."""
    from stocks_pipeline.definitions import MARKETS

    if name not in MARKETS:
        fail(f"MARKET: {name!r} is not a market; valid: {', '.join(sorted(MARKETS))}, dr", Exit.USAGE)
    return MARKETS[name]


def refuse_strangers(market: str, options: Mapping[str, Mapping[str, object]]) -> None:
    """A usage error for an option that was given and belongs to another market: it would do nothing."""
    for owner, own in options.items():
        given = [name for name, value in own.items() if value is not None and value is not False]
        if given and owner != market and market in options:
            valid = ", ".join(f"--{name}" for name in options[market])
            here = f"; valid there: {valid}" if valid else ""
            fail(f"--{given[0]} is about {owner} and does not apply to {market}{here}", Exit.USAGE)


def all_markets() -> "list[Market]":
    """Every market of this desk."""
    from stocks_pipeline.definitions import MARKETS

    return list(MARKETS.values())


def day_named(text: str) -> date:
    """The day that `--date` means; a usage error where it is none or lies before every partition."""
    from stocks_pipeline.partitions import FIRST_DAY

    try:
        day = date.fromisoformat(text)
    except ValueError:
        fail(f"--date: {text!r} is not a date; write it as 2025-12-05", Exit.USAGE)
    if day < date.fromisoformat(FIRST_DAY):
        fail(f"--date: {day} lies before the first partition, {FIRST_DAY}", Exit.USAGE)
    return day


def session_named(text: str | None, market: "Market") -> date:
    """The session that `--date` means; without one, the newest that has closed.

    The clock is read here, at the edge, to choose what a person most likely wants, and the choice is printed.
    """
    known = market.calendar()
    if text is None:
        return newest_session(market, known.last)
    day = day_named(text)
    if known.is_session(day) is False:
        near = f"{known.previous_session(day)} is the session before it"
        fail(f"--date: {day} is no session of {market.mic}: the exchange is closed; {near}", Exit.USAGE)
    if not market.sessions.has_partition_key(day.isoformat()):
        fail(
            f"--date: {day} is not there yet: the newest partition is {market.sessions.get_last_partition_key()}",
            Exit.USAGE,
        )
    return day


def newest_session(market: "Market", until: date) -> date:
    """The newest session of the market that has closed, on `until` or before."""
    from stocks_pipeline.clock import SystemClock

    known, present = market.calendar(), SystemClock().now()
    day = min(present.date(), until)
    while not known.is_session(day) or known.close_at(day) > present:
        day = known.previous_session(day)
    return day


def stamp(moment: str) -> str:
    """A moment in ISO 8601 as a person reads it in a narrow column: local time, without the year."""
    return datetime.fromisoformat(moment).astimezone().strftime("%m-%d %H:%M")

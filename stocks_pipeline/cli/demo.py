"""`stocks demo`, `stocks dev`, `stocks sandbox`: the first minutes of a newcomer.

What belongs here: putting a sandbox beside a command and saying what to try next. What does not: running a day
(run.py).
"""

import dataclasses
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from stocks_pipeline.cli import desk, sandbox_process
from stocks_pipeline.cli.output import Exit, console, fail, print_json, print_next, print_table, say
from stocks_pipeline.settings import Settings

if TYPE_CHECKING:
    from stocks_pipeline.cli.run import DayOutcome
    from stocks_pipeline.cli.run_morning import MorningOutcome

LATENCY_MS = 100
"""What one call to the demo's sandbox takes on average, as a real vendor's would."""
PACE = ("--latency-ms", str(LATENCY_MS), "--news-latency", "0.2-0.5", "--chat-latency", "0.5-1.0")
"""The model and the news feed are a tenth as slow as real ones: a demo shows what happens, not how long it takes."""
PARTS = {"asx": "One ASX day", "dr": "one morning of reports"}
DEMO = "stocks demo"
RECENT = timedelta(days=7)
"""How old the newest recorded bar may be for a morning to be worth running."""


def demo_settings(replay: str | None) -> Settings:
    """The demo's desk: sandbox only, and a replayed market in a home of its own so that worlds never mix."""
    found = desk.settings()
    if found.upstream == "live":
        fail("STOCKS_UPSTREAM: the demo runs offline; unset it, or use `stocks run asx` for live data", Exit.USAGE)
    if replay is None:
        return found
    if not list(Path(replay).glob("*.parquet")):
        fail(f"--replay: {replay!r} holds no .parquet files; see the README for the columns", Exit.USAGE)
    home = found.home.parent / "replay" if found.home.name == "sandbox" else found.home
    return dataclasses.replace(
        found, home=home, dagster_home=home / "dagster", lake=str(home / "lake"), control_db=home / "control.db"
    )


def run_demo(day_text: str | None, replay: str | None, only: str | None, *, as_json: bool) -> Exit:
    """One ASX day and one morning of reports through Dagster, then a table of both and three things to try."""
    if only not in {None, *PARTS}:
        fail(f"--only: {only!r}; valid: {', '.join(PARTS)}", Exit.USAGE)
    usual, found = desk.settings().home, demo_settings(replay)
    day, morning = _days(day_text, only)
    wanted = [part for part in PARTS if only in {None, part}]
    if not as_json:
        world = "replayed real data" if replay else "a simulated market"
        say(f"{' and '.join(PARTS[part] for part in wanted)}, {day}, from {world}, in {found.home}")
    skipped = why_no_morning(found, replay, morning) if "dr" in wanted else None
    if skipped and not as_json:
        say(f"DR is skipped: {skipped}", style="yellow")
    parts: dict[str, DayOutcome | MorningOutcome] = {}
    with sandbox_process.running(found, replay=replay, today=day, more=PACE):
        if "asx" in wanted:
            parts["asx"] = _asx(found, day, as_json=as_json)
        if "dr" in wanted and not skipped and _goes_on(parts):
            parts["dr"] = _dr(found, morning, as_json=as_json)
    if as_json:
        print_json({**{name: made.to_dict() for name, made in parts.items()}, "skipped": skipped})
    elif parts and _goes_on(parts):
        print_table("The demo", [_row(name, made) for name, made in parts.items()])
        home = "" if found.home == usual else f"STOCKS_HOME={found.home} "
        print_next(_things_to_try(home, parts, day, replay))
    return _ended(parts)


def _days(text: str | None, only: str | None) -> tuple[date, date]:
    """The session and the morning: the same day, so that the sandbox has one date."""
    from stocks_pipeline.cli.mornings import morning_named

    if only == "dr":
        return morning_named(text), morning_named(text)
    day = desk.session_named(text, desk.market_named("asx"))
    return day, morning_named(day.isoformat())


def _asx(found: Settings, day: date, *, as_json: bool) -> "DayOutcome":
    from stocks_pipeline.cli.run import Ask, day_outcome, tell_day

    outcome = day_outcome(found, desk.market_named("asx"), Ask(day), quiet=as_json, triggered_by=DEMO)
    if not as_json:
        tell_day(found, outcome, as_json=False, steps=False)
    return outcome


def _dr(found: Settings, day: date, *, as_json: bool) -> "MorningOutcome":
    from stocks_pipeline.cli.mornings import MorningAsk
    from stocks_pipeline.cli.run_morning import morning_outcome, tell

    outcome = morning_outcome(found, MorningAsk(day), quiet=as_json, triggered_by=DEMO)
    if not as_json:
        tell(found, outcome, as_json=False, steps=False)
    return outcome


def why_no_morning(found: Settings, replay: str | None, day: date) -> str | None:
    """Why the recording holds nothing for the morning; None where it does, and in the simulated market."""
    if replay is None:
        return None
    import pyarrow.dataset as ds

    from stocks_pipeline.cli.mornings import followed

    names = [ticker.yahoo for ticker in followed(found) if ticker.active]
    for file in sorted(Path(replay).glob("yahoo_*.parquet")):
        recorded = ds.dataset(file)
        known = recorded.to_table(columns=["date"], filter=ds.field("symbol").isin(names))["date"].to_pylist()
        if any(day - RECENT <= _date(one) < day for one in known):
            return None
    return f"{replay} holds no bars of the receipts in the {RECENT.days} days before {day}"


def _date(moment: date) -> date:
    return moment.date() if isinstance(moment, datetime) else moment


def _goes_on(parts: "Mapping[str, DayOutcome | MorningOutcome]") -> bool:
    return all(made.code is not Exit.INTERRUPTED for made in parts.values())


def _ended(parts: "Mapping[str, DayOutcome | MorningOutcome]") -> Exit:
    """A demo that shows failed symbols truthfully has worked; only one of which nothing is there has failed."""
    codes = [made.code for made in parts.values()]
    if Exit.INTERRUPTED in codes:
        return Exit.INTERRUPTED
    return Exit.OK if {Exit.OK, Exit.PARTIAL} & set(codes) else Exit.FAILURE


def _row(name: str, made: "DayOutcome | MorningOutcome") -> dict[str, object]:
    return {"part": name, "came to": made.report.headline(), "seconds": round(made.seconds, 1)}


def _things_to_try(
    home: str, parts: "Mapping[str, DayOutcome | MorningOutcome]", day: date, replay: str | None
) -> list[tuple[str, str]]:
    from stocks_pipeline.cli.run_morning import MorningOutcome, example

    morning = parts.get("dr")
    name = example(morning.report) if isinstance(morning, MorningOutcome) else None
    steps = [("see it in the Dagster UI", f"make dev{f' REPLAY={replay}' if replay else ''}")]
    steps += [("read a report", f"{home}.venv/bin/stocks report {name}")] if name else []
    steps += [("ask the data", f'{home}.venv/bin/stocks sql "{_query(day)}"')] if "asx" in parts else []
    return [*steps, ("break it on purpose, then heal it", "see “When something fails” in README.md")][:3]


def run_dev(port: int, replay: str | None) -> int:
    """The UI and the daemon until Ctrl-C."""
    found = demo_settings(replay) if replay else desk.settings()
    desk.enter(found)
    workspace = ["-w", "workspace.yaml"] if Path("workspace.yaml").exists() else ["-m", "stocks_pipeline.definitions"]
    dagster = str(Path(sys.executable).parent / "dagster")
    with sandbox_process.running(found, replay=replay, more=PACE):
        console.print(
            f"Dagster UI: http://127.0.0.1:{port}   desk: {found.home}   upstream: {found.upstream}", highlight=False
        )
        return _until_stopped([dagster, "dev", *workspace, "--host", "127.0.0.1", "--port", str(port)])


def _until_stopped(line: Sequence[str]) -> int:
    """Run `dagster dev` or the sandbox until it ends, or until Ctrl-C or a TERM, and leave no process behind.

    `dagster dev` heeds only SIGINT, and a shell that starts us in the background has it ignored, which a child
    inherits: a second daemon on the same DAGSTER_HOME was the result. Handling both here gives the child the default.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    child = subprocess.Popen(line)  # noqa: S603 - our own environment's command
    try:
        return child.wait()
    except KeyboardInterrupt:
        child.send_signal(signal.SIGINT)
    try:
        child.wait(30)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        child.kill()
        child.wait()
    return 0


def run_sandbox(arguments: Sequence[str]) -> int:
    """The sandbox in a process of its own, at the desk's address unless told otherwise."""
    return _until_stopped(sandbox_process.command(desk.settings(), more=arguments))


def _query(day: date) -> str:
    """The day's most traded companies: a query to copy, printed and not run."""
    turnover = "close * volume DESC"
    return f"SELECT symbol, close FROM daily_prices WHERE session = '{day}' ORDER BY {turnover} LIMIT 10"  # noqa: S608

"""`stocks demo`, `stocks dev`, `stocks sandbox`: the first minutes of a newcomer.

What belongs here: putting a sandbox beside a command and saying what to try next. What does not: running a day
(run.py).
"""

import dataclasses
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from stocks_pipeline.cli import desk, sandbox_process
from stocks_pipeline.cli.output import Exit, console, fail, print_next
from stocks_pipeline.settings import Settings

LATENCY_MS = 100
"""What one call to the demo's sandbox takes on average, as a real vendor's would."""


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


def run_demo(day_text: str | None, replay: str | None, *, as_json: bool) -> Exit:
    """One ASX day through Dagster, then the table and three things to try."""
    from stocks_pipeline.cli.run import Ask, run_day

    found = demo_settings(replay)
    market = desk.market_named("asx")
    day = desk.session_named(day_text, market)
    if not as_json:
        world = "replayed real data" if replay else "a simulated market"
        console.print(f"One ASX day, {day}, from {world}, through Dagster, in {found.home}", highlight=False)
    with sandbox_process.running(found, replay=replay, today=day, more=("--latency-ms", str(LATENCY_MS))):
        code = run_day(found, market, Ask(day), as_json=as_json, triggered_by="stocks demo")
    if not as_json and code in {Exit.OK, Exit.PARTIAL}:
        again = f" REPLAY={replay}" if replay else ""
        print_next(
            [
                ("see it in the Dagster UI", f"make dev{again}"),
                ("ask the data", f'.venv/bin/stocks sql "{_query(day)}"'),
                ("break it on purpose, then heal it", "see “When something fails” in README.md"),
            ]
        )
    # A demo that shows failed symbols truthfully has worked; only a day that is not there is a failure.
    return Exit.OK if code is Exit.PARTIAL else code


def run_dev(port: int, replay: str | None) -> int:
    """The UI and the daemon until Ctrl-C."""
    found = demo_settings(replay) if replay else desk.settings()
    desk.enter(found)
    workspace = ["-w", "workspace.yaml"] if Path("workspace.yaml").exists() else ["-m", "stocks_pipeline.definitions"]
    dagster = str(Path(sys.executable).parent / "dagster")
    with sandbox_process.running(found, replay=replay, more=("--latency-ms", str(LATENCY_MS))):
        console.print(
            f"Dagster UI: http://127.0.0.1:{port}   desk: {found.home}   upstream: {found.upstream}", highlight=False
        )
        return _until_stopped([dagster, "dev", *workspace, "--host", "127.0.0.1", "--port", str(port)])


def _until_stopped(line: Sequence[str]) -> int:
    """Run `dagster dev` until it ends, or until Ctrl-C or a TERM, and leave no daemon behind.

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
    line = sandbox_process.command(desk.settings(), more=arguments)
    try:
        return subprocess.run(line, check=False).returncode  # noqa: S603 - our own module
    except KeyboardInterrupt:
        return 0


def _query(day: date) -> str:
    """The day's most traded companies: a query to copy, printed and not run."""
    turnover = "close * volume DESC"
    return f"SELECT symbol, close FROM daily_prices WHERE session = '{day}' ORDER BY {turnover} LIMIT 10"  # noqa: S608

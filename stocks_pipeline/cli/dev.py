"""`stocks dev` and `stocks sandbox`: servers that run until Ctrl-C.

What belongs here: starting them beside each other and leaving none behind. What does not: the sandbox process itself
(sandbox_process.py).
"""

import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from stocks_pipeline.cli import desk, sandbox_process
from stocks_pipeline.cli.demo import PACE, demo_settings, on_the_sandboxs_clock
from stocks_pipeline.cli.output import console
from stocks_pipeline.settings import DEFAULT_UI, Settings


def run_dev(port: int, replay: str | None) -> int:
    """The UI and the daemon until Ctrl-C."""
    found = demo_settings(replay) if replay else desk.settings()
    desk.enter(found)
    workspace = ["-w", "workspace.yaml"] if Path("workspace.yaml").exists() else ["-m", "stocks_pipeline.definitions"]
    dagster = str(Path(sys.executable).parent / "dagster")
    with sandbox_process.running(found, replay=replay, more=PACE):
        desk.enter(_linking_to(on_the_sandboxs_clock(found), port))
        console.print(
            f"Dagster UI: http://127.0.0.1:{port}   desk: {found.home}   upstream: {found.upstream}", highlight=False
        )
        return _until_stopped([dagster, "dev", *workspace, "--host", "127.0.0.1", "--port", str(port)])


def _linking_to(found: Settings, port: int) -> Settings:
    """The desk whose alerts lead to the UI of this port, unless they were told to lead elsewhere."""
    if found.alerts.ui_url != DEFAULT_UI:
        return found
    return replace(found, alerts=replace(found.alerts, ui_url=f"http://127.0.0.1:{port}"))


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

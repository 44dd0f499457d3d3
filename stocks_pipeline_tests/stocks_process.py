"""`stocks` as processes of their own on one desk: started, watched, killed, and never left behind.

What belongs here: processes and what they leave in the lake and in Dagster's storage. What does not: days in this
process (fault_desk.py) and any expectation.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg

from stocks_pipeline.storage.lake import Lake, open_lake
from stocks_pipeline_tests.fault_desk import DAY, contents, desk_environment
from stocks_pipeline_tests.sandbox_server import SandboxServer

STOCKS = (sys.executable, "-c", "from stocks_pipeline.cli import main; main()")
END_S = 60.0


@dataclass
class StocksDesk:
    """One desk and the processes that work on it; each leads a process group of its own."""

    home: Path
    world: SandboxServer
    settings: Mapping[str, str] = field(default_factory=dict)
    started: list["subprocess.Popen[str]"] = field(default_factory=list)

    @property
    def lake(self) -> Lake:
        return open_lake(str(self.home / "lake"))

    @property
    def environment(self) -> dict[str, str]:
        """That of the desk's processes: ours, less any desk that we are on."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("STOCKS_", "DAGSTER_"))}
        return clean | desk_environment(self.home, self.world) | dict(self.settings)

    def start(self, *command: str) -> "subprocess.Popen[str]":
        """Any command on this desk; its standard output and error are kept in files beside the desk."""
        number = len(self.started)
        with self.output(number, "out").open("w") as out, self.output(number, "err").open("w") as err:
            child = subprocess.Popen(
                command, env=self.environment, stdout=out, stderr=err, text=True, cwd=self.home, start_new_session=True
            )
        self.started.append(child)
        return child

    def run(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start `stocks run asx` for the day."""
        return self.start(*STOCKS, "run", "asx", "--date", str(DAY), "--json", *arguments)

    def report(self, child: "subprocess.Popen[str]") -> dict[str, Any]:
        """The document that a `run` printed, once it has ended."""
        child.wait(END_S)
        number = self.started.index(child)
        text = self.output(number, "out").read_text()
        assert text, self.output(number, "err").read_text()
        found: dict[str, Any] = json.loads(text)
        return found

    def output(self, number: int, kind: str) -> Path:
        return self.home / f"process-{number}.{kind}"

    def stored(self) -> dict[str, str | bytes]:
        """The batch files, every one of them read, by key."""
        return {key: version for key, version in contents(self.lake).items() if "/raw-data/" in key}

    @contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        """The desk's Dagster storage."""
        with dg.DagsterInstance.from_config(str(self.home / "dagster")) as found:
            yield found

    def statuses(self) -> set[str]:
        """The statuses of all runs."""
        with self.instance() as instance:
            return {run.status.value for run in instance.get_runs()}

    def end(self) -> None:
        """End every process group that is still there."""
        for child in self.started:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def wait_for(condition: Callable[[], bool], child: "subprocess.Popen[str] | None" = None, *, longest_s: float) -> bool:
    """Wait until it holds; False when the process ended first. A test that waits in vain fails here."""
    deadline = time.monotonic() + longest_s
    while not condition():
        if child is not None and child.poll() is not None:
            return False
        assert time.monotonic() < deadline, f"it did not come to pass within {longest_s} s"
        time.sleep(0.02)
    return True

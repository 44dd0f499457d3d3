"""What a person sees in a terminal while a session runs, as against what is printed when it has ended."""

import os
import pty
import re
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fcntl import ioctl
from termios import TIOCSWINSZ

import pytest

from stocks_pipeline_tests.fault_desk import DAY
from stocks_pipeline_tests.pipeline.test_validation_kill import SYMBOLS, fetched, validating
from stocks_pipeline_tests.stocks_process import STOCKS, StocksDesk

__all__ = ["fetched", "validating"]

COLUMNS = 80
BATCHES = 3
_CODES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


@contextmanager
def terminal() -> Iterator[tuple[int, int]]:
    """A terminal of 80 columns: our end of it, and the command's."""
    ours, theirs = pty.openpty()
    ioctl(theirs, TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
    try:
        yield ours, theirs
    finally:
        os.close(ours)


def lines_of(ours: int) -> list[str]:
    """What was drawn until the command let go of the terminal, line by line, without colours."""
    seen = bytearray()
    with suppress(OSError):  # Linux says so when the other end is closed
        while piece := os.read(ours, 65_536):
            seen += piece
    return [line.rstrip() for line in re.split(r"[\r\n]+", _CODES.sub("", seen.decode(errors="replace")))]


@pytest.mark.timeout(120)
def test_progress_moves_while_a_session_runs(validating: StocksDesk) -> None:
    """D12: each batch shows when it ends, with its credits and the time left, on a line that fits 80 columns, although
    Dagster sends what a step writes to a file of its own.
    """
    with terminal() as (ours, theirs):
        command = [*STOCKS, "validate", "--date", str(DAY)]
        environment = validating.environment | {"TERM": "xterm-256color"}
        child = subprocess.Popen(
            command, env=environment, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
        )
        os.close(theirs)
        drawn = [line for line in lines_of(ours) if "batches" in line and "credits used" in line]
        assert child.wait(60) == 0
    for done in range(BATCHES + 1):
        assert any(f" {done}/{BATCHES} " in line for line in drawn), drawn
    assert any("left" in line for line in drawn)
    assert f"{len(SYMBOLS)} credits used" in drawn[-1]
    assert max(len(line) for line in drawn) < COLUMNS

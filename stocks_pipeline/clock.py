"""The only door to the wall clock, to waiting and to chance.

What belongs here: `Clock` and its one production implementation. Everything that reads the time, sleeps or draws a
random number takes a `Clock`, so a test hands in a simulated one and never waits. What does not: any decision about
which day it is. A partition key decides that.
"""

import random
import threading
import time
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """Time, waiting and jitter as one injectable thing."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC. For `fetched_at` and logs, never for a window, a key or a file name."""
        ...

    def time(self) -> float:
        """Seconds since the epoch: comparable between processes of one machine."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that no one can set back: for budgets and durations inside one process."""
        ...

    def uptime(self) -> tuple[str, float]:
        """Which start of the machine this is, and seconds since: the same for all its processes, and nobody sets it.

        The name is empty where the system has none (anything but Linux).
        """
        ...

    def sleep(self, seconds: float) -> None:
        """Wait; returns at once for zero or less."""
        ...

    def random(self) -> float:
        """A number in [0, 1): for jitter only."""
        ...


@cache
def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


class SystemClock:
    """The real clock of this machine."""

    def __init__(self, stop: threading.Event | None = None) -> None:
        self._stop = stop or threading.Event()
        self._random = random.Random()  # noqa: S311 - jitter, not cryptography

    def now(self) -> datetime:
        return datetime.now(UTC)

    def time(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def uptime(self) -> tuple[str, float]:
        boottime = getattr(time, "CLOCK_BOOTTIME", None)  # goes on while the machine is asleep
        return _boot_id(), time.monotonic() if boottime is None else time.clock_gettime(boottime)

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            self._stop.wait(seconds)

    def random(self) -> float:
        return self._random.random()

"""The in-memory stand-ins that unit tests use, each tested in unit/test_fakes.py."""

import threading
from datetime import UTC, datetime


class FakeClock:
    """A `Clock` that moves only when told to, or when somebody sleeps on it. Safe for threads."""

    def __init__(self, start: float = 1_763_596_800.0, jitter: float = 0.5) -> None:
        self._lock = threading.Lock()
        self._time = self._up = start
        self.boot = "fake"
        self._jitter = jitter
        self.slept: list[float] = []

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time(), UTC)

    def time(self) -> float:
        with self._lock:
            return self._time

    def monotonic(self) -> float:
        return self.time()

    def uptime(self) -> tuple[str, float]:
        with self._lock:
            return self.boot, self._up

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.slept.append(seconds)
            self._time += max(0.0, seconds)
            self._up += max(0.0, seconds)

    def advance(self, seconds: float) -> None:
        """Let time pass for everyone."""
        with self._lock:
            self._time += seconds
            self._up += seconds

    def step(self, seconds: float) -> None:
        """Set the wall clock, forward or back, by which no time passes."""
        with self._lock:
            self._time += seconds

    def restart(self) -> None:
        """The machine is started anew; the wall clock goes on."""
        with self._lock:
            self._up, self.boot = 0.0, f"{self.boot}+" if self.boot else ""

    def random(self) -> float:
        return self._jitter

"""The in-memory stand-ins that unit tests use, each tested in unit/test_fakes.py."""

import threading
from datetime import UTC, datetime

from stocks_pipeline.clock import Clock
from stocks_pipeline.upstream.turns import check, pause


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


class Unlimited:
    """A `Limiter` that limits nothing, in memory; it still honours `cool_down`. Benchmarks use it as well."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._cool_until = clock.monotonic()
        self._lock = threading.Lock()
        self._granted: list[tuple[float, int]] = []

    def acquire(self, credits: int = 1, *, stop: threading.Event | None = None) -> None:  # noqa: A002 - the vendors' word
        check(stop)
        while (wait := self.cooling_s()) > 0:
            pause(wait, clock=self._clock, stop=stop)
        with self._lock:
            self._granted.append((self._clock.monotonic(), credits))

    def give_back(self, credits: int) -> None:  # noqa: A002 - the vendors' word
        """There is no day's count."""

    def cool_down(self, seconds: float, reason: str = "") -> None:  # noqa: ARG002 - nobody is told
        with self._lock:
            self._cool_until = max(self._cool_until, self._clock.monotonic() + seconds)

    def cooling_s(self) -> float:
        return max(0.0, self._cool_until - self._clock.monotonic())

    def used(self, period_s: float) -> int:
        since = self._clock.monotonic() - period_s
        with self._lock:
            return sum(credits_ for at, credits_ in self._granted if at > since)

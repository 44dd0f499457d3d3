"""Several processes in simulated time: threads of which exactly one runs at a time, on a clock that they share.

What belongs here: the simulation and what it measures. What does not: what is simulated, which each test brings.
"""

import heapq
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from stocks_pipeline.upstream.limits import Rate

START = 1_763_596_800.0  # midnight UTC
EXACT = 1e-5  # what floating point may lose on times of this size


class Vanished(BaseException):
    """Ends the thread of an actor that was killed, when the simulation is over."""


@dataclass
class World:
    """A discrete-event simulation of threads; it is also their clock."""

    seed: int = 0
    late_s: float = 0.0  # naps end up to this late
    busy_s: float = 0.0  # reading the clock takes up to this long
    present: float = START
    wall_offset: float = 0.0
    sent: list[tuple[float, int, str]] = field(default_factory=list)
    faults: list[BaseException] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)  # noqa: S311 - a simulation
        self._queue: list[tuple[float, int, threading.Semaphore]] = []
        self._count = 0
        self._idle = threading.Semaphore(0)
        self._threads: list[threading.Thread] = []
        self._doomed: dict[int, int] = {}
        self._graves: list[threading.Semaphore] = []

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time(), UTC)

    def time(self) -> float:
        return self.monotonic() + self.wall_offset

    def random(self) -> float:
        return self._dice.random()

    def monotonic(self) -> float:
        self.present += self.random() * self.busy_s
        return self.present

    def uptime(self) -> tuple[str, float]:
        return "world", self.monotonic()

    def sleep(self, seconds: float) -> None:
        me = threading.get_ident()
        if me in self._doomed:
            self._doomed[me] -= 1
            if self._doomed[me] == 0:
                self._vanish()
        self._park(self.present + seconds + self.random() * self.late_s)

    def actor(self, work: Callable[[], None], *, begins: float = 0.0, naps_to_live: int | None = None) -> None:
        """Add a thread that starts after `begins` seconds and is killed at its n-th nap."""

        def live() -> None:
            if naps_to_live is not None:
                self._doomed[threading.get_ident()] = naps_to_live
            try:
                self._park(START + begins)
                work()
            except Vanished:
                return
            except BaseException as exc:  # noqa: BLE001 - handed to the test below
                self.faults.append(exc)
            self._idle.release()

        self._threads.append(threading.Thread(target=live, daemon=True))

    def run(self, within_s: float) -> None:
        """Let everyone live until all are done.

        Raises:
            AssertionError: someone still waits after `within_s` simulated seconds: that is starvation.
        """
        for thread in self._threads:
            thread.start()
            self._idle.acquire()
        try:
            while self._queue:
                self.present = max(self.present, self._queue[0][0])
                assert self.present - START <= within_s, f"{len(self._queue)} actors starve"
                _, _, asleep = heapq.heappop(self._queue)
                asleep.release()
                self._idle.acquire()
        finally:
            self._graves += [asleep for _, _, asleep in self._queue]
            self._queue.clear()
            for grave in self._graves:
                grave.release()
            for thread in self._threads:
                thread.join(10)
        if self.faults:
            raise self.faults[0]

    def _park(self, until: float) -> None:
        asleep = threading.Semaphore(0)
        self._count += 1
        heapq.heappush(self._queue, (until, self._count, asleep))
        self._idle.release()
        asleep.acquire()
        if asleep in self._graves:
            raise Vanished

    def _vanish(self) -> None:
        grave = threading.Semaphore(0)
        self._graves.append(grave)
        self._idle.release()
        grave.acquire()
        raise Vanished

    def send(self, credits_: int, who: str = "") -> None:
        """A request leaves now."""
        self.sent.append((self.present, credits_, who))

    def worst(self, rate: Rate) -> int:
        """The most credits in any window of the rate's period."""
        times = sorted(self.sent)
        return max(
            sum(credits_ for at, credits_, _ in times[first:] if at < begin + rate.period_s - EXACT)
            for first, (begin, _, _) in enumerate(times)
        )

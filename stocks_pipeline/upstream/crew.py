"""Threads of a gateway that never keep a process alive.

What belongs here: handing work to a bounded number of threads, and letting go of them. What does not: what the work is
or where its results go (each gateway). `concurrent.futures` is not used because the interpreter joins its threads when
it exits: Ctrl-C would wait for the longest call in flight. These are daemons.
"""

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue

from stocks_pipeline.clock import Clock

Work = Callable[[], None]


class Crew:
    """At most `size` threads, started as they are needed. Work must not raise."""

    def __init__(self, size: int, name: str, clock: Clock) -> None:
        if size < 1:
            raise ValueError(f"a crew needs at least one thread, not {size}")
        self.size = size
        self._name, self._clock = name, clock
        self._lock = threading.Lock()
        self._todo: SimpleQueue[Work | None] = SimpleQueue()  # None: go home
        self._threads: list[threading.Thread] = []
        self._closed = False

    def submit(self, work: Work) -> None:
        """Have it done by whoever is free first.

        Raises:
            RuntimeError: the crew was sent home.
        """
        with self._lock:
            if self._closed:
                raise RuntimeError(f"the {self._name} threads were let go: cannot take work any more")
            self._todo.put(work)
            if len(self._threads) < self.size:
                name = f"{self._name}-{len(self._threads)}"
                thread = threading.Thread(target=_serve, args=(self._todo,), name=name, daemon=True)
                thread.start()
                self._threads.append(thread)

    def close(self, longest_s: float) -> bool:
        """Drop what waits and wait for what is under way, `longest_s` in all. Whether everyone has gone."""
        with self._lock:
            self._closed = True
        try:
            while True:
                self._todo.get_nowait()
        except Empty:
            pass
        for _ in self._threads:
            self._todo.put(None)
        deadline = self._clock.monotonic() + longest_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - self._clock.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)


def _serve(todo: "SimpleQueue[Work | None]") -> None:
    while (work := todo.get()) is not None:
        work()
        del work  # while it waits it holds nothing of the caller's

"""Waiting: until an instant, or until those who came before have had their turn, unless it is called off.

What belongs here: `pause` and the line in front of a limiter. What does not: how long to wait (limits.py, http.py).
"""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from stocks_pipeline.clock import Clock

_POLL_S = 0.25  # how soon a waiting thread sees `stop`


class Cancelled(Exception):  # noqa: N818 - the caller asked for it; nothing went wrong
    """The wait was ended by `stop` (or by a stopped clock) before the turn came. Nothing was sent or charged."""


def pause(seconds: float, *, clock: Clock, stop: threading.Event | None = None) -> None:
    """Sleep on the clock; `stop` ends it within a quarter of a second.

    Raises:
        Cancelled: `stop` is set, or the clock itself was stopped and no longer sleeps.
    """
    end = clock.monotonic() + seconds
    while (left := end - (now := clock.monotonic())) > 0:
        if stop is not None:
            check(stop)
            left = min(left, _POLL_S)
        clock.sleep(left)
        if clock.monotonic() - now < left / 2:
            raise Cancelled("the clock was stopped")
    check(stop)


def check(stop: threading.Event | None) -> None:
    """Nothing, unless it is called off.

    Raises:
        Cancelled: it is.
    """
    if stop is not None and stop.is_set():
        raise Cancelled("stopped while waiting for a turn")


class Turns:
    """A lock that serves its waiters in the order they came and lets each give up."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._line: deque[threading.Event] = deque()

    @contextmanager
    def turn(self, stop: threading.Event | None) -> Iterator[None]:
        """The block is this caller's turn."""
        called = threading.Event()
        with self._mutex:
            self._line.append(called)
            self._line[0].set()
        try:
            while not called.wait(None if stop is None else _POLL_S):
                check(stop)
            yield
        finally:
            with self._mutex:
                self._line.remove(called)
                if self._line:
                    self._line[0].set()

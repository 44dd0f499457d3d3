"""A bounded pool of threads whose results arrive as they complete.

What belongs here: handing out keys, collecting results, stopping. What does not: what a key is, what a failure means,
Dagster (fanout.py builds on this), or processes. `concurrent.futures` is not used because it takes all keys at once,
and because its threads keep a cancelled process alive until the last call returns; these are daemons.
"""

import threading
import weakref
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

WAKE_S = 0.5  # how late an interrupt may be noticed
JOIN_S = 10.0  # how long an interrupted pool waits, in all, for workers that do not look at `stop`


@dataclass(frozen=True, slots=True)
class Result(Generic[K, V]):
    """What became of one key: the value that `work` returned, or the error that it raised."""

    key: K
    value: V | None = None
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class _Crash:
    """A worker raised what is no statement about its key: the process is going down."""

    error: BaseException


_Outcome = Result[K, V] | _Crash | None  # None: taken, but not started


def run_bounded(
    keys: Iterable[K], work: Callable[[K], V], *, workers: int, stop: threading.Event
) -> Generator[Result[K, V], None, None]:
    """Results as they complete, with at most `2 * workers` keys taken and not yet yielded, however many there are.

    `work` runs in `workers` threads; the calling thread only hands out keys and yields. Setting `stop` ends it early:
    no further key starts, and what finishes is still yielded. Closing it, or an interrupt inside it, sets `stop`, and
    the threads are joined.

    Raises:
        BaseException: what a worker raised beyond `Exception` (SystemExit and the like) or a MemoryError. `stop` is
            set, and everything that finished is yielded first.
    """
    crew: _Crew[K, V] = _Crew(work, workers, stop)
    source, taken, crash = iter(keys), 0, None
    try:
        while True:
            while taken < 2 * workers and not stop.is_set():
                try:
                    crew.hand_out(next(source))
                except StopIteration:
                    break
                taken += 1
            if not taken:
                break
            outcome = crew.outcome()
            taken -= 1
            if isinstance(outcome, Result):
                yield outcome
            elif isinstance(outcome, _Crash):
                crash = crash or outcome
    except BaseException:
        stop.set()
        raise
    finally:
        crew.dismiss()
    if crash:
        raise crash.error


class _Crew(Generic[K, V]):
    """The threads of one pool and the two queues between them and the calling thread."""

    def __init__(self, work: Callable[[K], V], size: int, stop: threading.Event) -> None:
        if size < 1:
            raise ValueError(f"a pool needs at least one worker, not {size}")
        self.done: SimpleQueue[_Outcome[K, V]] = SimpleQueue()
        self._todo: SimpleQueue[Callable[[], _Outcome[K, V]] | None] = SimpleQueue()  # None: go home
        self._work, self._size, self._stop = work, size, stop
        self._threads: list[threading.Thread] = []

    def hand_out(self, key: K) -> None:
        """Give one key to whoever is free first; a thread starts only when it is needed."""
        self._todo.put(partial(_attempt, self._work, key))
        if len(self._threads) < self._size:
            name, wiring = f"fan-out-{len(self._threads)}", (self._todo, weakref.ref(self.done), self._stop)
            thread = threading.Thread(target=_serve, args=wiring, name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def outcome(self) -> _Outcome[K, V]:
        """Whatever is done first. Python sees a signal that came just before a wait only after it: waits are short."""
        while True:
            try:
                return self.done.get(timeout=WAKE_S)
            except Empty:
                continue

    def dismiss(self) -> None:
        """Send everyone home and wait for them, at most `JOIN_S` seconds in all."""
        for _ in self._threads:
            self._todo.put(None)
        for thread in self._threads:
            thread.join(JOIN_S / len(self._threads))


def _serve(
    todo: "SimpleQueue[Callable[[], _Outcome[Any, Any]] | None]",
    listener: "weakref.ref[SimpleQueue[_Outcome[Any, Any]]]",
    stop: threading.Event,
) -> None:
    """The life of one thread. While it waits it holds nothing of the caller's.

    Dagster may drop a suspended generator without closing it (an interrupt while it stores an event). Only the garbage
    collector then ends the pool, and it could not if an idle thread held the work, and so the run, and so the pool.
    """
    while (attempt := todo.get()) is not None:
        outcome = None if stop.is_set() else attempt()
        if isinstance(outcome, _Crash):
            stop.set()  # here, not where it is read: by then this thread would be at its next key
        done = listener()
        if done is None:
            return
        done.put(outcome)
        del attempt, outcome, done


def _attempt(work: Callable[[K], V], key: K) -> Result[K, V] | _Crash:
    try:
        return Result(key, value=work(key))
    except MemoryError as error:  # an Exception by class, but it says nothing about this key
        return _Crash(error)
    except Exception as error:  # noqa: BLE001 - it only changes threads here; whoever reads the results sorts it
        return Result(key, error=error)
    except BaseException as error:  # noqa: BLE001 - raised again in the calling thread
        return _Crash(error)

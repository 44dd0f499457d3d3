"""The pool under the fan-out: bounded, prompt to stop, honest about crashes. No Dagster here."""

import gc
import signal
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stocks_pipeline import pool
from stocks_pipeline.pool import run_bounded

WAIT_S = 10.0  # a test that waits this long has failed


def pool_threads() -> list[threading.Thread]:
    """The pool threads that are alive."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("fan-out-")]


@pytest.fixture(autouse=True)
def _no_thread_survives() -> Iterator[None]:
    """Every test ends with all pool threads gone."""
    assert not pool_threads()
    yield
    assert not pool_threads()


class Meter:
    """Counts what is taken but not yet yielded, and what runs at once."""

    def __init__(self, total: int) -> None:
        self.total, self.handed, self.yielded, self.running = total, 0, 0, 0
        self.most_taken = self.most_running = 0
        self.lock = threading.Lock()

    def keys(self) -> Iterator[int]:
        for key in range(self.total):
            self.handed += 1
            self.most_taken = max(self.most_taken, self.handed - self.yielded)
            yield key

    def work(self, key: int) -> int:
        with self.lock:
            self.running += 1
            self.most_running = max(self.most_running, self.running)
        try:
            if key % 3 == 0:
                raise LookupError(key)
            return key * key
        finally:
            with self.lock:
                self.running -= 1


@given(total=st.integers(0, 60), workers=st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_every_key_comes_out_exactly_once_with_its_own_outcome(total: int, workers: int) -> None:
    """For any number of keys and workers: one result a key, its value or its error, within both bounds."""
    meter = Meter(total)
    results = {}
    for result in run_bounded(meter.keys(), meter.work, workers=workers, stop=threading.Event()):
        meter.yielded += 1
        assert result.key not in results
        results[result.key] = result
    assert sorted(results) == list(range(total))
    for key, result in results.items():
        assert (result.value, type(result.error)) == ((None, LookupError) if key % 3 == 0 else (key * key, type(None)))
    assert meter.most_taken <= 2 * workers
    assert meter.most_running <= workers


def test_ten_thousand_keys_pass_in_bounded_memory() -> None:
    """10,000 keys of 20 kB each: at most 2 x workers are ever taken, and the peak stays below 2 MB, not 200."""
    meter = Meter(10_000)
    tracemalloc.start()
    try:
        for result in run_bounded(meter.keys(), lambda _: bytearray(20_000), workers=8, stop=threading.Event()):
            meter.yielded += 1
            assert result.value is not None
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert meter.yielded == 10_000
    assert meter.most_taken <= 16
    assert peak < 2_000_000


def test_workers_run_at_the_same_time() -> None:
    """Four workers are really four: each waits for the other three."""
    together = threading.Barrier(4, timeout=WAIT_S)
    results = list(run_bounded(range(8), lambda _: together.wait(), workers=4, stop=threading.Event()))
    assert [result.error for result in results] == [None] * 8


def test_results_come_as_they_complete() -> None:
    """A slow first key does not hold back the others."""
    release = threading.Event()

    def work(key: int) -> int:
        assert key != 0 or release.wait(WAIT_S)
        return key

    order = []
    for result in run_bounded(range(5), work, workers=2, stop=threading.Event()):
        order.append(result.key)
        if len(order) == 4:
            release.set()
    assert order == [1, 2, 3, 4, 0]


def test_a_pool_without_workers_is_refused() -> None:
    """Zero workers would wait for ever."""
    with pytest.raises(ValueError, match="at least one worker"):
        next(run_bounded([1], str, workers=0, stop=threading.Event()))


@pytest.mark.parametrize("crash", [SystemExit(3), MemoryError("no more"), KeyboardInterrupt(), GeneratorExit()])
def test_a_crash_ends_the_pool_after_what_was_finished(crash: BaseException) -> None:
    """What is no statement about a key stops everything: finished ones are delivered, then the crash is raised."""
    stop, started, both = threading.Event(), [], threading.Barrier(2, timeout=WAIT_S)

    def work(key: int) -> int:
        started.append(key)
        if key == 4:
            both.wait()
            raise crash
        if key == 5:
            both.wait()
            assert stop.wait(WAIT_S)  # a good worker looks at `stop`, ends its key properly and returns
        return key

    seen: list[int] = []
    with pytest.raises(type(crash)) as raised:
        seen.extend(result.key for result in run_bounded(range(1000), work, workers=2, stop=stop))
    assert raised.value is crash
    assert stop.is_set()
    assert seen == [0, 1, 2, 3, 5]
    assert len(started) <= 4 + 2 * 2


def test_stop_ends_it_early_and_keeps_what_is_finished() -> None:
    """A caller's `stop`: nothing new starts, running keys are delivered, and the pool ends without an error."""
    stop, started = threading.Event(), []

    def work(key: int) -> int:
        started.append(key)
        if key == 7:
            stop.set()
        return key

    seen = [result.key for result in run_bounded(range(1000), work, workers=2, stop=stop)]
    assert set(seen) == set(started)
    assert len(seen) <= 7 + 1 + 2


def test_closing_it_stops_the_workers_promptly() -> None:
    """A closed generator cancels what waits, wakes those who look at `stop`, and joins the threads."""
    stop, started = threading.Event(), []

    def work(key: int) -> int:
        started.append(key)
        if key > 0:
            assert stop.wait(WAIT_S)
        return key

    with closing(run_bounded(range(1000), work, workers=3, stop=stop)) as results:
        assert next(results).key == 0
    assert stop.is_set()
    assert not pool_threads()
    assert len(started) <= 4


def test_an_interrupt_while_waiting_is_raised_at_once() -> None:
    """Ctrl-C while all workers are busy: KeyboardInterrupt in the main thread, the others stopped and joined."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    stop = threading.Event()

    def work(key: int) -> int:
        if key == 5:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        assert key < 4 or stop.wait(WAIT_S)
        return key

    seen: list[int] = []
    try:
        with pytest.raises(KeyboardInterrupt):
            seen.extend(result.key for result in run_bounded(range(1000), work, workers=2, stop=stop))
    finally:
        signal.signal(signal.SIGINT, before)
    assert stop.is_set()


def test_a_worker_that_never_looks_at_stop_does_not_hold_up_a_cancel(monkeypatch: pytest.MonkeyPatch) -> None:
    """The join is bounded; the thread left behind is a daemon, so it cannot keep the process alive."""
    monkeypatch.setattr(pool, "JOIN_S", 0.05)
    release, stop = threading.Event(), threading.Event()

    def work(key: int) -> int:
        assert key == 0 or release.wait(WAIT_S)
        return key

    with closing(run_bounded(range(9), work, workers=2, stop=stop)) as results:
        assert next(results).key == 0
    assert pool_threads()
    assert all(thread.daemon for thread in pool_threads())
    release.set()
    for thread in pool_threads():
        thread.join(WAIT_S)


def test_a_source_of_keys_that_fails_ends_the_pool() -> None:
    """An error of the keys' own iterator is raised to the caller; it is nobody's partition."""

    def keys() -> Iterator[int]:
        yield 1
        raise OSError("the list is gone")

    stop = threading.Event()
    with pytest.raises(OSError, match="the list is gone"):
        list(run_bounded(keys(), str, workers=1, stop=stop))
    assert stop.is_set()


def test_a_dropped_pool_is_ended_by_the_garbage_collector() -> None:
    """Whoever suspends the generator and forgets it, even inside a reference cycle, leaves no thread behind."""
    stop = threading.Event()

    def drop() -> None:
        cycle: dict[str, object] = {}

        def work(key: int) -> object:
            if key == 1:
                raise LookupError(cycle)  # its traceback holds this frame, and so the cycle, and so the generator
            return cycle

        cycle["results"] = results = run_bounded(range(1000), work, workers=2, stop=stop)
        assert next(results).key in {0, 1}

    drop()
    for _ in range(500):  # the threads may still be busy with the keys they were given
        gc.collect()
        if stop.wait(0.01):
            break
    assert stop.is_set()
    assert not pool_threads()

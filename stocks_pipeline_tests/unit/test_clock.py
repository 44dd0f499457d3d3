"""The only door to time, waiting and chance."""

import subprocess
import sys
import threading
import time
from datetime import UTC, timedelta

from stocks_pipeline.clock import Clock, SystemClock


def test_the_system_clock_tells_the_present_in_utc() -> None:
    """F06: `now` and `time` are the same instant, aware and in UTC."""
    clock: Clock = SystemClock()
    before, now, after = clock.time(), clock.now(), clock.time()
    assert now.tzinfo is UTC
    assert now.utcoffset() == timedelta(0)
    assert before <= now.timestamp() <= after


def test_monotonic_never_goes_back() -> None:
    """F18: budgets are counted on a clock that nobody can set."""
    clock = SystemClock()
    readings = [clock.monotonic() for _ in range(100)]
    assert readings == sorted(readings)


def test_all_processes_share_the_time_since_the_start() -> None:
    """The limits' clock: another process reads the same start of the machine, and the time since goes on from ours."""
    told = "from stocks_pipeline.clock import SystemClock; print(*SystemClock().uptime(), sep='|')"
    boot, before = SystemClock().uptime()
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    theirs = done.stdout.strip().split("|")
    assert theirs[0] == boot
    assert before <= float(theirs[1]) <= SystemClock().uptime()[1]


def test_chance_is_a_share() -> None:
    """Jitter: numbers in [0, 1), not all the same, and not the same in two processes' clocks."""
    one, two = SystemClock(), SystemClock()
    drawn = [one.random() for _ in range(50)]
    assert all(0 <= number < 1 for number in drawn)
    assert len(set(drawn)) > 1
    assert drawn != [two.random() for _ in range(50)]


def test_nothing_to_wait_for_returns_at_once() -> None:
    """F18: zero and negative waits are no waits."""
    clock = SystemClock()
    before = time.monotonic()
    clock.sleep(0)
    clock.sleep(-5)
    assert time.monotonic() - before < 1


def test_a_stop_ends_the_wait() -> None:
    """Ctrl-C: whoever sleeps for an hour is awake as soon as the run is stopped."""
    stop = threading.Event()
    clock = SystemClock(stop)
    sleeper = threading.Thread(target=clock.sleep, args=(3600,), daemon=True)
    sleeper.start()
    stop.set()
    sleeper.join(5)
    assert not sleeper.is_alive()

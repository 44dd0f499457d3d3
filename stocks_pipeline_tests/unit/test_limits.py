"""The limiter's promises one by one, on a clock that only moves when somebody sleeps."""

import gc
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stocks_pipeline.clock import Clock, SystemClock
from stocks_pipeline.upstream.control_file import StoreError
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError
from stocks_pipeline.upstream.limits import Cancelled, Rate, SharedLimiter, open_limiter, pause, slack_for
from stocks_pipeline.upstream.turns import Turns
from stocks_pipeline_tests.fakes import FakeClock

MINUTE = (Rate(8, 60),)
SLACK = 0.5
Opener = Callable[..., SharedLimiter]


class UneasyClock(FakeClock):
    """A fake clock in whose life something may happen.

    `nap(seconds)` does it during a nap and says how long that really was; before the reading that `jump` counts down
    to, the time changes by `jump_s`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.nap: Callable[[float], float] = lambda seconds: seconds
        self.jump = 0
        self.jump_s = 0.0

    def uptime(self) -> tuple[str, float]:
        self.jump -= 1
        if self.jump == 0:
            self.advance(self.jump_s)
        return super().uptime()

    def sleep(self, seconds: float) -> None:
        super().sleep(self.nap(seconds))


@pytest.fixture
def clock() -> UneasyClock:
    return UneasyClock()


@pytest.fixture
def opened(tmp_path: Path, clock: UneasyClock) -> Iterator[Opener]:
    """Open limiters on one file, each as another process would; close them in the end."""
    made: list[SharedLimiter] = []

    def one(
        rates: tuple[Rate, ...] = MINUTE, key: str = "vendor", daily: int | None = None, on: Clock = clock
    ) -> SharedLimiter:
        path = str(tmp_path / "state" / "control.sqlite")
        made.append(open_limiter(path, key, rates, clock=on, upstream="vendor", daily=daily))
        return made[-1]

    yield one
    for limiter in made:
        limiter.close()


def test_a_window_is_granted_at_once_then_the_line_waits(opened: Opener, clock: UneasyClock) -> None:
    """Eight of eight wait for nothing; the ninth waits for the window and its tolerance."""
    limiter = opened()
    start = clock.time()
    for _ in range(8):
        limiter.acquire()
    assert (clock.time() - start, limiter.used(60)) == (0, 8)

    limiter.acquire()
    assert clock.time() - start == pytest.approx(60 + SLACK)
    assert limiter.used(60) == 1


def test_credits_of_one_call_are_charged_together(opened: Opener, clock: UneasyClock) -> None:
    """Five, then four of eight: the second call waits until the first has left the window."""
    limiter = opened()
    start = clock.time()
    limiter.acquire(5)
    limiter.acquire(3)
    assert clock.time() == start
    clock.advance(10)
    limiter.acquire(4)
    assert clock.time() - start == pytest.approx(60 + SLACK)


def test_188_credits_take_the_shortest_time(opened: Opener, clock: UneasyClock) -> None:
    """At 8 a minute in batches of 8 the last batch goes at 23 minutes plus the tolerance of each window (0.8 %)."""
    limiter = opened()
    start = clock.time()
    for batch in [8] * 23 + [4]:
        limiter.acquire(batch)
    assert clock.time() - start == pytest.approx(23 * (60 + SLACK), abs=1e-3)


def test_several_rates_hold_at_once(opened: Opener, clock: UneasyClock) -> None:
    """5 a second and 12 a minute: the second rate binds once the first has let 12 through."""
    limiter = opened((Rate(5, 1), Rate(12, 60)))
    start = clock.time()
    at = []
    for _ in range(13):
        limiter.acquire()
        at.append(round(clock.time() - start, 2))
    assert at == [0.0] * 5 + [1.02] * 5 + [2.04] * 2 + [60.02]


def test_limiters_share_the_file(opened: Opener, clock: UneasyClock) -> None:
    """What one process spent, another cannot spend; another key is another line."""
    start = clock.time()
    opened().acquire(8)
    opened(key="other").acquire(8)
    assert clock.time() == start
    opened().acquire()
    assert clock.time() - start == pytest.approx(60 + SLACK)


def test_a_restart_remembers(opened: Opener, clock: UneasyClock) -> None:
    """A closed and reopened limiter still knows what was spent."""
    first = opened()
    first.acquire(8)
    first.close()
    second = opened()
    assert second.used(60) == 8
    start = clock.time()
    second.acquire()
    assert clock.time() - start > 60


@pytest.mark.parametrize("credits_", [0, -1, 9])
def test_impossible_amounts_are_refused(opened: Opener, credits_: int) -> None:
    """Nothing, less than nothing, and more than a window ever holds would wait for ever or charge wrongly."""
    with pytest.raises(ValueError, match="1 to 8"):
        opened().acquire(credits_)


@pytest.mark.parametrize("rate", [(0, 1), (1, 0), (1, -1)])
def test_impossible_rates_are_refused(rate: tuple[int, float]) -> None:
    """A rate that would never grant anything is a mistake of the settings."""
    with pytest.raises(ValueError, match="rate"):
        Rate(*rate)


def test_no_rates_still_share_the_cool_down(opened: Opener, clock: UneasyClock) -> None:
    """An upstream without a known limit is held back by a cool-down all the same, in every process."""
    one, other = opened(()), opened(())
    for _ in range(100):
        one.acquire()
    other.cool_down(7)
    start = clock.time()
    one.acquire(50)
    assert clock.time() - start == pytest.approx(7)


def test_daily_cap_raises_at_once_until_midnight_utc(opened: Opener, clock: UneasyClock) -> None:
    """The ninth credit of a day of eight is refused without waiting, says when it resets, and is free the next day."""
    limiter = opened((Rate(100, 60),), daily=8)
    limiter.acquire(7)
    with pytest.raises(UpstreamError, match=r"7 of 8 credits of 2025-11-20 \(UTC\) are used, 2 more") as caught:
        limiter.acquire(2)
    assert caught.value.kind is FailureKind.QUOTA_DAY
    assert caught.value.retry_after_s == 86_400
    assert clock.slept == []

    limiter.acquire(1)
    clock.advance(86_400)
    opened((Rate(100, 60),), daily=8).acquire(8)


def test_a_wait_over_midnight_is_charged_to_the_day_it_is_sent(opened: Opener, clock: UneasyClock) -> None:
    """The line reaches into tomorrow: today's cap does not refuse what is sent tomorrow, and tomorrow's counts it."""
    clock.advance(86_400 - 30)
    limiter = opened(daily=8)
    limiter.acquire(8)
    limiter.acquire(8)  # 30 s before midnight the day is spent, but the next window opens after midnight
    assert clock.time() % 86_400 == pytest.approx(30 + SLACK)
    clock.advance(120)
    with pytest.raises(UpstreamError):
        limiter.acquire()


def test_no_grant_is_used_on_another_day_than_it_was_charged(opened: Opener, clock: UneasyClock) -> None:
    """Woken after midnight within the tolerance, a caller is charged to the new day instead."""
    clock.advance(86_400 - 60.6)
    limiter = opened(daily=16)
    limiter.acquire(8)
    clock.nap = lambda seconds: seconds + 0.3
    limiter.acquire(8)
    assert clock.time() > 1_763_596_800 + 86_400
    clock.advance(100)
    limiter.acquire(8)
    with pytest.raises(UpstreamError, match="16 of 16 credits of 2025-11-21"):
        limiter.acquire()


def test_cool_down_delays_everyone_and_never_shrinks(opened: Opener, clock: UneasyClock) -> None:
    """A shorter cool-down during a longer one changes nothing; every limiter sees the longer one."""
    one, other = opened(), opened()
    one.cool_down(30, "429")
    other.cool_down(5)
    assert other.cooling_s() == pytest.approx(30)
    start = clock.time()
    other.acquire()
    assert clock.time() - start == pytest.approx(30)
    assert one.cooling_s() == 0


def test_cool_down_reaches_those_who_already_sleep(opened: Opener, clock: UneasyClock) -> None:
    """A caller that had its send time learns on waking that the vendor said stop, and keeps its place."""
    one, other = opened(), opened()
    one.acquire(8)

    def other_process_acts(seconds: float) -> float:
        clock.nap = lambda seconds: seconds
        clock.advance(1)
        other.cool_down(100)
        return seconds - 1

    clock.nap = other_process_acts
    start = clock.time()
    one.acquire()
    assert clock.time() - start == pytest.approx(101)


def test_cool_down_reaches_those_who_are_just_waking(opened: Opener, clock: UneasyClock) -> None:
    """A vendor that says stop between our send time and our waking is obeyed."""
    one, other = opened(), opened()
    one.acquire(8)

    def other_process_acts(seconds: float) -> float:
        clock.nap = lambda seconds: seconds
        clock.advance(seconds + 0.1)
        other.cool_down(100)
        return 0.1

    clock.nap = other_process_acts
    start = clock.time()
    one.acquire()
    assert clock.time() - start == pytest.approx(60 + SLACK + 0.1 + 100)


def test_nobody_overtakes_a_larger_call(opened: Opener) -> None:
    """One credit would fit at once, but a process that waits for eight came first."""
    one, other = opened()._ledger, opened()._ledger
    one.reserve(1, SLACK)
    assert one.reserve(8, SLACK).wait == pytest.approx(60 + SLACK)
    assert other.reserve(1, SLACK).wait > 60


def test_nobody_overtakes_by_having_other_rates(opened: Opener) -> None:
    """Two deployments with different rates on one key still form one line: the faster one does not slip in ahead."""
    slow, fast = opened((Rate(1, 600),))._ledger, opened((Rate(100, 1),))._ledger
    slow.reserve(1, SLACK)
    waits = slow.reserve(1, SLACK).wait
    assert fast.reserve(1, SLACK).wait == pytest.approx(waits)


def test_a_larger_tolerance_ahead_is_waited_for(opened: Opener) -> None:
    """A caller with a grown tolerance may still send late: a call that spans its place waits for its last moment."""
    ledger = opened()._ledger
    ledger.reserve(1, 30.0)
    ledger.reserve(1, SLACK)
    assert ledger.reserve(8, SLACK).wait == pytest.approx(30 + 60)


def test_credits_given_back_leave_no_gap(opened: Opener) -> None:
    """Of three that wait for the next window the second gives up: eight more do not fit beside the other two."""
    ledger = opened((Rate(12, 60),))._ledger
    ledger.reserve(12, SLACK)
    _, second, _ = [ledger.reserve(4, SLACK) for _ in range(3)]
    ledger.take_back(second)
    assert ledger.reserve(4, SLACK).wait == pytest.approx(60 + SLACK)
    assert ledger.reserve(8, SLACK).wait == pytest.approx(2 * (60 + SLACK))


def test_pruned_credits_hold_nobody_back(opened: Opener, clock: UneasyClock) -> None:
    """The credit that had to leave the window is no longer on file: only those still on file are counted."""
    limiter = opened()
    limiter.acquire(4)
    clock.advance(200)
    limiter.acquire(4)
    start = clock.time()
    limiter.acquire(4)
    assert clock.time() == start


def test_a_cancelled_wait_costs_nothing_of_the_day(opened: Opener, clock: UneasyClock) -> None:
    """Credits given back are given back to the day's allowance too."""
    limiter, stop = opened(daily=9), threading.Event()
    limiter.acquire(8)
    clock.nap = lambda seconds: (stop.set(), seconds)[1]
    with pytest.raises(Cancelled):
        limiter.acquire(stop=stop)
    limiter.acquire()


def test_grant_woken_too_late_is_thrown_away(opened: Opener, clock: UneasyClock) -> None:
    """A machine that wakes us long after our send time gets a new one; the old credit is given back."""
    limiter = opened()
    limiter.acquire(8)
    clock.nap = lambda seconds: seconds + (0 if clock.slept else 70)
    start = clock.time()
    limiter.acquire(8)
    assert clock.time() - start == pytest.approx(130.5)
    assert limiter.used(100) == 8


def test_waiting_ends_even_on_a_machine_that_always_wakes_late(opened: Opener, clock: UneasyClock) -> None:
    """The tolerance grows with each late waking, so an overloaded machine loses speed but never stops."""
    limiter = opened()
    clock.nap = lambda seconds: seconds + 5  # ten times the tolerance
    for _ in range(40):
        limiter.acquire()
    assert limiter.used(60) <= 8


def test_grant_is_thrown_away_when_the_ledger_was_slow(opened: Opener, clock: UneasyClock) -> None:
    """Time lost between the transaction and our return counts as well: the send time handed out must still be valid."""
    limiter = opened()
    start = clock.time()
    clock.jump, clock.jump_s = 2, 5.0  # the first reading is the transaction's, the second is ours
    limiter.acquire(8)
    assert clock.time() - start == 5
    limiter.acquire()
    assert clock.time() - start == pytest.approx(5 + 60 + 2 * SLACK)  # once late, the tolerance doubles


def test_clock_set_back_before_a_nap_does_not_lengthen_it(opened: Opener, clock: UneasyClock) -> None:
    """Between the reservation and the nap the clock goes back an hour: the nap is as long as it was meant to be."""
    limiter = opened()
    limiter.acquire(8)
    clock.jump, clock.jump_s = 2, -3_600.0
    limiter.acquire()
    assert max(clock.slept) <= 60 + SLACK + 1e-6
    assert sum(clock.slept) <= 2 * (60 + SLACK) + 1e-6


@pytest.mark.parametrize("steps", [(61.0, 61.0, 61.0), (3_600.0, -7_200.0, 61.0), (-61.0, 86_400.0, -86_400.0)])
def test_setting_the_clock_neither_frees_nor_blocks(
    opened: Opener, clock: UneasyClock, steps: tuple[float, ...]
) -> None:
    """However the wall clock is set, forward or back, 32 credits of 8 a minute take three minutes: to other processes
    and after the file was opened anew as well.
    """
    began = clock.uptime()[1]
    for step in (*steps, 0.0):
        opened(daily=100).acquire(8)
        clock.step(step)
    assert clock.uptime()[1] - began == pytest.approx(3 * (60 + SLACK))


def test_a_day_is_that_of_the_wall_clock(opened: Opener, clock: UneasyClock) -> None:
    """The day's cap follows UTC also where the wall clock was set since the machine was started."""
    limiter = opened((), daily=3)
    limiter.acquire(3)
    clock.step(86_400 - 10)
    with pytest.raises(UpstreamError) as caught:
        limiter.acquire()
    assert caught.value.retry_after_s == pytest.approx(10)
    clock.step(10)
    limiter.acquire(3)


@pytest.mark.parametrize("boot", ["fake", ""])
def test_a_machine_that_was_started_anew_goes_on(opened: Opener, clock: UneasyClock, boot: str) -> None:
    """The time since the start begins anew, and the window counts on, also where a start of the machine has no name."""
    clock.boot = boot
    opened().acquire(8)
    clock.restart()
    clock.advance(20)
    limiter, began = opened(), clock.time()
    limiter.acquire(8)
    assert clock.time() - began == pytest.approx(40 + SLACK)


def test_a_machine_that_was_started_with_its_clock_set_back_does_not_block(opened: Opener, clock: UneasyClock) -> None:
    """An hour back costs at most one more window, for the line, a cool-down and the day."""
    limiter = opened(daily=100)
    limiter.acquire(8)
    limiter.cool_down(20)
    clock.restart()
    clock.step(-3_600)
    limiter = opened(daily=100)
    start = clock.time()
    limiter.acquire()
    assert clock.time() - start == pytest.approx(60 + SLACK)
    assert limiter.cooling_s() == 0


def test_old_entries_are_pruned(opened: Opener, tmp_path: Path) -> None:
    """The file holds two windows, however long the limiter runs; asking for more history says so."""
    limiter = opened((Rate(5, 1),))
    for _ in range(2_000):
        limiter.acquire()
    with sqlite3.connect(tmp_path / "state" / "control.sqlite") as con:
        kept = con.execute("SELECT count(*) FROM limit_grants").fetchone()[0]
    con.close()
    assert kept <= 5 * 61
    assert limiter.used(60) >= 250
    with pytest.raises(ValueError, match="goes back 60 s"):
        limiter.used(3_600)


def test_pruning_spares_what_another_rate_needs(opened: Opener, clock: UneasyClock) -> None:
    """A process with a short window does not erase the memory of one with a long window of the same key."""
    slow, fast = opened((Rate(10, 600),)), opened((Rate(100, 1),))
    slow.acquire(10)
    clock.advance(300)
    fast.acquire()
    start = clock.time()
    slow.acquire(9)
    assert clock.time() - start == pytest.approx(300 + SLACK, abs=0.01)


def test_stop_ends_a_wait_and_gives_the_credit_back(opened: Opener, clock: UneasyClock) -> None:
    """Cancelled within a quarter of a second; the next caller gets the abandoned place."""
    limiter, stop = opened(), threading.Event()
    limiter.acquire(8)

    def stopped_meanwhile(seconds: float) -> float:
        stop.set()
        return seconds

    clock.nap = stopped_meanwhile
    start = clock.time()
    with pytest.raises(Cancelled):
        limiter.acquire(8, stop=stop)
    assert clock.time() - start == 0.25
    clock.nap = lambda seconds: seconds
    limiter.acquire(8)
    assert clock.time() - start == pytest.approx(60 + SLACK)


def test_stop_is_seen_when_the_turn_comes(opened: Opener) -> None:
    """A thread that was stopped while another had the turn sends nothing, even if a credit is free."""
    limiter, stop = opened(), threading.Event()
    ended: list[Exception] = []

    def work() -> None:
        try:
            limiter.acquire(stop=stop)
        except Cancelled as exc:
            ended.append(exc)

    thread = threading.Thread(target=work)
    with limiter._turns.turn(None):
        thread.start()
        while len(limiter._turns._line) < 2:
            os.sched_yield()
        stop.set()
    thread.join()
    assert len(ended) == 1
    assert limiter.used(60) == 0


def test_a_stopped_clock_ends_a_wait(opened: Opener) -> None:
    """A clock that no longer sleeps would make the wait spin: it ends as Cancelled instead."""
    stop = threading.Event()
    limiter = opened(on=SystemClock(stop))
    limiter.acquire(8)
    stop.set()
    with pytest.raises(Cancelled):
        limiter.acquire()


def test_threads_are_served_in_the_order_they_came() -> None:
    """Inside a process the line is first come, first served, and someone who gives up does not hold it."""
    turns = Turns()
    order: list[int] = []
    stop = threading.Event()
    gone = threading.Event()

    def visitor(number: int) -> None:
        try:
            with turns.turn(stop if number == 3 else None):
                order.append(number)
        except Cancelled:
            gone.set()

    threads = [threading.Thread(target=visitor, args=(number,)) for number in range(6)]
    with turns.turn(None):
        for number, thread in enumerate(threads):
            thread.start()
            while len(turns._line) < number + 2:
                os.sched_yield()
        stop.set()
        assert gone.wait(5)
    for thread in threads:
        thread.join()
    assert order == [0, 1, 2, 4, 5]


def test_many_threads_lose_and_invent_nothing(opened: Opener) -> None:
    """Forty threads on one limiter: every grant is counted once."""
    limiter = opened((Rate(100_000, 60),), on=SystemClock())

    def work() -> None:
        for _ in range(10):
            limiter.acquire()

    threads = [threading.Thread(target=work) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert limiter.used(60) == 400


@pytest.mark.parametrize("url", ["{0}", "sqlite:///{0}"])
def test_folder_and_file_are_made(tmp_path: Path, clock: UneasyClock, url: str) -> None:
    """A path or an SQLite URL whose folders do not exist yet is simply made."""
    path = tmp_path / "a" / "b" / "control.sqlite"
    limiter = open_limiter(url.format(path), "vendor", MINUTE, clock=clock, upstream="vendor")
    limiter.acquire()
    limiter.close()
    assert path.is_file()


@pytest.mark.parametrize("url", ["mysql://user:s3cret@host/db", "redis://host", "", "sqlite:///"])
def test_other_places_are_refused_by_name(clock: UneasyClock, url: str) -> None:
    """What cannot be used is refused with the name of the setting, and without the URL's password."""
    with pytest.raises(ValueError, match="STOCKS_CONTROL_DB"):
        open_limiter(url, "vendor", MINUTE, clock=clock, upstream="vendor")


def test_unusable_file_names_the_setting(tmp_path: Path, clock: UneasyClock) -> None:
    """A folder in the file's place, a file in the folder's place, and a file that is no database all say what to do."""
    (tmp_path / "file").write_text("this is not a database, it is a text that someone put here\n" * 50)
    for path in (tmp_path, tmp_path / "file" / "control.sqlite", tmp_path / "file"):
        with pytest.raises(StoreError, match=r"STOCKS_CONTROL_DB must name a file"):
            open_limiter(str(path), "vendor", MINUTE, clock=clock, upstream="vendor")


def test_file_lost_at_work_names_the_setting(opened: Opener, tmp_path: Path) -> None:
    """A control file that breaks during a run is reported as that, not as a failure of the vendor."""
    limiter = opened()
    with sqlite3.connect(tmp_path / "state" / "control.sqlite") as con:
        con.execute("DROP TABLE limit_grants")
    con.close()
    with pytest.raises(StoreError, match="STOCKS_CONTROL_DB"):
        limiter.acquire()


def test_a_full_disk_is_survived(opened: Opener) -> None:
    """A disk that fills up fails the call by name and changes nothing; with space again the limiter goes on."""
    limiter = opened((Rate(100_000, 60),))
    connection = limiter._ledger._store._file._handle.connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count={pages + 1}")
    granted: list[int] = []

    def fill() -> None:
        while True:
            limiter.acquire()
            granted.append(1)

    with pytest.raises(StoreError, match=r"full.*STOCKS_CONTROL_DB"):
        fill()
    connection.execute("PRAGMA max_page_count=1000000")
    assert limiter.used(60) == len(granted)
    limiter.acquire()
    assert limiter.used(60) == len(granted) + 1


def test_connection_is_closed_with_the_limiter(tmp_path: Path, clock: UneasyClock) -> None:
    """A limiter that is simply dropped leaves no open connection behind."""
    limiter = open_limiter(str(tmp_path / "c.sqlite"), "vendor", MINUTE, clock=clock, upstream="vendor")
    connection = limiter._ledger._store._file._handle.connection
    del limiter
    gc.collect()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # Python 3.12 warns of fork beside threads
def test_a_forked_child_counts_on(opened: Opener) -> None:
    """After a fork the child opens the file anew, sees what was spent, and the parent's connection still works."""
    limiter = opened()
    limiter.acquire(3)
    child = os.fork()
    if child == 0:
        limiter.acquire(2)
        os._exit(limiter.used(60))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 5
    assert limiter.used(60) == 5


def test_pause_is_cut_into_slices_only_for_stop(clock: UneasyClock) -> None:
    """Without `stop` one sleep, with it quarters of a second, for nothing no sleep."""
    pause(1, clock=clock)
    pause(0.6, clock=clock, stop=threading.Event())
    pause(0, clock=clock)
    assert clock.slept == pytest.approx([1, 0.25, 0.25, 0.1], abs=1e-6)


def test_tolerance_follows_the_shortest_period() -> None:
    """A fiftieth of the period between 0.01 s and 0.5 s."""
    assert [slack_for([Rate(1, s)]) for s in (0.1, 1, 2, 8, 60)] == [0.01, 0.02, 0.04, 0.16, 0.5]
    assert slack_for([Rate(1, 60), Rate(1, 1)]) == 0.02

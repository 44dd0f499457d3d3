"""The limiter among many processes in a simulated hour: no schedule, delay, death or clock step breaks its promise.

Each actor stands for a process: it has its own limiter object on the shared file and a thread, of which the simulation
lets exactly one run at a time. Naps end late, reading the clock takes time (a machine with too much to do), actors
vanish while they hold a reservation, and the wall clock is set forward and back.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stocks_pipeline.upstream.failures import FailureKind, UpstreamError
from stocks_pipeline.upstream.limits import Limiter, Rate, open_limiter
from stocks_pipeline_tests.simulated_world import EXACT, START, World


@contextmanager
def control_file() -> Iterator[Callable[..., Limiter]]:
    """Opens limiters on one fresh file, as separate processes would."""
    with tempfile.TemporaryDirectory() as folder:
        made = []

        def opened(world: World, rates: Sequence[Rate], daily: int | None = None) -> Limiter:
            path = str(Path(folder) / "control.sqlite")
            made.append(open_limiter(path, "vendor", rates, clock=world, upstream="vendor", daily=daily))
            return made[-1]

        yield opened
        for limiter in made:
            limiter.close()


RATES = st.lists(
    st.builds(Rate, st.integers(1, 8), st.sampled_from([0.5, 1.0, 2.0, 10.0, 60.0])), min_size=1, max_size=3
)
PLANS = st.lists(  # one actor each: when it begins, (credits, pause after) of its calls, the nap at which it is killed
    st.tuples(
        st.floats(0, 30),
        st.lists(st.tuples(st.integers(1, 8), st.sampled_from([0.0, 0.0, 0.3, 5.0])), min_size=1, max_size=8),
        st.none() | st.integers(1, 4),
    ),
    min_size=1,
    max_size=5,
)
EVENTS = st.lists(  # (when, cool-down seconds) or (when, seconds by which the clock is set)
    st.tuples(st.floats(0, 60), st.sampled_from(["cool", "back", "on"]), st.sampled_from([0.4, 3.0, 61.0, 3_600.0])),
    max_size=4,
)


@settings(max_examples=60, deadline=None)
@given(
    rates=RATES,
    plans=PLANS,
    events=EVENTS,
    seed=st.integers(0, 999),
    late_s=st.sampled_from([0.0, 0.02, 0.4, 5.0]),
    busy_s=st.sampled_from([0.0, 0.001, 0.05, 0.3]),
)
def test_no_window_ever_holds_more(  # noqa: PLR0917 - the dimensions of an adversary
    rates: list[Rate],
    plans: list[tuple[float, list[tuple[int, float]], int | None]],
    events: list[tuple[float, str, float]],
    seed: int,
    late_s: float,
    busy_s: float,
) -> None:
    """Whatever the schedule, every rate holds in every window, and everyone who lives is served in bounded time."""
    world = World(seed, late_s=late_s, busy_s=busy_s)
    most = min(rate.credits for rate in rates)
    with control_file() as opened:
        for begins, calls, naps_to_live in plans:
            limiter = opened(world, rates)

            def work(limiter: Limiter = limiter, calls: list[tuple[int, float]] = calls) -> None:
                for credits_, rest_s in calls:
                    limiter.acquire(min(credits_, most))
                    world.send(min(credits_, most))
                    world.sleep(rest_s)

            world.actor(work, begins=begins, naps_to_live=naps_to_live)
        for when, what, seconds in events:
            limiter = opened(world, rates)

            def disturb(limiter: Limiter = limiter, what: str = what, seconds: float = seconds) -> None:
                if what == "cool":
                    limiter.cool_down(seconds)
                else:
                    world.wall_offset += seconds if what == "on" else -seconds

            world.actor(disturb, begins=when)
        longest = max(rate.period_s for rate in rates)
        asked = sum(len(calls) for _, calls, _ in plans)
        world.run(within_s=60 + (asked + len(events) + 1) * 8 * (longest + late_s + 1) + sum(s for _, _, s in events))

    living = sum(len(calls) for _, calls, naps_to_live in plans if naps_to_live is None)
    assert len(world.sent) >= living
    for rate in rates:
        assert not world.sent or world.worst(rate) <= rate.credits


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 9_999))
def test_exact_on_a_machine_that_stalls(seed: int) -> None:
    """Four processes that want all they can get, stalled several tolerances long at any reading of the clock."""
    world = World(seed, late_s=0.1, busy_s=0.2)
    with control_file() as opened:
        for _ in range(4):
            limiter = opened(world, [Rate(3, 2)])

            def work(limiter: Limiter = limiter) -> None:
                for _ in range(10):
                    limiter.acquire()
                    world.send(1)

            world.actor(work)
        world.run(within_s=400)
    assert len(world.sent) == 40
    assert world.worst(Rate(3, 2)) <= 3


def test_the_simulation_would_catch_a_limiter_that_counts_clock_minutes() -> None:
    """The check itself works: a counter that starts anew each minute lets 16 through in one window."""
    world = World()

    class ClockMinutes:
        used: tuple[int, int] = (0, 0)

        def acquire(self) -> None:
            while True:
                minute = int(world.time() // 60)
                count = self.used[1] if self.used[0] == minute else 0
                if count < 8:
                    self.used = (minute, count + 1)
                    return
                world.sleep((minute + 1) * 60 - world.time())

    limiter = ClockMinutes()

    def work() -> None:
        for _ in range(16):
            limiter.acquire()
            world.send(1)

    world.actor(work, begins=59)
    world.run(within_s=300)
    assert world.worst(Rate(8, 60)) == 16


@pytest.mark.parametrize("actors", [1, 3])
def test_188_credits_take_the_shortest_time(actors: int) -> None:
    """Batches of 8 at 8 a minute, by one process or three: the last is sent after 23 minutes plus 0.8 % tolerance."""
    world = World()
    batches = [8] * 23 + [4]
    with control_file() as opened:
        for number in range(actors):
            limiter = opened(world, [Rate(8, 60)])

            def work(limiter: Limiter = limiter, mine: list[int] = batches[number::actors]) -> None:
                for batch in mine:
                    limiter.acquire(batch)
                    world.send(batch)

            world.actor(work)
        world.run(within_s=3_600)
    assert sum(credits_ for _, credits_, _ in world.sent) == 188
    assert world.sent[-1][0] - START == pytest.approx(23 * 60.5, abs=0.01)
    assert world.worst(Rate(8, 60)) == 8


def test_first_come_first_served_through_cool_downs() -> None:
    """Processes are served in the order they asked, also when a cool-down moves the whole line."""
    world = World()
    with control_file() as opened:
        for number in range(12):
            limiter = opened(world, [Rate(2, 10)])

            def work(limiter: Limiter = limiter, name: str = f"{number:02}") -> None:
                limiter.acquire()
                world.send(1, name)

            world.actor(work, begins=number * 1.7)
        other = opened(world, [Rate(2, 10)])
        world.actor(lambda: other.cool_down(30), begins=9)
        world.run(within_s=300)
    names = [name for _, _, name in world.sent]
    assert names == sorted(names)
    assert world.worst(Rate(2, 10)) == 2


@settings(max_examples=30, deadline=None)
@given(when=st.floats(0, 40), seconds=st.floats(0.1, 200), seed=st.integers(0, 99))
def test_nothing_is_sent_during_a_cool_down(when: float, seconds: float, seed: int) -> None:
    """From the moment one process cools down, no process sends before its end, those already asleep included."""
    world = World(seed, late_s=0.3)
    with control_file() as opened:
        for _ in range(4):
            limiter = opened(world, [Rate(4, 10)])

            def work(limiter: Limiter = limiter) -> None:
                for _ in range(6):
                    limiter.acquire()
                    world.send(1)

            world.actor(work)
        began: list[float] = []

        other = opened(world, [Rate(4, 10)])

        def cool() -> None:
            other.cool_down(seconds)
            began.append(world.present)

        world.actor(cool, begins=when)
        world.run(within_s=2_000)
    assert len(world.sent) == 24
    assert not [at for at, _, _ in world.sent if began[0] < at < began[0] + seconds - EXACT]


@settings(max_examples=30, deadline=None)
@given(begins=st.floats(0, 120), daily=st.integers(3, 40), seed=st.integers(0, 99))
def test_no_day_ever_holds_more_than_its_cap(begins: float, daily: int, seed: int) -> None:
    """Around midnight UTC, with late naps, each day's sends stay within the cap and the refusal is QUOTA_DAY."""
    world = World(seed, late_s=0.4, busy_s=0.01)
    world.wall_offset = 86_400 - 60.0
    refused: list[FailureKind] = []
    with control_file() as opened:
        for _ in range(3):
            limiter = opened(world, [Rate(3, 5)], daily)

            def work(limiter: Limiter = limiter) -> None:
                for _ in range(30):
                    try:
                        limiter.acquire()
                    except UpstreamError as exc:
                        refused.append(exc.kind)
                        world.sleep(1)
                    else:
                        world.send(1)

            world.actor(work, begins=begins)
        world.run(within_s=2_000)
    days = [int((at + world.wall_offset) // 86_400) for at, _, _ in world.sent]
    assert all(days.count(day) <= daily for day in set(days))
    assert set(refused) <= {FailureKind.QUOTA_DAY}
    assert len(world.sent) + len(refused) == 90


def test_clock_set_back_while_everyone_sleeps() -> None:
    """An hour set back during a wait costs nothing; it neither blocks nor lets more through."""
    world = World()
    with control_file() as opened:
        for _ in range(3):
            limiter = opened(world, [Rate(2, 60)])

            def work(limiter: Limiter = limiter) -> None:
                for _ in range(2):
                    limiter.acquire()
                    world.send(1)

            world.actor(work)

        def set_back() -> None:
            world.wall_offset = -3_600

        world.actor(set_back, begins=30)
        world.run(within_s=4 * 60.5)
    assert len(world.sent) == 6
    assert world.worst(Rate(2, 60)) == 2


def test_a_killed_process_takes_one_turn_at_most() -> None:
    """Of a process that dies waiting, one send time goes unused; the others go on at full speed."""
    world = World()
    with control_file() as opened:
        for number in range(3):
            limiter = opened(world, [Rate(1, 10)])

            def work(limiter: Limiter = limiter) -> None:
                for _ in range(4):
                    limiter.acquire()
                    world.send(1)

            world.actor(work, begins=number / 10, naps_to_live=2 if number == 0 else None)
        world.run(within_s=600)
    assert len(world.sent) == 2 + 4 + 4
    assert world.sent[-1][0] - START == pytest.approx(10 * 10.2)  # ten sent, one unused: the eleventh time

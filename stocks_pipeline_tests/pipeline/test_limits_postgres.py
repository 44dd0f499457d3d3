"""The limiter over a real Postgres: exact among processes and in simulated hours, and clear when the server is gone."""

import itertools
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stocks_pipeline.clock import SystemClock
from stocks_pipeline.upstream.control_file import StoreError
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError
from stocks_pipeline.upstream.grants import TABLES, GrantLedger
from stocks_pipeline.upstream.limits import Rate, SharedLimiter, open_limiter
from stocks_pipeline.upstream.shared_postgres import PostgresStore
from stocks_pipeline_tests.postgres_server import postgres, postgres_server
from stocks_pipeline_tests.simulated_world import EXACT, World

LIMIT, PERIOD_S = 8, 2.0
WORKER = """
import json, sys, time
from stocks_pipeline.clock import SystemClock
from stocks_pipeline.upstream.limits import Rate, open_limiter

url, key, count, begin = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
limiter = open_limiter(url, key, [Rate(8, 2.0)], clock=SystemClock(), upstream="vendor")
time.sleep(max(0.0, begin - time.monotonic()))
for _ in range(count):
    limiter.acquire()
    print(json.dumps(time.monotonic()), flush=True)
limiter.close()
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    with postgres_server() as made:
        yield made


@pytest.fixture(scope="module")
def url(server: Any) -> str:
    return str(server.get_uri())


@pytest.fixture
def key() -> str:
    """A limit that no other test uses."""
    return f"vendor-{uuid.uuid4()}"


def limiter(url: str, key: str, *rates: Rate, daily: int | None = None) -> SharedLimiter:
    """A limiter on the real clock."""
    return open_limiter(url, key, rates, clock=SystemClock(), upstream="vendor", daily=daily)


def worst_window(times: Sequence[float]) -> int:
    """Most requests in any window of the period."""
    ordered = sorted(times)
    return max(sum(at <= other < at + PERIOD_S for other in ordered) for at in ordered)


def test_three_processes_share_one_limit_exactly(url: str, key: str) -> None:
    """D10: 72 requests of three processes at 8 in 2 s: never 9 in any window, and near the ideal 16 s."""
    begin = time.monotonic() + 2.5
    command = [sys.executable, "-c", WORKER, url, key, "24", str(begin)]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    times = sorted(json.loads(line) for w in workers for line in w.communicate(timeout=60)[0].splitlines())
    assert [w.returncode for w in workers] == [0, 0, 0]
    assert len(times) == 72
    assert worst_window(times) <= LIMIT
    assert times[-1] - times[0] <= 1.25 * (72 / LIMIT - 1) * PERIOD_S


def test_threads_of_one_process_share_the_connection(url: str, key: str) -> None:
    """F02: forty threads at once on one connection: each is served, and the ledger counts every credit."""
    shared = limiter(url, key, Rate(1_000, 60.0))
    threads = [threading.Thread(target=shared.acquire, args=(2,)) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert shared.used(60) == 80
    shared.close()
    shared.close()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")  # Python 3.12 on: the child only acquires
def test_a_fork_opens_its_own_connection(url: str, key: str) -> None:
    """F02: the child's calls do not disturb the parent's connection, and both are counted."""
    shared = limiter(url, key, Rate(1_000, 60.0))
    shared.acquire()
    pid = os.fork()
    if pid == 0:
        try:
            shared.acquire()
            os._exit(0)
        except BaseException:  # noqa: BLE001 - a child of pytest must end here, whatever happened
            os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0
    shared.acquire()
    assert shared.used(60) == 3
    shared.close()


def test_one_machine_cools_all_down_and_the_day_is_shared(url: str, key: str) -> None:
    """D11: a second limiter sees the cool-down and the day's cap of the first."""
    one, other = limiter(url, key, Rate(5, 1.0), daily=3), limiter(url, key, Rate(5, 1.0), daily=3)
    one.acquire(2)
    other.acquire()
    with pytest.raises(UpstreamError) as caught:
        one.acquire()
    assert caught.value.kind is FailureKind.QUOTA_DAY
    one.cool_down(30, "429")
    assert 29 < other.cooling_s() <= 30
    one.close()
    other.close()


def test_a_lost_connection_is_replaced(url: str, key: str) -> None:
    """F06: the server ended our idle connection (a restart, a firewall): the next call opens another by itself."""
    shared = limiter(url, key, Rate(100, 1.0))
    shared.acquire()
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    shared.acquire()
    assert shared.used(60) == 2
    shared.close()


def test_a_holder_that_vanishes_blocks_nobody(url: str, key: str) -> None:
    """F02: a process killed inside its transaction leaves neither a lock nor a reservation."""
    holder = PostgresStore(url, key, TABLES, clock=SystemClock())
    shared = limiter(url, key, Rate(100, 1.0))

    def killed_inside() -> None:
        with holder.transaction() as con:
            con.execute("INSERT INTO limit_days VALUES(?, 1, 999)", (key,))
            with psycopg.connect(url, autocommit=True) as admin:
                admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
            con.execute("SELECT 1")

    with pytest.raises(UpstreamError, match="STOCKS_LIMITS_URL"):
        killed_inside()
    shared.acquire()
    with psycopg.connect(url) as admin:
        assert admin.execute("SELECT count(*) FROM limit_days WHERE key=%s", (key,)).fetchone() == (0,)
    shared.close()
    holder.close()


@pytest.mark.parametrize(
    "address", ["postgresql://desk:s3cret@127.0.0.1:1/limits", "postgresql:///limits?host=/nonexistent"]
)
def test_a_server_that_is_away_is_transient_and_names_the_setting(address: str, key: str) -> None:
    """F05: no shared limit, no call: the failure is of the class that is tried again, and shows no password."""
    with pytest.raises(UpstreamError, match="STOCKS_LIMITS_URL") as caught:
        limiter(address, key, Rate(1, 1.0))
    assert caught.value.kind is FailureKind.TRANSIENT
    assert "s3cret" not in str(caught.value)


@pytest.fixture(scope="module")
def desk_url(server: Any, url: str) -> str:
    """The address of a user whom the server asks for the password `right`."""
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("CREATE ROLE desk LOGIN PASSWORD 'right'")
        admin.execute("GRANT CREATE, USAGE ON SCHEMA public TO desk")
        rules = Path(server.pgdata) / "pg_hba.conf"
        rules.write_text("local all desk scram-sha-256\n" + rules.read_text())
        admin.execute("SELECT pg_reload_conf()")
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:  # the server takes the new rules a moment later
        try:
            psycopg.connect(url.replace("postgres:@", "desk:@")).close()
        except psycopg.OperationalError:
            return url.replace("postgres:@", "desk:{}@")
        time.sleep(0.05)
    raise AssertionError("the server still lets everyone in")


@pytest.mark.parametrize(("password", "says"), [("wr0ng-s3cret", "authentication failed"), ("", "no password")])
def test_a_wrong_password_is_auth_and_never_shown(desk_url: str, key: str, password: str, says: str) -> None:
    """F05: nobody waits for a password to come right by itself: AUTH, the setting by name, what to do, no secret."""
    address = desk_url.format(password)
    with pytest.raises(UpstreamError, match=says) as caught:
        limiter(address, key, Rate(1, 1.0))
    assert caught.value.kind is FailureKind.AUTH
    assert "Correct user and password in STOCKS_LIMITS_URL" in str(caught.value)
    assert "s3cret" not in str(caught.value) + repr(caught.value) + str(caught.value.__cause__)


def test_the_right_password_opens_the_limit(desk_url: str, key: str) -> None:
    """F05: the same user with its password, so that the refusals above are the password's."""
    with psycopg.connect(desk_url.format("right")) as checked:
        assert checked.execute("SELECT current_user").fetchone() == ("desk",)
    assert key


def test_a_user_that_is_none_is_auth(url: str, key: str) -> None:
    """F05: a typing error in the name is no outage either."""
    with pytest.raises(UpstreamError, match="nobody") as caught:
        limiter(url.replace("postgres:@", "nobody:s3cret@"), key, Rate(1, 1.0))
    assert caught.value.kind is FailureKind.AUTH
    assert "s3cret" not in str(caught.value)


def test_a_database_that_is_none_is_a_fault_of_the_setup(url: str, key: str) -> None:
    """F05: it does not come by waiting."""
    with pytest.raises(StoreError, match="nothere"):
        limiter(url.replace("/postgres?", "/nothere?"), key, Rate(1, 1.0))


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://desk:s3cret@127.0.0.1:port/limits",
        "postgresql://desk:s3@cret@127.0.0.1:5432/limits",
        "postgresql://desk:s3/cret@127.0.0.1:5432/limits",
        "postgresql://desk:s3%zzcret@127.0.0.1:5432/limits",
        "postgresql://desk:s3cret@[::1/limits",
        "postgresql://desk:s3cret@127.0.0.1:5432/limits?nonsense=s3cret",
    ],
)
def test_an_address_that_cannot_be_read_shows_no_piece_of_the_password(address: str, key: str) -> None:
    """F05, F17: the setting's name and how to write it; libpq's own words would quote what it stumbled over."""
    with pytest.raises(StoreError, match="STOCKS_LIMITS_URL is no usable") as caught:
        limiter(address, key, Rate(1, 1.0))
    assert "cret" not in f"{caught.value}{caught.value.__cause__}"
    assert "%40" in str(caught.value)


@pytest.fixture
def folder() -> Iterator[Path]:
    """For a server of a test's own; not below pytest's folder, as that of `server`."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as found:
        yield Path(found) / "pg"


def test_a_server_that_goes_away_is_transient_and_comes_back(folder: Path, key: str) -> None:
    """F05: a limiter in use says so while the server is down, and goes on when it is up again."""
    server = postgres(folder, "stop")
    address = server.get_uri()
    shared = limiter(address, key, Rate(100, 60.0))
    shared.acquire()
    server.cleanup()
    with pytest.raises(UpstreamError, match="STOCKS_LIMITS_URL") as caught:
        shared.acquire()
    assert caught.value.kind is FailureKind.TRANSIENT
    again = postgres(folder)
    assert again.get_uri() == address
    shared.acquire()
    assert shared.used(60) == 2
    shared.close()
    again.cleanup()


def test_what_the_server_refuses_is_a_fault_of_the_setup(url: str, key: str) -> None:
    """F05: no right to make the tables is no outage: nobody should wait for it to pass."""
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("CREATE DATABASE readonly")
        admin.execute("ALTER DATABASE readonly SET default_transaction_read_only = on")
    with pytest.raises(StoreError, match="STOCKS_LIMITS_URL"):
        limiter(url.replace("/postgres?", "/readonly?"), key, Rate(1, 1.0))


class SimulatedStore(PostgresStore):
    """The real tables, locks and transactions on a simulated clock."""

    def now(self, con: Any) -> float:
        assert con
        return self._clock.time()

    def bounds(self) -> tuple[float, float]:
        now = self._clock.time()
        return now, now


@contextmanager
def simulated(url: str) -> Iterator[Callable[..., SharedLimiter]]:
    """Opens limiters on one fresh key, as separate processes would."""
    made: list[SharedLimiter] = []
    name = f"simulated-{uuid.uuid4()}"

    def opened(world: World, *rates: Rate, daily: int | None = None) -> SharedLimiter:
        pairs = [(rate.credits, rate.period_s) for rate in rates]
        ledger = GrantLedger(SimulatedStore(url, name, TABLES, clock=world), name, pairs, daily=daily)
        made.append(SharedLimiter(ledger, rates, clock=world, upstream="vendor", daily=daily))
        return made[-1]

    yield opened
    for one in made:
        one.close()


@settings(max_examples=12, deadline=None)
@given(
    rates=st.lists(st.builds(Rate, st.integers(1, 8), st.sampled_from([0.5, 2.0, 60.0])), min_size=1, max_size=2),
    seed=st.integers(0, 999),
    late_s=st.sampled_from([0.0, 0.4]),
    busy_s=st.sampled_from([0.0, 0.05, 0.3]),
    disturbed=st.sampled_from([(0.0, 0.0), (3.0, 40.0), (20.0, -3_600.0)]),
)
def test_no_window_ever_holds_more(  # noqa: PLR0917 - the dimensions of an adversary
    url: str, rates: list[Rate], seed: int, late_s: float, busy_s: float, disturbed: tuple[float, float]
) -> None:
    """D10, F06: late naps, stalls, a death, a cool-down, a clock set back: every rate holds in every window."""
    world, most = World(seed, late_s=late_s, busy_s=busy_s), min(rate.credits for rate in rates)
    when, what = disturbed
    with simulated(url) as opened:
        for number in range(3):
            one = opened(world, *rates)

            def work(one: SharedLimiter = one) -> None:
                for credits_ in (1, 3, 8):
                    one.acquire(min(credits_, most))
                    world.send(min(credits_, most))

            world.actor(work, begins=number * 1.3, naps_to_live=2 if number == 2 else None)
        other = opened(world, *rates)

        def disturb() -> None:
            if what < 0:
                world.wall_offset += what
            elif what:
                other.cool_down(what)

        world.actor(disturb, begins=when)
        world.run(within_s=200 + 12 * 8 * (max(rate.period_s for rate in rates) + late_s + 1))
    assert len(world.sent) >= 6
    for rate in rates:
        assert world.worst(rate) <= rate.credits


@settings(max_examples=8, deadline=None)
@given(when=st.floats(0, 30), seconds=st.floats(0.1, 100), seed=st.integers(0, 99))
def test_nothing_is_sent_during_a_cool_down(url: str, when: float, seconds: float, seed: int) -> None:
    """D11: from the moment one machine cools down no other sends before its end."""
    world = World(seed, late_s=0.3)
    began: list[float] = []
    with simulated(url) as opened:
        for _ in range(3):
            one = opened(world, Rate(4, 10))

            def work(one: SharedLimiter = one) -> None:
                for _ in range(5):
                    one.acquire()
                    world.send(1)

            world.actor(work)
        other = opened(world, Rate(4, 10))

        def cool() -> None:
            other.cool_down(seconds)
            began.append(world.present)

        world.actor(cool, begins=when)
        world.run(within_s=2_000)
    assert len(world.sent) == 15
    assert not [at for at, _, _ in world.sent if began[0] < at < began[0] + seconds - EXACT]


def test_188_credits_take_the_shortest_time(url: str) -> None:
    """D12: three machines, batches of 8 at 8 a minute: the last is sent after 23 minutes plus 0.8 % tolerance."""
    world, batches = World(), [8] * 23 + [4]
    with simulated(url) as opened:
        for number in range(3):
            one = opened(world, Rate(8, 60))

            def work(one: SharedLimiter = one, mine: list[int] = batches[number::3]) -> None:
                for batch in mine:
                    one.acquire(batch)
                    world.send(batch)

            world.actor(work)
        world.run(within_s=3_600)
    times = [at for at, _, _ in world.sent]
    assert times[-1] - times[0] == pytest.approx(23 * 60.5, abs=0.01)
    assert world.worst(Rate(8, 60)) == 8
    assert all(later >= earlier for earlier, later in itertools.pairwise(times))

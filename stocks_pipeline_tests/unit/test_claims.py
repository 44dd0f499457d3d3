"""Who asks what: one at a time for each key, and a dead holder is overtaken."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from stocks_pipeline.clock import SystemClock
from stocks_pipeline.upstream.claims import Claims
from stocks_pipeline.upstream.limits import Cancelled
from stocks_pipeline_tests.fakes import FakeClock


@pytest.fixture
def path(tmp_path: str) -> str:
    return str(tmp_path / "control.db")


@pytest.fixture
def claims(path: str) -> Iterator[Claims]:
    made = Claims(path, clock=FakeClock())
    yield made
    made.close()


def test_a_key_is_free_again_when_its_holder_is_done(claims: Claims) -> None:
    """Also when it ended with an error; other keys were free all the time."""
    with claims.hold("k", "one"), claims.hold("other", "one"):
        assert claims.holder("k") == "one"
    assert (claims.holder("k"), claims.holder("other")) == (None, None)
    with pytest.raises(RuntimeError, match="at work"), claims.hold("k", "two"):
        raise RuntimeError("failed at work")
    assert claims.holder("k") is None


def test_one_at_a_time_among_threads_and_handles(path: str) -> None:
    """Forty threads over four handles, also under the very same name: never two inside."""
    handles = [Claims(path, clock=SystemClock(), poll_s=0.01) for _ in range(4)]
    inside, most = [], []

    def work(number: int) -> None:
        with handles[number % 4].hold("k", "the same name"):
            inside.append(number)
            most.append(len(inside))
            threading.Event().wait(0.002)
            inside.remove(number)

    with ThreadPoolExecutor(40) as pool:
        list(pool.map(work, range(40)))
    assert most == [1] * 40
    for handle in handles:
        handle.close()


def test_a_dead_holder_is_overtaken_when_its_lease_ends(path: str) -> None:
    """Not before: nobody gave it back, nobody renews it."""
    clock = FakeClock()
    dead, living = Claims(path, clock=clock, lease_s=10), Claims(path, clock=clock, lease_s=10)
    assert dead._take("k", "dead")
    began = clock.monotonic()
    with living.hold("k", "living"):
        assert 10 < clock.monotonic() - began < 11
        assert living.holder("k") == "living"
    dead.close()
    living.close()


def test_a_clock_set_back_keeps_nobody_out_for_longer_than_a_lease(path: str) -> None:
    """A claim that would end later than a new one could is no claim."""
    clock = FakeClock()
    claims = Claims(path, clock=clock, lease_s=10)
    assert claims._take("k", "dead")
    clock.advance(-3600)
    assert claims.holder("k") is None
    assert claims._take("k", "living")
    claims.close()


def test_a_living_holder_keeps_its_claim_however_long_it_works(path: str) -> None:
    """Renewed in time by itself: ten leases later it is still its own."""
    clock = FakeClock()
    claims = Claims(path, clock=clock, lease_s=10)

    class Beats(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            assert claims.holder("k") == claims.holder("j") == "slow"
            clock.advance(timeout or 0.0)
            return clock.time() > began + 100

    with claims.hold("k", "slow"), claims.hold("j", "slow"):
        began = clock.time()
        claims._keep(Beats())
        assert claims.holder("k") == "slow"
    claims.close()


def test_one_thread_renews_everything_and_ends_with_the_last_claim(claims: Claims) -> None:
    """Nothing is left running, and the next claim has its own again."""
    for _ in range(2):
        with claims.hold("k", "one"), claims.hold("j", "one"):
            [thread] = [one for one in threading.enumerate() if one.name == "claims"]
        thread.join(10)
        assert not thread.is_alive()


def test_a_file_that_fails_at_the_end_costs_no_answer(claims: Claims, caplog: pytest.LogCaptureFixture) -> None:
    """What was done while holding the claim stands; the claim lapses by itself."""
    with claims.hold("k", "one"):
        claims.close()
    assert "cannot be given back" in caplog.text


def test_who_was_overtaken_takes_nothing_back(path: str) -> None:
    """A holder that slept through its lease neither renews nor frees what is another's now."""
    clock = FakeClock()
    slept, other = Claims(path, clock=clock, lease_s=10), Claims(path, clock=clock, lease_s=10)
    with slept.hold("k", "slept"):
        clock.advance(11)
        assert other._take("k", "other")
        slept._renew()
        assert other.holder("k") == "other"
    assert other.holder("k") == "other"
    slept.close()
    other.close()


def test_waiting_can_be_ended(claims: Claims) -> None:
    """A stopped run waits for nobody."""
    stop = threading.Event()
    stop.set()
    assert claims._take("k", "other")
    with pytest.raises(Cancelled), claims.hold("k", "one", stop=stop):
        pytest.fail("it was another's")
    assert claims.holder("k") == "other"

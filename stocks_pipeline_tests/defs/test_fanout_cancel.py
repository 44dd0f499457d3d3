"""A fan-out that does not reach its end: cancelled, interrupted, crashed or killed. What was finished stays."""

import gc
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from stocks_pipeline.fanout import Made, range_tags
from stocks_pipeline.pool import _Crew
from stocks_pipeline_tests.fanout_desk import (
    JOB_DESK,
    KEY,
    STATIC,
    Desk,
    colours,
    keys_of,
    logged,
    prices_job,
    retry_tags,
    wait_until_finished,
)

KEYS = keys_of(STATIC, 6)
WAIT_S = 20.0  # who waits this long has failed
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


def pool_threads() -> list[threading.Thread]:
    """The pool threads that are alive."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("fan-out-")]


def interrupt() -> None:
    """What Ctrl-C and Dagster's terminate button both come down to: SIGINT in the main thread."""
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def wait_until_the_pool_is_waited_for() -> None:
    """Until the main thread is back inside the pool, all events stored. Called from a pool thread.

    A signal while Dagster stores an event is another case, with a test of its own: our generator is then suspended and
    never resumed, and the workers are told to stop only when it is collected.
    """
    for _ in range(int(WAIT_S * 50)):
        frame = sys._current_frames().get(threading.main_thread().ident or 0)
        while frame is not None:
            if frame.f_code is _Crew.outcome.__code__:
                return
            frame = frame.f_back
        threading.Event().wait(0.02)
    raise AssertionError("the main thread never came back to the pool")


class Interrupted(Desk):
    """A desk whose k3 interrupts the run as soon as k0 to k2 are in the event log, with two more at work."""

    instance: dg.DagsterInstance
    requested = True
    saw_stop: Counter[str]

    def work(self, key: str) -> Made:
        if key < "k3":
            return super().work(key)
        if key == "k3":
            wait_until_finished(self.instance, 3)
            if self.requested:
                run = self.instance.get_runs()[0]
                self.instance.report_run_canceling(run)
            wait_until_the_pool_is_waited_for()
            interrupt()
        assert self.stop.wait(WAIT_S), "the workers were never told to stop"
        self.saw_stop[key] += 1
        return super().work(key)


@pytest.fixture
def instance(caplog: pytest.LogCaptureFixture) -> Iterator[dg.DagsterInstance]:
    """A new instance; every test leaves no pool thread behind, and answers for its own only."""
    before = set(pool_threads())
    with dg.DagsterInstance.ephemeral() as fresh:
        yield fresh
    assert_pool_is_gone(caplog, before)


def assert_pool_is_gone(caplog: pytest.LogCaptureFixture, before: set[threading.Thread]) -> None:
    """No new pool thread is left, once nobody holds the interrupt's traceback, and with it the suspended generator."""
    caplog.clear()  # pytest's own records hold tracebacks too
    gc.collect()
    assert not set(pool_threads()) - before


def interrupted(instance: dg.DagsterInstance, *, requested: bool) -> Interrupted:
    """A desk on `instance`."""
    desk = Interrupted()
    desk.instance, desk.requested, desk.saw_stop = instance, requested, Counter()
    return desk


@pytest.mark.parametrize("requested", [True, False], ids=["terminate-button", "ctrl-c"])
def test_a_cancelled_run_keeps_what_was_finished(instance: dg.DagsterInstance, requested: bool) -> None:  # noqa: FBT001
    """Finished ones stay green; after a requested cancel the rest has no colour, else it is red; the pool is gone."""
    desk = interrupted(instance, requested=requested)
    result = desk.run(instance, KEYS)
    (run,) = instance.get_runs()
    assert not result.success
    assert run.status is (dg.DagsterRunStatus.CANCELED if requested else dg.DagsterRunStatus.FAILURE)
    rest = set() if requested else set(KEYS[3:])
    assert colours(instance, STATIC) == (set(KEYS[:3]), rest, set())
    assert Counter(logged(result)) == dict.fromkeys(KEYS[:3], 1)
    assert set(desk.saw_stop) >= {"k3"}


def test_a_cancelled_run_is_resumed_where_it_stopped(instance: dg.DagsterInstance) -> None:
    """Re-executing it does only the rest."""
    first = interrupted(instance, requested=True).run(instance, KEYS)
    desk = Desk()
    assert desk.run(instance, KEYS, tags=retry_tags(first)).success
    assert sorted(desk.worked) == KEYS[3:]
    assert colours(instance, STATIC) == (set(KEYS), set(), set())


def test_a_retry_policy_does_not_answer_a_cancel(instance: dg.DagsterInstance) -> None:
    """Dagster turns an interrupt into a step retry where a policy exists; the fan-out then refuses to begin again."""
    desk = interrupted(instance, requested=True)
    job = dg.define_asset_job("prices", selection=[KEY], op_retry_policy=dg.RetryPolicy(max_retries=2))
    resolved = dg.Definitions(assets=[desk.asset()], jobs=[job]).resolve_job_def("prices")
    resolved.execute_in_process(instance=instance, tags=range_tags("k0", "k5"), raise_on_error=False)
    (run,) = instance.get_runs()
    assert run.status is dg.DagsterRunStatus.CANCELED
    assert colours(instance, STATIC) == (set(KEYS[:3]), set(), set())
    assert max(Counter(desk.worked).values()) == 1


def test_an_interrupt_while_dagster_stores_an_event_ends_the_pool_too(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The signal may come while our generator is suspended; then Dagster never resumes it, and only drops it."""
    before = set(pool_threads())
    desk = interrupted(instance, requested=True)
    store = dg.DagsterInstance.handle_new_event

    def store_and_interrupt(self: dg.DagsterInstance, event: dg.EventLogEntry, **more: object) -> None:
        store(self, event, **more)  # type: ignore[arg-type]
        made = event.asset_materialization
        if made is not None and made.partition == "k1":
            self.report_run_canceling(self.get_runs()[0])
            interrupt()

    monkeypatch.setattr(dg.DagsterInstance, "handle_new_event", store_and_interrupt)
    desk.options = {"max_workers": 2}
    monkeypatch.setattr(Interrupted, "work", Desk.work)
    desk.run(instance, KEYS)
    (run,) = instance.get_runs()
    assert run.status is dg.DagsterRunStatus.CANCELED
    green, red, busy = colours(instance, STATIC)
    assert "k1" in green
    assert len(green) < len(KEYS)
    assert (red, busy) == (set(), set())
    assert_pool_is_gone(caplog, before)
    assert desk.stop.is_set()


@pytest.mark.parametrize("crash", [SystemExit(1), MemoryError("too big")], ids=["exit", "memory"])
def test_a_crash_in_the_pool_ends_the_run_but_not_what_was_finished(
    instance: dg.DagsterInstance, crash: BaseException
) -> None:
    """The step fails with the crash itself; what finished is green, the rest red, and no thread is left."""
    desk = Desk(bad={"k3": crash}, options={"max_workers": 1})
    result = desk.run(instance, KEYS)
    assert not result.success
    (event,) = [event for event in result.all_events if event.is_step_failure]
    assert type(crash).__name__ in event.step_failure_data.error_display_string
    assert colours(instance, STATIC) == (set(KEYS[:3]), set(KEYS[3:]), set())
    assert Counter(logged(result)) == dict.fromkeys(KEYS[:3], 1)


KILLED = """
import os, signal
import dagster as dg
from stocks_pipeline.fanout import range_tags
from stocks_pipeline_tests.fanout_desk import Desk, prices_job, wait_until_finished

make = Desk.work

def work(self, key):
    if key >= "k3":
        wait_until_finished(instance, 3)
        os.kill(os.getpid(), signal.SIGKILL)
    return make(self, key)

Desk.work = work
with dg.DagsterInstance.get() as instance:
    dg.execute_job(dg.reconstructable(prices_job), instance=instance, tags=range_tags("k0", "k5"))
"""


def test_a_killed_run_keeps_what_was_finished_and_is_resumed(tmp_path: Path) -> None:
    """A kill -9 in the middle: what finished is in the log, the run looks alive, a re-execution does the rest."""
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    root = Path(__file__).resolve().parents[2]
    env = {**os.environ, "DAGSTER_HOME": str(tmp_path), "PYTHONPATH": str(root)}
    died = subprocess.run(
        [sys.executable, "-c", KILLED], env=env, cwd=root, timeout=60, check=False, capture_output=True
    )
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert colours(instance, STATIC) == (set(KEYS[:3]), set(), set(KEYS[3:]))
        (run,) = instance.get_runs()
        JOB_DESK.worked.clear()
        JOB_DESK.bad = {}
        tags = {"dagster/parent_run_id": run.run_id, "dagster/root_run_id": run.run_id}
        again = prices_job().execute_in_process(instance=instance, tags={**range_tags("k0", "k5"), **tags})
        assert sorted(JOB_DESK.worked) == KEYS[3:]
        assert Counter(logged(again)) == dict.fromkeys(KEYS, 1)
        assert colours(instance, STATIC) == (set(KEYS), set(), set())

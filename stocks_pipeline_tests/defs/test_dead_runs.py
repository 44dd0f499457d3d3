"""Runs whose process is gone are ended; those that live, or ended by themselves, are left alone."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from filelock import FileLock, Timeout

from stocks_pipeline.defs.operations import dead_runs as module
from stocks_pipeline.defs.operations.dead_runs import (
    WORKER_TAG,
    alive,
    dead_runs,
    dead_runs_sensor,
    lock_file,
    reap,
)

FOREGROUND = {WORKER_TAG: "foreground"}


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance on disk: the lock lies in its folder."""
    with dg.DagsterInstance.local_temp(str(tmp_path)) as made:
        yield made


def begun(
    instance: dg.DagsterInstance,
    tags: dict[str, str] | None = None,
    status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED,
) -> str:
    """The id of a run that is recorded as running."""
    run = dg.DagsterRun("asx_prices", tags=FOREGROUND if tags is None else tags, status=status)
    return instance.add_run(run).run_id


def status(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    """What the instance says of the run."""
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


def test_a_run_whose_lock_is_held_lives(instance: dg.DagsterInstance) -> None:
    """Kill -9: as long as the process holds its lock, nobody ends its run."""
    run_id = begun(instance)
    with alive(instance, run_id):
        assert dead_runs(instance) == []
        assert reap(instance) == []
    assert status(instance, run_id) is dg.DagsterRunStatus.STARTED


@pytest.mark.parametrize("state", module.RUNNING, ids=lambda state: state.value)
def test_a_run_without_its_lock_is_ended_and_says_why(instance: dg.DagsterInstance, state: dg.DagsterRunStatus) -> None:
    """Kill -9: the run fails with a reason, once; no lock file is left behind."""
    run_id = begun(instance, status=state)
    assert reap(instance) == [run_id]
    assert status(instance, run_id) is dg.DagsterRunStatus.FAILURE
    messages = [str(entry.message) for entry in instance.all_logs(run_id)]
    assert any("Its process died" in message and "run it again" in message for message in messages)
    assert reap(instance) == []
    assert not lock_file(instance, run_id).exists()


def test_only_foreground_runs_are_judged(instance: dg.DagsterInstance) -> None:
    """A run of the daemon holds no lock; its own monitoring looks after it."""
    begun(instance, tags={})
    begun(instance, tags={WORKER_TAG: "daemon"})
    assert reap(instance) == []


def test_a_run_that_ended_while_we_looked_keeps_its_end(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Race: it succeeded and let go of its lock between the question and the lock: it is not called dead."""
    run_id = begun(instance)
    real = module.lock_file

    def ends_first(found: dg.DagsterInstance, asked: str) -> Path:
        run = found.get_run_by_id(asked)
        assert run is not None
        if not run.is_finished:
            found.report_engine_event("the end", run)
            found.handle_run_event(asked, _success(run))
        return real(found, asked)

    monkeypatch.setattr(module, "lock_file", ends_first)
    assert reap(instance) == []
    assert status(instance, run_id) is dg.DagsterRunStatus.SUCCESS


def _success(run: dg.DagsterRun) -> dg.DagsterEvent:
    return dg.DagsterEvent(event_type_value=dg.DagsterEventType.RUN_SUCCESS.value, job_name=run.job_name)


def test_the_lock_is_gone_after_the_run_whatever_happened_in_it(instance: dg.DagsterInstance) -> None:
    """Tidiness: neither an end nor an exception leaves a file behind."""
    run_id = begun(instance)
    held = alive(instance, run_id)
    held.__enter__()
    with pytest.raises(Timeout):
        FileLock(lock_file(instance, run_id)).acquire(timeout=0)
    boom = RuntimeError("boom")
    assert held.__exit__(RuntimeError, boom, None) is False, "the error goes on"
    assert not lock_file(instance, run_id).exists()


def test_the_sensor_ends_dead_runs_and_says_so(instance: dg.DagsterInstance) -> None:
    """Kill -9: while the daemon is up nothing stays running for ever."""
    run_id = begun(instance)
    sensor = dead_runs_sensor()
    with dg.build_sensor_context(instance=instance) as context:
        first, second = sensor.evaluate_tick(context), sensor.evaluate_tick(context)
    assert first.skip_message == f"Ended 1 dead runs: {run_id}"
    assert second.skip_message == "No dead runs."

"""Runs whose process died: found by a lock that the kernel released, and ended.

What belongs here: the lock that a foreground run holds, and the reaper. What does not: runs that the daemon launched;
their code server sees its child die and reports it. A foreground run has nobody: after `kill -9` it would stay STARTED
for ever (run monitoring has no health check for it), and `stocks status` would call it running.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

WORKER_TAG = "stocks/worker"
"""On runs that hold a lock file: `foreground`."""

RUNNING = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.NOT_STARTED]


def lock_file(instance: dg.DagsterInstance, run_id: str) -> Path:
    """Where the run's lock lies, inside DAGSTER_HOME."""
    return Path(instance.root_directory) / "run-locks" / f"{run_id}.lock"


@contextmanager
def alive(instance: dg.DagsterInstance, run_id: str) -> Iterator[None]:
    """Hold the run's lock: the kernel lets go of it when this process dies, however it dies."""
    from filelock import FileLock

    path = lock_file(instance, run_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    with lock.acquire(timeout=0):
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def dead_runs(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """Foreground runs that are recorded as running and whose process is gone."""
    from filelock import FileLock, Timeout

    found = []
    for record in instance.get_run_records(dg.RunsFilter(statuses=RUNNING, tags={WORKER_TAG: "foreground"})):
        run_id = record.dagster_run.run_id
        try:
            with FileLock(lock_file(instance, run_id)).acquire(timeout=0):
                # Asked again under the lock: a run that ended between the question and the lock is not dead.
                run = instance.get_run_by_id(run_id)
                if run is not None and run.status in RUNNING:
                    found.append(run)
        except Timeout:
            continue
    return found


def reap(instance: dg.DagsterInstance) -> list[str]:
    """End every dead run as failed and say why; returns their ids. What they stored stays."""
    reaped = []
    for run in dead_runs(instance):
        instance.report_run_failed(
            run,
            message="Its process died (killed, out of memory, a reboot). What it stored stays; run it again.",
        )
        lock_file(instance, run.run_id).unlink(missing_ok=True)
        reaped.append(run.run_id)
    return reaped


def dead_runs_sensor() -> dg.SensorDefinition:
    """Ends dead foreground runs while the daemon is up; `stocks run` does the same before it starts."""

    @dg.sensor(
        name="dead_runs",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Ends runs of `stocks run` whose process died, so that nothing stays running for ever.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        reaped = reap(context.instance)
        return dg.SkipReason(f"Ended {len(reaped)} dead runs: {', '.join(reaped)}" if reaped else "No dead runs.")

    return sensor

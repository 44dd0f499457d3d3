"""A real process with a real lock, killed the hard way."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import dagster as dg

from stocks_pipeline.defs.operations.dead_runs import WORKER_TAG, dead_runs, reap

HOLDER = """
import sys
import dagster as dg
from stocks_pipeline.defs.operations.dead_runs import alive

with dg.DagsterInstance.from_config(sys.argv[1]) as instance, alive(instance, sys.argv[2]):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_killed_process_lets_go_of_its_run(tmp_path: Path) -> None:
    """Kill -9: while the process lives its run is left alone; killed, its run is ended by the kernel's word."""
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        run = instance.add_run(
            dg.DagsterRun("asx_prices", tags={WORKER_TAG: "foreground"}, status=dg.DagsterRunStatus.STARTED)
        )
        command = [sys.executable, "-c", HOLDER, str(tmp_path), run.run_id]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            assert dead_runs(instance) == []
            os.kill(holder.pid, signal.SIGKILL)
            assert holder.wait(10) == -signal.SIGKILL
        assert [dead.run_id for dead in dead_runs(instance)] == [run.run_id]
        assert reap(instance) == [run.run_id]
        ended = instance.get_run_by_id(run.run_id)
        assert ended is not None
        assert ended.status is dg.DagsterRunStatus.FAILURE
        assert reap(instance) == []

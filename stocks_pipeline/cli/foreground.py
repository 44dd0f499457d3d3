"""A day of one market in the foreground: the same chain as the daemon's, in this process, on the same instance.

What belongs here: running stages one after the other and counting what they came to. What does not: arguments and
printing (run.py, demo.py) and the decision what follows what (defs/chain.py).
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol

import dagster as dg
from dagster._core.utils import make_new_run_id  # the id must be known before the run, to watch it; no public maker

from stocks_pipeline.clock import Clock
from stocks_pipeline.defs.automation import CHAIN_TAG
from stocks_pipeline.defs.chain import batch_range_tags, gapless
from stocks_pipeline.defs.market import Market
from stocks_pipeline.defs.operations.dead_runs import WORKER_TAG, alive, reap

Watch = Callable[[dg.EventLogEntry], None]

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""Dagster's own console lines; the event log has them all the same."""


@dataclass(frozen=True)
class StageResult:
    """What one stage came to."""

    stage: str
    run_id: str
    success: bool
    seconds: float
    message: str = ""


@dataclass
class DayResult:
    """What the day came to, stage by stage."""

    day: date
    stages: list[StageResult] = field(default_factory=list)

    def stage(self, name: str) -> StageResult | None:
        """The stage of that name, if it ran."""
        return next((s for s in self.stages if s.stage == name), None)


class Staged(Protocol):
    """Whatever stages belong to: a market, or the mornings."""

    @property
    def name(self) -> str: ...


@dataclass(frozen=True)
class Stages:
    """Runs stages in this process: the jobs `<market>_<stage>`."""

    instance: dg.DagsterInstance
    repository: Any
    market: Staged
    clock: Clock
    triggered_by: str
    watch: Watch
    begun: list[str] = field(default_factory=list, kw_only=True)
    """Runs that were started, in order, also those that Ctrl-C ended."""

    def stage(self, name: str, tags: Mapping[str, str], config: Mapping[str, Any] | None = None) -> StageResult:
        """Run one stage to its end; a failure is a result, not an exception.

        Raises:
            KeyboardInterrupt: Ctrl-C; the run is recorded as ended and what it stored stays.
        """
        run_id = make_new_run_id()
        self.begun.append(run_id)
        started = self.clock.monotonic()
        job = self.repository.get_job(f"{self.market.name}_{name}")
        self.instance.add_event_listener(run_id, self.watch)
        with alive(self.instance, run_id), self._ended(run_id):
            result = job.execute_in_process(
                instance=self.instance,
                run_id=run_id,
                run_config={**QUIET, **(config or {})},
                raise_on_error=False,
                tags={**self._tags(), **tags},
            )
        if _interrupted(result):
            raise KeyboardInterrupt
        failed = [e.step_failure_data for e in result.all_events if e.is_step_failure]
        why = reason(failed[-1]) if failed else ""
        return StageResult(name, run_id, result.success, self.clock.monotonic() - started, why)

    def _tags(self) -> dict[str, str]:
        return {
            CHAIN_TAG: "foreground",
            WORKER_TAG: "foreground",
            # Whoever pressed Ctrl-C does not want the daemon to start it anew.
            "dagster/max_retries": "0",
            "source": "manual",
            "triggered_by": self.triggered_by,
            "execution_name": f"manual-{self.clock.now():%Y%m%d-%H%M%S}",
        }

    @contextmanager
    def _ended(self, run_id: str) -> Iterator[None]:
        """However the block ends, the run is recorded as ended: Ctrl-C may come between Dagster's own guards."""
        try:
            yield
        finally:
            run = self.instance.get_run_by_id(run_id)
            if run is not None and not run.is_finished:
                self.instance.report_run_canceled(run, message="Interrupted. What it stored stays; run it again.")


@dataclass(frozen=True)
class Foreground(Stages):
    """Runs stages of one market in this process."""

    market: Market

    def day(
        self, day: date, *, listing: Mapping[str, Any], batches: Mapping[str, Any], prices: Mapping[str, Any]
    ) -> DayResult:
        """The chain of one day: list and split, fetch every selected batch, merge what is there.

        The arguments are the run configs of `symbols`, `symbol_batches` and `raw_prices`.
        """
        reap(self.instance)
        done = DayResult(day)
        name = self.market.name
        tags = {"dagster/partition": day.isoformat()}
        config = {
            "ops": {f"{name}__symbols": {"config": dict(listing)}, f"{name}__symbol_batches": {"config": dict(batches)}}
        }
        done.stages.append(self.stage("listing", tags, config))
        if not done.stages[-1].success:
            return done
        config = {"ops": {f"{name}__raw_prices": {"config": dict(prices)}}}
        for numbers in gapless(self.selected_batches(day)):
            done.stages.append(self.stage("prices", batch_range_tags(day, numbers), config))
        done.stages.append(self.stage("daily_prices", tags))
        return done

    def selected_batches(self, day: date) -> list[int]:
        """The batches of the day's split that the listing run selected, as the instance recorded them."""
        records = self.instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=self.market.key("symbol_batches"), asset_partitions=[day.isoformat()]),
            limit=1,
        ).records
        made = records[0].asset_materialization if records else None
        found: Any = made.metadata["selected_batches"].value if made else []
        return list(found)


def reason(failed: Any) -> str:
    """Why a step failed, in the words of the outermost error that is not Dagster's: those only say that a step failed,
    and what lies below ours ("Errno 28") does not say what to do.
    """
    meant = failed.user_failure_data
    if meant is not None and meant.description:
        return str(meant.description)
    error = failed.error
    while error is not None and error.cause is not None and (error.cls_name or "").startswith("Dagster"):
        error = error.cause
    return error.message.strip() if error is not None else "no reason was recorded"


def _interrupted(result: dg.ExecuteInProcessResult) -> bool:
    """Dagster turns Ctrl-C inside a step into a failed step; to the person it is still Ctrl-C."""
    errors = [e.step_failure_data.error for e in result.all_events if e.is_step_failure]
    return any(error is not None and error.cls_name == "DagsterExecutionInterruptedError" for error in errors)

"""What one fan-out step logs, and when.

What belongs here: the order of events, what is logged again, the summary of a check. What does not: one partition's
events (fanout_made.py), the pool (pool.py), wording what went wrong (fanout_failures.py), the recipe (fanout.py).

Three facts of Dagster 1.13.27 shape it (docs/decisions/0001-many-partitions-in-one-run.md has the measurements):
a planned partition that a failed run has not materialized *in that run* is red, whatever it was before; a partition
check that does not name the materialization it looked at counts as stale; and the check row with the highest id is the
one that the asset's page shows, so the summary is logged last.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import dagster as dg

from stocks_pipeline.fanout_failures import Troubles
from stocks_pipeline.fanout_made import (
    Made,
    PartitionCheck,
    Target,
    evaluation,
    finished_before,
    made_of,
    materialization,
    recorded,
    target_of,
)
from stocks_pipeline.markup import escape
from stocks_pipeline.upstream.failures import UpstreamError
from stocks_pipeline.upstream.limits import Cancelled

FanOutEvent = dg.AssetMaterialization | dg.AssetCheckEvaluation

EXAMPLES = 20  # failing partitions that a check's summary names


@dataclass(slots=True)
class _Tally:
    """One check over all partitions of one run."""

    passed: int = 0
    failed: int = 0
    errors: int = 0
    examples: list[str] = field(default_factory=list)
    next_step: object = None
    """What the first check that did not pass says is to be done."""

    def add(self, key: str, check: PartitionCheck) -> None:
        """Count the outcome of one partition."""
        self.passed += check.passed
        self.failed += not check.passed
        self.errors += not check.passed and check.severity is dg.AssetCheckSeverity.ERROR
        self.next_step = self.next_step or (None if check.passed else check.metadata.get("next_step"))
        if not check.passed and len(self.examples) < EXAMPLES:
            self.examples.append(f"* `{key}`: {escape(check.description or 'did not pass')}")

    def summary(self, asset: dg.AssetKey, name: str, total: int) -> dg.AssetCheckEvaluation:
        """The outcome over the whole run. A partition that was not made was not checked, and that is no pass; it is no
        finding of this check either, but the run's own failure: an error only where one was found.
        """
        unchecked = total - self.passed - self.failed
        step = self.next_step if self.errors or not unchecked else None  # of what was not made the run's failure speaks
        parts = [f"{self.passed} of the {total} partition{'s' * (total > 1)} of this run passed"]
        parts += [f"{self.failed} did not"] if self.failed else []
        parts += [f"{unchecked} not made, so not checked"] if unchecked else []
        return dg.AssetCheckEvaluation(
            asset_key=asset,
            check_name=name,
            passed=self.passed == total,
            severity=dg.AssetCheckSeverity.ERROR if self.errors else dg.AssetCheckSeverity.WARN,
            description=", ".join(parts),
            metadata={
                "partitions": total,
                "passed": self.passed,
                "failed": self.failed,
                "not_checked": unchecked,
                "examples": dg.MetadataValue.md("\n".join(self.examples) or "none"),
                **({"next_step": str(getattr(step, "value", step))} if step else {}),
            },
        )


class StepLog:
    """The book-keeping of one fan-out step. For the main thread; only `checked` is called from the pool."""

    def __init__(
        self,
        context: dg.AssetExecutionContext,
        keys: Sequence[str],
        describe: Callable[[Exception], UpstreamError | None],
    ) -> None:
        self._context, self._asset = context, context.assets_def.key
        self._chosen, self._total, self._reused = frozenset(keys), len(keys), 0
        self._open = dict.fromkeys(keys)  # a set that keeps its order
        self._here = recorded(context.instance, context.run.run_id, self._asset)  # by an earlier try of this very step
        self._tallies = {spec.name: _Tally() for spec in context.assets_def.check_specs}
        self._troubles = Troubles(describe)
        if context.op_execution_context.retry_number and _is_canceling(context):
            raise dg.Failure("Cancelled.", allow_retries=False)  # Dagster answers a cancel with a retry, if it may

    def checked(self, made: Made) -> Made:
        """The same, once it is sure that it brings exactly the declared checks: one left out is not one passed."""
        if sorted(check.name for check in made.checks) != sorted(self._tallies):
            raise ValueError(f"declared checks: {sorted(self._tallies)}; outcomes: {[c.name for c in made.checks]}")
        return made

    def missing(self) -> list[str]:
        """The partitions that nobody has made yet."""
        return list(self._open)

    def resumed(self) -> Iterator[tuple[str, Made]]:
        """What an earlier try of this step, or the unfinished runs that this one re-executes, have already made."""
        earlier = {**finished_before(self._context.instance, self._context.run, self._asset), **self._here}
        for key in self.missing():
            if key in earlier and {check.name for check in earlier[key].checks} == set(self._tallies):
                yield key, earlier[key]

    def record(self, key: str, made: Made) -> Iterator[FanOutEvent]:
        """The events of one finished partition, less those that an earlier try of this step has logged."""
        here = self._here.get(key)
        if here is None:
            yield materialization(self._asset, key, made)
        logged = {check.name for check in here.checks} if here else set()
        target = self._target(key) if len(logged) < len(made.checks) else None
        for check in made.checks:
            self._tallies[check.name].add(key, check)
            if check.name not in logged:
                yield evaluation(self._asset, key, check, target)
        self._reused += here is None and made.reused_from is not None
        del self._open[key]

    def failed(self, key: str, error: Exception) -> bool:
        """Take down one failure; true when it ends the stage. A key whose wait was cancelled stays untried."""
        if isinstance(error, Cancelled):
            return False
        del self._open[key]
        return self._troubles.add(key, error)

    def bystanders(self, planned: Iterable[str]) -> Iterator[FanOutEvent]:
        """What was planned, not worked on, and made before: logged again, or this run's failure would paint it red."""
        if not (self._open or self._troubles):
            return
        runs: dict[str, dict[str, Made]] = {}
        for key in planned:
            newest = None if key in self._chosen or key in self._here else self._newest(key)
            if newest is None or newest.asset_materialization is None:
                continue
            run_id = newest.run_id
            runs.setdefault(run_id, recorded(self._context.instance, run_id, self._asset) if run_id else {})
            made = runs[run_id].get(key) or made_of(newest.asset_materialization, run_id)
            yield materialization(self._asset, key, made)
            target = self._target(key)
            for check in made.checks:
                yield evaluation(self._asset, key, check, target)

    def summaries(self) -> Iterator[dg.AssetCheckEvaluation]:
        """One outcome for each check over all partitions of this run."""
        for name, tally in self._tallies.items():
            yield tally.summary(self._asset, name, self._total)

    def finish(self) -> None:
        """Raise the run's one failure if any partition is missing."""
        failure = self._troubles.failure(self._total, self._open, self._reused)
        if failure is not None:
            raise failure
        self._context.log.info(f"all {self._total} partitions made, {self._reused} of them reused")

    def _newest(self, key: str) -> dg.EventLogRecord | None:
        wanted = dg.AssetRecordsFilter(asset_key=self._asset, asset_partitions=[key])
        return next(iter(self._context.instance.fetch_materializations(wanted, limit=1).records), None)

    def _target(self, key: str) -> Target | None:
        """The materialization that a check looked at; it is stored by the time its `yield` returns."""
        newest = self._newest(key)
        return target_of(newest) if newest else None


def _is_canceling(context: dg.AssetExecutionContext) -> bool:
    run = context.instance.get_run_by_id(context.run.run_id)
    return run is not None and run.status is dg.DagsterRunStatus.CANCELING

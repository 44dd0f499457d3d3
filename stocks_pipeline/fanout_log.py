"""What one fan-out step writes into Dagster's event log, and what it reads back from it.

What belongs here: the events of one partition, and what earlier runs of the same effort left behind. What does not:
the pool (pool.py), wording what went wrong (fanout_failures.py), the recipe and the decorator (fanout.py).

Three facts of Dagster 1.13.27 shape it (docs/decisions/0001-many-partitions-in-one-run.md has the measurements):
a planned partition that a failed run has not materialized *in that run* is red, whatever it was before; a partition
check that does not name the materialization it looked at counts as stale; and the check row with the highest id is the
one that the asset's page shows, so the summary is logged last.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import dagster as dg  # noqa: TID251 - a part of fanout.py
from dagster._core.definitions.asset_checks.asset_check_evaluation import (  # noqa: TID251 - as above
    AssetCheckEvaluationTargetMaterializationData as Target,  # the only name we take from below Dagster's surface
)

from stocks_pipeline.fanout_failures import Troubles
from stocks_pipeline.upstream.failures import UpstreamError
from stocks_pipeline.upstream.limits import Cancelled

FanOutEvent = dg.AssetMaterialization | dg.AssetCheckEvaluation

DATA_VERSION = "dagster/data_version"
REUSED = "reused_from"
EXAMPLES = 20  # failing partitions that a check's summary names


@dataclass(frozen=True, slots=True)
class PartitionCheck:
    """The outcome of one declared check on one partition."""

    name: str
    passed: bool
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR
    metadata: Mapping[str, Any] = field(default_factory=dict)
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """One finished partition: its file is written and read back. It brings one outcome for each declared check."""

    metadata: Mapping[str, Any]
    data_version: str | None = None
    checks: Sequence[PartitionCheck] = ()
    reused_from: str | None = None  # the run or the lake key whose work this is, where it was not done now


@dataclass(slots=True)
class _Tally:
    """One check over all partitions of one run."""

    passed: int = 0
    failed: int = 0
    errors: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, key: str, check: PartitionCheck) -> None:
        """Count the outcome of one partition."""
        self.passed += check.passed
        self.failed += not check.passed
        self.errors += not check.passed and check.severity is dg.AssetCheckSeverity.ERROR
        if not check.passed and len(self.examples) < EXAMPLES:
            self.examples.append(f"* `{key}`: {check.description or 'did not pass'}")

    def summary(self, asset: dg.AssetKey, name: str, total: int) -> dg.AssetCheckEvaluation:
        """The outcome over the whole run. A partition that was not made was not checked, and that is no pass."""
        unchecked = total - self.passed - self.failed
        is_error = bool(self.errors or unchecked)
        return dg.AssetCheckEvaluation(
            asset_key=asset,
            check_name=name,
            passed=self.passed == total,
            severity=dg.AssetCheckSeverity.ERROR if is_error else dg.AssetCheckSeverity.WARN,
            description=f"{self.passed} of the {total} partitions of this run passed",
            metadata={
                "partitions": total,
                "passed": self.passed,
                "failed": self.failed,
                "not_checked": unchecked,
                "examples": dg.MetadataValue.md("\n".join(self.examples) or "none"),
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
        self._total, self._reused = len(keys), 0
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
            yield _materialization(self._asset, key, made)
        logged = {check.name for check in here.checks} if here else set()
        target = self._target(key) if len(logged) < len(made.checks) else None
        for check in made.checks:
            self._tallies[check.name].add(key, check)
            if check.name not in logged:
                yield _evaluation(self._asset, key, check, target)
        self._reused += made.reused_from is not None
        del self._open[key]

    def failed(self, key: str, error: Exception) -> bool:
        """Take down one failure; true when it ends the stage. A key whose wait was cancelled stays untried."""
        if isinstance(error, Cancelled):
            return False
        del self._open[key]
        return self._troubles.add(key, error)

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

    def _target(self, key: str) -> Target | None:
        """The materialization a check looked at; the yield before has stored it."""
        wanted = dg.AssetRecordsFilter(asset_key=self._asset, asset_partitions=[key])
        records = self._context.instance.fetch_materializations(wanted, limit=1).records
        if not records:
            return None
        return Target(storage_id=records[0].storage_id, run_id=records[0].run_id, timestamp=records[0].timestamp)


def recorded(instance: dg.DagsterInstance, run_id: str, asset: dg.AssetKey) -> dict[str, Made]:
    """What one run has logged for the partitions of `asset`, by partition key, in the order of the log."""
    found: dict[str, Made] = {}
    kinds = {dg.DagsterEventType.ASSET_MATERIALIZATION, dg.DagsterEventType.ASSET_CHECK_EVALUATION}
    for entry in instance.all_logs(run_id, of_type=kinds):
        made, check = entry.asset_materialization, _check_of(entry)
        if made is not None and made.asset_key == asset and made.partition is not None:
            by = made.metadata.get(REUSED)
            source = cast("str", by.value) if by is not None else run_id
            found[made.partition] = Made(made.metadata, (made.tags or {}).get(DATA_VERSION), (), source)
        elif check is not None and check.asset_key == asset and check.partition in found:
            outcome = PartitionCheck(check.check_name, check.passed, check.severity, check.metadata, check.description)
            earlier = found[check.partition]
            found[check.partition] = replace(earlier, checks=(*earlier.checks, outcome))
    return found


def finished_before(instance: dg.DagsterInstance, run: dg.DagsterRun, asset: dg.AssetKey) -> dict[str, Made]:
    """What the runs that this one re-executes have finished since the last of them succeeded.

    After a success the effort is over: to re-execute it means to do everything again.
    """
    if run.root_run_id is None:
        return {}
    found: dict[str, Made] = {}
    root = run.root_run_id
    group = instance.get_run_records(dg.RunsFilter(tags={"dagster/root_run_id": root}), ascending=True)
    for record in [*instance.get_run_records(dg.RunsFilter(run_ids=[root])), *group]:
        earlier = record.dagster_run
        if earlier.run_id == run.run_id:
            break
        if earlier.is_success:
            found.clear()
        else:
            found.update(recorded(instance, earlier.run_id, asset))
    return found


def _materialization(asset: dg.AssetKey, key: str, made: Made) -> dg.AssetMaterialization:
    metadata = {**made.metadata, REUSED: made.reused_from} if made.reused_from else made.metadata
    tags = {DATA_VERSION: made.data_version} if made.data_version else None
    return dg.AssetMaterialization(asset_key=asset, partition=key, metadata=metadata, tags=tags)


def _evaluation(asset: dg.AssetKey, key: str, check: PartitionCheck, target: Target | None) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=asset,
        check_name=check.name,
        passed=check.passed,
        severity=check.severity,
        metadata=check.metadata,
        description=check.description,
        partition=key,
        target_materialization_data=target,
    )


def _is_canceling(context: dg.AssetExecutionContext) -> bool:
    run = context.instance.get_run_by_id(context.run.run_id)
    return run is not None and run.status is dg.DagsterRunStatus.CANCELING


def _check_of(entry: dg.EventLogEntry) -> dg.AssetCheckEvaluation | None:
    event = entry.dagster_event
    data = event.event_specific_data if event else None
    return data if isinstance(data, dg.AssetCheckEvaluation) else None

"""One made partition: as `work` returns it, as Dagster's event log keeps it, and back again.

What belongs here: `Made`, its events, and reading them from this run and from those it resumes. What does not: when
to log what (fanout_log.py), the recipe and the decorator (fanout.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData,  # the only name we take from below Dagster's surface
)

from stocks_pipeline import __version__

DATA_VERSION = "dagster/data_version"
CODE_VERSION = "dagster/code_version"
REUSED = "reused_from"
ROOT = "dagster/root_run_id"  # every re-execution carries the id of the run that began it all
Target = AssetCheckEvaluationTargetMaterializationData


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


def recorded(instance: dg.DagsterInstance, run_id: str, asset: dg.AssetKey) -> dict[str, Made]:
    """What one run has logged for the partitions of `asset`, by partition key, in the order of the log."""
    found: dict[str, Made] = {}
    kinds = {dg.DagsterEventType.ASSET_MATERIALIZATION, dg.DagsterEventType.ASSET_CHECK_EVALUATION}
    for entry in instance.all_logs(run_id, of_type=kinds):
        event, check = entry.asset_materialization, _check_of(entry)
        if event is not None and event.asset_key == asset and event.partition is not None:
            found[event.partition] = made_of(event, run_id)
        elif check is not None and check.asset_key == asset and check.partition in found:
            outcome = PartitionCheck(check.check_name, check.passed, check.severity, check.metadata, check.description)
            earlier = found[check.partition]
            found[check.partition] = replace(earlier, checks=(*earlier.checks, outcome))
    return found


def target_of(record: dg.EventLogRecord) -> Target:
    """What a check evaluation needs to count as current: the materialization it looked at."""
    return Target(storage_id=record.storage_id, run_id=record.run_id, timestamp=record.timestamp)


def made_of(event: dg.AssetMaterialization, run_id: str) -> Made:
    """The partition behind one event of run `run_id`, without its checks; work taken over keeps its first source."""
    taken_from = event.metadata.get(REUSED)
    source = cast("str", taken_from.value) if taken_from is not None else run_id
    return Made(event.metadata, (event.tags or {}).get(DATA_VERSION), (), source)


def finished_before(instance: dg.DagsterInstance, run: dg.DagsterRun, asset: dg.AssetKey) -> dict[str, Made]:
    """What the runs that this one re-executes have finished since the last of them succeeded.

    After a success the effort is over: to re-execute it means to do everything again.
    """
    root = run.tags.get(ROOT) or run.root_run_id
    if root is None:
        return {}
    found: dict[str, Made] = {}
    group = instance.get_run_records(dg.RunsFilter(tags={ROOT: root}), ascending=True)
    for record in [*instance.get_run_records(dg.RunsFilter(run_ids=[root])), *group]:
        earlier = record.dagster_run
        if earlier.run_id == run.run_id:
            break
        if earlier.is_success:
            found.clear()
        else:
            found.update(recorded(instance, earlier.run_id, asset))
    return found


def materialization(asset: dg.AssetKey, key: str, made: Made) -> dg.AssetMaterialization:
    """The event that turns the partition green."""
    metadata = {**made.metadata, REUSED: made.reused_from} if made.reused_from else made.metadata
    version = {DATA_VERSION: made.data_version} if made.data_version else {}
    tags = {CODE_VERSION: __version__, **version}  # Dagster itself tags only what a step yields as its output
    return dg.AssetMaterialization(asset_key=asset, partition=key, metadata=metadata, tags=tags)


def evaluation(asset: dg.AssetKey, key: str, check: PartitionCheck, target: Target | None) -> dg.AssetCheckEvaluation:
    """The event that puts the outcome of a check beside the partition."""
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


def _check_of(entry: dg.EventLogEntry) -> dg.AssetCheckEvaluation | None:
    event = entry.dagster_event
    data = event.event_specific_data if event else None
    return data if isinstance(data, dg.AssetCheckEvaluation) else None

"""A small desk for fan-out tests: an asset that fails on demand, and the colours as the UI has them."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
from dagster._core.definitions.partitions.context import partition_loading_context
from dagster._core.storage.asset_check_state import AssetCheckState, bulk_update_asset_check_state
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value

from stocks_pipeline.fanout import FanOutEvent, Made, PartitionCheck, fan_out, fan_out_asset, range_tags
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError

KEY = dg.AssetKey(["asx", "raw_prices"])
CHECK = dg.AssetCheckKey(KEY, "complete")
STATIC = dg.StaticPartitionsDefinition([f"k{n}" for n in range(6)])
DYNAMIC = dg.DynamicPartitionsDefinition(name="tickers")
SESSIONS = dg.TimeWindowPartitionsDefinition(
    cron_schedule="0 0 * * 1-5", start="2026-11-16", fmt="%Y-%m-%d", timezone="Australia/Sydney", end_offset=1
)
MULTI = dg.MultiPartitionsDefinition({"as_of": SESSIONS, "batch": dg.DynamicPartitionsDefinition(name="batches")})


def keys_of(partitions_def: dg.PartitionsDefinition[str], count: int) -> list[str]:
    """The first `count` keys of each kind of partition, in the order in which a range holds them."""
    if partitions_def is MULTI:
        return [f"2026-11-20|{n}" for n in range(count)]
    return [f"k{n}" for n in range(count)] if partitions_def is STATIC else [f"T{n:02}" for n in range(count)]


def register(instance: dg.DagsterInstance, partitions_def: dg.PartitionsDefinition[str], keys: Sequence[str]) -> None:
    """Add the dynamic keys."""
    if partitions_def is MULTI:
        instance.add_dynamic_partitions("batches", [key.split("|")[1] for key in keys])
    if partitions_def is DYNAMIC:
        instance.add_dynamic_partitions("tickers", list(keys))


@dataclass
class Desk:
    """What the partitions do (`bad` raise, `unfit` fail their check), and what was asked of them (`worked`)."""

    partitions_def: dg.PartitionsDefinition[str] = STATIC
    bad: Mapping[str, BaseException] = field(default_factory=dict)
    unfit: frozenset[str] = frozenset()
    worked: list[str] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)

    def work(self, key: str) -> Made:
        """One partition."""
        self.worked.append(key)
        if key in self.bad:
            raise self.bad[key]
        check = PartitionCheck("complete", key not in self.unfit, description=f"{key} was looked at")
        return Made({"rows": len(self.worked), "path": f"raw/{key}"}, data_version=f"v-{key}", checks=[check])

    def asset(self) -> dg.AssetsDefinition:
        """The asset, built by the factory under test."""

        @fan_out_asset(KEY, partitions_def=self.partitions_def, checks={"complete": "Every symbol answered."})
        def raw_prices(context: dg.AssetExecutionContext) -> Iterator[FanOutEvent]:
            """Raw prices."""
            self.stop = threading.Event()
            yield from fan_out(context, self.work, **{"max_workers": 3, "stop": self.stop, **self.options})

        return raw_prices

    def run(self, instance: dg.DagsterInstance, keys: Sequence[str], **more: Any) -> dg.ExecuteInProcessResult:
        """One run over the range of `keys`."""
        tags = {**range_tags(keys[0], keys[-1]), **more.pop("tags", {})}
        return dg.materialize([self.asset()], instance=instance, tags=tags, raise_on_error=False, **more)


JOB_DESK = Desk()


def prices_job() -> dg.JobDefinition:
    """A job that Dagster can load by name, as its run workers do. Its asset does what `JOB_DESK` says."""
    job = dg.define_asset_job("prices", selection=[KEY], executor_def=dg.in_process_executor)
    return dg.Definitions(assets=[JOB_DESK.asset()], jobs=[job]).resolve_job_def("prices")


def retry_tags(parent: dg.ExecuteInProcessResult, root: dg.ExecuteInProcessResult | None = None) -> dict[str, str]:
    """The tags that Dagster gives to a re-execution."""
    return {"dagster/parent_run_id": parent.run_id, "dagster/root_run_id": (root or parent).run_id}


def down(key: str, kind: FailureKind = FailureKind.TRANSIENT) -> UpstreamError:
    """A classified failure."""
    return UpstreamError(kind, "yahoo", key, "503 | try later", attempts=4)


def colours(
    instance: dg.DagsterInstance, partitions_def: dg.PartitionsDefinition[str]
) -> tuple[set[str], set[str], set[str]]:
    """(green, red, in progress) as the UI's partition bar shows them."""
    value = get_and_update_asset_status_cache_value(instance, KEY, partitions_def)
    assert value is not None
    with partition_loading_context(None, instance):
        green = value.deserialize_materialized_partition_subsets(partitions_def)
        red = value.deserialize_failed_partition_subsets(partitions_def)
        busy = value.deserialize_in_progress_partition_subsets(partitions_def)
        red_keys = set(red.get_partition_keys())
        return set(green.get_partition_keys()) - red_keys, red_keys, set(busy.get_partition_keys())


def check_colours(instance: dg.DagsterInstance, partitions_def: dg.PartitionsDefinition[str]) -> dict[str, set[str]]:
    """Status name -> partitions, as the UI's check page shows them."""
    with partition_loading_context(None, instance):
        states = bulk_update_asset_check_state(instance, [(CHECK, partitions_def)], {CHECK: AssetCheckState.empty()})
        subsets = {status.name: subset.subset_value for status, subset in states[CHECK].subsets.items()}
        return {name: set(subset.get_partition_keys()) for name, subset in subsets.items() if len(subset)}


def summary(instance: dg.DagsterInstance) -> dg.AssetCheckEvaluation:
    """The outcome that the asset's page shows for the check: the newest row, of whatever partition."""
    record = instance.event_log_storage.get_latest_asset_check_execution_by_key([CHECK])[CHECK]
    assert record.evaluation is not None
    assert record.partition is None, "the page would show one partition's outcome as if it were all"
    return record.evaluation


def wait_until_finished(instance: dg.DagsterInstance, count: int, seconds: float = 20.0) -> None:
    """Until `count` partitions are in Dagster's books with their check. Called from a pool thread."""
    for _ in range(int(seconds * 50)):
        rows = instance.event_log_storage.get_asset_check_execution_history(CHECK, limit=1000)
        if sum(row.partition is not None and row.status.name == "SUCCEEDED" for row in rows) >= count:
            return
        threading.Event().wait(0.02)
    raise AssertionError(f"{count} partitions never turned green")


def logged(result: dg.ExecuteInProcessResult) -> list[str]:
    """The partitions that this run logged, in order, from the event log itself."""
    events = result.get_asset_materialization_events()
    return [event.partition for event in events if event.partition is not None]


def failure(result: dg.ExecuteInProcessResult) -> Mapping[str, dg.MetadataValue]:
    """The metadata of the step's failure."""
    (event,) = [event for event in result.all_events if event.is_step_failure]
    data = event.step_failure_data.user_failure_data
    assert data is not None
    return data.metadata

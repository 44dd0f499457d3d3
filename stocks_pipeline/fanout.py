"""Many partitions in one run, each with its own true colour.

What belongs here: the decorator, and the loop that ties the pool (pool.py) to the event log (fanout_log.py). What does
not: what a partition *is*, how it is fetched, how a call is retried (upstream/http.py), when a run starts (defs/).

The recipe (measured in docs/decisions/0001-many-partitions-in-one-run.md):

    @fan_out_asset("asx/raw_prices", partitions_def=SESSION_X_BATCH, checks={"complete": "Every symbol answered"})
    def raw_prices(context: dg.AssetExecutionContext, lake: Lake, yahoo: Yahoo) -> Iterator[FanOutEvent]:
        '''Up to 100 symbols of one batch, as Yahoo has them.'''
        stop = threading.Event()

        def fetch(key: str) -> Made:  # in a pool thread: work, write the file, read it back, only then return
            stored = lake.write_and_verify(yahoo.bars(key, stop=stop))
            complete = PartitionCheck("complete", stored.missing == 0, description=f"{stored.missing} missing")
            return Made({"rows": stored.rows, "path": stored.uri}, stored.data_version, [complete])

        yield from fan_out(context, fetch, max_workers=4, stop=stop)

* A range of keys is one run: `RunRequest(tags=range_tags(first, last))`. A single key works the same way.
* A partition turns green when `fetch` returned for it, while the others still run; one that raised turns red, costs
  nobody else anything, and has a row in the table of the run's one failure.
* Raise `UpstreamError` and the row says what to do next; anything else is called a bug and shows its traceback.
* AUTH and QUOTA_DAY set `stop`: the rest is not tried. Hand `stop` to whatever waits, so that a cancel is prompt.
* A re-execution logs what its unfinished predecessors finished again, with `reused_from`, and does only the rest.
  Without that, a second failure turns good partitions red. `reuse` does the same for what the lake already holds.
* Do not put a step RetryPolicy around it: Dagster then answers a cancel with a retry. Calls retry themselves.
"""

import inspect
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from typing import Any

import dagster as dg

from stocks_pipeline.fanout_log import FanOutEvent, StepLog
from stocks_pipeline.fanout_made import Made, PartitionCheck
from stocks_pipeline.pool import run_bounded
from stocks_pipeline.upstream.failures import UpstreamError

__all__ = ["FanOutEvent", "Made", "PartitionCheck", "fan_out", "fan_out_asset", "range_tags"]


def range_tags(first: str, last: str) -> dict[str, str]:
    """Run tags that ask for the partitions from `first` to `last`, both included, in one run."""
    return {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}


def fan_out_asset(
    key: dg.AssetKey | str,
    *,
    partitions_def: dg.PartitionsDefinition[str],
    checks: Mapping[str, str] | None = None,
    partitions_per_run: int | None = None,
    **spec: Any,
) -> Callable[[Callable[..., Iterator[FanOutEvent]]], dg.AssetsDefinition]:
    """An asset whose body is `yield from fan_out(...)`: colours come from what it logs, never from how the step ends.

    `key` is "asx/raw_prices"; `checks` maps a name to its description; `partitions_per_run` splits a range into
    several runs on a cluster (default: one run); `spec` goes to `dg.AssetSpec` (deps, group_name, kinds, owners…).
    The description is the body's docstring.
    """
    asset_key = dg.AssetKey(key.split("/")) if isinstance(key, str) else key

    def decorate(body: Callable[..., Iterator[FanOutEvent]]) -> dg.AssetsDefinition:
        if not inspect.isgeneratorfunction(body):
            raise TypeError(f"{asset_key.to_user_string()}: the body must `yield from fan_out(...)`")
        with warnings.catch_warnings():  # partitioned checks are in preview; docs/decisions/0001 says why we use them
            warnings.filterwarnings("ignore", "Specifying a partitions_def on an AssetCheckSpec", dg.PreviewWarning)
            check_specs = [
                dg.AssetCheckSpec(name, asset=asset_key, description=text, partitions_def=partitions_def)
                for name, text in (checks or {}).items()
            ]
        described = {"description": inspect.getdoc(body), **spec}
        per_run = partitions_per_run
        return dg.multi_asset(
            name=asset_key.to_python_identifier(),
            specs=[dg.AssetSpec(asset_key, partitions_def=partitions_def, skippable=True, **described)],
            check_specs=check_specs,
            can_subset=True,  # else Dagster demands an output for every check
            backfill_policy=dg.BackfillPolicy.multi_run(per_run) if per_run else dg.BackfillPolicy.single_run(),
        )(body)

    return decorate


def fan_out(  # noqa: PLR0913 - keyword-only, each with a default that is right
    context: dg.AssetExecutionContext,
    work: Callable[[str], Made],
    *,
    reuse: Callable[[str], Made | None] | None = None,
    keys: Iterable[str] | None = None,
    max_workers: int = 8,
    stop: threading.Event | None = None,
    describe_failure: Callable[[Exception], UpstreamError | None] = lambda _: None,
) -> Iterator[FanOutEvent]:
    """Work on every partition of this run, log each one as it finishes, and fail once at the end if any is missing.

    `work` and `reuse` run in pool threads; `reuse` is asked first (is the partition already in the lake?). `keys`
    narrows the run's partitions ("limit=5"). `describe_failure` may classify an exception that is no UpstreamError.

    Raises:
        dagster.Failure: at least one partition is not made; its metadata holds a table of which, why and what next.
    """
    stop = stop or threading.Event()
    planned = list(context.partition_keys)
    step = StepLog(context, planned if keys is None else list(keys), describe_failure)

    def make(key: str) -> Made:
        return step.checked((reuse(key) if reuse else None) or work(key))

    for key, made in step.resumed():
        yield from step.record(key, made)
    with closing(run_bounded(step.missing(), make, workers=max_workers, stop=stop)) as results:
        for result in results:
            if result.error is None and result.value is not None:
                yield from step.record(result.key, result.value)
            elif result.error is not None and step.failed(result.key, result.error):
                stop.set()
    yield from step.bystanders(planned)
    yield from step.summaries()
    step.finish()

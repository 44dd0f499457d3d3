"""A second run over the same partitions: what is good stays good, nothing is done twice, nothing is logged twice."""

from collections import Counter
from itertools import combinations

import dagster as dg
import pytest

from stocks_pipeline.fanout import Made, range_tags
from stocks_pipeline.fanout_log import StepLog
from stocks_pipeline_tests.fanout_desk import (
    DYNAMIC,
    JOB_DESK,
    KEY,
    MULTI,
    STATIC,
    Desk,
    check_colours,
    colours,
    down,
    keys_of,
    logged,
    prices_job,
    register,
    retry_tags,
    summary,
)

KEYS = keys_of(STATIC, 4)
KINDS = pytest.mark.parametrize(
    "partitions_def", [STATIC, DYNAMIC, MULTI], ids=["static", "dynamic", "session-x-batch"]
)


def retrying(desk: Desk) -> dg.JobDefinition:
    """A job that runs the step up to three times."""
    job = dg.define_asset_job("prices", selection=[KEY], op_retry_policy=dg.RetryPolicy(max_retries=2))
    return dg.Definitions(assets=[desk.asset()], jobs=[job]).resolve_job_def("prices")


def newest(instance: dg.DagsterInstance, key: str) -> dg.AssetMaterialization:
    """The partition's newest event."""
    records = instance.fetch_materializations(dg.AssetRecordsFilter(asset_key=KEY, asset_partitions=[key]), limit=1)
    event = records.records[0].asset_materialization
    assert event is not None
    return event


@KINDS
@pytest.mark.parametrize("still_bad", [(), (1,), (1, 3)], ids=["healed", "one-again", "all-again"])
def test_a_re_execution_logs_good_partitions_again_and_does_only_the_rest(
    partitions_def: dg.PartitionsDefinition[str], still_bad: tuple[int, ...]
) -> None:
    """Colours are exact even if a partition fails again; the good ones keep metadata, version, checks and source."""
    keys = keys_of(partitions_def, 4)
    desk = Desk(partitions_def, bad={keys[n]: down(keys[n]) for n in (1, 3)}, unfit=frozenset({keys[0]}))
    with dg.DagsterInstance.ephemeral() as instance:
        register(instance, partitions_def, keys)
        first = desk.run(instance, keys)
        before = newest(instance, keys[0])
        desk.worked.clear()
        desk.bad = {keys[n]: down(keys[n]) for n in still_bad}
        second = desk.run(instance, keys, tags=retry_tags(first))

        red = {keys[n] for n in still_bad}
        assert sorted(desk.worked) == [keys[1], keys[3]]
        assert second.success == (not still_bad)
        assert colours(instance, partitions_def) == (set(keys) - red, red, set())
        assert Counter(logged(second)) == dict.fromkeys(set(keys) - red, 1)
        after = newest(instance, keys[0])
        assert after.metadata == {**before.metadata, "reused_from": dg.MetadataValue.text(first.run_id)}
        assert after.tags is not None
        assert after.tags["dagster/data_version"] == f"v-{keys[0]}"
        statuses = {"FAILED": {keys[0]}, "SUCCEEDED": set(keys[1:]) - red, "EXECUTION_FAILED": red}
        assert check_colours(instance, partitions_def) == {name: some for name, some in statuses.items() if some}
        assert summary(instance).metadata["failed"] == dg.MetadataValue.int(1)


def test_a_chain_of_re_executions_keeps_the_first_source() -> None:
    """Three runs, each healing one: every partition names the run that did its work, whichever run is re-executed."""
    desk = Desk(bad={key: down(key) for key in KEYS[1:]})
    with dg.DagsterInstance.ephemeral() as instance:
        runs = [desk.run(instance, KEYS)]
        for healed in (1, 2, 3):
            desk.bad = {key: down(key) for key in KEYS[healed + 1 :]}
            desk.worked.clear()
            parent = runs[0] if healed == 2 else runs[-1]  # the second retry starts from the root again
            runs.append(desk.run(instance, KEYS, tags=retry_tags(parent, root=runs[0])))
            assert sorted(desk.worked) == KEYS[healed:]
        assert runs[-1].success
        sources = [newest(instance, key).metadata.get("reused_from") for key in KEYS]
        assert sources == [*(dg.MetadataValue.text(run.run_id) for run in runs[:3]), None]


def test_after_a_success_a_re_execution_does_everything_again() -> None:
    """Who re-executes a run that succeeded wants fresh data, also if that attempt fails half-way and is resumed."""
    desk = Desk()
    with dg.DagsterInstance.ephemeral() as instance:
        first = desk.run(instance, KEYS)
        desk.worked.clear()
        desk.bad = {"k2": down("k2")}
        again = desk.run(instance, KEYS, tags=retry_tags(first))
        assert sorted(desk.worked) == KEYS
        desk.worked.clear()
        desk.bad = {}
        assert desk.run(instance, KEYS, tags=retry_tags(again, root=first)).success
        assert desk.worked == ["k2"]


def test_dagsters_own_re_execution_from_failure_resumes() -> None:
    """`ReexecutionOptions.from_failure`, behind the UI's button and automatic run retries, finds the good ones."""
    JOB_DESK.worked.clear()
    JOB_DESK.bad = {"k1": down("k1")}
    with dg.DagsterInstance.local_temp() as instance:
        job = dg.reconstructable(prices_job)
        first = dg.execute_job(job, instance=instance, tags=range_tags("k0", "k3"))
        assert colours(instance, STATIC) == ({"k0", "k2", "k3"}, {"k1"}, set())
        JOB_DESK.worked.clear()
        JOB_DESK.bad = {}
        options = dg.ReexecutionOptions.from_failure(first.run_id, instance)
        second = dg.execute_job(job, instance=instance, reexecution_options=options, tags=range_tags("k0", "k3"))
        assert second.success
        assert JOB_DESK.worked == ["k1"]
        assert colours(instance, STATIC) == (set(KEYS), set(), set())


@pytest.mark.parametrize("bad_now", list(combinations(KEYS, 1)) + list(combinations(KEYS, 2)))
def test_a_new_run_over_the_full_range_takes_from_the_lake_what_is_there(bad_now: tuple[str, ...]) -> None:
    """No relation to the first run but the lake: `reuse` answers for the good ones, and they stay green."""
    lake: dict[str, Made] = {}
    desk = Desk(bad={key: down(key) for key in bad_now})
    make = desk.work

    def work(key: str) -> Made:
        lake[key] = make(key)
        return lake[key]

    def reuse(key: str) -> Made | None:
        made = lake.get(key)
        return made and Made(made.metadata, made.data_version, made.checks, reused_from=f"raw/{key}.parquet")

    desk.work = work  # type: ignore[method-assign]
    desk.options = {"reuse": reuse}
    with dg.DagsterInstance.ephemeral() as instance:
        desk.run(instance, KEYS)
        desk.worked.clear()
        still = set(bad_now[:1])
        desk.bad = {key: down(key) for key in still}
        second = desk.run(instance, KEYS)
        assert set(desk.worked) == set(bad_now)
        assert colours(instance, STATIC) == (set(KEYS) - still, still, set())
        assert Counter(logged(second)) == dict.fromkeys(set(KEYS) - still, 1)
        good = next(key for key in KEYS if key not in bad_now)
        assert newest(instance, good).metadata["reused_from"] == dg.MetadataValue.text(f"raw/{good}.parquet")


def test_a_single_key_heals_one_partition_of_a_failed_range() -> None:
    """The UI's 'materialize' on one red partition: that one turns green, the others keep their colours."""
    desk = Desk(bad={key: down(key) for key in ("k1", "k2")})
    with dg.DagsterInstance.ephemeral() as instance:
        desk.run(instance, KEYS)
        desk.bad = {}
        desk.worked.clear()
        healed = dg.materialize([desk.asset()], instance=instance, partition_key="k1", raise_on_error=False)
        assert healed.success
        assert desk.worked == ["k1"]
        assert colours(instance, STATIC) == ({"k0", "k1", "k3"}, {"k2"}, set())


@pytest.mark.parametrize("fails", [1, 2, 9], ids=["heals-on-retry", "heals-on-second-retry", "never-heals"])
def test_a_step_retry_logs_nothing_twice(fails: int) -> None:
    """Under a RetryPolicy the step runs again inside the run: only what is missing is done and logged."""
    desk, tries = Desk(unfit=frozenset({"k0"})), Counter[str]()
    make = desk.work

    def work(key: str) -> Made:
        tries[key] += 1
        if key == "k1" and tries[key] <= fails:
            raise down(key)
        return make(key)

    desk.work = work  # type: ignore[method-assign]
    job = retrying(desk)
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(instance=instance, tags=range_tags("k0", "k3"), raise_on_error=False)
        red = {"k1"} if fails > 2 else set()
        assert result.success == (not red)
        assert tries == {"k0": 1, "k1": min(fails, 2) + 1, "k2": 1, "k3": 1}
        assert Counter(logged(result)) == dict.fromkeys(set(KEYS) - red, 1)
        checks = [event.partition for event in result.get_asset_check_evaluations() if event.partition]
        assert Counter(checks) == dict.fromkeys(set(KEYS) - red, 1)
        assert colours(instance, STATIC) == (set(KEYS) - red, red, set())
        assert summary(instance).metadata["failed"] == dg.MetadataValue.int(1)
        assert "reused_from" not in newest(instance, "k0").metadata


def test_a_hopeless_failure_is_not_retried_by_a_policy() -> None:
    """When nothing of what failed can heal (no such symbol, a bug), the step is not run again."""
    desk = Desk(bad={"k1": ValueError("ours")})
    job = retrying(desk)
    with dg.DagsterInstance.ephemeral() as instance:
        assert not job.execute_in_process(instance=instance, tags=range_tags("k0", "k3"), raise_on_error=False).success
    assert Counter(desk.worked) == dict.fromkeys(KEYS, 1)


def test_a_partition_logged_without_its_checks_is_completed_not_doubled(monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash between a partition's event and its checks: the retry adds what is missing, and only that."""
    desk, crashes = Desk(options={"max_workers": 1}), iter([True])
    target = StepLog._target

    def crash_once(self: StepLog, key: str) -> object:
        if key == "k1" and next(crashes, False):
            raise OSError("database is locked")
        return target(self, key)

    monkeypatch.setattr(StepLog, "_target", crash_once)
    with dg.DagsterInstance.ephemeral() as instance:
        result = retrying(desk).execute_in_process(instance=instance, tags=range_tags("k0", "k3"), raise_on_error=False)
        assert result.success
        assert Counter(logged(result)) == dict.fromkeys(KEYS, 1)
        assert check_colours(instance, STATIC) == {"SUCCEEDED": set(KEYS)}
        assert Counter(desk.worked)["k0"] == 1

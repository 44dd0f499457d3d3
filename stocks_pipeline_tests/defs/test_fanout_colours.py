"""The recipe's promise: after one run, each partition has its own true colour, in Dagster's own books."""

from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from random import Random

import dagster as dg
import pytest

from stocks_pipeline import __version__
from stocks_pipeline.fanout import FanOutEvent, Made, PartitionCheck, fan_out, fan_out_asset
from stocks_pipeline.fanout_failures import Troubles
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError
from stocks_pipeline.upstream.limits import Cancelled
from stocks_pipeline_tests.fanout_desk import (
    DYNAMIC,
    MULTI,
    STATIC,
    Desk,
    check_colours,
    colours,
    down,
    failure,
    keys_of,
    logged,
    register,
    summary,
)
from stocks_pipeline_tests.markdown import shown as as_read

KINDS = pytest.mark.parametrize(
    "partitions_def", [STATIC, DYNAMIC, MULTI], ids=["static", "dynamic", "session-x-batch"]
)
CASES = [
    (count, subset) for count in (4, 5, 6) for size in range(count + 1) for subset in combinations(range(count), size)
]
PICKED = [
    next(case for case in Random(f"{n}/{k}").sample(CASES, len(CASES)) if case[0] == n and len(case[1]) == k)  # noqa: S311 - a fixed draw
    for n in (4, 5, 6)
    for k in range(n + 1)
]


def test_every_event_tells_the_codes_version() -> None:
    """C20: each partition's materialization has the version of the code and of the data, as Dagster's own have."""
    with dg.DagsterInstance.ephemeral() as instance:
        result = Desk().run(instance, keys_of(STATIC, 3))
    tags = [event.step_materialization_data.materialization.tags for event in result.get_asset_materialization_events()]
    assert [one["dagster/code_version"] for one in tags] == [__version__] * 3
    assert len({one["dagster/data_version"] for one in tags}) == 3


@KINDS
@pytest.mark.parametrize(("count", "bad"), PICKED, ids=[f"{len(bad)}-of-{n}" for n, bad in PICKED])
def test_exactly_the_failed_partitions_are_red(
    partitions_def: dg.PartitionsDefinition[str], count: int, bad: tuple[int, ...]
) -> None:
    """For every k of n, wherever they lie: k red, n - k green, none in progress, one event each, no output."""
    keys = keys_of(partitions_def, count)
    broken = {keys[n] for n in bad}
    desk = Desk(partitions_def, bad={key: down(key) for key in broken})
    with dg.DagsterInstance.ephemeral() as instance:
        register(instance, partitions_def, keys)
        result = desk.run(instance, keys)

        good = set(keys) - broken
        assert result.success == (not broken)
        assert colours(instance, partitions_def) == (good, broken, set())
        assert instance.get_materialized_partitions(desk.asset().key) == good
        assert Counter(logged(result)) == dict.fromkeys(good, 1)
        assert not [event for event in result.all_events if event.is_successful_output]
        expected = {"SUCCEEDED": good, "EXECUTION_FAILED": broken}
        assert check_colours(instance, partitions_def) == {name: some for name, some in expected.items() if some}
        assert summary(instance).passed == (not broken)
        assert not broken or failure(result)["failed"] == dg.MetadataValue.int(len(broken))


def test_the_failure_says_which_why_and_what_next() -> None:
    """One failure a run, with a table a person can act on; a bug brings its traceback, and no secret gets out."""
    secret = ValueError("GET https://api.example.com/v1?apikey=SESAME failed")
    desk = Desk(bad={"k1": down("k1"), "k4": secret})
    with dg.DagsterInstance.ephemeral() as instance:
        result = desk.run(instance, keys_of(STATIC, 6))
    table, bug = failure(result)["failures"].value, failure(result)["first_bug"].value
    assert isinstance(table, str)
    assert isinstance(bug, str)
    rows = sorted(table.splitlines()[2:])
    assert (
        rows[0]
        == "| k1 | transient | 503 \\| try later | 4 | The vendor or the network was down. Retry the partition. |"
    )
    assert rows[1].startswith("| k4 | bug | ValueError: GET ")
    assert "fanout_desk.py" in bug
    assert "SESAME" not in table + bug
    counts = {name: failure(result)[name].value for name in ("made", "reused", "failed", "not_tried")}
    assert counts == {"made": 4, "reused": 0, "failed": 2, "not_tried": 0}
    (event,) = [event for event in result.all_events if event.is_step_failure]
    assert event.step_failure_data.user_failure_data is not None
    description = event.step_failure_data.user_failure_data.description
    assert description is not None
    assert description.startswith("2 of 6 partitions not made: ")
    assert "k1 (transient)" in description
    with dg.DagsterInstance.ephemeral() as instance:
        alone = Desk(bad={"k0": down("k0")}).run(instance, ["k0"])
    (event,) = [event for event in alone.all_events if event.is_step_failure]
    assert str(event.step_failure_data.user_failure_data).count("1 of 1 partition not made: k0") == 1


def test_an_exception_of_the_domain_can_be_classified() -> None:
    """`describe_failure` turns what is no upstream's failure, yet no bug, into a row with a next step."""

    def describe(error: Exception) -> UpstreamError | None:
        known = isinstance(error, LookupError)
        return UpstreamError(FailureKind.PERMANENT, "calendar", "", "no session") if known else None

    desk = Desk(bad={"k0": LookupError("x"), "k1": ValueError("y")}, options={"describe_failure": describe})
    with dg.DagsterInstance.ephemeral() as instance:
        rows = str(failure(desk.run(instance, keys_of(STATIC, 3)))["failures"].value)
    assert "| k0 | permanent | no session |" in rows
    assert "| k1 | bug | ValueError: y |" in rows


@pytest.mark.parametrize("kind", [FailureKind.AUTH, FailureKind.QUOTA_DAY])
def test_a_refused_key_or_a_spent_day_leaves_the_rest_untried(kind: FailureKind) -> None:
    """Every further call would fail alike: `stop` is set, the rest says 'not tried', what was done stays green."""
    keys = [f"T{n:02}" for n in range(40)]
    desk = Desk(DYNAMIC, bad={"T05": down("T05", kind)}, options={"max_workers": 2})
    with dg.DagsterInstance.ephemeral() as instance:
        register(instance, DYNAMIC, keys)
        result = desk.run(instance, keys)
        green, red, _ = colours(instance, DYNAMIC)
    assert desk.stop.is_set()
    assert len(desk.worked) < 15
    assert green == set(desk.worked) - {"T05"}
    assert green | red == set(keys)
    assert failure(result)["not_tried"] == dg.MetadataValue.int(40 - len(desk.worked))
    assert "not tried | T05 stopped the stage" in str(failure(result)["failures"].value)


def test_a_cancelled_wait_counts_as_not_tried() -> None:
    """The limiter's `Cancelled` is nobody's failure: the row says 'not tried', not 'bug'."""
    desk = Desk(bad={"k0": Cancelled()})
    with dg.DagsterInstance.ephemeral() as instance:
        result = desk.run(instance, keys_of(STATIC, 3))
    assert "| k0 | not tried |" in str(failure(result)["failures"].value)
    assert "first_bug" not in failure(result)


@pytest.mark.parametrize("names", [[], ["other"], ["complete", "complete"], ["complete", "other"]])
def test_a_partition_with_the_wrong_checks_is_not_green(names: list[str]) -> None:
    """A check that was declared and not answered, or answered and not declared, is a bug of ours, not a pass."""
    desk = Desk()

    def work(key: str) -> Made:
        return Made({}, checks=[PartitionCheck(name, True) for name in (names if key == "k1" else ["complete"])])

    desk.work = work  # type: ignore[method-assign]
    with dg.DagsterInstance.ephemeral() as instance:
        result = desk.run(instance, keys_of(STATIC, 3))
        assert colours(instance, STATIC) == ({"k0", "k2"}, {"k1"}, set())
    assert "declared checks: ['complete']" in as_read(str(failure(result)["failures"].value))


def test_a_failing_check_is_seen_without_hunting_for_it() -> None:
    """A partition may be green and unfit: its check is red, and so is the summary of the run, which names it."""
    keys = keys_of(STATIC, 5)
    with dg.DagsterInstance.ephemeral() as instance:
        assert Desk(unfit=frozenset({"k0", "k3"})).run(instance, keys).success
        assert colours(instance, STATIC) == (set(keys), set(), set())
        assert check_colours(instance, STATIC) == {"SUCCEEDED": {"k1", "k2", "k4"}, "FAILED": {"k0", "k3"}}
        shown = summary(instance)
    assert not shown.passed
    assert shown.description == "3 of the 5 partitions of this run passed, 2 did not"
    assert "`k0`: k0 was looked at" in str(shown.metadata["examples"].value)
    assert "`k3`" in str(shown.metadata["examples"].value)


def test_a_partition_that_is_not_made_is_no_finding_of_its_check() -> None:
    """The run failed and says so; the check did not pass and finds nothing wrong: a warning that says what it lacks."""
    with dg.DagsterInstance.ephemeral() as instance:
        assert not Desk(bad={"k1": down("k1")}).run(instance, keys_of(STATIC, 3)).success
        shown = summary(instance)
    assert (shown.passed, shown.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert shown.description == "2 of the 3 partitions of this run passed, 1 not made, so not checked"


def test_partitions_left_alone_keep_their_colour_when_the_run_fails() -> None:
    """`keys` narrows a range ("limit=2"): a failure paints red what was tried, not what was good before it."""
    keys = keys_of(STATIC, 6)
    with dg.DagsterInstance.ephemeral() as instance:
        Desk(unfit=frozenset({"k4"})).run(instance, keys[:5])
        narrowed = Desk(bad={"k1": down("k1")}, options={"keys": ["k0", "k1"]})
        result = narrowed.run(instance, keys)
        assert sorted(narrowed.worked) == ["k0", "k1"]
        assert colours(instance, STATIC) == ({"k0", "k2", "k3", "k4"}, {"k1", "k5"}, set())
        assert check_colours(instance, STATIC)["FAILED"] == {"k4"}
        assert failure(result)["made"] == dg.MetadataValue.int(1)
        healed = Desk(options={"keys": ["k1"]})
        assert healed.run(instance, keys).success
        assert colours(instance, STATIC) == ({"k0", "k1", "k2", "k3", "k4"}, {"k5"}, set())


def test_three_hundred_partitions_in_one_run() -> None:
    """300 keys, 40 of them bad: exact, one event each, a table of all of them."""
    keys = [f"T{n:03}" for n in range(300)]
    bad = {key: down(key) for key in Random(300).sample(keys, 40)}  # noqa: S311 - a fixed draw
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("tickers", keys)
        result = Desk(DYNAMIC, bad=bad, options={"max_workers": 8}).run(instance, keys)
        assert colours(instance, DYNAMIC) == (set(keys) - set(bad), set(bad), set())
    assert Counter(logged(result)) == dict.fromkeys(set(keys) - set(bad), 1)
    assert str(failure(result)["failures"].value).count("| transient |") == 40


def test_the_table_is_bounded_and_counts_the_rest() -> None:
    """More than 200 failures do not make an event of megabytes."""
    troubles = Troubles(lambda _: None)
    for n in range(10_000):
        troubles.add(f"T{n:05}", down("x") if n else ValueError("first"))
    ended = troubles.failure(10_000, [], 0)
    assert ended is not None
    table = str(ended.metadata["failures"].value)
    assert table.count("\n| T") == 200
    assert table.endswith("… and 9800 more.")
    assert len(table) < 40_000


def test_the_asset_is_built_right_once_and_for_all() -> None:
    """The factory sets what the colours hang on; a body that cannot log anything is refused when it is written."""
    asset = Desk().asset()
    (spec,) = asset.specs
    assert spec.skippable
    assert spec.description == "Raw prices."
    assert asset.backfill_policy == dg.BackfillPolicy.single_run()
    assert [check.partitions_def for check in asset.check_specs] == [STATIC]
    split = fan_out_asset("a/b", partitions_def=STATIC, partitions_per_run=5, group_name="g", kinds={"x"})

    @split
    def body(context: dg.AssetExecutionContext) -> Iterator[FanOutEvent]:
        """Of no consequence."""
        yield from fan_out(context, Desk().work)

    assert body.backfill_policy == dg.BackfillPolicy.multi_run(5)
    with pytest.raises(TypeError, match="yield from"):
        split(lambda context: fan_out(context, Desk().work))

"""The recipe's promise: after one run, each partition has its own true colour, in Dagster's own books."""

from collections import Counter
from itertools import combinations
from random import Random

import dagster as dg
import pytest

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

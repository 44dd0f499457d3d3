"""From chosen keys to runs: Dagster asks for a range, so a choice becomes as few ranges as it has gaps.

A range that covers a key that was not chosen would turn it red when the run fails, so no range does; unless the key is
made already: a failing fan-out logs such a one again (fanout_log.py), so a range may reach across it.

What belongs here: that cut, free of assets. What does not: which keys are chosen, and starting the runs.
"""

from collections.abc import Collection, Sequence


def spans(order: Sequence[str], chosen: Collection[str], made: Collection[str] = ()) -> list[list[str]]:
    """The chosen keys in `order`, cut wherever a key between them is neither chosen nor `made`. Keys outside `order`
    are left out.
    """
    wanted, across = set(chosen), set(made)
    runs: list[list[str]] = [[]]
    for key in order:
        if key in wanted:
            runs[-1].append(key)
        elif key not in across and runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def span_tags(first: str, last: str) -> dict[str, str]:
    """Tags of one run over the partitions from first to last."""
    if first == last:
        return {"dagster/partition": first}
    return {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}

"""Sessions that are misdated at one vendor: each holds the bar that the other has of an earlier session.

What belongs here: `lag_of`. What does not: single bars that repeat (validation_causes.py) and what a lag means for the
verdict (validation_coverage.py).
"""

import numpy as np

from stocks_pipeline.domain.prices import Floats
from stocks_pipeline.domain.validation_pairs import Pair, logs

LONGEST = 7
"""A feed that is later than this many sessions is no longer told from another security."""

_MATCHED = 0.9  # share of sessions that fit the earlier bar
_DIFFERING = 0.6
_SHORTEST = 4
_FEWEST = 3  # bars that fit by chance are seldom three
_MANY = 10  # from here on the ratio may also be steady at another level: a basis beside the lag


def lag_of(pair: Pair) -> int:
    """By how many sessions ours are late, below zero where theirs are, 0 where neither is."""
    ours, theirs = logs(pair.ours["close"]), logs(pair.theirs["close"])
    tolerance = np.minimum(pair.tolerance, 0.015)
    if len(pair) < _SHORTEST or (np.abs(ours - theirs) > tolerance).mean() < _DIFFERING:
        return 0
    wandering = (np.abs(np.diff(ours - theirs)) > tolerance[1:]).mean() >= _DIFFERING
    for size in range(1, min(LONGEST, len(pair) - _FEWEST) + 1):
        for sign, apart in ((1, ours[size:] - theirs[:-size]), (-1, theirs[size:] - ours[:-size])):
            if _fits(apart, tolerance[size:], wandering=bool(wandering)):
                return sign * size
    return 0


def _fits(apart: Floats, tolerance: Floats, *, wandering: bool) -> bool:
    """Whether the shifted closes are the same, or where unshifted ones wander lie steadily apart."""
    if (np.abs(apart) <= tolerance).mean() >= _MATCHED:
        return True
    return wandering and len(apart) >= _MANY and bool((np.abs(np.diff(apart)) <= tolerance[1:]).mean() >= _MATCHED)

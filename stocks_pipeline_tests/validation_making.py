"""What faults between two vendors are made of: the list of kinds, and the pieces that several kinds share.

What belongs here: `KINDS`, and drawing dividends, splits and bars. What does not: the kinds (validation_faults.py,
validation_faults_hidden.py) and where the true bars come from (validation_corpus.py).
"""

import random
from collections.abc import Callable

import numpy as np

from stocks_pipeline.domain.validation import Cause, Status
from stocks_pipeline_tests.validation_corpus import PRICE_COLUMNS, Bars, Case, Values

Maker = Callable[[random.Random, Bars, Bars], Case | None]
KINDS: dict[str, Maker] = {}


def kind(make: Maker) -> Maker:
    """Put a maker into `KINDS`, by its own name."""
    KINDS[make.__name__.lstrip("_")] = make
    return make


def case_of(ours: Bars | None, theirs: Bars | None, sessions: Bars, *causes: Cause, **more: object) -> Case:
    """A case of these causes, failed where it has one; its kind is filled in by `corpus`."""
    status = Status.FAILED if causes else Status.PASSED
    fields: dict[str, object] = {"status": status, **more}
    return Case("", ours, theirs, sessions.days, frozenset(causes), **fields)  # type: ignore[arg-type]


def steps_of(n: int, at: list[int], factors: list[float]) -> Values:
    """By session, the product of the factors of all later steps."""
    by = np.ones(n)
    for position, factor in zip(at, factors, strict=True):
        by[:position] *= factor
    return by


def dividends(rng: random.Random, n: int, *, special: bool = True) -> tuple[list[int], list[float]] | None:
    """Ex-dates (at least two sessions in) and factors below one, together more than the 2 % that a rule minds."""
    usual = rng.uniform(0.004, 0.015)
    at = list(range(rng.randint(2, 20), n, rng.choice((21, 62)))) if n >= 30 else []
    shares = [usual * rng.uniform(0.85, 1.15) for _ in at]
    if special and (n < 30 or rng.random() < 0.3):
        at, shares = [*at[:-1], rng.randint(max(2, n // 2), n - 1)], [*shares[:-1], rng.uniform(0.024, 0.07)]
    if at != sorted(set(at)) or np.prod([1 - share for share in shares]) > 0.976:
        return None
    return at, [1 - share for share in shares]


def paid_of(raw: Bars, at: list[int], factors: list[float]) -> Values:
    """The dividends of those ex-dates, as our own rows name them."""
    paid = np.zeros(len(raw))
    for position, factor in zip(at, factors, strict=True):
        paid[position] = (1 - factor) * raw.values["close"][position - 1]
    return paid


def one_side(rng: random.Random, left: Bars, right: Bars) -> tuple[Bars, Bars]:
    """The two in either order."""
    return (left, right) if rng.random() < 0.5 else (right, left)


def still_at(bars: Bars, at: int) -> dict[str, Values]:
    """What a feed holds of a session without a trade: the bar of the one before, and no volume on either."""
    values = {name: column.copy() for name, column in bars.values.items()}
    for name in PRICE_COLUMNS:
        values[name][at] = values[name][at - 1]
    values["volume"][at - 1 : at + 1] = 0.0
    return values


def off(rng: random.Random) -> float:
    """A factor that is wrong by 2.5 to 90 %, either way."""
    size = rng.choice((rng.uniform(0.025, 0.1), rng.uniform(0.1, 0.9)))
    return 1 + rng.choice((-1, 1)) * size

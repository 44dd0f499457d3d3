"""Kinds of fault that hide: behind a basis or a right adjusted close, below the limits, in the shape of a dividend.

What belongs here: faults that a rule by size alone would pass, or a shape alone would explain away. What does not: the
plain ones (validation_faults.py) and the pieces they are made of (validation_making.py).
"""

import random

import numpy as np

from stocks_pipeline.domain.validation import Cause, Profile, Status
from stocks_pipeline_tests.validation_corpus import Bars, Case
from stocks_pipeline_tests.validation_making import case_of, kind, one_side, paid_of, steps_of


@kind
def _wrong_close_right_adjusted(rng: random.Random, bars: Bars, _other: Bars) -> Case:
    """Our older closes are wrong, our adj_close is theirs, and our rows name no dividend."""
    size = rng.choice((-1, 1)) * rng.uniform(0.025, 0.1)
    wrong = bars.scaled(steps_of(len(bars), [rng.randint(2, len(bars) - 1)], [1 + size]))
    return case_of(wrong.with_values(adj_close=bars.values["close"]), bars, bars, Cause.REAL)


@kind
def _one_off_under_dividends(rng: random.Random, bars: Bars, _other: Bars) -> Case | None:
    """One bar of ours is wrong by about what the basis takes away, so that its close seems to agree."""
    n = len(bars)
    if n < 7:
        return None
    ex, share = rng.randint(n // 2, n - 1), rng.uniform(0.026, 0.07)
    raw, by, at = bars.scaled(1 / steps_of(n, [ex], [1 - share])), np.ones(n), rng.randint(1, ex - 2)
    theirs_adjusted = rng.random() < 0.5
    by[at] = (1 - share if theirs_adjusted else 1 / (1 - share)) * (1 + rng.uniform(-0.004, 0.018))
    if abs(by[at] - 1) < 0.022 or bars.values["close"].min() < 10:
        return None
    paid = paid_of(raw, [ex], [1 - share])
    if theirs_adjusted:
        return case_of(raw.scaled(by).with_values(dividend=paid), bars, bars, Cause.ONE_OFF, Cause.DIVIDEND_BASIS)
    ours = bars.scaled(by).with_values(dividend=paid * rng.choice((0.0, 1.0)))
    return case_of(ours, raw, bars, Cause.ONE_OFF, Cause.DIVIDEND_BASIS)


@kind
def _stuck_within_limits(rng: random.Random, bars: Bars, _other: Bars) -> Case | None:
    """The newest bars are copies, and by chance within 2 %: ours are a fault, theirs leave the sessions unchecked."""
    since = len(bars) - rng.randint(1, 3)
    close = bars.values["close"]
    apart = np.abs(close[since - 1] / close[since:] - 1)
    if apart.max() > 0.019 or apart[-1] < 0.004:
        return None
    rows = np.minimum(np.arange(len(bars)), since - 1)
    stuck = bars.with_values(**{name: column[rows] for name, column in bars.values.items()})
    if rng.random() < 0.5:
        return case_of(stuck, bars, bars, Cause.STALE)
    return case_of(bars, stuck, bars, Cause.STALE, status=Status.ERROR)


@kind
def _lag_of_any_size(rng: random.Random, bars: Bars, _other: Bars) -> Case | None:
    """Every bar is dated one to seven sessions late, whether or not a close is more than 2 % off for it."""
    lag, n = rng.randint(1, 7), len(bars)
    if n < 2 * lag + 4:
        return None
    now, late = bars.only(np.arange(lag, n)), bars.only(np.arange(n - lag))
    misdated = Bars(bars.symbol, now.days, late.values)
    if rng.random() < 0.5:
        return case_of(misdated, now, now, Cause.STALE)
    over = np.abs(now.values["close"] / late.values["close"] - 1).max() > 0.02
    return case_of(now, misdated, now, Cause.STALE, status=Status.FAILED if over else Status.ERROR)


@kind
def _volume_revision(rng: random.Random, bars: Bars, _other: Bars) -> Case:
    """Prices agree; one vendor counted some sessions' volume anew."""
    by = np.ones(len(bars))
    for row in rng.sample(range(len(bars)), rng.randint(1, len(bars))):
        by[row] = 1 + rng.choice((-1, 1)) * rng.uniform(0.003, 0.015)
    counted = bars.with_values(volume=np.round(bars.values["volume"] * by))
    return case_of(*one_side(rng, counted, bars), bars, Cause.VOLUME_REVISION, profile=Profile.STRICT)


@kind
def _older_theirs_too_high(rng: random.Random, bars: Bars, _other: Bars) -> Case:
    """Their older bars are 8 to 11 % too high in one step: in shape the ex-date of a very large dividend."""
    factor = rng.uniform(1.08, 1.115)
    return case_of(bars, bars.scaled(steps_of(len(bars), [rng.randint(2, len(bars) - 1)], [factor])), bars, Cause.REAL)


@kind
def _second_listing(rng: random.Random, bars: Bars, _other: Bars) -> Case | None:
    """Another class or listing of the same company: one of them always costs a few per cent more."""
    if len(bars) < 10:
        return None
    noise = np.array([rng.gauss(0, 0.004) for _ in bars.days])
    dearer = bars.scaled(np.exp(rng.uniform(0.03, 0.08) + noise))
    return case_of(*one_side(rng, dearer, bars), bars, Cause.WRONG_LISTING)

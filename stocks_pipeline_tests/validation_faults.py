"""Every kind of fault between two vendors, made from true bars with parameters drawn from a seed.

What belongs here: one function a kind, in `KINDS`. What does not: kinds that hide (validation_faults_hidden.py), the
pieces they are made of (validation_making.py), where the true bars come from (validation_corpus.py).
An adjustment is made the way a market makes it: the true bars are the adjusted side, and the other side's older bars
are what the adjustment undoes, so that it falls on the ex-date. Kinds that cannot be made in a window return None.
"""

import random
from collections.abc import Iterator
from datetime import timedelta

import numpy as np

from stocks_pipeline.domain.validation import Cause, Profile, Status
from stocks_pipeline_tests import validation_faults_hidden
from stocks_pipeline_tests.validation_corpus import PRICE_COLUMNS, Bars, Case, windows
from stocks_pipeline_tests.validation_making import (
    KINDS,
    case_of,
    dividends,
    kind,
    off,
    one_side,
    paid_of,
    steps_of,
    still_at,
)

__all__ = ["KINDS", "corpus", "validation_faults_hidden"]


def corpus(each: int, seed: int) -> Iterator[Case]:
    """`each` cases of every kind, plain ones first: a kind more at either end leaves the other cases as they are."""
    plain_first = sorted(KINDS.items(), key=lambda item: item[1].__module__)
    for number, (name, make) in enumerate(plain_first):
        made = 0
        for rng, bars, other in windows(seed * 1000 + number):
            case = make(rng, bars, other)
            if case is not None:
                yield Case(**{**case.__dict__, "kind": name})
                made += 1
            if made == each:
                break


@kind
def _agree(rng: random.Random, bars: Bars, _other: Bars) -> Case:
    volume = bars.values["volume"] * np.array([rng.choice((1, 1, 1, rng.uniform(0.97, 1.03))) for _ in bars.days])
    return case_of(bars.with_values(volume=np.round(volume)), bars, bars)


@kind
def _dividends_ours(rng: random.Random, bars: Bars, _other: Bars) -> Case | None:
    drawn = dividends(rng, len(bars))
    return drawn and case_of(bars, bars.scaled(1 / steps_of(len(bars), *drawn)), bars, Cause.DIVIDEND_BASIS)


@kind
def _dividends_theirs(rng: random.Random, bars: Bars, _other: Bars) -> Case | None:
    """Without our own record of a dividend only a row of them is told from older bars that are too high."""
    drawn = dividends(rng, len(bars), special=False)
    return drawn and case_of(bars.scaled(1 / steps_of(len(bars), *drawn)), bars, bars, Cause.DIVIDEND_BASIS)


@kind
def _dividends_known(rng: random.Random, bars: Bars, _other: Bars) -> Case | None:
    drawn = dividends(rng, len(bars))
    if drawn is None:
        return None
    raw = bars.scaled(1 / steps_of(len(bars), *drawn))
    paid = paid_of(raw, *drawn)
    if rng.random() < 0.5:
        return case_of(bars.with_values(dividend=paid), raw, bars, Cause.DIVIDEND_BASIS)
    return case_of(raw.with_values(dividend=paid), bars, bars, Cause.DIVIDEND_BASIS)


@kind
def _dividends_adj_close(rng: random.Random, bars: Bars, _other: Bars) -> Case | None:
    drawn = dividends(rng, len(bars))
    if drawn is None:
        return None
    raw = bars.scaled(1 / steps_of(len(bars), *drawn))
    known = raw.with_values(adj_close=bars.values["close"], dividend=paid_of(raw, *drawn))
    return case_of(known, bars, bars, Cause.DIVIDEND_BASIS)


@kind
def _split(rng: random.Random, bars: Bars, _other: Bars) -> Case:
    factor = rng.choice((2.0, 3.0, 4.0, 5.0, 10.0, 20.0, 1.5, 4 / 3, 0.1, 0.2, 0.05, 1 / 30))
    raw = bars.scaled(steps_of(len(bars), [rng.randint(1, len(bars) - 1)], [factor]), volume=True)
    return case_of(*one_side(rng, bars, raw), bars, Cause.SPLIT_BASIS)


@kind
def _split_with_dividends(rng: random.Random, bars: Bars, _other: Bars) -> Case | None:
    drawn = dividends(rng, len(bars)) if len(bars) >= 30 else None
    if drawn is None or drawn[0][-1] + 2 > len(bars) - 1:
        return None
    at, factor = rng.randint(drawn[0][-1] + 2, len(bars) - 1), rng.choice((2.0, 3.0, 10.0))
    raw = bars.scaled(1 / steps_of(len(bars), *drawn)).scaled(steps_of(len(bars), [at], [factor]), volume=True)
    return case_of(bars, raw, bars, Cause.SPLIT_BASIS)


@kind
def _split_whole(rng: random.Random, bars: Bars, _other: Bars) -> Case:
    raw = bars.scaled(rng.choice((2.0, 3.0, 4.0, 5.0, 10.0, 20.0, 1.5, 0.1, 0.05)), volume=True)
    return case_of(*one_side(rng, bars, raw), bars, Cause.SPLIT_BASIS)


@kind
def _spin_off(rng: random.Random, bars: Bars, _other: Bars) -> Case:
    factor = rng.uniform(1.05, 1.5)
    raw = bars.scaled(steps_of(len(bars), [rng.randint(2, len(bars) - 1)], [factor]), volume=True)
    return case_of(bars, raw, bars, Cause.SPLIT_BASIS)


@kind
def _unit(rng: random.Random, bars: Bars, _other: Bars) -> Case:
    return case_of(*one_side(rng, bars, bars.scaled(100.0)), bars, Cause.UNIT_X100)


@kind
def _unit_partly(rng: random.Random, bars: Bars, _other: Bars) -> Case:
    by, start = np.ones(len(bars)), rng.randint(0, len(bars) - 1)
    by[start : rng.choice((start + 1, start + 3, len(bars)))] = rng.choice((100.0, 0.01))
    return case_of(bars.scaled(by), bars, bars, Cause.UNIT_X100)


@kind
def _stale_old(rng: random.Random, bars: Bars, _other: Bars) -> Case | None:
    kept = bars.only(np.arange(len(bars) - rng.randint(1, min(len(bars) - 2, 8))))
    if (bars.days[-1] - kept.days[-1]).days <= 3:
        return None
    # The sessions between are missing as well, which the second rule says.
    return case_of(kept, bars, bars, Cause.STALE, Cause.MISSING_SESSION)


def _repeated(rng: random.Random, bars: Bars) -> Bars | None:
    """The newest one to three bars are copies of the one before them, and that is more than 2 % wrong."""
    since = len(bars) - rng.randint(1, 3)
    rows = np.minimum(np.arange(len(bars)), since - 1)
    close = bars.values["close"]
    if np.abs(close[since - 1] / close[since:] - 1).max() < 0.022 or since < 1:
        return None
    return bars.with_values(**{name: column[rows] for name, column in bars.values.items()})


@kind
def _stale_repeats_ours(rng: random.Random, bars: Bars, _other: Bars) -> Case | None:
    stuck = _repeated(rng, bars)
    return None if stuck is None else case_of(stuck, bars, bars, Cause.STALE)


@kind
def _stale_repeats_theirs(rng: random.Random, bars: Bars, _other: Bars) -> Case | None:
    stuck = _repeated(rng, bars)
    return None if stuck is None else case_of(bars, stuck, bars, Cause.STALE)


@kind
def _stale_lag(rng: random.Random, bars: Bars, _other: Bars) -> Case | None:
    close = bars.values["close"]
    if len(bars) < 10 or not (np.abs(np.diff(close)) / close[1:] > 0.021).any():
        return None
    late = bars.only(np.arange(len(bars) - 1))
    now = bars.only(np.arange(1, len(bars)))
    return case_of(*one_side(rng, Bars(bars.symbol, now.days, late.values), now), now, Cause.STALE)


@kind
def _idle_day_amid_dividends(rng: random.Random, bars: Bars, _other: Bars) -> Case | None:
    """Nobody traded: our bar repeats, theirs is on another basis and repeats but for a rounding."""
    drawn = dividends(rng, len(bars))
    if drawn is None or drawn[0][-1] < 3:
        return None
    still = still_at(bars, rng.randrange(1, drawn[0][-1] - 1))
    theirs = bars.with_values(**{**still, "volume": bars.values["volume"]})
    raw = bars.with_values(**still).scaled(1 / steps_of(len(bars), *drawn))
    known = raw.with_values(adj_close=still["close"], dividend=paid_of(raw, *drawn))
    return case_of(known, theirs, bars, Cause.DIVIDEND_BASIS)


@kind
def _stuck_day_amid_dividends(rng: random.Random, bars: Bars, _other: Bars) -> Case | None:
    """The same bar of ours, and theirs did move: an error beside what is harmless."""
    drawn = dividends(rng, len(bars)) if len(bars) >= 30 else None
    if drawn is None or drawn[0][-1] < 3:
        return None
    at, basis = rng.randrange(1, drawn[0][-1] - 1), steps_of(len(bars), *drawn)
    if basis[at] != basis[at - 1] or basis[0] > 0.976:
        return None
    raw = bars.scaled(1 / basis).with_values(adj_close=bars.values["close"])
    still = still_at(raw.with_values(dividend=paid_of(raw, *drawn)), at)
    if abs(still["close"][at] * basis[at] / bars.values["close"][at] - 1) < 0.01:
        return None
    still["adj_close"] = np.where(np.arange(len(bars)) == at, bars.values["close"][at - 1], bars.values["close"])
    if abs(still["close"][at] / bars.values["close"][at] - 1) < 0.022:
        return None
    return case_of(bars.with_values(**still), bars, bars, Cause.STALE, Cause.DIVIDEND_BASIS)


@kind
def _both_ended(rng: random.Random, bars: Bars, _other: Bars) -> Case | None:
    """No longer traded: both have nothing newer. With nothing in common left to say, it is an open question."""
    kept = bars.only(np.arange(len(bars) - rng.randint(4, 8))) if len(bars) >= 10 else None
    return case_of(kept, kept, bars, Cause.STALE, status=Status.ERROR) if kept else None


@kind
def _theirs_end_early(rng: random.Random, bars: Bars, _other: Bars) -> Case:
    kept = bars.only(np.arange(len(bars) - rng.randint(1, 3)))
    return case_of(bars, kept, bars, Cause.STALE, status=Status.ERROR)


@kind
def _missing_newest(_rng: random.Random, bars: Bars, _other: Bars) -> Case | None:
    kept = bars.only(np.arange(len(bars) - 1))
    return case_of(kept, bars, bars, Cause.MISSING_SESSION) if (bars.days[-1] - kept.days[-1]).days <= 3 else None


def _without(rng: random.Random, bars: Bars) -> Bars:
    gone = set(rng.sample(range(1, len(bars) - 1), rng.randint(1, max(1, len(bars) // 20))))
    return bars.only([row not in gone for row in range(len(bars))])


@kind
def _missing_ours(rng: random.Random, bars: Bars, _other: Bars) -> Case:
    return case_of(_without(rng, bars), bars, bars, Cause.MISSING_SESSION, profile=Profile.STRICT)


@kind
def _missing_theirs(rng: random.Random, bars: Bars, _other: Bars) -> Case:
    kept = _without(rng, bars)
    return case_of(bars, kept, bars, Cause.MISSING_SESSION, profile=Profile.STRICT, status=Status.ERROR)


@kind
def _extra_session(rng: random.Random, bars: Bars, _other: Bars) -> Case | None:
    gaps = [row for row in range(len(bars) - 1) if (bars.days[row + 1] - bars.days[row]).days > 1]
    if not gaps:
        return None
    row = rng.choice(gaps)
    more = bars.only(sorted([*range(len(bars)), row]))
    days = (*bars.days[: row + 1], bars.days[row] + timedelta(days=1), *bars.days[row + 1 :])
    profile = rng.choice(list(Profile))
    return case_of(Bars(bars.symbol, days, more.values), bars, bars, Cause.EXTRA_SESSION, profile=profile)


@kind
def _duplicate(rng: random.Random, bars: Bars, _other: Bars) -> Case:
    twice = bars.only(sorted([*range(len(bars)), *rng.sample(range(len(bars)), rng.randint(1, 2))]))
    return case_of(twice, bars, bars, Cause.DUPLICATE, profile=rng.choice(list(Profile)))


@kind
def _other_security(_rng: random.Random, bars: Bars, other: Bars) -> Case | None:
    if np.median(np.abs(np.log(other.values["close"] / bars.values["close"]))) < 0.15:
        return None
    return case_of(Bars(bars.symbol, bars.days, other.values), bars, bars, Cause.WRONG_LISTING)


@kind
def _similar_security(_rng: random.Random, bars: Bars, other: Bars) -> Case | None:
    level = bars.values["close"].mean() / other.values["close"].mean()
    apart = np.abs(np.log(level * other.values["close"] / bars.values["close"]))
    if len(bars) < 30 or np.median(apart) < 0.022:  # two classes of one company's shares are no fault that a rule minds
        return None
    return case_of(Bars(bars.symbol, bars.days, other.scaled(level).values), bars, bars, Cause.WRONG_LISTING)


@kind
def _other_currency(rng: random.Random, bars: Bars, _other: Bars) -> Case:
    drift = np.cumsum([rng.gauss(0, 0.004) for _ in bars.days])
    rate = rng.choice((0.0067, 0.13, 0.72, 0.79, 1.37, 7.8, 34.0, 150.0, 25_000.0))
    return case_of(*one_side(rng, bars, bars.scaled(rate * np.exp(drift))), bars, Cause.WRONG_LISTING)


@kind
def _one_off_close(rng: random.Random, bars: Bars, _other: Bars) -> Case:
    close = bars.values["close"].copy()
    close[rng.randrange(len(bars))] *= off(rng)
    return case_of(*one_side(rng, bars.with_values(close=close), bars), bars, Cause.ONE_OFF)


@kind
def _one_off_bar(rng: random.Random, bars: Bars, _other: Bars) -> Case:
    by = np.ones(len(bars))
    by[rng.randrange(len(bars))] = off(rng)
    return case_of(*one_side(rng, bars.scaled(by), bars), bars, Cause.ONE_OFF)


@kind
def _one_off_amid_dividends(rng: random.Random, bars: Bars, _other: Bars) -> Case | None:
    drawn = dividends(rng, len(bars)) if len(bars) >= 30 else None
    if drawn is None or drawn[0][0] < 5:
        return None
    by = np.ones(len(bars))
    at = rng.randint(1, len(bars) - 2)
    by[at] = off(rng)
    basis = steps_of(len(bars), *drawn)
    if abs(by[at] * basis[at] - 1) < 0.022 or (at < drawn[0][0] and abs(basis[0] - 1) < 0.022):
        return None
    raw = bars.scaled(1 / basis)
    return case_of(bars.scaled(by), raw, bars, Cause.ONE_OFF, Cause.DIVIDEND_BASIS)


@kind
def _real_run(rng: random.Random, bars: Bars, _other: Bars) -> Case | None:
    if len(bars) < 10:
        return None
    start, by = rng.randint(1, len(bars) - 4), np.ones(len(bars))
    run = slice(start, min(len(bars), start + rng.randint(3, 6)))
    by[run] = [1 + rng.choice((-1, 1)) * rng.uniform(0.03, 0.09) for _ in by[run]]
    return case_of(bars.scaled(by), bars, bars, Cause.REAL)


@kind
def _real_level(rng: random.Random, bars: Bars, _other: Bars) -> Case | None:
    """Our older bars are a few per cent too low, or high, and no dividend was paid: the hardest to tell."""
    if len(bars) < 10:
        return None
    by = steps_of(len(bars), [rng.randint(3, len(bars) - 3)], [1 + rng.choice((-1, 1)) * rng.uniform(0.04, 0.1)])
    return case_of(bars.scaled(by), bars, bars, Cause.REAL)


@kind
def _no_price(rng: random.Random, bars: Bars, _other: Bars) -> Case:
    close = bars.values["close"].copy()
    close[rng.randrange(len(bars))] = rng.choice((float("nan"), 0.0, -1.0))
    return case_of(bars.with_values(close=close), bars, bars, Cause.NO_DATA)


@kind
def _no_price_theirs(rng: random.Random, bars: Bars, _other: Bars) -> Case:
    values = {name: bars.values[name].copy() for name in PRICE_COLUMNS}
    values["close"][rng.randrange(len(bars))] = rng.choice((float("nan"), 0.0))
    return case_of(bars, bars.with_values(**values), bars, Cause.NO_DATA, status=Status.ERROR)


@kind
def _nothing_ours(_rng: random.Random, bars: Bars, _other: Bars) -> Case:
    return case_of(None, bars, bars, Cause.NO_DATA)


@kind
def _nothing_theirs(_rng: random.Random, bars: Bars, _other: Bars) -> Case:
    return case_of(bars, None, bars, Cause.NO_DATA, status=Status.ERROR)

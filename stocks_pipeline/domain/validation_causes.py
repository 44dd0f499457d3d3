"""Why two vendors differ about a symbol: the likely cause of every session's disagreement, from the bars alone.

What belongs here: `explain` and the causes that single sessions show (repeats, a lag, ×100, a basis that our own
columns explain, a close that contradicts its own bar). What does not: causes that only the whole course of the ratio
shows (validation_levels.py) and which differences count (validation_rules.py).

Each cause that is found is taken out of the ratio, so that the next one is sought in what remains. All thresholds are
in logarithms of ours over theirs. Whatever is left unexplained is called real: a wrong price must never be explained
away, so every doubt is decided against the harmless cause.
"""

import math

import numpy as np

from stocks_pipeline.domain.prices import Floats, Mask
from stocks_pipeline.domain.validation_levels import Explained, explain_levels
from stocks_pipeline.domain.validation_pairs import Pair, logs
from stocks_pipeline.domain.validation_types import Cause

_HUNDRED = math.log(100)
_UNIT_REACH = 0.12  # a unit error and dividends may come together
_MATCHED = 0.9  # share of sessions that fit the neighbour's bar, for a lag
_DIFFERING = 0.6
_SHORTEST = 4
_SLACK = 0.004  # open, high and low of two vendors lie this close, where their closes agree
_MOST_PAID = math.log(1.25)  # a fifth of the price in one dividend; more is a wrong price until somebody looks
_MANY = 10  # one session in ten may be a one-off; more is no accident of single bars


def explain(pair: Pair) -> Explained:
    """The cause of every session that differs; sessions that agree, or hold no price, have none."""
    found = Explained.start(pair)
    if not found.todo.any():
        return found
    if _lag(pair, found):
        return found
    _repeats(pair, found)
    _unit(pair, found)
    _by_adj_close(pair, found)
    _by_dividends(pair, found)
    _broken_bars(pair, found)
    explain_levels(pair, found)
    return found


def _lag(pair: Pair, found: Explained) -> bool:
    """Whether each session holds the bar of the one before, or after, at the other vendor: sessions are misdated."""
    ours, theirs = logs(pair.ours["close"]), logs(pair.theirs["close"])
    differs = np.abs(found.rest) > found.tolerance
    if len(pair) < _SHORTEST or differs.mean() < _DIFFERING:
        return False
    for lag, apart in ((1, ours[1:] - theirs[:-1]), (-1, theirs[1:] - ours[:-1])):
        if (np.abs(apart) <= found.tolerance[1:]).mean() >= _MATCHED:
            side = "ours" if lag > 0 else "theirs"
            found.mark(differs, Cause.STALE, side=side, lag_sessions=1, says="each session holds the bar before")
            return True
    return False


def _repeats(pair: Pair, found: Explained) -> None:
    """Bars equal to the session before on one side only, while the other moved on: a stuck feed."""
    differs = found.todo & (np.abs(found.rest) > found.tolerance)
    for side, here, there in (
        ("ours", pair.ours_repeat, pair.theirs_repeat),
        ("theirs", pair.theirs_repeat, pair.ours_repeat),
    ):
        stuck = differs & here & ~there & ~_idle(here, found)
        found.mark(stuck, Cause.STALE, side=side, repeated=int(stuck.sum()), says="bars repeat the session before")


def _idle(repeat: Mask, found: Explained) -> Mask:
    """Repeated bars whose ratio is that of the last bar before them, or of the next after them where there is none: a
    cheap share did not trade, and the other side did not move either, whatever basis it is on.
    """
    idle = np.zeros(len(repeat), dtype=np.bool_)
    moving = np.flatnonzero(~repeat & np.isfinite(found.rest))
    if not len(moving):
        return idle
    for row in np.flatnonzero(repeat):
        before = int(np.searchsorted(moving, row)) - 1
        base = found.rest[moving[max(before, 0)]]
        idle[row] = abs(found.rest[row] - base) <= found.tolerance[row]
    return idle


def _unit(pair: Pair, found: Explained) -> None:
    """Sessions a hundred times apart, give or take dividends, at a ratio that does not wander as a currency would."""
    size = np.abs(found.rest)
    near = found.todo & (np.abs(size - _HUNDRED) < _UNIT_REACH)
    if not near.any():
        return
    sign = np.sign(found.rest)
    left = np.where(near, found.rest - sign * _HUNDRED, found.rest)
    both = near[1:] & near[:-1] & (sign[1:] == sign[:-1])
    steady = (np.abs(np.diff(left)) <= np.fmax(found.tolerance[1:], found.tolerance[:-1]))[both]
    exact = np.abs(left[near]) <= found.tolerance[near] + 0.003
    if (steady.size and steady.mean() < _MATCHED - 0.2) or not exact.any():
        return
    high = bool(np.median(found.rest[near]) > 0)
    says = f"{'ours' if high else 'theirs'} is a hundred times the other"
    side, factor = _jumped(pair, near), 100.0 if high else 0.01
    found.explain(near, left, Cause.UNIT_X100, side=side, factor=factor, says=says)


def _jumped(pair: Pair, near: Mask) -> str:
    """Whose closes jump where the hundred begins or ends; both where it does neither, or both jump."""
    edges = near[1:] != near[:-1]
    jumped = [
        side
        for side, closes in (("ours", pair.ours["close"]), ("theirs", pair.theirs["close"]))
        if (np.abs(np.diff(logs(closes)))[edges] > _HUNDRED / 2).any()
    ]
    return jumped[0] if len(jumped) == 1 else "both"


def _by_adj_close(pair: Pair, found: Explained) -> None:
    """Their close is our dividend-adjusted one."""
    adjusted = logs(pair.ours["adj_close"])
    if not _is_adjustment(adjusted - logs(pair.ours["close"]), found.tolerance):
        return
    apart = np.abs(adjusted - logs(pair.theirs["close"]))
    other = np.abs(adjusted - logs(pair.ours["close"])) > found.tolerance
    fits = found.todo & other & (apart <= found.tolerance)
    left = np.where(fits, 0.0, found.rest)
    says = "theirs is adjusted for dividends: it equals our adj_close"
    found.explain(fits, left, Cause.DIVIDEND_BASIS, side="theirs", explained_by="adj_close", says=says)


def _is_adjustment(drift: Floats, tolerance: Floats) -> bool:
    """Whether an adjusted close lies below its close as dividends put it there: nothing on the newest session, more the
    further back, never more than `_MOST_PAID` at a time. A close that is wrong lies anywhere else.
    """
    known = np.isfinite(drift)
    path, slack = drift[known], float(tolerance[known].max()) if known.any() else 0.0
    if not len(path) or path[-1] < -slack or (path > slack).any():
        return False
    steps = np.diff(path)
    return bool((steps >= -slack).all() and (steps <= _MOST_PAID).all())


def _by_dividends(pair: Pair, found: Explained) -> None:
    """One close is adjusted for the very dividends that our rows carry."""
    dividend = np.nan_to_num(pair.ours["dividend"])
    if not (dividend > 0).any():
        return
    for side, raw, sign in (("ours", pair.theirs["close"], 1.0), ("theirs", pair.ours["close"], -1.0)):
        expected = sign * _adjustment(dividend, raw)
        reach = found.tolerance + 0.1 * np.abs(expected)
        fits = found.todo & (np.abs(expected) > found.tolerance) & (np.abs(found.rest - expected) <= reach)
        fits &= np.abs(found.rest) > found.tolerance
        left = np.where(fits, 0.0, found.rest)
        says = f"{side} is adjusted for dividends, as our dividends show"
        found.explain(fits, left, Cause.DIVIDEND_BASIS, side=side, explained_by="dividend", says=says)


def _adjustment(dividend: Floats, raw: Floats) -> Floats:
    """By session, the logarithm of what adjusting for all later dividends does to a close."""
    before = np.concatenate(([np.nan], raw[:-1]))
    share = np.where(dividend > 0, dividend / before, 0.0)
    usable = np.isfinite(share) & (share < 1)
    steps = np.log1p(-np.where(usable, share, 0.0))
    total: Floats = np.cumsum(steps[::-1])[::-1]
    return total - steps


def _broken_bars(pair: Pair, found: Explained) -> None:
    """A close that differs where open, high and low of the same bar agree in another ratio: no basis does that."""
    apart = np.abs(pair.bar_ratio - pair.ratio)
    broken: Mask = found.todo & (apart > _SLACK + 2 * found.tolerance)
    usual = apart[np.isfinite(apart)]
    if 0 < broken.sum() <= max(1, len(pair) // _MANY) and np.median(usual) <= np.median(found.tolerance):
        found.mark(broken, Cause.ONE_OFF, side="both", says="the close differs where the rest of its bar agrees")

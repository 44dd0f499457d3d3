"""Why two vendors differ about a symbol: the likely cause of every session's disagreement, from the bars alone.

What belongs here: `explain` and the causes that single sessions show (repeats, ×100, a basis that our own dividends
explain, a close that contradicts its own bar), and what a basis leaves. What does not: a late feed (validation_lag.py),
causes that only the whole course of the ratio shows (validation_levels.py) and which differences count
(validation_rules.py).

Each cause that is found is taken out of the ratio, so that the next one is sought in what remains. All thresholds are
in logarithms of ours over theirs. Whatever is left unexplained is called real: a wrong price must never be explained
away, so every doubt is decided against the harmless cause.
"""

import math
from collections.abc import Sequence

import numpy as np

from stocks_pipeline.domain.prices import Floats, Mask
from stocks_pipeline.domain.validation_levels import Explained, explain_levels
from stocks_pipeline.domain.validation_pairs import Pair, logs
from stocks_pipeline.domain.validation_types import Cause

_HUNDRED = math.log(100)
_UNIT_REACH = 0.12  # a unit error and dividends may come together
_STEADY = 0.7  # share of sessions whose ratio is that of the session before
_SLACK = 0.004  # open, high and low of two vendors lie this close, where their closes agree
_SHARE, _WIDEST = 0.1, 0.01  # two vendors' adjustments for one dividend lie this close, by its size and at most
_MOST = 0.5
_MANY = 10  # one session in ten may be a one-off; more is no accident of single bars


def explain(pair: Pair, lag: int = 0) -> Explained:
    """The cause of every session that differs; sessions that agree, or hold no price, have none.

    `lag`: by how many sessions ours are late, below zero where theirs are.
    """
    found = Explained.start(pair)
    if not found.todo.any():
        return found
    if lag:
        _late(found, lag)
        return found
    _repeats(pair, found)
    _unit(pair, found)
    _by_dividends(pair, found)
    _broken_bars(pair, found)
    explain_levels(pair, found)
    return found


def _late(found: Explained, lag: int) -> None:
    """Each session holds an earlier one's bar at one vendor, and so shows nothing else, its volume included."""
    side, times = "ours" if lag > 0 else "theirs", f"{abs(lag)} sessions before" if abs(lag) > 1 else "before"
    found.mark(found.todo, Cause.STALE, side=side, lag_sessions=abs(lag), says=f"each session holds the bar {times}")


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
    if (steady.size and steady.mean() < _STEADY) or not exact.any():
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


def _by_dividends(pair: Pair, found: Explained) -> None:
    """One close is adjusted for the very dividends that our rows carry.

    Our adj_close alone shows nothing: beside a close of ours that is wrong it equals theirs just as well. Where most
    sessions fit, the basis is taken out of all it covers, so that an error under it shows. Only one side is adjusted:
    what an error leaves may look like the other. Ours is not where our adj_close says that our close is raw.
    """
    dividend = np.nan_to_num(pair.ours["dividend"])
    if not (dividend > 0).any():
        return
    differs = np.abs(found.rest) > found.tolerance
    sides = {"ours": _adjustment(dividend, pair.theirs["close"]), "theirs": -_adjustment(dividend, pair.ours["close"])}
    near = {side: _covered(found, basis) & _near(found, basis) for side, basis in sides.items()}
    near["ours"] &= ~(np.abs(logs(pair.ours["adj_close"]) - logs(pair.ours["close"])) > found.tolerance)
    side = max(near, key=lambda name: int((near[name] & differs).sum()))
    basis, fits, covered = sides[side], near[side] & differs, _covered(found, sides[side])
    if near[side].sum() >= _MOST * covered.sum():
        rest = np.where(covered, found.rest - basis, found.rest)
    else:
        rest = found.rest
    says = f"{side} is adjusted for dividends, as our dividends show"
    note = {"side": side, "explained_by": "dividend", "says": says}
    found.explain(fits, np.where(fits, 0.0, rest), Cause.DIVIDEND_BASIS, **note)


def _covered(found: Explained, basis: Floats) -> Mask:
    """Sessions that a basis changes."""
    return found.todo & (np.abs(basis) > found.tolerance)


def _near(found: Explained, basis: Floats) -> Mask:
    """Sessions whose ratio it explains."""
    reach: Floats = found.tolerance + np.minimum(_SHARE * np.abs(basis), _WIDEST)
    return np.abs(found.rest - basis) <= reach


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


def off_basis(pair: Pair, causes: Sequence[Cause | None]) -> Floats:
    """By session, the share by which our close is off theirs once the dividend basis around it is taken out.

    The basis is the ratio of the nearest session before or after that the basis explains or that agrees, whichever lies
    closer: an ex-date may fall on the session itself. 0 for those sessions, and where there is no basis at all.
    """
    off = np.zeros(len(pair))
    if Cause.DIVIDEND_BASIS not in causes:
        return off
    calm = np.array([cause is None or cause.harmless for cause in causes]) & np.isfinite(pair.ratio)
    base = np.flatnonzero(calm)
    for row in np.flatnonzero(~calm & np.isfinite(pair.ratio)):
        at = int(np.searchsorted(base, row))
        off[row] = np.abs(np.expm1(pair.ratio[row] - pair.ratio[base[max(at - 1, 0) : at + 1]])).min()
    return off

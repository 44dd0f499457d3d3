"""Causes that the course of a ratio shows: steps on ex-dates and splits, single bars, a wandering ratio.

What belongs here: `Explained`, and reading the ratio of two vendors as levels with steps between. What does not: causes
that a single session shows (validation_causes.py).

An adjustment makes the ratio a staircase that ends at one: constant between ex-dates, every step in one direction.
Dividends scale prices alone, splits scale volumes the other way. Anything else is no adjustment.
"""

import math
from bisect import bisect
from dataclasses import dataclass, field

import numpy as np

from stocks_pipeline.domain.prices import Floats, Mask
from stocks_pipeline.domain.validation_pairs import Pair, logs
from stocks_pipeline.domain.validation_steps import SPLITS, Level, Rows, chain_causes, levels_of
from stocks_pipeline.domain.validation_types import Cause

Note = dict[str, int | float | str]

_FAR = math.log(1.12)  # two securities of the same market seldom lie closer, and then for a few sessions
_AGREE = 0.002
_AGREEING = 0.3  # share of sessions that agree exactly: never by chance between two securities
_RELATED = 0.5  # correlation of daily returns
_ENOUGH = 8
_HALF = 0.5
_TWINS = 0.8  # correlation of two listings of one company
_ONE_WAY = 0.9  # share of sessions on which the same of them costs more
_TELLING = 0.01
_RUN = 3
_TIGHT = 0.006


@dataclass(eq=False)
class Explained:
    """Causes by session, and what is still unexplained.

    `rest` is the ratio without what was explained; `todo` marks sessions whose ratio may still be looked at.
    """

    rest: Floats
    tolerance: Floats
    todo: Mask
    causes: list[Cause | None]
    notes: dict[Cause, Note] = field(default_factory=dict)

    @classmethod
    def start(cls, pair: Pair) -> "Explained":
        """Nothing explained yet."""
        tolerance = np.minimum(pair.tolerance, 0.015)
        return cls(pair.ratio.copy(), tolerance, np.isfinite(pair.ratio), [None] * len(pair))

    def mark(self, sessions: Mask, cause: Cause, **note: float | str) -> None:
        """These sessions have this cause, and show nothing about the others."""
        self.explain(sessions, self.rest, cause, **note)
        self.todo &= ~sessions

    def explain(self, sessions: Mask, rest: Floats, cause: Cause, **note: float | str) -> None:
        """These sessions have this cause, which leaves `rest`; the first cause of a session stays."""
        if not sessions.any():
            return
        for row in np.flatnonzero(sessions):
            self.causes[row] = self.causes[row] or cause
        self.rest = rest
        self.notes.setdefault(cause, dict(note))


def explain_levels(pair: Pair, found: Explained) -> None:
    """Explain what remains by the course of the ratio."""
    rows = np.flatnonzero(found.todo)
    if not len(rows) or not (np.abs(found.rest[rows]) > found.tolerance[rows]).any():
        return
    levels = levels_of(rows, found.rest[rows], found.tolerance[rows])
    kept = _solid(levels)
    if sum(level.size for level in kept) < _HALF * len(rows):
        _wandering(pair, found, rows)
        return
    if _constant(kept[-1])[0] is Cause.WRONG_LISTING and not (np.abs(found.rest[rows]) <= _AGREE).any():
        _wandering(pair, found, rows)
        return
    first = levels[0]
    thin = first if len(levels) > 1 and first not in kept and levels[1] in kept else None
    _excursions(found, [level for level in levels if level is not thin], kept)
    _staircase(pair, found, ([thin] if thin else []) + kept, thin)


def _solid(levels: list[Level]) -> list[Level]:
    """The levels of several sessions, and the single sessions that agree or lie on the nearest of those.

    One between two like levels is off them even where it agrees: there an error and a basis cancel out.
    """
    amid = [0 < at < len(levels) - 1 and levels[at - 1].like(levels[at + 1]) for at in range(len(levels))]
    sure = [
        at
        for at, level in enumerate(levels)
        if level.size > 1 or (abs(level.value) <= _AGREE + level.tolerance and not amid[at])
    ]

    def lies_on_one(at: int) -> bool:
        place = bisect(sure, at)
        near = [levels[number] for number in sure[max(place - 1, 0) : place + 1]]
        return any(level.size > 1 and level.like(levels[at]) for level in near)

    return [level for at, level in enumerate(levels) if at in sure or lies_on_one(at)]


def _excursions(found: Explained, levels: list[Level], kept: list[Level]) -> None:
    """Sessions off the staircase: one alone is a one-off, several are another security or a real disagreement."""
    run: list[Level] = []
    base = kept[0].value
    for level in [*levels, None]:
        if level is not None and level not in kept:
            run.append(level)
            continue
        if run:
            rows = np.concatenate([part.rows for part in run])
            _name_run(found, rows, base)
            run = []
        if level is not None:
            base = level.value


def _name_run(found: Explained, rows: Rows, base: float) -> None:
    sessions = np.zeros(len(found.rest), dtype=np.bool_)
    sessions[rows] = True
    apart = np.abs(found.rest[rows] - base)
    if len(rows) == 1:
        found.mark(sessions, Cause.ONE_OFF, side="both", says="one bar differs and its neighbours agree")
    elif len(rows) >= _RUN and np.median(apart) > _FAR:
        found.mark(
            sessions, Cause.WRONG_LISTING, side="both", says="for some sessions the bars are of another security"
        )
    else:
        found.mark(sessions, Cause.REAL, side="both", says="nothing known explains it")


def _staircase(pair: Pair, found: Explained, levels: list[Level], thin: Level | None) -> None:
    """Name each level by the steps after it; where the newest level is off, by that."""
    newest = levels[-1]
    base: tuple[Cause, Note] | None = None
    if abs(newest.value) > _AGREE + newest.tolerance:
        base = _constant(newest)
    shift = newest.value if base and base[0] is Cause.SPLIT_BASIS else 0.0
    named = chain_causes(pair, [level.lowered(shift) for level in levels], thin)
    for level, (cause, note) in zip(levels, named, strict=True):
        cause_here, note_here = base or (cause, note)
        sessions = np.zeros(len(pair), dtype=np.bool_)
        sessions[level.rows] = True
        sessions &= np.abs(found.rest) > found.tolerance
        if cause_here is not None:
            found.mark(sessions, cause_here, **note_here)


def _constant(level: Level) -> tuple[Cause, Note]:
    """What a newest level off one means: a split on one side only, another listing, or nothing known."""
    size = abs(level.value)
    near = float(SPLITS[np.argmin(np.abs(np.log(SPLITS) - size))])
    if abs(size - math.log(near)) <= _TIGHT + level.tolerance:
        side = "theirs" if level.value < 0 else "ours"
        says = f"{side} lacks a split of {near:g} to 1 (or has a reverse one too many) in the whole window"
        return Cause.SPLIT_BASIS, {"side": side, "factor": near, "says": says}
    if size > _FAR:
        ratio = round(math.exp(level.value), 6)
        return Cause.WRONG_LISTING, {
            "side": "both",
            "ratio": ratio,
            "says": f"ours is {ratio:g} times theirs throughout",
        }
    return Cause.REAL, {"side": "both", "says": "ours and theirs differ by a constant that nothing known explains"}


def _wandering(pair: Pair, found: Explained, rows: Rows) -> None:
    """A ratio with no level: another security or currency where nothing agrees, else a real disagreement."""
    rest = found.rest[rows]
    differs = np.zeros(len(pair), dtype=np.bool_)
    differs[rows] = np.abs(rest) > found.tolerance[rows]
    agreeing = float((np.abs(rest) <= _AGREE + found.tolerance[rows]).mean())
    far = float(np.median(np.abs(rest)))
    related = _correlation(logs(pair.ours["close"])[rows], logs(pair.theirs["close"])[rows])
    note: Note = {"side": "both", "correlation": round(related, 3), "median_ratio": round(math.exp(np.median(rest)), 6)}
    premium = float(max((rest > 0).mean(), (rest < 0).mean())) >= _ONE_WAY and related >= _TWINS
    if agreeing < _AGREEING and premium and _TELLING < far <= _FAR and len(rows) >= _ENOUGH:
        found.mark(differs, Cause.WRONG_LISTING, **note, says="one side always costs more: another listing or class")
        return
    if agreeing < _AGREEING and (far > _FAR or (len(rows) >= _ENOUGH and related < _RELATED)):
        says = "another currency or listing" if related >= _RELATED else "the bars of another security"
        found.mark(differs, Cause.WRONG_LISTING, **note, says=f"one side holds {says}")
        return
    found.mark(differs, Cause.REAL, **note, says="nothing known explains it")


def _correlation(ours: Floats, theirs: Floats) -> float:
    """Of daily returns; 0.0 where either does not move or there are fewer than three."""
    left, right = np.diff(ours), np.diff(theirs)
    if len(left) < _RUN or not left.std() or not right.std():
        return 0.0
    return float(np.corrcoef(left, right)[0, 1])

"""The steps of a ratio between two vendors: which are dividends, which splits, and which no adjustment at all.

What belongs here: levels, and naming the steps between them. What does not: what lies off the levels, and whole windows
(validation_levels.py). A step is the logarithm by which ours over theirs rises from one level to the next.
"""

import math
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from stocks_pipeline.domain.prices import Floats
from stocks_pipeline.domain.validation_pairs import Pair, day, logs
from stocks_pipeline.domain.validation_types import Cause

_WHOLE = (*range(2, 11), 12, 15, 20, 25, 30, 40, 50)
SPLITS = np.array([1.25, 4 / 3, 1.5, 5 / 3, 2.5, *_WHOLE], dtype=np.float64)
"""Factors that splits have, in either direction."""

_FAR = math.log(1.12)
_DIVIDEND = -math.log(
    1 - 0.072
)  # more of the price in one payment is rare, and older bars that are too high look the same
_TELLING = 0.02  # from here on an ex-date's gap is larger than most ordinary nights'
_VOLUME = 0.02  # below this two vendors' volumes differ by as much themselves
_TIGHT = 0.006
_SESSIONS_A_STEP = 15  # nobody pays more often than monthly

Rows = npt.NDArray[np.intp]
Note = dict[str, int | float | str]
Named = tuple[Cause | None, Note]


@dataclass(frozen=True, eq=False)
class Level:
    """Consecutive sessions whose ratio is the same: their rows, its median, and how exact that is."""

    rows: Rows
    value: float
    tolerance: float

    @property
    def size(self) -> int:
        """How many sessions."""
        return len(self.rows)

    def like(self, other: "Level") -> bool:
        """Whether another level is the same."""
        return abs(self.value - other.value) <= max(self.tolerance, other.tolerance)

    def lowered(self, by: float) -> "Level":
        """The level as it would be without a factor that holds for the whole window."""
        return replace(self, value=self.value - by)


@dataclass(frozen=True)
class _Step:
    """From one level to the next: its size, the row of its first session, and its kind once it is known."""

    size: float
    row: int
    kind: Cause | None = None
    by: str = ""


def levels_of(rows: Rows, rest: Floats, tolerance: Floats) -> list[Level]:
    """The levels of a ratio in order; a session alone is a level of one."""
    wide = np.fmax(tolerance[1:], tolerance[:-1])
    breaks = np.flatnonzero(np.abs(np.diff(rest)) > wide) + 1
    edges = [0, *breaks.tolist(), len(rows)]
    return [
        Level(rows[start:end], float(np.median(rest[start:end])), float(tolerance[start:end].max()))
        for start, end in pairwise(edges)
    ]


def chain_causes(pair: Pair, levels: list[Level], thin: Level | None) -> list[Named]:
    """The cause of each level that is off one, by the steps after it; the newest level is at one.

    `thin` is a first level of one session: too little to tell a basis from a bad bar, unless the step itself shows it.
    """
    steps = [_named(pair, before, after) for before, after in pairwise(levels)]
    dividends = [step for step in steps if step and step.kind is Cause.DIVIDEND_BASIS]
    one_way = len({step.size > 0 for step in steps if step}) < 2  # noqa: PLR2004 - up or down, not both
    plausible = one_way and len(dividends) <= 1 + len(pair) // _SESSIONS_A_STEP and _events_unknown(pair)
    named: list[Named] = []
    for at, level in enumerate(levels):
        later = [step for step in steps[at:] if step]
        if abs(level.value) <= level.tolerance or not later:
            named.append((None, {}))
        elif thin is not None and at == 0 and not _shown(later[0], dividends):
            named.append((Cause.ONE_OFF, {"side": "both", "says": "only the first bar of the window differs"}))
        else:
            named.append(_cause(pair, later, dividends, plausible=plausible))
    return named


def _shown(step: _Step, dividends: list[_Step]) -> bool:
    """Whether a step after a single session is more than a bad bar: a split that not only its factor shows, or one of
    several like dividends.
    """
    if step.kind is Cause.SPLIT_BASIS:
        return step.by in {"split", "volume"}
    return step.kind is Cause.DIVIDEND_BASIS and _has_like(step, dividends)


def _supported(step: _Step, dividends: list[_Step]) -> bool:
    """Whether more than its direction speaks for a dividend.

    Where theirs is the adjusted side, our own bars fall on the ex-date and our own rows should name the dividend. They
    do not, and older bars of ours that are simply too high look the same; so only several like steps are believed.
    """
    return step.kind is Cause.SPLIT_BASIS or step.size > 0 or _has_like(step, dividends)


def _has_like(step: _Step, dividends: list[_Step]) -> bool:
    """Whether another step is of about that size, as a company's dividends are."""
    return any(other is not step and 0.5 <= other.size / step.size <= 2 for other in dividends)  # noqa: PLR2004


def _cause(pair: Pair, later: list[_Step], dividends: list[_Step], *, plausible: bool) -> Named:
    """Of a level, from all steps that follow it: a split outweighs dividends, an unknown step everything."""
    side = "ours" if later[0].size > 0 else "theirs"
    splits = [step for step in later if step.kind is Cause.SPLIT_BASIS]
    strange = [step for step in later if step.kind is None or not _supported(step, dividends)]
    if splits and not strange:
        largest = max(splits, key=lambda step: abs(step.size))
        factor, on = round(math.exp(abs(largest.size)), 4), day(pair.days[largest.row]).isoformat()
        other, way = _unadjusted(pair, largest)
        says = f"{other} lacks the {way} of {factor:g} to 1 (or like distribution) of {on}"
        note: Note = {"side": other, "factor": factor, "step_on": on, "explained_by": largest.by, "says": says}
        return Cause.SPLIT_BASIS, note
    if strange or not plausible:
        return Cause.REAL, {"side": "both", "says": _unexplained(pair, strange)}
    last, raw = later[-1], pair.theirs if side == "ours" else pair.ours
    newest = day(pair.days[last.row]).isoformat()
    paid = _implied(raw["close"], last)
    many = f"{len(later)} steps" if len(later) > 1 else "1 step"
    says = f"{side} is adjusted for dividends: {many} down into the past, the last like {paid:g} a share on {newest}"
    return Cause.DIVIDEND_BASIS, {
        "side": side,
        "steps": len(later),
        "step_on": newest,
        "implied_dividend": paid,
        "explained_by": "shape",
        "says": says,
    }


def _implied(raw: Floats, step: _Step) -> float:
    """What a dividend of that step was worth, a share."""
    return round(float(raw[step.row - 1]) * -math.expm1(-abs(step.size)), 4)


def _unexplained(pair: Pair, strange: list[_Step]) -> str:
    """Why steps are believed to be nobody's adjustment; one like a large payment says what to look up."""
    large = [step for step in strange if step.kind is None and step.by == "gap"]
    if len(strange) != 1 or not large:
        return "the ratio changes in steps that no dividend or split explains"
    [step] = large
    paid = _implied((pair.theirs if step.size > 0 else pair.ours)["close"], step)
    on = day(pair.days[step.row]).isoformat()
    return f"like a special distribution of {paid:g} a share on {on} that our rows do not name, or older bars are wrong"


def _unadjusted(pair: Pair, step: _Step) -> tuple[str, str]:
    """Which side still shows the split as a jump of its price, and which way it split."""
    moves = [
        abs(float(logs(side["close"])[step.row] - logs(side["close"])[step.row - 1]))
        for side in (pair.ours, pair.theirs)
    ]
    side = "ours" if moves[0] > moves[1] else "theirs"
    return side, "split" if (side == "theirs") == (step.size > 0) else "reverse split"


def _events_unknown(pair: Pair) -> bool:
    """Whether our rows carry no dividends, so that a step may be one.

    Where they do, a dividend that explains a step was found by its amount before; a step that is left is none.
    """
    adjusted = logs(pair.ours["adj_close"]) - logs(pair.ours["close"])
    kept_raw = np.abs(adjusted) > pair.tolerance
    return not ((pair.ours["dividend"] > 0).any() or kept_raw.any())


def _named(pair: Pair, before: Level, after: Level) -> _Step | None:
    """The step between two levels; None where there is none."""
    size, row = after.value - before.value, int(after.rows[0])
    if abs(size) <= max(before.tolerance, after.tolerance):
        return None
    by = _split_by(pair, before, after, size)
    if by:
        return _Step(size, row, Cause.SPLIT_BASIS, by)
    gap = _gap_fits(pair, row, size)
    if abs(size) <= _DIVIDEND and (abs(size) < _TELLING or gap):
        return _Step(size, row, Cause.DIVIDEND_BASIS, "shape")
    if abs(size) > _FAR and gap:
        return _Step(size, row, Cause.SPLIT_BASIS, "gap")
    return _Step(size, row, None, "gap" if gap else "")


def _split_by(pair: Pair, before: Level, after: Level, size: float) -> str:
    """What shows that a step is a split: our own column, volumes, or its factor; empty for nothing."""
    row = int(after.rows[0])
    split = np.abs(logs(pair.ours["split"])[max(0, row - 1) : row + 2])
    if np.isfinite(split).any() and np.nanmin(np.abs(split - abs(size))) <= 0.02:  # noqa: PLR2004 - a dividend beside it
        return "split"
    if _volume_scaled(pair, before, after, size):
        return "volume"
    near = float(np.abs(np.log(SPLITS) - abs(size)).min())
    return "factor" if near <= _TIGHT + after.tolerance and abs(size) > _FAR else ""


def _volume_scaled(pair: Pair, before: Level, after: Level, size: float) -> bool:
    """Whether volumes step by as much the other way, which a split does and a dividend does not."""
    if abs(size) < _VOLUME:
        return False
    ratios = [pair.volume_ratio[level.rows] for level in (before, after)]
    if any(not np.isfinite(ratio).any() for ratio in ratios):
        return False
    step = float(np.nanmedian(ratios[1]) - np.nanmedian(ratios[0]))
    return abs(step + size) <= abs(size) / 4


def _gap_fits(pair: Pair, row: int, size: float) -> bool:
    """Whether the side that is not adjusted opened lower by about the step, and the other did not move as much.

    An error in our older bars looks the other way round: there it is the wrong side that jumps.
    """
    if row == 0:
        return False
    gaps = [
        float(logs(side["open"])[row] - logs(side["close"])[row - 1]) for side in (pair.ours, pair.theirs)
    ]  # theirs falls where ours is the adjusted one, and the other way round
    raw, adjusted = (gaps[1], gaps[0]) if size > 0 else (gaps[0], gaps[1])
    return abs(raw + abs(size)) < abs(size) / 2 and abs(adjusted) < abs(size) / 2

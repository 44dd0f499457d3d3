"""How parts make a score: weights, what happens where a part is unknown, and the scale from a measure to 0 to 10.

What belongs here: the arithmetic. What does not: what is measured (scores.py, share_scores.py). Standard library only.
"""

from collections.abc import Sequence
from dataclasses import dataclass

TOP = 10.0
_LEAST_WEIGHT = 0.5  # of all weight: with less known, a score would be about something else than its name


@dataclass(frozen=True)
class Part:
    """One measure inside a score: 0 to 10, or None with `why` it is unknown; else `why` tells what was measured."""

    name: str
    value: float | None
    weight: float
    why: str


@dataclass(frozen=True)
class Score:
    """A score with its parts: 0 to 10 with one decimal, or None with the reason.

    `better` says which end a reader would wish for; uncertainty and selling pressure are better low.
    """

    name: str
    value: float | None
    parts: tuple[Part, ...]
    reason: str = ""
    better: str = "high"


def label_of(name: str, better: str) -> str:
    """What a score is called where people read it: what it measures, and which end is the better one if it is low."""
    words = {"uncertainty": "uncertainty of the newest session"}.get(name, name.replace("_", " "))
    return f"{words}, better low" if better == "low" else words


def part(name: str, value: float | None, weight: float, why: str) -> Part:
    """A part held to 0 to 10."""
    return Part(name, None if value is None else round(min(TOP, max(0.0, value)), 2), weight, why)


def scaled(value: float, worst: float, best: float) -> float:
    """Where a measure lies between its worst (0) and its best (10), linear and held to both ends."""
    return TOP * min(1.0, max(0.0, (value - worst) / (best - worst)))


def mean(values: Sequence[float]) -> float | None:
    """The mean, or None of nothing."""
    return sum(values) / len(values) if values else None


def weighed(name: str, parts: Sequence[Part], *, every: bool = False, better: str = "high") -> Score:
    """The weighted mean of the known parts.

    Absent with a reason where less than half of the weight is known, or with `every` where any part is unknown.
    """
    unknown = [one for one in parts if one.value is None]
    known = sum(one.weight for one in parts if one.value is not None)
    if not parts or known < _LEAST_WEIGHT * sum(one.weight for one in parts) or (every and unknown):
        reason = "; ".join(f"{one.name}: {one.why}" for one in unknown) or "nothing to measure"
        return Score(name, None, tuple(parts), reason, better)
    total = sum(one.value * one.weight for one in parts if one.value is not None) / known
    return Score(name, round(total, 1), tuple(parts), "", better)

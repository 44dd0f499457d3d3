"""What the rules of validation look at: both sides of one symbol, their common sessions, and why they differ.

What belongs here: `Comparison`, and the words and evidence that every rule's issues share. What does not: the rules
about which sessions are there (validation_coverage.py) and about what they hold (validation_rules.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np

from stocks_pipeline.domain.prices import Floats, Ints, Mask, day_number
from stocks_pipeline.domain.validation_causes import explain, off_basis
from stocks_pipeline.domain.validation_lag import lag_of
from stocks_pipeline.domain.validation_levels import Explained, Note
from stocks_pipeline.domain.validation_pairs import Pair, Side, day
from stocks_pipeline.domain.validation_types import Cause, Issue, Profile

Evidence = dict[str, int | float | str]
_BEFORE = timedelta(days=7)


@dataclass(frozen=True, eq=False)
class Comparison:
    """What the rules look at: both sides up to the newest session, the window's sessions, and the profile."""

    profile: Profile
    sessions: Sequence[date]
    newest: date
    ours: Side
    theirs: Side

    @cached_property
    def pair(self) -> Pair:
        """The window's common sessions."""
        return Pair.of(self.ours, self.theirs, self.sessions[0], self.newest)

    @cached_property
    def _around(self) -> Pair:
        """Common sessions of the window and of the week before it: causes at its edge show only with them."""
        return Pair.of(self.ours, self.theirs, self.sessions[0] - _BEFORE, self.newest)

    @cached_property
    def lag(self) -> int:
        """How many sessions late ours are; below zero where theirs are."""
        return lag_of(self._around)

    @cached_property
    def _explained(self) -> Explained:
        return explain(self._around, self.lag)

    @cached_property
    def causes(self) -> Sequence[Cause | None]:
        """Why they differ, by common session of the window."""
        return self._explained.causes[len(self._around) - len(self.pair) :]

    @property
    def notes(self) -> Mapping[Cause, Note]:
        """What is known about each cause."""
        return self._explained.notes

    @cached_property
    def off_basis(self) -> Floats:
        """By how much, as a share, a close is off once a dividend basis is taken out; 0 where there is none."""
        return off_basis(self._around, self._explained.causes)[len(self._around) - len(self.pair) :]

    @cached_property
    def calendar(self) -> Ints:
        """The window's sessions as numbers, ascending."""
        return np.array(sorted(day_number(session) for session in self.sessions), dtype=np.int64)

    @cached_property
    def comparable(self) -> Mask:
        """Common sessions with a close on both sides."""
        return np.isfinite(self.pair.ratio)


def about(rule: str, cause: Cause, message: str, days: Ints, evidence: Evidence) -> Issue:
    """The issue of these sessions."""
    return Issue(rule, cause, message, tuple(day(number) for number in days), evidence)


def few(days: Ints) -> str:
    """Such as "2026-01-05" or "104 sessions from 2025-06-05 to 2025-11-04"."""
    return str(day(days[0])) if len(days) == 1 else f"{len(days)} sessions from {day(days[0])} to {day(days[-1])}"

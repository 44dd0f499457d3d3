"""What a report's text was judged to be, as the scores and the stored payload read it.

What belongs here: the shape of a verdict. What does not: coming to one (verifier.py, which nothing of the writer's side
imports), and what a correction tells of a problem (prompt.py).
"""

from collections.abc import Sequence
from typing import Protocol


class Problem(Protocol):
    """A finding or a doubt: what it is, where in the text, and why."""

    @property
    def kind(self) -> str: ...
    @property
    def at(self) -> int: ...
    @property
    def text(self) -> str: ...
    @property
    def why(self) -> str: ...


class Verdict(Protocol):
    """Whether the report may be shown, why not, and which sentences nothing confirms."""

    @property
    def passed(self) -> bool: ...
    @property
    def findings(self) -> Sequence[Problem]: ...
    @property
    def numbers_checked(self) -> int: ...
    @property
    def doubts(self) -> Sequence[Problem]: ...

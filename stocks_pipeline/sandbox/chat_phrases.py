"""What a sentence of the sandbox's model is, and what a language has of them.

What belongs here: the two types. What does not: the sentences (chat_lines.py, chat_lines_th.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """One thing to say in one of several ways.

    Attributes:
        needs: The facts of which all must be there.
        tones: Ways to say it by tone: `up`, `down` and `flat` of the sign of `by`, `high`, `low` and `mid` of its
            `band`, or `any`. A tone that is not listed is not said.
        by: The fact that sets the tone; none: `any`.
        band: Below the first number is `low`, above the second `high`.
    """

    needs: tuple[str, ...]
    tones: Mapping[str, tuple[str, ...]]
    by: str = ""
    band: tuple[float, float] | None = None


@dataclass(frozen=True)
class Phrases:
    """What can be said in one language, by section; a single line stands where there is nothing else to say."""

    takeaways: tuple[Line, ...]
    why: Mapping[str, Line]
    """By stance, why it follows; of less than its three signals, `thin`."""
    close_only: Line
    thin: Line
    undecided: Line
    trend: tuple[Line, ...]
    no_trend: Line
    momentum: tuple[Line, ...]
    no_momentum: Line
    risks: tuple[Line, ...]
    general: Line
    headlines: tuple[Line, ...]
    no_inference: Line

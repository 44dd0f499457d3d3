"""Counts as people say them.

What belongs here: numbers with their nouns, for sentences of the command line and of checks. What does not: sentences.
"""

from collections.abc import Sequence


def counted(number: int, noun: str) -> str:
    """The number and its noun: "1 batch", "2 batches", "1,200 symbols"."""
    if number == 1:
        return f"1 {noun}"
    return f"{number:,} {noun}{'es' if noun.endswith(('s', 'x', 'ch', 'sh')) else 's'}"


def some(names: Sequence[str], most: int = 8) -> str:
    """The first few of them, and a sign that there are more."""
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")

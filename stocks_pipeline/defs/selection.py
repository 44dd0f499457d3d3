"""Which symbols a run is about: one rule for the split, the fetch and the CLI.

What belongs here: choosing from a day's list by name and number. What does not: where the list comes from (listing.py).
"""

import difflib
from collections.abc import Sequence


class SelectionError(ValueError):
    """A symbol that is not on the day's list; names it and the nearest that are."""


def choose(listed: Sequence[str], limit: int | None, symbols: Sequence[str]) -> list[str]:
    """The symbols asked for, in list order: those named, or all; then at most `limit` of them.

    Raises:
        SelectionError: a name that is not listed.
    """
    wanted = {s.strip().upper() for s in symbols if s.strip()}
    unknown = sorted(wanted - set(listed))
    if unknown:
        near = {s: difflib.get_close_matches(s, listed, n=3) for s in unknown[:5]}
        hints = "; ".join(f"{s} (nearest: {', '.join(n) or 'none'})" for s, n in near.items())
        raise SelectionError(f"symbols: not on the day's list: {hints}")
    chosen = [s for s in listed if not wanted or s in wanted]
    return chosen if limit is None else chosen[:limit]

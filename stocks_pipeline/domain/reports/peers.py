"""Peers: the tickers whose price moved most like (or against) one ticker's over the last three months.

What belongs here: correlations of daily returns and their ranking. What does not: sectors, and how a peer is worded.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from stocks_pipeline.domain.indicators import History, history
from stocks_pipeline.domain.prices import day_number

MOST = 5
LEAST_CORRELATION = 0.3
LEAST_SESSIONS = 40
"""Common sessions below which a correlation is chance."""
_MONTHS = 3


@dataclass(frozen=True)
class Peer:
    """A ticker that moves alike: `correlation` of -1 to 1 over `sessions` common sessions."""

    name: str
    correlation: float
    sessions: int


def rank(own: History, session: date, others: Mapping[str, Any]) -> tuple[Peer, ...]:
    """The strongest peers among `others`, strongest first, then by name.

    `others` are by name PRICES rows of one symbol, or the History made of them: whoever ranks many tickers against each
    other reads each history once (forty at 2 ms each are most of the time otherwise).

    Of the sessions both have after `session` minus three months and up to it; at least 40 of them, |r| at least 0.3.
    """
    ranked = []
    for name, bars in others.items():
        peer = compare(own, session, name, bars if isinstance(bars, History) else history(bars, session))
        if peer and abs(peer.correlation) >= LEAST_CORRELATION:
            ranked.append(peer)
    return tuple(sorted(ranked, key=lambda peer: (-abs(peer.correlation), peer.name))[:MOST])


def compare(own: History, session: date, name: str, other: History) -> Peer | None:
    """Pearson's correlation of the two daily returns between common sessions; None where there is none to speak of."""
    first = int(np.searchsorted(own.days, day_number(months_before(session, _MONTHS)), side="right"))
    last = int(np.searchsorted(own.days, day_number(session), side="right"))
    common, mine, theirs = np.intersect1d(own.days[first:last], other.days, assume_unique=True, return_indices=True)
    if len(common) < LEAST_SESSIONS:
        return None
    pair = (own.close[first:last][mine], other.close[theirs])
    left, right = (returns - returns.mean() for returns in (np.diff(np.log(values)) for values in pair))
    spread = math.sqrt(float(left @ left) * float(right @ right))
    if not spread:
        return None
    return Peer(name, max(-1.0, min(1.0, float(left @ right) / spread)), len(common))


def months_before(day: date, months: int) -> date:
    """The same day so many months earlier, or that month's last day: three before 31 May is 28 or 29 February."""
    count = day.year * 12 + day.month - 1 - months
    year, month = divmod(count, 12)
    for last in (day.day, 30, 29, 28):
        try:
            return date(year, month + 1, min(day.day, last))
        except ValueError:
            continue
    raise AssertionError(day)  # every month has 28 days

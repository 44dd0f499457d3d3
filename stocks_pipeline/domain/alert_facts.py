"""What may deserve a person's attention: the facts that alerts are made of, each with a key that names it for ever.

What belongs here: the kinds of facts, which days are late by an exchange's calendar, and which mornings are due. What
does not: what an alert says of a fact (alerts.py) and finding facts (defs/operations/alert_facts.py).
"""

import hashlib
import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from stocks_pipeline.domain.calendars import Calendar

LATE_AFTER: Final = timedelta(hours=3)
"""How long after a close the day's table may come: the schedule is an hour and a half after, a day takes minutes."""

MORNING_LATE_AFTER: Final = timedelta(hours=1)
"""How long after it came a morning's data may come: its schedule starts at that instant, and a fetch takes minutes."""

WATCHED_SESSIONS: Final = 5
"""Newest sessions or mornings that can be called late: a week. What is older was, or the desk was off on purpose."""

_SATURDAY: Final = 5


@dataclass(frozen=True)
class FailedRun:
    """A run that ended as failed. `partition` is its partition or range, empty without; `message` is redacted."""

    run_id: str
    job: str
    partition: str
    message: str
    next_step: str
    at: datetime

    @property
    def key(self) -> str:
        return f"run:{self.run_id}"


@dataclass(frozen=True)
class FailedCheck:
    """One evaluation of a check that did not pass. `asset` is written with slashes, `warn` says only a warning."""

    asset: str
    check: str
    partition: str
    warn: bool
    description: str
    next_step: str
    run_id: str
    at: datetime

    @property
    def key(self) -> str:
        return f"check:{self.run_id}:{self.asset}:{self.check}:{self.partition}:{self.at.timestamp():.6f}"


@dataclass(frozen=True)
class LateDay:
    """A session that closed a while ago and of which the market has no table."""

    market: str
    day: date
    closed_at: datetime
    now: datetime

    @property
    def key(self) -> str:
        return f"late:{self.market}:{self.day}"


@dataclass(frozen=True)
class LateMorning:
    """A morning of the receipts that came a while ago and of which no data is there."""

    day: date
    came_at: datetime
    now: datetime

    @property
    def key(self) -> str:
        return f"late:dr:{self.day}"


@dataclass(frozen=True)
class Ended:
    """What a summary counted. `asset` with slashes; `failure_reason`, `failure_step` only where nothing came of it."""

    asset: str
    session_id: str
    total_symbols: int
    passed_count: int
    failed_count: int
    failed_symbols: tuple[str, ...]
    next_step: str
    run_id: str
    at: datetime
    failure_reason: str = ""
    failure_step: str = ""

    @property
    def key(self) -> str:
        """The same counts of the same session are the same fact, however often they are counted."""
        told = [self.total_symbols, self.passed_count, self.failed_count, sorted(self.failed_symbols)]
        digest = hashlib.sha256(json.dumps([*told, self.failure_reason]).encode()).hexdigest()[:16]
        return f"ended:{self.asset}:{self.session_id}:{digest}"


def late_days(market: str, known: Calendar, present: Collection[date], since: datetime, now: datetime) -> list[LateDay]:
    """Sessions that closed after `since`, longer ago than `LATE_AFTER`, and are not `present`. Both times aware.

    Days outside the calendar are unknown and never late.
    """
    first, last = max(known.first, since.date() - timedelta(days=2)), min(known.last, now.date() + timedelta(days=1))
    closed = [(day, known.close_at(day)) for day in known.sessions(first, last)] if first <= last else []
    over = [(day, at) for day, at in closed if at > since and at + LATE_AFTER <= now][-WATCHED_SESSIONS:]
    return [LateDay(market, day, at, now) for day, at in over if day not in present]


def due_mornings(comes: Callable[[date], datetime], since: datetime, now: datetime) -> list[tuple[date, datetime]]:
    """Weekdays whose morning came after `since`, longer ago than `MORNING_LATE_AFTER`, each with that instant; the
    newest `WATCHED_SESSIONS`. `comes` says when a day's morning comes. All times aware.
    """
    days = [since.date() + timedelta(days=number) for number in range((now.date() - since.date()).days + 2)]
    found = [(day, comes(day)) for day in days if day.weekday() < _SATURDAY]
    return [(day, at) for day, at in found if at > since and at + MORNING_LATE_AFTER <= now][-WATCHED_SESSIONS:]

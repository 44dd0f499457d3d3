"""What may deserve a person's attention: the facts that alerts are made of, each with a key that names it for ever.

What belongs here: the kinds of facts, which days are late by an exchange's calendar, and which mornings are due. What
does not: what an alert says of a fact (alerts.py) and finding facts (defs/operations/alert_facts.py).
"""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from stocks_pipeline.domain.calendars import Calendar

LATE_AFTER: Final = timedelta(hours=1)
"""How long after its schedule's tick what a day brings may come: it takes minutes."""

MORNING_LATE_AFTER: Final = timedelta(minutes=20)
"""The same for a morning's data, which are read soon after; who is fetching them then is not late (A28)."""

WATCHED_SESSIONS: Final = 5
"""Newest sessions or mornings that can be called late: a week. What is older was, or the desk was off on purpose."""

_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True)
class FailedRun:
    """A run that ended as failed. `partition` is its partition or range, empty without; `message` is redacted.

    `counted_by` is the asset that counts, right after, what became of it: `us/validation_summary`; empty without.
    `again`: it was started anew after another run of the same work had failed.
    """

    run_id: str
    job: str
    partition: str
    message: str
    next_step: str
    at: datetime
    counted_by: str = ""
    again: bool = False

    @property
    def day(self) -> str:
        """Its day, or the first of its range; empty without."""
        return day_of(self.partition)

    @property
    def cause(self) -> str:
        """The same for every run of this work that fails for the same reason."""
        digest = hashlib.sha256(self.message.encode()).hexdigest()[:16]
        return f"failed:{self.job}:{self.partition}:{digest}"

    @property
    def key(self) -> str:
        """A run that was started anew and failed alike is no news."""
        return self.cause if self.again else f"run:{self.run_id}"


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
    def day(self) -> str:
        """Its day; empty without."""
        return day_of(self.partition)

    @property
    def key(self) -> str:
        return f"check:{self.run_id}:{self.asset}:{self.check}:{self.partition}:{self.at.timestamp():.6f}"


@dataclass(frozen=True)
class Late:
    """Something that a day or a morning should have brought and did not. `asset` is written with slashes.

    `came_at` is when the session closed, or when the morning came.
    """

    asset: str
    day: date
    came_at: datetime
    now: datetime

    @property
    def market(self) -> str:
        """First part of the asset's key."""
        return self.asset.partition("/")[0]

    @property
    def key(self) -> str:
        return f"late:{self.asset}:{self.day}"


@dataclass(frozen=True)
class Ended:
    """What a summary counted. `asset` with slashes; `failure_reason`, `failure_step` only where nothing came of it.

    `harmless_count` more differ in a way that means nothing is wrong; `message` says it all in a sentence.
    """

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
    day: str = ""
    harmless_count: int = 0
    message: str = ""

    @property
    def well(self) -> int:
        """Of how many nothing is to be done."""
        return self.passed_count + self.harmless_count

    @property
    def whole(self) -> bool:
        """Nothing is to be done at all."""
        return not self.failure_reason and self.well >= self.total_symbols

    @property
    def open_count(self) -> int:
        """How many have no verdict."""
        return max(0, self.total_symbols - self.well - self.failed_count)

    @property
    def key(self) -> str:
        """The same counts of the same session are the same fact, however often they are counted."""
        counts = [self.total_symbols, self.passed_count, self.failed_count, self.harmless_count]
        told = json.dumps([*counts, sorted(self.failed_symbols), self.failure_reason])
        digest = hashlib.sha256(told.encode()).hexdigest()[:16]
        return f"ended:{self.asset}:{self.session_id}:{digest}"


def day_of(partition: str) -> str:
    """The day that a partition or range begins with; empty where it begins with none."""
    first = partition.partition(" ")[0].partition("|")[0]
    return first if _DAY.fullmatch(first) else ""


def due_days(
    known: Calendar, due: Callable[[datetime], datetime], since: datetime, now: datetime
) -> list[tuple[date, datetime]]:
    """Sessions that closed after `since` and by `now` should have brought what they bring, each with its close.

    `due` says when the schedule ticks for the session of a close; `LATE_AFTER` later it is due. All times aware. The
    newest `WATCHED_SESSIONS`; days outside the calendar are unknown and never due.
    """
    first, last = max(known.first, since.date() - timedelta(days=2)), min(known.last, now.date() + timedelta(days=1))
    closed = [(day, known.close_at(day)) for day in known.sessions(first, last)] if first <= last else []
    recent = [(day, at) for day, at in closed if since < at <= now - LATE_AFTER][-2 * WATCHED_SESSIONS :]
    return [(day, at) for day, at in recent if due(at) + LATE_AFTER <= now][-WATCHED_SESSIONS:]


def due_mornings(
    comes: Callable[[date], datetime | None], since: datetime, now: datetime, after: timedelta = MORNING_LATE_AFTER
) -> list[tuple[date, datetime]]:
    """Days whose morning came after `since`, at least `after` ago, each with that instant; the newest
    `WATCHED_SESSIONS`. `comes` says when a day's morning comes; None: it has none. All times aware.
    """
    days = [since.date() + timedelta(days=number) for number in range((now.date() - since.date()).days + 2)]
    found = [(day, at) for day in days if (at := comes(day)) is not None]
    return [(day, at) for day, at in found if at > since and at + after <= now][-WATCHED_SESSIONS:]

"""Which days and hours an exchange trades, by MIC, from the small JSON beside this file.

What belongs here: sessions, early closes, opening and closing instants of the exchanges the desk follows. What does
not: how the JSON is made (scripts/dump_calendars.py) and any schedule. Dates beyond what is known are *unknown*, never
open and never closed: exchanges announce their holidays about a year ahead, and a wrong guess either fails a healthy
day or hides a missing one.

Standard library only: every Dagster process loads this (all calendars 0.5 ms, against 0.8 s for exchange_calendars).
"""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

_FILE = Path(__file__).with_name("calendars.json")
_SATURDAY = 5
_DAY = timedelta(days=1)


class UnknownCalendar(LookupError):  # noqa: N818  # the name states the fact, as KeyMissing does
    """No calendar is known for this MIC."""


class UnknownSession(LookupError):  # noqa: N818  # the name states the fact
    """The question reaches beyond the days that the calendar knows."""


@dataclass(frozen=True, eq=False)
class Calendar:
    """The sessions of one exchange between `first` and `last`, both known.

    Dates are the exchange's own; instants are aware and in UTC. Hours are those of regular trading: the closing auction
    may follow by some minutes (ASX: 10), midday breaks are not modelled.
    """

    mic: str
    tz: str
    first: date
    last: date
    source: str
    _hours: tuple[tuple[date, time, time], ...]
    _closed: frozenset[date]
    _early: dict[date, time]

    def is_session(self, day: date) -> bool | None:
        """Whether the exchange trades that day; None where nobody knows."""
        day = _plain(day)
        if not self.first <= day <= self.last:
            return None
        return day.weekday() < _SATURDAY and day not in self._closed

    def sessions(self, start: date, end: date) -> list[date]:
        """Every session from start to end, both inclusive; empty where start is after end.

        Raises:
            UnknownSession: part of the range is beyond the calendar.
        """
        start, end = _plain(start), _plain(end)
        if start > end:
            return []
        self._must_know(start)
        self._must_know(end)
        days = (start + timedelta(days=n) for n in range((end - start).days + 1))
        return [day for day in days if day.weekday() < _SATURDAY and day not in self._closed]

    def previous_session(self, day: date) -> date:
        """The newest session strictly before that day.

        Raises:
            UnknownSession: some day between is beyond the calendar.
        """
        found = _plain(day) - _DAY
        self._must_know(found)
        while not self.is_session(found):
            found -= _DAY
            self._must_know(found)
        return found

    def open_at(self, day: date) -> datetime:
        """The instant, in UTC, at which the session opens.

        Raises:
            UnknownSession: the day is beyond the calendar.
            ValueError: the exchange is closed that day.
        """
        return self._instant(day, self._regular(day)[0])

    def close_at(self, day: date) -> datetime:
        """The instant, in UTC, at which regular trading ends, early closes included.

        Raises:
            UnknownSession: the day is beyond the calendar.
            ValueError: the exchange is closed that day.
        """
        return self._instant(day, self._early.get(_plain(day), self._regular(day)[1]))

    def latest_closed(self, at: datetime) -> date:
        """The newest session whose regular trading had ended at that instant (aware): the one a vendor should have.

        Raises:
            UnknownSession: the instant's day, or all before it, is beyond the calendar.
            ValueError: the instant has no time zone.
        """
        if at.tzinfo is None:
            raise ValueError("latest_closed needs an aware datetime")
        day = at.astimezone(ZoneInfo(self.tz)).date()
        self._must_know(day)
        if self.is_session(day) and self.close_at(day) <= at:
            return day
        return self.previous_session(day)

    def _must_know(self, day: date) -> None:
        if not self.first <= day <= self.last:
            raise UnknownSession(f"{self.mic}: {day} is unknown; the calendar knows {self.first} to {self.last}")

    def _regular(self, day: date) -> tuple[time, time]:
        day = _plain(day)
        self._must_know(day)
        if not self.is_session(day):
            raise ValueError(f"{self.mic} is closed on {day}")
        since = [period for period in self._hours if period[0] <= day]
        return since[-1][1:]

    def _instant(self, day: date, local: time) -> datetime:
        return datetime.combine(_plain(day), local, ZoneInfo(self.tz)).astimezone(UTC)


def calendar(mic: str) -> Calendar:
    """The calendar of one exchange by its ISO 10383 code; cached.

    Raises:
        UnknownCalendar: the desk follows no exchange of that code; the message lists those it does.
    """
    content = _content()
    known = content["aliases"].get(mic, mic)
    if known not in content["calendars"]:
        raise UnknownCalendar(f"no calendar for {mic!r}; known: {', '.join(mics())}")
    return _calendar(mic, known)


def mics() -> tuple[str, ...]:
    """Every code that `calendar` answers to, aliases included, sorted."""
    content = _content()
    return tuple(sorted({*content["calendars"], *content["aliases"]}))


@cache
def _content() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(_FILE.read_text(encoding="utf-8"))
    return content


@cache
def _calendar(mic: str, known: str) -> Calendar:
    entry = _content()["calendars"][known]
    return Calendar(
        mic=mic,
        tz=entry["tz"],
        first=date.fromisoformat(entry["first"]),
        last=date.fromisoformat(entry["last"]),
        source=entry["source"],
        _hours=tuple(_period(text) for text in entry["hours"]),
        _closed=frozenset(
            date.fromisoformat(f"{year}-{day}") for year, days in entry["closed"].items() for day in days.split()
        ),
        _early={date.fromisoformat(day): time.fromisoformat(at) for day, at in entry["early"].items()},
    )


def _period(text: str) -> tuple[date, time, time]:
    since, opens, closes = text.split()
    return date.fromisoformat(since), time.fromisoformat(opens), time.fromisoformat(closes)


def _plain(day: date) -> date:
    """A datetime is a date to Python but equals none, so it would miss every holiday."""
    return day.date() if isinstance(day, datetime) else day

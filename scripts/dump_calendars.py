"""Writes stocks_pipeline/domain/calendars.json from exchange_calendars and holidays; `--check` only compares.

What belongs here: which exchanges are dumped, how far, and the file's form. What does not: reading it back
(stocks_pipeline/domain/calendars.py). Run it after an upgrade of either library, and review the diff: a line is a year.
"""

import argparse
import json
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

TARGET = Path(__file__).resolve().parent.parent / "stocks_pipeline" / "domain" / "calendars.json"

FIRST = date(2015, 1, 1)
LAST = date(2027, 12, 31)
SATURDAY = 5
EXCHANGES = ("XASX", "XBKK", "XHKG", "XNYS", "XSES", "XTAI", "XTKS")
# Exchanges that keep another one's sessions and hours: Nasdaq and NYSE Arca (where SPDR funds are listed).
ALIASES = {"ARCX": "XNYS", "XNAS": "XNYS"}

# Closures announced on the morning itself that exchange_calendars lacks: a typhoon and a black rainstorm, confirmed by
# ten of ten stocks without a bar. Since September 2024 Hong Kong trades through severe weather.
UNSCHEDULED = {"XHKG": {date(2023, 9, 1), date(2023, 9, 8)}}

# Ho Chi Minh City is not in exchange_calendars. Each year's swapped days are decreed late in the year before, so the
# last year is the last one for which `holidays` holds a decreed swap, not the last one it can compute.
VIETNAM_LAST = date(2026, 12, 31)
VIETNAM_HOURS = ("09:00", "14:45")  # order matching, from the opening auction to the end of the closing one
VIETNAM_SOURCE = "holidays (not the exchange's own notice)"


def build() -> dict[str, Any]:
    """The whole file as one object: `aliases` and, by MIC, `calendars`."""
    calendars = {mic: exchange(mic) for mic in EXCHANGES} | {"XSTC": vietnam()}
    return {"aliases": ALIASES, "calendars": calendars}


def exchange(mic: str) -> dict[str, Any]:
    """One exchange as exchange_calendars knows it, up to the end of what it knows.

    Raises:
        ValueError: it opens late or trades at a weekend on some day, which the file has no place for.
    """
    import exchange_calendars

    # Any range will do to reach the class; the default one would depend on today's date.
    known_until = type(exchange_calendars.get_calendar(mic, start=FIRST.isoformat(), end="2015-12-31")).bound_max()
    last = min(LAST, known_until.date()) if known_until is not None else LAST
    source = exchange_calendars.get_calendar(mic, start=FIRST.isoformat(), end=last.isoformat())
    if len(source.late_opens):
        raise ValueError(f"{mic} opens late on {list(source.late_opens)}")
    hours = _hours(source)
    sessions: set[date] = set()
    early: dict[str, str] = {}
    for stamp, closes in source.closes.items():
        day = stamp.date()
        sessions.add(day)
        local = closes.tz_localize("UTC") if closes.tzinfo is None else closes
        text = local.tz_convert(source.tz).strftime("%H:%M")
        if text != next(close for since, _, close in reversed(hours) if since <= day.isoformat()):
            early[day.isoformat()] = text
    if any(day.weekday() >= SATURDAY for day in sessions):
        raise ValueError(f"{mic} trades at weekends")
    missed = UNSCHEDULED.get(mic, set())
    named = "exchange_calendars" + (" and closures added by hand" if missed else "")
    return _entry(str(source.tz), last, named, hours=hours, sessions=sessions - missed, early=early)


def vietnam() -> dict[str, Any]:
    """Ho Chi Minh City: every weekday that is no public holiday."""
    import holidays

    free = holidays.country_holidays("VN", years=range(FIRST.year, VIETNAM_LAST.year + 1))
    sessions = {day for day in _weekdays(VIETNAM_LAST) if day not in free}
    hours = [(FIRST.isoformat(), *VIETNAM_HOURS)]
    return _entry("Asia/Ho_Chi_Minh", VIETNAM_LAST, VIETNAM_SOURCE, hours=hours, sessions=sessions, early={})


def _hours(source: Any) -> list[tuple[str, str, str]]:
    """Regular hours as (since, open, close), oldest first; the first period begins with the file."""
    changes = {FIRST} | {
        since.date()
        for since, _ in (*source.open_times, *source.close_times)
        if since is not None and since.date() > FIRST
    }

    def at(times: Any, day: date) -> str:
        return str([time for since, time in times if since is None or since.date() <= day][-1].strftime("%H:%M"))

    return [(day.isoformat(), at(source.open_times, day), at(source.close_times, day)) for day in sorted(changes)]


def _weekdays(last: date) -> list[date]:
    days = (FIRST + timedelta(days=n) for n in range((last - FIRST).days + 1))
    return [day for day in days if day.weekday() < SATURDAY]


def _entry(  # noqa: PLR0913  # the fields of one record, each named
    tz: str, last: date, source: str, *, hours: list[tuple[str, str, str]], sessions: set[date], early: dict[str, str]
) -> dict[str, Any]:
    closed: dict[str, list[str]] = {}
    for day in _weekdays(last):
        if day not in sessions:
            closed.setdefault(str(day.year), []).append(f"{day:%m-%d}")
    return {
        "tz": tz,
        "first": FIRST.isoformat(),
        "last": last.isoformat(),
        "source": source,
        "hours": [" ".join(period) for period in hours],
        "closed": {year: " ".join(days) for year, days in closed.items()},
        "early": early,
    }


def render(content: dict[str, Any]) -> str:
    """The file's text: one line a year of closed days, so that a diff reads as a list of changed holidays."""
    return json.dumps(content, indent=1) + "\n"


def main(arguments: list[str]) -> int:
    """Write the file, or with --check say which exchanges differ; 1 if any does."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    fresh = build()
    if not parser.parse_args(arguments).check:
        TARGET.write_text(render(fresh), encoding="utf-8")
        print(f"wrote {TARGET.name}: {len(fresh['calendars'])} exchanges")
        return 0
    stored = json.loads(TARGET.read_text(encoding="utf-8"))
    mics = stored["calendars"].keys() | fresh["calendars"].keys()
    differ = sorted(mic for mic in mics if stored["calendars"].get(mic) != fresh["calendars"].get(mic))
    if stored["aliases"] != fresh["aliases"]:
        differ.append("aliases")
    print(f"differ: {', '.join(differ)}" if differ else "up to date")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

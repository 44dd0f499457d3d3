"""Which validation session a command means: the day's own, or one by its id; and the list of those there are.

What belongs here: finding and listing sessions. What does not: running them (validate.py) and what they came to
(show_validation.py).
"""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from stocks_pipeline.cli import desk
from stocks_pipeline.cli.output import Exit, fail, print_json, print_next, print_table, say
from stocks_pipeline.storage.lake import KeyMissing, Lake
from stocks_pipeline.storage.layout import validation_prefix
from stocks_pipeline.storage.validation_keys import SessionPlace, parse_validation_session_key

if TYPE_CHECKING:
    from stocks_pipeline.domain.validation_session import Session

MARKET = "us"
_PREFIX = "session-"


@dataclass(frozen=True)
class Kept:
    """A session of the lake; None: its record cannot be read."""

    place: SessionPlace
    session: "Session | None"

    @property
    def id(self) -> str:
        """The session's id."""
        return self.session.session_id if self.session else self.place.adhoc

    def row(self, *, short: bool) -> dict[str, Any]:
        """One line of the list; `short`: as much of the id as a person types."""
        found, name = self.session, self.id.removeprefix(_PREFIX)[:8] if short else self.id
        return {
            "session": name or None,
            "date": str(self.place.day),
            "kind": "ad hoc" if self.place.adhoc else "the day's",
            "status": found.status.value if found else "unreadable",
            "symbols": found.total_symbols if found else None,
            "profile": found.profile.value if found else None,
            "lookback_days": found.lookback_days if found else None,
            "opened": f"{found.created_at:%Y-%m-%d %H:%M} UTC" if found else None,
        }


def session_day(text: str | None) -> date:
    """The session that `--date` means; without one, the newest that has closed in New York."""
    return desk.session_named(text, desk.market_named(MARKET))


def kept_sessions(lake: Lake, day: date | None = None) -> list[Kept]:
    """Those of the lake, or of a day: newest day first, the day's own before those beside it, as they were opened."""
    prefix = validation_prefix(MARKET) + (f"{day}/" if day else "")
    places = []
    for key in lake.list(prefix):
        try:
            places.append(parse_validation_session_key(key))
        except ValueError:
            continue
    found = [Kept(place, _read(lake, place)) for place in places]
    opened = sorted(found, key=lambda kept: kept.session.created_at.timestamp() if kept.session else 0.0)
    return sorted(opened, key=lambda kept: (-kept.place.day.toordinal(), bool(kept.place.adhoc)))


def chosen(lake: Lake, day_text: str | None, session_text: str | None) -> SessionPlace:
    """The session meant: the one whose id begins so, else the day's own; or the end of the command."""
    if session_text is None:
        return SessionPlace(MARKET, session_day(day_text))
    wanted = session_text.strip().lower().removeprefix(_PREFIX)
    day = session_day(day_text) if day_text else None
    found = [kept for kept in kept_sessions(lake, day) if kept.id.removeprefix(_PREFIX).startswith(wanted)]
    if not wanted or not found:
        fail(f"--session: no session's id begins with {session_text!r}; see: stocks validation list", Exit.USAGE)
    if len(found) > 1:
        names = ", ".join(kept.id for kept in found[:5])
        fail(f"--session: {session_text!r} is the beginning of {len(found)} ids: {names}", Exit.USAGE)
    return found[0].place


def session_at(lake: Lake, place: SessionPlace) -> "Session":
    """The session there, or the end of the command."""
    found = _read(lake, place)
    if found is None:
        beside = [kept.id for kept in kept_sessions(lake, place.day) if kept.place.adhoc]
        more = f"; beside it there are {len(beside)}: stocks validation list --date {place.day}" if beside else ""
        say_day = f"--date: {place.day} has no validation session of its own"
        fail(f"{say_day}; open one with: stocks validate --date {place.day}{more}", Exit.USAGE)
    return found


def show_list(day_text: str | None, *, as_json: bool) -> Exit:
    """`stocks validation list`."""
    lake = desk.begun_lake(desk.settings(), MARKET)
    rows = [kept.row(short=not as_json) for kept in kept_sessions(lake, session_day(day_text) if day_text else None)]
    if as_json:
        print_json({"sessions": rows})
    elif rows:
        print_table(f"{len(rows)} validation sessions", rows)
        print_next([("what one came to", "stocks validation status --session ID")], title="What to do")
    else:
        say("No validation session is stored; open one with: stocks validate")
    return Exit.OK


def _read(lake: Lake, place: SessionPlace) -> "Session | None":
    from stocks_pipeline.domain.validation_session import Session

    try:
        return Session.from_json(lake.read(place.record))
    except (KeyMissing, ValueError):
        return None

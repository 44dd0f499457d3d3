"""The failed batches of the newest validation sessions, for `stocks dead-letters`.

What belongs here: finding them and reading what their record says. What does not: trying them again (validate.py), and
what waits for credits, which nothing is wrong with (show_validation.py).
"""

from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from stocks_pipeline.cli.output import print_next, print_table, say
from stocks_pipeline.cli.validation_choice import kept_sessions
from stocks_pipeline.wording import counted

if TYPE_CHECKING:
    from stocks_pipeline.domain.validation_session import Batch
    from stocks_pipeline.storage.lake import Lake
    from stocks_pipeline.storage.validation_keys import SessionPlace

SESSIONS = 10
"""Newest sessions that are looked at, those beside a day's own too."""

SHOWN = 160
"""Characters of a reason in a table; the whole of it is in `--json`."""


@dataclass(frozen=True)
class DeadBatch:
    """One failed batch. `kind` is the class of failure: the vendor's, `died` with its run, else `bug`; `do` ends with
    the command that tries it again.
    """

    session: str
    date: str
    batch: int
    symbols: tuple[str, ...]
    kind: str
    tries: int | None
    why: str
    do: str


def dead_batches(lake: "Lake", day: date | None) -> list[DeadBatch] | None:
    """Those of the day's sessions, or of the newest ones; None where no session is kept."""
    from stocks_pipeline.domain.validation_session import State

    sessions = kept_sessions(lake, day)[:SESSIONS]
    if not sessions:
        return None
    return [
        _dead(kept.place, kept.id, batch)
        for kept in sessions
        if kept.session
        for batch in kept.session.batches
        if batch.status is State.FAILED
    ]


def show_dead_batches(found: list[DeadBatch], limit: int) -> None:
    """Print them, and for each session the command that tries exactly them again."""
    if not found:
        say("Validation: no batch of the newest sessions failed.")
        return
    sessions = list(dict.fromkeys(dead.session for dead in found))
    say(f"Validation: {counted(len(found), 'batch')} of {counted(len(sessions), 'session')} failed.", style="bold")
    rows = [
        {"date": d.date, "session": _short(d.session), "batch": d.batch, "symbols": _some(d.symbols), "class": d.kind}
        | {"tries": d.tries, "why": d.why if len(d.why) <= SHOWN else f"{d.why[: SHOWN - 1]}…"}
        for d in found[:limit]
    ]
    print_table(f"{len(rows)} of {len(found)}", rows)
    steps = dict.fromkeys((_short(dead.session), dead.do) for dead in found)
    print_next([(f"session {session}", do) for session, do in steps], title="What to do")


def as_rows(found: list[DeadBatch]) -> list[dict[str, Any]]:
    """For `--json`."""
    return [asdict(dead) for dead in found]


def _dead(place: "SessionPlace", session: str, batch: "Batch") -> DeadBatch:
    from stocks_pipeline.defs.us.reaping import DIED
    from stocks_pipeline.defs.us.waiting import meaning
    from stocks_pipeline.upstream.failures import WRITTEN

    text = batch.error_message or ""
    said, (why, do) = WRITTEN.fullmatch(text), meaning(place, text)
    kind = said["kind"] if said else "died" if text == DIED else "bug"
    return DeadBatch(
        session=session,
        date=str(place.day),
        batch=batch.batch_number,
        symbols=batch.symbols,
        kind=kind,
        tries=int(said["tries"]) if said else None,
        why=why,
        do=do,
    )


def _short(session: str) -> str:
    return session.removeprefix("session-")[:8]


def _some(symbols: tuple[str, ...]) -> str:
    return ", ".join(symbols[:8]) + (" …" if len(symbols) > 8 else "")  # noqa: PLR2004 - a line's worth

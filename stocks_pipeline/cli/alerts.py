"""`stocks alerts`: what was told to whom, what waits, and handing that over now.

What belongs here: showing the outbox and starting one delivery. What does not: finding what deserves an alert
(defs/operations/alerts.py), keeping them (storage/outbox.py), delivering (defs/operations/delivery.py).
"""

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from stocks_pipeline.cli import desk
from stocks_pipeline.cli.output import Exit, fail, print_json, print_next, print_table, refuse_choice, say
from stocks_pipeline.wording import counted

if TYPE_CHECKING:
    from stocks_pipeline.settings import Settings
    from stocks_pipeline.storage.outbox import Delivery, Outbox

STATES = {"waiting": False, "sent": True}
SEND_S = 300.0
"""Most that one `stocks alerts send` takes; a person waits, but not for ever."""


def show_alerts(sink: str | None, status: str | None, last: int, *, as_json: bool) -> Exit:
    """`stocks alerts`: the newest of the outbox."""
    if status is not None and status not in STATES:
        refuse_choice("--status", status, STATES)
    found = desk.settings()
    with _outbox(found, sink) as outbox:
        rows = outbox.deliveries(sink, delivered=STATES[status] if status else None, most=last) if outbox else []
        waiting = outbox.deliveries(sink, delivered=False) if outbox else []
    if as_json:
        print_json({"alerts": [record(row) for row in rows], "waiting": per_sink(waiting)})
        return Exit.OK
    if not rows:
        say("No alerts. The daemon (stocks dev) looks for them every minute.")
    else:
        print_table("", [_cells(row) for row in rows])
    _tell_waiting(found, waiting)
    return Exit.OK


def send_alerts(sink: str | None, *, as_json: bool) -> Exit:
    """`stocks alerts send`: one delivery of everything that waits for the sinks of the settings."""
    from stocks_pipeline.clock import SystemClock
    from stocks_pipeline.defs.operations.alerts import sinks_of
    from stocks_pipeline.defs.operations.delivery import deliver

    found, clock = desk.settings(), SystemClock()
    sinks = [one for one in sinks_of(found) if sink in {None, one.name}]
    if sink and not sinks:
        fail(f"--sink: {sink!r} is not in STOCKS_ALERT_SINKS; there: {', '.join(found.alerts.sinks)}", Exit.USAGE)
    names = [one.name for one in sinks]
    with _outbox(found, None) as outbox, _log_shown():
        taken = dict.fromkeys(names, 0)
        if outbox:
            outbox.hasten(names, clock.time())
            taken = deliver(outbox, sinks, clock, SEND_S)
        waiting = outbox.deliveries(sink, delivered=False) if outbox else []
    left = [row for row in waiting if row.sink in names]
    if as_json:
        print_json({"taken": taken, "waiting": per_sink(waiting)})
    else:
        say("; ".join(f"{name} took {counted(count, 'alert')}" for name, count in taken.items()) + ".")
        _tell_waiting(found, waiting)
    if not left:
        return Exit.OK
    return Exit.PARTIAL if any(taken.values()) else Exit.FAILURE


def per_sink(waiting: "Sequence[Delivery]") -> list[dict[str, Any]]:
    """What waits, by sink: how many, since when the oldest (ISO, UTC), and what the sink said last."""
    sinks = dict.fromkeys(sorted(row.sink for row in waiting))
    return [
        {
            "sink": sink,
            "count": len(rows := [row for row in waiting if row.sink == sink]),
            "oldest": min(row.alert.at for row in rows).astimezone(UTC).isoformat(timespec="seconds"),
            "said": next((row.error for row in rows if row.error), None),
        }
        for sink in sinks
    ]


def what_to_do(found: "Settings", sink: str, said: str | None) -> str:
    """The next step for alerts that wait for a sink."""
    if sink not in found.alerts.sinks:
        return f"name {sink} in STOCKS_ALERT_SINKS, else they wait for ever"
    if said:
        return "fix the sink or its setting; they go out by themselves then, or at once with: stocks alerts send"
    return "stocks alerts send, or keep the daemon running (stocks dev), which tells every minute"


def record(row: "Delivery") -> dict[str, Any]:
    """One delivery for `--json`; moments in ISO, UTC."""
    return {
        **row.alert.body(),
        "sink": row.sink,
        "status": "sent" if row.delivered_at is not None else "waiting",
        "attempts": row.attempts,
        "sent_at": _iso(row.delivered_at) if row.delivered_at is not None else None,
        "next_try": _iso(row.next_at) if row.delivered_at is None else None,
        "said": row.error or None,
    }


def _iso(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="seconds")


def _cells(row: "Delivery") -> dict[str, object]:
    return {
        "at": desk.stamp(row.alert.at.isoformat()),
        "sink": row.sink,
        "state": "sent" if row.delivered_at is not None else f"waits, tried {counted(row.attempts, 'time')}",
        "severity": row.alert.severity.value,
        "what": row.alert.title,
        "what to do": row.alert.next_step,
    }


def _tell_waiting(found: "Settings", waiting: "Sequence[Delivery]") -> None:
    """What waits, by sink, and what to do about it."""
    sinks = per_sink(waiting)
    for one in sinks:
        said = f"; it said: {one['said']}" if one["said"] else ""
        say(
            f"{counted(one['count'], 'alert')} for {one['sink']} since {desk.stamp(one['oldest'])}{said}",
            style="yellow",
        )
    if sinks:
        print_next([(one["sink"], what_to_do(found, one["sink"], one["said"])) for one in sinks], title="What to do")


@contextmanager
def _outbox(found: "Settings", sink: str | None) -> "Iterator[Outbox | None]":
    """The desk's outbox; None on a desk that never ran, which looking must not make."""
    from stocks_pipeline.clock import SystemClock
    from stocks_pipeline.defs.operations.alerts import open_outbox
    from stocks_pipeline.settings import SINKS

    if sink is not None and sink not in SINKS:
        refuse_choice("--sink", sink, SINKS)
    if not found.control_db.exists():
        yield None
        return
    outbox = open_outbox(found, SystemClock())
    try:
        yield outbox
    finally:
        outbox.close()


@contextmanager
def _log_shown() -> Iterator[None]:
    """The sink `log` writes where people see it: here that is standard error."""
    logger, handler = logging.getLogger("stocks_pipeline.alerts"), logging.StreamHandler(sys.stderr)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)

"""What deserves a person's attention, said once and with what to do: facts in, alerts out.

What belongs here: `Alert` and the pure functions that turn facts into alerts. What does not: what a fact is
(alert_facts.py), finding facts (defs/operations/alert_facts.py), keeping alerts until they are delivered
(storage/outbox.py) and delivering them (upstream/alert_sinks.py).

An alert covers one fact or several (the partitions of one check of one
run), so a vendor's outage is a handful of messages instead of hundreds, and nothing is told twice.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from stocks_pipeline.domain.alert_facts import Ended, FailedCheck, FailedRun, LateDay, LateMorning

NAMED: Final = 20
"""Partitions and symbols that a message names; the rest is counted."""

_SHOWN: Final = 600


class Kind(StrEnum):
    """What happened. The last two are the names that the first validation system gave its events."""

    RUN_FAILED = "RunFailed"
    CHECK_FAILED = "CheckFailed"
    DAY_LATE = "DayLate"
    WORKFLOW_COMPLETED = "WorkflowCompleted"
    WORKFLOW_FAILED = "WorkflowFailed"


class Severity(StrEnum):
    """How soon somebody should look."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Alert:
    """One message. `link` is a path of the Dagster UI, `next_step` a command or a sentence, `at` aware.

    `covers` are the keys of the facts it tells; `fields` is data for machines, of JSON types.
    """

    key: str
    kind: Kind
    severity: Severity
    title: str
    detail: str
    link: str
    next_step: str
    at: datetime
    fields: dict[str, Any] = field(default_factory=dict)
    covers: tuple[str, ...] = ()

    def body(self) -> dict[str, Any]:
        """What a sink sends: JSON types, `at` in UTC, without the keys that only the outbox needs."""
        told = asdict(self) | {"at": self.at.astimezone(UTC).isoformat()}
        del told["covers"]
        return told

    def to_json(self) -> str:
        """The alert as the outbox keeps it."""
        return json.dumps(self.body() | {"covers": list(self.covers)}, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "Alert":
        """The alert that `to_json` wrote.

        Raises:
            ValueError, KeyError, TypeError: it is none.
        """
        found = json.loads(text)
        return cls(
            **found
            | {
                "kind": Kind(found["kind"]),
                "severity": Severity(found["severity"]),
                "at": datetime.fromisoformat(found["at"]),
                "covers": tuple(found["covers"]),
            }
        )


def of_run(fact: FailedRun) -> Alert:
    """A failed run calls."""
    about = f" ({fact.partition})" if fact.partition else ""
    return Alert(
        key=fact.key,
        kind=Kind.RUN_FAILED,
        severity=Severity.ERROR,
        title=f"Run of {fact.job} failed{about}",
        detail=_short(fact.message),
        link=f"/runs/{fact.run_id}",
        next_step=fact.next_step,
        at=fact.at,
        fields={"run_id": fact.run_id, "job": fact.job, "partition": fact.partition},
        covers=(fact.key,),
    )


def of_checks(facts: Iterable[FailedCheck]) -> list[Alert]:
    """One alert for each run, check and severity; it names the partitions."""
    groups: dict[tuple[str, str, str, bool], list[FailedCheck]] = {}
    for fact in sorted(facts, key=lambda f: (f.at, f.key)):
        groups.setdefault((fact.run_id, fact.asset, fact.check, fact.warn), []).append(fact)
    return [_of_group(group) for group in groups.values()]


def _of_group(group: Sequence[FailedCheck]) -> Alert:
    first = group[0]
    partitions = [f.partition for f in group if f.partition]
    about = f" on {_some(partitions)}" if partitions else ""
    return Alert(
        key=first.key,
        kind=Kind.CHECK_FAILED,
        severity=Severity.WARNING if first.warn else Severity.ERROR,
        title=f"Check {first.check} of {first.asset} {'warns' if first.warn else 'failed'}{about}",
        detail=_short(" ".join(dict.fromkeys(f.description for f in group if f.description))),
        link=f"/assets/{first.asset}?view=checks",
        next_step=" ; ".join(list(dict.fromkeys(f.next_step for f in group))[:3]),
        at=group[-1].at,
        fields={"asset": first.asset, "check": first.check, "partitions": partitions, "run_id": first.run_id},
        covers=tuple(f.key for f in group),
    )


def of_late(fact: LateDay) -> Alert:
    """A day without its table calls once."""
    hours = (fact.now - fact.closed_at).total_seconds() / 3600
    return Alert(
        key=fact.key,
        kind=Kind.DAY_LATE,
        severity=Severity.ERROR,
        title=f"{fact.market}: no prices of {fact.day}",
        detail=f"The session closed {hours:.1f} h ago ({fact.closed_at:%Y-%m-%d %H:%M} UTC) and has no daily_prices.",
        link=f"/assets/{fact.market}/daily_prices?view=partitions",
        next_step=f"stocks status --date {fact.day} ; stocks run {fact.market} --date {fact.day}",
        at=fact.now,
        fields={"market": fact.market, "day": fact.day.isoformat(), "closed_at": fact.closed_at.isoformat()},
        covers=(fact.key,),
    )


def of_late_morning(fact: LateMorning) -> Alert:
    """A morning without any data calls once; the command that it names fetches and costs nothing."""
    hours = (fact.now - fact.came_at).total_seconds() / 3600
    came = f"{hours:.1f} h ago ({fact.came_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC)"
    return Alert(
        key=fact.key,
        kind=Kind.DAY_LATE,
        severity=Severity.ERROR,
        title=f"dr: no data of {fact.day}",
        detail=f"The morning came {came} and no receipt has ticker_data.",
        link="/assets/dr/ticker_data?view=partitions",
        next_step=f"stocks status --date {fact.day} ; stocks run dr --no-reports --date {fact.day}",
        at=fact.now,
        fields={"market": "dr", "day": fact.day.isoformat(), "came_at": fact.came_at.isoformat()},
        covers=(fact.key,),
    )


def of_ended(fact: Ended) -> Alert:
    """A summary calls whatever it counted; `fields` are exactly those of the first validation system's events."""
    failed = bool(fact.failure_reason)
    short = fact.passed_count < fact.total_symbols
    told: dict[str, Any] = {"failure_reason": fact.failure_reason, "failure_step": fact.failure_step}
    if not failed:
        told = {
            "session_id": fact.session_id,
            "total_symbols": fact.total_symbols,
            "passed_count": fact.passed_count,
            "failed_count": fact.failed_count,
            "failed_symbols": list(fact.failed_symbols),
        }
    counts = f"{fact.passed_count} of {fact.total_symbols} passed, {fact.failed_count} failed"
    names = f": {_some(fact.failed_symbols)}" if fact.failed_symbols else ""
    return Alert(
        key=fact.key,
        kind=Kind.WORKFLOW_FAILED if failed else Kind.WORKFLOW_COMPLETED,
        severity=Severity.ERROR if failed else Severity.WARNING if short else Severity.INFO,
        title=f"{fact.asset} of {fact.session_id} {'failed' if failed else 'completed'}: {counts}",
        detail=_short(f"{fact.failure_step}: {fact.failure_reason}" if failed else f"{counts}{names}."),
        link=f"/runs/{fact.run_id}" if fact.run_id else f"/assets/{fact.asset}",
        next_step=fact.next_step,
        at=fact.at,
        fields=told,
        covers=(fact.key,),
    )


def _some(names: Sequence[str]) -> str:
    rest = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _SHOWN else f"{flat[: _SHOWN - 1]}…"

"""What deserves a person's attention, said once and with what to do: facts in, alerts out.

What belongs here: `Alert` and the pure functions that turn facts into alerts. What does not: what a fact is
(alert_facts.py), which facts have one cause (alert_causes.py), finding facts (defs/operations/alert_facts.py), keeping
alerts until they are delivered (storage/outbox.py) and delivering them (upstream/alert_sinks.py).

An alert covers one fact or several (the partitions of one check of one run), so a vendor's outage is a handful of
messages instead of hundreds, and nothing is told twice.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from stocks_pipeline.domain.alert_facts import Ended, FailedCheck, FailedRun, Late

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


def of_run(fact: FailedRun, repeats: Sequence[FailedCheck] = ()) -> Alert:
    """A failed run calls, also for the checks that repeat it."""
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
        covers=tuple(dict.fromkeys([fact.key, fact.cause, *(check.key for check in repeats)])),
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


_LATE: Final = {
    "daily_prices": (
        "no prices of {day}",
        "The session closed {ago} and has no daily_prices.",
        "stocks status --date {day} ; stocks run {market} --date {day}",
    ),
    "validation_batches": (
        "prices of {day} not validated",
        "The session closed {ago}; its prices are there and no validation session was opened.",
        "stocks validate --date {day}",
    ),
    "ticker_data": (
        "no data of {day}",
        "The morning came {ago} and no receipt has ticker_data.",
        # It fetches and costs nothing: nobody asked for reports.
        "stocks status --date {day} ; stocks run dr --no-reports --date {day}",
    ),
    "ticker_reports": (
        "no reports of {day}",
        "The morning came {ago}; its data are there, what starts the reports is switched on, and none was begun.",
        "stocks status --date {day} ; stocks precompute --date {day}",
    ),
}
"""By the name of what is not there: title, detail and next step."""


def of_late(fact: Late) -> Alert:
    """What did not come calls once."""
    hours = (fact.now - fact.came_at).total_seconds() / 3600
    ago = f"{hours:.1f} h ago ({fact.came_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC)"
    told = _LATE[fact.asset.rpartition("/")[2]]
    title, detail, step = (text.format(day=fact.day, market=fact.market, ago=ago) for text in told)
    return Alert(
        key=fact.key,
        kind=Kind.DAY_LATE,
        severity=Severity.ERROR,
        title=f"{fact.market}: {title}",
        detail=detail,
        link=f"/assets/{fact.asset}?view=partitions",
        next_step=step,
        at=fact.now,
        fields={"asset": fact.asset, "day": fact.day.isoformat(), "came_at": fact.came_at.isoformat()},
        covers=(fact.key,),
    )


_COUNTED: Final = {
    "validation_summary": ("validation of {day}", "agree"),
    "validation_adhoc": ("validation beside {day} ({session})", "agree"),
    "precompute_summary": ("reports of {day}", "written"),
}
"""By the name of a summary: what it is about, and what those did that passed."""


def of_ended(fact: Ended, runs: Sequence[FailedRun] = (), checks: Sequence[FailedCheck] = ()) -> Alert:
    """A summary calls whatever it counted, also for the runs and checks that say the same.

    `fields` are exactly those of the first validation system's events.
    """
    failed = bool(fact.failure_reason)
    told: dict[str, Any] = {"failure_reason": fact.failure_reason, "failure_step": fact.failure_step}
    if not failed:
        told = {
            "session_id": fact.session_id,
            "total_symbols": fact.total_symbols,
            "passed_count": fact.passed_count,
            "failed_count": fact.failed_count,
            "failed_symbols": list(fact.failed_symbols),
        }
    felt = runs if fact.open_count else ()  # of a run whose work another one finished nothing is missing
    grave = failed or felt or any(not check.warn for check in checks)
    spoken: list[FailedRun | FailedCheck] = [*runs, *checks]
    return Alert(
        key=fact.key,
        kind=Kind.WORKFLOW_FAILED if failed else Kind.WORKFLOW_COMPLETED,
        severity=Severity.ERROR if grave else Severity.INFO if fact.whole else Severity.WARNING,
        title=f"{_about(fact)} {'failed' if failed else 'completed'}: {_counts(fact)}",
        detail=_short(" ".join(_said(fact, felt, checks))),
        link=f"/runs/{fact.run_id}" if fact.run_id else f"/assets/{fact.asset}",
        next_step=fact.next_step,
        at=fact.at,
        fields=told,
        covers=tuple(dict.fromkeys([fact.key, *(f.key for f in spoken), *(run.cause for run in runs)])),
    )


def _about(fact: Ended) -> str:
    group, _, name = fact.asset.partition("/")
    session = fact.session_id.removeprefix("session-")[:8]
    return f"{group} {_COUNTED[name][0].format(day=fact.day or fact.session_id, session=session)}"


def _counts(fact: Ended) -> str:
    """How many are well, how many failed, and how many are left: the parts add up to all."""
    parts = [f"{fact.well} of {fact.total_symbols} {_COUNTED[fact.asset.rpartition('/')[2]][1]}"]
    parts[0] += f" ({fact.harmless_count} but for a harmless difference)" if fact.harmless_count else ""
    return ", ".join(
        parts + [f"{n} {what}" for n, what in ((fact.failed_count, "failed"), (fact.open_count, "open")) if n > 0]
    )


def _said(fact: Ended, runs: Sequence[FailedRun], checks: Sequence[FailedCheck]) -> list[str]:
    """Why it failed, the counts in a sentence, who failed; and the words of the facts that it speaks for."""
    parts = [f"{fact.failure_step}: {fact.failure_reason}."] if fact.failure_reason else []
    parts += [fact.message] if fact.message else [check.description for check in checks]
    parts += [f"Failed: {_some(fact.failed_symbols)}."] if fact.failed_symbols else []
    parts += [run.message for run in runs if not fact.failure_reason]
    return list(dict.fromkeys(part for part in parts if part)) or [f"{_counts(fact)}."]


def _some(names: Sequence[str]) -> str:
    rest = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _SHOWN else f"{flat[: _SHOWN - 1]}…"

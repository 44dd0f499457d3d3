"""A validation session as people and programs read it: counts, what failed by cause, what could not be checked.

What belongs here: `SessionView`, and `stocks validation status|results`. What does not: running anything (validate.py).
"""

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stocks_pipeline.cli import desk
from stocks_pipeline.cli.output import Exit, print_json, print_next, print_table, refuse_choice, say
from stocks_pipeline.cli.validation_choice import chosen, kept_sessions, session_at
from stocks_pipeline.storage.validation_keys import SessionPlace
from stocks_pipeline.wording import counted, some

if TYPE_CHECKING:
    from stocks_pipeline.defs.us.waiting import Wait
    from stocks_pipeline.domain.validation_types import Cause, SymbolResult
    from stocks_pipeline.storage.lake import Lake

SHOWN = 40
HARMLESS = "harmless"
"""What failed only by differences that no wrong price is behind: a status of its own for people."""


@dataclass(frozen=True)
class SessionView:
    """One session as it is stored now."""

    place: SessionPlace
    document: dict[str, Any]
    results: tuple["SymbolResult", ...]
    waits: tuple["Wait", ...]
    """Who has no verdict yet, why, and what brings it."""
    problems: tuple[str, ...]
    """What became of batches that failed or wait, in their record's words."""
    beside: int
    """How many other sessions of the day lie beside its own."""

    @classmethod
    def of(cls, lake: "Lake", place: SessionPlace) -> "SessionView":
        """The session there, or the end of the command."""
        from stocks_pipeline.defs.us.summing import sum_up

        session, summed = session_at(lake, place), sum_up(lake, place)
        if summed is None:
            raise LookupError(f"{place.record} was deleted while it was read")
        said = Counter(f"{b.status}: {b.error_message}" for b in session.batches if b.error_message)
        problems = tuple(f"{n} batches {text}" if n > 1 else f"1 batch {text}" for text, n in said.most_common())
        beside = sum(bool(kept.place.adhoc) for kept in kept_sessions(lake, place.day)) - bool(place.adhoc)
        return cls(place, summed.document, summed.results, summed.waits, problems, beside)

    def exit_code(self) -> Exit:
        """Well where every symbol was checked and agrees; failure where none was checked; else partial."""
        document = self.document
        compared = sum(document[name] for name in ("passed_count", "failed_count", "harmless_count"))
        if document["total_symbols"] and not compared:
            return Exit.FAILURE
        bad = document["failed_symbols"] or document["error_count"] or document["deferred_count"]
        return Exit.PARTIAL if bad or document["event"] != "WorkflowCompleted" else Exit.OK

    def to_dict(self) -> dict[str, Any]:
        """For `--json`: the summary, and every symbol that did not pass."""
        rows = [row_of(result) for result in self.results if result.status != "passed"]
        return {"summary": self.document, "symbols": rows, "problems": list(self.problems)}

    def show(self) -> None:
        """What a person understands in ten seconds."""
        found = self.document
        say(self.headline(), style="bold")
        rows = [
            {"verdict": "passed", "symbols": found["passed_count"], "means": "agrees with the second vendor"},
            {
                "verdict": "failed",
                "symbols": len(found["failed_symbols"]),
                "means": "differs, or we have nothing: see below",
            },
            {"verdict": "harmless", "symbols": found["harmless_count"], "means": "differs by the dividend basis only"},
            {
                "verdict": "could not check",
                "symbols": found["error_count"],
                "means": "the other vendor's bars are missing or in doubt",
            },
            {"verdict": "waiting", "symbols": found["deferred_count"], "means": "not asked yet, or put off"},
        ]
        print_table(f"us {self.place.day}, {found['credits_used']} credits used", rows)
        if by_cause := self.by_cause():
            print_table("Differs, by likely cause", by_cause)
        if unchecked := [r for r in self.results if r.status == "error"]:
            print_table("Could not check", [{"symbol": r.symbol, "why": r.message} for r in unchecked[:SHOWN]])
        if self.waits:
            lines = [{"symbols": len(w.symbols), "which": some(w.symbols), "why": w.why} for w in self.waits]
            print_table("Waiting", lines)
        if self.beside and not self.place.adhoc:
            say(f"{counted(self.beside, 'session')} beside it: stocks validation list --date {self.place.day}")
        if steps := self.steps():
            print_next(steps, title="What to do")

    def headline(self) -> str:
        """One sentence."""
        return str(self.document["message"])

    def by_cause(self) -> list[dict[str, object]]:
        """Failed symbols by the cause of their gravest issue and whose bars are in doubt, wrong prices first."""
        groups: dict[tuple[Cause, str, str], list[str]] = {}
        for result in self.results:
            issue = result.gravest
            if result.status == "failed" and issue:
                groups.setdefault((issue.cause, issue.side, issue.next_step), []).append(result.symbol)
        order = sorted(groups, key=lambda found: (found[0].rank, -len(groups[found]), found))
        return [
            {
                "cause": cause.value,
                "in doubt": side,
                "symbols": len(groups[cause, side, step]),
                "which": some(groups[cause, side, step]),
                "what to do": step,
            }
            for cause, side, step in order
        ]

    def steps(self) -> list[tuple[str, str]]:
        """Commands that come next."""
        from stocks_pipeline.defs.us.waiting import which

        found, steps, chosen = self.document, [], which(self.place)
        for wait in self.waits:
            when, _, command = wait.step.rpartition(": ")
            steps.append((f"{counted(len(wait.symbols), 'symbol')} wait. {when}", command))
        if found["failed_symbols"]:
            steps.append(("what differs, symbol by symbol", f"stocks validation results {chosen} --status failed"))
        if found["harmless_count"]:
            steps.append(("what is harmless, and why", f"stocks validation results {chosen} --status harmless"))
        if found["error_count"]:
            steps.append(("what could not be checked", f"stocks validation results {chosen} --status error"))
            if not self.waits:
                steps.append(("ask for that again, a credit each", f"stocks validation retry {chosen}"))
        return steps


def row_of(result: "SymbolResult") -> dict[str, Any]:
    """One symbol for a table or a program."""
    causes = ", ".join(dict.fromkeys(issue.cause.value for issue in result.issues))
    return {
        "symbol": result.symbol,
        "status": _shown(result),
        "cause": causes or None,
        "what": result.message or None,
    }


def _shown(result: "SymbolResult") -> str:
    """Its status as tables and `--status` have it."""
    return HARMLESS if result.harmless else result.status.value


def show_status(day_text: str | None, session_text: str | None, *, as_json: bool) -> Exit:
    """`stocks validation status`."""
    lake = desk.begun_lake(desk.settings(), "us")
    view = SessionView.of(lake, chosen(lake, day_text, session_text))
    if as_json:
        print_json({**view.to_dict(), "exit": view.exit_code().name.lower()})
    else:
        view.show()
    return view.exit_code()


def show_results(
    day_text: str | None, session_text: str | None, status: str | None, cause: str | None, *, as_json: bool
) -> Exit:
    """`stocks validation results`."""
    from stocks_pipeline.domain.validation_types import Cause, Status

    states = [*Status, HARMLESS]
    for option, given, valid in (("--status", status, states), ("--cause", cause, list(Cause))):
        if given is not None and given not in valid:
            refuse_choice(option, given, valid)
    lake = desk.begun_lake(desk.settings(), "us")
    view = SessionView.of(lake, chosen(lake, day_text, session_text))
    rows = [
        row_of(result)
        for result in view.results
        if status in {None, _shown(result)} and (cause is None or any(i.cause == cause for i in result.issues))
    ]
    if as_json:
        records = [r for r in view.results if r.symbol in {row["symbol"] for row in rows}]
        issues = {r.symbol: [issue.to_record() for issue in r.issues] for r in records}
        print_json({"date": str(view.place.day), "results": [{**row, "issues": issues[row["symbol"]]} for row in rows]})
        return Exit.OK
    say(view.headline(), style="bold")
    if rows:
        print_table(f"{len(rows)} of {len(view.results)} results", rows)
    return Exit.OK

"""`stocks dead-letters`: what failed and waits for a person, and what to do about each.

What belongs here: the tickers of a morning, and the command. What does not: the batches of validations
(dead_batches.py), and doing something about it (retry_morning.py, validate.py).
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Any

from stocks_pipeline.cli import mornings
from stocks_pipeline.cli.dead_batches import as_rows, dead_batches, show_dead_batches
from stocks_pipeline.cli.desk import lake_of, open_instance, unbegun
from stocks_pipeline.cli.output import Exit, print_json, print_next, print_table, say

if TYPE_CHECKING:
    from stocks_pipeline.cli.morning_report import MorningReport, Standing
    from stocks_pipeline.settings import Settings

BUG = "Ours to fix: see the run in `stocks dev`."


def show_dead_letters(found: "Settings", date_text: str | None, limit: int, *, as_json: bool) -> Exit:
    """Print the failed tickers of the morning, and the failed batches of the validations."""
    day = mornings.morning_named(date_text) if date_text else None
    report = newest_report(found, day)
    dead = [s for s in report.stuck if s.state in {"failed", "no_data"}] if report else []
    rows = [{**asdict(s), "do": what_to_do(s.kind)} for s in dead]
    batches = None if unbegun(found) else dead_batches(lake_of(found), day)
    if as_json:
        name = report.date if report else str(day) if day else None
        kept = {"total": len(batches or []), "failed": as_rows((batches or [])[:limit])}
        print_json({"date": name, "total": len(rows), "failed": rows[:limit], "validation": kept})
        return Exit.OK
    _show_tickers(report, day, dead, rows[:limit])
    if batches is not None:
        show_dead_batches(batches, limit)
    return Exit.OK


def _show_tickers(
    report: "MorningReport | None", day: date | None, dead: "Sequence[Standing]", shown: Sequence[dict[str, Any]]
) -> None:
    if report is None:
        say(f"No morning{f' of {day}' if day else ''} was begun on this desk. Start with: stocks run dr --limit 5")
    elif not dead:
        say(f"DR morning {report.date}: nothing failed.")
    else:
        say(f"DR morning {report.date}: {len(dead)} failed.", style="bold")
        rows = [
            {"ticker": r["ticker"], "step": r["step"], "class": r["kind"], "tries": r["tries"], "why": r["why"]}
            | {"what to do": r["do"]}
            for r in shown
        ]
        print_table(f"{len(rows)} of {len(dead)}", rows)
        if not all(s.final for s in dead):
            print_next([("all of them again", f"stocks retry dr --date {report.date}")], title="What to do")


def newest_report(found: "Settings", day: date | None) -> "MorningReport | None":
    """What is there of the morning, or of the newest one that was begun; None where nothing ever was."""
    if not (found.dagster_home / "dagster.yaml").exists():
        return None
    from stocks_pipeline.cli.morning_report import begun_mornings, morning_report

    lake = lake_of(found)
    with open_instance(found) as instance:
        begun = [day] if day else begun_mornings(instance, lake)
        if not begun:
            return None
        active = [ticker.dr for ticker in mornings.followed(found) if ticker.active]
        report = morning_report(instance, lake, begun[-1], active)
    return None if report.not_begun == report.tickers else report


def what_to_do(kind: str) -> str:
    """The next step for a class of failure."""
    from stocks_pipeline.upstream.failures import NEXT_STEP, FailureKind

    return NEXT_STEP[FailureKind(kind)] if kind in set(FailureKind) else BUG if kind == "bug" else "Retry it."

"""`stocks dead-letters`: what failed and waits for a person, and what to do about each.

What belongs here: the tickers of a morning, and the command. What does not: the batches of validations
(dead_batches.py), where a ticker stands (standings.py), and doing something about it (retry_morning.py, validate.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING

from stocks_pipeline.cli import mornings
from stocks_pipeline.cli.dead_batches import as_rows, dead_batches, show_dead_batches
from stocks_pipeline.cli.desk import lake_of, open_instance, unbegun
from stocks_pipeline.cli.output import Exit, print_json, print_next, print_table, say
from stocks_pipeline.wording import counted

if TYPE_CHECKING:
    from stocks_pipeline.cli.morning_report import MorningReport
    from stocks_pipeline.cli.standings import Standing
    from stocks_pipeline.settings import Settings

GROUPS = {"failed": "failed", "no_data": "with no data", "pending": "pending"}
"""State -> how it is told, in this order."""


def show_dead_letters(found: "Settings", date_text: str | None, limit: int, *, as_json: bool) -> Exit:
    """Print the tickers of the morning that failed, have no data or wait, and the failed batches of the validations."""
    day = mornings.morning_named(date_text) if date_text else None
    report = newest_report(found, day)
    stuck = report.troubled if report else []
    groups = {state: [s for s in stuck if s.state == state] for state in GROUPS}
    batches = None if unbegun(found) else dead_batches(lake_of(found), day)
    if as_json:
        name = report.date if report else str(day) if day else None
        kept = {"total": len(batches or []), "failed": as_rows((batches or [])[:limit])}
        totals = {"total": len(groups["failed"]) + len(groups["no_data"]), "waiting": len(groups["pending"])}
        rows = {state: [asdict(s) for s in group[:limit]] for state, group in groups.items()}
        print_json({"date": name, **totals, **rows, "validation": kept})
        return Exit.OK
    _show_tickers(report, day, groups, limit)
    if batches is not None:
        show_dead_batches(batches, limit)
    return Exit.OK


def _show_tickers(
    report: "MorningReport | None", day: date | None, groups: "Mapping[str, Sequence[Standing]]", limit: int
) -> None:
    if report is None:
        say(f"No morning{f' of {day}' if day else ''} was begun on this desk. Start with: stocks run dr --limit 5")
        return
    counts = ", ".join(f"{len(group)} {GROUPS[state]}" for state, group in groups.items() if group)
    say(f"DR morning {report.date}: {counts or 'nothing failed, nothing waits'}.", style="bold" if counts else None)
    for state, group in groups.items():
        if group:
            shown = group[:limit]
            print_table(f"{GROUPS[state]}: {len(shown)} of {len(group)}", [_row(standing) for standing in shown])
    everyone = [standing for group in groups.values() for standing in group]
    if not all(standing.final for standing in everyone):
        _print_steps(report.date, everyone)


def _row(standing: "Standing") -> dict[str, object]:
    """One ticker; of those that wait also until when."""
    until = {"waits until": standing.until} if standing.state == "pending" else {}
    return {
        "ticker": standing.ticker,
        "step": standing.step,
        "class": standing.kind,
        "tries": standing.tries,
        "why": standing.why,
        **until,
        "what to do": standing.do,
    }


def _print_steps(day: str, standings: "Sequence[Standing]") -> None:
    from stocks_pipeline.cli.standings import blocks

    again = f"all {counted(len(standings), 'ticker')} again" if len(standings) > 1 else "it again"
    steps = [(do, "stocks doctor") for do in blocks(standings)]
    print_next([*steps, (again, f"stocks retry dr --date {day}")], title="What to do")


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

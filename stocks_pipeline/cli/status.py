"""`stocks status`: what ran last, or what one day came to. Reads only.

What belongs here: runs as rows, and printing them. What does not: counting a day (day_report.py).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from stocks_pipeline.cli.desk import lake_of, open_instance, session_named, stamp
from stocks_pipeline.cli.output import Exit, print_json, print_next, print_table, say

if TYPE_CHECKING:
    import dagster as dg

    from stocks_pipeline.cli.day_report import DayReport
    from stocks_pipeline.cli.morning_report import MorningReport
    from stocks_pipeline.defs.market import Market
    from stocks_pipeline.settings import Settings
    from stocks_pipeline.storage.lake import Lake

EMPTY = "Nothing has run on this desk yet"


@dataclass(frozen=True)
class RunRow:
    """One execution. `started` is ISO 8601 in UTC; what has not happened yet is None."""

    run_id: str
    stage: str
    date: str | None
    status: str
    started: str | None
    seconds: float | None
    triggered_by: str | None
    failed_partitions: list[str]
    """What a run that ended badly had planned and did not make."""


def show_status(
    found: "Settings", markets: Sequence["Market"], day_text: str | None, last: int, *, as_json: bool
) -> Exit:
    """Print the last runs and whether the newest day is whole; with a day, that day and morning in full."""
    if not (found.dagster_home / "dagster.yaml").exists():
        if day_text:
            _day_named(day_text, markets)
        return _nothing(found, as_json=as_json)
    with open_instance(found) as instance:
        lake = lake_of(found)
        morning = _morning(found, instance, lake, day_text)
        day = None if day_text is None else _day_named(day_text, markets)
        runs = [] if day_text else last_runs(instance, last)
        reports = _days(instance, lake, [m for m in markets if day is None or _is_session(day, m)], day)
    if as_json:
        days = [{**r.to_dict(), "headline": r.headline(), "next": _commands(r)} for r in reports]
        begun = [morning] if morning else []
        told = [{**m.to_dict(), "headline": m.headline(), "next": _commands(m)} for m in begun]
        print_json({**({} if day_text else {"runs": [asdict(run) for run in runs]}), "days": days, "mornings": told})
    elif day is not None and not reports and morning is None:
        near = max(market.calendar().previous_session(day) for market in markets)
        say(f"No market has a session on {day}; {near} is the one before it. Its morning was not begun.")
        print_next([("begin it", f"stocks run dr --date {day}")])
    elif not reports and not runs and morning is None:
        return _nothing(found, as_json=False)
    else:
        _print(reports, morning, runs, full=day_text is not None, played=found.upstream == "sandbox")
    return Exit.OK


def _days(
    instance: "dg.DagsterInstance", lake: "Lake", markets: Sequence["Market"], day: date | None
) -> list["DayReport"]:
    """The day, or the newest that was split, of every market."""
    from stocks_pipeline.cli.day_report import day_report
    from stocks_pipeline.defs.operations.standing import split_days

    reports = []
    for market in markets:
        split = split_days(instance, market)
        chosen = day or (date.fromisoformat(split[-1]) if split else None)
        reports += [day_report(instance, market, lake, chosen)] if chosen else []
    return reports


def _morning(
    found: "Settings", instance: "dg.DagsterInstance", lake: "Lake", day_text: str | None
) -> "MorningReport | None":
    """That morning, or the newest that was begun; None where it was not."""
    from stocks_pipeline.cli.morning_report import begun_mornings, morning_report
    from stocks_pipeline.cli.mornings import followed
    from stocks_pipeline.partitions import tickers

    if not instance.get_dynamic_partitions(tickers().name or ""):
        return None
    begun = [day for day in begun_mornings(instance, lake) if day_text is None or str(day) == day_text]
    if not begun:
        return None
    return morning_report(instance, lake, begun[-1], [t.dr for t in followed(found) if t.active])


def _day_named(text: str, markets: Sequence["Market"]) -> date:
    """The session or morning that `--date` means. Saturday is a morning; a holiday of one market, a day of another."""
    from stocks_pipeline.cli.mornings import morning_named

    try:
        trading = [market for market in markets if _is_session(date.fromisoformat(text), market)]
    except ValueError:  # no date: whoever reads it says so
        trading = []
    return session_named(text, trading[0]) if trading else morning_named(text)


def _is_session(day: date, market: "Market") -> bool:
    return market.calendar().is_session(day) is not False


def last_runs(instance: "dg.DagsterInstance", last: int) -> list[RunRow]:
    """The newest runs, newest first."""
    from stocks_pipeline.defs.operations.dead_runs import dead_runs

    dead = {run.run_id for run in dead_runs(instance)}
    return [_row(instance, record, dead) for record in instance.get_run_records(limit=last)]


def _row(instance: "dg.DagsterInstance", record: Any, dead: set[str]) -> RunRow:
    run, tags = record.dagster_run, record.dagster_run.tags
    key = tags.get("dagster/partition") or tags.get("dagster/asset_partition_range_start")
    start, end = record.start_time, record.end_time
    chosen = sorted(k.to_user_string() for k in run.asset_selection or ())
    ended_badly = run.is_finished and not run.is_success
    return RunRow(
        run_id=run.run_id,
        stage=", ".join(chosen) if run.job_name.startswith("__") and chosen else run.job_name,
        date=key.split("|")[0] if key else None,
        status="died" if run.run_id in dead else str(run.status.value).lower(),
        started=datetime.fromtimestamp(start, UTC).isoformat(timespec="seconds") if start else None,
        seconds=round(end - start, 1) if start and end else None,
        triggered_by=tags.get("triggered_by") or tags.get("dagster/schedule_name") or tags.get("dagster/sensor_name"),
        failed_partitions=_not_made(instance, run.run_id) if ended_badly else [],
    )


def _not_made(instance: "dg.DagsterInstance", run_id: str) -> list[str]:
    """Partitions that a run planned and did not materialize: those that it turned red."""
    import dagster as dg

    kinds = {dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED, dg.DagsterEventType.ASSET_MATERIALIZATION}
    planned: dict[tuple[str, str], None] = {}
    made = set()
    for entry in instance.all_logs(run_id, of_type=kinds):
        event = entry.dagster_event
        if event is None or event.asset_key is None:
            continue
        name = event.asset_key.to_user_string()
        if event.event_type is dg.DagsterEventType.ASSET_MATERIALIZATION:
            made.add((name, event.partition))
        else:
            subset = event.asset_materialization_planned_data.partitions_subset
            keys = subset.get_partition_keys() if subset else [event.partition]
            planned |= {(name, key): None for key in keys if key}
    return [f"{name} {key}" for name, key in planned if (name, key) not in made]


def _print(
    reports: Sequence["DayReport"],
    morning: "MorningReport | None",
    runs: Sequence[RunRow],
    *,
    full: bool,
    played: bool,
) -> None:
    from stocks_pipeline.cli.show_morning import print_morning

    for report in reports:
        say(report.headline(), style="bold")
        if full and report.companies is not None:
            print_report(report)
    if morning and full:
        print_morning(morning, played=played)
    elif morning:
        say(morning.headline(), style="bold")
    if runs:
        print_table("last executions", [_cells(run) for run in runs])
    steps = [step for report in reports for step in report.next_steps()]
    steps += morning.next_steps() if morning else []
    if steps:
        print_next(steps, title="What to do")


def _cells(run: RunRow) -> dict[str, object]:
    return {
        "run": run.run_id[:8],
        "stage": run.stage,
        "day": run.date,
        "status": run.status,
        "started": stamp(run.started) if run.started else None,
        "seconds": run.seconds,
        "by": run.triggered_by,
        "failed": len(run.failed_partitions),
    }


def print_report(report: "DayReport", seconds: str | None = None) -> None:
    """One day as a table, then the first failed symbols."""
    answered = report.symbols_ok + report.symbols_without_bars
    planned = report.planned_symbols
    rows = {
        "companies listed": _text(report.companies),
        "batches stored": f"{_text(report.batches_stored)} of {_text(report.batches)}",
        "batches red": ", ".join(map(str, report.batches_failed)) or "none",
        "symbols answered": f"{answered:,} of {planned:,}" if planned is not None else _text(None),
        "symbols failed": ", ".join(f"{n:,} {kind}" for kind, n in report.symbols_failed.items()) or "none",
        "price rows fetched": _text(report.rows),
        f"bars of {report.date}": _text(report.symbols_with_session),
        "checks failed": ", ".join(sorted(set(report.checks_failed))) or "none",
        **({"seconds": seconds} if seconds else {}),
        "files": report.lake,
    }
    print_table("", [{"what": what, "value": value} for what, value in rows.items()])
    if report.failed_examples:
        print_table("failed symbols, first ten", report.failed_examples[:10])


def _commands(report: "DayReport | MorningReport") -> list[str]:
    return [command for _, command in report.next_steps()]


def _nothing(found: "Settings", *, as_json: bool) -> Exit:
    if as_json:
        print_json({"runs": [], "days": [], "mornings": []})
    else:
        say(f"{EMPTY} ({found.home}). Start with: stocks demo")
    return Exit.OK


def _text(value: int | None) -> str:
    return "—" if value is None else f"{value:,}"

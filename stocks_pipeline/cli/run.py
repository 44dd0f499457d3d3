"""`stocks run`: a day of one market in the foreground, with progress and a table at the end.

What belongs here: from arguments to run configs, progress, and the exit code. What does not: the stages
(foreground.py) and the counting (day_report.py).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from stocks_pipeline.cli.desk import open_instance
from stocks_pipeline.cli.output import Exit, console, errors, print_json, print_table

if TYPE_CHECKING:
    import dagster as dg

    from stocks_pipeline.cli.day_report import DayReport
    from stocks_pipeline.cli.foreground import DayResult
    from stocks_pipeline.defs.market import Market
    from stocks_pipeline.settings import Settings


@dataclass(frozen=True)
class Ask:
    """What a person asked of one day."""

    day: date
    limit: int | None = None
    symbols: Sequence[str] = ()
    refetch: bool = False
    relist: bool = False
    repin: bool = False
    reuse_last_good: bool = False
    lookback_days: int | None = None

    def configs(self) -> dict[str, dict[str, Any]]:
        """The run configs of the stages; what was not asked keeps its default."""
        chosen = {"limit": self.limit, "symbols": list(self.symbols) or None}
        return {
            "listing": _given(refetch=self.relist, reuse_last_good=self.reuse_last_good),
            "batches": _given(**chosen, repin=self.repin),
            "prices": _given(**chosen, refetch=self.refetch, lookback_days=self.lookback_days),
        }


@dataclass
class Watcher:
    """Turns Dagster's events into progress; called in the thread that runs the stage."""

    progress: Progress
    tasks: dict[str, Any] = field(default_factory=dict)

    def __call__(self, entry: "dg.EventLogEntry") -> None:
        event = entry.dagster_event
        if event is None:
            return
        if event.event_type_value == "ASSET_MATERIALIZATION_PLANNED" and event.asset_key:
            self._task(event.asset_key.path[-1])
        elif event.event_type_value == "ASSET_MATERIALIZATION" and event.asset_key:
            self._made(event.asset_key.path[-1], event.step_materialization_data.materialization.metadata)

    def expect(self, name: str, total: int) -> None:
        """Say how many partitions a stage has."""
        self.progress.update(self._task(name), total=total)

    def _task(self, name: str) -> Any:
        if name not in self.tasks:
            self.tasks[name] = self.progress.add_task(name, total=1, note="")
        return self.tasks[name]

    def _made(self, name: str, metadata: Any) -> None:
        rows = metadata.get("dagster/partition_row_count")
        task = self._task(name)
        self.progress.advance(task)
        if rows is not None:
            before = self.progress.tasks[self.progress.task_ids.index(task)].fields.get("rows", 0)
            total = before + rows.value
            self.progress.update(task, rows=total, note=f"{total:,} {'symbols' if 'symbol' in name else 'rows'}")
        if name == "symbol_batches":
            self.expect("raw_prices", max(1, metadata["batches"].value))


@contextmanager
def watching(*, quiet: bool) -> Iterator[Watcher]:
    """A progress display on standard error for the length of the block."""
    columns = (
        SpinnerColumn(finished_text="[green]✓[/green]"),
        TextColumn("{task.description:<15}"),
        BarColumn(bar_width=30),
        TextColumn("{task.completed:>3.0f}/{task.total:.0f}"),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[note]}"),
    )
    with Progress(*columns, console=errors, disable=quiet, transient=False) as progress:
        yield Watcher(progress)


def run_day(found: "Settings", market: "Market", ask: Ask, *, as_json: bool, triggered_by: str) -> Exit:
    """Run the day, print what it came to, and say how it ended."""
    from stocks_pipeline.cli.day_report import day_report
    from stocks_pipeline.cli.foreground import Foreground
    from stocks_pipeline.clock import SystemClock
    from stocks_pipeline.definitions import defs
    from stocks_pipeline.defs.resources import LakeResource

    clock = SystemClock()
    with open_instance(found) as instance, watching(quiet=as_json) as watch:
        desk = Foreground(instance, defs().get_repository_def(), market, clock, triggered_by, watch)
        started = clock.monotonic()
        done = desk.day(ask.day, **ask.configs())
        seconds = clock.monotonic() - started
        report = day_report(instance, market, LakeResource().open(), ask.day)
    code = exit_code(done, report)
    if as_json:
        stages = [
            {"stage": s.stage, "run_id": s.run_id, "success": s.success, "seconds": round(s.seconds, 2)}
            for s in done.stages
        ]
        print_json({**report.to_dict(), "seconds": round(seconds, 1), "stages": stages, "exit": code.name.lower()})
    else:
        print_day(report, done, seconds)
    return code


def exit_code(done: "DayResult", report: "DayReport") -> Exit:
    """Failure without a day's table, partial where something of it is missing, else well."""
    daily = done.stage("daily_prices")
    if daily is None or not daily.success:
        return Exit.FAILURE
    partial = not all(s.success for s in done.stages) or not report.complete or report.checks_failed
    return Exit.PARTIAL if partial else Exit.OK


def print_day(report: "DayReport", done: "DayResult", seconds: float) -> None:
    """The day as a table, then what failed and why."""
    state = "complete" if report.complete else "incomplete" if report.rows else "nothing stored"
    asked = report.symbols_ok + report.symbols_without_bars + sum(report.symbols_failed.values())
    rows = [
        {"what": "companies listed", "value": _text(report.companies)},
        {"what": "batches stored", "value": f"{_text(report.batches_stored)} of {_text(report.batches)}"},
        {"what": "symbols answered", "value": f"{report.symbols_ok + report.symbols_without_bars:,} of {asked:,}"},
        {
            "what": "symbols failed",
            "value": ", ".join(f"{n:,} {k}" for k, n in report.symbols_failed.items()) or "none",
        },
        {"what": "price rows fetched", "value": _text(report.rows)},
        {"what": f"bars of {report.date}", "value": _text(report.symbols_with_session)},
        {"what": "checks failed", "value": ", ".join(sorted(set(report.checks_failed))) or "none"},
        {
            "what": "seconds",
            "value": f"{seconds:.1f}  ({', '.join(f'{s.stage} {s.seconds:.1f}' for s in done.stages)})",
        },
        {"what": "files", "value": report.lake},
    ]
    print_table(f"{report.market.upper()} {report.date}: {state}", rows)
    for stage in done.stages:
        if not stage.success:
            errors.print(f"[red]{stage.stage} failed:[/red] {stage.message.strip().splitlines()[0]}", highlight=False)
    if report.failed_examples:
        print_table("failed symbols, first ten", report.failed_examples[:10])


def print_next(lines: Sequence[tuple[str, str]]) -> None:
    """Things to try next, as commands to copy."""
    console.print("\n[bold]Try next[/bold]")
    for text, line in lines:
        console.print(f"  {text:<34} [cyan]{line}[/cyan]", highlight=False, soft_wrap=True)


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in (None, False)}


def _text(value: int | None) -> str:
    return "—" if value is None else f"{value:,}"

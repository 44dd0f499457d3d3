"""Dagster's events as progress on standard error.

What belongs here: the display. What does not: running anything (foreground.py, mornings.py).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from stocks_pipeline.cli.output import errors

if TYPE_CHECKING:
    import dagster as dg


ENDED = frozenset({"PIPELINE_SUCCESS", "PIPELINE_FAILURE", "PIPELINE_CANCELED"})
"""Events of a run after which no stage of it goes on, so that no clock runs on for what is missing."""


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
        elif event.event_type_value in ENDED:
            for task in self.tasks.values():
                self.progress.stop_task(task)

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
            self.expect("raw_prices", max(1, len(metadata["selected_batches"].value)))


@contextmanager
def watching(*, quiet: bool) -> Iterator[Watcher]:
    """A progress display on standard error for the length of the block."""
    columns = (
        SpinnerColumn(finished_text="[green]✓[/green]"),
        TextColumn("{task.description:<18}"),
        BarColumn(bar_width=30),
        TextColumn("{task.completed:>3.0f}/{task.total:.0f}"),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[note]}"),
    )
    with Progress(*columns, console=errors, disable=quiet, transient=False) as progress:
        yield Watcher(progress)

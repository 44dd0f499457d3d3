"""Dagster's events as progress on standard error.

What belongs here: the display. What does not: running anything (foreground.py, mornings.py).
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, Progress, SpinnerColumn, Task, TextColumn, TimeElapsedColumn

from stocks_pipeline.cli.output import errors
from stocks_pipeline.wording import counted

if TYPE_CHECKING:
    import dagster as dg


ENDED = frozenset({"PIPELINE_SUCCESS", "PIPELINE_FAILURE", "PIPELINE_CANCELED"})
"""Events of a run after which no stage of it goes on, so that no clock runs on for what is missing."""

_RUN_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

ORDER = ("symbols", "symbol_batches", "raw_prices", "daily_prices")
"""Rows from above; Dagster plans a run's assets in no particular order. Any other row comes after those."""


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
        elif event.event_type_value == "STEP_START" and event.step_key:
            self._start(event.step_key.rpartition("__")[2])
        elif event.event_type_value in ENDED:
            for name in self.tasks:
                if (task := self._row(name)).started and not task.finished:
                    self.progress.stop_task(task.id)

    def expect(self, name: str, total: int) -> None:
        """Say how many partitions a stage has."""
        self.progress.update(self._task(name), total=total)

    def _task(self, name: str) -> Any:
        if name not in self.tasks:
            self.tasks[name] = self.progress.add_task(name, start=False, total=1, note="")
            for later in sorted((other for other in self.tasks if _rank(other) > _rank(name)), key=_rank):
                self._move_down(later)
        return self.tasks[name]

    def _row(self, name: str) -> Task:
        return self.progress.tasks[self.progress.task_ids.index(self.tasks[name])]

    def _move_down(self, name: str) -> None:
        """To the end: rich has no order of its own. A row that runs already stays where the person saw it."""
        row = self._row(name)
        if row.started:
            return
        self.progress.remove_task(row.id)
        self.tasks[name] = self.progress.add_task(
            name, start=False, total=row.total, completed=int(row.completed), **row.fields
        )

    def _start(self, name: str) -> None:
        """Its clock begins, or goes on where a run before it had part of its partitions."""
        if name in self.tasks:
            row = self._row(name)
            row.stop_time = None
            self.progress.start_task(row.id)

    def _made(self, name: str, metadata: Any) -> None:
        if _of_another_run(metadata):
            return
        rows = metadata.get("dagster/partition_row_count")
        task = self._task(name)
        if not self._row(name).started:
            self._start(name)
        self.progress.advance(task)
        if rows is not None:
            total = self._row(name).fields.get("rows", 0) + rows.value
            self.progress.update(task, rows=total, note=counted(total, "symbol" if "symbol" in name else "row"))
        if name == "symbol_batches":
            self.expect("raw_prices", max(1, len(metadata["selected_batches"].value)))


def _of_another_run(metadata: Any) -> bool:
    """Whether a failing run only logged it again, so that it keeps its colour.

    `reused_from` is a run then; what the lake had has a key there, and a list of companies the day it is of.
    """
    source = metadata.get("reused_from")
    return source is not None and _RUN_ID.fullmatch(str(source.value)) is not None


def _rank(name: str) -> int:
    return ORDER.index(name) if name in ORDER else len(ORDER)


@contextmanager
def watching(*, quiet: bool) -> Iterator[Watcher]:
    """A progress display on standard error for the length of the block."""
    columns = (
        SpinnerColumn(finished_text="[green]✓[/green]"),
        TextColumn("{task.description:<18}"),
        BarColumn(bar_width=24),
        TextColumn("{task.completed:>3.0f}/{task.total:.0f}"),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[note]}"),
    )
    with Progress(*columns, console=errors, disable=quiet, transient=False) as progress:
        yield Watcher(progress)

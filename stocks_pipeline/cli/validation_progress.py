"""Progress of a validation session on standard error: batches done, credits used, time left.

What belongs here: the display. What does not: running anything (validate.py).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    import dagster as dg

    from stocks_pipeline.domain.plans import Plan


@dataclass
class Watcher:
    """Turns Dagster's events into progress; called in the thread that runs the stage."""

    progress: Progress
    plan: "Plan"
    minute_s: float
    total: int = 0
    used: int = 0
    task: Any = None
    session_id: str = ""
    """The session at work, once it is open."""

    def __call__(self, entry: "dg.EventLogEntry") -> None:
        event = entry.dagster_event
        if event is None or event.asset_key is None:
            return
        name, kind = event.asset_key.path[-1], event.event_type_value
        if kind == "ASSET_MATERIALIZATION" and name != "validation_adhoc":
            self._saw(event.step_materialization_data.materialization.metadata)
        elif kind == "ASSET_OBSERVATION":
            self._saw(event.asset_observation_data.asset_observation.metadata)

    def _saw(self, found: Mapping[str, Any]) -> None:
        """A session that was opened, or a batch of it that was checked; nothing else is progress."""
        if "estimated_duration_minutes" in found:
            self.session_id = str(found["session_id"].value)
            self.expect(int(str(found["total_batches"].value)), int(str(found["total_symbols"].value)))
        elif "batch_number" in found and self.task is not None:
            if "reused_from" not in found:
                self.used += int(str(found["credits"].value))
            self.total -= int(str(found["dagster/partition_row_count"].value))
            self.progress.update(self.task, advance=1, note=self._note())

    def expect(self, batches: int, symbols: int) -> None:
        """Say how much there is to do. Said already, the first word counts: a retry is about less than its session."""
        if self.task is not None:
            return
        self.total = symbols
        self.task = self.progress.add_task("batches", total=batches, note=self._note())

    def _note(self) -> str:
        """Credits so far and the time that the rest takes at most, as the plan's minutes go."""
        left = max(0.0, self.plan.windows(max(0, self.total)) * self.minute_s)
        wait = f"about {left / 60:.0f} min left" if left >= 90 else f"under {left:.0f} s left"  # noqa: PLR2004 - reads better so
        return f"{self.used} credits used" + (f", {wait}" if self.total > 0 else "")


@contextmanager
def watching(console: Console, *, quiet: bool) -> Iterator[Watcher]:
    """The display for the length of the block."""
    from stocks_pipeline.domain.plans import plan_named
    from stocks_pipeline.settings import Settings

    vendor = Settings.load().second_vendor
    columns = (
        SpinnerColumn(finished_text="[green]✓[/green]"),
        TextColumn("{task.description:<8}"),
        BarColumn(bar_width=30),
        TextColumn("{task.completed:>3.0f}/{task.total}"),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[note]}"),
    )
    with Progress(*columns, console=console, disable=quiet, transient=False) as progress:
        yield Watcher(progress, plan_named(vendor.plan), vendor.minute_s)

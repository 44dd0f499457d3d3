"""Progress of a validation session on standard error: batches done, credits used, time left.

What belongs here: the display. What does not: running anything (validate.py).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

from stocks_pipeline.cli.validation_choice import MARKET
from stocks_pipeline.storage.lake import Lake, LakeError
from stocks_pipeline.storage.validation_keys import SessionPlace

if TYPE_CHECKING:
    import dagster as dg

    from stocks_pipeline.domain.plans import Plan

_REFRESH_S = 0.5


@dataclass
class Watcher:
    """Turns Dagster's events into progress; called in the thread that runs the stage.

    `began`: seconds since 1970 from which on credits count. They are those of the log of calls, as a call that failed
    has spent some as well.
    """

    progress: Progress
    plan: "Plan"
    minute_s: float
    lake: Lake
    day: date
    began: float
    total: int = 0
    task: Any = None
    session_id: str = ""
    """The session at work, once it is open."""
    place: SessionPlace | None = None
    """Where it lies."""
    _known: dict[str, int] = field(default_factory=dict)

    def __call__(self, entry: "dg.EventLogEntry") -> None:
        event = entry.dagster_event
        if event is None or event.asset_key is None:
            return
        name, kind = event.asset_key.path[-1], event.event_type_value
        if kind == "ASSET_MATERIALIZATION" and name != "validation_adhoc":
            self._saw(event.step_materialization_data.materialization.metadata, beside=False)
        elif kind == "ASSET_OBSERVATION":
            self._saw(event.asset_observation_data.asset_observation.metadata, beside=True)

    def _saw(self, found: Mapping[str, Any], *, beside: bool) -> None:
        """A session that was opened, or a batch of it that was checked; nothing else is progress."""
        if "estimated_duration_minutes" in found:
            self.session_id = str(found["session_id"].value)
            self.place = SessionPlace(MARKET, self.day, self.session_id if beside else "")
            self.expect(int(str(found["total_batches"].value)), int(str(found["total_symbols"].value)))
        elif "batch_number" in found and self.task is not None:
            self.total -= int(str(found["dagster/partition_row_count"].value))
            self.progress.update(self.task, advance=1)

    def expect(self, batches: int, symbols: int) -> None:
        """Say how much there is to do. Said already, the first word counts: a retry is about less than its session."""
        if self.task is not None:
            return
        self.total = symbols
        self.task = self.progress.add_task("batches", total=batches)

    def note(self) -> str:
        """Credits so far and the time that the rest takes at most, as the plan's minutes go."""
        left = max(0.0, self.plan.windows(max(0, self.total)) * self.minute_s)
        wait = f"about {left / 60:.0f} min left" if left >= 90 else f"under {left:.0f} s left"  # noqa: PLR2004 - reads better so
        return f"{self._used()} credits used" + (f", {wait}" if self.total > 0 else "")

    def _used(self) -> int:
        from stocks_pipeline.defs.us.calls import credits_since

        with suppress(LakeError):  # the run tells what is wrong with the lake; this is only shown
            return credits_since(self.lake, self.place, self.began, self._known) if self.place else 0
        return sum(self._known.values())


class _Note(ProgressColumn):
    """The watcher's note, also while nothing is finished: calls that fail spend credits too."""

    max_refresh = _REFRESH_S
    watch: Watcher | None = None

    def render(self, task: Task) -> Text:
        return Text(self.watch.note() if self.watch and task.visible else "", style="dim")


@contextmanager
def watching(console: Console, lake: Lake, day: date, *, quiet: bool) -> Iterator[Watcher]:
    """The display for the length of the block; `day` is that of the session."""
    from stocks_pipeline.clock import SystemClock
    from stocks_pipeline.domain.plans import plan_named
    from stocks_pipeline.settings import Settings

    vendor, note = Settings.load().second_vendor, _Note()
    columns = (
        SpinnerColumn(finished_text="[green]✓[/green]"),
        TextColumn("{task.description:<8}"),
        BarColumn(bar_width=12),  # so that the whole line fits 80 columns
        TextColumn("{task.completed:>3.0f}/{task.total}"),
        TimeElapsedColumn(),
        note,
    )
    with Progress(*columns, console=console, disable=quiet, transient=False) as progress:
        note.watch = Watcher(progress, plan_named(vendor.plan), vendor.minute_s, lake, day, SystemClock().time())
        yield note.watch

"""The rows of a run's progress: in the order of the stages, each with its own time."""

from types import SimpleNamespace
from typing import Any

from rich.progress import Progress

from stocks_pipeline.cli.progress import Watcher
from stocks_pipeline_tests.fakes import FakeClock


def event(
    kind: str, name: str = "", rows: int | None = None, batches: list[int] | None = None, reused: str = ""
) -> Any:
    """As much of a Dagster event as the watcher looks at."""
    metadata: dict[str, Any] = {} if rows is None else {"dagster/partition_row_count": SimpleNamespace(value=rows)}
    if reused:
        metadata["reused_from"] = SimpleNamespace(value=reused)
    if batches is not None:
        metadata["selected_batches"] = SimpleNamespace(value=batches)
    made = SimpleNamespace(materialization=SimpleNamespace(metadata=metadata))
    key = SimpleNamespace(path=["asx", name]) if name else None
    found = SimpleNamespace(
        event_type_value=kind, asset_key=key, step_key=f"asx__{name}", step_materialization_data=made
    )
    return SimpleNamespace(dagster_event=found)


def watcher(clock: FakeClock) -> Watcher:
    return Watcher(Progress(disable=True, get_time=clock.monotonic))


def test_rows_stand_in_the_order_of_the_stages() -> None:
    """However Dagster orders what it plans, and whatever was expected before, the list comes before its split."""
    watch = watcher(FakeClock())
    watch.expect("raw_prices", 7)
    for name in ("symbol_batches", "symbols", "daily_prices"):
        watch(event("ASSET_MATERIALIZATION_PLANNED", name))
    rows = [(task.description, task.total) for task in watch.progress.tasks]
    assert rows == [("symbols", 1), ("symbol_batches", 1), ("raw_prices", 7), ("daily_prices", 1)]


def test_what_a_failing_run_only_logs_again_does_not_count() -> None:
    """Of two expected one is made and one taken from the lake; one between them keeps the colour of an earlier run."""
    watch = watcher(FakeClock())
    watch.expect("ticker_data", 2)
    for reused in ("", "dr/ticker-data/2025-12-05/DBS19.parquet", "0b7c4a9e-97b3-4c3e-a3d8-0d6f5d0c2f11"):
        watch(event("ASSET_MATERIALIZATION", "ticker_data", reused=reused))
    (row,) = watch.progress.tasks
    assert (row.completed, row.total) == (2, 2)


def test_each_row_shows_its_own_time() -> None:
    """A stage's time begins with its step, not with the run, and ends with it; a second run of it goes on."""
    clock = FakeClock()
    watch = watcher(clock)

    def run(name: str, seconds: float, **made: Any) -> None:
        watch(event("ASSET_MATERIALIZATION_PLANNED", name))
        watch(event("STEP_START", name))
        clock.advance(seconds)
        watch(event("ASSET_MATERIALIZATION", name, **made))
        clock.advance(1)
        watch(event("PIPELINE_SUCCESS"))

    watch(event("ASSET_MATERIALIZATION_PLANNED", "symbol_batches"))
    run("symbols", 5, rows=1)
    run("symbol_batches", 2, batches=[0, 1])
    run("raw_prices", 10, rows=1)
    run("raw_prices", 20, rows=3)
    elapsed = {task.description: task.finished_time or task.elapsed for task in watch.progress.tasks}
    assert elapsed == {"symbols": 5, "symbol_batches": 2, "raw_prices": 31}
    notes = [task.fields["note"] for task in watch.progress.tasks]
    assert notes == ["1 symbol", "", "4 rows"]

"""The progress display: which events of Dagster finish a row."""

import io
from types import SimpleNamespace
from typing import Any, cast

import dagster as dg
import pytest
from rich.console import Console
from rich.progress import Progress

from stocks_pipeline.cli.progress import Watcher


def _materialized(name: str, reused_from: str | None) -> dg.EventLogEntry:
    metadata = {} if reused_from is None else {"reused_from": dg.MetadataValue.text(reused_from)}
    event = SimpleNamespace(
        event_type_value="ASSET_MATERIALIZATION",
        asset_key=dg.AssetKey(["asx", name]),
        step_key=None,
        step_materialization_data=SimpleNamespace(materialization=SimpleNamespace(metadata=metadata)),
    )
    return cast("dg.EventLogEntry", SimpleNamespace(dagster_event=event))


@pytest.mark.parametrize(
    ("reused_from", "counts"),
    [
        (None, True),
        ("the day's own", True),
        ("2025-12-04", True),
        ("asx/raw-data/2025-12-05-batch-0.parquet", True),
        ("0b7f3a52-9c1d-4f6e-8a40-2f1f0f9f8a11", False),
    ],
)
def test_a_row_ends_unless_a_failing_run_only_logged_it_again(reused_from: str | None, counts: bool) -> None:  # noqa: FBT001 - a parameter of the cases
    """What this run made or found in the lake finishes its row; a run's id says that it is of another run."""
    with Progress(console=Console(file=io.StringIO())) as progress:
        watcher = Watcher(progress)
        watcher(_materialized("symbols", reused_from))
        rows: dict[str, Any] = {task.description: task for task in progress.tasks}
    assert ("symbols" in rows and rows["symbols"].finished) is counts

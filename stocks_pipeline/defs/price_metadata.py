"""What the UI shows of a batch and of a day: counts, who failed and why, a preview, seconds a step.

What belongs here: metadata of `raw_prices` and `daily_prices`, by the names that the seeds and the CLI use. What does
not: how a table becomes Markdown (evidence.py), and the numbers themselves (fetching.py, day.py).
"""

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg

from stocks_pipeline.defs.day import DayTable
from stocks_pipeline.defs.evidence import markdown_table

if TYPE_CHECKING:
    from stocks_pipeline.defs.fetching import BatchReport

PREVIEW_ROWS = 5


def batch_metadata(day: date, report: "BatchReport") -> dict[str, Any]:
    """What the UI shows of one batch: counts, the failed symbols with their reasons, a preview, seconds a step."""
    state, stored = report.state, report.stored
    failed = [o for o in state.ordered if o.status == "failed"]
    stale = [o for o in state.ordered if o.status == "ok" and o.kind]  # their stored rows stayed
    return {
        "dagster/partition_row_count": stored.rows,
        "path": dg.MetadataValue.path(stored.uri),
        "bytes": stored.size,
        "batch_number": report.batch,
        "session": day.isoformat(),
        "symbols_processed": len(state.outcomes),
        "symbols_asked_now": report.asked,
        "symbols_fetched": sum(o.status == "ok" for o in state.ordered),
        "symbols_without_bars": sum(o.status == "no_bars" for o in state.ordered),
        "symbols_failed": len(failed),
        "failed": markdown_table(
            [
                {"symbol": o.symbol, "class": o.kind, "tries": o.attempts, "message": o.message}
                for o in [*failed, *stale]
            ]
        ),
        "preview": markdown_table(preview(state.table)),
        "provisional": state.provisional,
        "file_changed": stored.changed,
        **{f"seconds_{step}": round(seconds, 3) for step, seconds in report.seconds.items()},
    }


def day_metadata(merged: DayTable) -> Mapping[str, Any]:
    """What the UI shows of the day: how whole it is, and a preview."""
    return {
        "dagster/partition_row_count": merged.stored.rows,
        "path": dg.MetadataValue.path(merged.stored.uri),
        "bytes": merged.stored.size,
        "complete": merged.complete,
        "provisional": merged.provisional,
        "batches": f"{merged.batches} of {merged.planned}",
        "missing_batches": ", ".join(map(str, merged.missing)) or "none",
        "symbols": merged.stored.rows,
        "symbols_failed": dg.MetadataValue.json(merged.failed_by_class()),
        "duplicates_dropped": merged.duplicates,
        "file_changed": merged.stored.changed,
        "preview": markdown_table(preview(merged.table)),
    }


def preview(table: Any) -> list[dict[str, object]]:
    """The first rows as a person reads them."""
    columns = ["symbol", "session", "open", "high", "low", "close", "volume", "dividend", "split"]
    return [
        {c: round(v, 4) if isinstance(v, float) else v for c, v in row.items()}
        for row in table.select(columns).slice(0, PREVIEW_ROWS).to_pylist()
    ]

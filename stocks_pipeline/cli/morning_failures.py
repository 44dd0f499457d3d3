"""Where the tickers of a morning stand, and why one of them has no data: read back from what the fetch runs recorded.

What belongs here: `Standing`, and reading the failure table of a run. What does not: counting (morning_report.py).
"""

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from stocks_pipeline.cli.mornings import GROUP

if TYPE_CHECKING:
    import dagster as dg

LOOK_BACK = 50
"""Fetch runs that are searched for why a ticker has no data."""
_CELL = re.compile(r"((?:\\.|[^\\|])*)\|")
"""A cell of a Markdown row and the bar that ends it."""


@dataclass(frozen=True)
class Standing:
    """Where one ticker of a morning stands. `state`: written, failed, pending, in_work, no_data or not_begun."""

    ticker: str
    state: str
    step: str = ""
    """What it got stuck in: data or report."""
    kind: str = ""
    """The class of the failure."""
    why: str = ""
    tries: int = 0


def fetch_failures(instance: "dg.DagsterInstance", day: date, tickers: Sequence[str]) -> dict[str, Standing]:
    """Why these tickers have no data, by the newest fetch run of the morning that planned them."""
    import dagster as dg

    found: dict[str, Standing] = {}
    for run in instance.get_runs(dg.RunsFilter(job_name=f"{GROUP}_fetch"), limit=LOOK_BACK):
        if not any(value.startswith(f"{day}|") for value in run.tags.values()):
            continue
        told = {s.ticker: s for s in _told_by(instance, run.run_id, day)}
        found = {**told, **found}
    for key in _red(instance, day, [name for name in tickers if name not in found]):
        found[key] = Standing(key, "no_data", "data", "not fetched", "the run that was to fetch it ended before")
    return {name: found[name] for name in tickers if name in found}


def fetched_mornings(instance: "dg.DagsterInstance") -> Iterator[date]:
    """The mornings of the newest fetch runs, well or badly ended."""
    import dagster as dg

    from stocks_pipeline.partitions import parse_ticker_key

    for run in instance.get_runs(dg.RunsFilter(job_name=f"{GROUP}_fetch"), limit=LOOK_BACK):
        for name in ("dagster/partition", "dagster/asset_partition_range_start"):
            if key := run.tags.get(name):
                yield parse_ticker_key(key)[0]


def _told_by(instance: "dg.DagsterInstance", run_id: str, day: date) -> Iterator[Standing]:
    """The rows of the failure table of a fan-out run; a run that failed as a whole has none."""
    import dagster as dg

    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        meant = entry.dagster_event.step_failure_data.user_failure_data if entry.dagster_event else None
        table = meant.metadata.get("failures") if meant else None
        for line in str(table.value).splitlines() if table else []:
            cells = [_plain(cell) for cell in _CELL.findall(line[1:])]
            if cells and cells[0].startswith(f"{day}|"):
                _, kind, why, tries, _ = cells
                yield Standing(cells[0].partition("|")[2], "no_data", "data", kind, why, int(tries))


def _red(instance: "dg.DagsterInstance", day: date, tickers: Sequence[str]) -> list[str]:
    """Those whose data partition a run planned and did not make."""
    import dagster as dg

    from stocks_pipeline.partitions import morning_tickers, ticker_key

    keys = {ticker_key(day, name): name for name in tickers}
    asset = dg.AssetKey([GROUP, "ticker_data"])
    status = instance.get_status_by_partition(asset, list(keys), morning_tickers()) or {}
    return [name for key, name in keys.items() if (state := status.get(key)) and state.name == "FAILED"]


def _plain(cell: str) -> str:
    """The text before it was made inert Markdown."""
    return html.unescape(re.sub(r"\\(.)", r"\1", cell.strip()))

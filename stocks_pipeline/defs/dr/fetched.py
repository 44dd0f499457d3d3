"""Why a ticker of a morning has no data, and which mornings were fetched: read back from what the fetch runs recorded.

What belongs here: those two questions to the instance, and the failures of a report without data. What does not:
fetching (data.py) and what anybody makes of the answers (summary.py, the commands).
"""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import dagster as dg
from dagster._core.definitions.assets.job.asset_job import (
    IMPLICIT_ASSET_JOB_NAME,  # the job of whatever is materialized by hand; no public name
)

from stocks_pipeline.defs.dr.master import GROUP
from stocks_pipeline.partitions import morning_tickers, parse_ticker_key, ticker_key
from stocks_pipeline.upstream.failures import NEXT_STEP, FailureKind, UpstreamError

DATA = dg.AssetKey([GROUP, "ticker_data"])
DAMAGED = "damaged"
"""In place of a class: a stored file that cannot be read."""
LOOK_BACK = 50
"""Fetch runs that are searched, of the job and of those by hand each."""

NOT_FETCHED = "not fetched"
"""In place of a class: nobody asked the vendor for it to the end."""

_PARTITIONS = ("dagster/partition", "dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
_CELL = re.compile(r"((?:\\.|[^\\|])*)\|")
"""A cell of a Markdown row and the bar that ends it."""


@dataclass(frozen=True)
class NoData:
    """Why a ticker has no data: the class of the failure, the vendor's own words, the tries it took, what to do."""

    kind: str
    why: str
    tries: int = 0
    do: str = ""


class NoDataError(UpstreamError):
    """A ticker whose data of the morning cannot be had from the lake."""

    @property
    def next_step(self) -> str:
        return "Materialize dr/ticker_data for it, then retry."


class MissingDataError(NoDataError):
    """A ticker of which nothing is stored: its report fails with the class and words of the fetch that did not get it.

    A class that ends a stage (a refused key, a spent allowance) ended the fetch; this stage goes on: it is transient.
    """

    told: NoData | None = None

    @classmethod
    def of(cls, name: str, day: date, told: NoData | None) -> "MissingDataError":
        """The failure of the report of `name`; `told`: what a fetch said, if one was asked for it."""
        if told is None:
            why = f"no stored data for {day}: materialize dr/ticker_data for it first"
            return cls(FailureKind.PERMANENT, "dr", name, why, attempts=0)
        kind = FailureKind(told.kind) if told.kind in _AS_FETCHED else FailureKind.TRANSIENT
        error = cls(kind, "dr", name, f"no stored data: {told.why}", attempts=told.tries)
        error.told = told
        return error

    @property
    def next_step(self) -> str:
        final = self.told is not None and self.kind is FailureKind.PERMANENT
        return NEXT_STEP[self.kind] if final else super().next_step


_AS_FETCHED = frozenset(FailureKind) - {FailureKind.AUTH, FailureKind.QUOTA_DAY}


def why_no_data(instance: dg.DagsterInstance, day: date, tickers: Sequence[str]) -> dict[str, NoData]:
    """Of those of the tickers that a fetch of the morning did not bring, what the newest fetch said of them."""
    found: dict[str, NoData] = {}
    for run, days in _fetch_runs(instance):
        if min(days) <= day <= max(days):
            found = {**_told_by(instance, run.run_id, day), **found}  # newest first: what it said stays
    for name in _red(instance, day, [name for name in tickers if name not in found]):
        found[name] = NoData(NOT_FETCHED, "the run that was to fetch it ended before")
    return {name: found[name] for name in tickers if name in found}


def fetched_mornings(instance: dg.DagsterInstance) -> set[date]:
    """The mornings of the newest fetch runs, well or badly ended; of a run over several the first and the last."""
    return {day for _, days in _fetch_runs(instance) for day in days}


def _fetch_runs(instance: dg.DagsterInstance) -> list[tuple[dg.DagsterRun, list[date]]]:
    """Runs that were to fetch data, of the job and by hand, newest first, and the mornings that they name."""
    jobs = (f"{GROUP}_fetch", IMPLICIT_ASSET_JOB_NAME)
    records = [r for job in jobs for r in instance.get_run_records(dg.RunsFilter(job_name=job), limit=LOOK_BACK)]
    found = []
    for run in (r.dagster_run for r in sorted(records, key=lambda r: r.create_timestamp, reverse=True)):
        meant = run.job_name == jobs[0] or DATA in (run.asset_selection or ())
        days = [parse_ticker_key(run.tags[name])[0] for name in _PARTITIONS if run.tags.get(name)] if meant else []
        found += [(run, days)] if days else []
    return found


def _told_by(instance: dg.DagsterInstance, run_id: str, day: date) -> dict[str, NoData]:
    """The rows of the failure table of a fan-out run; a run that failed as a whole has none."""
    told = {}
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        meant = entry.dagster_event.step_failure_data.user_failure_data if entry.dagster_event else None
        table = meant.metadata.get("failures") if meant else None
        for line in str(table.value).splitlines() if table else []:
            cells = [_plain(cell) for cell in _CELL.findall(line[1:])]
            if cells and cells[0].startswith(f"{day}|"):
                _, kind, why, tries, do = cells
                told[parse_ticker_key(cells[0])[1]] = NoData(kind, why, int(tries), do)
    return told


def _red(instance: dg.DagsterInstance, day: date, tickers: Sequence[str]) -> list[str]:
    """Those whose data partition a run planned and did not make."""
    keys = {ticker_key(day, name): name for name in tickers}
    status = instance.get_status_by_partition(DATA, list(keys), morning_tickers()) or {}
    return [name for key, name in keys.items() if (state := status.get(key)) and state.name == "FAILED"]


def _plain(cell: str) -> str:
    """The text before it was made inert Markdown."""
    return html.unescape(re.sub(r"\\(.)", r"\1", cell.strip()))

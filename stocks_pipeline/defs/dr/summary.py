"""What a morning came to: the asset `dr/precompute_summary`, with true counts.

What belongs here: counting reports, failures and tickers without data, and the check that all are there. What does
not: how a report is made. The original's last step said `completed`, 46 of 46, whatever had happened.
"""

import json
from dataclasses import asdict, dataclass
from datetime import date

import dagster as dg

from stocks_pipeline import __version__
from stocks_pipeline.defs.dr.job_book import newest_jobs
from stocks_pipeline.defs.dr.master import GROUP, OWNERS, stored_tickers
from stocks_pipeline.defs.evidence import failure, markdown_table
from stocks_pipeline.defs.resources import LakeResource
from stocks_pipeline.domain.jobs import Job, JobStatus
from stocks_pipeline.partitions import mornings
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import Lake
from stocks_pipeline.upstream.failures import UpstreamError

CHECK = "all_reports_completed"


@dataclass(frozen=True)
class Summary:
    """A morning's counts. `by_ticker` says success, failed or skipped, and for the last two why."""

    status: str
    date: str
    total_tickers: int
    succeeded: int
    failed: int
    skipped: int
    by_ticker: dict[str, dict[str, str]]
    message: str
    next_steps: str


def summarise(lake: Lake, day: date) -> Summary:
    """Count the morning from what is stored.

    A report counts when its file is there; a ticker whose newest job failed counts as failed although an older report
    of the morning may stand; one without either was never begun.

    Raises:
        UpstreamError: no list of tickers is stored.
    """
    tickers = [t.dr for t in stored_tickers(lake) if t.active]
    jobs = newest_jobs(lake, day)
    found = {name: _state(lake, day, name, jobs.get(name)) for name in tickers}
    counts = {word: sum(f["status"] == word for f in found.values()) for word in ("success", "failed", "skipped")}
    whole = counts["success"] == len(tickers)
    return Summary(
        status="completed" if whole else "incomplete" if counts["success"] else "failed",
        date=day.isoformat(),
        total_tickers=len(tickers),
        succeeded=counts["success"],
        failed=counts["failed"],
        skipped=counts["skipped"],
        by_ticker=found,
        message=f"{counts['success']} of {len(tickers)} reports are there; "
        f"{counts['failed']} failed, {counts['skipped']} were not begun.",
        next_steps="Nothing to do." if whole else f"stocks dead-letters --date {day}; stocks retry dr --date {day}",
    )


def _state(lake: Lake, day: date, name: str, job: Job | None) -> dict[str, str]:
    if job is not None and job.status is JobStatus.FAILED:
        return {"status": "failed", "class": job.error_class or "", "error": job.error or ""}
    if lake.exists(layout.report_key(day, name)):
        return {"status": "success"}
    if job is not None and job.status is JobStatus.PENDING and job.error:
        return {"status": "skipped", "class": job.error_class or "", "error": job.error}
    if not lake.exists(layout.ticker_data_key(day, name)):
        return {"status": "skipped", "class": "no data", "error": "its prices of the morning are not stored"}
    return {"status": "skipped", "class": "not begun", "error": "its report was never begun, or is in work"}


@dg.asset(
    key=[GROUP, "precompute_summary"],
    deps=[dg.AssetKey([GROUP, "ticker_reports"])],
    partitions_def=mornings(),
    group_name=GROUP,
    kinds={"json"},
    owners=list(OWNERS),
    code_version=__version__,
    check_specs=[
        dg.AssetCheckSpec(
            CHECK,
            asset=dg.AssetKey([GROUP, "precompute_summary"]),
            description="Every active ticker has its report of the morning.",
        )
    ],
)
def precompute_summary(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster refuses the subscripted form
    """How many reports of the morning are there, failed or were not begun, ticker by ticker."""
    day, store = date.fromisoformat(context.partition_key), lake.open()
    try:
        summary = summarise(store, day)
    except UpstreamError as error:
        raise failure(error, "There is nothing to sum up") from error
    written = store.write(layout.precompute_summary_key(day), json.dumps(asdict(summary), indent=1).encode())
    missing = [{"ticker": t, **s} for t, s in summary.by_ticker.items() if s["status"] != "success"]
    whole = summary.status == "completed"
    return dg.MaterializeResult(
        metadata={
            "status": summary.status,
            "total_tickers": summary.total_tickers,
            "succeeded": summary.succeeded,
            "failed": summary.failed,
            "skipped": summary.skipped,
            "failed_symbols": [t for t, s in summary.by_ticker.items() if s["status"] == "failed"],
            "not_there": markdown_table(missing),
            "next_steps": summary.next_steps,
            "path": dg.MetadataValue.path(written.uri),
        },
        check_results=[
            dg.AssetCheckResult(
                check_name=CHECK,
                passed=whole,
                severity=dg.AssetCheckSeverity.ERROR,
                description=summary.message,
                metadata={"not_there": markdown_table(missing), "next_steps": summary.next_steps},
            )
        ],
    )

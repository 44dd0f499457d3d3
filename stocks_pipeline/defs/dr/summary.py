"""What a morning came to: the asset `dr/precompute_summary`, with true counts.

What belongs here: who was asked for, counting their reports, failures and missing data, and the check that all are
there. What does not: how a report is made, and why data are missing (fetched.py). The original's last step said
`completed`, 46 of 46, whatever had happened.
"""

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date

import dagster as dg

from stocks_pipeline import __version__
from stocks_pipeline.defs.dr.config import TickersConfig
from stocks_pipeline.defs.dr.fetched import NOT_FETCHED, NoData, why_no_data
from stocks_pipeline.defs.dr.job_book import jobs_of, newest_jobs, standing_jobs
from stocks_pipeline.defs.dr.master import GROUP, OWNERS, UnknownTicker, choose_tickers, stored_tickers
from stocks_pipeline.defs.dr.report_state import STOPPING, report_state
from stocks_pipeline.defs.evidence import failure, markdown_table
from stocks_pipeline.defs.resources import LakeResource
from stocks_pipeline.domain.jobs import Job
from stocks_pipeline.domain.tickers import Ticker
from stocks_pipeline.partitions import mornings
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import KeyMissing, Lake
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError
from stocks_pipeline.wording import counted

CHECK = "all_reports_completed"
NOT_BEGUN = "not begun"


@dataclass(frozen=True)
class Summary:
    """A morning's counts. `by_ticker` says success, failed or skipped, and for the last two why, and in which step.

    A ticker with no data is skipped, in the step `data`, whether its report was begun or not; `no_data` counts those.
    """

    status: str
    date: str
    listed_tickers: int
    """Active ones of the list."""
    total_tickers: int
    """Those whose reports were asked for."""
    succeeded: int
    failed: int
    skipped: int
    """With no data, pending or not begun."""
    no_data: int
    by_ticker: dict[str, dict[str, str]]
    message: str
    next_steps: str


def summarise(  # noqa: PLR0913, PLR0917 - what is known of a morning
    lake: Lake,
    day: date,
    followed: Sequence[Ticker],
    named: Collection[str],
    why: Mapping[str, NoData],
    jobs: Mapping[str, Job] | None = None,
) -> Summary:
    """Count the morning from what is stored. `named`: receipts asked for now; `why`: what fetches said of the others;
    `jobs`: the newest of each ticker, as things stand.

    A report counts when its file is there and can be read; a ticker whose newest job failed or waits counts as that,
    although an older report of the morning may stand; one without either was never begun.
    """
    jobs = newest_jobs(lake, day) if jobs is None else jobs
    asked = _asked(lake, day, followed, named)
    found = {name: _state(lake, day, name, jobs.get(name), why.get(name)) for name in asked}
    counts = Counter(entry["status"] for entry in found.values())
    active = sum(ticker.active for ticker in followed)
    return Summary(
        status="completed" if counts["success"] == len(asked) else "incomplete" if counts["success"] else "failed",
        date=day.isoformat(),
        listed_tickers=active,
        total_tickers=len(asked),
        succeeded=counts["success"],
        failed=counts["failed"],
        skipped=counts["skipped"],
        no_data=sum(entry.get("step") == "data" for entry in found.values()),
        by_ticker=found,
        message=_message(list(found.values()), active),
        next_steps=_next_steps(day, [entry for entry in found.values() if entry["status"] != "success"]),
    )


def _asked(lake: Lake, day: date, followed: Sequence[Ticker], named: Collection[str]) -> list[str]:
    """Whose reports were asked for, in the list's order: those named now, those counted before, those with a job.

    The scheduler asks for the whole list, and so does a count of a morning of which nothing is known.
    """
    jobs = list(jobs_of(lake, day))
    known = {*named, *_counted_before(lake, day), *(job.ticker for job in jobs)}
    everyone = not known or any(job.source == "scheduler" for job in jobs)
    return [t.dr for t in followed if t.dr in known or (everyone and t.active)]


def _counted_before(lake: Lake, day: date) -> list[str]:
    """The tickers of the stored summary: job records are gone after a week, and it is how they are remembered."""
    try:
        return list(json.loads(lake.read(layout.precompute_summary_key(day)))["by_ticker"])
    except (KeyMissing, ValueError, KeyError, TypeError):  # damaged: it is written anew
        return []


def _state(lake: Lake, day: date, name: str, job: Job | None, why: NoData | None) -> dict[str, str]:
    from stocks_pipeline.defs.dr.morning import damaged_data

    found = report_state(lake, day, name, job)
    if found.state == "written":
        return {"status": "success"}
    older = {"older_report": "stands"} if found.older else {}
    there = lake.exists(layout.ticker_data_key(day, name))
    damage = damaged_data(lake, day, [name]).get(name) if there else None
    if damage or not there:
        why = damage or why or NoData(NOT_FETCHED, "its prices of the morning were never fetched")
        return {"status": "skipped", "step": "data", "class": why.kind, "error": why.why, **older}
    status = "failed" if found.state == "failed" else "skipped"
    if found.kind:
        waits = {"next_step": found.do} if found.state == "pending" and found.do else {}
        return {"status": status, "step": "report", "class": found.kind, "error": found.why, **older, **waits}
    error = "its report was never begun, or is in work"
    return {"status": status, "step": "report", "class": NOT_BEGUN, "error": error, **older}


def _message(found: Sequence[Mapping[str, str]], active: int) -> str:
    """The counts as a sentence: what is there, then who is not and of which class."""
    there = sum(entry["status"] == "success" for entry in found)
    asked = (" that was asked for" if len(found) == 1 else " that were asked for") if len(found) < active else ""
    parts = [f"{there} of {counted(len(found), 'report')}{asked} {'is' if len(found) == 1 else 'are'} there"]
    if older := sum("older_report" in entry for entry in found):
        parts.append(f"{counted(older, 'older one')} {'stands' if older == 1 else 'stand'}")
    groups: dict[str, Counter[str]] = {}
    for entry in found:
        if entry["status"] != "success":
            groups.setdefault(_group(entry), Counter())[entry["class"]] += 1
    for group, kinds in sorted(groups.items()):
        classes = ", ".join(f"{number} {kind}" for kind, number in kinds.most_common())
        parts.append(f"{kinds.total()} {group}" + ("" if group == NOT_BEGUN else f" ({classes})"))
    listed = f"; the list has {counted(active, 'active ticker')}" if len(found) < active else ""
    return "; ".join(parts) + listed + "."


def _group(entry: Mapping[str, str]) -> str:
    if entry["status"] == "failed":
        return "failed"
    if entry["step"] == "data":
        return "with no data"
    return NOT_BEGUN if entry["class"] == NOT_BEGUN else "pending"


def _next_steps(day: date, missing: Sequence[Mapping[str, str]]) -> str:
    if not missing:
        return "Nothing to do."
    dead = any(entry["class"] != NOT_BEGUN for entry in missing)
    final = all(entry["class"] == FailureKind.PERMANENT for entry in missing)
    first = [entry["next_step"] for entry in missing if "next_step" in entry and entry["class"] in STOPPING]
    steps = [f"stocks dead-letters --date {day}"] * dead + [step.rstrip(".") for step in dict.fromkeys(first)]
    return "; ".join([*steps, *[f"stocks retry dr --date {day}"] * (not final)])


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
            description="Every ticker that was asked for has its report of the morning.",
        )
    ],
)
def precompute_summary(
    context: dg.AssetExecutionContext, config: TickersConfig, lake: LakeResource
) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster refuses the subscripted form
    """How many of the reports asked for are there, failed or were not begun, ticker by ticker.

    Run config adds to those asked for; without any they are whoever was asked for before.
    """
    day, store = date.fromisoformat(context.partition_key), lake.open()
    followed, named = _named(store, config)
    why = why_no_data(context.instance, day, [ticker.dr for ticker in followed])
    summary = summarise(store, day, followed, named, why, standing_jobs(context.instance, store, day))
    written = store.write(layout.precompute_summary_key(day), json.dumps(asdict(summary), indent=1).encode())
    missing = [{"ticker": t, **s} for t, s in summary.by_ticker.items() if s["status"] != "success"]
    whole = summary.status == "completed"
    return dg.MaterializeResult(
        metadata={
            "status": summary.status,
            "total_tickers": summary.total_tickers,
            "listed_tickers": summary.listed_tickers,
            "succeeded": summary.succeeded,
            "failed": summary.failed,
            "skipped": summary.skipped,
            "no_data": summary.no_data,
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


def _named(lake: Lake, config: TickersConfig) -> tuple[tuple[Ticker, ...], list[str]]:
    """The stored list, and the receipts that the run config names, if it names any.

    Raises:
        dagster.Failure: no list is stored, or a name is unknown.
    """
    try:
        followed = stored_tickers(lake)
        chosen = choose_tickers(followed, config.limit, config.tickers) if config.limit or config.tickers else []
    except UpstreamError as error:
        raise failure(error, "There is nothing to sum up") from error
    except UnknownTicker as error:
        raise dg.Failure(f"tickers: {error}", allow_retries=False) from error
    return followed, [ticker.dr for ticker in chosen]

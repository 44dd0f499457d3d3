"""Where the report of one ticker of a morning stands, judged once for the summary and for the commands.

What belongs here: `ReportState`, from the newest job and the stored file. What does not: why data are missing
(fetched.py), counting (summary.py, the commands).

A report counts as written when its file can be read and nobody asked for it since in vain: after a rewrite that failed
the older report stands, and the ticker is failed or pending all the same.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from stocks_pipeline.defs.dr.fetched import DAMAGED
from stocks_pipeline.domain.jobs import Job, JobStatus
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import Lake, LakeError
from stocks_pipeline.storage.reports import NoReport, get_report
from stocks_pipeline.upstream.failures import FailureKind

STOPPING = frozenset({FailureKind.AUTH, FailureKind.QUOTA_DAY})
"""What is wrong with the stage and not with the ticker: its job stays pending, and a retry meets the same until
somebody, or the next day, has mended it.
"""
NOT_TRIED = "not tried"
"""In place of a class: asked for again, and the run ended before its turn."""


@dataclass(frozen=True)
class ReportState:
    """`state`: written, failed, pending, in_work or none."""

    state: str
    kind: str = ""
    """The class of the failure."""
    why: str = ""
    tries: int = 0
    """Calls of the failure, where it tells them; else tries of the job."""
    older: bool = False
    """It was asked for again, and what stands is of an earlier execution."""
    payload: dict[str, Any] | None = None
    """What stands, without its chart."""
    do: str = ""
    """What the failure says a person should do."""
    until: datetime | None = None
    """When what it waits for comes by itself."""


def report_state(lake: Lake, day: date, name: str, job: Job | None) -> ReportState:
    """The state of the ticker's report; `job`: its newest record. A job that had no data to write from is none."""
    payload, damage = _stored(lake, day, name)
    job = None if job is None or job.lacked_data else job
    tries, error = job.attempts if job else 0, (job.error if job else None) or ""
    older = payload is not None
    do = (job.next_step if job else None) or ""
    if job and job.status is JobStatus.FAILED:
        return ReportState("failed", job.error_class or "", error, job.tries or tries, older, payload, do)
    if job and job.status is JobStatus.IN_PROGRESS:
        return ReportState("in_work", "", "in work", tries, older, payload)
    if job and job.status is JobStatus.PENDING and (older or error):
        kind, why = job.error_class or NOT_TRIED, error or "the run that was to write it ended before its turn"
        return ReportState("pending", kind, why, job.tries, older, payload, do, job.waits_until)
    if damage:
        return ReportState("failed", DAMAGED, damage, tries)
    return ReportState("written" if older else "none", tries=tries, payload=payload)


def _stored(lake: Lake, day: date, name: str) -> tuple[dict[str, Any] | None, str]:
    """The stored payload, or why it is no report; neither where there is none."""
    if not lake.exists(layout.report_key(day, name)):
        return None, ""
    try:
        payload = dict(get_report(lake, name, day).payload)
        _ = payload["api_costs"]["usd"], payload["timing_metrics"].items(), payload["news_items"]
    except NoReport:
        return None, ""
    except (LakeError, KeyError, TypeError, AttributeError) as error:
        return None, f"its stored report is damaged: {error}"
    return payload, ""

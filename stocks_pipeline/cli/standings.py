"""Where one ticker of a morning stands, and what to do about it.

What belongs here: `Standing`, made of the state of its report and of its data. What does not: counting
(morning_report.py) and printing (show_morning.py, dead_letters.py).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from stocks_pipeline.upstream.failures import MODEL_STEP, NEXT_STEP, FailureKind

if TYPE_CHECKING:
    from stocks_pipeline.defs.dr.fetched import NoData
    from stocks_pipeline.defs.dr.report_state import ReportState
    from stocks_pipeline.domain.jobs import Job

NOT_BEGUN = "not begun"
"""In place of a class: the data are there, and the report was never begun."""
BUG = "Ours to fix: see the run in `stocks dev`."
_UNTIL = {FailureKind.AUTH.value: "the key is taken", FailureKind.QUOTA_DAY.value: "there is credit again"}


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
    older: bool = False
    """It was asked for again, and the report of an earlier execution stands."""
    rewrite: bool = False
    """It was to be written anew, whatever answer is kept."""
    do: str = ""
    """What a person should do, where anything went wrong."""
    until: str = ""
    """What a pending one waits for."""

    @property
    def final(self) -> bool:
        """No other try will bring it: the vendor does not know the symbol, the model refuses the request."""
        return self.kind == FailureKind.PERMANENT

    @property
    def waits(self) -> bool:
        """Nothing is wrong with it: its turn did not come, or what everyone needs was refused."""
        return self.state == "pending" and self.kind != NOT_BEGUN


def standing_of(name: str, job: "Job | None", found: "ReportState", data: bool, why: "NoData | None") -> Standing:  # noqa: FBT001 - a fact
    """What is told of the ticker: of one without data it is the data, also where its report was begun."""
    from stocks_pipeline.defs.dr.fetched import NOT_FETCHED, NoData

    if found.state == "written":
        return Standing(name, "written", tries=found.tries)
    anew = job is not None and job.rewrite
    told = Standing(name, found.state, "report", found.kind, found.why, found.tries, found.older, anew)
    if found.state in {"failed", "pending"}:
        told = replace(told, do=found.do or what_to_do("report", found.kind), until=_until(found))
    if data and found.state != "none":
        return told
    if data:
        return replace(told, state="pending", kind=NOT_BEGUN, why="its data are there")
    if job is not None and job.error and why is None:
        why = NoData(NOT_FETCHED, job.error, job.tries)
    if why is not None:
        gone = replace(told, state="no_data", step="data", kind=why.kind, why=why.why, tries=why.tries, until="")
        return replace(gone, do=why.do or what_to_do("data", why.kind))
    return told if found.state != "none" else Standing(name, "not_begun")


def what_to_do(step: str, kind: str) -> str:
    """The next step for a class of failure of that step, where the failure itself says none."""
    if kind in set(FailureKind):
        return (MODEL_STEP if step == "report" else NEXT_STEP)[FailureKind(kind)]
    return BUG if kind == "bug" else "Retry it."


def blocks(standings: Iterable[Standing]) -> list[str]:
    """What is to be done before a retry can help those that wait, each once."""
    from stocks_pipeline.defs.dr.report_state import STOPPING

    return list(dict.fromkeys(s.do for s in standings if s.waits and s.kind in STOPPING))


def _until(found: "ReportState") -> str:
    if found.state != "pending":
        return ""
    if found.until is not None:
        return f"{found.until:%Y-%m-%d %H:%M} UTC"
    return _UNTIL.get(found.kind, "a retry")

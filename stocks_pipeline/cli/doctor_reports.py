"""What the doctor looks at for the morning reports: the list, the model, its budget, jobs that nobody ends.

What belongs here: one function a check, facts in, findings out. What does not: keys (doctor_checks.py), runs and
schedules (doctor_dagster.py), the time limit and printing (doctor.py).
"""

from collections.abc import Sequence
from contextlib import closing
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from stocks_pipeline.cli import mornings
from stocks_pipeline.cli.desk import lake_of
from stocks_pipeline.cli.doctor_checks import Finding, failed, ok, warned
from stocks_pipeline.clock import Clock, SystemClock
from stocks_pipeline.settings import SettingError, Settings
from stocks_pipeline.storage import layout
from stocks_pipeline.upstream.failures import UpstreamError
from stocks_pipeline.wording import counted, some

if TYPE_CHECKING:
    import dagster as dg

NEARLY = Decimal("0.9")
STUCK = timedelta(minutes=15)
"""A report takes seconds, its tries a few minutes."""
LOOKED_AT = 5
"""Newest mornings whose jobs are read."""


def tickers(found: Settings) -> Sequence[Finding]:
    """Whether the list of tickers can be read."""
    where = found.dr_tickers or "the packaged list"
    try:
        listed = mornings.followed(found)
    except SettingError as error:
        return [failed("ticker list", str(error), "correct that line, or unset STOCKS_DR_TICKERS")]
    active = sum(ticker.active for ticker in listed)
    if not active:
        return [ok("ticker list", f"no active receipt in {where}: mornings have nothing to do")]
    return [ok("ticker list", f"{active} of {len(listed)} receipts active, from {where}")]


def budget(found: Settings) -> Sequence[Finding]:
    """What the model cost today (UTC) against the day's cap."""
    from stocks_pipeline.upstream.budget import SETTING, Budget
    from stocks_pipeline.upstream.control_file import StoreError

    cap, clock = found.llm.budget_usd, SystemClock()
    if not _has_books(found):
        return [ok("model budget", f"nothing spent yet of {cap:.2f} USD a day")]
    try:
        with closing(Budget(found.limits, cap, clock=clock)) as book:
            day = clock.now().date()
            spent, held = book.spent(day), book.reserved(day)
    except (ImportError, UpstreamError, StoreError):
        return [
            failed("model budget", "cannot be read, so no report is written", "fix what the limits check reports above")
        ]
    text = f"{spent:.4f} of {cap:.2f} USD spent on {day} (UTC)" + (f", {held:.4f} held by calls" if held else "")
    if spent >= cap * NEARLY:
        return [warned("model budget", text, f"wait for 00:00 UTC, or raise {SETTING}; reports wait as pending")]
    return [ok("model budget", text)]


def model(found: Settings) -> Sequence[Finding]:
    """Whether the model's service takes the key. It is asked for leave only; nothing is billed."""
    from stocks_pipeline.cli.sandbox_process import healthy
    from stocks_pipeline.defs.resources import NarratorResource

    what = f"{found.llm.model} at {found.llm.base_url if found.upstream == 'live' else found.sandbox_url}"
    if not _has_books(found):
        return [ok("model", f"{what} is not asked before the first run")]
    if found.upstream == "sandbox" and not healthy(found.sandbox_url):
        return [warned("model", f"{what} is not asked: no sandbox answers", "start it with: stocks sandbox")]
    if found.upstream == "live" and found.llm.api_key is None:
        do = "export STOCKS_LLM_API_KEY; without it no report can be written"
        return [warned("model", f"{what} is not asked: STOCKS_LLM_API_KEY is not set", do)]
    try:
        with NarratorResource().open(_Nothing(), lambda _: None) as narrator:
            narrator.check()
    except (UpstreamError, SettingError) as error:
        do = error.next_step if isinstance(error, UpstreamError) else "correct that variable"
        return [failed("model", f"{what}: {error}", do)]
    return [ok("model", f"{what} takes the key")]


def jobs(
    found: Settings, clock: Clock | None = None, instance: "dg.DagsterInstance | None" = None
) -> Sequence[Finding]:
    """Whether a job of the newest mornings was left by a dead run (the instance knows), is in progress for longer than
    any report takes, or cannot be read.
    """
    from stocks_pipeline.defs.dr.job_book import DIED, newest_jobs, read_job, standing_jobs
    from stocks_pipeline.domain.jobs import JobStatus

    if "://" not in found.lake and not Path(found.lake).exists():
        return [ok("report jobs", "none yet")]
    lake, now = lake_of(found), (clock or SystemClock()).now()
    stuck: dict[tuple[str, str], list[str]] = {}
    days = sorted({date.fromisoformat(key.split("/")[2]) for key in lake.list(f"{mornings.GROUP}/jobs/")})[-LOOKED_AT:]
    for day in days:
        for job in (standing_jobs(instance, lake, day) if instance else newest_jobs(lake, day)).values():
            long = job.status is JobStatus.IN_PROGRESS and job.started_at and now - job.started_at > STUCK
            if long or job.error_class == DIED:
                how = f"in progress for over {STUCK.seconds // 60} minutes" if long else "left by a run that died"
                stuck.setdefault((str(day), how), []).append(job.ticker)
    if not days:
        return [ok("report jobs", "none yet")]
    keys = [key for day in days for key in lake.list(layout.job_prefix(day))]
    if damaged := [key for key in keys if read_job(lake, key) is None and lake.exists(key)]:
        what = f"{counted(len(damaged), 'record')} cannot be read: {some(damaged, 3)}"
        return [warned("report jobs", what, "delete them: a ticker whose record is gone stands as its report does")]
    if not stuck:
        return [ok("report jobs", f"none stuck in progress in the newest {len(days)} mornings")]
    return [
        warned(
            "report jobs",
            f"{len(names)} of {day} {how}: {', '.join(names[:5])}",
            f"stocks retry dr --date {day}",
        )
        for (day, how), names in stuck.items()
    ]


def _has_books(found: Settings) -> bool:
    """Whether a run has been here; looking must not make the control file."""
    return found.limits_url is not None or found.control_db.exists()


class _Nothing:
    """Keeps no answers: the doctor asks no question."""

    def get(self, key: str) -> bytes | None:  # noqa: ARG002 - the protocol's
        return None

    def put(self, key: str, value: bytes) -> None:
        """Keep nothing."""

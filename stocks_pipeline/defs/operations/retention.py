"""The job `retention`: once a day, records of work that are past their days go.

What belongs here: the job, its schedule and its report. What does not: what may ever go (domain/retention.py) and
deleting it (storage/). Reports, prices, lists and the ledger of the model's calls are kept for ever; nothing here can
name them. The calls of a validation session go with it.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import dagster as dg
from pydantic import Field

from stocks_pipeline.clock import Clock
from stocks_pipeline.defs.evidence import markdown_table
from stocks_pipeline.defs.operations.alerts import REACH_S, open_outbox
from stocks_pipeline.defs.resources import LakeResource
from stocks_pipeline.settings import Settings
from stocks_pipeline.storage.lake import Lake
from stocks_pipeline.storage.purge import Purged, purge_jobs
from stocks_pipeline.storage.purge_sessions import PurgedSessions, purge_sessions

TOLD: Final = timedelta(seconds=1.5 * REACH_S)
"""How long alerts that were delivered are remembered at least: longer than the sensor ever looks back."""

_SHOWN: Final = 20


class RetentionConfig(dg.Config):
    """What a person may ask of one run."""

    dry_run: bool = Field(default=False, description="Delete nothing; only say what would go.")


@dataclass(frozen=True)
class Cleaned:
    """What one run deleted, or would."""

    kept_days: int
    jobs: Purged
    sessions: PurgedSessions
    alerts_forgotten: int

    @property
    def files(self) -> list[str]:
        """Keys of the lake that go."""
        return [*self.jobs.deleted, *self.sessions.files]

    @property
    def unreadable(self) -> list[str]:
        """Keys of records that say nothing, and are left for a person."""
        return [*self.jobs.unreadable, *self.sessions.unreadable]

    def counts(self) -> dict[str, int]:
        """The report in numbers."""
        return {
            "kept_days": self.kept_days,
            "job_records": len(self.jobs.deleted),
            "job_records_kept": self.jobs.kept,
            "sessions": len(self.sessions.sessions),
            "sessions_kept": self.sessions.kept,
            "files": len(self.files),
            "unreadable": len(self.unreadable),
            "alerts_forgotten": self.alerts_forgotten,
        }


def clean(lake: Lake, settings: Settings, clock: Clock, *, dry_run: bool) -> Cleaned:
    """Delete what is past its days, in the lake and in the control file; a dry run only says what.

    Raises:
        LakeError, StoreError: one of them cannot do it.
    """
    now, keep = clock.now(), timedelta(days=settings.retention_days)
    outbox = open_outbox(settings, clock)
    try:
        forgotten = outbox.prune((now - max(keep, TOLD)).timestamp(), dry_run=dry_run)
    finally:
        outbox.close()
    jobs = purge_jobs(lake, now, keep, dry_run=dry_run)
    sessions = purge_sessions(lake, now, keep, dry_run=dry_run)
    return Cleaned(keep.days, jobs, sessions, forgotten)


def retention_job() -> dg.JobDefinition:
    """Deletes what is past its days, in the lake and in the control file."""

    @dg.op(name="purge", description="Delete records of work past STOCKS_RETENTION_DAYS; never reports or prices.")
    def purge(
        context: dg.OpExecutionContext, config: RetentionConfig, lake: LakeResource, clock: dg.ResourceParam[Clock]
    ) -> None:
        done = clean(lake.open(), Settings.load(), clock, dry_run=config.dry_run)
        context.add_output_metadata(
            {
                "dry_run": config.dry_run,
                **done.counts(),
                "gone": markdown_table([{"file": key} for key in done.files[:_SHOWN]]),
                "left_for_a_person": markdown_table([{"file": key} for key in done.unreadable[:_SHOWN]]),
            }
        )
        words = "would go" if config.dry_run else "are gone"
        context.log.info(f"{len(done.jobs.deleted)} job records and {len(done.sessions.sessions)} sessions {words}.")

    @dg.job(name="retention", description="Once a day: records of work past STOCKS_RETENTION_DAYS go.")
    def retention() -> None:
        purge()

    return retention


def retention_schedule(job: dg.JobDefinition) -> dg.ScheduleDefinition:
    """When no market of the desk is being fetched and no reports are written."""
    return dg.ScheduleDefinition(
        name="retention",
        job=job,
        cron_schedule="15 19 * * *",  # 02:15 in Bangkok, 06:15 in Sydney, early afternoon in New York
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Deletes job records and validation sessions past STOCKS_RETENTION_DAYS.",
    )

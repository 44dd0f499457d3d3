"""Runs of a stage that ended, as a chain looks for them: by the stage's job, or materialized by hand in the UI.

What belongs here: finding those runs. What does not: what follows them (each product's automation.py).
"""

from datetime import UTC, datetime

import dagster as dg
from dagster._core.definitions.assets.job.asset_job import IMPLICIT_ASSET_JOB_NAME

from stocks_pipeline.defs.automation import CHAIN_TAG, ENDED, LOOK_BACK


def ended_runs(instance: dg.DagsterInstance, job: str, asset: dg.AssetKey, since: float) -> list[dg.DagsterRun]:
    """Runs about `asset` that ended after `since` (unix seconds), newest first; not those of the foreground."""
    after = datetime.fromtimestamp(since, UTC)
    found = [
        record.dagster_run
        for name in (job, IMPLICIT_ASSET_JOB_NAME)
        for record in instance.get_run_records(
            dg.RunsFilter(job_name=name, statuses=ENDED, updated_after=after), limit=LOOK_BACK
        )
        if name == job or asset in (record.dagster_run.asset_selection or ())
    ]
    return [run for run in found if run.tags.get(CHAIN_TAG) != "foreground"]

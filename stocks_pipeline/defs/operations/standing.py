"""Standing checks: what must be true whether or not anything ran.

What belongs here: the check that no batch of the newest sessions was left failed or missing, its job and its morning
schedule. What does not: checks of one materialization (checks.py). Quiet is the point of partitions, and quiet is
also the danger: a red square of last Tuesday calls nobody.
"""

from collections.abc import Mapping, Sequence
from datetime import date

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import (
    UnresolvedAssetJobDefinition,  # what define_asset_job returns; not exported in 1.13
)

from stocks_pipeline.defs.evidence import markdown_table
from stocks_pipeline.defs.market import Market
from stocks_pipeline.partitions import batch_key
from stocks_pipeline.wording import counted

SESSIONS_BACK = 10
"""Sessions the check looks at: two weeks."""

CHECK = "no_partition_left_failed"


def split_days(instance: dg.DagsterInstance, market: Market) -> list[str]:
    """Days that were split into batches, oldest first."""
    return sorted(instance.get_materialized_partitions(market.key("symbol_batches")))


def left_behind(instance: dg.DagsterInstance, market: Market, days: Sequence[str] | None = None) -> dict[str, str]:
    """Batches of `days` (the newest split ones) that are failed or were never fetched: key to `failed`, `missing`."""
    split = split_days(instance, market)[-SESSIONS_BACK:] if days is None else days
    expected = [batch_key(date.fromisoformat(d), n) for d in split for n in range(_batches(instance, market, d))]
    if not expected:
        return {}
    status = instance.get_status_by_partition(market.key("raw_prices"), expected, market.session_batches) or {}
    return _behind(expected, {key: value.name if value else None for key, value in status.items()})


def _behind(expected: Sequence[str], status: Mapping[str, str | None]) -> dict[str, str]:
    words = {"FAILED": "failed", "IN_PROGRESS": None, "MATERIALIZED": None}
    found = {key: words.get(status.get(key) or "", "missing") for key in expected}
    return {key: word for key, word in found.items() if word}


def _batches(instance: dg.DagsterInstance, market: Market, day: str) -> int:
    """How many batches the day's newest split has."""
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=market.key("symbol_batches"), asset_partitions=[day]), limit=1
    ).records
    made = records[0].asset_materialization if records else None
    count = made.metadata["batches"].value if made else 0
    return int(str(count))


def standing_checks(market: Market) -> list[dg.AssetChecksDefinition]:
    """The standing checks of one market."""

    @dg.asset_check(
        asset=market.key("daily_prices"),
        name=CHECK,
        description=f"No batch of the last {SESSIONS_BACK} split sessions is red or missing.",
    )
    def no_partition_left_failed(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        behind = left_behind(context.instance, market)
        days = sorted({key.split("|")[0] for key in behind})
        rows = [{"partition": key, "state": state} for key, state in list(behind.items())[:20]]
        return dg.AssetCheckResult(
            passed=not behind,
            severity=dg.AssetCheckSeverity.ERROR,
            description=f"{counted(len(behind), 'batch')} left behind on {', '.join(days)}."
            if behind
            else "None left behind.",
            metadata={
                "left_behind": len(behind),
                "partitions": markdown_table(rows),
                "next_step": " ; ".join(f"stocks retry {market.name}/raw_prices --date {d}" for d in days) or "nothing",
            },
        )

    return [no_partition_left_failed]


def standing_job(market: Market) -> UnresolvedAssetJobDefinition:
    """Runs the market's standing checks alone."""
    selection = dg.AssetSelection.checks(dg.AssetCheckKey(market.key("daily_prices"), CHECK))
    return dg.define_asset_job(f"{market.name}_standing_checks", selection=selection)


def standing_schedules(market: Market) -> dg.ScheduleDefinition:
    """Every morning, weekends too: Friday's red batch should not wait for Monday."""
    return dg.ScheduleDefinition(
        name=f"{market.name}_standing_checks",
        job_name=f"{market.name}_standing_checks",
        cron_schedule="0 8 * * *",
        execution_timezone=market.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )

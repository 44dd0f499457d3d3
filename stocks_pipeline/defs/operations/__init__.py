"""What keeps the desk standing: dead runs are ended, what fails or is late is told, what is old goes."""

from collections.abc import Sequence

import dagster as dg

from stocks_pipeline.defs.market import Market
from stocks_pipeline.defs.operations.alerts import alerts_sensor
from stocks_pipeline.defs.operations.dead_runs import dead_runs_sensor
from stocks_pipeline.defs.operations.retention import retention_job, retention_schedule
from stocks_pipeline.defs.operations.standing import standing_checks, standing_job, standing_schedules


def operations_definitions(markets: Sequence[Market]) -> dg.Definitions:
    """The definitions that belong to no single stage."""
    retention = retention_job()
    return dg.Definitions(
        asset_checks=[check for market in markets for check in standing_checks(market)],
        jobs=[*(standing_job(market) for market in markets), retention],
        schedules=[*(standing_schedules(market) for market in markets), retention_schedule(retention)],
        sensors=[alerts_sensor(markets), dead_runs_sensor()],
    )

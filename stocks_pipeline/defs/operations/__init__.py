"""What keeps the desk standing: runs that died are ended, partitions left failed are shown."""

from collections.abc import Sequence

import dagster as dg

from stocks_pipeline.defs.market import Market
from stocks_pipeline.defs.operations.alerts import alerts_sensor
from stocks_pipeline.defs.operations.dead_runs import dead_runs_sensor
from stocks_pipeline.defs.operations.standing import standing_checks, standing_job, standing_schedules


def operations_definitions(markets: Sequence[Market]) -> dg.Definitions:
    """The definitions that belong to no single stage."""
    return dg.Definitions(
        asset_checks=[check for market in markets for check in standing_checks(market)],
        jobs=[standing_job(market) for market in markets],
        schedules=[standing_schedules(market) for market in markets],
        sensors=[alerts_sensor(markets), dead_runs_sensor()],
    )

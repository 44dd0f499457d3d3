"""The shipped code location, in which `dr_precompute` takes the morning of the tests' world for today's.

What belongs here: the clock of that one sensor, since by the real one no morning of that world is young enough to buy
its reports by itself. What does not: anything else. Dagster's own processes load this file by its path, so it leans on
the product alone.
"""

from datetime import date, datetime, timedelta

import dagster as dg

from stocks_pipeline.clock import SystemClock
from stocks_pipeline.definitions import build_defs
from stocks_pipeline.defs.dr.automation import precompute_sensor
from stocks_pipeline.defs.dr.data import cutoff
from stocks_pipeline.defs.resources import production


class TwentyPastFive(SystemClock):
    """The real clock, but that it is 05:20 in Bangkok on the day of the tests' world."""

    def now(self) -> datetime:
        return cutoff(date(2025, 12, 5)) + timedelta(minutes=20)


@dg.definitions
def defs() -> dg.Definitions:
    """Everything as `stocks_pipeline.definitions` has it, with that one sensor in its place."""
    shipped, early = build_defs(production()), precompute_sensor(TwentyPastFive())
    others = [sensor for sensor in shipped.sensors or () if sensor.name != early.name]
    return dg.Definitions(
        assets=shipped.assets,
        asset_checks=shipped.asset_checks,
        jobs=shipped.jobs,
        schedules=shipped.schedules,
        sensors=[*others, early],
        resources=shipped.resources,
        executor=shipped.executor,
    )

"""The mornings as definitions: the list, the data, the reports, the summary, and what starts them.

What belongs here: putting them together. What does not: any of them.
"""

import dagster as dg

from stocks_pipeline.defs.dr import automation
from stocks_pipeline.defs.dr.data import ticker_data
from stocks_pipeline.defs.dr.master import ticker_master
from stocks_pipeline.defs.dr.reports import ticker_reports
from stocks_pipeline.defs.dr.summary import precompute_summary


def dr_definitions() -> dg.Definitions:
    """All definitions of the morning reports."""
    return dg.Definitions(
        assets=[ticker_master, ticker_data, ticker_reports, precompute_summary],
        jobs=[automation.fetch_job, automation.reports_job, automation.summary_job],
        schedules=[automation.daily_ticker_fetch, automation.daily_precompute],
        sensors=[automation.precompute_sensor(), automation.summary_sensor()],
    )

"""The validation as definitions; the prices of the market come from its factory.

What belongs here: the list. What does not: what is on it.
"""

import dagster as dg

from stocks_pipeline.defs.us import automation
from stocks_pipeline.defs.us.adhoc import adhoc_job, validation_adhoc
from stocks_pipeline.defs.us.validation import validation_batches, validation_results, validation_summary


def validation_definitions() -> dg.Definitions:
    """All definitions of the check against the second vendor."""
    return dg.Definitions(
        assets=[validation_batches, validation_results, validation_summary, validation_adhoc],
        jobs=[automation.session_job, automation.results_job, automation.summary_job, adhoc_job],
        schedules=[automation.us_validation],
        sensors=[automation.opening_sensor(), automation.validation_chain()],
    )

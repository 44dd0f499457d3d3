"""The code location: every market and the standing operations, on the resources they run on.

Explicit, not autoloaded: Dagster's folder autoload needs the project's pyproject.toml beside the package, which a
wheel does not carry (test_packaging loads this module from an installed wheel).
"""

from collections.abc import Mapping

import dagster as dg

from stocks_pipeline.defs.asx import ASX
from stocks_pipeline.defs.dr.definitions import dr_definitions
from stocks_pipeline.defs.market import market_definitions
from stocks_pipeline.defs.operations import operations_definitions
from stocks_pipeline.defs.resources import production
from stocks_pipeline.defs.us import US
from stocks_pipeline.defs.us.definitions import validation_definitions

MARKETS = {market.name: market for market in (ASX, US)}
"""Every market of this desk, by name. A second one is one more declaration here."""


def build_defs(resources: Mapping[str, object]) -> dg.Definitions:
    """Assemble the location on the given resources: production, or fakes in a test."""
    return dg.Definitions.merge(
        *(market_definitions(market) for market in MARKETS.values()),
        dr_definitions(),
        validation_definitions(),
        operations_definitions(list(MARKETS.values())),
        dg.Definitions(resources=resources, executor=dg.in_process_executor),
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The location that Dagster loads."""
    return build_defs(production())

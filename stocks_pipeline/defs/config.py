"""Run config: what a person may ask of one run, from the Launchpad or the CLI.

What belongs here: typed fields with ranges and the sentence that the Launchpad shows. What does not: settings of the
machine (settings.py).
"""

import dagster as dg
from pydantic import Field

DEFAULT_LOOKBACK_DAYS = 10


class ListingConfig(dg.Config):
    """How to get the day's list."""

    refetch: bool = Field(default=False, description="Ask the exchange again although the day's list is stored.")
    reuse_last_good: bool = Field(
        default=False,
        description="If the list cannot be had, take the newest stored one, marked as such. Off: no list, no prices.",
    )


class SelectionConfig(dg.Config):
    """Which symbols a run is about. Both empty: all of them."""

    limit: int | None = Field(default=None, ge=1, description="Only the first N symbols of the day's list.")
    symbols: list[str] = Field(default=[], description="Only these symbols, by the exchange's own codes: BHP, CBA.")


class BatchesConfig(SelectionConfig):
    """How to split the day's list."""

    repin: bool = Field(
        default=False, description="Split again although this day's membership is pinned; its batches change meaning."
    )


class PricesConfig(SelectionConfig):
    """What to fetch."""

    refetch: bool = Field(default=False, description="Fetch again what is stored and complete.")
    batches: list[int] = Field(
        default=[], description="Of the run's batches only these; the others are left as they are. Empty: all of them."
    )
    lacking: bool = Field(
        default=False, description="Ask again for symbols that were answered without the session's bar."
    )
    lookback_days: int = Field(
        default=DEFAULT_LOOKBACK_DAYS, ge=0, le=3660, description="Calendar days before the session to fetch with it."
    )

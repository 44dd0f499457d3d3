"""Run config of the reports' stages: what a person may ask of one run, from the Launchpad or the CLI.

What belongs here: typed fields with ranges and the sentence that the Launchpad shows. What does not: settings of the
machine (settings.py) and the config of the markets (defs/config.py).
"""

import dagster as dg
from pydantic import Field, field_validator

from stocks_pipeline.domain.jobs import LONGEST_DESCRIPTION, description_fault


class TickersConfig(dg.Config):
    """Which tickers a run is about. Both empty: all active ones."""

    limit: int | None = Field(
        default=None, ge=1, description="Only the first N tickers of the list. 5 means exactly 5."
    )
    tickers: list[str] = Field(default=[], description="Only these, by either name: NVDA19, DBS19, NVDA, D05.SI.")


class FetchConfig(TickersConfig):
    """What to fetch."""

    refetch: bool = Field(default=False, description="Fetch again what is stored for the morning.")


class ReportsConfig(TickersConfig):
    """How to write."""

    rewrite: bool = Field(
        default=False, description="Ask for the news and the model anew, even a question that it has answered."
    )
    description: str | None = Field(
        default=None,
        description=f"Why, in your words, kept with the jobs: one line of at most {LONGEST_DESCRIPTION} characters.",
    )

    @field_validator("description")
    @classmethod
    def _plain(cls, text: str | None) -> str | None:
        if text is not None and (wrong := description_fault(text)):
            raise ValueError(wrong)
        return text

"""One market as one declaration: its assets, checks, jobs, schedule and chain come from here.

What belongs here: `Market`, the vocabulary derived from it, and `market_definitions`, which assembles the parts. What
does not: the parts themselves (listing.py, prices.py, checks.py, automation.py), which take a `Market`.

    symbols ── symbol_batches ── raw_prices (session × batch) ── daily_prices
    └──────── run 1 ────────┘    └───────── run 2 ─────────┘    └── run 3 ──┘
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import dagster as dg

from stocks_pipeline import partitions
from stocks_pipeline.domain.calendars import Calendar, calendar


@dataclass(frozen=True)
class Market:
    """What makes one market differ from another."""

    name: str
    """First part of every asset key and lake key."""
    title: str
    mic: str
    """ISO 10383 code of the exchange whose sessions count."""
    suffix: str
    """What Yahoo appends to the exchange's code: `.AX`."""
    listing: str
    """Key of the resource that knows the symbols; its `open().fetch()` returns a FetchedListing."""
    daily_at: str
    """Cron time of the daily schedule, after the close and within twelve hours of it."""
    daily_zone: str | None = None
    """Time zone of `daily_at`, where it is not the exchange's own."""
    owners: tuple[str, ...] = ("team:market-data",)
    batch_size: int = 100
    listing_floor: int = 1
    """Fewest symbols a first list may have; later lists are compared with the one before."""

    def key(self, asset: str) -> dg.AssetKey:
        """The asset's key: `asx/raw_prices`."""
        return dg.AssetKey([self.name, asset])

    def calendar(self) -> Calendar:
        """The exchange's sessions."""
        return calendar(self.mic)

    @property
    def timezone(self) -> str:
        return self.calendar().tz

    @property
    def sessions(self) -> dg.TimeWindowPartitionsDefinition:
        return partitions.sessions(self.timezone)

    @property
    def batches(self) -> dg.DynamicPartitionsDefinition:
        return partitions.batches(self.name)

    @property
    def session_batches(self) -> dg.MultiPartitionsDefinition:
        return partitions.session_batches(self.name, self.timezone)

    @property
    def freshness(self) -> dg.FreshnessPolicy:
        """How old the newest day's table may be: a weekend is normal, Easter is the longest closure there is.

        A cron deadline would call every holiday late; which session is missing is a check's business (standing.py).
        """
        return dg.FreshnessPolicy.time_window(
            warn_window=timedelta(days=3, hours=6), fail_window=timedelta(days=5, hours=6)
        )

    def require_session(self, day: date, warn: Callable[[str], object]) -> None:
        """Refuse a day on which the exchange is closed; say so where nobody knows.

        Raises:
            dagster.Failure: a closed day. Permanent: no retry helps.
        """
        known = self.calendar()
        answer = known.is_session(day)
        if answer is None:
            warn(
                f"{day} lies outside the known sessions of {self.mic} ({known.first} to {known.last}): session unknown"
            )
        elif not answer:
            raise dg.Failure(
                f"{day} is no session of {self.mic}: the exchange is closed. "
                f"The session before it is {known.previous_session(day)}.",
                allow_retries=False,
            )


def market_definitions(market: Market) -> dg.Definitions:
    """All definitions of one market."""
    from stocks_pipeline.defs.automation import chain_sensor, daily_schedule, stage_jobs
    from stocks_pipeline.defs.listing import listing_assets
    from stocks_pipeline.defs.prices import price_assets

    jobs = stage_jobs(market)
    return dg.Definitions(
        assets=[*listing_assets(market), *price_assets(market)],
        jobs=list(jobs),
        schedules=[daily_schedule(market, jobs.listing)],
        sensors=[chain_sensor(market, jobs)],
    )

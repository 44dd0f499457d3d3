"""Where a day's list comes from: the lake, the exchange, or, if the run allows it, the last good list.

What belongs here: that choice, and whose list a stored one really is. What does not: the assets (listing.py), parsing
(domain/symbols.py) and HTTP (upstream/).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import dagster as dg

from stocks_pipeline.defs.config import ListingConfig
from stocks_pipeline.defs.evidence import failure
from stocks_pipeline.defs.market import Market
from stocks_pipeline.domain.listing import Company
from stocks_pipeline.domain.symbols import companies_from_csv
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import Lake
from stocks_pipeline.upstream.failures import UpstreamError

OWN = "no: asked for this day"
"""What `reused_from` says of a list that is the day's own."""


@dataclass(frozen=True)
class Listed:
    """A day's list and where it came from."""

    companies: tuple[Company, ...]
    source: str
    reused_from: date | None = None
    """The day whose list stands in, when the exchange's could not be had and the run allowed it."""
    stored: bool = False
    """The day's own list was in the lake already."""


def original_day(instance: dg.DagsterInstance, market: Market, day: date) -> date:
    """Whose list is stored for the day, by what was recorded when it was stored: the day's own, or an earlier one's."""
    wanted = dg.AssetRecordsFilter(asset_key=market.key("symbols"), asset_partitions=[day.isoformat()])
    records = instance.fetch_materializations(wanted, limit=1).records
    made = records[0].asset_materialization if records else None
    mark = made.metadata.get("reused_from") if made else None
    if mark is None or mark.value in {OWN, day.isoformat()}:
        return day
    return original_day(instance, market, date.fromisoformat(str(mark.value)))


def obtain_listing(  # noqa: PLR0913, PLR0917 - where a list may come from, and what the run allows
    market: Market, day: date, lake: Lake, source: object, config: ListingConfig, origin: Callable[[date], date]
) -> Listed:
    """The day's list: stored, fetched, or (only if the run allows it) the last good one.

    `origin` knows whose list is stored for a day. One that stands in is asked for again, or its mark would be lost;
    one that is taken from a day it stood in for keeps the mark of the day it was the exchange's answer.

    Raises:
        dagster.Failure: the exchange's list cannot be had and `reuse_last_good` is off or nothing is stored.
    """
    key = layout.symbols_key(market.name, day)
    own = lake.exists(key) and origin(day) == day
    if own and not config.refetch:
        return Listed(companies_from_csv(lake.read(key)), source="lake", stored=True)
    try:
        fetched = source.open().fetch()  # type: ignore[attr-defined]  # resources are duck-typed by key
    except UpstreamError as error:
        last = _last_good(market.name, day, lake, origin, own=own) if config.reuse_last_good else None
        if last is None:
            raise failure(
                error,
                f"The list of {market.title} cannot be had, so no prices are fetched",
                otherwise=f"stocks run {market.name} --date {day} --reuse-last-good takes the newest stored list",
            ) from error
        return last
    return Listed(fetched.listing.companies, source=fetched.fetched_from)


def _last_good(market: str, day: date, lake: Lake, origin: Callable[[date], date], *, own: bool) -> Listed | None:
    """The newest list that was the exchange's own answer: the day's, when it was only to be asked for again."""
    if own:
        companies = companies_from_csv(lake.read(layout.symbols_key(market, day)))
        return Listed(companies, source="the day's own list, stored earlier", reused_from=day)
    before = previous_day(lake, market, day)
    if before is None:
        return None
    first = origin(before)
    companies = companies_from_csv(lake.read(layout.symbols_key(market, before)))
    return Listed(companies, source=f"list of {first}", reused_from=first)


def previous_listing(lake: Lake, market: str, day: date) -> tuple[Company, ...] | None:
    """The newest list that is stored before `day`, whosever it is."""
    before = previous_day(lake, market, day)
    return None if before is None else companies_from_csv(lake.read(layout.symbols_key(market, before)))


def previous_day(lake: Lake, market: str, day: date) -> date | None:
    """The newest day before `day` for which a list is stored."""
    folder = layout.symbols_key(market, day).rpartition("/")[0]
    stored = (key.rpartition("/")[2] for key in lake.list(f"{folder}/"))
    return max((d for name in stored if (d := date.fromisoformat(name[: len("2025-12-05")])) < day), default=None)

"""What should be there by now and is not: a day's prices, its validation session, a morning's data and reports.

What belongs here: when each is due by its own schedule, and whether it is there. What does not: what failed or ended
(alert_facts.py) and what is said of it (domain/alerts.py). A day that never began fails nothing; only a calendar knows.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Final

import dagster as dg
from dagster._utils.schedules import cron_string_iterator  # the daemon's own; no public one

from stocks_pipeline.defs.dr.data import cutoff
from stocks_pipeline.defs.market import Market
from stocks_pipeline.defs.operations.alert_facts import DR_SUMMARY
from stocks_pipeline.defs.us import US
from stocks_pipeline.defs.us.automation import SESSION, us_validation
from stocks_pipeline.domain.alert_facts import LATE_AFTER, Late, due_days, due_mornings
from stocks_pipeline.partitions import has_morning, ticker_key, tickers

DR_DATA: Final = dg.AssetKey(["dr", "ticker_data"])
DR_REPORTS: Final = dg.AssetKey(["dr", "ticker_reports"])
START_REPORTS: Final = frozenset({"dr_precompute", "daily_precompute"})
"""Either starts them by itself, once somebody has switched it on."""
_RANGE: Final = ("dagster/partition", "dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


def next_tick(cron: str, zone: str) -> Callable[[datetime], datetime]:
    """When a schedule ticks next after an instant."""

    def ticks(after: datetime) -> datetime:
        return next(cron_string_iterator(after.timestamp(), cron, zone))

    return ticks


def market_ticks(market: Market) -> Callable[[datetime], datetime]:
    """When the market's daily schedule ticks next."""
    return next_tick(market.daily_at, market.daily_zone or market.timezone)


def late_days(
    instance: dg.DagsterInstance, markets: Sequence[Market], since: datetime, now: datetime
) -> Iterator[Late]:
    """Sessions that closed after `since` and have no table although it is time."""
    for market in markets:
        asset = market.key("daily_prices")
        due = due_days(market.calendar(), market_ticks(market), since, now)
        for day, closed_at in _absent(due, _days(instance, asset), _at_work(instance, market.name)):
            yield Late(asset.to_user_string(), day, closed_at, now)


def late_validations(instance: dg.DagsterInstance, since: datetime, now: datetime) -> Iterator[Late]:
    """Sessions whose prices are there and that nobody began to check although it is time.

    Without prices those are late themselves, and once they are there nobody opens the session unasked, unless somebody
    switched `us_validation_on_prices` on.
    """
    due = due_days(US.calendar(), next_tick(str(us_validation.cron_schedule), _zone()), since, now)
    priced = _days(instance, US.key("daily_prices"))
    for day, closed_at in _absent(due, _days(instance, SESSION), _at_work(instance, f"{US.name}_validation")):
        if day in priced:
            yield Late(SESSION.to_user_string(), day, closed_at, now)


def late_mornings(instance: dg.DagsterInstance, since: datetime, now: datetime) -> Iterator[Late]:
    """Mornings that came after `since` and of which no ticker has data although it is time."""
    for day, came_at in _absent(due_mornings(_comes, since, now), set(), _at_work(instance, "dr")):
        if not _any_ticker(instance, DR_DATA, day):
            yield Late(DR_DATA.to_user_string(), day, came_at, now)


def late_reports(instance: dg.DagsterInstance, since: datetime, now: datetime) -> Iterator[Late]:
    """Mornings whose data are there and of which no report was begun although something is to start them.

    Reports cost money, so without that nobody is owed any; and what was begun tells its own end.
    """
    states = instance.all_instigator_state() if instance.schedule_storage else []  # in memory there is none
    if not any(state.name in START_REPORTS and state.is_running for state in states):
        return
    begun = _days(instance, DR_SUMMARY)
    for day, came_at in _absent(due_mornings(_comes, since, now, LATE_AFTER), begun, _at_work(instance, "dr")):
        if _any_ticker(instance, DR_DATA, day) and not _any_ticker(instance, DR_REPORTS, day):
            yield Late(DR_REPORTS.to_user_string(), day, came_at, now)


def _any_ticker(instance: dg.DagsterInstance, asset: dg.AssetKey, day: date) -> bool:
    """Whether any ticker's partition of the morning was ever made."""
    names = instance.get_dynamic_partitions(tickers().name or "")
    wanted = dg.AssetRecordsFilter(asset_key=asset, asset_partitions=[ticker_key(day, name) for name in names])
    return bool(names and instance.fetch_materializations(wanted, limit=1).records)


def _comes(day: date) -> datetime | None:
    return cutoff(day) if has_morning(day) else None


def _zone() -> str:
    return us_validation.execution_timezone or str(UTC)


def _days(instance: dg.DagsterInstance, asset: dg.AssetKey) -> set[date]:
    return {date.fromisoformat(key) for key in instance.get_materialized_partitions(asset)}


def _absent(
    due: Sequence[tuple[date, datetime]], there: set[date], at_work: Sequence[tuple[date, date]]
) -> list[tuple[date, datetime]]:
    """Those that are not there, and that no run is bringing at this moment: who is late and at work says so itself."""
    missing = [(day, at) for day, at in due if day not in there]
    return [(day, at) for day, at in missing if not any(first <= day <= last for first, last in at_work)]


def _at_work(instance: dg.DagsterInstance, jobs: str) -> list[tuple[date, date]]:
    """First and last day of each run in progress of the jobs whose names begin so. One that hangs is ended and told."""
    runs = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING]))
    found = []
    for run in runs:
        days = [date.fromisoformat(run.tags[name].partition("|")[0]) for name in _RANGE if run.tags.get(name)]
        if days and run.job_name.startswith(f"{jobs}_"):
            found.append((min(days), max(days)))
    return found

"""A second market is one declaration: nothing in the stages knows which market it serves."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from stocks_pipeline.defs.automation import daily_schedule, session_of, stage_jobs
from stocks_pipeline.defs.market import Market, market_definitions
from stocks_pipeline.defs.operations import operations_definitions
from stocks_pipeline.defs.us import US

NYSE = Market(
    name="nyse",
    title="NYSE",
    mic="XNYS",
    suffix="",
    listing="nyse_listing",
    daily_at="0 18 * * 1-5",
)


def test_one_declaration_makes_a_whole_market() -> None:
    """Assets, jobs, schedule, chain and standing checks of another exchange, in its own time zone and namespace."""
    location = dg.Definitions.merge(
        market_definitions(NYSE),
        operations_definitions([NYSE]),
        dg.Definitions(resources={name: object() for name in ("lake", "yahoo", "clock", "nyse_listing")}),
    )
    dg.Definitions.validate_loadable(location)
    repository = location.get_repository_def()
    keys = {key.to_user_string() for key in location.resolve_all_asset_keys()}
    assert keys == {"nyse/symbols", "nyse/symbol_batches", "nyse/raw_prices", "nyse/daily_prices"}
    assert repository.get_schedule_def("nyse_daily").execution_timezone == "America/New_York"
    assert {s.name for s in repository.sensor_defs} == {"nyse_chain", "dead_runs", "alerts"}


def test_markets_do_not_share_batch_keys() -> None:
    """Batch 21 of one market must not appear as a missing partition of another."""
    from stocks_pipeline.defs.asx import ASX

    assert NYSE.batches.name != ASX.batches.name


@pytest.mark.parametrize(
    ("tick", "session"),
    [
        (datetime(2026, 1, 6, 4, tzinfo=UTC), date(2026, 1, 5)),  # 23:00 in New York, winter
        (datetime(2026, 7, 7, 4, tzinfo=UTC), date(2026, 7, 6)),  # midnight in New York, summer
        (datetime(2026, 3, 7, 4, tzinfo=UTC), date(2026, 3, 6)),  # Saturday in UTC is Friday's session
    ],
)
def test_a_tick_at_night_is_about_the_session_that_closed_that_evening(tick: datetime, session: date) -> None:
    """F06: 04:00 UTC falls on either side of New York's midnight by season, and means the same session in both."""
    assert session_of(tick.astimezone(ZoneInfo("America/New_York"))) == session


def test_the_us_market_runs_after_new_york_on_sessions_only() -> None:
    """D03: 04:00 UTC; Thanksgiving is skipped with the reason, the day before is requested under its own key."""
    schedule = daily_schedule(US, stage_jobs(US).listing)
    answers = {}
    for day in (26, 27):  # ticks of Thursday and Friday mornings, about Wednesday and Thanksgiving
        context = dg.build_schedule_context(scheduled_execution_time=datetime(2026, 11, day, 4, tzinfo=UTC))
        answers[day] = schedule(context)
    assert isinstance(answers[26], dg.RunRequest)
    assert answers[26].partition_key == "2026-11-25"
    assert isinstance(answers[27], dg.SkipReason)

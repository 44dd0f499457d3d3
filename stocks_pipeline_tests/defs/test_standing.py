"""What must be true whether or not anything ran: no batch left red or missing, no day too old."""

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.freshness import TimeWindowFreshnessPolicy

from stocks_pipeline.defs.operations.standing import CHECK, SESSIONS_BACK, left_behind
from stocks_pipeline_tests.fake_feed import codes, refused
from stocks_pipeline_tests.market_desk import DAY, MARKET, MarketDesk, checks, market_desk

BEFORE = date(2025, 12, 4)
EIGHT = codes(8)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[MarketDesk]:
    """A desk whose day is split into batches of 3, 3 and 2."""
    with market_desk(tmp_path, *EIGHT) as made:
        assert made.list().success
        yield made


def evaluate(desk: MarketDesk) -> dg.AssetCheckEvaluation:
    """The check, run by its own job."""
    result = desk.run("standing_checks", {})
    assert result.success
    return checks(result)[CHECK]


def test_a_desk_without_any_split_has_nothing_left_behind(tmp_path: Path) -> None:
    """F08: on a fresh desk the check passes and says so."""
    with market_desk(tmp_path) as desk:
        assert left_behind(desk.instance, MARKET) == {}
        check = evaluate(desk)
        assert (check.passed, check.description) == (True, "None left behind.")


def test_red_and_missing_batches_are_found(desk: MarketDesk) -> None:
    """E38: a batch that failed and one that nobody fetched are told apart; green ones are not named."""
    desk.feed.script = {f"{s}.AX": refused(f"{s}.AX") for s in EIGHT[3:6]}
    desk.prices(numbers=range(2))
    assert left_behind(desk.instance, MARKET) == {"2025-12-05|1": "failed", "2025-12-05|2": "missing"}
    check = evaluate(desk)
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert check.description == "2 batches left behind on 2025-12-05."
    assert check.metadata["left_behind"].value == 2
    assert "2025-12-05\\|1 | failed" in str(check.metadata["partitions"].value)
    assert check.metadata["next_step"].value == "stocks retry asx/raw_prices --date 2025-12-05"


def test_a_healed_day_passes(desk: MarketDesk) -> None:
    """E12: once the red batch is fetched the check is green again."""
    desk.feed.script = {f"{s}.AX": refused(f"{s}.AX") for s in EIGHT[3:6]}
    desk.prices()
    assert not evaluate(desk).passed
    desk.feed.script = {}
    assert desk.prices().success
    assert evaluate(desk).passed


def test_only_days_that_were_split_count(desk: MarketDesk) -> None:
    """F17: a weekday that nobody listed (a holiday, or before the desk began) is not missing."""
    assert desk.prices().success
    assert left_behind(desk.instance, MARKET) == {}
    desk.list(BEFORE)
    assert left_behind(desk.instance, MARKET) == {f"2025-12-04|{n}": "missing" for n in range(3)}


def test_a_day_with_fewer_batches_owes_only_those(desk: MarketDesk) -> None:
    """E01: batch 2 of a day that has two batches is no batch."""
    assert desk.prices().success
    desk.list(BEFORE, batches={"limit": 4})
    assert left_behind(desk.instance, MARKET) == {"2025-12-04|0": "missing", "2025-12-04|1": "missing"}


def test_old_days_are_let_go(desk: MarketDesk) -> None:
    """A19: the check looks at the newest split days, not at the history; a caller may name any."""
    known = MARKET.calendar()
    days = known.sessions(DAY + timedelta(days=1), DAY + timedelta(days=30))[:SESSIONS_BACK]
    for day in days:
        desk.list(day, batches={"limit": 1})
    behind = left_behind(desk.instance, MARKET)
    assert sorted(behind) == [f"{day}|0" for day in days]
    assert set(left_behind(desk.instance, MARKET, ["2025-12-05"])) == {f"2025-12-05|{n}" for n in range(3)}


def test_the_standing_job_runs_the_check_alone(desk: MarketDesk) -> None:
    """E38: looking is free: the job materializes nothing and calls nobody."""
    before = desk.listing.fetched
    result = desk.run("standing_checks", {})
    assert result.get_asset_materialization_events() == []
    assert [c.check_name for c in result.get_asset_check_evaluations()] == [CHECK]
    assert (desk.listing.fetched, desk.feed.asked) == (before, [])


def test_every_morning_also_on_weekends(desk: MarketDesk) -> None:
    """E38: Friday's red batch calls on Saturday, on the exchange's own clock."""
    schedule = desk.repository.get_schedule_def("asx_standing_checks")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 8 * * *", "Australia/Sydney")


def test_the_days_table_has_a_freshness_policy_that_easter_passes() -> None:
    """A28, E38: the longest closure of the calendar warns at most; one day more fails."""
    policy = MARKET.freshness
    assert isinstance(policy, TimeWindowFreshnessPolicy)
    assert policy.warn_window is not None
    known = MARKET.calendar()
    gaps = [after - before for before, after in pairwise(known.sessions(known.first, known.last))]
    weekend = timedelta(days=3)
    assert weekend < policy.warn_window.to_timedelta()
    assert max(gaps) < policy.fail_window.to_timedelta() < max(gaps) + timedelta(days=1)


def test_the_policy_is_on_the_asset(desk: MarketDesk) -> None:
    """A28: the UI shows a late day without anyone looking for it."""
    specs = {spec.key: spec for spec in desk.defs.resolve_all_asset_specs()}
    assert specs[MARKET.key("daily_prices")].freshness_policy == MARKET.freshness

"""A second market is one declaration: nothing in the stages knows which market it serves."""

import dagster as dg

from stocks_pipeline.defs.market import Market, market_definitions
from stocks_pipeline.defs.operations import operations_definitions

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
    assert {s.name for s in repository.sensor_defs} == {"nyse_chain", "dead_runs"}


def test_markets_do_not_share_batch_keys() -> None:
    """Batch 21 of one market must not appear as a missing partition of another."""
    from stocks_pipeline.defs.asx import ASX

    assert NYSE.batches.name != ASX.batches.name

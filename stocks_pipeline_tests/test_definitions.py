"""The code location as Dagster loads it: what it holds, and how light it is."""

import json
import subprocess
import sys

import dagster as dg

from stocks_pipeline.definitions import MARKETS, defs

HEAVY = {
    "pandas",
    "yfinance",
    "openai",
    "matplotlib",
    "dagster_aws",
    "duckdb",
    "exchange_calendars",
    "pyarrow",
    "httpx",
}


def test_the_location_loads_and_holds_what_the_readme_names() -> None:
    """Every asset, job, schedule and sensor of the design is there, under its documented name."""
    location = defs()
    dg.Definitions.validate_loadable(location)
    repository = location.get_repository_def()
    keys = {key.to_user_string() for key in location.resolve_all_asset_keys()}
    stages = ("symbols", "symbol_batches", "raw_prices", "daily_prices")
    mornings = ("ticker_master", "ticker_data", "ticker_reports", "precompute_summary")
    validation = {f"us/validation_{name}" for name in ("batches", "results", "summary", "adhoc")}
    prices = {f"{market}/{name}" for market in MARKETS for name in stages}
    assert keys == prices | {f"dr/{name}" for name in mornings} | validation
    schedules = {s.name: s.default_status.value for s in repository.schedule_defs}
    assert schedules == {
        **{f"{market}_{name}": "RUNNING" for market in MARKETS for name in ("daily", "standing_checks")},
        "us_validation": "RUNNING",
        "daily_ticker_fetch": "RUNNING",
        "retention": "RUNNING",
        "daily_precompute": "STOPPED",
    }
    sensors = {s.name: s.default_status.value for s in repository.sensor_defs}
    assert sensors == {
        "alerts": "RUNNING",
        **{f"{market}_chain": "RUNNING" for market in MARKETS},
        "us_validation_chain": "RUNNING",
        "us_validation_on_prices": "STOPPED",
        "dead_runs": "RUNNING",
        "dr_precompute": "STOPPED",
        "dr_summary_chain": "RUNNING",
    }
    jobs = {j for j in repository.job_names if not j.startswith("__")}
    runs = ("listing", "prices", "daily_prices", "standing_checks")
    assert jobs == {f"{market}_{name}" for market in MARKETS for name in runs} | {
        "retention",
        "dr_fetch",
        "dr_reports",
        "dr_summary",
        "us_validation_session",
        "us_validation_results",
        "us_validation_summary",
        "us_validation_adhoc",
    }


def test_every_asset_has_an_owner_a_kind_and_a_description() -> None:
    """Nobody meets an asset in the UI without knowing whose and what it is."""
    for spec in defs().resolve_all_asset_specs():
        assert spec.owners, spec.key
        assert spec.kinds, spec.key
        assert spec.description, spec.key
        assert spec.code_version, spec.key


def test_loading_imports_nothing_heavy() -> None:
    """Each run, tick and command pays the load path, so what only one step needs is imported in that step."""
    code = "import sys, json; import stocks_pipeline.definitions as d; d.defs(); print(json.dumps(sorted(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = json.loads(answer.stdout.splitlines()[-1])
    assert sorted(HEAVY & set(loaded)) == []


def test_markets_are_named_by_their_key() -> None:
    """The CLI and the lake find a market by the name that its asset keys start with."""
    assert all(name == market.name for name, market in MARKETS.items())

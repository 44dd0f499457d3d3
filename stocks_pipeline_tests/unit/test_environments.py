"""Several desks of one code: what an environment is made of, by variables alone."""

from stocks_pipeline.settings import Settings

DESKS = {
    "dev": {"STOCKS_UPSTREAM": "sandbox", "STOCKS_HOME": "/srv/dev"},
    "staging": {"STOCKS_UPSTREAM": "live", "STOCKS_HOME": "/srv/staging", "STOCKS_LLM_BUDGET_USD": "0.10"},
    "prod": {"STOCKS_UPSTREAM": "live", "STOCKS_HOME": "/srv/prod", "STOCKS_LAKE": "s3://prices/prod"},
}


def test_dev_staging_and_prod_share_nothing() -> None:
    """A20: three sets of variables are three desks: no folder, lake, control file or Dagster home in common."""
    found = {name: Settings.load(variables) for name, variables in DESKS.items()}
    for place in ("home", "dagster_home", "lake", "control_db"):
        assert len({str(getattr(desk, place)) for desk in found.values()}) == len(DESKS), place
    assert found["dev"].base_url is not None
    assert found["staging"].base_url is found["prod"].base_url is None
    assert found["staging"].llm.budget_usd < found["prod"].llm.budget_usd

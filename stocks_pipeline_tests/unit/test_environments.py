"""Several desks of one code: the three sets of variables that the documents offer, as a service manager reads them."""

from pathlib import Path

import pytest

from stocks_pipeline.setting_table import TABLE
from stocks_pipeline.settings import Settings

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "environments"
SECRETS = {"STOCKS_ALERT_WEBHOOK_URL": "https://hooks.example.com/x"}
"""What the files leave to a secret store, where a setting needs it to be whole."""


def variables(name: str) -> dict[str, str]:
    """One file's variables."""
    lines = (FOLDER / f"{name}.env").read_text(encoding="utf-8").splitlines()
    pairs: list[list[str]] = [line.split("=", 1) for line in lines if line and not line.startswith("#")]
    return dict(pairs)


def test_dev_staging_and_prod_share_nothing() -> None:
    """A20: three sets of variables are three desks: no folder, lake, control file or Dagster home in common."""
    found = {name: Settings.load(variables(name) | SECRETS) for name in ("dev", "staging", "prod")}
    for place in ("home", "dagster_home", "lake", "control_db"):
        assert len({str(getattr(desk, place)) for desk in found.values()}) == len(found), place
    assert found["dev"].base_url is not None
    assert found["staging"].base_url is found["prod"].base_url is None
    assert found["staging"].llm.budget_usd < found["dev"].llm.budget_usd < found["prod"].llm.budget_usd


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.env")), ids=lambda path: path.stem)
def test_no_sample_holds_a_secret(path: Path) -> None:
    """F14: a file that people copy into a repository names its secrets and holds none."""
    secret = {setting.name for setting in TABLE if setting.secret}
    assert secret
    assert not secret & variables(path.stem).keys()

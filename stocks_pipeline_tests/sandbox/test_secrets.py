"""What must never reach a file: keys of the environment, and the vendor's cookie and crumb."""

from pathlib import Path

import dagster as dg
import pytest

from stocks_pipeline.cli.desk import open_instance
from stocks_pipeline.settings import Settings
from stocks_pipeline.upstream.yahoo_session import Credentials
from stocks_pipeline_tests.fault_desk import FaultDesk, desk_environment, remember_list
from stocks_pipeline_tests.sandbox_server import SandboxServer

pytestmark = pytest.mark.usefixtures("impatient")
KEYS = {
    "AWS_SECRET_ACCESS_KEY": "aws-secret-7Qk2Zr81",
    "AWS_SESSION_TOKEN": "aws-token-5Hn3Wd90",
    "OPENAI_API_KEY": "sk-proj-8Yb4Xc17",
    "STOCKS_LLM_API_KEY": "sk-or-2Mv6Lp53",
    "STOCKS_TWELVE_DATA_API_KEY": "td-9Gs1Tf64",
}
"""Those of other programs that may stand in the same environment, and ours, which every run reads with its settings.
Where ours are sent is tested with the clients that send them (docs/acceptance.md, F14).
"""


def test_no_key_cookie_or_crumb_reaches_a_file(
    world: SandboxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F14: after a day full of faults, refused crumbs among them, no file below STOCKS_HOME holds any of them."""
    for name, value in {**desk_environment(tmp_path, world), **KEYS}.items():
        monkeypatch.setenv(name, value)
    read = Settings.load()
    assert {read.llm.api_key, read.second_vendor.api_key} < set(KEYS.values()), (
        "the desk reads the keys of its settings"
    )
    crumbs = remembered_crumbs(monkeypatch)
    with open_instance(Settings.load()) as instance:
        desk = FaultDesk(tmp_path, world, instance)
        remember_list(desk.lake, world)
        desk.run(limit=110)
        world.fault("500", status=401, symbols=desk.vendor_symbols(1))
        for name, share in (("500", 0.2), ("malformed", 0.1), ("html", 0.1)):
            world.fault(name, share=share)
        done = desk.run(limit=110, refetch=True)
        instance.dispose()

    assert not done.stages[1].success
    assert crumbs
    secrets = {*KEYS.values(), *crumbs}
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.suffix == ".db" for path in files)
    assert {(str(p), s) for p in files for s in secrets if s.encode() in p.read_bytes()} == set()


def remembered_crumbs(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Every crumb and cookie value that the gateway gets from now on."""
    found: set[str] = set()
    really = Credentials._fetch

    def fetch(self: Credentials) -> None:
        really(self)
        found.update(cookie.value or "" for cookie in self._session.cookies.jar)
        found.add(self._crumb.value or "")

    monkeypatch.setattr(Credentials, "_fetch", fetch)
    return found


def test_the_search_finds_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The property above can fail: a secret put into run tags is found in the database's files."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    secret = KEYS["OPENAI_API_KEY"]
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        instance.report_runless_asset_event(dg.AssetMaterialization("leak", metadata={"key": secret}))

    assert any(secret.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())

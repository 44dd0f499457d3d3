"""What assets run on: the settings reach the gateways, each time one is opened, and nothing is dialled by opening."""

import socket
from datetime import date
from pathlib import Path
from typing import Any, NoReturn

import dagster as dg
import pytest

from stocks_pipeline.defs import resources
from stocks_pipeline.defs.resources import (
    AsxListingResource,
    LakeResource,
    TwelveDataResource,
    YahooResource,
    production,
    upstream_limiter,
)
from stocks_pipeline.settings import SettingError, Settings
from stocks_pipeline.storage.validation_keys import SessionPlace
from stocks_pipeline.upstream.asx import DEFAULT_POLICY
from stocks_pipeline.upstream.limits import Rate
from stocks_pipeline_tests.fakes import FakeClock, Unlimited


@pytest.fixture(autouse=True)
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A desk of its own, where nobody may connect to anything."""

    def refuse(*_args: object) -> NoReturn:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    for name in Settings.load({}).environment():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("STOCKS_HOME", str(tmp_path))
    return tmp_path


def test_the_lake_is_where_the_settings_say_at_the_moment_of_opening(
    world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A21: one resource object, and a changed variable is seen by the next run."""
    lake = LakeResource()
    assert lake.open().root == str(world / "lake")
    monkeypatch.setenv("STOCKS_LAKE", str(world / "other"))
    assert lake.open().root == str(world / "other")
    assert LakeResource(root=str(world / "mine")).open().root == str(world / "mine")


def test_a_bad_setting_stops_the_opening_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A21: the run fails with the variable's name, before anything is fetched."""
    monkeypatch.setenv("STOCKS_YAHOO_RATE", "fast")
    with pytest.raises(SettingError, match="STOCKS_YAHOO_RATE"), YahooResource().open(lambda _: "Australia/Sydney"):
        pass


@pytest.mark.parametrize(
    ("world_name", "base", "source"), [("sandbox", "http://127.0.0.1:9", "yahoo-sandbox"), ("live", None, "yahoo")]
)
def test_the_settings_reach_yahoo(
    monkeypatch: pytest.MonkeyPatch, world_name: str, base: str | None, source: str
) -> None:
    """A20: address, pace, concurrency, time-outs and budget are the settings'; rows say which world they are of."""
    given = {
        "STOCKS_UPSTREAM": world_name,
        "STOCKS_SANDBOX_URL": "http://127.0.0.1:9",
        "STOCKS_YAHOO_CONCURRENCY": "7",
        "STOCKS_REQUEST_TIMEOUT": "3",
        "STOCKS_RETRY_BUDGET": "11",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert Settings.load().base_url == base
    with YahooResource().open(lambda _: "Australia/Sydney") as gateway:
        assert gateway.source == source
        assert gateway._crew.size == 7
        assert (gateway._timeout_s, gateway._policy.budget_s) == (3.0, 11.0)
    with pytest.raises(RuntimeError):
        gateway._crew.submit(print)


def test_a_failing_step_closes_its_gateway() -> None:
    """Ctrl-C: whatever happens inside, threads and connections are let go of."""
    opened = YahooResource().open(lambda _: "Australia/Sydney")
    gateway: Any = opened.__enter__()
    assert not opened.__exit__(KeyError, KeyError("boom"), None), "the error goes on"
    with pytest.raises(RuntimeError):
        gateway._crew.submit(print)


def test_the_settings_reach_the_listing(monkeypatch: pytest.MonkeyPatch) -> None:
    """F18: the listing keeps its own few tries (its other form is the better one) inside the budget of the settings."""
    monkeypatch.setenv("STOCKS_RETRY_BUDGET", "11")
    monkeypatch.setenv("STOCKS_REQUEST_TIMEOUT", "3")
    gateway = AsxListingResource().open()
    assert (gateway._policy.attempts, gateway._policy.rate_attempts) == (
        DEFAULT_POLICY.attempts,
        DEFAULT_POLICY.rate_attempts,
    )
    assert (gateway._policy.budget_s, gateway._timeout_s) == (11.0, 3.0)
    assert gateway._base == "http://127.0.0.1:8900"


def test_two_gateways_of_one_desk_share_one_limit(world: Path) -> None:
    """D37, E17: what one process spends the other one cannot: the ledger is a file of the desk."""
    first, second = (upstream_limiter(Settings.load(), "yahoo", 100) for _ in range(2))
    first.acquire(3)
    assert second.used(60.0) == 3
    assert upstream_limiter(Settings.load(), "asx", 1).used(60.0) == 0
    assert (world / "control.db").exists()


def test_the_rate_is_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """E17: STOCKS_YAHOO_RATE is requests in any one second, and the listing is asked once a second."""
    asked: list[tuple[str, list[Rate]]] = []

    def record(_url: str, key: str, rates: list[Rate], **_more: object) -> object:
        asked.append((key, rates))
        return Unlimited(FakeClock())

    monkeypatch.setattr("stocks_pipeline.upstream.limits.open_limiter", record)
    monkeypatch.setenv("STOCKS_YAHOO_RATE", "17")
    with YahooResource().open(lambda _: "Australia/Sydney"):
        pass
    AsxListingResource().open()
    assert asked == [("yahoo", [Rate(17, 1.0)]), ("asx", [Rate(1, 1.0)])]


@pytest.mark.parametrize(
    ("plan", "per_minute", "daily"), [("basic8", 8, 800), ("grow377", 377, None), ("30/2000/10", 30, 2000)]
)
def test_the_plan_is_the_second_vendors_limit(
    monkeypatch: pytest.MonkeyPatch, plan: str, per_minute: int, daily: int | None
) -> None:
    """D34, D41: what STOCKS_TWELVE_DATA_PLAN allows a minute and a day is what the limiter of the key keeps to."""
    asked: list[tuple[str, list[Rate], object]] = []

    def record(_url: str, key: str, rates: list[Rate], **more: object) -> object:
        asked.append((key, rates, more["daily"]))
        return Unlimited(FakeClock())

    monkeypatch.setattr("stocks_pipeline.upstream.limits.open_limiter", record)
    monkeypatch.setenv("STOCKS_TWELVE_DATA_PLAN", plan)
    with TwelveDataResource().open(LakeResource().open(), SessionPlace("us", date(2026, 1, 5))):
        pass
    assert asked == [("twelvedata", [Rate(per_minute, 60.0)], daily)]


def test_every_key_that_assets_need_is_there() -> None:
    """E35: production names each resource, and the lake on S3 is not loaded for a folder."""
    made = production()
    assert {"lake", "yahoo", "asx_listing", "clock"} <= set(made)
    assert all(callable(getattr(found, "open", None)) for key, found in made.items() if key != "clock")
    assert isinstance(made["lake"], dg.ConfigurableResource)


def test_s3_is_opened_only_for_an_s3_lake(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """E05: a lake in a bucket gets a client of dagster-aws at the endpoint of the settings; a folder gets none."""
    endpoints: list[str | None] = []
    monkeypatch.setattr(resources, "s3_client", lambda endpoint: endpoints.append(endpoint) or object())
    LakeResource().open().exists("asx/daily/2025-12-05.parquet")
    assert endpoints == []
    monkeypatch.setenv("STOCKS_S3_ENDPOINT", "http://127.0.0.1:5000")
    lake = LakeResource(root="s3://bucket/prefix").open()
    assert lake.root == "s3://bucket/prefix"
    with pytest.raises(Exception):  # noqa: B017, PT011 - the stand-in is no client; that it was asked for is the point
        lake.read("asx/daily/2025-12-05.parquet")
    assert endpoints == ["http://127.0.0.1:5000"]
    assert not (world / "lake").exists()

"""What assets run on: Dagster resources that open the lake and the gateways from the settings.

What belongs here: thin adapters, plain classes where there is nothing to configure (each pydantic class costs every
process 10 ms to make); the settings are read when one is opened, so a changed
variable needs no restart. What does not: behaviour. Tests hand in plain objects with the same methods.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import dagster as dg

from stocks_pipeline.clock import SystemClock
from stocks_pipeline.defs.limiters import upstream_limiter
from stocks_pipeline.defs.paid_resources import NarratorResource, TwelveDataResource
from stocks_pipeline.settings import Settings
from stocks_pipeline.storage.lake import Lake, open_lake

if TYPE_CHECKING:
    from stocks_pipeline.upstream.asx import AsxListing
    from stocks_pipeline.upstream.news import News
    from stocks_pipeline.upstream.strategy_files import StrategyFiles
    from stocks_pipeline.upstream.yahoo import Yahoo
    from stocks_pipeline.upstream.yahoo_company import YahooCompany

__all__ = [
    "AsxListingResource",
    "LakeResource",
    "NarratorResource",
    "NewsResource",
    "StrategiesResource",
    "TwelveDataResource",
    "YahooCompanyResource",
    "YahooResource",
    "production",
    "s3_client",
    "upstream_limiter",
]


class LakeResource(dg.ConfigurableResource[Lake]):
    """The lake: a folder, or `s3://` through dagster-aws."""

    root: str = ""
    """Empty: STOCKS_LAKE."""

    def open(self) -> Lake:
        """The lake at `root`."""
        settings = Settings.load()
        return open_lake(self.root or settings.lake, s3_client=lambda: s3_client(settings.s3_endpoint))


class YahooResource:
    """Daily bars from Yahoo Finance, polite by default: one rate limit for all processes."""

    @contextmanager
    def open(self, tz_of: Callable[[str], str]) -> Iterator["Yahoo"]:
        """A gateway for the length of one step; `tz_of` maps a Yahoo symbol to its exchange's time zone."""
        from stocks_pipeline.upstream.http import RetryPolicy
        from stocks_pipeline.upstream.yahoo import Yahoo

        settings = Settings.load()
        gateway = Yahoo(
            base_url=settings.base_url,
            limiter=upstream_limiter(settings, "yahoo", settings.yahoo_rate),
            clock=SystemClock(),
            tz_of=tz_of,
            concurrency=settings.yahoo_concurrency,
            policy=RetryPolicy(budget_s=settings.retry_budget_s),
            request_timeout_s=settings.request_timeout_s,
        )
        try:
            yield gateway
        finally:
            gateway.close()


class YahooCompanyResource:
    """What Yahoo says about companies; optional: a morning goes on without."""

    @contextmanager
    def open(self, tz_of: Callable[[str], str]) -> Iterator["YahooCompany"]:
        """A gateway for the length of one step; it shares the bars' rate limit and, in yfinance, their `tz_of`."""
        from stocks_pipeline.upstream.http import RetryPolicy
        from stocks_pipeline.upstream.yahoo_company import YahooCompany

        settings = Settings.load()
        gateway = YahooCompany(
            base_url=settings.base_url,
            limiter=upstream_limiter(settings, "yahoo", settings.yahoo_rate),
            clock=SystemClock(),
            policy=RetryPolicy(attempts=2, budget_s=min(10.0, settings.retry_budget_s), rate_attempts=1),
            request_timeout_s=min(5.0, settings.request_timeout_s),
            tz_of=tz_of,
        )
        try:
            yield gateway
        finally:
            gateway.close()


class AsxListingResource:
    """The list of companies that the ASX publishes."""

    def open(self) -> "AsxListing":
        """The gateway."""
        from stocks_pipeline.upstream.asx import DEFAULT_POLICY, AsxListing

        settings = Settings.load()
        return AsxListing(
            base_url=settings.base_url,
            limiter=upstream_limiter(settings, "asx", 1),
            clock=SystemClock(),
            policy=replace(DEFAULT_POLICY, budget_s=settings.retry_budget_s),
            request_timeout_s=settings.request_timeout_s,
        )


class StrategiesResource:
    """The symbols of the strategy files."""

    def open(self) -> "StrategyFiles":
        """The folder of STOCKS_STRATEGIES, or the packaged one."""
        from stocks_pipeline.upstream.strategy_files import StrategyFiles

        return StrategyFiles(Settings.load().strategies)


class NewsResource:
    """Headlines from Yahoo's feeds; optional: a report says when there are none to be had."""

    @contextmanager
    def open(self) -> Iterator["News"]:
        """The gateway."""
        from stocks_pipeline.upstream.http import RetryPolicy
        from stocks_pipeline.upstream.news import News

        settings = Settings.load()
        gateway = News(
            base_url=settings.base_url,
            limiter=upstream_limiter(settings, "news", settings.yahoo_rate),
            clock=SystemClock(),
            policy=RetryPolicy(attempts=2, budget_s=20.0, rate_attempts=2),
        )
        try:
            yield gateway
        finally:
            gateway.close()


def s3_client(endpoint: str | None) -> Any:
    """A boto3 client through dagster-aws, imported only here: it costs every process 1.5-2.5 s of CPU."""
    from dagster_aws.s3 import S3Resource

    return S3Resource(endpoint_url=endpoint).get_client()


def production() -> dict[str, object]:
    """The resources of the code location, by key."""
    return {
        "lake": LakeResource(),
        "yahoo": YahooResource(),
        "yahoo_company": YahooCompanyResource(),
        "asx_listing": AsxListingResource(),
        "us_strategies": StrategiesResource(),
        "twelve_data": TwelveDataResource(),
        "narrator": NarratorResource(),
        "news": NewsResource(),
        "clock": SystemClock(),
    }

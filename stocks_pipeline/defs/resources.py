"""What assets run on: Dagster resources that open the lake and the gateways from the settings.

What belongs here: thin `ConfigurableResource` adapters; the settings are read when one is opened, so a changed
variable needs no restart. What does not: behaviour. Tests hand in plain objects with the same methods.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg

from stocks_pipeline.clock import SystemClock
from stocks_pipeline.settings import SettingError, Settings
from stocks_pipeline.storage.lake import Lake, open_lake

if TYPE_CHECKING:
    from stocks_pipeline.upstream.asx import AsxListing
    from stocks_pipeline.upstream.limits import Limiter
    from stocks_pipeline.upstream.narrator import AnswerStore, LlmCall, Narrator
    from stocks_pipeline.upstream.news import News
    from stocks_pipeline.upstream.strategy_files import StrategyFiles
    from stocks_pipeline.upstream.twelve_data import TwelveData
    from stocks_pipeline.upstream.yahoo import Yahoo
    from stocks_pipeline.upstream.yahoo_company import YahooCompany


class LakeResource(dg.ConfigurableResource[Lake]):
    """The lake: a folder, or `s3://` through dagster-aws."""

    root: str = ""
    """Empty: STOCKS_LAKE."""

    def open(self) -> Lake:
        """The lake at `root`."""
        settings = Settings.load()
        return open_lake(self.root or settings.lake, s3_client=lambda: s3_client(settings.s3_endpoint))


class YahooResource(dg.ConfigurableResource[Any]):
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


class YahooCompanyResource(dg.ConfigurableResource[Any]):
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


class AsxListingResource(dg.ConfigurableResource[Any]):
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


class StrategiesResource(dg.ConfigurableResource[Any]):
    """The symbols of the strategy files."""

    def open(self) -> "StrategyFiles":
        """The folder of STOCKS_STRATEGIES, or the packaged one."""
        from stocks_pipeline.upstream.strategy_files import StrategyFiles

        return StrategyFiles(Settings.load().strategies)


class NarratorResource(dg.ConfigurableResource[Any]):
    """The model that writes the reports: any OpenAI-compatible service."""

    @contextmanager
    def open(self, store: "AnswerStore", record: Callable[["LlmCall"], None]) -> Iterator["Narrator"]:
        """A gateway for the length of one step; `store` keeps paid answers, `record` takes a row for every call.

        Raises:
            SettingError: live without STOCKS_LLM_API_KEY.
        """
        from stocks_pipeline.domain.reports.answer import response_format
        from stocks_pipeline.upstream.budget import Budget
        from stocks_pipeline.upstream.http import RetryPolicy
        from stocks_pipeline.upstream.narrator import Narrator

        settings = Settings.load()
        llm, clock = settings.llm, SystemClock()
        gateway = Narrator(
            base_url=llm.base_url if settings.base_url is None else f"{settings.base_url}/openrouter.ai/api/v1",
            api_key=_llm_key(settings),
            model=llm.model,
            temperature=llm.temperature,
            schema=response_format()["json_schema"]["schema"],
            clock=clock,
            limiter=upstream_limiter(settings, "model", llm.concurrency),
            store=store,
            budget=Budget(settings.control_db, llm.budget_usd, clock=clock),
            record=record,
            policy=RetryPolicy(attempts=3, budget_s=3 * llm.timeout_s, base_s=1.0),
            timeout_s=llm.timeout_s,
        )
        try:
            yield gateway
        finally:
            gateway.close()


class NewsResource(dg.ConfigurableResource[Any]):
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


class TwelveDataResource(dg.ConfigurableResource[Any]):
    """The second vendor, within what its plan allows a minute and a day, over all processes."""

    @contextmanager
    def open(self, lake: Lake, market: str, day: date) -> Iterator["TwelveData"]:
        """A gateway for the length of one step; every call is kept in the lake, for the audit of its credits.

        Raises:
            SettingError: live without STOCKS_TWELVE_DATA_API_KEY.
        """
        from stocks_pipeline.defs.us.calls import CallLog
        from stocks_pipeline.domain.plans import plan_named
        from stocks_pipeline.upstream.http import RetryPolicy
        from stocks_pipeline.upstream.limits import Rate, open_limiter
        from stocks_pipeline.upstream.twelve_data import TwelveData

        settings, clock = Settings.load(), SystemClock()
        vendor = settings.second_vendor
        if settings.base_url is None and vendor.api_key is None:
            raise SettingError("STOCKS_TWELVE_DATA_API_KEY is not set; live validation needs the vendor's key")
        plan = plan_named(vendor.plan)
        rates = [Rate(plan.credits_per_minute, vendor.minute_s)]
        daily = plan.credits_per_day
        limiter = open_limiter(
            str(settings.control_db), "twelvedata", rates, clock=clock, upstream="twelvedata", daily=daily
        )
        gateway = TwelveData(
            base_url=settings.base_url,
            api_key=vendor.api_key or "sandbox",
            limiter=limiter,
            clock=clock,
            policy=RetryPolicy(attempts=3, budget_s=settings.retry_budget_s),
            record=CallLog(lake, market, day).record,
        )
        try:
            yield gateway
        finally:
            gateway.close()


def _llm_key(settings: Settings) -> str:
    """The key of the model's service; the sandbox takes any.

    Raises:
        SettingError: live without one. Its value is never shown.
    """
    if settings.base_url is not None:
        return "sk-sandbox"
    if settings.llm.api_key is None:
        raise SettingError("STOCKS_LLM_API_KEY is not set; live reports need the key of STOCKS_LLM_BASE_URL")
    return settings.llm.api_key


def upstream_limiter(settings: Settings, upstream: str, per_second: int) -> "Limiter":
    """The limit that every process of this desk shares for one upstream."""
    from stocks_pipeline.upstream.limits import Rate, open_limiter

    return open_limiter(
        str(settings.control_db), upstream, [Rate(per_second, 1.0)], clock=SystemClock(), upstream=upstream
    )


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

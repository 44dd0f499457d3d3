"""Resources of vendors that must be paid, by the call or by a plan: the model that writes, and the second price vendor.

What belongs here: thin adapters like those of resources.py, which lists them all. What does not: budgets and credits
themselves (upstream/budget.py, upstream/limits.py).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from stocks_pipeline.clock import SystemClock
from stocks_pipeline.defs.limiters import upstream_limiter
from stocks_pipeline.settings import SettingError, Settings
from stocks_pipeline.storage.lake import Lake

if TYPE_CHECKING:
    from stocks_pipeline.storage.validation_keys import SessionPlace
    from stocks_pipeline.upstream.http import RetryPolicy
    from stocks_pipeline.upstream.limits import SharedLimiter
    from stocks_pipeline.upstream.narrator import AnswerStore, LlmCall, Narrator
    from stocks_pipeline.upstream.twelve_data import TwelveData


class NarratorResource:
    """The model that writes the reports: any OpenAI-compatible service."""

    @contextmanager
    def open(self, store: "AnswerStore", record: Callable[["LlmCall"], None]) -> Iterator["Narrator"]:
        """A gateway for the length of one step; `store` keeps paid answers, `record` takes a row for every call.

        Raises:
            SettingError: live without STOCKS_LLM_API_KEY.
        """
        from stocks_pipeline.domain.reports.answer import response_format
        from stocks_pipeline.upstream.budget import Budget
        from stocks_pipeline.upstream.claims import Claims
        from stocks_pipeline.upstream.http import RetryPolicy
        from stocks_pipeline.upstream.narrator import Narrator

        settings = Settings.load()
        llm, clock = settings.llm, SystemClock()
        gateway = Narrator(
            base_url=llm.base_url if settings.base_url is None else f"{settings.base_url}/openrouter.ai/api/v1",
            api_key=llm_key(settings),
            model=llm.model,
            temperature=llm.temperature,
            schema=response_format()["json_schema"]["schema"],
            clock=clock,
            limiter=upstream_limiter(settings, "model", llm.concurrency),
            store=store,
            budget=Budget(settings.limits, llm.budget_usd, clock=clock),
            claims=Claims(settings.limits, clock=clock),
            record=record,
            policy=RetryPolicy(attempts=3, budget_s=3 * llm.timeout_s, base_s=1.0),
            timeout_s=llm.timeout_s,
            max_tokens=llm.max_tokens,
        )
        try:
            yield gateway
        finally:
            gateway.close()


class TwelveDataResource:
    """The second vendor, within what its plan allows a minute and a day, over all processes."""

    @contextmanager
    def open(self, lake: Lake, place: "SessionPlace") -> Iterator["TwelveData"]:
        """A gateway for the length of one step; every call is kept with its session, for the audit of its credits.

        Raises:
            SettingError: live without STOCKS_TWELVE_DATA_API_KEY.
        """
        from stocks_pipeline.defs.us.calls import CallLog
        from stocks_pipeline.domain.credit_audit import Limit
        from stocks_pipeline.domain.plans import plan_named
        from stocks_pipeline.upstream.twelve_data import TwelveData

        settings, clock = Settings.load(), SystemClock()
        vendor = settings.second_vendor
        if settings.base_url is None and vendor.api_key is None:
            raise SettingError("STOCKS_TWELVE_DATA_API_KEY is not set; live validation needs the vendor's key")
        plan = plan_named(vendor.plan)
        daily = plan.credits_per_day
        gateway = TwelveData(
            base_url=settings.base_url,
            api_key=vendor.api_key or "sandbox",
            limiter=_credits(settings),
            clock=clock,
            policy=_patience(settings),
            record=CallLog(lake, place, Limit(plan.credits_per_minute, daily, vendor.minute_s)).record,
            minute_s=vendor.minute_s,
            credits_per_minute=plan.credits_per_minute,
            request_timeout_s=max(30.0, settings.request_timeout_s),
        )
        try:
            yield gateway
        finally:
            gateway.close()

    def left_today(self) -> int | None:
        """Credits that the UTC day has left, over all processes; None where the plan has no cap."""
        limiter = _credits(Settings.load())
        try:
            return limiter.left_today()
        finally:
            limiter.close()


def _credits(settings: Settings) -> "SharedLimiter":
    """The limit of the plan that is set."""
    from stocks_pipeline.domain.plans import plan_named
    from stocks_pipeline.upstream.limits import Rate, open_limiter

    vendor = settings.second_vendor
    plan, name = plan_named(vendor.plan), "twelvedata"
    rates = [Rate(plan.credits_per_minute, vendor.minute_s)]
    daily = plan.credits_per_day
    return open_limiter(settings.limits, name, rates, clock=SystemClock(), upstream=name, daily=daily)


def _patience(settings: Settings) -> "RetryPolicy":
    """Half a second and five of a real minute of the second vendor's; a sandbox's shorter minute in proportion."""
    from stocks_pipeline.upstream.http import RetryPolicy

    minute_s = settings.second_vendor.minute_s
    return RetryPolicy(attempts=3, budget_s=settings.retry_budget_s, base_s=minute_s / 120, cool_down_s=minute_s / 12)


def llm_key(settings: Settings) -> str:
    """The key of the model's service; the sandbox takes any.

    Raises:
        SettingError: live without one. Its value is never shown.
    """
    if settings.base_url is not None:
        return "sk-sandbox"
    if settings.llm.api_key is None:
        raise SettingError("STOCKS_LLM_API_KEY is not set; live reports need the key of STOCKS_LLM_BASE_URL")
    return settings.llm.api_key

"""The settings of this process: the environment's variables, typed and checked.

What belongs here: `Settings` and its sections. `Settings.load` is called when a resource is built or a command starts,
never at import, so a changed variable needs no restart of the code server. What does not: the table of variables
(setting_table.py), reading one (setting_values.py), reading `os.environ` anywhere else (a test greps for it), and
values that belong in run config (a date, a limit).
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Literal

from stocks_pipeline.setting_table import TABLE, Setting
from stocks_pipeline.setting_values import SettingError, database, folder, given, lake_address, number, url

__all__ = [
    "TABLE",
    "AlertSettings",
    "LlmSettings",
    "SecondVendorSettings",
    "Setting",
    "SettingError",
    "Settings",
    "lake_root",
]

Upstream = Literal["sandbox", "live"]


@dataclass(frozen=True)
class LlmSettings:
    """How reports are written. The key never shows in a repr."""

    base_url: str
    api_key: str | None = field(repr=False)
    model: str
    temperature: float
    concurrency: int
    budget_usd: Decimal
    timeout_s: float
    max_tokens: int
    language: Literal["en", "th"]

    @classmethod
    def of(cls, found: Mapping[str, str]) -> "LlmSettings":
        """From the variables that are set.

        Raises:
            SettingError: a value out of its range.
        """
        language = found.get("STOCKS_REPORT_LANGUAGE", "en")
        if language not in {"en", "th"}:
            raise SettingError(f"STOCKS_REPORT_LANGUAGE is {language!r}; valid: en, th")
        return cls(
            base_url=url(found, "STOCKS_LLM_BASE_URL", "https://openrouter.ai/api/v1"),
            api_key=found.get("STOCKS_LLM_API_KEY"),
            model=found.get("STOCKS_LLM_MODEL", "openai/gpt-4o"),
            temperature=number(found, "STOCKS_LLM_TEMPERATURE", 0.4, float, 0.0, 2.0),
            concurrency=number(found, "STOCKS_LLM_CONCURRENCY", 48, int, 1, 256),
            budget_usd=Decimal(str(number(found, "STOCKS_LLM_BUDGET_USD", 2.0, float, 0.0, 10_000.0))),
            timeout_s=number(found, "STOCKS_LLM_TIMEOUT", 60.0, float, 1.0, 600.0),
            max_tokens=number(found, "STOCKS_LLM_MAX_TOKENS", 2000, int, 200, 100_000),
            language="th" if language == "th" else "en",
        )


@dataclass(frozen=True)
class SecondVendorSettings:
    """Twelve Data: whom prices are checked against. The key never shows in a repr."""

    api_key: str | None = field(repr=False)
    plan: str
    minute_s: float

    @classmethod
    def of(cls, found: Mapping[str, str], *, live: bool) -> "SecondVendorSettings":
        """From the variables that are set.

        Raises:
            SettingError: a value out of its range, a plan that is none, or another minute than the real vendor's.
        """
        from stocks_pipeline.domain.plans import UnknownPlanError, plan_named

        plan = found.get("STOCKS_TWELVE_DATA_PLAN", "basic8")
        try:
            plan_named(plan)
        except UnknownPlanError as error:
            raise SettingError(f"STOCKS_TWELVE_DATA_PLAN is {plan!r}; {error}") from None
        minute_s = number(found, "STOCKS_CREDIT_MINUTE", 60.0, float, 0.1, 60.0)
        if live and minute_s != 60.0:  # noqa: PLR2004 - a minute
            raise SettingError(f"STOCKS_CREDIT_MINUTE is {minute_s:g}; live the vendor's minute is 60 s: unset it")
        return cls(found.get("STOCKS_TWELVE_DATA_API_KEY"), plan, minute_s)


DEFAULT_UI = "http://127.0.0.1:3000"
SINKS = ("log", "webhook", "sns", "eventbridge")


@dataclass(frozen=True)
class AlertSettings:
    """Where alerts go."""

    sinks: tuple[str, ...]
    webhook_url: str | None = field(repr=False)
    sns_topic: str | None
    event_bus: str
    endpoint: str | None
    ui_url: str
    """What a link begins with."""

    @classmethod
    def of(cls, found: Mapping[str, str]) -> "AlertSettings":
        """From the variables that are set.

        Raises:
            SettingError: an unknown sink, or one without its address.
        """
        sinks = tuple(dict.fromkeys(s.strip() for s in found.get("STOCKS_ALERT_SINKS", "log").split(",") if s.strip()))
        if not set(sinks) <= set(SINKS):
            raise SettingError(f"STOCKS_ALERT_SINKS is {','.join(sinks)!r}; valid: {', '.join(SINKS)}")
        for sink, name in (("webhook", "STOCKS_ALERT_WEBHOOK_URL"), ("sns", "STOCKS_ALERT_SNS_TOPIC")):
            if sink in sinks and name not in found:
                raise SettingError(f"STOCKS_ALERT_SINKS has {sink}, which needs {name}")
        return cls(
            sinks,
            url(found, "STOCKS_ALERT_WEBHOOK_URL", "") if "STOCKS_ALERT_WEBHOOK_URL" in found else None,
            found.get("STOCKS_ALERT_SNS_TOPIC"),
            found.get("STOCKS_ALERT_EVENT_BUS", "default"),
            url(found, "STOCKS_ALERT_ENDPOINT", "") if "STOCKS_ALERT_ENDPOINT" in found else None,
            url(found, "STOCKS_UI_URL", DEFAULT_UI),
        )


@dataclass(frozen=True)
class Settings:
    """The table's values, checked. Paths are absolute."""

    upstream: Upstream
    sandbox_url: str
    home: Path
    dagster_home: Path
    lake: str
    control_db: Path
    limits_url: str | None = field(repr=False)
    s3_endpoint: str | None
    yahoo_rate: int
    yahoo_concurrency: int
    batch_concurrency: int
    request_timeout_s: float
    retry_budget_s: float
    dr_tickers: Path | None
    strategies: Path
    llm: LlmSettings
    second_vendor: SecondVendorSettings
    alerts: AlertSettings
    retention_days: int

    @property
    def base_url(self) -> str | None:
        """What gateways put in front of a vendor's host; None means the vendor itself."""
        return self.sandbox_url if self.upstream == "sandbox" else None

    @property
    def limits(self) -> str:
        """Where the rate limits are kept: the database of several machines, else the control file of this one."""
        return self.limits_url or str(self.control_db)

    @classmethod
    def load(cls, env: Mapping[str, str] | None = None) -> "Settings":
        """The settings of this process.

        Raises:
            SettingError: an unknown `STOCKS_` variable or a value out of its range.
        """
        found = given(os.environ if env is None else env)
        upstream = _upstream(found.get("STOCKS_UPSTREAM", "sandbox"))
        home = folder(found, "STOCKS_HOME", Path(".stocks") / upstream)
        return cls(
            upstream=upstream,
            sandbox_url=url(found, "STOCKS_SANDBOX_URL", "http://127.0.0.1:8900"),
            home=home,
            dagster_home=folder(found, "DAGSTER_HOME", home / "dagster"),
            lake=lake_address(found.get("STOCKS_LAKE", str(home / "lake"))),
            control_db=folder(found, "STOCKS_CONTROL_DB", home / "control.db"),
            limits_url=database(found, "STOCKS_LIMITS_URL"),
            s3_endpoint=url(found, "STOCKS_S3_ENDPOINT", "") if "STOCKS_S3_ENDPOINT" in found else None,
            yahoo_rate=number(found, "STOCKS_YAHOO_RATE", 5 if upstream == "live" else 400, int, 1, 10_000),
            yahoo_concurrency=number(found, "STOCKS_YAHOO_CONCURRENCY", 40, int, 1, 256),
            batch_concurrency=number(found, "STOCKS_BATCH_CONCURRENCY", 10, int, 1, 64),
            request_timeout_s=number(found, "STOCKS_REQUEST_TIMEOUT", 10.0, float, 0.1, 300.0),
            retry_budget_s=number(found, "STOCKS_RETRY_BUDGET", 60.0, float, 0.1, 900.0),
            dr_tickers=folder(found, "STOCKS_DR_TICKERS", Path()) if "STOCKS_DR_TICKERS" in found else None,
            strategies=folder(found, "STOCKS_STRATEGIES", Path(__file__).parent / "domain" / "strategies"),
            llm=LlmSettings.of(found),
            second_vendor=SecondVendorSettings.of(found, live=upstream == "live"),
            alerts=AlertSettings.of(found),
            retention_days=number(found, "STOCKS_RETENTION_DAYS", 7, int, 1, 3650),
        )

    def environment(self) -> dict[str, str]:
        """The variables that give another process the same world."""
        return {
            "STOCKS_UPSTREAM": self.upstream,
            "STOCKS_SANDBOX_URL": self.sandbox_url,
            "STOCKS_HOME": str(self.home),
            "DAGSTER_HOME": str(self.dagster_home),
            "STOCKS_LAKE": self.lake,
            "STOCKS_CONTROL_DB": str(self.control_db),
            "STOCKS_CREDIT_MINUTE": str(self.second_vendor.minute_s),
            "STOCKS_UI_URL": self.alerts.ui_url,
            **({"STOCKS_S3_ENDPOINT": self.s3_endpoint} if self.s3_endpoint else {}),
        }


def _upstream(value: str) -> Upstream:
    if value == "sandbox":
        return "sandbox"
    if value == "live":
        return "live"
    raise SettingError(f"STOCKS_UPSTREAM is {value!r}; valid: sandbox, live")


def lake_root() -> str:
    """Where the lake is, by the environment."""
    return Settings.load().lake

"""Every environment variable the platform reads, in one typed table.

What belongs here: names, defaults, meaning and validation. `Settings.load` is called when a resource is built or a
command starts, never at import, so a changed variable needs no restart of the code server. What does not: reading
`os.environ` anywhere else (a test greps for it) and values that belong in run config (a date, a limit).
"""

import difflib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Literal, TypeVar
from urllib.parse import urlsplit

from stocks_pipeline.upstream.redaction import redact

Upstream = Literal["sandbox", "live"]
N = TypeVar("N", int, float)


class SettingError(ValueError):
    """A variable that cannot be used; the message names it and what is valid, never a secret's value."""


@dataclass(frozen=True)
class Setting:
    """One row of the table."""

    name: str
    default: str
    help: str
    secret: bool = False


TABLE: tuple[Setting, ...] = (
    Setting(
        "STOCKS_UPSTREAM", "sandbox", "Where data comes from: `sandbox` (offline server) or `live` (Yahoo, the ASX)."
    ),
    Setting("STOCKS_SANDBOX_URL", "http://127.0.0.1:8900", "Address of the sandbox server."),
    Setting("STOCKS_HOME", ".stocks/<upstream>", "Folder of this desk's state; one for each world, so they never mix."),
    Setting("DAGSTER_HOME", "<STOCKS_HOME>/dagster", "Dagster's own storage: runs, events, schedules."),
    Setting("STOCKS_LAKE", "<STOCKS_HOME>/lake", "Root of the data: a folder or `s3://bucket/prefix`."),
    Setting(
        "STOCKS_CONTROL_DB", "<STOCKS_HOME>/control.db", "SQLite file of the rate limits that all processes share."
    ),
    Setting("STOCKS_S3_ENDPOINT", "", "Another S3 endpoint than AWS's, for MinIO and tests."),
    Setting("STOCKS_YAHOO_RATE", "5 live, 400 sandbox", "Requests a second to Yahoo, all processes together."),
    Setting("STOCKS_YAHOO_CONCURRENCY", "40", "Requests to Yahoo in flight in one process, 1 to 256."),
    Setting("STOCKS_BATCH_CONCURRENCY", "10", "Batches worked on at once in one run, 1 to 64."),
    Setting("STOCKS_REQUEST_TIMEOUT", "10", "Seconds to wait for one answer of an upstream, up to 300."),
    Setting("STOCKS_RETRY_BUDGET", "60", "Seconds one symbol may spend on retries, waiting for its turn not counted."),
    Setting("STOCKS_DR_TICKERS", "", "CSV file of the DR tickers, instead of the list that the package ships."),
    Setting("STOCKS_LLM_BASE_URL", "https://openrouter.ai/api/v1", "Any OpenAI-compatible service; live only."),
    Setting("STOCKS_LLM_API_KEY", "", "Its key. Needed live; the sandbox takes none.", secret=True),
    Setting("STOCKS_LLM_MODEL", "openai/gpt-4o", "Model that writes the reports."),
    Setting("STOCKS_LLM_TEMPERATURE", "0.4", "0 to 2."),
    Setting("STOCKS_LLM_CONCURRENCY", "48", "Reports in work at once in one run, 1 to 256."),
    Setting("STOCKS_LLM_BUDGET_USD", "2.00", "Most that a day's reports may cost, all processes together."),
    Setting("STOCKS_LLM_TIMEOUT", "60", "Seconds to wait for one answer of the model, up to 600."),
    Setting("STOCKS_REPORT_LANGUAGE", "en", "Language of the reports: en or th."),
    Setting("STOCKS_SHARED_DATA", "", "Tests and benchmarks only: folder with recorded real data."),
)
"""All of it. README.md lists the same rows; test_docs compares."""

_OURS = "STOCKS_"


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
            base_url=_url(found, "STOCKS_LLM_BASE_URL", "https://openrouter.ai/api/v1"),
            api_key=found.get("STOCKS_LLM_API_KEY"),
            model=found.get("STOCKS_LLM_MODEL", "openai/gpt-4o"),
            temperature=_number(found, "STOCKS_LLM_TEMPERATURE", 0.4, float, 0.0, 2.0),
            concurrency=_number(found, "STOCKS_LLM_CONCURRENCY", 48, int, 1, 256),
            budget_usd=Decimal(str(_number(found, "STOCKS_LLM_BUDGET_USD", 2.0, float, 0.0, 10_000.0))),
            timeout_s=_number(found, "STOCKS_LLM_TIMEOUT", 60.0, float, 1.0, 600.0),
            language="th" if language == "th" else "en",
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
    s3_endpoint: str | None
    yahoo_rate: int
    yahoo_concurrency: int
    batch_concurrency: int
    request_timeout_s: float
    retry_budget_s: float
    dr_tickers: Path | None
    llm: "LlmSettings"

    @property
    def base_url(self) -> str | None:
        """What gateways put in front of a vendor's host; None means the vendor itself."""
        return self.sandbox_url if self.upstream == "sandbox" else None

    @classmethod
    def load(cls, env: Mapping[str, str] | None = None) -> "Settings":
        """The settings of this process.

        Raises:
            SettingError: an unknown `STOCKS_` variable or a value out of its range.
        """
        found = _given(os.environ if env is None else env)
        upstream = _upstream(found.get("STOCKS_UPSTREAM", "sandbox"))
        home = _folder(found, "STOCKS_HOME", Path(".stocks") / upstream)
        return cls(
            upstream=upstream,
            sandbox_url=_url(found, "STOCKS_SANDBOX_URL", "http://127.0.0.1:8900"),
            home=home,
            dagster_home=_folder(found, "DAGSTER_HOME", home / "dagster"),
            lake=_root(found.get("STOCKS_LAKE", str(home / "lake"))),
            control_db=_folder(found, "STOCKS_CONTROL_DB", home / "control.db"),
            s3_endpoint=_url(found, "STOCKS_S3_ENDPOINT", "") if "STOCKS_S3_ENDPOINT" in found else None,
            yahoo_rate=_number(found, "STOCKS_YAHOO_RATE", 5 if upstream == "live" else 400, int, 1, 10_000),
            yahoo_concurrency=_number(found, "STOCKS_YAHOO_CONCURRENCY", 40, int, 1, 256),
            batch_concurrency=_number(found, "STOCKS_BATCH_CONCURRENCY", 10, int, 1, 64),
            request_timeout_s=_number(found, "STOCKS_REQUEST_TIMEOUT", 10.0, float, 0.1, 300.0),
            retry_budget_s=_number(found, "STOCKS_RETRY_BUDGET", 60.0, float, 0.1, 900.0),
            dr_tickers=_folder(found, "STOCKS_DR_TICKERS", Path()) if "STOCKS_DR_TICKERS" in found else None,
            llm=LlmSettings.of(found),
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
            **({"STOCKS_S3_ENDPOINT": self.s3_endpoint} if self.s3_endpoint else {}),
        }


def lake_root() -> str:
    """Where the lake is, by the environment."""
    return Settings.load().lake


def _given(env: Mapping[str, str]) -> dict[str, str]:
    """Our variables that hold something. Quotes around a value are a habit of .env files, not part of it."""
    known = {row.name for row in TABLE}
    for name in env:
        if name.startswith(_OURS) and name not in known:
            close = difflib.get_close_matches(name.removeprefix(_OURS), (k.removeprefix(_OURS) for k in known), n=1)
            near = next((k for k in known if close and k.removeprefix(_OURS) == close[0]), None)
            hint = f"; did you mean {near}?" if near else f"; known: {', '.join(sorted(known))}"
            raise SettingError(f"{name} is not a setting{hint}")
    return {name: value for name in known if (value := env.get(name, "").strip().strip("'\"").strip())}


def _upstream(value: str) -> Upstream:
    if value == "sandbox":
        return "sandbox"
    if value == "live":
        return "live"
    raise SettingError(f"STOCKS_UPSTREAM is {value!r}; valid: sandbox, live")


def _url(found: Mapping[str, str], name: str, default: str) -> str:
    value = found.get(name, default)
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, a bracket left open
        usable = False
    if not usable:
        raise SettingError(f"{name} is {redact(repr(value))}; it must start with http:// or https:// and name a host")
    return value.rstrip("/")


def _folder(found: Mapping[str, str], name: str, default: Path) -> Path:
    value = found.get(name, str(default))
    if "://" in value:
        raise SettingError(f"{name} is {redact(repr(value))}; valid: a path on this machine")
    return _absolute(name, value)


def _absolute(name: str, value: str) -> Path:
    try:
        return Path(value).expanduser().absolute()
    except RuntimeError:
        raise SettingError(f"{name} is {value!r}; there is no such user's home here") from None


def _root(value: str) -> str:
    if value.startswith("s3://"):
        if not value.removeprefix("s3://").partition("/")[0]:
            raise SettingError(f"STOCKS_LAKE is {value!r}, without a bucket; valid: s3://bucket or s3://bucket/prefix")
        return value.rstrip("/")
    if "://" in value:
        raise SettingError(f"STOCKS_LAKE is {value!r}; valid: a folder, s3://bucket or s3://bucket/prefix")
    return str(_absolute("STOCKS_LAKE", value))


def _number(  # noqa: PLR0913, PLR0917 - a row of a table: name, default, kind and range
    found: Mapping[str, str], name: str, default: N, kind: Callable[[str], N], low: N, high: N
) -> N:
    raw = found.get(name)
    if raw is None:
        return default
    try:
        value = kind(raw)
    except ValueError:
        raise SettingError(f"{name} is {raw!r}; valid: a number from {low} to {high}") from None
    if not low <= value <= high:
        raise SettingError(f"{name} is {raw}; valid: {low} to {high}")
    return value

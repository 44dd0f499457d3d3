"""Every environment variable the platform reads: name, default, meaning. README.md lists the same rows.

What belongs here: one row a variable. What does not: reading them (setting_values.py) or using them (settings.py).
"""

from dataclasses import dataclass


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
        "STOCKS_CONTROL_DB",
        "<STOCKS_HOME>/control.db",
        "SQLite file that all processes share: rate limits, the model's budget, claims, alerts on their way.",
    ),
    Setting(
        "STOCKS_LIMITS_URL",
        "",
        "`postgresql://…`: limits, budget and claims that several machines share; default: the control file.",
        secret=True,
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
    Setting("STOCKS_LLM_MAX_TOKENS", "2000", "Longest answer, 200 to 100000; another length is another question."),
    Setting("STOCKS_REPORT_LANGUAGE", "en", "Language of the reports: en or th; an answer in another is sent back."),
    Setting(
        "STOCKS_STRATEGIES", "", "Folder of strategy files: the symbols of the us market; default: the packaged ones."
    ),
    Setting(
        "STOCKS_TWELVE_DATA_API_KEY", "", "Key of the second vendor. Needed live; the sandbox takes any.", secret=True
    ),
    Setting(
        "STOCKS_TWELVE_DATA_PLAN",
        "basic8",
        "Its plan: a name, or credits a minute/a day[/symbols of a request]: `30/2000/10`, `30/none`.",
    ),
    Setting(
        "STOCKS_CREDIT_MINUTE", "60", "Seconds of the vendor's minute; less only against a sandbox with scaled time."
    ),
    Setting("STOCKS_ALERT_SINKS", "log", "Where alerts go, a comma between: log, webhook, sns, eventbridge."),
    Setting("STOCKS_ALERT_WEBHOOK_URL", "", "Address that the webhook sink posts JSON to.", secret=True),
    Setting("STOCKS_ALERT_SNS_TOPIC", "", "ARN of the topic of the sns sink."),
    Setting("STOCKS_ALERT_EVENT_BUS", "default", "Name of the bus of the eventbridge sink."),
    Setting("STOCKS_ALERT_ENDPOINT", "", "Another AWS endpoint for sns and eventbridge, for tests."),
    Setting("STOCKS_UI_URL", "http://127.0.0.1:3000", "Address of the Dagster UI, for the links in alerts."),
    Setting("STOCKS_RETENTION_DAYS", "7", "Days that job records and validation sessions are kept, 1 to 3650."),
    Setting("STOCKS_SHARED_DATA", "", "Tests and benchmarks only: folder with recorded real data."),
)
"""All of it. README.md lists the same rows; test_docs compares."""

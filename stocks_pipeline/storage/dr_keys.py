"""The keys of the morning reports, read back: what lies below which prefix, and what a key says.

What belongs here: prefixes and parsers for the folder `dr/`, the keys of a morning's news and peers. What does not:
making the other keys (layout.py), reading what they hold (reports.py, sources.py).
"""

import re
from dataclasses import dataclass
from datetime import date
from typing import Final

from stocks_pipeline.storage import layout

REPORTS: Final = "dr/reports/"
TICKER_DATA: Final = "dr/ticker-data/"
JOBS: Final = "dr/jobs/"
LLM_CALLS: Final = "dr/llm-calls/"
SUMMARIES: Final = "dr/summaries/"
NEWS: Final = "dr/news/"
PEERS: Final = "dr/peers/"

_DAY: Final = r"(?P<day>\d{4}-\d\d-\d\d)"
_FORMS: Final = {
    form: re.compile(form.replace("{day}", _DAY).replace("{name}", "(?P<name>[^/]+)").replace(".", r"\."))
    for form in (
        "dr/reports/{day}/{name}.json",
        "dr/ticker-data/{day}/{name}.parquet",
        "dr/llm-calls/{day}/{name}.json",
    )
}
_JOB: Final = re.compile(rf"dr/jobs/{_DAY}/(?P<execution>[^/]+)/(?P<name>[^/]+)\.json")
_SUMMARY: Final = re.compile(rf"dr/summaries/{_DAY}\.json")


@dataclass(frozen=True)
class DayFile:
    """What a key below a day's folder says: the day, and the ticker or the call."""

    day: date
    name: str


@dataclass(frozen=True)
class JobFile:
    """What the key of a job record says."""

    day: date
    execution: str
    ticker: str


def reports_prefix(day: date) -> str:
    """Prefix of everything that was written for one morning."""
    return f"{REPORTS}{day.isoformat()}/"


def report_history_prefix(day: date, ticker: str) -> str:
    """Prefix of the reports that the executions of one morning wrote of one ticker."""
    return f"dr/report-history/{day.isoformat()}/{layout.encode_symbol(ticker)}/"


def news_key(day: date, ticker: str) -> str:
    """What a ticker's feed held when its report of that morning was first asked for, or why it could not be had."""
    return f"{NEWS}{day.isoformat()}/{layout.encode_symbol(ticker)}.json"


def peers_key(day: date, ticker: str) -> str:
    """Which closes a ticker's peers of that morning are found in."""
    return f"{PEERS}{day.isoformat()}/{layout.encode_symbol(ticker)}.json"


def closes_key(day: date, version: str) -> str:
    """The closes of all tickers as they once were that morning; `version` is made of their content."""
    return f"{PEERS}{day.isoformat()}/closes-{version}.parquet"


def parse_report_key(key: str) -> DayFile:
    """The morning and ticker of a payload. Raises ValueError for any other key, also a chart's or page's."""
    return _day_file("dr/reports/{day}/{name}.json", key)


def parse_ticker_data_key(key: str) -> DayFile:
    """The morning and ticker of stored bars. Raises ValueError for any other key."""
    return _day_file("dr/ticker-data/{day}/{name}.parquet", key)


def parse_llm_call_key(key: str) -> DayFile:
    """The day (UTC) and id of a call to the model. Raises ValueError for any other key."""
    return _day_file("dr/llm-calls/{day}/{name}.json", key)


def parse_job_key(key: str) -> JobFile:
    """What the key of a job record says. Raises ValueError for any other key."""
    found = _JOB.fullmatch(key)
    if not found:
        raise ValueError(f"{key!r} is not a job record: dr/jobs/YYYY-MM-DD/execution/ticker.json")
    execution, ticker = layout.decode_symbol(found["execution"]), layout.decode_symbol(found["name"])
    return JobFile(date.fromisoformat(found["day"]), execution, ticker)


def parse_summary_key(key: str) -> date:
    """The morning of a summary. Raises ValueError for any other key."""
    found = _SUMMARY.fullmatch(key)
    if not found:
        raise ValueError(f"{key!r} is not a summary: dr/summaries/YYYY-MM-DD.json")
    return date.fromisoformat(found["day"])


def _day_file(form: str, key: str) -> DayFile:
    found = _FORMS[form].fullmatch(key)
    if not found:
        raise ValueError(f"{key!r} is not of the form {form}")
    return DayFile(date.fromisoformat(found["day"]), layout.decode_symbol(found["name"]))

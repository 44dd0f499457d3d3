"""Keys of the morning reports, there and back."""

from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocks_pipeline.storage import dr_keys, layout

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
DAY = date(2026, 11, 20)
PARSERS: list[Callable[[str], object]] = [
    dr_keys.parse_report_key,
    dr_keys.parse_ticker_data_key,
    dr_keys.parse_llm_call_key,
    dr_keys.parse_job_key,
    dr_keys.parse_summary_key,
]


@given(st.dates(), NAMES, NAMES)
def test_what_a_key_was_made_of_is_read_back(day: date, name: str, execution: str) -> None:
    """For any day, ticker and execution; and the key lies below its prefix."""
    report, data = layout.report_key(day, name), layout.ticker_data_key(day, name)
    call, job, summary = (
        layout.llm_call_key(day, name),
        layout.job_key(day, execution, name),
        layout.precompute_summary_key(day),
    )
    assert dr_keys.parse_report_key(report) == dr_keys.DayFile(day, name)
    assert dr_keys.parse_ticker_data_key(data) == dr_keys.DayFile(day, name)
    assert dr_keys.parse_llm_call_key(call) == dr_keys.DayFile(day, name)
    assert dr_keys.parse_job_key(job) == dr_keys.JobFile(day, execution, name)
    assert dr_keys.parse_summary_key(summary) == day
    prefixes = {
        dr_keys.REPORTS: report,
        dr_keys.reports_prefix(day): report,
        dr_keys.TICKER_DATA: data,
        dr_keys.LLM_CALLS: call,
        dr_keys.JOBS: job,
        dr_keys.SUMMARIES: summary,
        dr_keys.NEWS: dr_keys.news_key(day, name),
        dr_keys.report_history_prefix(day, name): layout.report_history_key(day, name, execution),
    }
    assert [key for prefix, key in prefixes.items() if not key.startswith(prefix)] == []


@pytest.mark.parametrize("parse", PARSERS)
def test_no_parser_takes_another_ones_key(parse: Callable[[str], object]) -> None:
    """Charts, pages, texts, history, days that are none and names that no symbol has are refused."""
    keys = [
        layout.report_key(DAY, "NVDA19"),
        layout.ticker_data_key(DAY, "NVDA19"),
        layout.llm_call_key(DAY, "CALL"),
        layout.job_key(DAY, "EXEC", "NVDA19"),
        layout.precompute_summary_key(DAY),
    ]
    strangers = [
        *(layout.report_file_key(DAY, "NVDA19", "EXEC", suffix) for suffix in ("md", "png", "pdf")),
        layout.report_history_key(DAY, "NVDA19", "EXEC"),
        dr_keys.news_key(DAY, "NVDA19"),
        dr_keys.peers_key(DAY, "NVDA19"),
        dr_keys.closes_key(DAY, "0a1b"),
        layout.ticker_master_key(),
        *(key.replace("2026-11-20", "2026-02-30") for key in keys),
        *(key.replace("NVDA19", "nvda19").replace("CALL", "call") for key in keys[:4]),
    ]
    assert [key for key in [*keys, *strangers] if _parses(parse, key)] == [keys[PARSERS.index(parse)]]


def _parses(parse: Callable[[str], object], key: str) -> bool:
    try:
        parse(key)
    except ValueError:
        return False
    return True

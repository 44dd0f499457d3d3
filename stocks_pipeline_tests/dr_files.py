"""Files of the morning reports as the pipeline leaves them in a lake, small enough to check: for readers and views."""

import json
from dataclasses import asdict
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from stocks_pipeline.domain.jobs import Job
from stocks_pipeline.domain.reports.payload import Execution, build_payload, payload_json
from stocks_pipeline.domain.reports.placeholders import inject
from stocks_pipeline.domain.reports.scores import score_report
from stocks_pipeline.domain.schemas import TICKERS
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import Lake
from stocks_pipeline.storage.tables import write_table
from stocks_pipeline.upstream.narrator_calls import LlmCall
from stocks_pipeline_tests.price_files import Bars, table
from stocks_pipeline_tests.report_cases import COSTS, TIMINGS, Verdict, draft, sheet

NVDA = {
    "dr_symbol": "NVDA19",
    "yahoo_symbol": "NVDA",
    "company_name": "NVIDIA Corporation",
    "exchange": "XNAS",
    "currency": "USD",
    "sector": None,
    "is_active": True,
    "note": "",
}
DBS = NVDA | {"dr_symbol": "DBS19", "yahoo_symbol": "D05.SI", "company_name": "DBS Group", "exchange": "XSES"}
CHART = b"\x89PNG chart"


def put_master(lake: Lake, *rows: dict[str, Any]) -> None:
    """The list of receipts."""
    write_table(lake, layout.ticker_master_key(), pa.Table.from_pylist(list(rows), schema=TICKERS), TICKERS)


def put_ticker(lake: Lake, day: date, bars: Bars) -> None:
    """Bars of each receipt as fetched for a morning."""
    for name, closes in bars.items():
        rows = table({name: closes}, None)
        write_table(lake, layout.ticker_data_key(day, name), rows, rows.schema)


def payload(at: datetime, execution: str = "exec-1", chart: bytes = CHART) -> dict[str, Any]:
    """A payload of NVDA19 as the writer makes it, written at that instant."""
    known = sheet()
    narrative, flaws = inject(draft(), known)
    assert narrative is not None, flaws
    made = build_payload(
        sheet=known,
        narrative=narrative,
        verdict=Verdict(),
        scores=score_report(narrative, known, Verdict()),
        chart_png=chart,
        news=(),
        timings=TIMINGS,
        costs=COSTS,
        execution=Execution(execution, at),
    )
    return made | {"news_error": None, "tries": 1, "pdf_key": None}


def put_report(lake: Lake, day: date, name: str, made: dict[str, Any]) -> bytes:
    """A report with what lies beside it, in the writer's order; the payload as stored."""
    execution = made["execution_id"]
    chart, text = (layout.report_file_key(day, name, execution, suffix) for suffix in ("png", "md"))
    body = payload_json(made | {"ticker": name, "chart_key": chart, "markdown_key": text})
    lake.write(chart, CHART)
    lake.write(text, b"# text")
    lake.write(layout.report_history_key(day, name, execution), body)
    lake.write(layout.report_key(day, name), body)
    return body


def put_job(lake: Lake, day: date, job: Job) -> str:
    """One job record; its key."""
    return lake.write(layout.job_key(day, job.execution_id, job.ticker), job.to_json()).key


def put_call(lake: Lake, at: datetime, cost: Decimal | None) -> None:
    """One row of the ledger, in the form that defs/dr/reports.py stores."""
    row = LlmCall("call-1", "exec-1", "NVDA19", "vendor/model", at, 1.5, 1000, 400, cost, "answered", None)
    fields = asdict(row) | {"started_at": at.isoformat(), "cost_usd": None if cost is None else format(cost, "f")}
    lake.write(layout.llm_call_key(at.astimezone(UTC).date(), row.call_id), json.dumps(fields).encode())


def put_summary(lake: Lake, day: date) -> None:
    """What a morning came to."""
    counts = {"total_tickers": 2, "succeeded": 1, "failed": 1, "skipped": 0}
    by_ticker = {"NVDA19": {"status": "success"}, "DBS19": {"status": "failed", "class": "rate", "error": "429"}}
    summary = {"status": "incomplete", "date": day.isoformat(), **counts, "by_ticker": by_ticker}
    summary |= {"message": "1 of 2 reports are there.", "next_steps": "stocks retry dr"}
    lake.write(layout.precompute_summary_key(day), json.dumps(summary, indent=1).encode())

"""Asking the sandbox for charts as a plain HTTP client, for tests that look at the bytes on the wire.

What belongs here: Sydney's hours as unix seconds, one request, taking its body apart. What does not: the server's
process (sandbox_server.py) and any expectation.
"""

import json
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from stocks_pipeline_tests.sandbox_server import TODAY, SandboxServer

SYDNEY = ZoneInfo("Australia/Sydney")
OPENS = 10  # o'clock


def midnight(day: date) -> int:
    """The first second of a day in Sydney."""
    return int(datetime(day.year, day.month, day.day, tzinfo=SYDNEY).timestamp())


def opening(day: date) -> int:
    """The timestamp of an ASX bar."""
    return midnight(day) + OPENS * 3600


def window(start: date, end: date) -> str:
    """The query of yfinance for the days from start up to, not including, end."""
    return f"period1={midnight(start)}&period2={midnight(end)}&interval=1d&events=div%2Csplits%2CcapitalGains"


def chart(server: SandboxServer, symbol: str = "BHP.AX", query: str | None = None) -> tuple[int, dict[str, Any]]:
    """Status and the body's `chart`; without a query, the thirty days up to TODAY."""
    query = query or window(TODAY - timedelta(days=30), TODAY + timedelta(days=1))
    status, _, body = server.get(f"/v8/finance/chart/{quote(symbol, safe='')}?{query}")
    return status, json.loads(body)["chart"]


def result(server: SandboxServer, symbol: str = "BHP.AX", query: str | None = None) -> dict[str, Any]:
    """The one result of a chart that must succeed."""
    status, body = chart(server, symbol, query)
    assert status == 200
    assert body["error"] is None
    found: dict[str, Any] = body["result"][0]
    return found


def quotes(found: dict[str, Any]) -> dict[str, list[Any]]:
    """All seven columns by name."""
    return {**found["indicators"]["quote"][0], **found["indicators"]["adjclose"][0], "timestamp": found["timestamp"]}

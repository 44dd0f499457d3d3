"""Ready-made inputs of the report writer's tests: bars, a sheet of facts, and a model's answer that is all right."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stocks_pipeline.domain.reports.answer import Draft, read_answer
from stocks_pipeline.domain.reports.fact_units import Fact, FactSheet, Unit
from stocks_pipeline.domain.reports.payload import Costs, Execution, Timings
from stocks_pipeline.domain.schemas import PRICES
from stocks_pipeline.domain.tickers import Ticker

SESSION = date(2024, 3, 14)
TICKER = Ticker("NVDA19", "NVDA", "NVIDIA Corporation", "XNAS", "USD", active=True)
ANSWER: dict[str, Any] = {
    "stance": "BUY",
    "key_takeaways": [
        "The shares closed at {close} on {session}, a daily return of {return_1d}.",
        "The RSI of {rsi_14} is neutral.",
    ],
    "price_and_trend": "The close of {close} is above the short-term average of {sma_20} by {close_vs_sma_20}.",
    "momentum_and_volume": "Volume was {volume}, a volume ratio of {volume_ratio}, and the MACD is {macd}.",
    "risks": ["Volatility of {volatility_30d} is considerable."],
    "news": None,
}
"""An answer without a fault, for the sheet of `sheet()`."""


@dataclass(frozen=True)
class Problem:
    """A verifier's finding."""

    kind: str
    at: int = 0
    text: str = "snippet"
    why: str = "because"


@dataclass(frozen=True)
class Verdict:
    """A verifier's verdict."""

    passed: bool = True
    findings: tuple[Problem, ...] = ()
    numbers_checked: int = 10
    doubts: tuple[Problem, ...] = ()


COSTS = Costs("vendor/model", 1, 1000, 400, Decimal("0.0065"))
TIMINGS = Timings(1.23456, 2.0, 3.0, 0.05)
EXECUTION = Execution("exec-1", datetime(2024, 3, 15, 5, 21, tzinfo=UTC))


def fact(name: str, value: Any, unit: Unit, decimals: int = 2, claims: tuple[str, ...] = ()) -> Fact:
    """A fact of the good day."""
    return Fact(name, value, unit, SESSION, "dr/ticker-data/2024-03-14/NVDA19.parquet", "as tested", decimals, claims)


def sheet(
    extra: Sequence[Fact] = (), *, without: Sequence[str] = (), absent: Mapping[str, str] | None = None
) -> FactSheet:
    """A small sheet: enough facts for ANSWER, `extra` ones on top, `without` some."""
    averages = ("average", "sma")
    facts = [
        fact("ticker", "NVDA19", Unit.TEXT),
        fact("company_name", "NVIDIA Corporation", Unit.TEXT),
        fact("session", SESSION, Unit.DATE),
        fact("close", 87.9, Unit.PRICE, 2, ("close", "closed", "price")),
        fact("return_1d", -3.24, Unit.PERCENT, 2, ("return", "fell")),
        fact("return_1w", -5.1, Unit.PERCENT, 2, ("return",)),
        fact("return_1m", 19.01, Unit.PERCENT, 2, ("return",)),
        fact("return_3m", 81.9, Unit.PERCENT, 2, ("return",)),
        fact("sma_20", 81.61, Unit.PRICE, 2, averages),
        fact("close_vs_sma_20", 7.71, Unit.PERCENT, 2, (*averages, "above", "below")),
        fact("close_vs_sma_50", 26.97, Unit.PERCENT, 2, averages),
        fact("rsi_14", 63.49, Unit.INDEX, 1, ("rsi",)),
        fact("macd", 6.11, Unit.PRICE, 2, ("macd",)),
        fact("macd_histogram", 0.0729, Unit.PRICE, 4, ("macd",)),
        fact("atr_14", 3.96, Unit.PRICE, 2, ("atr",)),
        fact("atr_percent", 4.51, Unit.LEVEL, 2, ("atr",)),
        fact("vwap_20", 82.09, Unit.PRICE, 2, ("vwap",)),
        fact("volume", 602_318_000, Unit.SHARES, 0, ("volume",)),
        fact("volume_ratio", 0.978, Unit.RATIO, 2, ("volume",)),
        fact("volume_percentile", 82.5, Unit.LEVEL, 1, ("percentile",)),
        fact("volatility_30d", 63.2, Unit.LEVEL, 1, ("volatility",)),
        *extra,
    ]
    by_name = {one.name: one for one in facts if one.name not in without}
    missing = {"sma_200": "needs 200 sessions, 120 are stored"} if absent is None else dict(absent)
    return FactSheet(TICKER, SESSION, "USD", by_name, missing, ("dr/ticker-data/2024-03-14/NVDA19.parquet",))


def draft(**changes: Any) -> Draft:
    """ANSWER as a draft, with fields changed."""
    made, flaws = read_answer(ANSWER, has_news=False)
    assert made is not None, flaws
    return replace(made, **changes)


def walk(count: int, first: float = 100.0, **columns: Any) -> Any:
    """PRICES rows of one symbol on weekdays up to the good day; the close is a gentle wave, others follow it."""
    days: list[date] = []
    day = SESSION
    while len(days) < count:
        if day.weekday() < 5:
            days.insert(0, day)
        day -= timedelta(days=1)
    close = [first * (1 + 0.1 * math.sin(at / 9) + 0.01 * math.cos(at)) for at in range(count)]
    made = {
        "symbol": ["NVDA"] * count,
        "session": days,
        "open": [value * (0.99 if at % 2 else 1.01) for at, value in enumerate(close)],
        "high": [value * 1.02 for value in close],
        "low": [value * 0.98 for value in close],
        "close": close,
        "adj_close": close,
        "volume": [1_000_000 + 1000 * at for at in range(count)],
        "dividend": [0.0] * count,
        "split": [0.0] * count,
        "currency": ["USD"] * count,
        "source": ["yahoo"] * count,
        "fetched_at": [datetime(2024, 3, 15, tzinfo=UTC)] * count,
        "batch_number": [0] * count,
    }
    return pa.table(made | columns, schema=PRICES)


@cache
def _replay() -> Any:
    beside = Path(__file__).parents[2] / "shared" / "data"
    path = Path(os.environ.get("STOCKS_SHARED_DATA") or beside) / "replay" / "yahoo_dr.parquet"
    return pq.read_table(path) if path.exists() else None


def has_replay() -> bool:
    """Whether the recorded prices (STOCKS_SHARED_DATA) are on this machine."""
    return _replay() is not None


def recorded(ticker: Ticker) -> Any:
    """The recorded year of a ticker up to the good day, as PRICES rows."""
    table = _replay()
    own = table.filter(pc.equal(table.column("symbol"), ticker.yahoo)).to_pylist()
    rows = [row for row in own if SESSION - timedelta(days=366) <= row["date"] <= SESSION]
    rows.sort(key=lambda row: row["date"])
    kept = ("open", "high", "low", "close", "adj_close", "volume")
    columns = {name: [row[name] for row in rows] for name in kept}
    columns |= {"session": [row["date"] for row in rows], "symbol": [ticker.yahoo] * len(rows)}
    columns |= {"dividend": [row["dividends"] for row in rows], "split": [row["splits"] for row in rows]}
    columns |= {"currency": [ticker.currency] * len(rows), "source": ["yahoo"] * len(rows)}
    columns |= {"fetched_at": [datetime(2024, 3, 15, tzinfo=UTC)] * len(rows), "batch_number": [0] * len(rows)}
    return pa.table(columns).select(PRICES.names).cast(PRICES)

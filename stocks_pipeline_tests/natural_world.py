"""Answers in a person's free prose, and simulated shares of which they are true.

What belongs here: the shares, drawn by formula from a few numbers, and reading natural_answers.json. What does not:
what must hold of the answers (unit/test_natural_answers.py).

The prose was written before the verifier's list of words was looked at. A placeholder holds no number, so an answer is
true of any share whose directions are those it tells, as far as the verifier sees: each names such a share.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from stocks_pipeline.domain.news import NewsItem
from stocks_pipeline.domain.reports.facts import build_facts
from stocks_pipeline.domain.schemas import PRICES
from stocks_pipeline.domain.tickers import packaged_tickers
from stocks_pipeline_tests.report_corpus import World

LAST = date(2024, 3, 14)
SESSIONS = 330
HEADLINES = (
    "Chipmaker unveils new processor at developer event",
    "Board approves buyback",
    "Analysts raise targets after strong quarter",
)


@dataclass(frozen=True)
class Share:
    """A course of prices: a trend, a wave in it, and what the newest session did.

    Attributes:
        drift: Growth a session, in percent.
        wave: Height of the wave, in percent.
        period: Sessions of a wave.
        phase: Where in the wave the newest session is, 0 to 1.
        last: The newest session's move, in percent.
        volume: The newest volume over the others'.
        news: How many headlines there are.
    """

    drift: float
    wave: float
    period: float
    phase: float
    last: float
    volume: float
    news: int


def share_world(share: Share) -> World:
    """Everything a report of the share is made from."""
    own, other = packaged_tickers()[:2]
    bars = _bars(share, own.yahoo, own.currency or "SGD")
    peers = {other.dr: _bars(share, other.yahoo, other.currency or "SGD")}
    noon = datetime(LAST.year, LAST.month, LAST.day, 12, tzinfo=UTC)
    news = tuple(
        NewsItem(f"n{at}", title, "Wire", "", noon - timedelta(hours=5 + 9 * at))
        for at, title in enumerate(HEADLINES[: share.news])
    )
    sheet = build_facts(own, bars, {}, peers, news, as_of=LAST, source="dr/data/simulated.parquet")
    return World(own, bars, peers, {}, news, LAST, sheet)


def natural_answers() -> list[tuple[str, Share, Mapping[str, Any]]]:
    """Each answer with its name and a share of which it is true."""
    stored = json.loads(Path(__file__).with_name("natural_answers.json").read_text(encoding="utf-8"))
    return [(one["name"], Share(**one["share"]), one["answer"]) for one in stored]


def _bars(share: Share, symbol: str, currency: str) -> Any:
    days = [LAST - timedelta(days=at) for at in range(SESSIONS * 7 // 5) if (LAST - timedelta(days=at)).weekday() < 5]
    closes = [_close(share, at) for at in range(len(days))]
    closes[0] = round(closes[1] * (1 + share.last / 100), 2)
    rows = [
        {
            "symbol": symbol, "session": day, "open": close, "close": close, "adj_close": close,
            "high": round(close * 1.004, 2), "low": round(close * 0.996, 2),
            "volume": round(1e6 * (share.volume if not at else 1 + 0.1 * math.sin(at))),
            "dividend": 0.0, "split": 0.0, "currency": currency, "source": "made", "batch_number": None,
            "fetched_at": datetime(2024, 3, 16, tzinfo=UTC),
        }
        for at, (day, close) in enumerate(zip(days, closes, strict=True))
    ]  # fmt: skip
    return pa.Table.from_pylist(rows[::-1], schema=PRICES)


def _close(share: Share, back: int) -> float:
    """The close so many sessions before the newest, with a ripple so that no two sessions move alike."""
    wave = share.wave * math.sin(2 * math.pi * (share.phase - back / share.period)) + 0.6 * math.sin(back * 2.3)
    return round(100 * math.exp((wave - share.drift * back) / 100), 2)

"""A morning in small: a few tickers on a tmp lake, canned vendors, the real facts, verifier, chart and writer.

What belongs here: the stand-ins (tested in unit/test_morning_fakes.py), running the stages by their own jobs on an
in-memory instance, and reading back what Dagster and the lake recorded. What does not: any expectation.
"""

import json
import math
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from stocks_pipeline.defs.dr import automation
from stocks_pipeline.defs.dr.definitions import dr_definitions
from stocks_pipeline.defs.dr.job_book import jobs_of, newest_jobs
from stocks_pipeline.defs.dr.keeping import KeptAnswers
from stocks_pipeline.defs.resources import LakeResource
from stocks_pipeline.domain.calendars import calendar
from stocks_pipeline.domain.jobs import Job
from stocks_pipeline.domain.news import NewsItem
from stocks_pipeline.domain.schemas import BARS
from stocks_pipeline.domain.tickers import parse_tickers
from stocks_pipeline.partitions import ticker_key
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import Lake, open_lake
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError
from stocks_pipeline.upstream.narrator_answers import Usage
from stocks_pipeline.upstream.narrator_calls import Answer
from stocks_pipeline.upstream.yahoo_bars import Bars, Window
from stocks_pipeline_tests.fake_feed import CannedFeed
from stocks_pipeline_tests.fakes import FakeClock

DAY = date(2025, 12, 5)
MORNING = datetime(2025, 12, 4, 22, 20, tzinfo=UTC)
"""05:20 in Bangkok."""

LIST = """dr,yahoo,name,exchange_mic,currency,active,sector
NVDA19,NVDA,NVIDIA Corporation,XNAS,USD,true,Information Technology
DBS19,D05.SI,DBS Group Holdings Ltd,XSES,SGD,true,Financials
NINTENDO19,7974.T,Nintendo Co Ltd,XTKS,JPY,true,
RETIRED19,OLD.SI,Retired Holdings Ltd,XSES,SGD,false,
"""
ACTIVE = ("NVDA19", "DBS19", "NINTENDO19")
YAHOO = {"NVDA19": "NVDA", "DBS19": "D05.SI", "NINTENDO19": "7974.T", "RETIRED19": "OLD.SI"}
COST = Decimal("0.0042")

GOOD: dict[str, Any] = {
    "stance": "HOLD",
    "key_takeaways": ["On {session} the closing price was {close}.", "The RSI stands at {rsi_14}."],
    "price_and_trend": "The shares closed at {close}; the short moving average is {sma_20}. "
    "Its yearly range runs from a low of {low_52w} to a high of {high_52w}.",
    "momentum_and_volume": "Volume was {volume} against an average volume of {volume_sma_20}.",
    "risks": ["Annualised volatility is {volatility_30d}.", "Market moves remain possible at any time."],
    "news": None,
}
"""An answer that every sheet of this desk can carry; with news it gets a sentence for that."""
NEWS_LINE = "Among the news published on {news_1_date} is the headline {news_1}."


def waves(symbol: str, window: Window) -> Bars:
    """A year of gentle waves on the sessions of the symbol's exchange, each symbol with a phase of its own."""
    mic = {".SI": "XSES", ".T": "XTKS"}.get(symbol[symbol.find(".") :] if "." in symbol else "", "XNAS")
    sessions = calendar(mic).sessions(window.start, window.end)
    phase = sum(map(ord, symbol)) % 17
    rows = []
    for number, day in enumerate(sessions):
        close = round(100 + 8 * math.sin(number / 11 + phase) + 2 * math.cos(number * 1.7 + phase), 2)
        rows.append(
            {
                "session": day,
                "open": round(close * (0.995 if number % 2 else 1.004), 4),
                "high": round(close * 1.012, 4),
                "low": round(close * 0.987, 4),
                "close": close,
                "adj_close": close,
                "volume": 1_000_000 + 7_919 * (number * (phase + 3) % 101),
                "dividend": 0.0,
                "split": 0.0,
            }
        )
    money = {"XSES": "SGD", "XTKS": "JPY"}.get(mic, "USD")
    return Bars(symbol, pa.Table.from_pylist(rows, schema=BARS), money, 0)


def headline(symbol: str, at: datetime = MORNING - timedelta(hours=9), title: str = "") -> NewsItem:
    """One item of news."""
    return NewsItem(f"{symbol}-{at:%m%d%H}", title or f"What analysts watch at {symbol}", "Reuters", "", at)


def down(subject: str, kind: FailureKind = FailureKind.TRANSIENT, said: str = "503: try later") -> UpstreamError:
    """A classified failure."""
    return UpstreamError(kind, "model", subject, said, attempts=3)


class MorningFeed(CannedFeed):
    """A CannedFeed that knows the zones of this desk's tickers instead of the ASX's."""

    @contextmanager
    def open(self, tz_of: Callable[[str], str]) -> Iterator["MorningFeed"]:
        self.tz_of = tz_of
        yield self


Script = Callable[[str, int], Mapping[str, Any] | UpstreamError | None]
"""Subject and how often it was asked before -> its answer; None: the good one."""


@dataclass
class CannedModel:
    """A `Model` and its resource in one: answers by `script`, keeps and forgets answers as the real one does."""

    script: Script = lambda _subject, _number: None
    asked: list[tuple[str, str, Sequence[Mapping[str, str]]]] = field(default_factory=list)
    """(subject, call id, messages) of every answer that was paid for."""
    discarded: list[str] = field(default_factory=list)
    opened: int = 0
    stop: threading.Event | None = None
    """What the newest caller would be stopped by."""
    _kept: KeptAnswers | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def open(self, store: KeptAnswers, record: Callable[[Any], None]) -> Iterator["CannedModel"]:
        """What `NarratorResource.open` does."""
        assert callable(record)
        self.opened, self._kept = self.opened + 1, store
        yield self

    def write(
        self,
        messages: Sequence[Mapping[str, str]],
        *,
        call_id: str,
        subject: str,
        execution_id: str = "",
        stop: threading.Event | None = None,
    ) -> Answer:
        assert self._kept is not None
        assert execution_id
        assert isinstance(stop, threading.Event)
        self.stop = stop
        key = f"{hash_of(messages):016x}"
        kept = self._kept.get(key)
        if kept:
            return self._answer(json.loads(kept), call_id, key, reused=True)
        with self._lock:
            number = sum(who == subject for who, _, _ in self.asked)
            self.asked.append((subject, call_id, messages))
        said = self.script(subject, number)
        if isinstance(said, UpstreamError):
            raise said
        content = deepcopy(dict(said)) if said is not None else good_answer(messages)
        self._kept.put(key, json.dumps(content).encode())
        return self._answer(content, call_id, key, reused=False)

    def answered(self, messages: Sequence[Mapping[str, str]]) -> bool:
        assert self._kept is not None
        return bool(self._kept.get(f"{hash_of(messages):016x}"))

    def discard(self, answer: Answer) -> None:
        assert self._kept is not None
        self.discarded.append(answer.key)
        self._kept.put(answer.key, b"")

    @property
    def subjects(self) -> list[str]:
        """Who was asked about, sorted, repeats counted."""
        return sorted(subject for subject, _, _ in self.asked)

    def _answer(self, content: dict[str, Any], call_id: str, key: str, *, reused: bool) -> Answer:
        return Answer(content, "canned/model", Usage(1000, 300, COST), COST, 0.1, call_id, key, reused)


def hash_of(messages: Sequence[Mapping[str, str]]) -> int:
    """The same for the same question, in every process."""
    import zlib

    return zlib.crc32(json.dumps([dict(m) for m in messages], sort_keys=True).encode())


def good_answer(messages: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """GOOD, with a sentence on the news where the prompt has some."""
    has_news = any("news_1_date:" in message["content"] for message in messages if message["role"] == "user")
    return {**deepcopy(GOOD), "news": NEWS_LINE if has_news else None}


@dataclass
class CannedNews:
    """A `NewsSource` and its resource in one: items by Yahoo symbol, or the failure it raises."""

    items: Mapping[str, Sequence[NewsItem] | UpstreamError] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    @contextmanager
    def open(self) -> Iterator["CannedNews"]:
        yield self

    def headlines(
        self, yahoo_symbol: str, *, limit: int = 5, stop: threading.Event | None = None
    ) -> tuple[NewsItem, ...]:
        assert stop is None or isinstance(stop, threading.Event)
        self.asked.append(yahoo_symbol)
        found = self.items.get(yahoo_symbol, ())
        if isinstance(found, UpstreamError):
            raise found
        return tuple(found)[:limit]


@dataclass
class CannedCompany:
    """A `CompanySource` and its resource in one."""

    fields: Mapping[str, Mapping[str, Any] | UpstreamError] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    @contextmanager
    def open(self, tz_of: Callable[[str], str]) -> Iterator["CannedCompany"]:
        assert callable(tz_of)
        yield self

    def company(self, symbol: str, *, stop: threading.Event | None = None) -> dict[str, Any]:
        assert stop is None or isinstance(stop, threading.Event)
        self.asked.append(symbol)
        found = self.fields.get(symbol, {})
        if isinstance(found, UpstreamError):
            raise found
        return dict(found)


@dataclass
class MorningDesk:
    """Runs stages and reads back what was recorded."""

    root: Path
    instance: dg.DagsterInstance
    feed: MorningFeed = field(default_factory=lambda: MorningFeed(waves))
    company: CannedCompany = field(default_factory=CannedCompany)
    model: CannedModel = field(default_factory=CannedModel)
    news: CannedNews = field(default_factory=CannedNews)
    clock: FakeClock = field(default_factory=lambda: FakeClock(MORNING.timestamp()))

    def __post_init__(self) -> None:
        resources = {
            "lake": LakeResource(root=str(self.root)),
            "yahoo": self.feed,
            "yahoo_company": self.company,
            "narrator": self.model,
            "news": self.news,
            "clock": self.clock,
        }
        wiring = dg.Definitions(resources=resources, executor=dg.in_process_executor)
        self.defs = dg.Definitions.merge(dr_definitions(), wiring)
        self.repository = self.defs.get_repository_def()
        automation.add_active_tickers(self.instance)

    @property
    def lake(self) -> Lake:
        return open_lake(str(self.root))

    def run(
        self, job: str, tags: Mapping[str, str], op: str = "", config: Mapping[str, Any] | None = None
    ) -> dg.ExecuteInProcessResult:
        """One run of a job; a failure is a result."""
        ops = {op: {"config": dict(config)}} if config else {}
        quiet = {"console": {"config": {"log_level": "CRITICAL"}}}
        return self.repository.get_job(job).execute_in_process(
            instance=self.instance, tags=dict(tags), run_config={"ops": ops, "loggers": quiet}, raise_on_error=False
        )

    def tags(self, tickers: Sequence[str] = ACTIVE, day: date = DAY, **more: str) -> dict[str, str]:
        """The tags of the one run over contiguous tickers."""
        (request,) = automation.morning_requests(self.instance, day, tickers, cause="test", tags=more)
        return dict(request.tags)

    def fetch(self, keys: Sequence[str] = ACTIVE, day: date = DAY, **config: Any) -> dg.ExecuteInProcessResult:
        """The list and the data, over the partitions of `keys`; `config` is run config."""
        return self.run("dr_fetch", self.tickers_tags(keys, day), "dr__ticker_data", config)

    def write(
        self,
        keys: Sequence[str] = ACTIVE,
        day: date = DAY,
        parent: dg.ExecuteInProcessResult | None = None,
        **config: Any,
    ) -> dg.ExecuteInProcessResult:
        """The reports; with `parent` as its re-execution."""
        again = {} if parent is None else {
            "dagster/parent_run_id": parent.run_id,
            "dagster/root_run_id": parent.dagster_run.root_run_id or parent.run_id,
        }  # fmt: skip
        return self.run("dr_reports", {**self.tickers_tags(keys, day), **again}, "dr__ticker_reports", config)

    def sum_up(self, day: date = DAY, **config: Any) -> dg.ExecuteInProcessResult:
        """The summary; `config` is run config."""
        return self.run("dr_summary", {"dagster/partition": day.isoformat()}, "dr__precompute_summary", config)

    def tickers_tags(self, tickers: Sequence[str], day: date) -> dict[str, str]:
        return self.tags(tickers, day, source="test")

    def colours(self, stage: str = "ticker_reports", day: date = DAY) -> dict[str, str | None]:
        """Ticker -> Dagster's status of its partition, as the UI shows it; None: nothing was ever done."""
        asset = self.defs.get_assets_def(dg.AssetKey(["dr", stage]))
        keys = {ticker_key(day, name): name for name in YAHOO}
        found = self.instance.get_status_by_partition(asset.key, list(keys), asset.partitions_def) or {}
        return {name: status.value if (status := found.get(key)) else None for key, name in keys.items()}

    def metadata(self, ticker: str, stage: str = "ticker_reports", day: date = DAY) -> dict[str, Any]:
        """The metadata values of the partition's newest materialization."""
        wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey(["dr", stage]), asset_partitions=[ticker_key(day, ticker)])
        (record,) = self.instance.fetch_materializations(wanted, limit=1).records
        assert record.asset_materialization is not None
        return {name: entry.value for name, entry in record.asset_materialization.metadata.items()}

    def payload(self, ticker: str, day: date = DAY) -> dict[str, Any]:
        """The stored report."""
        found: dict[str, Any] = json.loads(self.lake.read(layout.report_key(day, ticker)))
        return found

    def has_report(self, ticker: str, day: date = DAY) -> bool:
        return self.lake.exists(layout.report_key(day, ticker))

    def job(self, ticker: str, day: date = DAY) -> Job:
        """Its newest record."""
        return newest_jobs(self.lake, day)[ticker]

    def jobs(self, day: date = DAY) -> list[Job]:
        """Every record of the morning."""
        return list(jobs_of(self.lake, day))


@pytest.fixture
def morning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MorningDesk]:
    """A desk whose list has three active tickers and a retired one; nothing has run yet."""
    listed = tmp_path / "tickers.csv"
    listed.write_text(LIST, encoding="utf-8")
    assert len(parse_tickers(LIST.encode())) == len(YAHOO)
    for name, value in {"STOCKS_HOME": tmp_path / "home", "STOCKS_DR_TICKERS": listed}.items():
        monkeypatch.setenv(name, str(value))
    with dg.DagsterInstance.ephemeral() as instance:
        yield MorningDesk(tmp_path / "lake", instance)


def failure_of(result: dg.ExecuteInProcessResult) -> tuple[str, dict[str, Any]]:
    """What the run's one failed step said, and its metadata."""
    (event,) = [event for event in result.all_events if event.is_step_failure]
    data = event.step_failure_data.user_failure_data
    if data is None:
        return " ".join(event.step_failure_data.error_display_string.split()), {}
    return data.description or "", {name: entry.value for name, entry in data.metadata.items()}


def failure_row(result: dg.ExecuteInProcessResult, ticker: str, day: date = DAY) -> list[str]:
    """The ticker's row of the failure table: class, message, attempts, next step."""
    rows = [line.strip("| ").split(" | ") for line in failure_of(result)[1]["failures"].splitlines()]
    (row,) = [row for row in rows if row[0] == ticker_key(day, ticker).replace("|", "\\|")]
    return row[1:]

"""A validation in small: the us prices of a few symbols in a tmp lake, a second vendor that answers from memory.

What belongs here: the stand-in, the lake's contents, running the stages by their own jobs, and reading back what was
recorded. What does not: any expectation.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from stocks_pipeline.defs.chain import batch_range_tags
from stocks_pipeline.defs.resources import LakeResource
from stocks_pipeline.defs.us import US
from stocks_pipeline.defs.us.calls import CallLog
from stocks_pipeline.defs.us.definitions import validation_definitions
from stocks_pipeline.defs.us.session_book import SessionBook
from stocks_pipeline.defs.us.validation import current_plan
from stocks_pipeline.domain.calendars import calendar
from stocks_pipeline.domain.credit_audit import Limit
from stocks_pipeline.domain.schemas import EXTERNAL_BARS, PRICES
from stocks_pipeline.domain.symbols import BatchPlan, split_batches
from stocks_pipeline.domain.validation_session import Session
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import Lake, open_lake
from stocks_pipeline.storage.tables import write_table
from stocks_pipeline.storage.validation_keys import SessionPlace
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError
from stocks_pipeline.upstream.twelve_data import SentCall
from stocks_pipeline_tests.fakes import FakeClock

DAY = date(2026, 1, 5)
"""A Monday; the Thursday before was New Year's Day."""
MORNING = datetime(2026, 1, 6, 4, 30, tzinfo=UTC)
CLOSE = 100.0
FREE = Limit(8, 800)
"""What the free plan allows."""

Answer = Any
Script = Callable[[Sequence[str], int], Mapping[str, Answer] | UpstreamError | None]
"""The symbols asked for and how many requests came before -> their answers, one failure for all, or None: all well."""


def sessions(start: date, end: date) -> list[date]:
    return calendar(US.mic).sessions(start, end)


def their_bars(symbol: str, start: date, end: date, close: float = CLOSE) -> Any:
    """What the second vendor has of a symbol: every session of the span at one close."""
    rows = [
        {
            "symbol": symbol,
            "session": day,
            "open": close,
            "high": close * 1.01,
            "low": close * 0.99,
            "close": close + number / 100,
            "volume": 1_000 + number,
        }
        for number, day in enumerate(sessions(start, end))
    ]
    return pa.Table.from_pylist(rows, schema=EXTERNAL_BARS)


def down(
    kind: FailureKind = FailureKind.TRANSIENT, said: str = "503: try later", subject: str = "batch"
) -> UpstreamError:
    """A classified failure."""
    return UpstreamError(kind, "twelvedata", subject, said, attempts=3)


@dataclass
class CannedVendor:
    """A `SecondVendor` and its resource in one; answers by `script`, else every symbol agrees with the lake."""

    clock: FakeClock
    script: Script = lambda _symbols, _number: None
    asked: list[tuple[str, ...]] = field(default_factory=list)
    log: CallLog | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def open(self, lake: Lake, place: SessionPlace) -> Iterator["CannedVendor"]:
        """What `TwelveDataResource.open` does."""
        plan = current_plan()
        self.log = CallLog(lake, place, Limit(plan.credits_per_minute, plan.credits_per_day))
        yield self

    def daily(
        self, symbols: Sequence[str], *, start: date, end: date, stop: threading.Event | None = None
    ) -> Mapping[str, Answer]:
        assert isinstance(stop, threading.Event)
        assert self.log is not None
        with self._lock:
            number = len(self.asked)
            self.asked.append(tuple(symbols))
            self.clock.advance(60.0)
            self.log.record(SentCall(self.clock.time(), len(symbols), 200, len(symbols), 0, tuple(symbols)))
        said = self.script(symbols, number)
        if isinstance(said, UpstreamError):
            raise said
        return {s: (said or {}).get(s, their_bars(s, start, end)) for s in symbols}


@dataclass
class ValidationDesk:
    """Runs the stages and reads back what was recorded."""

    root: Path
    instance: dg.DagsterInstance
    clock: FakeClock = field(default_factory=lambda: FakeClock(MORNING.timestamp()))

    def __post_init__(self) -> None:
        self.vendor = CannedVendor(self.clock)
        resources = {"lake": LakeResource(root=str(self.root)), "twelve_data": self.vendor, "clock": self.clock}
        wiring = dg.Definitions(resources=resources, executor=dg.in_process_executor)
        self.defs = dg.Definitions.merge(validation_definitions(), wiring)
        self.repository = self.defs.get_repository_def()

    @property
    def lake(self) -> Lake:
        return open_lake(str(self.root))

    def stock(self, symbols: Sequence[str], day: date = DAY, spoilt: Mapping[str, float] | None = None) -> None:
        """Store the day's split and a fortnight of our prices; `spoilt` multiplies the newest close of some."""
        plan = BatchPlan(tuple(symbols), split_batches(list(symbols), 100), {"date": day.isoformat()})
        self.lake.write(layout.batches_key(US.name, day), plan.to_json())
        start = day - timedelta(days=14)
        rows = []
        for symbol in symbols:
            for bar in their_bars(symbol, start, day).to_pylist():
                close = bar["close"] * ((spoilt or {}).get(symbol, 1.0) if bar["session"] == day else 1.0)
                ours = {"close": close, "adj_close": close, "dividend": 0.0, "split": 0.0, "currency": "USD"}
                rows.append({**bar, **ours, "source": "yahoo", "fetched_at": MORNING, "batch_number": 0})
        table = pa.Table.from_pylist(rows, schema=PRICES)
        write_table(self.lake, layout.raw_key(US.name, day, 0), table, PRICES)

    def run(self, stage: str, tags: Mapping[str, str], config: Mapping[str, Any] | None = None) -> Any:
        """One run of a stage's job; a failure is a result."""
        ops = {f"us__{stage}": {"config": dict(config)}} if config else {}
        job = "session" if stage == "validation_batches" else stage.removeprefix("validation_")
        return self.repository.get_job(f"us_validation_{job}").execute_in_process(
            instance=self.instance,
            tags=dict(tags),
            run_config={"ops": ops, "loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
        )

    def open(self, day: date = DAY, **config: Any) -> Any:
        """The session."""
        return self.run("validation_batches", {"dagster/partition": day.isoformat()}, config)

    def check(self, numbers: range | None = None, day: date = DAY, **tags: str) -> Any:
        """The results, of all batches or of these."""
        wanted = range(self.session(day).total_batches) if numbers is None else numbers
        return self.run("validation_results", {**batch_range_tags(day, wanted), **tags})

    def sum_up(self, day: date = DAY) -> Any:
        """The summary."""
        return self.run("validation_summary", {"dagster/partition": day.isoformat()})

    def adhoc(self, day: date = DAY, **config: Any) -> Any:
        """A session beside the day's own."""
        return self.run("validation_adhoc", {}, {"date": day.isoformat(), **config})

    def beside(self, result: Any, day: date = DAY) -> SessionBook:
        """The book of the session that such a run made."""
        return SessionBook(self.lake, SessionPlace(US.name, day, f"session-{result.run_id}"), self.clock)

    def book(self, day: date = DAY) -> SessionBook:
        return SessionBook(self.lake, SessionPlace(US.name, day), self.clock)

    def session(self, day: date = DAY) -> Session:
        """The stored record."""
        found = self.book(day).get()
        assert found is not None
        return found

    def states(self, day: date = DAY) -> list[str]:
        """Of each batch."""
        return [batch.status.value for batch in self.session(day).batches]

    def colours(self, day: date = DAY) -> list[str | None]:
        """Of each batch, as the UI shows it."""
        asset = self.defs.get_assets_def(US.key("validation_results"))
        keys = [f"{day}|{batch.batch_number}" for batch in self.session(day).batches]
        found = self.instance.get_status_by_partition(asset.key, keys, asset.partitions_def) or {}
        return [status.value if (status := found.get(key)) else None for key in keys]

    def summary(self, day: date = DAY) -> dict[str, Any]:
        """The stored summary."""
        import json

        found: dict[str, Any] = json.loads(self.lake.read(SessionPlace(US.name, day).summary))
        return found


@contextmanager
def validation_desk(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ValidationDesk]:
    """A desk on plan basic8 whose lake is empty."""
    for name, value in {"STOCKS_HOME": str(root / "home"), "STOCKS_TWELVE_DATA_PLAN": "basic8"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("STOCKS_CREDIT_MINUTE", raising=False)
    with dg.DagsterInstance.ephemeral() as instance:
        yield ValidationDesk(root / "lake", instance)


def said(result: Any) -> str:
    """What the run's failed step said."""
    (event,) = [event for event in result.all_events if event.is_step_failure]
    data = event.step_failure_data
    return (data.user_failure_data.description if data.user_failure_data else "") or data.error_display_string


def checks(result: Any, partition: str | None = None) -> dict[str, dg.AssetCheckEvaluation]:
    """The run's check outcomes by name: those of one partition, or those of none in particular."""
    return {c.check_name: c for c in result.get_asset_check_evaluations() if c.partition == partition}

"""One batch of one day: what is stored already, what to fetch, what to keep, when to call it failed.

What belongs here: `BatchFetch`, the work behind one `raw_prices` partition, free of Dagster. What does not: HTTP
(upstream/yahoo.py), events (fanout.py), and the asset around it (prices.py).

A batch file holds the rows of its symbols and, in the file's metadata, what became of each symbol. So the next run
knows without asking anyone: a symbol that was answered is not asked again, one that timed out is.
"""

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from types import MappingProxyType
from typing import Literal, Protocol

from stocks_pipeline.clock import Clock
from stocks_pipeline.defs.batch_file import BatchState, load_batch, store_batch
from stocks_pipeline.defs.batch_merge import Answer, Answers
from stocks_pipeline.defs.labels import label
from stocks_pipeline.domain.calendars import Calendar
from stocks_pipeline.domain.prices import SymbolOutcome
from stocks_pipeline.domain.symbols import BatchPlan, vendor_symbol
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import Conflict, Lake
from stocks_pipeline.storage.tables import Stored
from stocks_pipeline.upstream.failures import RETRYABLE, FailureKind, UpstreamError
from stocks_pipeline.upstream.limits import Cancelled
from stocks_pipeline.upstream.yahoo import Bars, Window
from stocks_pipeline.wording import counted

MAX_FAILED_SHARE = 0.5
"""A batch of which more than this share failed for a passing reason is red: it is the vendor, not the symbols."""

SETTLE = timedelta(minutes=20)
"""How long after the close a vendor may still be changing the session's bar (closing auction, delayed feed)."""

WRITES = 5
"""How often a batch is merged anew on S3 because another process wrote it meanwhile."""

_STOPPING = {FailureKind.AUTH, FailureKind.QUOTA_DAY}


class PriceFeed(Protocol):
    """What `upstream.yahoo.Yahoo` offers, as far as a batch needs it."""

    @property
    def source(self) -> str: ...

    def daily_bars(
        self, symbols: Sequence[str], window: Window, *, stop: threading.Event | None = None
    ) -> Iterable[tuple[str, Bars | UpstreamError]]: ...


@dataclass(frozen=True)
class BatchReport:
    """What one batch came to: enough for the event, the checks and a person."""

    batch: int
    stored: Stored
    state: BatchState
    asked: int
    """Symbols that this run called the vendor for; 0: all of it was in the lake."""
    seconds: Mapping[str, float] = field(default_factory=dict)


class BatchFailedError(UpstreamError):
    """More of a batch failed than a green partition may hide. What was fetched is stored; a retry asks for the rest."""


@dataclass(frozen=True)
class BatchFetch:
    """Fetches the batches of one day."""

    market: str
    suffix: str
    day: date
    plan: BatchPlan
    chosen: frozenset[str]
    """The symbols that this run is about."""
    lookback_days: int
    refetch: bool
    lake: Lake
    feed: PriceFeed
    clock: Clock
    calendar: Calendar
    stop: threading.Event = field(default_factory=threading.Event)
    lacking: bool = False
    """Ask again for symbols that were answered without the day's bar."""

    def stored(self, batch: int) -> BatchReport | None:
        """The report of a batch whose file answers for every symbol this run is about, or None."""
        state = self.state(batch)
        if state is None or state.file is None or self._todo(batch, state):
            return None
        if state.left:
            return self._store(batch, (), self.lookback_days, asked=0)
        return BatchReport(batch, state.file, state, asked=0)

    def fetch(self, batch: int) -> BatchReport:
        """Ask for what is missing and store it beside what was there.

        A symbol that was stored and fails now keeps its stored rows: a refetch never makes the lake poorer.

        Raises:
            BatchFailedError: more than `MAX_FAILED_SHARE` of the batch's symbols failed for a passing reason, or the
                vendor refused the whole stage. The symbols that were answered are stored first.
            Cancelled: `stop` was set; here, too, what was answered is stored first.
        """
        started = self.clock.monotonic()
        before = self.state(batch)
        todo = self._todo(batch, before)
        lookback = self._reach(before)
        answers: list[Answer] = []
        failures: list[UpstreamError] = []
        try:
            for answer, error in self._ask(batch, todo, lookback):
                answers.append(answer)
                failures.extend([error] if error else [])
        except Cancelled:
            if any(outcome.status != "failed" for _, outcome in answers):
                self._store(batch, answers, lookback, asked=len(todo))
            raise
        seconds = {"fetch": self.clock.monotonic() - started}
        if any(f.kind in _STOPPING for f in failures):
            self.stop.set()  # here, not when the run hears of it: until then its other threads would go on asking
        return self._store(batch, answers, lookback, asked=len(todo), seconds=seconds, failures=failures)

    def _reach(self, before: BatchState | None) -> int:
        """Calendar days to ask for: an answer replaces its symbol's rows, so it reaches back to the oldest stored one.

        The batch's own lookback does not say how far that is: it is the shortest of its symbols'.
        """
        import pyarrow.compute as pc

        oldest = pc.min(before.table.column("session")).as_py() if before else None
        held = (self.day - oldest).days if oldest else 0
        return max(self.lookback_days, before.lookback_days if before else 0, held)

    def _todo(self, batch: int, state: BatchState | None) -> list[str]:
        """Symbols of this batch that the run has to ask for."""
        settled = state.settled(self.lookback_days) if state and not self.refetch else set()
        if state and self.lacking:
            settled -= state.lacking(self.day)
        return [s for s in self._members(batch) if s in self.chosen and s not in settled]

    def state(self, batch: int) -> BatchState | None:
        """The stored batch, or None."""
        return load_batch(self.lake, layout.raw_key(self.market, self.day, batch), set(self._members(batch)))

    def _members(self, batch: int) -> tuple[str, ...]:
        found = [b for b in self.plan.batches if b.batch_number == batch]
        if not found:
            raise UpstreamError(
                FailureKind.PERMANENT, self.market, f"batch {batch}", f"{self.day} has {len(self.plan.batches)} batches"
            )
        return found[0].symbols

    def _ask(self, batch: int, symbols: Sequence[str], lookback: int) -> Iterator[tuple[Answer, UpstreamError | None]]:
        """One answer a symbol, as they come, each with its failure if it is one."""
        window = Window(self.day - timedelta(days=lookback), self.day)
        codes = {vendor_symbol(s, self.suffix): s for s in symbols}
        for vendor, answer in self.feed.daily_bars(list(codes), window, stop=self.stop):
            symbol = codes[vendor]
            if isinstance(answer, UpstreamError):
                outcome = SymbolOutcome(symbol, "failed", answer.kind.value, answer.message, answer.attempts, 0)
                yield (None, outcome), answer
            else:
                rows = answer.table.num_rows
                status: Literal["ok", "no_bars"] = "ok" if rows else "no_bars"
                note = f"{answer.dropped} rows without a close left out" if answer.dropped else ""
                table = label(answer, symbol=symbol, batch=batch, source=self.feed.source, at=self.clock.now())
                yield (table, SymbolOutcome(symbol, status, None, note, 1, rows)), None

    def _store(  # noqa: PLR0913 - what came, and what is to be said of it
        self,
        batch: int,
        given: Sequence[Answer],
        lookback: int,
        *,
        asked: int,
        seconds: Mapping[str, float] = MappingProxyType({}),
        failures: Sequence[UpstreamError] = (),
    ) -> BatchReport:
        """Add the answers to what is stored now: another run may have written since this one read.

        Raises:
            BatchFailedError: as `fetch`; nothing is written where nothing at all was answered.
        """
        key = layout.raw_key(self.market, self.day, batch)
        answers = Answers(given, self.day, lookback, self._provisional())
        started = self.clock.monotonic()
        for tries_left in reversed(range(WRITES)):
            try:
                with self.lake.exclusive(key):
                    after = answers.onto(self.state(batch))
                    red = self._is_red(failures, len(after.outcomes))
                    if red and all(o.status == "failed" for o in after.outcomes.values()):
                        raise self._failed(batch, failures, asked)
                    stored = store_batch(self.lake, key, after)
                break
            except Conflict:
                if not tries_left:
                    raise
        if red:
            raise self._failed(batch, failures, asked)
        return BatchReport(batch, stored, after, asked, {**seconds, "write": self.clock.monotonic() - started})

    def _provisional(self) -> bool:
        """Whether the session's bar may still change: it was fetched before the close had settled."""
        if not self.calendar.is_session(self.day):
            return False
        return self.clock.now() < self.calendar.close_at(self.day) + SETTLE

    @staticmethod
    def _is_red(failures: Sequence[UpstreamError], known: int) -> bool:
        """By the share of all the symbols the batch knows of: a rest of one that fails again is no outage."""
        if any(f.kind in _STOPPING for f in failures):
            return True
        passing = sum(f.kind in RETRYABLE for f in failures)
        return passing > MAX_FAILED_SHARE * known

    def _failed(self, batch: int, failures: Sequence[UpstreamError], asked: int) -> BatchFailedError:
        kinds = Counter(f.kind for f in failures)
        stopping = [k for k in kinds if k in _STOPPING]
        kind = stopping[0] if stopping else kinds.most_common(1)[0][0]
        example = next(f for f in failures if f.kind == kind)
        classes = ", ".join(f"{n} {k.value}" for k, n in kinds.most_common())
        return BatchFailedError(
            kind,
            example.upstream,
            f"batch {batch}",
            f"{len(failures)} of {counted(asked, 'symbol')} failed ({classes}); "
            f"e.g. {example.subject}: {example.message}",
            status=example.status,
            attempts=max(f.attempts for f in failures),
        )

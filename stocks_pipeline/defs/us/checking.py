"""One batch of a validation session: ask the second vendor, compare, store a result for every symbol.

What belongs here: `BatchCheck`, the work behind one `validation_results` partition, free of Dagster. What does not: the
rules (domain/validation.py), HTTP and credits (upstream/twelve_data.py), the session's record (session_book.py).
"""

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from stocks_pipeline.clock import Clock
from stocks_pipeline.defs.us.session_book import SessionBook
from stocks_pipeline.domain.calendars import Calendar
from stocks_pipeline.domain.schemas import VALIDATION_RESULTS
from stocks_pipeline.domain.validation import validate
from stocks_pipeline.domain.validation_session import Session, State
from stocks_pipeline.domain.validation_types import Issue, Status, SymbolResult, could_not_check
from stocks_pipeline.storage.answers import NoPrices
from stocks_pipeline.storage.lake import Lake
from stocks_pipeline.storage.reader import PriceReader
from stocks_pipeline.storage.tables import Stored, read_table, write_table
from stocks_pipeline.storage.validation_keys import SessionPlace
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError, redact
from stocks_pipeline.upstream.limits import Cancelled

SOURCE = "twelvedata"
MARGIN_DAYS = 5
"""Calendar days asked for beyond the lookback, so that a holiday does not leave nothing to compare."""


Verdicts = dict[str, tuple[SymbolResult, datetime]]
"""By symbol: what was found, and when."""


class SecondVendor(Protocol):
    """What `upstream.twelve_data.TwelveData` offers."""

    def daily(
        self, symbols: Sequence[str], *, start: date, end: date, stop: threading.Event | None = None
    ) -> Mapping[str, Any]: ...


@dataclass(frozen=True)
class Checked:
    """What one batch came to."""

    batch: int
    results: tuple[SymbolResult, ...]
    stored: Stored
    seconds: float
    asked: int = 0
    """Symbols that the vendor was asked for: a credit each."""


@dataclass(frozen=True)
class BatchCheck:
    """Checks the batches of one session."""

    session: Session
    book: SessionBook
    vendor: SecondVendor
    clock: Clock
    calendar: Calendar
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def day(self) -> date:
        """The newest session that is compared."""
        return self.book.place.day

    def stored(self, batch: int) -> Checked | None:
        """The stored results of this session, if every symbol was checked; None: there is something to do."""
        kept = self._kept(batch)
        symbols = self.session.batches[batch].symbols
        if len(kept) < len(symbols):
            return None
        self.book.settle(batch)
        return Checked(batch, tuple(kept[s][0] for s in symbols), self._write(batch, kept), 0.0)

    def check(self, batch: int) -> Checked:
        """Ask for what has no verdict yet, compare, store; the session's record says how it ended.

        Raises:
            UpstreamError: nothing of the batch could be checked; AUTH and QUOTA_DAY leave it pending.
            Cancelled: the run was stopped; the batch is pending.
        """
        started = self.clock.monotonic()
        self.book.start(batch)
        symbols, kept, now = self.session.batches[batch].symbols, self._kept(batch), self.clock.now
        try:
            asked = [symbol for symbol in symbols if symbol not in kept]
            fresh = {result.symbol: (result, now()) for result in self._results(asked, alone=not kept)}
            stored = self._write(batch, {symbol: (kept | fresh)[symbol] for symbol in symbols})
        except UpstreamError as error:
            waits = error.kind in {FailureKind.AUTH, FailureKind.QUOTA_DAY}
            if waits:
                self.stop.set()  # at once, not when the fan-out hears of it: the next batch would ask in vain
            (self.book.put_back if waits else self.book.fail)(batch, str(error))
            raise
        except Cancelled:
            self.book.put_back(batch, "the run was stopped")
            raise
        except Exception as error:
            self.book.fail(batch, redact(f"{type(error).__name__}: {error}"))
            raise
        self.book.complete(batch)
        results = tuple((kept | fresh)[symbol][0] for symbol in symbols)
        return Checked(batch, results, stored, self.clock.monotonic() - started, len(asked))

    def _kept(self, batch: int) -> Verdicts:
        """The verdicts of this session that are stored; a symbol that could not be checked is asked for again."""
        rows = _rows(self.book.lake, self.book.place, batch, self.session)
        return {row["symbol"]: (_result(row), row["validated_at"]) for row in rows if Status(row["status"]).checked}

    def _results(self, symbols: Sequence[str], *, alone: bool) -> tuple[SymbolResult, ...]:
        """A result for every symbol; `alone`: these are all of the batch, so that none answered means it failed."""
        start = self.day - timedelta(days=self.session.lookback_days + MARGIN_DAYS)
        try:
            answers = self.vendor.daily(symbols, start=start, end=self.day, stop=self.stop)
        except UpstreamError as error:
            answers = dict.fromkeys(symbols, error)
        failures = [a for a in answers.values() if isinstance(a, UpstreamError)]
        passing = [f for f in failures if f.kind is not FailureKind.PERMANENT]
        if alone and passing and len(failures) == len(symbols):
            raise passing[0]
        return tuple(self._verdict(symbol, answers[symbol]) for symbol in symbols)

    def _verdict(self, symbol: str, answer: Any) -> SymbolResult:
        """The verdict on one symbol; an answer that never came is no verdict."""
        if isinstance(answer, UpstreamError):
            deferred = answer.kind in {FailureKind.QUOTA_DAY, FailureKind.RATE}
            return could_not_check(symbol, SOURCE, str(answer), deferred=deferred)
        found = self._compared(symbol, answer, 0)
        if found.status is not Status.FAILED:
            return found
        # A step at the window's edge shows its cause only with what came before it: an ex-date looks like one bad bar.
        wider = self._compared(symbol, answer, MARGIN_DAYS).issues
        seen = {issue.message: _as_seen(issue, wider) for issue in found.issues}
        says = seen[found.message].message if found.message in seen else found.message
        return replace(found, issues=tuple(seen[issue.message] for issue in found.issues), message=says)

    def _compared(self, symbol: str, theirs: Any, more_days: int) -> SymbolResult:
        """Both sides over the lookback and `more_days` before it."""
        first = self.day - timedelta(days=self.session.lookback_days + more_days)
        return validate(
            symbol,
            self._own(symbol),
            theirs,
            profile=self.session.profile,
            sessions=self.calendar.sessions(max(first, self.calendar.first), min(self.day, self.calendar.last)),
            newest=self.day,
            source=SOURCE,
        )

    def _own(self, symbol: str) -> Any | None:
        """Our bars of the symbol; None without any."""
        if self._prices is None:
            return None
        return self._prices.filter(pc.equal(self._prices.column("symbol"), pa.scalar(symbol)))

    @cached_property
    def _prices(self) -> Any | None:
        """Our prices as known on the day, read once; what lies before the window shows what is stale."""
        from stocks_pipeline.domain.schemas import PRICES

        start = self.day - timedelta(days=self.session.lookback_days + MARGIN_DAYS)
        reader = PriceReader(self.book.lake, self.book.place.market)
        try:
            found = reader.load_date_range(start, self.day, as_of=self.day, arrow=True)
        except NoPrices:
            return None
        return found.select(PRICES.names)

    def _write(self, batch: int, verdicts: Verdicts) -> Stored:
        rows = []
        for result, at in verdicts.values():
            record = result.to_record(self.session.session_id, at)
            causes = dict.fromkeys(issue.cause.value for issue in result.issues)
            issues = json.dumps(record["issues"], ensure_ascii=False)
            more = {"causes": ", ".join(causes), "validated_at": at, "batch_number": batch}
            rows.append({**record, "issues": issues, **more})
        table = pa.Table.from_pylist(rows, schema=VALIDATION_RESULTS)
        key = self.book.place.batch(batch)
        return write_table(self.book.lake, key, table, VALIDATION_RESULTS, volatile=("validated_at",))


def stored_results(lake: Lake, place: SessionPlace, session: Session) -> dict[int, tuple[SymbolResult, ...]]:
    """The results of the session's batches that are stored, by batch number."""
    found = {b.batch_number: _rows(lake, place, b.batch_number, session) for b in session.batches}
    return {number: tuple(map(_result, rows)) for number, rows in found.items() if rows}


def open_batches(lake: Lake, place: SessionPlace, session: Session) -> list[int]:
    """Those that failed or wait, those a dead run left, and those with a symbol that could not be checked."""
    results = stored_results(lake, place, session)
    return [
        batch.batch_number
        for batch in session.batches
        if batch.status is not State.COMPLETED
        or any(not result.status.checked for result in results.get(batch.batch_number, ()))
    ]


def _rows(lake: Lake, place: SessionPlace, batch: int, session: Session) -> list[dict[str, Any]]:
    """The stored rows of one batch of this session; those of a session that was replaced are not."""
    key = place.batch(batch)
    if not lake.exists(key):
        return []
    rows = read_table(lake, key, VALIDATION_RESULTS).to_pylist()
    return [row for row in rows if row["session_id"] == session.session_id]


def _as_seen(issue: Issue, wider: Sequence[Issue]) -> Issue:
    """The issue as a longer window explains it, if that shows it on the same sessions."""
    covers = (w for w in wider if w.rule == issue.rule and issue.sessions and set(issue.sessions) <= set(w.sessions))
    return next(covers, issue)


def _result(row: Mapping[str, Any]) -> SymbolResult:
    return SymbolResult.from_record({**row, "issues": json.loads(row["issues"])})

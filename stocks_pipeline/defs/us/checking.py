"""One batch of a validation session: ask the second vendor, compare, store a result for every symbol.

What belongs here: `BatchCheck`, the work behind one `validation_results` partition, free of Dagster. What does not: the
rules (domain/validation.py), HTTP and credits (upstream/twelve_data.py), the session's record (session_book.py).
"""

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from stocks_pipeline.clock import Clock
from stocks_pipeline.defs.us.session_book import SessionBook
from stocks_pipeline.domain.calendars import Calendar
from stocks_pipeline.domain.schemas import VALIDATION_RESULTS
from stocks_pipeline.domain.validation import validate
from stocks_pipeline.domain.validation_session import Session
from stocks_pipeline.domain.validation_types import SymbolResult, could_not_check
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.answers import NoPrices
from stocks_pipeline.storage.lake import Lake
from stocks_pipeline.storage.reader import PriceReader
from stocks_pipeline.storage.tables import Stored, read_table, write_table
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError

SOURCE = "twelvedata"
MARGIN_DAYS = 5
"""Calendar days asked for beyond the lookback, so that a holiday does not leave nothing to compare."""


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


@dataclass(frozen=True)
class BatchCheck:
    """Checks the batches of one session."""

    market: str
    day: date
    session: Session
    book: SessionBook
    lake: Lake
    vendor: SecondVendor
    clock: Clock
    calendar: Calendar
    stop: threading.Event = field(default_factory=threading.Event)

    def stored(self, batch: int) -> Checked | None:
        """The stored results of this session, if every symbol was checked; None: there is something to do."""
        key = layout.validation_batch_key(self.market, self.day, batch)
        if not self.lake.exists(key):
            return None
        rows = read_table(self.lake, key, VALIDATION_RESULTS).to_pylist()
        results = tuple(_result(row) for row in rows)
        known = {row["session_id"] for row in rows}
        if known != {self.session.session_id} or not all(result.status.checked for result in results):
            return None
        return Checked(batch, results, self._write(batch, results), 0.0)

    def check(self, batch: int) -> Checked:
        """Ask, compare, store; the session's record says how it ended.

        Raises:
            UpstreamError: nothing of the batch could be checked; AUTH and QUOTA_DAY leave it pending.
        """
        started = self.clock.monotonic()
        self.book.start(batch)
        try:
            results = self._results(self.session.batches[batch].symbols)
            stored = self._write(batch, results)
        except UpstreamError as error:
            if error.kind in {FailureKind.AUTH, FailureKind.QUOTA_DAY}:
                self.book.put_back(batch, str(error))
            else:
                self.book.fail(batch, str(error))
            raise
        except Exception as error:
            self.book.fail(batch, str(error))
            raise
        self.book.complete(batch)
        return Checked(batch, results, stored, self.clock.monotonic() - started)

    def _results(self, symbols: Sequence[str]) -> tuple[SymbolResult, ...]:
        start = self.day - timedelta(days=self.session.lookback_days + MARGIN_DAYS)
        answers = self.vendor.daily(symbols, start=start, end=self.day, stop=self.stop)
        failures = [a for a in answers.values() if isinstance(a, UpstreamError)]
        if len(failures) == len(symbols) and any(f.kind is not FailureKind.PERMANENT for f in failures):
            raise next(f for f in failures if f.kind is not FailureKind.PERMANENT)
        return tuple(self._verdict(symbol, answers[symbol]) for symbol in symbols)

    def _verdict(self, symbol: str, answer: Any) -> SymbolResult:
        """The verdict on one symbol; an answer that never came is no verdict."""
        if isinstance(answer, UpstreamError):
            deferred = answer.kind in {FailureKind.QUOTA_DAY, FailureKind.RATE}
            return could_not_check(symbol, SOURCE, str(answer), deferred=deferred)
        first = self.day - timedelta(days=self.session.lookback_days)
        return validate(
            symbol,
            self._own(symbol, first),
            answer.filter(pc.greater_equal(answer.column("session"), pa.scalar(first, pa.date32()))),
            profile=self.session.profile,
            sessions=self.calendar.sessions(max(first, self.calendar.first), min(self.day, self.calendar.last)),
            newest=self.day,
            source=SOURCE,
        )

    def _own(self, symbol: str, first: date) -> Any | None:
        """Our bars of the symbol in the window, as known on the day; None without any."""
        if self._prices is None:
            return None
        ours = self._prices.filter(pc.equal(self._prices.column("symbol"), pa.scalar(symbol)))
        ours = ours.filter(pc.greater_equal(ours.column("session"), pa.scalar(first, pa.date32())))
        return ours if ours.num_rows else None

    @cached_property
    def _prices(self) -> Any | None:
        """Our prices of the window, read once for the session."""
        from stocks_pipeline.domain.schemas import PRICES

        start = self.day - timedelta(days=self.session.lookback_days)
        try:
            found = PriceReader(self.lake, self.market).load_date_range(start, self.day, as_of=self.day, arrow=True)
        except NoPrices:
            return None
        return found.select(PRICES.names)

    def _write(self, batch: int, results: Sequence[SymbolResult]) -> Stored:
        now = self.clock.now()
        rows = []
        for result in results:
            record = result.to_record(self.session.session_id, now)
            causes = dict.fromkeys(issue.cause.value for issue in result.issues)
            rows.append(
                {
                    **record,
                    "issues": json.dumps(record["issues"], ensure_ascii=False),
                    "causes": ", ".join(causes),
                    "validated_at": now,
                    "batch_number": batch,
                }
            )
        table = pa.Table.from_pylist(rows, schema=VALIDATION_RESULTS)
        key = layout.validation_batch_key(self.market, self.day, batch)
        return write_table(self.lake, key, table, VALIDATION_RESULTS, volatile=("validated_at",))


def _result(row: Mapping[str, Any]) -> SymbolResult:
    return SymbolResult.from_record({**row, "issues": json.loads(row["issues"])})


def stored_results(lake: Lake, market: str, day: date, session: Session) -> dict[int, tuple[SymbolResult, ...]]:
    """The results of the session's batches that are stored, by batch number."""
    found = {}
    for batch in session.batches:
        key = layout.validation_batch_key(market, day, batch.batch_number)
        if lake.exists(key):
            rows = read_table(lake, key, VALIDATION_RESULTS).to_pylist()
            if {row["session_id"] for row in rows} == {session.session_id}:
                found[batch.batch_number] = tuple(_result(row) for row in rows)
    return found

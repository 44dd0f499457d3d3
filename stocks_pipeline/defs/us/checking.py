"""One batch of a validation session: ask the second vendor, compare, store a result for every symbol.

What belongs here: `BatchCheck`, the work behind one `validation_results` partition, free of Dagster. What does not: the
rules (domain/validation.py), HTTP and credits (upstream/twelve_data.py), our side (own_prices.py), the session's record
(session_book.py) and its stored results (results.py).
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cached_property
from typing import Any, Protocol

from stocks_pipeline.clock import Clock
from stocks_pipeline.defs.us.own_prices import OwnPrices
from stocks_pipeline.defs.us.results import Verdict, read_verdicts, write_verdicts
from stocks_pipeline.defs.us.session_book import STOPPED, ReplacedError, SessionBook
from stocks_pipeline.domain.calendars import Calendar
from stocks_pipeline.domain.plans import LARGEST_REQUEST
from stocks_pipeline.domain.validation import validate
from stocks_pipeline.domain.validation_session import Batch, Session, State
from stocks_pipeline.domain.validation_types import Issue, Status, SymbolResult, could_not_check
from stocks_pipeline.storage.lake import Lake
from stocks_pipeline.storage.tables import Stored
from stocks_pipeline.storage.validation_keys import SessionPlace
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError, redact
from stocks_pipeline.upstream.limits import Cancelled

SOURCE = "twelvedata"
MARGIN_DAYS = 5
"""Calendar days asked for beyond the lookback, so that a holiday does not leave nothing to compare."""

_WAITING = frozenset({FailureKind.AUTH, FailureKind.QUOTA_DAY})
"""Nothing is wrong with a batch that meets these: it waits for a key, or for tomorrow."""

Answers = Mapping[str, Any]
"""By symbol: bars, or why there are none."""


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
    at_most: int = LARGEST_REQUEST
    """Symbols of one request: a plan that was lowered since the session was opened allows fewer than a batch holds."""

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
        self._book.settle(batch)
        return Checked(batch, tuple(kept[s].result for s in symbols), self._write(batch, kept), 0.0)

    def check(self, batch: int) -> Checked:
        """Ask for what has no verdict on the rows that are stored now, compare, store; the record says how it ended.

        Raises:
            UpstreamError: nothing of the batch could be checked; AUTH and QUOTA_DAY leave it pending.
            Cancelled: the run was stopped; the batch is pending.
            ReplacedError: another session has the place of this one; nothing was stored.
        """
        started, book = self.clock.monotonic(), self._book
        book.start(batch)
        try:
            verdicts, stored, asked = self._checked(batch)
        except UpstreamError as error:
            if error.kind in _WAITING:
                self.stop.set()  # at once, not when the fan-out hears of it: the next batch would ask in vain
            (book.put_back if error.kind in _WAITING else book.fail)(batch, str(error))
            raise
        except Cancelled:
            book.put_back(batch, STOPPED)
            raise
        except ReplacedError:
            self.stop.set()
            raise
        except Exception as error:
            book.fail(batch, redact(f"{type(error).__name__}: {error}"))
            raise
        book.complete(batch)
        results = tuple(verdict.result for verdict in verdicts.values())
        return Checked(batch, results, stored, self.clock.monotonic() - started, asked)

    @cached_property
    def _book(self) -> SessionBook:
        """The book of this very session."""
        return self.book.of(self.session)

    @cached_property
    def _own(self) -> OwnPrices:
        """Our side, read once; what lies before the window shows what is stale."""
        return own_side(self.book.lake, self.book.place, self.session)

    def _kept(self, batch: int) -> dict[str, Verdict]:
        """The stored verdicts that still hold; what could not be checked, or changed since, is asked for again."""
        found = read_verdicts(self.book.lake, self.book.place, batch, self.session.session_id)
        return {symbol: verdict for symbol, verdict in found.items() if verdict.holds(self._own.version(symbol))}

    def _checked(self, batch: int) -> tuple[Mapping[str, Verdict], Stored, int]:
        """Every symbol's verdict, stored before the next request: whatever comes then, none is asked for twice."""
        symbols, verdicts = self.session.batches[batch].symbols, self._kept(batch)
        for symbol in symbols:
            if symbol not in verdicts and (why := self._own.awaited(symbol)):
                verdicts[symbol] = self._dated(could_not_check(symbol, SOURCE, why, deferred=True))
        asked = [symbol for symbol in symbols if symbol not in verdicts]
        refused: UpstreamError | None = None
        for at in range(0, len(asked), self.at_most):
            if at:
                self._write(batch, {symbol: verdicts[symbol] for symbol in symbols if symbol in verdicts})
            part = asked[at : at + self.at_most]
            answers = self._answers(part) if refused is None else dict.fromkeys(part, refused)
            failures = [answer for answer in answers.values() if isinstance(answer, UpstreamError)]
            passing = [failure for failure in failures if failure.kind is not FailureKind.PERMANENT]
            alone = not any(verdict.result.status.checked for verdict in verdicts.values())
            if alone and passing and len(failures) == len(part):
                raise passing[0]
            refused = refused or next((failure for failure in failures if failure.kind in _WAITING), None)
            verdicts |= {symbol: self._dated(self._verdict(symbol, answers[symbol])) for symbol in part}
        whole = {symbol: verdicts[symbol] for symbol in symbols}
        return whole, self._write(batch, whole), len(asked)

    def _answers(self, symbols: Sequence[str]) -> Answers:
        """Of one request; a request that failed is the answer for each of its symbols."""
        start = self.day - timedelta(days=self.session.lookback_days + MARGIN_DAYS)
        try:
            return self.vendor.daily(symbols, start=start, end=self.day, stop=self.stop)
        except UpstreamError as error:
            return dict.fromkeys(symbols, error)

    def _dated(self, result: SymbolResult) -> Verdict:
        """The verdict as of now, on the rows of ours that were compared."""
        return Verdict(result, self.clock.now(), self._own.version(result.symbol))

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
            self._own.bars(symbol),
            theirs,
            profile=self.session.profile,
            sessions=self.calendar.sessions(max(first, self.calendar.first), min(self.day, self.calendar.last)),
            newest=self.day,
            source=SOURCE,
        )

    def _write(self, batch: int, verdicts: Mapping[str, Verdict]) -> Stored:
        lake, place, session = self.book.lake, self.book.place, self.session.session_id
        return self._book.stored(lambda: write_verdicts(lake, place, batch, session, verdicts))


def own_side(lake: Lake, place: SessionPlace, session: Session) -> OwnPrices:
    """Our prices as far as the session looks at them."""
    first = place.day - timedelta(days=session.lookback_days + MARGIN_DAYS)
    return OwnPrices(lake, place.market, first, place.day)


def stored_results(lake: Lake, place: SessionPlace, session: Session) -> dict[int, tuple[SymbolResult, ...]]:
    """The results of the session's batches that are stored, by batch number."""
    found = {b.batch_number: read_verdicts(lake, place, b.batch_number, session.session_id) for b in session.batches}
    return {number: tuple(v.result for v in verdicts.values()) for number, verdicts in found.items() if verdicts}


def open_batches(lake: Lake, place: SessionPlace, session: Session) -> list[int]:
    """Those that failed or wait, those a dead run left, those with a symbol whose verdict is missing or outdated."""
    own = own_side(lake, place, session)

    def whole(batch: Batch) -> bool:
        found = read_verdicts(lake, place, batch.batch_number, session.session_id)
        return all(symbol in found and found[symbol].holds(own.version(symbol)) for symbol in batch.symbols)

    return [b.batch_number for b in session.batches if b.status is not State.COMPLETED or not whole(b)]


def waits(lake: Lake, place: SessionPlace, session: Session) -> bool:
    """Whether time alone may bring more: batches that nobody began or ended, symbols that were put off."""
    if any(batch.status in {State.PENDING, State.PROCESSING} for batch in session.batches):
        return True
    results = stored_results(lake, place, session).values()
    return any(result.status is Status.DEFERRED for batch in results for result in batch)


def _as_seen(issue: Issue, wider: Sequence[Issue]) -> Issue:
    """The issue as a longer window explains it, if that shows it on the same sessions."""
    covers = (w for w in wider if w.rule == issue.rule and issue.sessions and set(issue.sessions) <= set(w.sessions))
    return next(covers, issue)

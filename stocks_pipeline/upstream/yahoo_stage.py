"""What the symbols of one `daily_bars` call know of each other: whether to go on at all.

What belongs here: the failures that say that the next symbol will fail too, and telling those who wait. What does not:
asking (yahoo.py), and counting refusals over all calls of a gateway (refusals.py).
"""

import threading
from dataclasses import replace

from stocks_pipeline.upstream.failures import FailureKind, UpstreamError
from stocks_pipeline.upstream.limits import Cancelled
from stocks_pipeline.upstream.refusals import Refusals
from stocks_pipeline.upstream.yahoo_bars import UPSTREAM

_GIVE_UP_AFTER = 25  # symbols in a row that failed after all their tries: Yahoo is down, not they
_ENDS_STAGE = {FailureKind.AUTH, FailureKind.QUOTA_DAY}
_PENDING = "pending, not asked or not again"


class Over(Exception):  # noqa: N818 - not an error of the symbol that meets it
    """The stage has ended. Not an UpstreamError, so that `call` neither tries again nor cools anyone down for it."""

    def __init__(self, verdict: UpstreamError) -> None:
        super().__init__(verdict.message)
        self.verdict = verdict


class Stage:
    """One `daily_bars` call. Safe for threads."""

    def __init__(self, stop: threading.Event, refusals: Refusals) -> None:
        self.ended: threading.Event = _Ended(self)
        """Set where nothing more may be sent, for whatever reason: for those who wait for a turn."""
        self._stop, self._refusals = stop, refusals
        self._lock = threading.Lock()
        self._verdict: UpstreamError | None = None
        self._in_a_row = 0
        self._abandoned = False

    @property
    def verdict(self) -> UpstreamError | None:
        """Why the symbols that are left are not asked."""
        if self._verdict is None and (why := self._refusals.given_up):
            return UpstreamError(FailureKind.RATE, UPSTREAM, "", f"{_PENDING}: {why}", attempts=0)
        return self._verdict

    def cancelled(self) -> Cancelled | None:
        """What to raise where the caller does not want the rest."""
        ended = self._abandoned or self._stop.is_set()
        return Cancelled("stopped before it was asked") if ended else None

    def check(self) -> None:
        """Raises Cancelled or Over where nothing more may be sent."""
        if (cancelled := self.cancelled()) is not None:
            raise cancelled
        if (verdict := self.verdict) is not None:
            raise Over(verdict)

    def failed(self, error: UpstreamError) -> None:
        """Count a symbol's final failure, and end the stage where it says that the next one will fail too."""
        with self._lock:
            if self._verdict is None:
                self._in_a_row = 0 if error.kind is FailureKind.PERMANENT else self._in_a_row + 1
                if error.kind in _ENDS_STAGE or self._in_a_row >= _GIVE_UP_AFTER:
                    said = f"{_PENDING}: {error.subject} failed before it with: {error.message}"
                    self._verdict = replace(error, message=said)

    def succeeded(self) -> None:
        """A symbol was answered."""
        with self._lock:
            self._in_a_row = 0

    def abandon(self) -> None:
        """Nobody listens any more."""
        self._abandoned = True


class _Ended(threading.Event):
    """Set as soon as its stage has ended. Whoever waits asks `is_set` again and again (limits.py)."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self._stage = stage

    def is_set(self) -> bool:
        return self._stage.cancelled() is not None or self._stage.verdict is not None

"""How long everyone waits after a refusal (429), and when waiting is given up; when a vendor that is down is.

What belongs here: counting refusals that follow each other without a success, over all calls that share the count.
What does not: the waiting (limits.py), one call's own tries (http.py), or what giving up means (each gateway).

Many calls in flight meet one refusal of the vendor together. That is one round: only a call that was sent after the
last cool-down began, and so had waited for its end, says that waiting did not help.
"""

import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from stocks_pipeline.upstream.failures import MAX_RETRY_AFTER_S, FailureKind, UpstreamError

if TYPE_CHECKING:
    from stocks_pipeline.upstream.http import RetryPolicy

COOL_DOWN_CAP_S = 180.0  # of our own making; the vendor's Retry-After may ask for more


@dataclass
class Refusals:
    """The count that calls share. Safe for threads.

    Args:
        base_s: the first cool-down in seconds; each further one in a row is twice as long, up to `COOL_DOWN_CAP_S`.
        most: cool-downs in a row after which the next refusal gives up; None never does.
        longest_s: the same for seconds of cool-down in a row, so that a long Retry-After has an end too.
    """

    base_s: float
    most: int | None = None
    longest_s: float | None = None
    given_up: str | None = field(default=None, init=False)
    """Why waiting was given up, for good; None: not given up."""
    ended: threading.Event = field(default_factory=threading.Event, init=False, repr=False)
    """Set when it is given up: for those who wait for a cool-down that no longer matters."""
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    _cool_downs: int = field(default=0, init=False)
    _in_a_row: int = field(default=0, init=False)
    _latest_s: float = field(default=0.0, init=False)
    _waited_s: float = field(default=0.0, init=False)

    def sending(self) -> int:
        """Where the count stands when a call is sent; for `refused`."""
        return self._cool_downs

    def refused(self, sent: int, error: UpstreamError) -> float:
        """Count a refusal of the call that was sent at `sent`; seconds to cool down, 0.0 where a wait has begun."""
        wish = min(error.retry_after_s or 0.0, MAX_RETRY_AFTER_S)
        with self._lock:
            if sent != self._cool_downs:  # others of its round were refused before it
                self._waited_s += max(0.0, wish - self._latest_s)
                self._latest_s = max(self._latest_s, wish)
                return wish
            seconds = max(min(self.base_s * 2.0**self._in_a_row, COOL_DOWN_CAP_S), wish)
            self._give_up(seconds, error)
            self._cool_downs += 1
            self._in_a_row += 1
            self._latest_s = seconds
            self._waited_s += seconds
            return seconds

    def succeeded(self) -> None:
        """The vendor answers again."""
        if self._in_a_row:
            with self._lock:
                self._in_a_row, self._waited_s = 0, 0.0

    def _give_up(self, seconds: float, error: UpstreamError) -> None:
        many = self.most is not None and self._in_a_row >= self.most
        long = self.longest_s is not None and self._waited_s + seconds > self.longest_s
        if many or long:
            asks = f", it asks for {seconds:.0f} s more" if long else ""
            times = f"{self._in_a_row} cool-downs in a row, {self._waited_s:.0f} s"
            self.given_up = f"{error.upstream} refused everyone ({times}{asks}): {error.message}"
            self.ended.set()


@dataclass
class Silence:
    """Calls in a row that a vendor did not answer, of all that share the count. Safe for threads.

    Args:
        most: of those, after which nobody asks any more.
    """

    most: int
    given_up: str | None = field(default=None, init=False)
    """Why nobody asks any more; None: it is not given up."""
    _in_a_row: int = field(default=0, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def patience(self, policy: "RetryPolicy") -> "RetryPolicy":
        """A vendor that was silent to the call before is tried once, not as often as one that answers."""
        return replace(policy, attempts=1) if self._in_a_row else policy

    def ended(self, error: UpstreamError | None) -> None:
        """A call came to an answer (None), or to this after all its tries; a refusal is an answer, too."""
        with self._lock:
            silent = error is not None and error.kind is FailureKind.TRANSIENT
            self._in_a_row = self._in_a_row + 1 if silent else 0
            if error is not None and self._in_a_row >= self.most:
                self.given_up = f"{error.message} ({self._in_a_row} calls in a row)"

"""One call of an upstream, tried again where that can help.

What belongs here: how often, how long and why a call is repeated. What does not: sending (each gateway), sorting
failures (failures.py), waiting for one's turn (limits.py).

What each class of failure does:

| kind                 | sends at most        | before the next send                                              |
|----------------------|----------------------|-------------------------------------------------------------------|
| transient, malformed | `attempts` together  | exponential wait with jitter, or the vendor's Retry-After         |
| rate                 | `rate_attempts`      | everyone, in all processes, cools down; longer each time; calls   |
|                      |                      | that share a count of refusals (refusals.py) give up together     |
| auth                 | 2                    | a pause: real keys fail for seconds while a vendor has an outage  |
| quota_day, permanent | 1                    | raised at once                                                    |

`budget_s` covers sending and our own waits between sends. It does not cover the wait for a turn or a cool-down: under
a limit of 8 a minute those are the normal case. They are bounded by `rate_attempts`.
"""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from stocks_pipeline.clock import Clock
from stocks_pipeline.upstream.failures import MAX_RETRY_AFTER_S, FailureKind, UpstreamError
from stocks_pipeline.upstream.limits import Limiter, pause
from stocks_pipeline.upstream.refusals import Refusals

if TYPE_CHECKING:
    from tenacity import RetryCallState

T = TypeVar("T")
AUTH_ATTEMPTS = 2
AUTH_PAUSE_FACTOR = 4  # times base_s: spaced further than an ordinary second try


@dataclass(frozen=True)
class RetryPolicy:
    """How patient a caller is. Seconds; `attempts` and `rate_attempts` count sends, the first included."""

    attempts: int = 4
    budget_s: float = 60.0
    base_s: float = 0.5
    cap_s: float = 20.0
    rate_attempts: int = 8
    cool_down_s: float = 5.0


def call(  # noqa: PLR0913 - keyword only, each a collaborator
    send: Callable[[float], T],
    *,
    policy: RetryPolicy,
    limiter: Limiter,
    clock: Clock,
    credits: int = 1,  # noqa: A002 - the vendors' word
    stop: threading.Event | None = None,
    refusals: Refusals | None = None,
) -> T:
    """The answer of `send(timeout_left_s)`, which makes one request and raises UpstreamError where it fails.

    Every send, also a repeated one, is charged `credits` to the limiter first; where it could not be sent, the day has
    them back. Calls that share `refusals` cool down together and give up together; without it the call counts its own
    and knows no end but `rate_attempts`.

    Raises:
        UpstreamError: the last failure, with the number of sends; or the limiter's QUOTA_DAY.
        Cancelled: `stop` was set while waiting.
    """
    from tenacity import Retrying

    tries = _Tries(send, policy, limiter, clock, credits, stop, refusals or Refusals(policy.cool_down_s))
    retrying = Retrying(
        sleep=lambda seconds: pause(seconds, clock=clock, stop=stop),
        stop=tries.spent,
        wait=tries.wait_s,
        retry=tries.may_help,
        reraise=True,
    )
    try:
        return retrying(tries.once)
    except UpstreamError as exc:
        if tries.sends == exc.attempts:
            raise
        raise exc.after(tries.sends).with_traceback(exc.__traceback__) from exc.__cause__


@dataclass
class _Tries(Generic[T]):
    """What one call has tried so far, and what that means for the next try."""

    send: Callable[[float], T]
    policy: RetryPolicy
    limiter: Limiter
    clock: Clock
    credits: int
    stop: threading.Event | None
    refusals: Refusals
    sends: int = 0
    spent_s: float = 0.0
    failures: Counter[FailureKind] = field(default_factory=Counter)

    def once(self) -> T:
        self.limiter.acquire(self.credits, stop=self.stop)
        self.sends += 1
        began, sent = self.clock.monotonic(), self.refusals.sending()
        try:
            answer = self.send(self.policy.budget_s - self.spent_s)
        except UpstreamError as exc:
            self.failures[exc.kind] += 1
            if not exc.sent:
                self.limiter.give_back(self.credits)
            if exc.kind is FailureKind.RATE:  # also after the last try: the others must hear of it
                if seconds := self.refusals.refused(sent, exc):
                    self.limiter.cool_down(seconds, str(exc))
            elif exc.kind is FailureKind.PERMANENT:  # no to this, but an answer
                self.refusals.succeeded()
            raise
        finally:
            self.spent_s += self.clock.monotonic() - began
        self.refusals.succeeded()
        return answer

    def may_help(self, state: "RetryCallState") -> bool:
        """Whether another send could end differently, and the class has one left."""
        match _failure(state):
            case UpstreamError(kind=FailureKind.RATE):
                spent = self.failures[FailureKind.RATE] >= self.policy.rate_attempts
                return not (spent or self.refusals.given_up)
            case UpstreamError(kind=FailureKind.AUTH):
                return self.failures[FailureKind.AUTH] < AUTH_ATTEMPTS
            case UpstreamError(kind=FailureKind.TRANSIENT | FailureKind.MALFORMED):
                return self._passing() < self.policy.attempts
            case _:
                return False

    def wait_s(self, state: "RetryCallState") -> float:
        """Our own wait before the next send; it is charged to the budget when it is decided."""
        exc = _failure(state)
        if not isinstance(exc, UpstreamError) or exc.kind is FailureKind.RATE:
            return 0.0  # the limiter holds everyone back
        policy = self.policy
        if exc.kind is FailureKind.AUTH:
            step = policy.base_s * AUTH_PAUSE_FACTOR
        else:
            step = policy.base_s * 2.0 ** (self._passing() - 1)
        wait = min(step, policy.cap_s) * (0.5 + 0.5 * self.clock.random())
        if exc.retry_after_s is not None:  # never earlier than asked, and not all at the same instant
            wait = max(wait, min(exc.retry_after_s, MAX_RETRY_AFTER_S) + policy.base_s * self.clock.random())
        return wait

    def spent(self, state: "RetryCallState") -> bool:
        """Whether the coming wait would use up the budget. Tenacity asks this after `wait_s`."""
        self.spent_s += state.upcoming_sleep
        return self.spent_s >= self.policy.budget_s

    def _passing(self) -> int:
        return self.failures[FailureKind.TRANSIENT] + self.failures[FailureKind.MALFORMED]


def _failure(state: "RetryCallState") -> BaseException | None:
    return state.outcome.exception() if state.outcome else None

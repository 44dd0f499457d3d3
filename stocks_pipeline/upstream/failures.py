"""Every way an upstream can fail, sorted once.

What belongs here: the classes of failure, what each means for the next try, and the functions that turn an HTTP
answer or a transport error into one of them. What does not: retrying (http.py), waiting (limits.py), or a vendor's
own error bodies (each gateway reads its own and names the kind).
"""

import re
from dataclasses import dataclass, replace
from enum import StrEnum


class FailureKind(StrEnum):
    """What a failure means for the next call."""

    RATE = "rate"  # too many requests: everyone cools down, then tries again
    TRANSIENT = "transient"  # 5xx, timeout, connection: bounded retries inside the budget
    AUTH = "auth"  # bad or missing key, crumb or cookie: one or two spaced tries, then stop all calls of the stage
    QUOTA_DAY = "quota_day"  # the day's allowance is gone: stop at once, the rest stays pending until the reset
    PERMANENT = "permanent"  # unknown symbol, plan-gated, no such day: recorded, never retried
    MALFORMED = "malformed"  # an answer that cannot be read: retried like a transient one, reported as the vendor's


RETRYABLE = frozenset({FailureKind.RATE, FailureKind.TRANSIENT, FailureKind.MALFORMED, FailureKind.AUTH})
"""Kinds where the same call may succeed later in the same run."""

MAX_RETRY_AFTER_S = 15 * 60.0
"""The longest Retry-After that is obeyed inside a run; a vendor that asks for more is waited for by the next run."""

NEXT_STEP: dict[FailureKind, str] = {
    FailureKind.RATE: "The vendor is throttling this address. Wait some minutes, lower the request rate, then retry.",
    FailureKind.TRANSIENT: "The vendor or the network was down. Retry the partition.",
    FailureKind.AUTH: "Check the key with `stocks doctor`; if it is right, the vendor refuses it: retry later.",
    FailureKind.QUOTA_DAY: "The day's allowance is used up. Retry after the vendor's reset.",
    FailureKind.PERMANENT: "Retrying will not help: check the symbol or the day.",
    FailureKind.MALFORMED: "The vendor answered with something else than data. Retry; if it lasts, the format changed.",
}


@dataclass(eq=False)
class UpstreamError(Exception):
    """One classified failure of one upstream call.

    `subject` is what was asked for (a symbol, a listing). `message` never holds a query string, a key or a cookie:
    it passes through `redact`. `retry_after_s` is the vendor's own wish, in seconds, when it gave one.
    """

    kind: FailureKind
    upstream: str
    subject: str
    message: str
    status: int | None = None
    retry_after_s: float | None = None
    attempts: int = 1

    def __post_init__(self) -> None:
        self.message = redact(self.message)

    def __str__(self) -> str:
        where = f"{self.upstream} {self.subject}".strip()
        return f"{where}: {self.message} [{self.kind}, {self.attempts} tries]"

    @property
    def next_step(self) -> str:
        """What a person should do now."""
        return NEXT_STEP[self.kind]

    def after(self, attempts: int) -> "UpstreamError":
        """The same failure, saying how many tries it took."""
        return replace(self, attempts=attempts)


_SECRET = re.compile(
    r"(?i)(crumb|api_?key|apikey|token|authorization|cookie|secret|password)([\"']?\s*[=:]\s*)[^\s&,;\"'}]+"
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]+")


def redact(text: str, limit: int = 300) -> str:
    """The text without secrets, on one line, at most `limit` characters: fit for a log, an event or a table."""
    flat = " ".join(text.split())
    flat = _BEARER.sub(r"\1 ***", _SECRET.sub(r"\1\2***", flat))
    return flat if len(flat) <= limit else f"{flat[: limit - 1]}…"

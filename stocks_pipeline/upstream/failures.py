"""Every way an upstream can fail, sorted once.

What belongs here: the classes of failure, what each means for the next try, and the functions that turn an HTTP
answer or a transport error into one of them. What does not: retrying (http.py), waiting (limits.py), or a vendor's
own error bodies (each gateway reads its own and names the kind).
"""

import errno
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from enum import StrEnum

from stocks_pipeline.upstream.redaction import redact

__all__ = [
    "MAX_RETRY_AFTER_S",
    "NEXT_STEP",
    "RETRYABLE",
    "WRITTEN",
    "FailureKind",
    "UpstreamError",
    "from_status",
    "from_transport",
    "parse_retry_after",
    "redact",
]


class FailureKind(StrEnum):
    """What a failure means for the next call."""

    RATE = "rate"  # too many requests: everyone cools down, then tries again
    TRANSIENT = "transient"  # 5xx, timeout, connection: bounded retries inside the budget
    AUTH = "auth"  # bad or missing key, crumb or cookie: one or two spaced tries, then stop all calls of the stage
    QUOTA_DAY = "quota_day"  # the day's (or the prepaid) allowance is gone: stop at once, the rest stays pending
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
    FailureKind.QUOTA_DAY: "The allowance is used up. Retry after the vendor's reset, or add credit.",
    FailureKind.PERMANENT: "Retrying will not help: check the symbol or the day.",
    FailureKind.MALFORMED: "The vendor answered with something else than data. Retry; if it lasts, the format changed.",
}


WRITTEN = re.compile(r"(?P<what>.*) \[(?P<kind>[a-z_]+), (?P<tries>\d+) tries\]", re.DOTALL)
"""A failure as `str` writes it: what reads a stored one."""

MODEL = "model"  # the upstream that writes reports
MODEL_STEP: dict[FailureKind, str] = {
    FailureKind.RATE: "The model's service is throttling. Wait some minutes, lower STOCKS_LLM_CONCURRENCY, then retry.",
    FailureKind.TRANSIENT: "The model's service was down or slower than STOCKS_LLM_TIMEOUT. Retry.",
    FailureKind.AUTH: "Check STOCKS_LLM_API_KEY with `stocks doctor`; if it is right, the service refuses it.",
    FailureKind.QUOTA_DAY: "The service has no allowance or credit left for us. Retry after its reset, or add credit.",
    FailureKind.PERMANENT: "The service declines the question or knows no such model: try another STOCKS_LLM_MODEL.",
    FailureKind.MALFORMED: "No answer was fit for use. A retry asks anew; if it lasts, try another STOCKS_LLM_MODEL.",
}
"""The same for the model: what it is asked is no symbol, and what it answers no format of a vendor's."""


@dataclass(eq=False)
class UpstreamError(Exception):
    """One classified failure of one upstream call.

    `subject` is what was asked for (a symbol, a listing). `message` never holds a query string, a key or a cookie:
    it passes through `redact`. `retry_after_s` is the vendor's own wish, in seconds, when it gave one. `sent`: False
    where the vendor cannot have seen the call.
    """

    kind: FailureKind
    upstream: str
    subject: str
    message: str
    status: int | None = None
    retry_after_s: float | None = None
    attempts: int = 1
    sent: bool = True

    def __post_init__(self) -> None:
        self.message = redact(self.message)
        # What pickle calls the class with; without it a failure could not leave a worker process.
        self.args = tuple(getattr(self, field.name) for field in fields(self))

    def __str__(self) -> str:
        where = f"{self.upstream} {self.subject}".strip()
        return f"{where}: {self.message} [{self.kind}, {self.attempts} tries]"

    @property
    def next_step(self) -> str:
        """What a person should do now."""
        return (MODEL_STEP if self.upstream == MODEL else NEXT_STEP)[self.kind]

    def after(self, attempts: int) -> "UpstreamError":
        """The same failure, saying how many tries it took."""
        return replace(self, attempts=attempts)


_STATUS: dict[int, FailureKind] = {
    401: FailureKind.AUTH,
    402: FailureKind.QUOTA_DAY,  # nothing more is answered until a person pays
    403: FailureKind.AUTH,
    408: FailureKind.TRANSIENT,
    409: FailureKind.TRANSIENT,
    425: FailureKind.TRANSIENT,
    429: FailureKind.RATE,
}
"""What a status means where its hundred does not say it: other 4xx are permanent, 5xx transient, the rest malformed."""


def from_status(  # noqa: PLR0913 - the parts of one answer
    upstream: str,
    subject: str,
    status: int,
    headers: Mapping[str, str | None],
    body: str,
    *,
    now: datetime | None = None,
) -> UpstreamError:
    """The failure that an HTTP answer stands for. Returned, so that the caller raises it `from` what it has.

    Two statuses depend on more than their number. A 403 with a web page instead of data is a wall against robots: the
    key is fine and the address is refused, so it counts as RATE, and all processes leave the vendor alone for a while;
    retries within seconds only prolong such a block. A 402 with Retry-After is a budget in flight, so RATE as well.
    A 2xx or 3xx given to this function is an answer that could not be read: MALFORMED.
    """
    retry_after_s = parse_retry_after(headers, now)
    default = {4: FailureKind.PERMANENT, 5: FailureKind.TRANSIENT}.get(status // 100, FailureKind.MALFORMED)
    kind = _STATUS.get(status, default)
    if (status == 403 and _is_html(body)) or (status == 402 and retry_after_s is not None):  # noqa: PLR2004 - see above
        kind = FailureKind.RATE
    return UpstreamError(kind, upstream, subject, f"HTTP {status}: {_gist(body)}", status, retry_after_s)


def parse_retry_after(headers: Mapping[str, str | None], now: datetime | None) -> float | None:
    """Seconds the vendor asks us to wait, from 0 to 900; None where it does not say.

    Retry-After (RFC 9110, 10.2.3) holds seconds or a date. A date is compared with the answer's own Date, since the
    vendor's clock set both, else with `now` (aware).
    """
    lower = {name.lower(): value for name, value in headers.items()}
    value = (lower.get("retry-after") or "").strip()
    try:
        seconds = float(value)
    except ValueError:
        until, since = _http_date(value), _http_date(lower.get("date") or "") or now
        if until is None or since is None:
            return None
        seconds = (until - since).total_seconds()
    return min(max(0.0, seconds), MAX_RETRY_AFTER_S) if math.isfinite(seconds) else None


def _http_date(text: str) -> datetime | None:
    from email.utils import parsedate_to_datetime  # here: 12 ms, and the code location loads this module

    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)  # HTTP dates are GMT, whether they say so or not


def _is_html(body: str) -> bool:
    return body[:200].lstrip("\ufeff \t\r\n").lower().startswith(("<!doctype html", "<html", "<head", "<body"))


def _gist(body: str) -> str:
    """What a person needs of a body: a page's title, else its beginning."""
    if not body.strip():
        return "an empty body"
    if _is_html(body):
        title = re.search(r"(?is)<title[^>]*>([^<]{0,200})", body[:20_000])
        return f"a web page instead of data ({title.group(1).strip() if title else 'untitled'})"
    return body


_OUR_MISTAKE = None
_TRANSPORT: dict[tuple[str, str], FailureKind | None] = {
    ("builtins", "ConnectionError"): FailureKind.TRANSIENT,
    ("builtins", "TimeoutError"): FailureKind.TRANSIENT,
    ("socket", "gaierror"): FailureKind.TRANSIENT,
    ("socket", "herror"): FailureKind.TRANSIENT,
    ("ssl", "SSLError"): FailureKind.TRANSIENT,
    # curl_cffi: every class is an OSError and a RequestException, so its names for wrong use come with it.
    ("curl_cffi", "RequestException"): FailureKind.TRANSIENT,
    ("curl_cffi", "TooManyRedirects"): FailureKind.MALFORMED,
    ("curl_cffi", "InvalidJSONError"): FailureKind.MALFORMED,
    ("curl_cffi", "ContentDecodingError"): FailureKind.MALFORMED,
    ("curl_cffi", "CookieConflict"): _OUR_MISTAKE,
    ("curl_cffi", "ImpersonateError"): _OUR_MISTAKE,
    ("curl_cffi", "InterfaceError"): _OUR_MISTAKE,
    ("curl_cffi", "InvalidHeader"): _OUR_MISTAKE,
    ("curl_cffi", "InvalidSchema"): _OUR_MISTAKE,
    ("curl_cffi", "InvalidURL"): _OUR_MISTAKE,
    ("curl_cffi", "MissingSchema"): _OUR_MISTAKE,
    ("curl_cffi", "SessionClosed"): _OUR_MISTAKE,
    ("curl_cffi", "StreamConsumedError"): _OUR_MISTAKE,
    ("curl_cffi", "UnrewindableBodyError"): _OUR_MISTAKE,
    ("curl_cffi", "URLRequired"): _OUR_MISTAKE,
    ("httpx", "TimeoutException"): FailureKind.TRANSIENT,
    ("httpx", "NetworkError"): FailureKind.TRANSIENT,
    ("httpx", "ProxyError"): FailureKind.TRANSIENT,
    ("httpx", "RemoteProtocolError"): FailureKind.TRANSIENT,
    ("httpx", "DecodingError"): FailureKind.MALFORMED,
    ("httpx", "TooManyRedirects"): FailureKind.MALFORMED,
}
"""By top package and class, so that no HTTP library is imported to name its errors. The nearest base class decides."""

_NETWORK_DOWN = frozenset({errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.EADDRNOTAVAIL})


def from_transport(upstream: str, subject: str, exc: Exception) -> UpstreamError:
    """The failure that a transport's exception stands for. Returned, so that the caller raises it `from exc`.

    Raises:
        TypeError: no failure of the network (a wrong URL, a missing file, a bug of ours): nobody may retry it.
    """
    response = getattr(exc, "response", None)
    # Only raise_for_status() of curl_cffi or httpx speaks of the status: curl_cffi also attaches a half-read answer.
    if response is not None and type(exc).__name__ in {"HTTPError", "HTTPStatusError"} and response.status_code >= 400:  # noqa: PLR2004 - the first status that is an error
        return from_status(upstream, subject, response.status_code, response.headers, response.text)
    kind = next((_TRANSPORT[name] for name in _names(exc) if name in _TRANSPORT), _OUR_MISTAKE)
    if kind is None and type(exc) is OSError and exc.errno in _NETWORK_DOWN:
        kind = FailureKind.TRANSIENT
    if kind is None:
        raise TypeError(f"{upstream} {subject}: {type(exc).__qualname__} is no failure of the network") from exc
    return UpstreamError(kind, upstream, subject, f"{type(exc).__name__}: {exc}")


def _names(exc: Exception) -> list[tuple[str, str]]:
    # httpx2 is httpx under another name (the openai client is built on it).
    return [(base.__module__.partition(".")[0].replace("httpx2", "httpx"), base.__name__) for base in type(exc).__mro__]

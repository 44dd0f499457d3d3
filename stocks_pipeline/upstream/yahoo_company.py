"""What Yahoo says about a company: a dozen validated fields of quoteSummary, and nothing where it says nothing.

What belongs here: asking for the modules and taking fields out of them. What does not: cookies and crumbs
(yahoo_session.py), prices (yahoo.py), what a report makes of the fields (domain/reports/). Format: recorded answers of
2025; numbers come plain, or as `{"raw": 1.5, "fmt": "1.50"}`.

The names are Yahoo's, so that a fact can say where it is from, but for one: `dividendYield` was a share (0.0041) in one
release and a percentage (0.41) in the next, so it is `dividendYieldPercent` here, and only where the dividend per share
and the price confirm it.
"""

import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from curl_cffi.requests import Response

from stocks_pipeline.clock import Clock
from stocks_pipeline.domain.news import clean_text
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError, from_status
from stocks_pipeline.upstream.http import RetryPolicy, call
from stocks_pipeline.upstream.limits import Limiter
from stocks_pipeline.upstream.yahoo_bars import UPSTREAM
from stocks_pipeline.upstream.yahoo_session import Credentials, YahooSession, configure

URL = "https://query2.finance.yahoo.com/v10/finance/quoteSummary/"
MODULES = ("quoteType", "assetProfile", "summaryDetail", "financialData", "defaultKeyStatistics")
DEFAULT_POLICY = RetryPolicy(attempts=3, budget_s=20.0, rate_attempts=3)
_OK, _NOT_FOUND = 200, 404
_CREDENTIALS_WAIT_S = 5.0
_AGREES = 0.3  # the yield is of another moment's price: it may be off by so much and still be the same number


@dataclass(frozen=True)
class _Field:
    """A number of Yahoo's: the modules that have it, best first, and the values that can be true."""

    modules: tuple[str, ...]
    low: float
    high: float
    whole: bool = False


_DETAIL, _DATA, _STATS = "summaryDetail", "financialData", "defaultKeyStatistics"
NUMBERS: Mapping[str, _Field] = {
    "marketCap": _Field((_DETAIL,), 1, 1e17, whole=True),  # in the listing's currency; VND needs the room
    "trailingPE": _Field((_DETAIL,), 0, 1e5),
    "forwardPE": _Field((_DETAIL, _STATS), -1e5, 1e5),
    "trailingEps": _Field((_STATS,), -1e7, 1e7),
    "priceToBook": _Field((_STATS,), -1e5, 1e5),
    "beta": _Field((_DETAIL, _STATS), -20, 20),
    "fiftyTwoWeekHigh": _Field((_DETAIL,), 0, 1e9),
    "fiftyTwoWeekLow": _Field((_DETAIL,), 0, 1e9),
    "revenueGrowth": _Field((_DATA,), -1, 1e3),  # these four are shares: 0.04 means 4 %
    "earningsGrowth": _Field((_DATA,), -1e3, 1e3),
    "profitMargins": _Field((_DATA, _STATS), -1e3, 1),
    "returnOnEquity": _Field((_DATA,), -1e3, 1e3),
}
TEXTS: Mapping[str, tuple[str, int]] = {
    "longName": ("quoteType", 120),
    "exchange": ("quoteType", 20),
    "quoteType": ("quoteType", 20),
    "currency": (_DETAIL, 10),
    "financialCurrency": (_DATA, 10),
    "sector": ("assetProfile", 80),
    "industry": ("assetProfile", 120),
}


class YahooCompany:
    """The gateway. Safe for threads; one a process.

    Args:
        base_url: where to send what is meant for *.yahoo.com; None is Yahoo itself.
        limiter: charged once a request, before it is sent, cookie requests included.
        clock: for back-off and budgets.
        policy: how often and how long one company is tried.
        request_timeout_s: longest wait for one answer, in seconds.
        tz_of: as of `Yahoo`, which shares yfinance's process-wide switches.
    """

    def __init__(  # noqa: PLR0913 - keyword-only, each a decision of the caller
        self,
        *,
        base_url: str | None,
        limiter: Limiter,
        clock: Clock,
        policy: RetryPolicy = DEFAULT_POLICY,
        request_timeout_s: float = 10.0,
        tz_of: Callable[[str], str] | None = None,
    ) -> None:
        self._limiter, self._clock, self._policy, self._timeout_s = limiter, clock, policy, request_timeout_s
        configure(tz_of)
        self._session = YahooSession(base_url, clock, longest_s=request_timeout_s)
        wait_s = min(_CREDENTIALS_WAIT_S, request_timeout_s)
        self._credentials = Credentials(self._session, clock, charge=limiter.acquire, wait_s=wait_s)

    def company(self, symbol: str, *, stop: threading.Event | None = None) -> dict[str, Any]:
        """The fields of NUMBERS and TEXTS that Yahoo has for the symbol and that can be true, and
        `dividendYieldPercent` (0.41 means 0.41 %). What is missing there is missing here.

        Raises:
            UpstreamError: PERMANENT where Yahoo does not know it, otherwise why it could not be asked.
            Cancelled: `stop` was set while waiting.
        """
        return call(
            lambda left_s: self._ask(symbol, left_s),
            policy=self._policy,
            limiter=self._limiter,
            clock=self._clock,
            stop=stop,
        )

    def close(self) -> None:
        """Let go of the connections."""
        self._session.close()

    def _ask(self, symbol: str, left_s: float) -> dict[str, Any]:
        """One request. Raises UpstreamError."""
        params = {"modules": ",".join(MODULES), "corsDomain": "finance.yahoo.com", "formatted": "false"}
        timeout_s = min(left_s, self._timeout_s)
        return self._credentials.ask(
            URL, symbol, params, timeout_s, lambda got: read_summary(_body(got, symbol), symbol)
        )


def _body(response: Response, symbol: str) -> bytes:
    """The body of an answer of 200. Raises UpstreamError."""
    status = response.status_code
    if status == _OK:
        return response.content
    text = response.content[:2000].decode("utf-8", "replace")
    if status == _NOT_FOUND and "quoteSummary" not in text:  # an edge or a proxy speaks, not Yahoo
        raise UpstreamError(FailureKind.MALFORMED, UPSTREAM, symbol, "a 404 without Yahoo's own words", status)
    raise from_status(UPSTREAM, symbol, status, response.headers, text)


def read_summary(body: bytes, symbol: str) -> dict[str, Any]:
    """The validated fields of a quoteSummary body; see `YahooCompany.company`.

    Raises:
        UpstreamError: MALFORMED: no JSON or not of this shape; PERMANENT: Yahoo's own error.
    """
    try:
        summary = orjson.loads(body)["quoteSummary"]
        error, result = summary["error"], summary["result"]
    except (orjson.JSONDecodeError, KeyError, TypeError) as bad:
        raise UpstreamError(FailureKind.MALFORMED, UPSTREAM, symbol, f"no quoteSummary: {bad}", _OK) from bad
    if error:
        said = error.get("description") if isinstance(error, dict) else error
        raise UpstreamError(FailureKind.PERMANENT, UPSTREAM, symbol, str(said), _OK)
    modules = result[0] if isinstance(result, list) and result else None
    if not isinstance(modules, dict):
        raise UpstreamError(FailureKind.MALFORMED, UPSTREAM, symbol, "a quoteSummary without a result", _OK)
    found = {**_texts(modules), **_numbers(modules)}
    paid = _dividend_yield(modules)
    return found if paid is None else {**found, "dividendYieldPercent": paid}


def _texts(modules: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for name, (module, longest) in TEXTS.items():
        value = _part(modules, module).get(name)
        if isinstance(value, str) and (text := clean_text(value, longest)):
            found[name] = text
    return found


def _numbers(modules: Mapping[str, Any]) -> dict[str, float | int]:
    found: dict[str, float | int] = {}
    for name, field in NUMBERS.items():
        values = (_number(_part(modules, module).get(name)) for module in field.modules)
        value = next((value for value in values if value is not None), None)
        if value is not None and field.low <= value <= field.high:
            found[name] = int(value) if field.whole else value
    return found


def _dividend_yield(modules: Mapping[str, Any]) -> float | None:
    """Percent, whichever of its two units Yahoo sent; None where dividend and price do not tell which."""
    detail = _part(modules, _DETAIL)
    sent, rate, price = (_number(detail.get(name)) for name in ("dividendYield", "dividendRate", "previousClose"))
    if sent is None or rate is None or not price or sent < 0 or rate < 0:
        return None
    reckoned = rate / price * 100
    for percent in (sent * 100, sent):
        if abs(percent - reckoned) <= _AGREES * reckoned:
            return round(percent, 4)
    return None


def _part(modules: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = modules.get(name)
    return part if isinstance(part, dict) else {}


def _number(value: object) -> float | None:
    """A finite number, plain or as `{"raw": …}`. Yahoo writes "Infinity" and {} where it has none."""
    if isinstance(value, dict):
        value = value.get("raw")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)

"""What goes wrong, for whom, how often: faults by name.

What belongs here: the vocabulary of faults, their validation, and the decision which of them strike one request. What
does not: how a vendor's failure looks on the wire (yahoo.py, asx.py) or how bars are spoilt (spoil.py).

Everything is decided by hashes and by counting requests, never by chance: the same requests meet the same faults.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from stocks_pipeline.sandbox.chance import chance

# Faults of the call: the answer does not arrive, or is an error. A retry may succeed.
CALL_FAULTS = {
    "429": "rate limit; param retry_after (s) adds the header",
    "500": "server error with an HTML body; param status changes the number",
    "timeout": "no answer until the client hangs up, at most 120 s",
    "slow": "the answer comes after param seconds (default 5); other faults still strike",
    "malformed": "HTTP 200 with the body cut in the middle",
    "html": "an HTML page instead of data: HTTP 200 from the price vendor, 403 from the ASX; param status changes it",
}
# Faults of the data: the answer arrives and is wrong. They stick to a symbol, as bad data does.
DATA_FAULTS = {
    "unknown": "404, no such symbol",
    "delisted": "404 from the chart though quotes still know it; param days: bars end that many sessions ago instead",
    "empty": "HTTP 200 without any bar",
    "nan_last_row": "the newest bar is all null",
    "missing_day": "a bar is missing; param days_ago counts sessions back from the newest (default 1)",
    "split_today": "a split with the newest bar; params ratio (default 4), adjusted (default true: older bars are too)",
    "x100": "the newest param bars (default 1; 0: all) are param factor (default 100) too high",
    "stale": "bars end param days (default 3) sessions ago",
}
# Faults of the listing file: what real ones were seen to do.
LISTING_FAULTS = {
    "bom": "a byte-order mark before the first line",
    "crlf": "the other kind of line ending",
    "header": "the other spelling of the header line",
    "truncated": "the file ends in the middle of a line",
}
FAULTS: Mapping[str, str] = {**CALL_FAULTS, **DATA_FAULTS, **LISTING_FAULTS}
_PARAMS = ("seconds", "retry_after", "status", "days", "days_ago", "ratio", "adjusted", "bars", "factor")
ENDPOINTS = ("chart", "quote", "summary", "timeseries", "crumb", "cookie", "consent", "listing", "directory", "*")
_LISTINGS = ("listing", "directory")


class FaultError(ValueError):
    """A fault that cannot be: `field` names what is wrong with it."""

    def __init__(self, field_name: str, message: str) -> None:
        super().__init__(f"{field_name}: {message}")
        self.field = field_name


@dataclass(frozen=True)
class Fault:
    """One fault and whom it strikes.

    Attributes:
        name: One of FAULTS.
        symbols: Only these vendor symbols (a batch is its list of symbols); None: all.
        share: Only this share of the requests, or with `sticky` of the symbols; 0 < share <= 1.
        sticky: A share picks symbols once and for all. Default: true for faults of the data, false for those of a call.
        count: Only the first so many requests that it would strike.
        each: Only the first so many requests of every symbol.
        after: The first so many matching requests pass unharmed.
        until_s: Ends so many seconds after it was set.
        host: Only requests to this host.
        endpoint: One of ENDPOINTS. Default: chart; listing and directory for faults of the listing file.
        params: What FAULTS says about each.
    """

    name: str
    symbols: tuple[str, ...] | None = None
    share: float | None = None
    sticky: bool | None = None
    count: int | None = None
    each: int | None = None
    after: int = 0
    until_s: float | None = None
    host: str | None = None
    endpoint: str | None = None
    params: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check(self)

    @property
    def sticks(self) -> bool:
        return self.name in DATA_FAULTS if self.sticky is None else self.sticky

    def concerns(self, host: str, endpoint: str, symbol: str) -> bool:
        """Whether it is about such requests at all, before any counting."""
        default = _LISTINGS if self.name in LISTING_FAULTS else ("chart",)
        wanted = default if self.endpoint is None else (self.endpoint,)
        if self.endpoint is None and self.host is not None:
            wanted = ("*",)
        if "*" not in wanted and endpoint not in wanted:
            return False
        return self.host in (None, host) and (self.symbols is None or symbol in self.symbols)

    def param(self, name: str, default: float) -> float:
        return self.params.get(name, default)

    def to_json(self) -> dict[str, Any]:
        """The fields that were set, params beside the others: what the admin path takes."""
        found = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "params"}
        return {key: value for key, value in found.items() if value not in (None, 0)} | dict(self.params)


def fault_from(values: object) -> Fault:
    """A fault from JSON, or from command-line text's fields.

    Raises:
        FaultError: naming the field that is missing, unknown or impossible.
    """
    if not isinstance(values, dict):
        raise FaultError("fault", f"must be an object with a name, not {type(values).__name__}")
    own = {f.name for f in fields(Fault)} - {"params"}
    unknown = sorted(set(values) - own - set(_PARAMS) - {"params"})
    if unknown:
        raise FaultError(str(unknown[0]), f"no such field; there are {', '.join(sorted(own))} and {', '.join(_PARAMS)}")
    if "name" not in values:
        raise FaultError("name", f"is missing; there are {', '.join(FAULTS)}")
    symbols = values.get("symbols")
    inner = values.get("params") or {}
    if not isinstance(inner, dict):
        raise FaultError("params", "must be an object")
    named = {key: values[key] for key in own & set(values)} | {"name": str(values["name"])}
    if symbols is not None:
        named["symbols"] = tuple(symbols) if isinstance(symbols, list | tuple) else symbols
    return Fault(**named, params={**inner, **{key: values[key] for key in _PARAMS if key in values}})


def parse_fault(text: str) -> Fault:
    """A fault from the command line: `429,share=0.3` or `name=slow,seconds=2,symbols=BHP.AX+CBA.AX`.

    Raises:
        FaultError: naming the field that is wrong.
    """
    values: dict[str, object] = {}
    for at, part in enumerate(text.split(",")):
        key, equals, value = part.strip().partition("=")
        if not equals and at == 0:
            key, value = "name", key
        elif not equals:
            raise FaultError(key or "fault", "needs a value, as in share=0.3")
        values[key] = value.split("+") if key == "symbols" else _scalar(key, value)
    return fault_from(values)


def _scalar(key: str, text: str) -> object:
    if key in ("name", "host", "endpoint"):
        return text
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    return float(text) if re.fullmatch(r"-?\d*\.\d+", text) else text


def _check(fault: Fault) -> None:
    if fault.name not in FAULTS:
        raise FaultError("name", f"{fault.name!r} is no fault; there are {', '.join(FAULTS)}")
    if fault.symbols is not None and not (
        isinstance(fault.symbols, tuple) and fault.symbols and all(isinstance(symbol, str) for symbol in fault.symbols)
    ):
        raise FaultError("symbols", "must be a list of one or more symbols")
    if fault.share is not None and not (_is_number(fault.share) and 0 < fault.share <= 1):
        raise FaultError("share", f"must be above 0 and at most 1, not {fault.share!r}")
    if fault.endpoint is not None and fault.endpoint not in ENDPOINTS:
        raise FaultError("endpoint", f"{fault.endpoint!r} is none of {', '.join(ENDPOINTS)}")
    if fault.sticky not in (None, True, False):
        raise FaultError("sticky", "must be true or false")
    for name in ("count", "each", "after"):
        value = getattr(fault, name)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
            raise FaultError(name, f"must be a whole number, 0 or more, not {value!r}")
    if fault.until_s is not None and not (_is_number(fault.until_s) and fault.until_s > 0):
        raise FaultError("until_s", f"must be seconds above 0, not {fault.until_s!r}")
    for name, value in fault.params.items():
        if name not in _PARAMS:
            raise FaultError(name, f"no such parameter; there are {', '.join(_PARAMS)}")
        if not isinstance(value, bool) and not (_is_number(value) and value >= 0):
            raise FaultError(name, f"must be a number, 0 or more, not {value!r}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass
class _Active:
    """A fault with what it has seen."""

    fault: Fault
    ident: int
    since: float
    matched: int = 0
    struck: int = 0
    by_symbol: Counter[str] = field(default_factory=Counter)


class FaultBook:
    """The faults in force, in the order they were set. Used from the server's one event loop only."""

    def __init__(self, seed: int, faults: Sequence[Fault] = ()) -> None:
        self._seed = seed
        self._active: list[_Active] = []
        self._next = 0
        self.add(faults, 0.0)

    def add(self, faults: Iterable[Fault], now: float) -> None:
        """Put more faults in force from `now` (seconds on any clock that `strike` is also asked with)."""
        for fault in faults:
            self._active.append(_Active(fault, self._next, now))
            self._next += 1

    def clear(self) -> None:
        self._active.clear()
        self._next = 0

    def to_json(self) -> list[dict[str, Any]]:
        """Every fault with how many requests it matched and struck."""
        return [
            active.fault.to_json() | {"matched": active.matched, "struck": active.struck} for active in self._active
        ]

    def strike(self, host: str, endpoint: str, symbol: str, now: float) -> list[Fault]:
        """The faults that hit this request; asking counts as the request."""
        return [active.fault for active in self._active if self._strikes(active, host, endpoint, symbol, now)]

    def _strikes(self, active: _Active, host: str, endpoint: str, symbol: str, now: float) -> bool:  # noqa: PLR0913 - the facts of a request
        fault = active.fault
        if not fault.concerns(host, endpoint, symbol):
            return False
        if fault.until_s is not None and now - active.since >= fault.until_s:
            return False
        active.matched += 1
        attempt = active.by_symbol[symbol]
        active.by_symbol[symbol] += 1
        if active.matched <= fault.after:
            return False
        if fault.share is not None and not self._drawn(active, symbol, attempt):
            return False
        if fault.each is not None and attempt >= fault.each:
            return False
        if fault.count is not None and active.struck >= fault.count:
            return False
        active.struck += 1
        return True

    def _drawn(self, active: _Active, symbol: str, attempt: int) -> bool:
        which = 0 if active.fault.sticks else attempt
        return chance(self._seed, active.fault.name, active.ident, symbol, which) < (active.fault.share or 0.0)

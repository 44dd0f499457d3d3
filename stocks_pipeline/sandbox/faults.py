"""What goes wrong, for whom, how often: faults by name.

What belongs here: the vocabulary of faults and their validation. What does not: which of them strike one request
(faultbook.py), how a vendor's failure looks on the wire (yahoo.py, asx.py), how bars are spoilt (window.py).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

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
    "truncated": "the file ends in the middle of a line",  # CHAT_FAULTS says what it does to an answer
}
# Faults of the model that writes: the call's, and the prose's.
CHAT_FAULTS = {
    "401": "the key is refused, as it also is for seconds while the vendor has an outage",
    "402": "no credit left; with param retry_after: only until calls in flight are settled",
    "429_retry_after": "rate limit of the model's provider, with Retry-After (param retry_after, default 1 s)",
    "day_cap": "429: the day's free requests are used up",
    "error_in_200": "HTTP 200 with an error instead of an answer",
    "empty_choices": "HTTP 200 without any answer; nothing is billed",
    "truncated": "the answer stops in the middle, finish_reason length, billed; a listing file: cut in a line",
    "refusal": "the model declines to write, billed",
    "hallucinated_number": "a number in the text that no fact has",
    "wrong_company": "the text speaks of another company",
    "digits_in_prose": "a true number, written out instead of its {placeholder}",
    "missing_section": "a section of the answer is missing",
    "injected_by_news": "the model obeys a headline instead of us",
    "hang": "no answer until the client hangs up, at most 120 s; not billed",
}
# Faults of the news feed.
NEWS_FAULTS = {
    "no_news": "a feed without items",
    "hostile_news": "items with markup, bidirectional marks and orders to the model",
}
# Faults of the second vendor's bars, symbol by symbol. It also has those of BY_SYMBOL below, with endpoint=time_series.
SOURCE_FAULTS = {
    "dividend_basis": "prices adjusted for dividends too; with params days (5) and factor (0.97): for one of 3 %",
    "split_basis": "a split is not applied: bars older than param days (5) are param ratio (4) times as high",
    "extra_day": "a bar on the day after the session before the newest weekend or holiday",
    "wrong_listing": "another security of that symbol, on another exchange in another currency",
    "one_off": "one bar is param factor (1.05) too high; param days_ago (1)",
    "nan_close": "the close of the newest param bars (1) is NaN",
    "plan": "404, not available with this plan",
}
BY_SYMBOL = frozenset({*SOURCE_FAULTS, "unknown", "empty", "stale", "missing_day", "x100"})
FAULTS: Mapping[str, str] = {**CALL_FAULTS, **DATA_FAULTS, **LISTING_FAULTS, **CHAT_FAULTS, **NEWS_FAULTS,
                             **SOURCE_FAULTS}  # fmt: skip
_PARAMS = ("seconds", "retry_after", "status", "days", "days_ago", "ratio", "adjusted", "bars", "factor")
_SPANS = {"ratio": (0.001, 1000), "status": (200, 599), "seconds": (0, 120)}
ENDPOINTS = ("chart", "quote", "summary", "timeseries", "crumb", "cookie", "consent", "listing", "directory", "chat",
             "key", "credits", "news", "time_series", "external_quote", "api_usage", "*")  # fmt: skip
_LISTINGS = ("listing", "directory")
_SYMBOL_WIDE = ("chart", "quote", "summary")
_ALSO_CHAT = {"slow": ("chart", "chat"), "truncated": (*_LISTINGS, "chat"), "unknown": _SYMBOL_WIDE,
              "401": ("chat", "key"), "402": ("chat", "key")}  # fmt: skip


def _default_endpoints(name: str) -> tuple[str, ...]:
    """Whom a fault is about that names neither endpoint nor host."""
    kinds = ((LISTING_FAULTS, _LISTINGS), (CHAT_FAULTS, ("chat",)), (NEWS_FAULTS, ("news",)),
             (SOURCE_FAULTS, ("time_series",)))  # fmt: skip
    return _ALSO_CHAT.get(name) or next((ends for names, ends in kinds if name in names), ("chart",))


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
        endpoint: One of ENDPOINTS. Default: chart; with `unknown` also quote and summary; listing and directory for
            faults of the listing file; chat for those of the model; news for those of the feed; time_series for those
            of the second vendor's bars; `slow` and `truncated` also strike the model.
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
        return self.name in DATA_FAULTS or self.name in SOURCE_FAULTS if self.sticky is None else self.sticky

    def concerns(self, host: str, endpoint: str, *symbols: str) -> bool:
        """Whether it is about such requests at all, before any counting; `symbols` are the names of one thing."""
        wanted = _default_endpoints(self.name) if self.endpoint is None else (self.endpoint,)
        if self.endpoint is None and self.host is not None:
            wanted = ("*",)
        if "*" not in wanted and endpoint not in wanted:
            return False
        return self.host in (None, host) and (self.symbols is None or any(symbol in self.symbols for symbol in symbols))

    def param(self, name: str, default: float) -> float:
        return self.params.get(name, default)

    def to_json(self) -> dict[str, Any]:
        """The fields that were set, params beside the others: what the admin path takes."""
        own = [f for f in fields(self) if f.name != "params" and getattr(self, f.name) is not f.default]
        return {f.name: getattr(self, f.name) for f in own} | dict(self.params)


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
    """Refuse the first field that is impossible."""
    if fault.name not in FAULTS:
        raise FaultError("name", f"{fault.name!r} is no fault; there are {', '.join(FAULTS)}")
    for name, (is_right, expected) in _FIELDS.items():
        value = getattr(fault, name)
        if value is not None and not is_right(value):
            raise FaultError(name, f"must be {expected}, not {value!r}")
    for name, value in fault.params.items():
        if name not in _PARAMS:
            raise FaultError(name, f"no such parameter; there are {', '.join(_PARAMS)}")
        if not isinstance(value, bool) and not _is_amount(value):
            raise FaultError(name, f"must be a number, 0 or more, not {value!r}")
        if name in _SPANS and not _SPANS[name][0] <= value <= _SPANS[name][1]:
            raise FaultError(name, f"must be from {_SPANS[name][0]} to {_SPANS[name][1]}, not {value!r}")


def _is_amount(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _is_share(value: object) -> bool:
    return _is_amount(value) and value != 0 and float(str(value)) <= 1


def _is_count(value: object) -> bool:
    return _is_amount(value) and isinstance(value, int)


def _is_names(value: object) -> bool:
    return isinstance(value, tuple) and bool(value) and all(isinstance(item, str) for item in value)


_FIELDS: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "symbols": (_is_names, "a list of one or more symbols"),
    "share": (_is_share, "above 0 and at most 1"),
    "sticky": (lambda value: isinstance(value, bool), "true or false"),
    "count": (_is_count, "a whole number, 0 or more"),
    "each": (_is_count, "a whole number, 0 or more"),
    "after": (_is_count, "a whole number, 0 or more"),
    "until_s": (lambda value: _is_amount(value) and value != 0, "seconds above 0"),
    "host": (lambda value: isinstance(value, str), "a host name"),
    "endpoint": (lambda value: value in ENDPOINTS, f"one of {', '.join(ENDPOINTS)}"),
}

"""Facts as data: one named number, date or name with its unit, session, source and formula; and the sheet of a ticker.

What belongs here: the types, their invariants, their JSON and how many decimals a price is worth. What does not: how a
fact is computed (facts.py), which facts there are (fact_catalogue.py) and how one is written out (each of the writer
and the verifier does that itself, on purpose).
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from stocks_pipeline.domain.tickers import Ticker, currency_note

Value = float | int | str | date


class Unit(StrEnum):
    """What a value is in, and so how it is written."""

    PRICE = "price"
    """In the sheet's currency: a price per share, a difference of prices (signed) or a company's value."""
    PERCENT = "percent"
    """Signed: 1.5 means +1.5 %."""
    LEVEL = "level"
    """An unsigned percentage: a percentile, a volatility."""
    RATIO = "ratio"
    """Times: 1.35 means 1.35x."""
    INDEX = "index"
    """A plain number: RSI of 0 to 100, a correlation of -1 to 1."""
    SHARES = "shares"
    COUNT = "count"
    DATE = "date"
    TEXT = "text"


_KINDS: dict[Unit, type] = {Unit.SHARES: int, Unit.COUNT: int, Unit.DATE: date, Unit.TEXT: str}


@dataclass(frozen=True)
class Fact:
    """One thing a report may say.

    `as_of` is the session (or for news the UTC day) it is true of; `source` the lake key or `news:<id>` it was read
    from; `formula` how, for people; `decimals` how many digits are shown; `claims` the lower-case words of which one
    must stand in a sentence that shows it (empty: none is needed).

    Raises:
        ValueError: a number that is not finite, or a value of another type than its unit has.
    """

    name: str
    value: Value
    unit: Unit
    as_of: date
    source: str
    formula: str
    decimals: int
    claims: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse what could not be written out truthfully; -0.0 becomes 0.0."""
        kind = _KINDS.get(self.unit, float)
        if type(self.value) is not kind:
            raise ValueError(f"fact {self.name}: {self.unit} takes {kind.__name__}, not {self.value!r}")
        if isinstance(self.value, float):
            if not math.isfinite(self.value):
                raise ValueError(f"fact {self.name}: {self.value} is no number; leave the fact out and say why")
            object.__setattr__(self, "value", self.value + 0.0)
        if self.unit is Unit.LEVEL and isinstance(self.value, float) and self.value < 0:
            raise ValueError(f"fact {self.name}: a level is unsigned, not {self.value}")


@dataclass(frozen=True)
class FactSheet:
    """All that a report of one ticker may say, and by `absent` what it cannot and why.

    `as_of` is the day asked for; the newest bar may be older, which the fact `session` tells. `currency` is that of
    the bars. `sources` are the lake keys read.
    """

    ticker: Ticker
    as_of: date
    currency: str | None
    facts: Mapping[str, Fact]
    absent: Mapping[str, str]
    sources: tuple[str, ...]

    def __post_init__(self) -> None:
        """Freeze both mappings."""
        object.__setattr__(self, "facts", MappingProxyType(dict(self.facts)))
        object.__setattr__(self, "absent", MappingProxyType(dict(self.absent)))

    @property
    def currency_note(self) -> str:
        """That the bars' currency is not the ticker list's, in words; empty where they agree."""
        return currency_note(self.ticker.currency, [self.currency] if self.currency else [])

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types, dates as ISO text; facts in the sheet's order."""
        return {
            "ticker": asdict(self.ticker),
            "as_of": self.as_of.isoformat(),
            "currency": self.currency,
            "facts": {name: _fact_dict(fact) for name, fact in self.facts.items()},
            "absent": dict(self.absent),
            "sources": list(self.sources),
        }

    def to_json(self) -> bytes:
        """The same sheet always gives the same bytes."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "FactSheet":
        """The sheet that `to_dict` wrote.

        Raises:
            KeyError: a key is missing.
            ValueError: a value does not fit its unit.
        """
        return cls(
            ticker=Ticker(**data["ticker"]),
            as_of=date.fromisoformat(data["as_of"]),
            currency=data["currency"],
            facts={name: _fact(name, fields) for name, fields in data["facts"].items()},
            absent=data["absent"],
            sources=tuple(data["sources"]),
        )

    @classmethod
    def from_json(cls, body: bytes) -> "FactSheet":
        """The sheet that `to_json` wrote; errors as of `from_dict`."""
        return cls.from_dict(json.loads(body))


def price_decimals(value: float, currency: str, close: float) -> int:
    """How many digits of a price in `currency` are worth showing, given the ticker's own close.

    Prices near each other show alike: the close decides, unless the value itself is smaller (a MACD, an ATR). From
    100 up, a currency without cents shows none, but for a yen that is not whole: Tokyo quotes tenths.
    """
    scale = min(abs(value), abs(close)) if value else abs(close)
    if currency in _NO_CENTS and scale >= _WHOLE_FROM:
        return 1 if currency == "JPY" and not float(value).is_integer() else 0
    if scale >= 1 or (currency in _NO_CENTS and abs(close) >= _WHOLE_FROM):
        return 2
    return 4 if abs(close) >= _TINY else 6


_NO_CENTS = {"JPY", "VND", "IDR", "KRW"}
_WHOLE_FROM = 100.0
_TINY = 0.01


def _fact_dict(fact: Fact) -> dict[str, Any]:
    value = fact.value.isoformat() if isinstance(fact.value, date) else fact.value
    return {
        "value": value,
        "unit": fact.unit.value,
        "as_of": fact.as_of.isoformat(),
        "source": fact.source,
        "formula": fact.formula,
        "decimals": fact.decimals,
        "claims": list(fact.claims),
    }


def _fact(name: str, fields: Mapping[str, Any]) -> Fact:
    unit = Unit(fields["unit"])
    value = fields["value"]
    return Fact(
        name=name,
        value=date.fromisoformat(value) if unit is Unit.DATE else value,
        unit=unit,
        as_of=date.fromisoformat(fields["as_of"]),
        source=fields["source"],
        formula=fields["formula"],
        decimals=fields["decimals"],
        claims=tuple(fields["claims"]),
    )

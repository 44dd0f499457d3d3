"""The display spec as the verifier reads it: which texts may stand for a value, and no others.

What belongs here: value and unit to accepted texts. What does not: the values (verifier_recompute.py). Written from the
spec, not from the writer's formatter: digits are placed here by decimal arithmetic.

| unit | text |
|---|---|
| price | 1,234.50 THB: commas, decimals, a space, the currency where there is one |
| percent | +1.23%, -1.23%, 0.00% |
| level | 56.2% |
| ratio | 1.35x |
| index, count | 56.2, 12 |
| shares | 12,345,678 shares |
| date | 14 March 2024 |
| text | verbatim, Markdown marks in it behind a backslash |

Rounding is that of the exact binary value, ties to even. A recomputed value carries a noise bound (the difference two
correct algorithms may have); where a tie lies within it, the texts of both sides are accepted. A stored value has none.
"""

import re
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

_MONTHS = (
    "January February March April May June July August September October November December".split()  # noqa: SIM905 - a list of names reads best as one line
)
NUMERIC = frozenset({"price", "percent", "level", "ratio", "index", "shares", "count"})
WHOLE = frozenset({"shares", "count"})
MOST_DECIMALS = 8


@dataclass(frozen=True)
class Known:
    """A value the verifier found by itself, and how far a correct other computation may lie from it."""

    value: float | int | str | date
    noise: float = 0.0
    also: tuple[float, ...] = ()
    """Further values that are as true: ranks that only float noise tells apart."""

    def agrees(self, other: object) -> bool:
        """Whether a value of the sheet is this one; a number may differ by the noise, nothing else may differ."""
        if isinstance(self.value, str | date) or isinstance(other, bool) or not isinstance(other, int | float):
            return type(self.value) is type(other) and self.value == other
        return any(abs(other - value) <= self.noise for value in (self.value, *self.also))


_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")
_LIVE = frozenset("\\`*_[]<>|~#")


def shows(shown: str, known: Known, unit: str, decimals: int, currency: str | None) -> bool:
    """Whether a span's text shows the value. A text may escape its Markdown marks, and must where they would act."""
    if unit == "text":
        bare = _ESCAPE.sub("", shown)
        return _ESCAPE.sub(r"\1", shown) == known.value and not _LIVE & set(bare)
    return shown in accepted(known, unit, decimals, currency)


def accepted(known: Known, unit: str, decimals: int, currency: str | None) -> frozenset[str]:
    """Every text that may show the value; empty where the unit does not fit it."""
    value = known.value
    if isinstance(value, date):
        return frozenset({f"{value.day} {_MONTHS[value.month - 1]} {value.year}"} if unit == "date" else ())
    if isinstance(value, str):
        return frozenset({value} if unit == "text" else ())
    if unit not in NUMERIC or not 0 <= decimals <= MOST_DECIMALS:
        return frozenset()
    places = 0 if unit in WHOLE else decimals
    near = {one + shift for one in (value, *known.also) for shift in (0, -known.noise, known.noise)}
    return frozenset(_text(number, unit, places, currency) for number in near)


def _text(number: float, unit: str, places: int, currency: str | None) -> str:
    digits, negative = _digits(number, places)
    sign = "-" if negative else ""
    if unit == "percent" and not negative and digits.strip("0.,"):
        sign = "+"
    after = {"percent": "%", "level": "%", "ratio": "x", "shares": " shares"}.get(unit, "")
    if unit == "price" and currency:
        after = f" {currency}"
    return f"{sign}{digits}{after}"


def _digits(number: float, places: int) -> tuple[str, bool]:
    """The absolute digits with thousands commas, and whether a minus belongs before them."""
    with localcontext(prec=400):
        rounded = Decimal(number).quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)
    whole, _, fraction = f"{abs(rounded):f}".partition(".")
    first = len(whole) % 3 or 3
    groups = [whole[:first], *(whole[at : at + 3] for at in range(first, len(whole), 3))]
    return ",".join(groups) + (f".{fraction}" if fraction else ""), rounded < 0

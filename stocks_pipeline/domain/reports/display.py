"""How a fact is written for people: digits, unit, sign. The one place of the writer's side that formats a number.

What belongs here: the display rules. What does not: choosing facts (facts.py) or checking them; the verifier reads
these texts back by rules of its own and shares nothing with this file.

| unit | looks like | |
|---|---|---|
| price | 1,234.50 THB | the ticker's currency |
| percent | +1.23% | always signed, except 0.00% |
| level | 56.2% | a share or a size, never signed |
| ratio | 1.35x | |
| index | 56.2 | |
| shares | 12,345,678 shares | |
| count | 12 | |
| date | 14 March 2024 | English in every language and locale |
| text | as it is | |
"""

from datetime import date

from stocks_pipeline.domain.reports.fact_units import Fact, Unit

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July",
    "August", "September", "October", "November", "December",
)  # fmt: skip


def long_date(day: date) -> str:
    """14 March 2024, whatever the process's locale is."""
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def short_date(day: date) -> str:
    """14 Mar 2024."""
    return f"{day.day} {MONTHS[day.month - 1][:3]} {day.year}"


def display(fact: Fact, currency: str | None) -> str:
    """The text of a fact. `currency` is the sheet's; a price without one stands alone.

    Raises:
        TypeError: the value's type does not fit the unit, or the number is not finite.
    """
    value = fact.value
    if fact.unit is Unit.TEXT and isinstance(value, str):
        return value
    if fact.unit is Unit.DATE and isinstance(value, date):
        return long_date(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and float("-inf") < value < float("inf"):
        return _number(fact, value, currency)
    raise TypeError(f"fact {fact.name}: {value!r} is no {fact.unit.value}")


def _number(fact: Fact, value: float, currency: str | None) -> str:
    digits = _digits(value, 0 if fact.unit in {Unit.SHARES, Unit.COUNT} else fact.decimals)
    match fact.unit:
        case Unit.PRICE:
            return f"{digits} {currency}" if currency else digits
        case Unit.PERCENT:
            return f"+{digits}%" if digits[0] != "-" and any(char in "123456789" for char in digits) else f"{digits}%"
        case Unit.LEVEL:
            return f"{digits}%"
        case Unit.RATIO:
            return f"{digits}x"
        case Unit.SHARES:
            return f"{digits} shares"
        case Unit.INDEX | Unit.COUNT:
            return digits
    raise TypeError(f"fact {fact.name}: a number cannot be a {fact.unit.value}")


def _digits(value: float, decimals: int) -> str:
    """Thousands commas and fixed decimals; what rounds to zero has no sign."""
    shown = f"{value:,.{decimals}f}"
    return shown if any(char in "123456789" for char in shown) else shown.removeprefix("-")

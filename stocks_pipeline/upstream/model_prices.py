"""What tokens cost: for the estimate before a call, and for vendors that do not say it after one.

What belongs here: prices, all of them Decimal, and the two sums. What does not: the day's cap (budget.py). Source of
the packaged prices: a recorded answer and memory, unconfirmed; a vendor's own `usage.cost` always goes first.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

_MILLION = Decimal(1_000_000)
_BYTES_PER_TOKEN = 3  # fewer than any language of ours needs: English has four and more, Thai about three


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens."""

    prompt: Decimal
    completion: Decimal

    def cost(self, prompt_tokens: int, completion_tokens: int) -> Decimal:
        """US dollars, exact."""
        return (self.prompt * prompt_tokens + self.completion * completion_tokens) / _MILLION


PRICES: Mapping[str, Price] = {
    "openai/gpt-4o": Price(Decimal("2.50"), Decimal(10)),
    "openai/gpt-4o-mini": Price(Decimal("0.15"), Decimal("0.60")),
}
"""By model. A name without its vendor (`gpt-4o`) means the same."""


def price_of(model: str, table: Mapping[str, Price] = PRICES) -> Price:
    """The model's price; for a model that the table does not know its dearest one, so that no cap is ever overrun."""
    known = {**{name.partition("/")[2]: price for name, price in table.items()}, **table}
    return known.get(model) or max(table.values(), key=lambda price: (price.completion, price.prompt))


def worst_case(price: Price, prompt: str, max_tokens: int) -> Decimal:
    """The most that a call with this prompt can cost: a generous count of its tokens and the longest answer."""
    return price.cost(math.ceil(len(prompt.encode()) / _BYTES_PER_TOKEN), max_tokens)

"""Counts as people say them."""

import pytest

from stocks_pipeline.wording import counted


@pytest.mark.parametrize(
    ("number", "noun", "said"),
    [(1, "batch", "1 batch"), (0, "batch", "0 batches"), (1, "symbol", "1 symbol"), (1200, "symbol", "1,200 symbols")],
)
def test_one_is_no_plural(number: int, noun: str, said: str) -> None:
    """Neither "1 batches" nor "2 batchs"."""
    assert counted(number, noun) == said

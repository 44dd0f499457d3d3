"""Which symbols a run is about."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocks_pipeline.defs.selection import SelectionError, choose
from stocks_pipeline_tests.fake_feed import codes

LISTED = st.lists(st.sampled_from(codes(20)), unique=True, max_size=20)


@given(listed=LISTED, limit=st.none() | st.integers(1, 30))
def test_a_limit_takes_exactly_the_first(listed: list[str], limit: int | None) -> None:
    """A12: `limit=5` is exactly five, or all where there are fewer; no limit is all; the order is the list's."""
    assert choose(listed, limit, []) == listed[:limit]


@given(data=st.data(), listed=LISTED)
def test_named_symbols_come_in_list_order_once(data: st.DataObject, listed: list[str]) -> None:
    """A16: names in any order, case and number choose exactly those, as the list has them."""
    named = data.draw(st.lists(st.sampled_from(listed))) if listed else []
    spelled = [f" {name.lower()} " for name in named]
    assert choose(listed, None, [*spelled, "", "  "]) == ([s for s in listed if s in named] if named else listed)


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    """A16: a typing error names itself and what it may have meant; all of them at once."""
    with pytest.raises(SelectionError, match=r"BPH \(nearest: .*BHP.*; QQQQ \(nearest: none\)"):
        choose(["BHP", "CBA"], None, ["BPH", "CBA", "QQQQ"])


def test_a_name_with_the_vendors_suffix_is_unknown_but_near() -> None:
    """F04: codes are the exchange's own; `BHP.AX` is answered with BHP, never with another company."""
    with pytest.raises(SelectionError, match=r"BHP\.AX \(nearest: BHP\)"):
        choose(["BHP", "CBA"], None, ["BHP.AX"])

"""Faults: what may be said about them, and whom they strike."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocks_pipeline.sandbox.faultbook import FaultBook
from stocks_pipeline.sandbox.faults import FAULTS, Fault, FaultError, fault_from, parse_fault

HOST = "query2.finance.yahoo.com"


def struck(book: FaultBook, symbol: str = "BHP.AX", endpoint: str = "chart", now: float = 0.0) -> list[str]:
    return [fault.name for fault in book.strike(HOST, endpoint, symbol, now)]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({}, "name"),
        ({"name": "fire"}, "name"),
        ({"name": "429", "share": 0}, "share"),
        ({"name": "429", "share": 1.5}, "share"),
        ({"name": "429", "share": "much"}, "share"),
        ({"name": "429", "share": True}, "share"),
        ({"name": "429", "count": -1}, "count"),
        ({"name": "429", "count": 1.5}, "count"),
        ({"name": "429", "each": True}, "each"),
        ({"name": "429", "after": "x"}, "after"),
        ({"name": "429", "until_s": 0}, "until_s"),
        ({"name": "429", "sticky": 1}, "sticky"),
        ({"name": "429", "endpoint": "charts"}, "endpoint"),
        ({"name": "429", "host": 5}, "host"),
        ({"name": "429", "symbols": "BHP.AX"}, "symbols"),
        ({"name": "429", "symbols": []}, "symbols"),
        ({"name": "429", "symbols": [1]}, "symbols"),
        ({"name": "slow", "seconds": "long"}, "seconds"),
        ({"name": "slow", "seconds": -1}, "seconds"),
        ({"name": "slow", "params": {"colour": 1}}, "colour"),
        ({"name": "slow", "params": 3}, "params"),
        ({"name": "slow", "shre": 0.5}, "shre"),
        ({"name": "slow", "seconds": 121}, "seconds"),
        ({"name": "split_today", "ratio": 0}, "ratio"),
        ({"name": "500", "status": 99}, "status"),
        ("429", "fault"),
        (None, "fault"),
    ],
)
def test_an_impossible_fault_is_refused_by_the_field_that_is_wrong(fields: object, named: str) -> None:
    """The error carries the field's name and says it in its text."""
    with pytest.raises(FaultError) as refused:
        fault_from(fields)
    assert refused.value.field == named
    assert named in str(refused.value)


def test_the_command_line_says_what_json_says() -> None:
    """Both ways of writing a fault give the same one."""
    text = "name=slow,seconds=2.5,symbols=BHP.AX+CBA.AX,share=0.3,count=5,sticky=true,endpoint=chart"
    fields = {
        "name": "slow", "seconds": 2.5, "symbols": ["BHP.AX", "CBA.AX"], "share": 0.3, "count": 5, "sticky": True,
        "endpoint": "chart",
    }  # fmt: skip
    assert parse_fault(text) == fault_from(fields)
    assert parse_fault("429,share=1") == Fault("429", share=1)


@pytest.mark.parametrize("text", ["", "42", "429,share", "429,share=x", "429,=3", "slow,seconds=fast"])
def test_unreadable_command_lines_are_refused(text: str) -> None:
    """A typing error is never taken for a fault without conditions."""
    with pytest.raises(FaultError):
        parse_fault(text)


@given(st.sampled_from(sorted(FAULTS)), st.none() | st.floats(0.01, 1), st.none() | st.integers(0, 9))
def test_a_fault_survives_its_json(name: str, share: float | None, count: int | None) -> None:
    """What the admin path shows can be posted again."""
    fault = Fault(name, share=share, count=count, symbols=("A", "B"), params={"days": 2})
    again = fault_from(fault.to_json())
    assert again == fault


def test_count_zero_is_kept_and_strikes_nobody() -> None:
    """Zero is a count, not an absent one."""
    book = FaultBook(1, [Fault("429", count=0)])
    assert [struck(book) for _ in range(3)] == [[], [], []]
    assert fault_from(Fault("429", count=0).to_json()).count == 0


def test_count_after_and_each() -> None:
    """The first N; all but the first M; the first of every symbol."""
    assert [bool(struck(book)) for book in [FaultBook(1, [Fault("429", count=2)])] for _ in range(4)] == [1, 1, 0, 0]
    assert [bool(struck(book)) for book in [FaultBook(1, [Fault("429", after=2)])] for _ in range(4)] == [0, 0, 1, 1]
    book = FaultBook(1, [Fault("429", each=1)])
    assert [bool(struck(book, symbol)) for symbol in ("A", "B", "A", "B", "C")] == [1, 1, 0, 0, 1]


def test_a_share_strikes_about_that_many_and_a_retry_may_succeed() -> None:
    """A share of the calls is drawn anew for every attempt, the same way in every run."""
    symbols = [f"S{n}" for n in range(1000)]
    book, again = FaultBook(1, [Fault("500", share=0.3)]), FaultBook(1, [Fault("500", share=0.3)])
    first = [bool(struck(book, symbol)) for symbol in symbols]
    assert first == [bool(struck(again, symbol)) for symbol in symbols]
    assert 250 < sum(first) < 350
    second = [bool(struck(book, symbol)) for symbol in symbols]
    assert 50 < sum(a and b for a, b in zip(first, second, strict=True)) < 130


def test_a_share_of_bad_data_is_the_same_symbols_every_time() -> None:
    """Data that is wrong stays wrong however often it is asked for."""
    book = FaultBook(1, [Fault("x100", share=0.2)])
    rounds = [[bool(struck(book, f"S{n}")) for n in range(300)] for _ in range(3)]
    assert rounds[0] == rounds[1] == rounds[2]
    assert 30 < sum(rounds[0]) < 90


def test_two_faults_with_the_same_share_strike_independently() -> None:
    """Each fault in force draws its own symbols."""
    book = FaultBook(1, [Fault("500", share=0.5), Fault("500", share=0.5)])
    hits = [len(struck(book, f"S{n}")) for n in range(400)]
    assert {0, 1, 2} == set(hits)


def test_a_fault_ends_after_its_time() -> None:
    """until_s counts from when it was set."""
    book = FaultBook(1)
    book.add([Fault("429", until_s=10)], now=100.0)
    assert [bool(struck(book, now=now)) for now in (100.0, 109.9, 110.0)] == [True, True, False]


def test_symbols_endpoint_and_host_narrow_a_fault() -> None:
    """By default it is about charts; a host or an endpoint says otherwise; listing faults are about listings."""
    assert not struck(FaultBook(1, [Fault("429")]), endpoint="crumb")
    assert struck(FaultBook(1, [Fault("429", endpoint="*")]), endpoint="crumb")
    assert struck(FaultBook(1, [Fault("429", host=HOST)]), endpoint="crumb")
    assert not struck(FaultBook(1, [Fault("429", host="fc.yahoo.com")]))
    assert not struck(FaultBook(1, [Fault("429", symbols=("CBA.AX",))]))
    assert struck(FaultBook(1, [Fault("unknown")]), endpoint="summary")
    assert struck(FaultBook(1, [Fault("bom")]), "", "directory")
    assert not struck(FaultBook(1, [Fault("bom")]))

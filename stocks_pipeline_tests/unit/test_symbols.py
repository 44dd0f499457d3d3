import json
import re
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocks_pipeline.domain.symbols import (
    BatchPlan,
    Company,
    ListingError,
    PlanError,
    SymbolBatch,
    companies_from_csv,
    companies_to_csv,
    split_batches,
    vendor_symbol,
)

CODES = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=1, max_size=6)
TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=30)
COMPANIES = st.builds(
    Company, CODES, TEXT, TEXT, st.none() | st.dates(), st.none() | st.integers(min_value=0, max_value=10**13)
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
SEED = {
    "symbols": ["A", "B", "C"],
    "symbolBatches": [{"symbols": ["A", "B"], "batchNumber": 0}, {"symbols": ["C"], "batchNumber": 1}],
    "metadata": {"total": 3},
}


@pytest.mark.parametrize(("count", "batches"), [(0, 0), (1, 1), (99, 1), (100, 1), (101, 2), (1000, 10), (1985, 20)])
def test_number_of_batches(count: int, batches: int) -> None:
    """0, 99, 100, 101 and 1,000 symbols make 0, 1, 1, 2 and 10 batches of up to 100."""
    assert len(split_batches([f"S{n}" for n in range(count)])) == batches


@given(st.lists(CODES, unique=True, max_size=300), st.integers(1, 120))
def test_batch_n_holds_its_hundred(symbols: list[str], size: int) -> None:
    """Batch n holds symbols n·size to n·size+size-1, in order, none lost, none twice, none empty."""
    batches = split_batches(symbols, size)
    for position, batch in enumerate(batches):
        assert batch == SymbolBatch(tuple(symbols[position * size : position * size + size]), position)
        assert batch.symbols
    assert [symbol for batch in batches for symbol in batch.symbols] == symbols


def test_bad_splits_are_refused() -> None:
    """A batch size below one, and a symbol that would be fetched twice, are named."""
    with pytest.raises(ValueError, match="size: 0"):
        split_batches(["A"], 0)
    with pytest.raises(ValueError, match="symbols: B more than once"):
        split_batches(["A", "B", "B"])


@given(st.lists(CODES, unique=True, max_size=250), st.integers(1, 120), st.dictionaries(TEXT, JSON, max_size=4))
def test_plan_round_trips(symbols: list[str], size: int, metadata: dict[str, Any]) -> None:
    """A plan read back from its JSON is the plan, and its bytes are stable."""
    plan = BatchPlan.of(symbols, size, metadata)
    body = plan.to_json()
    assert BatchPlan.from_json(body) == plan
    assert BatchPlan.from_json(body).to_json() == body
    assert list(json.loads(body)) == ["symbols", "symbolBatches", "metadata"]


def test_plan_reads_the_seeds_form() -> None:
    """The keys are exactly those of the original updater's output."""
    plan = BatchPlan.from_json(json.dumps(SEED).encode())
    assert plan == BatchPlan.of(["A", "B", "C"], 2, {"total": 3})
    assert json.loads(plan.to_json()) == SEED
    assert plan.batch(1).symbols == ("C",)


def test_empty_plan_is_legal() -> None:
    """No symbols, no batches: a day without a listing's rows is no crash."""
    plan = BatchPlan.of([])
    assert plan.batches == ()
    assert BatchPlan.from_json(plan.to_json()) == plan
    with pytest.raises(PlanError, match="batchNumber: no batch 0 among 0"):
        plan.batch(0)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"symbols": None}, "symbols: not a list"),
        ({"symbols": ["A", 7, "C"]}, "symbols[1]: 7 is no symbol"),
        ({"symbols": ["A", "", "C"]}, "symbols[1]: '' is no symbol"),
        ({"symbols": ["A", "B"]}, "symbolBatches: the batches in order are not the symbols"),
        ({"symbols": ["A", "C", "B"]}, "symbolBatches: the batches in order are not the symbols"),
        ({"symbolBatches": {}}, "symbolBatches: not a list"),
        ({"symbolBatches": [7]}, "symbolBatches[0]: not an object"),
        ({"symbolBatches": [{"symbols": ["A"]}]}, "symbolBatches[0]: missing ['batchNumber']"),
        ({"symbolBatches": [{"symbols": ["A"], "batchNumber": "0"}]}, "symbolBatches[0].batchNumber: '0'"),
        ({"symbolBatches": [{"symbols": ["A"], "batchNumber": False}]}, "batchNumber: False is no integer"),
        ({"symbolBatches": [{"symbols": ["A", "B", "C"], "batchNumber": 1}]}, "batchNumber: 1, expected 0"),
        ({"symbolBatches": [{"symbols": [], "batchNumber": 0}]}, "symbolBatches[0].symbols: empty"),
        ({"symbolBatches": [{"symbols": "ABC", "batchNumber": 0}]}, "symbolBatches[0].symbols: not a list"),
        ({"metadata": []}, "metadata: not an object"),
        ({"extra": 1}, "plan: missing nothing, unknown ['extra']"),
        ({"symbols": ["A", "A", "C"]}, "symbols: A more than once"),
    ],
)
def test_bad_plan_names_the_field(change: dict[str, Any], says: str) -> None:
    """Every way in which a stored plan can be wrong is refused with the field that is."""
    with pytest.raises(PlanError, match=re.escape(says)):
        BatchPlan.from_json(json.dumps(SEED | change).encode())


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"symbols": []}'])
def test_what_is_no_plan_is_refused(body: bytes) -> None:
    """A cut or foreign file is a PlanError, not a KeyError."""
    with pytest.raises(PlanError):
        BatchPlan.from_json(body)


def test_metadata_must_be_json() -> None:
    """NaN is no JSON and a date is none: both are refused before anything is written."""
    for bad in (float("nan"), date(2025, 1, 1)):
        with pytest.raises(PlanError, match="metadata"):
            BatchPlan.of(["A"], metadata={"value": bad}).to_json()


@given(st.lists(COMPANIES, max_size=20))
def test_companies_round_trip(companies: list[Company]) -> None:
    """Companies written as CSV and read back are the same, whatever their names hold."""
    assert companies_from_csv(companies_to_csv(companies)) == tuple(companies)


def test_companies_file_is_plain() -> None:
    """The file is what a spreadsheet opens: a header, ISO dates, missing values empty."""
    body = companies_to_csv(
        [Company("AFI", 'A, "B"', "", None, None), Company("BHP", "BHP", "M", date(1885, 8, 13), 5)]
    )
    assert body == b'code,name,industry,listed_on,market_cap\nAFI,"A, ""B""",,,\nBHP,BHP,M,1885-08-13,5\n'


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "not a symbols file"),
        (b"\xff\xfe\x00", "not a symbols file"),
        (b"ASX code,Company name\n", "not a symbols file"),
        (b"code,name,industry,listed_on,market_cap\nBHP,BHP,M\n", "line 2"),
        (b"code,name,industry,listed_on,market_cap\nBHP,BHP,M,13/08/1885,\n", "line 2"),
        (b"code,name,industry,listed_on,market_cap\nBHP,BHP,M,,many\n", "line 2"),
        (b'code,name,industry,listed_on,market_cap\nBHP,"BHP', "line 2"),
    ],
)
def test_a_foreign_symbols_file_is_refused(body: bytes, says: str) -> None:
    """What we did not write is refused with its line."""
    with pytest.raises(ListingError, match=says):
        companies_from_csv(body)


def test_suffix_is_never_doubled_or_guessed() -> None:
    """BHP is BHP.AX; BHP.AX is refused, and so is no code at all."""
    assert vendor_symbol("BHP", ".AX") == "BHP.AX"
    assert vendor_symbol("AAPL", "") == "AAPL"
    for code in ("BHP.AX", ""):
        with pytest.raises(ValueError, match="code:"):
            vendor_symbol(code, ".AX")

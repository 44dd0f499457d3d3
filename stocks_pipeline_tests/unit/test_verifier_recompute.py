import random
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocks_pipeline.domain.reports.facts import build_facts
from stocks_pipeline.domain.reports.verifier_display import Known, accepted, shows
from stocks_pipeline.domain.reports.verifier_recompute import months_before, peers_of, recompute
from stocks_pipeline.domain.reports.verifier_series import ranks, read_bars, wilder_rsi
from stocks_pipeline.domain.tickers import packaged_tickers
from stocks_pipeline_tests.report_corpus import corpus, recorded_bars, simulated_bars

NAMES = {"ticker", "yahoo_symbol", "company_name", "exchange", "sector"}


def differences(ticker: object, bars: object, peers: dict[str, object], day: date) -> list[str]:
    """Facts on which the writer's sheet and the verifier do not agree, in value or in existence."""
    sheet = build_facts(ticker, bars, {}, peers, [], as_of=day, source="k")  # type: ignore[arg-type]
    own = read_bars(bars, day)
    mine = {**recompute(own, priced=True), **peers_of(own, peers)}
    theirs = {name: fact.value for name, fact in sheet.facts.items() if name not in NAMES}
    return [n for n in {*mine, *theirs} if n not in mine or n not in theirs or not mine[n].agrees(theirs[n])]


@pytest.mark.parametrize("day", [date(2024, 3, 14), date(2023, 6, 5), date(2022, 7, 1)])
def test_agrees_with_the_writer_on_recorded_bars(day: date) -> None:
    """Two sets of formulas give every fact of every recorded ticker alike, and find the same ones absent."""
    tables = recorded_bars()
    if not tables:
        pytest.skip("the shared data are not here")
    listed = {ticker.yahoo: ticker for ticker in packaged_tickers()}
    peers = {listed[name].dr: tables[name] for name in sorted(tables)[::4]}
    for symbol in sorted(tables)[::3]:
        others = {name: rows for name, rows in peers.items() if name != listed[symbol].dr}
        assert differences(listed[symbol], tables[symbol], others, day) == []


@pytest.mark.parametrize("seed", range(30))
def test_agrees_with_the_writer_on_simulated_bars(seed: int) -> None:
    """Holes, flat prices, tiny and huge prices and short histories included."""
    rng = random.Random(seed)  # noqa: S311 - test data
    ticker = packaged_tickers()[seed]
    day = date(2024, 3, 14)
    bars = simulated_bars(rng, ticker.yahoo, ticker.currency or "USD", rng.choice([1, 5, 60, 260, 400]), day)
    assert differences(ticker, bars, {}, day) == []


def test_rsi_of_a_rising_a_falling_and_a_still_price() -> None:
    """Only gains are 100, only losses 0, and a price that has not moved has no RSI."""
    import numpy as np

    assert wilder_rsi(np.arange(1.0, 40.0))[-1] == 100.0
    assert wilder_rsi(np.arange(40.0, 1.0, -1.0))[-1] == 0.0
    assert np.isnan(wilder_rsi(np.full(40, 5.0))).all()


def test_ranks_that_only_noise_tells_apart_are_all_accepted() -> None:
    """Where the newest value equals others but for its last bit, each rank it could have is an answer."""
    import numpy as np

    values = np.arange(252.0)
    assert ranks(values) == [100.0]
    values[-1] = values[100] * (1 + 1e-13)
    assert len(ranks(values, smoothed=True)) == 2
    assert len(ranks(values)) == 1
    assert ranks(values[:150]) == []


@pytest.mark.parametrize(
    ("day", "months", "before"),
    [
        (date(2024, 3, 31), 1, date(2024, 2, 29)),
        (date(2023, 3, 31), 1, date(2023, 2, 28)),
        (date(2024, 1, 15), 3, date(2023, 10, 15)),
        (date(2024, 2, 29), 12, date(2023, 2, 28)),
    ],
)
def test_months_before(day: date, months: int, before: date) -> None:
    """The same day, or the last day of a shorter month."""
    assert months_before(day, months) == before


@pytest.mark.parametrize(
    ("value", "unit", "decimals", "text"),
    [
        (1234.5, "price", 2, "1,234.50 THB"),
        (-0.004, "price", 2, "0.00 THB"),
        (-0.5, "price", 2, "-0.50 THB"),
        (1.234, "percent", 2, "+1.23%"),
        (-1.234, "percent", 2, "-1.23%"),
        (0.001, "percent", 2, "0.00%"),
        (-0.001, "percent", 2, "0.00%"),
        (56.25, "level", 1, "56.2%"),
        (1.35, "ratio", 2, "1.35x"),
        (12345678, "shares", 0, "12,345,678 shares"),
        (999, "shares", 0, "999 shares"),
        (12, "count", 0, "12"),
        (1e15, "price", 0, "1,000,000,000,000,000 THB"),
        (0.000012, "price", 6, "0.000012 THB"),
        (0.125, "ratio", 2, "0.12x"),
        (2.675, "ratio", 2, "2.67x"),
    ],
)
def test_display_spec(value: float, unit: str, decimals: int, text: str) -> None:
    """Commas, decimals, signs and units by the spec; ties to even, of the exact binary value; no negative zero."""
    assert accepted(Known(value), unit, decimals, "THB") == {text}


def test_a_tie_within_the_noise_accepts_both_sides() -> None:
    """A recomputed value on a tie may be shown as either neighbour, and as nothing else."""
    assert accepted(Known(0.125, 1e-12), "ratio", 2, None) == {"0.12x", "0.13x"}
    assert accepted(Known(0.1251, 1e-12), "ratio", 2, None) == {"0.13x"}


@given(st.floats(-1e9, 1e9), st.integers(0, 6))
def test_digits_equal_those_of_python(value: float, decimals: int) -> None:
    """Decimal arithmetic places the same digits as the language's own formatting."""
    expected = f"{value:,.{decimals}f}"
    if not any(char in "123456789" for char in expected):
        expected = expected.removeprefix("-")
    assert accepted(Known(value), "index", decimals, None) == {expected}


def test_dates_and_texts() -> None:
    """Dates are English and long; texts verbatim, Markdown marks in them escaped."""
    assert accepted(Known(date(2024, 3, 4)), "date", 0, None) == {"4 March 2024"}
    assert shows(r"A\*B", Known("A*B"), "text", 0, None)
    assert not shows("A*B", Known("A*B"), "text", 0, None)
    assert not shows("A B", Known("A*B"), "text", 0, None)


def test_a_wrong_unit_is_never_shown() -> None:
    """A value of one kind has no text in a unit of another."""
    assert accepted(Known(date(2024, 3, 4)), "price", 2, "THB") == frozenset()
    assert accepted(Known("x"), "price", 2, "THB") == frozenset()
    assert accepted(Known(1.0), "price", 99, "THB") == frozenset()


def test_the_corpus_shows_every_kind_of_fact() -> None:
    """A measure over reports says something of facts that occur in them."""
    seen = {entry["fact"] for made in corpus(150, seed=8) for entry in made.evidence}
    assert len(seen) >= 55

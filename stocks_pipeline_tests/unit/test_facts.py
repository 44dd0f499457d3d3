"""The fact sheet: each number recomputed by plain Python on real bars; absent, with a reason, where it is not known."""

import json
import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stocks_pipeline.domain.indicators import history, indicators
from stocks_pipeline.domain.news import NewsItem
from stocks_pipeline.domain.reports.fact_catalogue import CATALOGUE, COMPANY, OF_BARS
from stocks_pipeline.domain.reports.fact_units import price_decimals
from stocks_pipeline.domain.reports.facts import Fact, FactSheet, Unit, build_facts
from stocks_pipeline.domain.tickers import Ticker, packaged_tickers
from stocks_pipeline_tests.price_tables import replay, row, table

DAY = date(2024, 3, 14)
KEY = "dr/data/2024-03-14/NVDA19.parquet"
NVDA = Ticker("NVDA19", "NVDA", "NVIDIA Corporation", "XNAS", "USD", active=True, sector="Information Technology")
Row = dict[str, Any]


def sheet(rows: list[Row], ticker: Ticker = NVDA, day: date = DAY, **given_: Any) -> FactSheet:
    """The facts of these rows; their currency is the ticker's unless they say otherwise."""
    fitted = [bar | ({"currency": None} if bar["currency"] == "AUD" else {}) for bar in rows]
    return build_facts(
        ticker,
        table(fitted),
        given_.get("company", {}),
        given_.get("peers", {}),
        given_.get("news", ()),
        as_of=day,
        source=KEY,
    )


def flat(count: int, close: float = 10.0, last: date = DAY, **fields: Any) -> list[Row]:
    """A row for each of the last `count` days, all alike but for a small wave."""
    return [
        row("X", last - timedelta(days=count - 1 - n), close * (1 + 0.01 * math.sin(n)), **fields) for n in range(count)
    ]


def values(of: FactSheet) -> dict[str, Any]:
    """Values by name."""
    return {name: fact.value for name, fact in of.facts.items()}


# --- against plain Python on real bars -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real() -> list[tuple[Ticker, list[Row]]]:
    """The 40 tickers that have real bars, with them."""
    rows: dict[str, list[Row]] = {}
    for bar in replay("yahoo_dr", date(2022, 6, 1), DAY):
        rows.setdefault(bar["symbol"], []).append(bar)
    return [(ticker, rows[ticker.yahoo]) for ticker in packaged_tickers() if ticker.yahoo in rows]


def year_before(day: date, years: int = 1) -> date:
    """The same day a year earlier; nothing here is on 29 February."""
    return day.replace(year=day.year - years)


def oracle(rows: list[Row]) -> dict[str, Any]:
    """What can be said without an indicator, by plain Python from the rows."""
    close, newest = [bar["close"] for bar in rows], rows[-1]
    found: dict[str, Any] = {"close": close[-1], "previous_close": close[-2], "session": newest["session"]}
    found |= {"return_1d": 100 * (close[-1] - close[-2]) / close[-2], "volume": newest["volume"]}
    month = rows[-20:]
    traded = sum(bar["volume"] for bar in month)
    found["volume_sma_20"] = round(traded / 20)
    found["volume_ratio"] = newest["volume"] / (traded / 20)
    found["vwap_20"] = math.fsum((b["high"] + b["low"] + b["close"]) / 3 * b["volume"] for b in month) / traded
    logs = [math.log(b / a) for a, b in pairwise(close[-31:])]
    mean = math.fsum(logs) / 30
    found["volatility_30d"] = math.sqrt(math.fsum((x - mean) ** 2 for x in logs) / 29) * math.sqrt(252) * 100
    for name, start in {"return_1w": date(2024, 3, 7), "return_1m": date(2024, 2, 14)}.items():
        base = [bar["close"] for bar in rows if bar["session"] <= start][-1]
        found[name] = 100 * (close[-1] - base) / base
    return found | (year_oracle(rows) if rows[0]["session"] <= year_before(DAY) else {})


def year_oracle(rows: list[Row]) -> dict[str, Any]:
    """What takes a year."""
    start = year_before(rows[-1]["session"])
    year = [bar for bar in rows if bar["session"] > start]
    last = rows[-1]["close"]
    base = [bar["close"] for bar in rows if bar["session"] <= start][-1]
    high, low = max(bar["high"] for bar in year), min(bar["low"] for bar in year)
    paid = sum(bar["dividend"] for bar in year)
    return {
        "return_1y": 100 * (last - base) / base,
        "high_52w": high,
        "low_52w": low,
        "high_52w_date": max(bar["session"] for bar in year if bar["high"] == high),
        "low_52w_date": max(bar["session"] for bar in year if bar["low"] == low),
        "drawdown": 100 * (last / max(bar["close"] for bar in year) - 1),
        "dividend_yield_12m": 100 * paid / last if paid else None,
    }


def test_every_fact_is_that_of_plain_python_on_real_bars(real: list[tuple[Ticker, list[Row]]]) -> None:
    """Closes, returns, volumes, the year's range, yield and volatility of 40 shares, to nine digits."""
    assert len(real) == 40
    for ticker, rows in real:
        ours = sheet(rows, ticker)
        for name, value in oracle(rows).items():
            if value is None:
                assert name in ours.absent, (ticker.dr, name)
            else:
                expected = pytest.approx(value, rel=1e-9, abs=1e-9) if isinstance(value, float) else value
                assert ours.facts[name].value == expected, (ticker.dr, name)


def test_indicators_and_percentiles_are_of_the_newest_session(real: list[tuple[Ticker, list[Row]]]) -> None:
    """An indicator is its series' last value; a percentile the share of the ticker's own last 252 at or below it."""
    for ticker, rows in real:
        ours, series = sheet(rows, ticker), indicators(history(table(rows), DAY))
        for name in series.keys() & OF_BARS:
            newest = float(series[name][-1])
            assert math.isnan(newest) == (name in ours.absent) or name == "return_1d"
            assert name in ours.absent or ours.facts[name].value == newest
        columns = {"rsi": series["rsi_14"], "atr": series["atr_percent"], "return": series["return_1d"]}
        lists = {name: column.tolist() for name, column in columns.items()}
        for name, every in (lists | {"volume": [float(bar["volume"]) for bar in rows]}).items():
            known = [value for value in every[-252:] if not math.isnan(value)]
            fact = ours.facts.get(f"{name}_percentile")
            assert (fact is not None) == (len(known) >= 200)
            assert fact is None or fact.value == pytest.approx(
                100 * sum(value <= every[-1] for value in known) / len(known)
            )


def test_a_split_by_a_constant_changes_prices_and_nothing_else(real: list[tuple[Ticker, list[Row]]]) -> None:
    """A fetch after a split holds every price divided alike: percentages and ranks stay."""
    _, rows = real[0]
    prices = ("open", "high", "low", "close", "dividend")
    halves = [bar | {name: bar[name] / 4 for name in prices} for bar in rows]
    whole, parts = sheet(rows), sheet(halves)
    assert whole.facts.keys() == parts.facts.keys()
    for name, fact in whole.facts.items():
        if isinstance(fact.value, float):
            scale = 4 if fact.unit is Unit.PRICE else 1
            assert parts.facts[name].value * scale == pytest.approx(fact.value, rel=1e-6, abs=1e-6), name


# --- what is not known ---------------------------------------------------------------------------------------------


@st.composite
def broken_rows(draw: st.DrawFn) -> list[Row]:
    """Bars with any number missing, zero or absurd."""
    number = st.one_of(st.floats(0.01, 1e6), st.sampled_from([0.0, -1.0, math.nan, math.inf, None]))
    volume = st.one_of(st.integers(0, 10**12), st.sampled_from([None, 0, -5]))
    length = draw(st.integers(0, 320))
    holes = draw(st.dictionaries(st.integers(0, 320), st.tuples(number, number, number, volume), max_size=30))
    rows = flat(length, draw(st.sampled_from([0.004, 1.0, 90_000.0])), DAY - timedelta(days=draw(st.integers(0, 30))))
    for at, (high, low, close, traded) in holes.items():
        if at < length:
            filled = math.nan if close is None else close  # the schema has no null close
            rows[-1 - at] |= {"high": high, "low": low, "close": filled, "volume": traded}
    return rows


@settings(max_examples=80, deadline=None)
@given(broken_rows())
def test_a_fact_is_finite_or_absent_with_a_reason(rows: list[Row]) -> None:
    """Whatever is missing, each fact of the bars is there or its absence is explained; the sheet survives JSON."""
    ours = sheet(rows)
    for name in (*OF_BARS, *COMPANY, "sector"):
        assert (name in ours.facts) != (name in ours.absent), name
    assert all(ours.absent.values())
    for fact in ours.facts.values():
        assert not isinstance(fact.value, float) or math.isfinite(fact.value)
        assert math.copysign(1, fact.value) > 0 if fact.value == 0 else True
        assert fact.as_of == ours.facts["session"].value if fact.name in OF_BARS else True
    assert FactSheet.from_json(ours.to_json()) == ours


@pytest.mark.parametrize(
    ("count", "absent", "present"),
    [
        (1, {"previous_close", "return_1d", "sma_20", "rsi_14", "vwap_20", "high_52w"}, {"close", "volume"}),
        (41, {"sma_50", "macd", "return_3m", "rsi_percentile", "drawdown"}, {"sma_20", "rsi_14", "volatility_30d"}),
        (150, {"sma_200", "return_1y", "high_52w", "volume_percentile"}, {"macd", "sma_50", "return_3m"}),
        (380, set(), {"return_1y", "sma_200", "high_52w", "rsi_percentile", "drawdown"}),
    ],
)
def test_a_short_history_leaves_out_what_it_cannot_tell(count: int, absent: set[str], present: set[str]) -> None:
    """Nothing is computed from fewer sessions than its name says."""
    ours = sheet(flat(count))
    assert absent <= ours.absent.keys()
    assert present <= ours.facts.keys()


def test_no_bars_is_a_sheet_of_reasons() -> None:
    """Of a suspended or unknown symbol there are names, and no number."""
    ours = sheet([])
    assert set(ours.facts) == {"ticker", "yahoo_symbol", "company_name", "exchange", "sector"}
    assert ours.absent["close"] == "no bar with a close at or before 2024-03-14"


def test_a_suspended_share_is_told_by_its_session() -> None:
    """The facts are of the newest bar, not of the day asked for, and a return over a long gap is no day's return."""
    stopped = date(2024, 1, 31)
    ours = sheet(flat(60, last=stopped))
    assert ours.as_of == DAY
    assert ours.facts["session"].value == stopped
    assert {ours.facts[name].as_of for name in ("close", "rsi_14", "volume")} == {stopped}
    resumed = sheet([*flat(60, last=stopped), row("X", DAY, 5.0)])
    assert {"previous_close", "return_1d", "return_1w"} <= resumed.absent.keys()
    assert "no bar within 14 days" in resumed.absent["return_1d"]


def test_rows_without_a_close_are_counted() -> None:
    """The sheet says how many bars could not be used."""
    rows = flat(50)
    rows[10] |= {"close": math.nan}
    rows[49] |= {"close": math.nan}
    ours = sheet(rows)
    assert ours.absent["bars_without_close"] == "2 of 50 stored rows have no close and are left out"
    assert ours.facts["session"].value == DAY - timedelta(days=1)


def test_no_trading_is_no_ratio() -> None:
    """Zero volume is a number; what would divide by it is absent."""
    ours = sheet(flat(40, volume=0))
    assert ours.facts["volume"].value == ours.facts["volume_sma_20"].value == 0
    assert ours.absent["volume_ratio"] == ours.absent["vwap_20"] == "no share was traded in 20 sessions"


def test_a_missing_volume_is_not_zero() -> None:
    """One missing in the month: no mean of it; the newest missing: no volume."""
    rows = flat(40)
    rows[-1] |= {"volume": None}
    assert {"volume", "volume_sma_20", "volume_ratio", "vwap_20", "volume_percentile"} <= sheet(rows).absent.keys()
    rows[-1], rows[-5] = rows[-5] | {"session": rows[-1]["session"]}, rows[-1] | {"session": rows[-5]["session"]}
    ours = sheet(rows)
    assert ours.facts["volume"].value == 1000
    assert ours.absent["volume_ratio"] == "needs the volume of 20 sessions, 19 have one"


def test_no_stored_dividend_is_no_yield() -> None:
    """Zero is not said, because a vendor may not have given the events."""
    assert sheet(flat(400)).absent["dividend_yield_12m"] == "no dividend is stored in the year"
    rows = flat(400, close=10.0)
    rows[-100] |= {"dividend": 0.5, "close": math.nan}
    bars = {bar["session"]: bar for bar in rows}
    bars[date(2023, 3, 14)] |= {"dividend": 9.0}  # the same day a year earlier is no longer in the year
    expected = 0.5 / rows[-1]["close"] * 100
    assert sheet(rows).facts["dividend_yield_12m"].value == pytest.approx(expected)


# --- money, names, news, company -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "listed", "currency", "why"),
    [
        ("SGD", "USD", "SGD", None),
        (None, "USD", "USD", None),
        (None, None, None, "in no one currency: none is known"),
    ],
)
def test_prices_are_in_the_currency_of_the_bars(
    said: str | None, listed: str | None, currency: str | None, why: str | None
) -> None:
    """The vendor's word, else the list's; with neither no price is shown, but percentages are."""
    ticker = Ticker("A19", "A", "A", "XNYS", listed, active=True)
    ours = sheet([bar | {"currency": said} for bar in flat(60)], ticker)
    assert ours.currency == currency
    assert ours.absent.get("close") == why
    assert "return_1d" in ours.facts


def test_bars_in_two_currencies_have_no_price() -> None:
    """Which of them a price is in cannot be told."""
    rows = [bar | {"currency": "USD" if n % 2 else "SGD"} for n, bar in enumerate(flat(60))]
    assert sheet(rows).absent["sma_20"] == "in no one currency: SGD, USD"


@pytest.mark.parametrize(
    ("value", "currency", "close", "decimals"),
    [
        (87.8991, "USD", 87.8991, 2),
        (0.505, "SGD", 0.505, 4),
        (1.002, "SGD", 0.99, 4),
        (0.0049, "THB", 0.0051, 6),
        (66738.6, "VND", 66738.6, 0),
        (433.85, "VND", 66738.6, 0),
        (-0.37, "VND", 66738.6, 2),
        (8224.0, "JPY", 8224.0, 0),
        (8407.85, "JPY", 8224.0, 1),
        (48.96, "JPY", 8224.0, 2),
        (-0.0031, "SGD", 5.05, 4),
        (0.0, "USD", 87.9, 2),
        (14_325.0, "IDR", 14_325.0, 0),
        (71_200.0, "KRW", 71_200.0, 0),
    ],
)
def test_a_price_shows_as_many_digits_as_it_is_worth(value: float, currency: str, close: float, decimals: int) -> None:
    """Two above one, four below, none in a currency without cents."""
    assert price_decimals(value, currency, close) == decimals


def test_a_tiny_ratio_is_not_shown_as_nothing() -> None:
    """One share of thousands is 0.0002x, not 0.00x."""
    rows = flat(40, volume=5_000)
    rows[-1] |= {"volume": 1}
    assert sheet(rows).facts["volume_ratio"].decimals == 4


def test_only_company_data_that_are_numbers_become_facts() -> None:
    """Text, infinity, loss-makers' ratios and another currency's value stay out, each with its reason."""
    company = {"marketCap": 2_200_000_000_000, "currency": "USD", "trailingPE": 74.2, "forwardPE": "Infinity"}
    company |= {"priceToBook": -3.0, "beta": math.nan, "revenueGrowth": -0.125, "profitMargins": True}
    ours = sheet(flat(60), company=company)
    assert ours.facts["market_cap"].value == 2.2e12
    assert ours.facts["trailing_pe"].value == 74.2
    assert ours.facts["revenue_growth"].value == -12.5
    assert {n for n in COMPANY if n in ours.absent} == COMPANY.keys() - {"market_cap", "trailing_pe", "revenue_growth"}
    assert ours.absent["forward_pe"] == "no number in the company data"
    assert ours.absent["return_on_equity"] == "not in the company data"
    assert "in CNY, the bars in USD" in sheet(flat(60), company=company | {"currency": "CNY"}).absent["market_cap"]
    assert "in an unknown currency" in sheet(flat(60), company={"marketCap": 5}).absent["market_cap"]
    pence = sheet([bar | {"currency": "GBp"} for bar in flat(60)], company={"marketCap": 5, "currency": "GBp"})
    assert "market_cap" in pence.absent


def test_a_sector_comes_from_the_list_else_from_the_company_cleaned() -> None:
    """A vendor's text is a stranger's, too."""
    fund = Ticker("A19", "A", "A", "XNYS", "USD", active=True)
    assert sheet(flat(2), company={"sector": "Energy"}).facts["sector"].value == "Information Technology"
    assert sheet(flat(2), fund, company={"sector": "<b>{close} Energy"}).facts["sector"].value == "close Energy"
    assert "sector" in sheet(flat(2), fund, company={"sector": "<b>"}).absent


def test_the_five_newest_headlines_are_facts_with_their_day() -> None:
    """Newest first whatever their order; the source is the item, the day its own."""
    first = datetime(2024, 3, 8, 23, 59, tzinfo=UTC)
    news = [NewsItem(f"n{n}", f"Headline {'abcdefg'[n]}", "P", "", first + timedelta(days=n)) for n in range(7)]
    ours = sheet(flat(2), news=(*news[3:], *news[:3]))
    assert [ours.facts[f"news_{n}"].source for n in range(1, 6)] == [
        "news:n6",
        "news:n5",
        "news:n4",
        "news:n3",
        "news:n2",
    ]
    assert ours.facts["news_1_date"].value == ours.facts["news_1"].as_of == date(2024, 3, 14)
    assert sheet(flat(2)).absent["news_1"] == "no news item"


def test_a_ticker_is_not_its_own_peer() -> None:
    """Under neither of its names."""
    rows = flat(60)
    ours = sheet(rows, peers={"NVDA19": table(rows), "NVDA": table(rows), "OTHER": table(rows)})
    assert values(ours)["peer_1"] == "OTHER"
    assert ours.facts["peer_1_correlation"].value == pytest.approx(1.0)
    assert "peer_2" not in ours.facts
    assert "no other ticker" in sheet(rows).absent["peer_1"]


# --- types and JSON ------------------------------------------------------------------------------------------------


def test_a_sheet_survives_json_byte_for_byte() -> None:
    """The same bars give the same bytes, and reading them gives the same sheet, in the catalogue's order."""
    item = NewsItem("1", "Tết profit", "P", "", datetime(2024, 3, 14, tzinfo=UTC))
    made = [sheet(flat(400), news=[item], company={"beta": 1}) for _ in range(2)]
    assert made[0].to_json() == made[1].to_json()
    again = FactSheet.from_json(made[0].to_json())
    assert again == made[0]
    assert again.to_json() == made[0].to_json()
    assert list(again.facts) == [name for name in CATALOGUE if name in again.facts]
    body = json.loads(made[0].to_json())
    assert body["facts"]["close"]["unit"] == "price"
    assert body["facts"]["session"]["value"] == "2024-03-14"
    assert body["facts"]["close"]["source"] == KEY
    assert body["sources"] == ["dr/ticker_master", KEY]


def test_a_sheet_cannot_be_changed() -> None:
    """What was verified is what is shown."""
    ours = sheet(flat(2))
    with pytest.raises(TypeError):
        ours.facts["close"] = ours.facts["session"]  # type: ignore[index]
    assert isinstance(ours.absent, Mapping)


def fact(value: Any, unit: Unit) -> Fact:
    """A fact of that value."""
    return Fact("x", value, unit, DAY, KEY, "f", 2, ())


@pytest.mark.parametrize(
    ("value", "unit"),
    [
        (math.nan, Unit.PRICE),
        (math.inf, Unit.PERCENT),
        (1, Unit.PRICE),
        (1.5, Unit.COUNT),
        (True, Unit.SHARES),
        ("2024-03-14", Unit.DATE),
        (datetime(2024, 3, 14, tzinfo=UTC), Unit.DATE),
        (3.0, Unit.TEXT),
        (-0.1, Unit.LEVEL),
        (None, Unit.TEXT),
    ],
)
def test_a_value_that_does_not_fit_its_unit_is_no_fact(value: Any, unit: Unit) -> None:
    """It would be written out wrongly."""
    with pytest.raises(ValueError, match="fact x"):
        fact(value, unit)


def test_zero_has_no_sign() -> None:
    """-0.0 is 0.0."""
    assert math.copysign(1, fact(-0.0, Unit.PERCENT).value) == 1  # type: ignore[arg-type]


def test_every_number_of_the_catalogue_needs_a_word() -> None:
    """A number may stand only in a sentence that says what it is; words are lower-case."""
    for name, entry in CATALOGUE.items():
        free = entry.unit in {Unit.TEXT, Unit.DATE}
        assert entry.claims or free, name
        assert all(word == word.lower() and word for word in entry.claims), name
        assert entry.formula
        assert entry.decimals is not None or entry.unit is Unit.PRICE

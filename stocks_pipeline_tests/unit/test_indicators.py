"""Indicators against the published formulas in plain Python, on real bars and on walks that hypothesis invents."""

import math
import subprocess
import sys
from collections.abc import Callable
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stocks_pipeline.domain.indicators import SETTLED, History, history, indicators, percentile
from stocks_pipeline_tests.price_tables import replay, row, table

START = date(2023, 1, 2)
UNTIL = date(2024, 3, 14)
Series = list[float | None]


# --- oracles -------------------------------------------------------------------------------------------------------


def mean_oracle(values: list[float], span: int) -> Series:
    """Arithmetic mean of the last `span`."""
    return [None if i + 1 < span else math.fsum(values[i + 1 - span : i + 1]) / span for i in range(len(values))]


def rsi_oracle(close: list[float]) -> Series:
    """J. Welles Wilder, New Concepts in Technical Trading Systems (1978), ch. VI: first averages are means of 14."""
    gains = [max(b - a, 0.0) for a, b in pairwise(close)]
    losses = [max(a - b, 0.0) for a, b in pairwise(close)]
    result: Series = [None] * min(14, len(close))
    up = down = 0.0
    for i in range(13, len(gains)):
        if i == 13:
            up, down = math.fsum(gains[:14]) / 14, math.fsum(losses[:14]) / 14
        else:
            up, down = (up * 13 + gains[i]) / 14, (down * 13 + losses[i]) / 14
        result.append(100 * up / (up + down) if up + down else None)
    return result


def ema_oracle(values: list[float], span: int) -> list[float]:
    """Exponential mean, smoothing 2 / (span + 1), started as the mean of the first `span`; from that value on."""
    result = [math.fsum(values[:span]) / span]
    for value in values[span:]:
        result.append(result[-1] + (value - result[-1]) * 2 / (span + 1))
    return result


def macd_oracle(close: list[float]) -> tuple[Series, Series]:
    """Gerald Appel, Technical Analysis: Power Tools for Active Investors (2005): EMA 12 - EMA 26, its EMA 9."""
    if len(close) < SETTLED:
        return [None] * len(close), [None] * len(close)
    fast, slow = ema_oracle(close, 12)[14:], ema_oracle(close, 26)
    line = [a - b for a, b in zip(fast, slow, strict=True)]
    signal = ema_oracle(line, 9)
    settled = SETTLED - 1
    blank: Series = [None] * settled
    return blank + line[settled - 25 :], blank + signal[settled - 33 :]


def bands_oracle(close: list[float]) -> tuple[Series, Series]:
    """John Bollinger, Bollinger on Bollinger Bands (2001): 20-day mean ± 2 population standard deviations."""
    upper: Series = []
    lower: Series = []
    for i, middle in enumerate(mean_oracle(close, 20)):
        if middle is None:
            upper.append(None)
            lower.append(None)
            continue
        spread = math.sqrt(math.fsum((value - middle) ** 2 for value in close[i - 19 : i + 1]) / 20)
        upper.append(middle + 2 * spread)
        lower.append(middle - 2 * spread)
    return upper, lower


def atr_oracle(high: list[float], low: list[float], close: list[float]) -> Series:
    """Wilder (1978), ch. III: the greatest of the three ranges, smoothed; first the mean of 14 after the first bar."""
    ranges = [
        max(high[i], close[i - 1]) - min(low[i], close[i - 1])  # the same as the greatest of Wilder's three
        for i in range(1, len(close))
    ]
    ranges = [max(r, high[i + 1] - low[i + 1]) for i, r in enumerate(ranges)]
    result: Series = [None] * min(14, len(close))
    for i in range(13, len(ranges)):
        result.append(math.fsum(ranges[:14]) / 14 if i == 13 else (result[-1] * 13 + ranges[i]) / 14)  # type: ignore[operator]
    return result


def assert_same(name: str, ours: Any, oracle: Series, tolerance: float) -> None:
    """Both know the same places, and agree there within an absolute tolerance."""
    assert len(ours) == len(oracle)
    for at, (mine, theirs) in enumerate(zip(ours.tolist(), oracle, strict=True)):
        assert math.isnan(mine) == (theirs is None), f"{name}[{at}]: {mine} against {theirs}"
        assert theirs is None or abs(mine - theirs) <= tolerance, f"{name}[{at}]: {mine} against {theirs}"


def compare_all(past: History) -> None:
    """Every indicator of this history agrees with its oracle at every session."""
    series = indicators(past)
    close, high, low = past.close.tolist(), past.high.tolist(), past.low.tolist()
    top = max(close)
    exact, started = top * 1e-9, top * 4e-5
    for span in (20, 50, 200):
        assert_same(f"sma_{span}", series[f"sma_{span}"], mean_oracle(close, span), exact)
    assert_same("rsi_14", series["rsi_14"], rsi_oracle(close), 1e-6)
    line, signal = macd_oracle(close)
    assert_same("macd", series["macd"], line, started)
    assert_same("macd_signal", series["macd_signal"], signal, started)
    gap: Series = [None if a is None or b is None else a - b for a, b in zip(line, signal, strict=True)]
    assert_same("macd_histogram", series["macd_histogram"], gap, started)
    upper, lower = bands_oracle(close)
    assert_same("bollinger_upper", series["bollinger_upper"], upper, top * 1e-6)
    assert_same("bollinger_middle", series["bollinger_middle"], mean_oracle(close, 20), exact)
    assert_same("bollinger_lower", series["bollinger_lower"], lower, top * 1e-6)
    true = atr_oracle(high, low, close)
    assert_same("atr_14", series["atr_14"], true, exact)
    share: Series = [None if a is None else a / c * 100 for a, c in zip(true, close, strict=True)]
    assert_same("atr_percent", series["atr_percent"], share, top / min(close) * 1e-6)
    change: Series = [None, *((b - a) / a * 100 for a, b in pairwise(close))]
    assert_same("return_1d", series["return_1d"], change[: len(close)], 1e-6 * top / min(close))


# --- real bars -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real() -> dict[str, list[dict[str, Any]]]:
    """Rows of the 40 real underlyings by symbol."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for bar in replay("yahoo_dr", date(2022, 6, 1), UNTIL):
        rows.setdefault(bar["symbol"], []).append(bar)
    return rows


def test_every_indicator_agrees_with_its_oracle_on_real_bars(real: dict[str, list[dict[str, Any]]]) -> None:
    """At each session of 40 real shares, from 0.48 SGD to 94,000 VND, the published formula gives the same number."""
    assert len(real) == 40
    for bars in real.values():
        compare_all(history(table(bars), UNTIL))


def test_rows_without_a_close_do_not_poison_what_follows(real: dict[str, list[dict[str, Any]]]) -> None:
    """Bars with NaN or no positive close give the numbers of the series without them, and are counted."""
    bars = real["D05.SI"][:300]
    holes = {3: math.nan, 100: 0.0, 101: math.inf, 250: -1.0, 299: math.nan}
    holed = [bar | {"close": holes.get(at, bar["close"])} for at, bar in enumerate(bars)]
    past = history(table(holed), UNTIL)
    assert past.dropped == len(holes)
    without = indicators(history(table([bar for at, bar in enumerate(bars) if at not in holes]), UNTIL))
    for name, values in indicators(past).items():
        np.testing.assert_array_equal(values, without[name], err_msg=name)
    assert 5 < indicators(past)["rsi_14"][-1] < 95


def test_a_row_without_high_or_low_is_passed_over_by_the_true_range_only(
    real: dict[str, list[dict[str, Any]]],
) -> None:
    """ATR is that of the whole rows and missing on the others; what needs closes alone does not notice."""
    bars = real["NVDA"][:200]
    holed = [bar | ({"high": None} if at in {50, 150} else {}) for at, bar in enumerate(bars)]
    ours, plain = indicators(history(table(holed), UNTIL)), indicators(history(table(bars), UNTIL))
    whole = indicators(history(table([bar for at, bar in enumerate(bars) if at not in {50, 150}]), UNTIL))
    assert math.isnan(ours["atr_14"][150])
    np.testing.assert_array_equal(np.delete(ours["atr_14"], [50, 150]), whole["atr_14"])
    np.testing.assert_array_equal(ours["rsi_14"], plain["rsi_14"])


# --- invented bars -------------------------------------------------------------------------------------------------


@st.composite
def walks(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Prices of 0.01 to 100,000 that walk, jump and stand still for a while."""
    price = draw(st.floats(0.01, 100_000))
    steps = draw(
        st.lists(
            st.tuples(st.sampled_from([0.0, 0.001, 0.02, 0.2]), st.integers(-9, 9), st.integers(1, 30)),
            min_size=1,
            max_size=40,
        )
    )
    rows: list[dict[str, Any]] = []
    for size, sign, times in steps:
        for _ in range(times):
            price = min(max(price * math.exp(size * math.sin(sign + len(rows))), 0.01), 1e6)
            day = START + timedelta(days=len(rows))
            rows.append(row("X", day, price, high=price * 1.02, low=price * 0.97))
    return rows


@settings(max_examples=60, deadline=None)
@given(walks())
def test_every_indicator_agrees_with_its_oracle_on_invented_bars(rows: list[dict[str, Any]]) -> None:
    """Whatever the walk, also shorter than a span, the published formula knows the same sessions and numbers."""
    compare_all(history(table(rows), START + timedelta(days=2000)))


@pytest.mark.parametrize("length", [1, 13, 14, 15, 19, 20, 99, 100, 199, 200])
def test_each_indicator_begins_where_its_formula_does(length: int) -> None:
    """One session too few gives nothing, never a default."""
    rows = [row("X", START + timedelta(days=n), 10 + math.sin(n)) for n in range(length)]
    newest = {name: float(values[-1]) for name, values in indicators(history(table(rows), UNTIL)).items()}
    needs = {"sma_20": 20, "sma_50": 50, "sma_200": 200, "rsi_14": 15, "macd": 100, "macd_signal": 100}
    needs |= {"macd_histogram": 100, "bollinger_upper": 20, "bollinger_lower": 20, "atr_14": 15, "return_1d": 2}
    for name, least in needs.items():
        assert math.isfinite(newest[name]) == (length >= least), name


def test_a_price_that_never_moved_has_no_relative_strength() -> None:
    """TA-Lib's 0.0 would read as an endless fall."""
    rows = [row("X", START + timedelta(days=n), 5.0) for n in range(60)]
    series = indicators(history(table(rows), UNTIL))
    assert np.isnan(series["rsi_14"]).all()
    assert series["bollinger_upper"][-1] == series["bollinger_lower"][-1] == 5.0


def test_an_empty_table_has_empty_series() -> None:
    """No bars, no numbers, no error."""
    past = history(table([]), UNTIL)
    assert len(past) == 0
    assert all(len(values) == 0 for values in indicators(past).values())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda rows: [*rows, row("Y", START)], "2 symbols"),
        (lambda rows: [*rows, rows[0]], "two bars"),
    ],
)
def test_mixed_bars_are_refused(change: Callable[[Any], Any], says: str) -> None:
    """Two symbols, or two prices of one session, make no series."""
    with pytest.raises(ValueError, match=says):
        history(table(change([row("X", START), row("X", START + timedelta(days=1))])), UNTIL)


def test_bars_after_the_day_asked_for_are_not_looked_at() -> None:
    """Tomorrow's bar cannot change today's report."""
    rows = [row("X", START + timedelta(days=n), 10.0 + n) for n in range(5)]
    assert history(table(rows), START + timedelta(days=2)).close.tolist() == [10.0, 11.0, 12.0]


@given(st.lists(st.one_of(st.just(math.nan), st.floats(-5, 5)), min_size=1, max_size=300))
def test_a_percentile_is_the_share_at_or_below_the_newest(values: list[float]) -> None:
    """Of the last 252, of those known, never by default: below 200 known there is none."""
    known = [value for value in values[-252:] if not math.isnan(value)]
    ours = percentile(np.array(values), least=5)
    if math.isnan(values[-1]) or len(known) < 5:
        assert math.isnan(ours)
    else:
        assert ours == pytest.approx(100 * sum(value <= values[-1] for value in known) / len(known))
        assert 0 < ours <= 100


def test_importing_facts_loads_neither_pandas_nor_talib() -> None:
    """The import path stays light: talib brings pandas."""
    code = (
        "import sys, stocks_pipeline.domain.reports.facts;"
        "print(sorted({'pandas', 'talib', 'dagster'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

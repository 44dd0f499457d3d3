import itertools
import math
import re
from dataclasses import replace
from datetime import date
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pyarrow as pa
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from stocks_pipeline.domain.indicators import SETTLED
from stocks_pipeline.domain.reports.chart import ChartTitle, chart_of, draw_chart
from stocks_pipeline.domain.reports.chart_frame import HEIGHT, WIDTH
from stocks_pipeline.domain.reports.chart_series import SHOWN, series
from stocks_pipeline.domain.reports.display import display
from stocks_pipeline.domain.reports.facts import build_facts
from stocks_pipeline.domain.reports.svg import compact, plain, shortened, tick_decimals, ticks
from stocks_pipeline_tests.report_cases import TICKER, walk

TITLE = ChartTitle("NVDA19", "NVIDIA Corporation", "Nasdaq", "USD")
HOSTILE = '</text><script>alert(1)</script> & "quoted" \u202egnp.exe\u0007 ]]> <!-- '


def _texts(svg: str) -> list[str]:
    """Every text of the picture, which must be well-formed XML to have any."""
    root = ET.fromstring(svg)  # noqa: S314 - our own output
    return ["".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text")]


def _numbers(svg: str) -> list[float]:
    """Every coordinate drawn."""
    return [float(found) for data in re.findall(r' (?:d|x|y|width|height|cx|cy)="([^"]*)"', svg) for found in
            re.findall(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?", data)]  # fmt: skip


def _column(bars: Any, name: str, values: list[Any]) -> Any:
    at = bars.column_names.index(name)
    return bars.set_column(at, bars.schema.field(at), pa.array(values, bars.schema.field(at).type))


# --- the whole picture


def test_the_chart_says_what_it_is() -> None:
    """Ticker, company, exchange, currency, session, newest price and change, and every panel has its name."""
    bars = walk(250)
    texts = _texts(draw_chart(bars, TITLE, decimals=2))
    close = bars.column("close").to_pylist()
    change = (close[-1] / close[-2] - 1) * 100
    assert "NVDA19NVIDIA Corporation" in texts
    assert "Nasdaq · USD · 14 March 2024" in texts
    assert f"{close[-1]:,.2f}" in texts
    assert f"{change:+.2f}% on the day" in texts
    for name in ("SMA 20", "SMA 50", "SMA 200", "Volume", "RSI 14", "MACD 12/26"):
        assert any(text.startswith(name) for text in texts)


def test_the_same_bars_give_the_same_picture() -> None:
    """Byte for byte, so that a report made again is the same report."""
    assert draw_chart(walk(250), TITLE) == draw_chart(walk(250), TITLE)


def test_without_heading_the_picture_begins_lower() -> None:
    """For a page with a heading of its own: no name or price above the panels, and a shorter picture."""
    svg = draw_chart(walk(60), TITLE, heading=False)
    assert "NVIDIA" not in svg
    assert f'height="{HEIGHT - 64}"' in svg


@pytest.mark.parametrize("text", [HOSTILE, "บริษัท ปตท. จำกัด (มหาชน)", "腾讯控股有限公司", "x" * 500, ""])
@pytest.mark.parametrize("field", ["ticker", "company", "exchange", "currency"])
def test_no_title_breaks_the_picture(field: str, text: str) -> None:
    """Markup, control and bidi characters, other scripts, endless and empty names: well-formed, and nothing added."""
    svg = draw_chart(walk(30), ChartTitle(**{**vars(TITLE), field: text}))
    tags = {node.tag.rpartition("}")[2] for node in ET.fromstring(svg).iter()}  # noqa: S314 - our own output
    assert tags <= {"svg", "rect", "path", "text", "tspan", "circle"}
    assert "\u202e" not in svg


@pytest.mark.parametrize("count", [1, 2, 5, 13, 19, 34, 60, 126, 127, 252])
@pytest.mark.parametrize("first", [0.00002, 0.5, 87.0, 9_876_543.0])
def test_any_history_and_any_price_fits(count: int, first: float) -> None:
    """From one bar to a year, from tiny to huge prices: no NaN is drawn and no text or point leaves the picture."""
    svg = draw_chart(walk(count, first), TITLE)
    assert "nan" not in svg
    assert "inf" not in svg
    assert all(-1000 <= number <= WIDTH for number in _numbers(svg))
    for x, size, text in re.findall(
        r'<text x="([\d.]+)"[^>]*font-size="([\d.]+)"[^>]*text-anchor="start"[^>]*>([^<]*)<', svg
    ):
        assert float(x) + 0.66 * float(size) * len(text) <= WIDTH + 12, text


def test_a_short_history_says_so() -> None:
    """What cannot be computed is named as missing, not drawn at zero."""
    texts = _texts(draw_chart(walk(12), TITLE))
    assert {"SMA 20: not enough history", "SMA 200: not enough history"} <= set(texts)
    assert "RSI 14not enough history" in texts
    assert "MACD 12/26not enough history: it needs 100 sessions" in texts
    assert "% on the day" not in "".join(_texts(draw_chart(walk(1), TITLE)))


def test_a_flat_price_is_a_line_and_no_extreme() -> None:
    """No division by a range of zero, the change is 0.00% without a sign, and RSI is not 0 but unknown."""
    bars = walk(60)
    for name in ("open", "high", "low", "close"):
        bars = _column(bars, name, [5.0] * 60)
    texts = _texts(draw_chart(bars, TITLE))
    assert "0.00% on the day" in texts
    assert "RSI 14no change of price to measure" in texts
    assert not any(text.startswith("-0") for text in texts)


@pytest.mark.parametrize("volume", [[0] * 60, [None] * 60])
def test_no_volume_is_said(volume: list[int | None]) -> None:
    """A share that was not traded, or whose vendor gives no volume, has a panel that says so."""
    assert "Volumenone reported" in _texts(draw_chart(_column(walk(60), "volume", volume), TITLE))


def test_the_macd_panel_always_has_its_zero() -> None:
    """Also where the newest value lies on it: then it stands beside the tag, clear of it, and nowhere twice."""
    moved = 0
    for count in range(110, 330, 5):
        root = ET.fromstring(draw_chart(walk(330).slice(0, count), TITLE))  # noqa: S314 - our own output
        texts = [node for node in root.iter("{http://www.w3.org/2000/svg}text") if node.text]
        (zero,) = [float(node.attrib["y"]) for node in texts if node.text == "0"]
        near = min(abs(zero - float(node.attrib["y"])) for node in texts if node.attrib.get("fill") == "#ffffff")
        assert near >= 13.4
        moved += near < 13.6
    assert moved


def test_dividends_and_splits_are_marked() -> None:
    """One D and one S where they happened, none elsewhere."""
    dividend, split = [0.0] * 60, [0.0] * 60
    dividend[40], split[50] = 0.5, 4.0
    texts = _texts(draw_chart(walk(60, dividend=dividend, split=split), TITLE))
    assert (texts.count("D"), texts.count("S")) == (2, 2)  # where it was, and in the legend
    assert {"dividend (ex-date)", "split (ex-date)"} <= set(texts)
    assert not {"D", "S", "split (ex-date)"} & set(_texts(draw_chart(walk(60), TITLE)))


@pytest.mark.parametrize("count", [14, 15, SETTLED - 1, SETTLED, SETTLED + 20, 199, 200, 220, 330])
def test_a_line_is_there_exactly_where_its_fact_is(count: int) -> None:
    """What the sheet calls absent is not drawn, and a line that begins inside the picture says where."""
    bars = walk(count)
    known = build_facts(TICKER, bars, {}, {}, (), as_of=date(2030, 1, 1), source="s").facts
    data, told = series(bars), " ".join(_texts(draw_chart(bars, TITLE)))
    drawn = {f"sma_{span}": values for span, values in data.averages.items()}
    drawn |= {"rsi_14": data.rsi, "macd": data.macd, "macd_signal": data.signal, "macd_histogram": data.histogram}
    for name, values in drawn.items():
        assert np.isfinite(values).any() == (name in known), name
        if name in known:
            assert values[-1] == pytest.approx(known[name].value), name
    begins = np.flatnonzero(np.isfinite(data.averages[200]))
    late = bool(len(begins) and begins[0])
    assert late == bool(re.search(r"SMA 200: none before \d+ \w{3} \d{4}", told))


@pytest.mark.parametrize(("currency", "first"), [("USD", 87.0), ("JPY", 2870.5), ("VND", 96_000.0), ("SGD", 0.5)])
def test_the_chart_speaks_the_sheets_currency_and_digits(currency: str, first: float) -> None:
    """The list's currency may be wrong: picture and text have that of the bars, and the same digits."""
    bars = _column(walk(150, first), "currency", [currency] * 150)
    listed = replace(TICKER, currency="EUR")
    sheet = build_facts(listed, bars, {}, {}, (), as_of=date(2030, 1, 1), source="s")
    texts = _texts(chart_of(sheet, bars))
    assert f"Nasdaq · {currency} · " in " ".join(texts)
    for name in ("close", "macd"):
        assert display(sheet.facts[name], None) in texts
    assert not any("Nasdaq" in text for text in _texts(chart_of(sheet, bars, heading=False)))


def test_bars_in_no_one_currency_have_a_chart_without_one() -> None:
    """The sheet then has no price; the picture names no currency."""
    bars = _column(walk(60), "currency", ["USD"] * 30 + ["SGD"] * 30)
    sheet = build_facts(TICKER, bars, {}, {}, (), as_of=date(2030, 1, 1), source="s")
    assert sheet.currency is None
    assert any(re.fullmatch(r"Nasdaq · \d+ \w+ \d{4}", text) for text in _texts(chart_of(sheet, bars)))


def test_nothing_to_draw_is_an_error() -> None:
    """No bar, or none with a close: refused, not an empty picture."""
    with pytest.raises(ValueError, match="nothing to draw"):
        draw_chart(walk(5).slice(0, 0), TITLE)
    with pytest.raises(ValueError, match="nothing to draw"):
        draw_chart(_column(walk(5), "close", [math.nan] * 5), TITLE)


def test_missing_open_high_and_low_are_left_out() -> None:
    """A bar with only a close is a dash; the picture holds no NaN."""
    bars = walk(60)
    for name in ("open", "high", "low"):
        bars = _column(bars, name, [None if at % 3 else 100.0 for at in range(60)])
    assert "nan" not in draw_chart(bars, TITLE)


def test_sessions_are_evenly_spaced() -> None:
    """Weekends and holidays leave no gap: candles are one step apart although the days are not."""
    svg = draw_chart(walk(126), TITLE)
    wicks = re.findall(r'<path d="((?:M[\d.]+,[\d.]+V[\d.]+)+)" stroke="#(?:12866a|cf4257)"', svg)
    xs = sorted(float(x) for data in wicks for x in re.findall(r"M([\d.]+),", data))
    gaps = {round(after - before, 1) for before, after in itertools.pairwise(xs)}
    assert len(xs) == SHOWN
    assert max(gaps) - min(gaps) <= 0.2


# --- series


def test_series_are_those_of_the_whole_history() -> None:
    """Averages and RSI on the first session shown use the bars before it."""
    bars = walk(250)
    close = np.array(bars.column("close").to_pylist())
    data = series(bars)
    assert len(data) == SHOWN
    assert data.averages[20][0] == pytest.approx(close[250 - SHOWN - 19 : 250 - SHOWN + 1].mean())
    assert data.averages[200][-1] == pytest.approx(close[-200:].mean())
    assert data.rsi[0] == pytest.approx(talib.RSI(close, 14)[250 - SHOWN])
    assert data.previous_close == close[-2]


def test_a_hole_in_the_closes_does_not_end_the_rsi() -> None:
    """A bar without a close is left out before TA-Lib sees it."""
    bars = walk(80)
    close = bars.column("close").to_pylist()
    data = series(_column(bars, "close", [math.nan if at == 40 else value for at, value in enumerate(close)]))
    assert len(data) == 79
    assert data.rsi[-1] > 0
    assert math.isfinite(data.averages[20][-1])


# --- primitives


@given(st.floats(-1e9, 1e9), st.floats(1e-2, 1e9), st.integers(2, 8))
@settings(max_examples=200)
def test_ticks_are_round_and_inside(low: float, width: float, count: int) -> None:
    """Inside the range, rising, and about as many as asked for."""
    found = ticks(low, low + width, count)
    assert all(low - width * 1e-6 <= value <= low + width * (1 + 1e-6) for value in found)
    assert len(found) <= 2 * count + 1
    assert all(before < after for before, after in itertools.pairwise(found))


def test_labels_tell_ticks_apart() -> None:
    """Enough decimals and no more."""
    assert [tick_decimals(values) for values in ([10.0, 20.0], [0.5, 1.0], [0.025, 0.05], [])] == [0, 1, 3, 0]
    assert ticks(5.0, 5.0, 4) == []


@pytest.mark.parametrize(
    ("value", "shown"), [(950, "950"), (12_345, "12.3K"), (2e9, "2B"), (4.1e6, "4.1M"), (1.3e12, "1.3T")]
)
def test_counts_are_compact(value: float, shown: str) -> None:
    """Thousands to trillions with one decimal where it says something."""
    assert compact(value) == shown


@given(st.text(max_size=80), st.integers(1, 30))
def test_a_text_is_shortened_to_what_fits(text: str, limit: int) -> None:
    """Visible characters on one line, never wider than asked, wide characters counted double."""
    shown = shortened(plain(text), limit)
    assert "\n" not in shown
    assert sum(2 if ord(char) > 0x2E80 and char.isalpha() else 0 for char in shown) <= 2 * limit
    assert shown == plain(text) or shown.endswith("…")


def test_old_days_have_a_year() -> None:
    """January is labelled with its year, other months are not."""
    texts = _texts(draw_chart(walk(126), TITLE))
    assert "Jan 2024" in texts
    assert "Feb" in texts

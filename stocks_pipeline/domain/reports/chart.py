"""The price chart of a report as one SVG: candles, averages, volume, RSI and MACD over the last half year.

What belongs here: the picture as a whole, its heading and its time axis. What does not: the panels (chart_panels.py),
the series (chart_series.py), SVG primitives and escaping (svg.py), pixels (render.py).

The axis counts sessions, not days, so weekends and holidays leave no gap. A value that does not exist (an average of
200 sessions after 60) is not drawn, and the legend says so.
"""

import math
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np

from stocks_pipeline.domain.reports.chart_frame import (
    AVERAGE_COLOURS,
    EDGE,
    FAINT,
    GRID,
    HEIGHT,
    INK,
    LEFT,
    SOFT,
    WIDTH,
    Frame,
    stacked,
)
from stocks_pipeline.domain.reports.chart_panels import (
    DIVIDEND,
    SPLIT,
    change_colour,
    draw_macd,
    draw_price,
    draw_rsi,
    draw_volume,
    event_mark,
    macd_text,
    price_range,
)
from stocks_pipeline.domain.reports.chart_series import series
from stocks_pipeline.domain.reports.display import MONTHS, long_date
from stocks_pipeline.domain.reports.fact_units import FactSheet
from stocks_pipeline.domain.reports.svg import Canvas, Panel, shortened, shown_name, tick_decimals, ticks

_MARGIN = 14.0
_NAME_COLUMNS, _TICKER_COLUMNS = 52, 16
_MONTH_LABEL = 44.0  # pixels a label takes
_DAY_MARKS = 8
_BELOW_HEADING = 64


@dataclass(frozen=True)
class ChartTitle:
    """The words above a chart. All may come from outside: they are cleaned and escaped when drawn."""

    ticker: str
    company: str
    exchange: str = ""
    currency: str | None = None


def chart_of(sheet: FactSheet, bars: Any, *, heading: bool = True) -> str:
    """The chart of a report: its sheet's ticker, currency and digits, so that picture and text say the same.

    Raises:
        ValueError: no bar has a close.
    """
    ticker, close = sheet.ticker, sheet.facts.get("close")
    title = ChartTitle(ticker.dr, ticker.name, ticker.exchange, sheet.currency)
    return draw_chart(bars, title, decimals=close.decimals if close else None, heading=heading)


def draw_chart(bars: Any, title: ChartTitle, *, decimals: int | None = None, heading: bool = True) -> str:
    """The SVG text, WIDTH by HEIGHT units, of schemas.PRICES rows of one symbol sorted by session.

    `decimals` are those of the newest price, as the report prints it; None takes what fact_units.price_decimals says.
    Without `heading` the picture begins at its legend, for a page that has a heading of its own.

    Raises:
        ValueError: no bar has a close.
    """
    data = series(bars)
    frame = Frame(Canvas(WIDTH, HEIGHT), data, 0.0, title.currency)
    newest = float(data.close[-1])
    last = frame.price_text(newest) if decimals is None else f"{newest:,.{decimals}f}"
    low, high = price_range(frame)
    marks = ticks(low, high, 7)
    scale = (f"{value:,.{tick_decimals(marks)}f}" for value in marks)
    letters = max(6, len(last), len(macd_text(frame)), *map(len, scale))
    frame = replace(frame, right=WIDTH - 22 - 7.2 * letters)
    price, volume, rsi, macd = panels = stacked(low, high)
    frame.canvas.box(0, 0, WIDTH, HEIGHT, fill="#ffffff")
    if heading:
        _heading(frame, title, last)
    _legend(frame)
    _time_axis(frame, panels)
    draw_price(frame, price, last)
    draw_volume(frame, volume)
    draw_rsi(frame, rsi)
    draw_macd(frame, macd)
    return frame.canvas.svg(top=0 if heading else _BELOW_HEADING)


def _heading(frame: Frame, title: ChartTitle, last: str) -> None:
    canvas, data = frame.canvas, frame.data
    ticker = shortened(title.ticker, _TICKER_COLUMNS)
    company = shortened(shown_name(title.company), _NAME_COLUMNS)
    canvas.heading(LEFT, 34, ((ticker, 24, INK, True), (company, 16, SOFT, False)))
    where = (title.exchange, title.currency or "", long_date(data.sessions[-1]))
    canvas.text(LEFT, 58, " · ".join(part for part in where if part), size=12, fill=FAINT)
    canvas.text(WIDTH - _MARGIN, 34, last, size=24, fill=INK, anchor="end", bold=True)
    if data.change is not None:
        shown = f"{data.change:+.2f}%" if data.change else "0.00%"
        canvas.text(WIDTH - _MARGIN, 58, f"{shown} on the day", fill=change_colour(frame), anchor="end", bold=True)


def _legend(frame: Frame) -> None:
    x = LEFT
    for span, values in frame.data.averages.items():
        exists = math.isfinite(values[-1])
        why = frame.since(values) if exists else "not enough history"
        label = f"SMA {span}: {why}" if why else f"SMA {span}"
        frame.canvas.box(x, 78, 16, 3, fill=AVERAGE_COLOURS[span] if exists else EDGE)
        frame.canvas.text(x + 22, 83, label, fill=SOFT if exists else FAINT)
        x += 44 + 6.2 * len(label)
    for values, name, colour in ((frame.data.dividend, "dividend", DIVIDEND), (frame.data.split, "split", SPLIT)):
        if np.nansum(values) > 0:
            event_mark(frame, x + 8, 79, name[0].upper(), colour)
            frame.canvas.text(x + 22, 83, f"{name} (ex-date)", fill=SOFT)
            x += 44 + 6.2 * len(f"{name} (ex-date)")


def _time_axis(frame: Frame, panels: list[Panel]) -> None:
    """Lines and labels where a month begins, or every few sessions where there are too few months."""
    data, xs = frame.data, frame.xs
    marks = [at for at in range(1, len(data)) if data.sessions[at].month != data.sessions[at - 1].month]
    by_day = len(marks) < 2  # noqa: PLR2004  one label is no axis
    if by_day:
        marks = list(range(len(data) - 1, -1, -max(5, len(data) // _DAY_MARKS)))[::-1]
    lines, free = "", LEFT + _MONTH_LABEL / 2
    for at in marks:
        x = float(xs[at]) if by_day else float(xs[at]) - frame.step / 2
        lines += "".join(f"M{x:.1f},{panel.top:.1f}V{panel.bottom:.1f}" for panel in panels)
        if free <= x:
            label = _day_label(data.sessions[at]) if by_day else _month_label(data.sessions[at])
            frame.canvas.text(x, panels[-1].bottom + 20, label, anchor="middle")
            free = x + _MONTH_LABEL
    frame.canvas.path(lines, stroke=GRID, stroke_width=1)
    for panel in panels:
        frame.rule(panel.bottom, EDGE)


def _day_label(day: date) -> str:
    return f"{day.day} {MONTHS[day.month - 1][:3]}"


def _month_label(day: date) -> str:
    name = MONTHS[day.month - 1][:3]
    return f"{name} {day.year}" if day.month == 1 else name

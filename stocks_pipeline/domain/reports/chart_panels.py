"""The four panels of a chart: price, volume, RSI and MACD.

What belongs here: what a panel shows, and what it says where its numbers do not exist. What does not: the heading and
the time axis (chart.py), the numbers (chart_series.py).
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from stocks_pipeline.domain.indicators import SETTLED
from stocks_pipeline.domain.reports.chart_frame import (
    AVERAGE_COLOURS,
    DOWN,
    EDGE,
    FAINT,
    GRID,
    LEFT,
    SOFT,
    UP,
    Frame,
)
from stocks_pipeline.domain.reports.svg import Floats, Panel, compact, tick_decimals, ticks

_RSI, _MACD, _SIGNAL = "#6b4fbb", "#2b6cb0", "#dd8500"
DIVIDEND, SPLIT = "#2b6cb0", "#8a4fbd"
_TAG_LETTERS = 9
_CLEAR = 13.5  # a scale label this close to the newest price's tag would lie under it


def price_range(frame: Frame) -> tuple[float, float]:
    """The lowest and highest value drawn, with room above and below; never an empty range."""
    data = frame.data
    drawn = np.concatenate([data.high, data.low, data.open, data.close, *data.averages.values()])
    low, high = float(np.nanmin(drawn)), float(np.nanmax(drawn))
    room = (high - low) * 0.07 or high * 0.02
    return low - room, high + room


def draw_price(frame: Frame, panel: Panel, last: str) -> None:
    """Candles, averages, dividends, splits and the newest price."""
    _price_scale(frame, panel)
    _candles(frame, panel)
    for span, values in frame.data.averages.items():
        frame.canvas.line(frame.xs, panel.ys(values), AVERAGE_COLOURS[span], 1.6)
    _events(frame, panel)
    y = panel.y(float(frame.data.close[-1]))
    frame.rule(y, FAINT, "2,3")
    frame.tag(y, last, change_colour(frame))


def change_colour(frame: Frame) -> str:
    """Of the newest price: by the close before, as the heading's change is; not by the day's open, as its candle is."""
    change = frame.data.change
    return FAINT if change is None or change == 0 else UP if change > 0 else DOWN


def _price_scale(frame: Frame, panel: Panel) -> None:
    values = ticks(panel.low, panel.high, 7)
    digits, tag = tick_decimals(values), panel.y(float(frame.data.close[-1]))
    for value in values:
        y = panel.y(value)
        frame.rule(y, GRID)
        if abs(y - tag) > _CLEAR:
            frame.scale(y, f"{value:,.{digits}f}")


def _candles(frame: Frame, panel: Panel) -> None:
    data, xs, rising = frame.data, frame.xs, frame.rising()
    opened = np.where(np.isfinite(data.open), data.open, data.close)
    top = np.fmax(np.fmax(data.high, opened), data.close)
    bottom = np.fmin(np.fmin(data.low, opened), data.close)
    for mask, colour in ((rising, UP), (~rising, DOWN)):
        at = np.flatnonzero(mask)
        wicks = "".join(f"M{xs[i]:.1f},{panel.y(top[i]):.1f}V{panel.y(bottom[i]):.1f}" for i in at)
        frame.canvas.path(wicks, stroke=colour, stroke_width=1.1)
        frame.canvas.bars(
            ((xs[i] - frame.body / 2, *_span(panel.y(opened[i]), panel.y(data.close[i]), frame.body)) for i in at),
            colour,
        )


def _span(one: float, other: float, width: float) -> tuple[float, float, float]:
    """A body's y, width and height; one that would vanish is kept as a dash."""
    return min(one, other), width, max(abs(one - other), 1.0)


def _events(frame: Frame, panel: Panel) -> None:
    """A dot with a letter above the panel's floor: D for a dividend's ex-date, S for a split."""
    for values, letter, colour, lift in (
        (frame.data.dividend, "D", DIVIDEND, 12.0),
        (frame.data.split, "S", SPLIT, 30.0),
    ):
        for at in np.flatnonzero(np.isfinite(values) & (values > 0)):
            event_mark(frame, float(frame.xs[at]), panel.bottom - lift, letter, colour)


def event_mark(frame: Frame, x: float, y: float, letter: str, colour: str) -> None:
    """A dot with a letter, around (x, y)."""
    frame.canvas.circle(x, y, 7.5, colour)
    frame.canvas.text(x, y + 3.5, letter, size=9.5, fill="#ffffff", anchor="middle", bold=True)


def draw_volume(frame: Frame, panel: Panel) -> None:
    """Shares traded by session and their average of 20 sessions."""
    volume = np.where(frame.data.volume > 0, frame.data.volume, np.nan)
    if not np.isfinite(volume).any():
        _caption(frame, panel, ("Volume", SOFT), "none reported")
        return
    peak = float(np.nanmax(volume))
    scaled = replace(panel, low=0.0, high=peak * 1.12)
    for mark in ticks(peak * 0.2, scaled.high, 3):
        frame.rule(scaled.y(mark), GRID)
        frame.scale(scaled.y(mark), compact(mark))
    for mask, colour in ((frame.rising(), UP), (~frame.rising(), DOWN)):
        at = np.flatnonzero(mask & np.isfinite(volume))
        tops = scaled.ys(volume)
        frame.canvas.bars(
            ((frame.xs[i] - frame.body / 2, tops[i], frame.body, scaled.bottom - tops[i]) for i in at), colour, 0.55
        )
    frame.canvas.line(frame.xs, scaled.ys(frame.data.volume_average), SOFT, 1.2)
    _caption(frame, panel, ("Volume", SOFT), "line: its average of 20 sessions")


def draw_rsi(frame: Frame, panel: Panel) -> None:
    """RSI 14 between 0 and 100, with the usual bounds at 30 and 70."""
    scaled = replace(panel, low=5.0, high=95.0)
    values = frame.data.rsi
    frame.canvas.box(LEFT, scaled.y(70), frame.right - LEFT, scaled.y(30) - scaled.y(70), fill=_RSI, fill_opacity=0.07)
    for bound in (30, 70):
        frame.rule(scaled.y(bound), EDGE, "3,3")
    _line(frame, scaled, values, _RSI, f"{values[-1]:.1f}")
    _marks(frame, scaled, (30.0, 50.0, 70.0), values)
    why = "not enough history" if len(values) <= 14 else "no change of price to measure"  # noqa: PLR2004  RSI's span
    remarks = ("30 and 70 are the usual bounds", frame.since(values)) if math.isfinite(values[-1]) else (why,)
    _caption(frame, panel, ("RSI 14", _RSI), *remarks)


def draw_macd(frame: Frame, panel: Panel) -> None:
    """MACD 12/26, its signal 9 and the difference as bars, in the price's unit, around zero."""
    data = frame.data
    drawn = np.concatenate([data.macd, data.signal, data.histogram])
    if not np.isfinite(drawn).any():
        _caption(frame, panel, ("MACD 12/26", _MACD), f"not enough history: it needs {SETTLED} sessions")
        return
    low, high = min(0.0, float(np.nanmin(drawn))), max(0.0, float(np.nanmax(drawn)))
    room = (high - low) * 0.1 or 1.0
    scaled = replace(panel, low=low - room, high=high + room)
    zero = scaled.y(0)
    for mask, colour in ((data.histogram >= 0, UP), (data.histogram < 0, DOWN)):
        at = np.flatnonzero(mask)
        ys = scaled.ys(data.histogram)
        frame.canvas.bars(
            ((frame.xs[i] - frame.body / 2, min(zero, ys[i]), frame.body, abs(zero - ys[i])) for i in at), colour, 0.45
        )
    frame.rule(zero, EDGE)
    frame.canvas.line(frame.xs, scaled.ys(data.signal), _SIGNAL, 1.3)
    _line(frame, scaled, data.macd, _MACD, macd_text(frame))
    _marks(frame, scaled, ticks(low, high, 3), data.macd, kept="0")
    since = frame.since(data.macd)
    _caption(frame, panel, ("MACD 12/26", _MACD), ("signal 9", _SIGNAL), "bars: their difference", since)


def macd_text(frame: Frame) -> str:
    """The newest MACD as the report's text has it; empty where there is none, short where it would not fit."""
    newest = float(frame.data.macd[-1])
    shown = frame.price_text(newest) if math.isfinite(newest) else ""
    return shown if len(shown) <= _TAG_LETTERS else f"{newest:.1e}"


def _line(frame: Frame, panel: Panel, values: Floats, colour: str, newest: str) -> None:
    """A line and, where it has one, its newest value on the scale."""
    frame.canvas.line(frame.xs, panel.ys(values), colour, 1.5)
    if math.isfinite(values[-1]):
        frame.tag(panel.y(float(values[-1])), newest, colour)


def _marks(frame: Frame, panel: Panel, marks: Sequence[float], values: Floats, kept: str = "") -> None:
    """The scale, without any mark that the newest value's tag would cover; the one called `kept` moves beside it."""
    tag = panel.y(float(values[-1])) if math.isfinite(values[-1]) else -math.inf
    decimals = tick_decimals(marks)
    for mark in marks:
        y, label = panel.y(mark), f"{mark:,.{decimals}f}" if round(mark, decimals) else "0"
        if abs(y - tag) > _CLEAR:
            frame.scale(y, label)
        elif label == kept:
            frame.scale(tag + math.copysign(_CLEAR, y - tag), label)


def _caption(frame: Frame, panel: Panel, *parts: str | tuple[str, str]) -> None:
    """What a panel shows, above it: lines named in their own colours, remarks in grey; an empty part is left out."""
    named = [(part, FAINT) if isinstance(part, str) else part for part in parts]
    told = tuple((text, 10.5, colour, colour != FAINT) for text, colour in named if text)
    frame.canvas.heading(LEFT + 2, panel.top - 4, told)

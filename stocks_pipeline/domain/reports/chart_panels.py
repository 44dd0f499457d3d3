"""The four panels of a chart: price, volume, RSI and MACD.

What belongs here: what a panel shows, and what it says where its numbers do not exist. What does not: the heading and
the time axis (chart.py), the numbers (chart_series.py).
"""

import math
from dataclasses import replace

import numpy as np

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
_DIVIDEND, _SPLIT = "#2b6cb0", "#8a4fbd"
_COARSE = 1000.0
_TAG_LETTERS = 9
_CLEAR = 15  # a scale label this close to the newest price's tag would lie under it


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
        (frame.data.dividend, "D", _DIVIDEND, 12.0),
        (frame.data.split, "S", _SPLIT, 30.0),
    ):
        for at in np.flatnonzero(np.isfinite(values) & (values > 0)):
            x, y = float(frame.xs[at]), panel.bottom - lift
            frame.canvas.circle(x, y, 7.5, colour)
            frame.canvas.text(x, y + 3.5, letter, size=9.5, fill="#ffffff", anchor="middle", bold=True)


def draw_volume(frame: Frame, panel: Panel) -> None:
    """Shares traded by session and their average of 20 sessions."""
    volume = np.where(frame.data.volume > 0, frame.data.volume, np.nan)
    if not np.isfinite(volume).any():
        _caption(frame, panel, "Volume", "none reported")
        return
    peak = float(np.nanmax(volume))
    scaled = replace(panel, low=0.0, high=peak * 1.12)
    for mark in ticks(peak * 0.2, scaled.high, 2):
        frame.rule(scaled.y(mark), GRID)
        frame.scale(scaled.y(mark), compact(mark))
    for mask, colour in ((frame.rising(), UP), (~frame.rising(), DOWN)):
        at = np.flatnonzero(mask & np.isfinite(volume))
        tops = scaled.ys(volume)
        frame.canvas.bars(
            ((frame.xs[i] - frame.body / 2, tops[i], frame.body, scaled.bottom - tops[i]) for i in at), colour, 0.55
        )
    frame.canvas.line(frame.xs, scaled.ys(frame.data.volume_average), SOFT, 1.2)
    _caption(frame, panel, "Volume", "and its average of 20 sessions")


def draw_rsi(frame: Frame, panel: Panel) -> None:
    """RSI 14 between 0 and 100, with the usual bounds at 30 and 70."""
    scaled = replace(panel, low=5.0, high=95.0)
    values = frame.data.rsi
    frame.canvas.box(LEFT, scaled.y(70), frame.right - LEFT, scaled.y(30) - scaled.y(70), fill=_RSI, fill_opacity=0.07)
    for bound in (30, 70):
        frame.rule(scaled.y(bound), EDGE, "3,3")
    _line(frame, scaled, values, _RSI, (30.0, 50.0, 70.0), 0)
    _caption(frame, panel, "RSI 14", "30 and 70 are the usual bounds" if math.isfinite(values[-1]) else _why(values))


def draw_macd(frame: Frame, panel: Panel) -> None:
    """MACD 12/26, its signal 9 and the difference as bars, in the price's unit, around zero."""
    data = frame.data
    drawn = np.concatenate([data.macd, data.signal, data.histogram])
    if not np.isfinite(drawn).any():
        _caption(frame, panel, "MACD 12/26/9", "not enough history")
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
    marks = ticks(low, high, 4)
    _line(frame, scaled, data.macd, _MACD, marks, tick_decimals(marks))
    _caption(frame, panel, "MACD 12/26", "signal 9, difference as bars")


def _line(  # noqa: PLR0913, PLR0917  a line, its scale and how to write it
    frame: Frame, panel: Panel, values: Floats, colour: str, marks: tuple[float, ...] | list[float], decimals: int
) -> None:
    """A line with its scale and its newest value, which takes the place of any mark it would cover."""
    frame.canvas.line(frame.xs, panel.ys(values), colour, 1.5)
    newest = float(values[-1])
    tag = panel.y(newest) if math.isfinite(newest) else -math.inf
    for mark in marks:
        if abs(panel.y(mark) - tag) > _CLEAR:
            frame.scale(panel.y(mark), f"{mark:,.{decimals}f}" if round(mark, decimals) else "0")
    if math.isfinite(newest):
        frame.tag(tag, _newest(newest, decimals), colour)


def _newest(value: float, decimals: int) -> str:
    """The newest value, a digit finer than the scale where there is room; what rounds to zero is 0."""
    shown = f"{value:,.{decimals + (abs(value) < _COARSE)}f}"
    if not any(char in "123456789" for char in shown):
        return "0"
    return shown if len(shown) <= _TAG_LETTERS else f"{value:.1e}"


def _caption(frame: Frame, panel: Panel, name: str, remark: str) -> None:
    frame.canvas.text(LEFT + 2, panel.top - 4, name, size=10.5, fill=SOFT, bold=True)
    frame.canvas.text(LEFT + 10 + 7.2 * len(name), panel.top - 4, remark, size=10.5, fill=FAINT)


def _why(values: Floats) -> str:
    return "not enough history" if len(values) <= 14 else "no change of price to measure"  # noqa: PLR2004  RSI's span

"""The frame of a chart: its size, its colours and where a session lies.

What belongs here: what chart.py and chart_panels.py share. What does not: drawing a panel (chart_panels.py), the
numbers drawn (chart_series.py) and SVG itself (svg.py).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from stocks_pipeline.domain.reports.chart_series import Series
from stocks_pipeline.domain.reports.display import short_date
from stocks_pipeline.domain.reports.fact_units import price_decimals
from stocks_pipeline.domain.reports.svg import Canvas, Floats, Panel

WIDTH, HEIGHT = 1100, 760
LEFT = 18.0
TOP = 100.0
GAP = 18.0
PANEL_HEIGHTS = (340.0, 70.0, 82.0, 82.0)
"""Price, volume, RSI, MACD."""

UP, DOWN = "#12866a", "#cf4257"
GRID, EDGE, INK, SOFT, FAINT = "#e9ebef", "#d5d9df", "#22262c", "#4a4f57", "#858b95"
AVERAGE_COLOURS = {20: "#2b6cb0", 50: "#dd8500", 200: "#8a4fbd"}
_LEAST_SLOTS = 40  # a short history is not stretched into fat candles


@dataclass(frozen=True)
class Frame:
    """The canvas, the data, the right edge of the panels and the currency of the prices."""

    canvas: Canvas
    data: Series
    right: float
    currency: str | None = None

    @property
    def step(self) -> float:
        """The width of a session."""
        return (self.right - LEFT) / max(len(self.data), _LEAST_SLOTS)

    @property
    def body(self) -> float:
        """The width of a candle's body."""
        return max(1.0, self.step * 0.68)

    @property
    def xs(self) -> Floats:
        """The middle of each session; the newest ends at the right edge."""
        count = len(self.data)
        middles: Floats = self.right - self.step * (count - np.arange(count, dtype=np.float64) - 0.5)
        return middles

    def rising(self) -> Any:
        """Where a session closed at or above its open; where it has no open, at or above the close before."""
        before = np.concatenate(([self.data.close[0]], self.data.close[:-1]))
        return self.data.close >= np.where(np.isfinite(self.data.open), self.data.open, before)

    def price_text(self, value: float) -> str:
        """A price, or a difference of prices, with the digits that the report's text gives it."""
        close = float(self.data.close[-1])
        shown = f"{value:,.{price_decimals(value, self.currency or '', close)}f}"
        return shown if any(char in "123456789" for char in shown) else shown.removeprefix("-")

    def since(self, values: Floats) -> str:
        """Where a line begins that does not begin with the picture; empty for one that does, or that is not there."""
        known = np.flatnonzero(np.isfinite(values))
        return f"none before {short_date(self.data.sessions[known[0]])}" if len(known) and known[0] else ""

    def rule(self, y: float, colour: str, dash: str = "none") -> None:
        """A thin line across the panels."""
        self.canvas.path(
            f"M{LEFT:.1f},{y:.1f}H{self.right:.1f}", stroke=colour, stroke_width=0.9, stroke_dasharray=dash
        )

    def scale(self, y: float, label: str) -> None:
        """A label of the scale, right of the panels."""
        self.canvas.text(self.right + 8, y + 4, label, size=10.5)

    def tag(self, y: float, label: str, colour: str) -> None:
        """The newest value on the scale, in white on its colour."""
        self.canvas.box(self.right + 3, y - 9, 10 + 7.0 * len(label), 18, rx=3, fill=colour)
        self.canvas.text(self.right + 8, y + 4, label, fill="#ffffff", bold=True)


def stacked(low: float, high: float) -> list[Panel]:
    """The panels from the top; the first spans [low, high], the others get their scale from what they show."""
    panels, top = [], TOP
    for height in PANEL_HEIGHTS:
        panels.append(Panel(top, height, low, high))
        top += height + GAP
    return panels

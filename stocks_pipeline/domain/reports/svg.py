"""A small SVG canvas: text that cannot break out, paths, scales and ticks. Nothing here knows a price.

What belongs here: primitives that any panel of a chart needs. What does not: what a chart shows (chart.py), how an SVG
becomes pixels (render.py).

Lengths are SVG user units (one is a pixel at 96 ppi), y grows downwards.
"""

import math
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

import numpy as np
import numpy.typing as npt

from stocks_pipeline.domain.reports.letters import NAMELESS, UNSHOWN, legible

Floats = npt.NDArray[np.float64]

FONTS = "DejaVu Sans, Noto Sans Thai, Noto Sans CJK Subset"
"""The families shipped beside this file."""
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn"}  # controls, bidi and zero-width marks, surrogates, private use, unassigned
_SELECTORS = {chr(point) for point in range(0xFE00, 0xFE10)}  # they choose a look; no font here has two
_STEPS = (1.0, 2.0, 5.0, 10.0)  # no 2.5: it needs a digit more than the prices beside it
_UNITS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K"))


def one_line(text: str) -> str:
    """A stranger's text without what nobody sees: one line, no control, bidirectional or zero-width character.

    XML 1.0 forbids some of them. White space becomes one space; no letter is lost, whatever a font has.
    """
    spaced = (" " if char.isspace() else char for char in text)
    return " ".join("".join(char for char in spaced if unicodedata.category(char) not in _HIDDEN).split())


def plain(text: str) -> str:
    """`one_line` in characters that the shipped fonts have: what a name may bring into a picture or a page.

    letters.UNSHOWN stands for what they lack. Composed form, as fonts have it.
    """
    drawn = "".join(char for char in one_line(text) if char not in _SELECTORS)
    return legible(unicodedata.normalize("NFC", drawn))


def shown_name(name: str) -> str:
    """A company's name cleaned, or letters.NAMELESS: half a name would be another one."""
    cleaned = plain(name)
    return NAMELESS if UNSHOWN in cleaned else cleaned


def columns(text: str) -> int:
    """How wide a text is, in Latin letters: East Asian wide characters take two, combining marks none."""
    return sum(
        0 if unicodedata.category(char) == "Mn" else 1 + (unicodedata.east_asian_width(char) in {"W", "F"})
        for char in text
    )


def shortened(text: str, limit: int) -> str:
    """The text if it is at most `limit` columns wide, else as much as fits with an ellipsis."""
    if columns(text) <= limit:
        return text
    while text and columns(text) >= limit:
        text = text[:-1]
    return text.rstrip() + "…"


def ticks(low: float, high: float, count: int) -> list[float]:
    """Round values inside [low, high], about `count` of them; none where the range is empty to a float's precision."""
    if not high - low > 1e-12 * max(abs(low), abs(high)):
        return []
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = min((factor * power for factor in _STEPS), key=lambda size: abs(size - rough))
    first = math.ceil(low / step)
    return [number * step for number in range(first, math.floor(high / step) + 1)]


def tick_decimals(values: Sequence[float]) -> int:
    """The decimals that tell these ticks apart, 0 to 8."""
    for decimals in range(9):
        scale = max(abs(value) for value in values) if values else 0.0
        if all(abs(round(value, decimals) - value) <= 1e-9 * max(scale, 1e-12) for value in values):
            return decimals
    return 8


def compact(value: float) -> str:
    """A count for an axis: 950, 12.3K, 4.1M, 2B, 1.3T."""
    for size, unit in _UNITS:
        if value >= size:
            return f"{value / size:,.1f}".removesuffix(".0") + unit
    return f"{value:,.0f}"


@dataclass(frozen=True)
class Panel:
    """A horizontal band of the picture with its own scale: `low` lies at the bottom, `high` at the top."""

    top: float
    height: float
    low: float
    high: float

    @property
    def bottom(self) -> float:
        """The y of the lower edge."""
        return self.top + self.height

    def y(self, value: float) -> float:
        """Where a value lies."""
        return self.top + self.height * (self.high - value) / (self.high - self.low)

    def ys(self, values: Floats) -> Floats:
        """Where values lie."""
        return self.top + self.height * (self.high - values) / (self.high - self.low)


@dataclass
class Canvas:
    """Elements in drawing order. Every text is cleaned and escaped here, so that no caller can forget it."""

    width: int
    height: int
    _parts: list[str] = field(default_factory=list)

    def text(  # noqa: PLR0913  a text has this many looks; all but three have defaults
        self,
        x: float,
        y: float,
        content: str,
        *,
        size: float = 11,
        fill: str = "#4a4f57",
        anchor: str = "start",
        bold: bool = False,
    ) -> None:
        """One line of text with its baseline at y."""
        weight = ' font-weight="bold"' if bold else ""
        self._parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" fill="{fill}" text-anchor="{anchor}"{weight}>'
            f"{escape(plain(content), quote=True)}</text>"
        )

    def heading(self, x: float, y: float, parts: Sequence[tuple[str, float, str, bool]]) -> None:
        """Texts that follow each other on one baseline, each with its size, fill and whether it is bold."""
        spans = "".join(
            f'<tspan font-size="{size:g}" fill="{fill}" font-weight="{"bold" if bold else "normal"}" '
            f'dx="{12 if number else 0}">{escape(plain(content), quote=True)}</tspan>'
            for number, (content, size, fill, bold) in enumerate(parts)
        )
        self._parts.append(f'<text x="{x:.1f}" y="{y:.1f}">{spans}</text>')

    def path(self, data: str, **attributes: str | float) -> None:
        """A path; attribute names are written with underscores. An empty one draws nothing."""
        if data:
            self._parts.append(f'<path d="{data}"{_attributes(attributes)}/>')

    def line(self, xs: Floats, ys: Floats, colour: str, width: float = 1.5) -> None:
        """A line through the points that have a value; a hole in the middle is bridged, one point alone is dropped."""
        points = [f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True) if math.isfinite(y)]
        if len(points) > 1:
            self.path("M" + "L".join(points), fill="none", stroke=colour, stroke_width=width, stroke_linejoin="round")

    def bars(self, boxes: Iterable[tuple[float, float, float, float]], colour: str, opacity: float = 1.0) -> None:
        """Filled boxes of one colour as a single path; each is x, y, width, height."""
        data = "".join(f"M{x:.2f},{y:.2f}h{width:.2f}v{height:.2f}h{-width:.2f}z" for x, y, width, height in boxes)
        self.path(data, fill=colour, fill_opacity=opacity)

    def box(self, x: float, y: float, width: float, height: float, **attributes: str | float) -> None:
        """A rectangle."""
        self._parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"{_attributes(attributes)}/>'
        )

    def circle(self, x: float, y: float, radius: float, colour: str) -> None:
        """A filled circle."""
        self._parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" fill="{colour}"/>')

    def svg(self, *, top: int = 0) -> str:
        """The picture from y = `top` downwards."""
        height = self.height - top
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" height="{height}" '
            f'viewBox="0 {top} {self.width} {height}" font-family="{FONTS}">'
        )
        return head + "".join(self._parts) + "</svg>"


def _attributes(attributes: dict[str, str | float]) -> str:
    return "".join(
        f' {name.replace("_", "-")}="{escape(str(value), quote=True)}"' for name, value in attributes.items()
    )

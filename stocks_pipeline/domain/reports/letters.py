"""Which characters the shipped fonts can show, and what stands where one cannot be shown.

What belongs here: reading the fonts' character maps, and the mark for what they lack. What does not: cleaning a text
(svg.py) and setting it (render.py).

A machine's own fonts are not used: a report made on another machine would be another report, and what they have cannot
be known beforehand. DejaVu has Latin, Greek, Cyrillic, Arabic, Hebrew, signs; Noto Sans Thai Thai; the subset of Noto
Sans CJK the common Chinese, Japanese and Korean characters. What none of them has would be an empty box.
"""

import struct
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path

FOLDER = Path(str(files(__package__))) / "fonts"
UNSHOWN = "[…]"
"""Stands for a run of characters that no shipped font has."""
REMARK = f"{UNSHOWN} stands for letters that no font here has; the Markdown has them."
_LAST = 0xFFFF


NAMELESS = "name not shown: no font here has its letters"
"""Stands for a company's name with such characters, beside a ticker that can be read."""


def legible(text: str) -> str:
    """The text with UNSHOWN for each run of characters that would be empty boxes. White space counts as shown."""
    if text.isascii():
        return text
    known, shown = _known(), ""
    for char in text:
        if ord(char) in known or char.isspace():
            shown += char
        elif not shown.endswith(UNSHOWN):
            shown += UNSHOWN
    return shown


@cache
def _known() -> frozenset[int]:
    """Code points that any of the fonts has: 7 ms, once a process."""
    return frozenset(
        point for path in FOLDER.iterdir() if path.suffix in {".ttf", ".otf"} for point in _points(path.read_bytes())
    )


def _points(font: bytes) -> Iterator[int]:
    """The code points of an OpenType font, from the format 4 table of its `cmap`: those up to U+FFFF."""
    (tables,) = struct.unpack_from(">H", font, 4)
    records = (struct.unpack_from(">4sLLL", font, 12 + 16 * at) for at in range(tables))
    cmap = next(offset for tag, _, offset, _ in records if tag == b"cmap")
    (count,) = struct.unpack_from(">H", font, cmap + 2)
    places = {cmap + struct.unpack_from(">HHL", font, cmap + 4 + 8 * at)[2] for at in range(count)}
    for place in places:
        if struct.unpack_from(">H", font, place) == (4,):
            yield from _segments(font, place)


def _segments(font: bytes, place: int) -> Iterator[int]:
    (doubled,) = struct.unpack_from(">H", font, place + 6)
    form, ends = f">{doubled // 2}H", place + 14
    starts = ends + doubled + 2
    for start, end, delta, offset, at in zip(
        struct.unpack_from(form, font, starts),
        struct.unpack_from(form, font, ends),
        struct.unpack_from(form, font, starts + doubled),
        struct.unpack_from(form, font, starts + 2 * doubled),
        range(starts + 2 * doubled, starts + 3 * doubled, 2),
        strict=True,
    ):
        for point in range(start, min(end, _LAST - 1) + 1):
            if not offset:
                glyph = (point + delta) & _LAST
            else:
                (glyph,) = struct.unpack_from(">H", font, at + offset + 2 * (point - start))
            if glyph:
                yield point

"""Pictures and pages by typst, in this process and offline: an SVG to PNG, a report to one A4 page of PDF.

What belongs here: the compiler, its fonts and what is handed to it. What does not: the chart (chart.py), what
a page says (page.py) and its layout (report.typ), where files go.

Whatever came from outside reaches typst as data (`sys.inputs`, JSON), never as markup: a text such as `#read("x")` is
printed, not run. The template imports no package and its root is a folder that holds only the template and the fonts,
so that nothing else can be read. typst's compiler is not safe to share between threads while its inputs change, and it
holds Python's lock while it works: one lock, one compiler a process.
"""

import json
import threading
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal

import typst

from stocks_pipeline.domain.reports.letters import FOLDER, REMARK, UNSHOWN
from stocks_pipeline.domain.reports.page import Page
from stocks_pipeline.domain.reports.svg import plain, shown_name

PNG_PPI = 120.0
"""An SVG's unit is 1/96 inch: the chart of 1,100 by 760 becomes 1,375 by 950 pixels. 40 ms of CPU, 27 at 96."""
_PICTURE = b"""#set page(width: auto, height: auto, margin: 0pt)
#image(bytes(sys.inputs.svg), format: "svg")
"""
_LOCK = threading.Lock()
_HERE = Path(str(files(__package__)))


class RenderError(ValueError):
    """typst refused the input; the message is its first line."""


def svg_to_png(svg: str, *, ppi: float = PNG_PPI) -> bytes:
    """The PNG of an SVG.

    Raises:
        RenderError: not an SVG that typst can read.
    """
    return _compile(_PICTURE, "png", {"svg": svg}, ppi=ppi)


def report_pdf(page: Page, chart_svg: str, *, created: datetime) -> bytes:
    """The report as PDF, the chart as vectors. The same input gives the same bytes; `created` is its time stamp (UTC).

    Raises:
        RenderError: the chart is no SVG that typst can read.
    """
    inputs = {"report": json.dumps(_cleaned(page), ensure_ascii=False), "svg": chart_svg}
    return _compile((_HERE / "report.typ").read_bytes(), "pdf", inputs, created=created)


def _cleaned(page: Page) -> dict[str, object]:
    shown = {name: plain(value) for name, value in asdict(page).items() if isinstance(value, str)}
    made: dict[str, object] = {
        **shown,
        "company": shown_name(page.company),
        "key_facts": [[plain(name), plain(value)] for name, value in page.key_facts],
        "sections": [
            {"title": plain(section.title), "paragraphs": _plain(section.paragraphs), "points": _plain(section.points)}
            for section in page.sections
        ],
    }
    if UNSHOWN in json.dumps(made, ensure_ascii=False):
        made["footer"] = f"{shown['footer']} {REMARK}"
    return made


def _plain(texts: Sequence[str]) -> list[str]:
    return [plain(text) for text in texts]


@cache
def _compiler() -> typst.Compiler:
    """One for the process: its fonts are read once, 30 to 60 ms."""
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[FOLDER])
    return typst.Compiler(root=FOLDER, font_paths=fonts, package_path=FOLDER)


def _compile(
    source: bytes,
    form: Literal["png", "pdf"],
    inputs: dict[str, str],
    *,
    ppi: float | None = None,
    created: datetime | None = None,
) -> bytes:
    with _LOCK:
        try:
            made = _compiler().compile(input=source, format=form, ppi=ppi, sys_inputs=inputs, timestamp=created)
        except typst.TypstError as error:
            raise RenderError(str(error.message).partition("\n")[0]) from error
    if isinstance(made, bytes):
        return made
    raise RenderError(f"one page was expected, {len(made or ())} were made")

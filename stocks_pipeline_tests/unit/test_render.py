import json
import struct
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typst
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stocks_pipeline.domain.reports import render
from stocks_pipeline.domain.reports.answer import POINT_LENGTH, SECTION_LENGTH
from stocks_pipeline.domain.reports.chart import ChartTitle, draw_chart
from stocks_pipeline.domain.reports.letters import NAMELESS, REMARK, legible
from stocks_pipeline.domain.reports.page import Page, Section
from stocks_pipeline.domain.reports.render import RenderError, report_pdf, svg_to_png
from stocks_pipeline.domain.reports.svg import FONTS, plain
from stocks_pipeline_tests.report_cases import walk

TITLE = ChartTitle("NVDA19", "NVIDIA Corporation", "Nasdaq", "USD")
CREATED = datetime(2024, 3, 15, 5, 21, tzinfo=UTC)
EVIL = '#read("/etc/passwd") #panic("x") *b* $x$ @ref <label> [a] ] } // c /* " \\ #import "@preview/x:1.0.0": y'


def _page(**changes: object) -> Page:
    given: dict[str, object] = {
        "ticker": "NVDA19",
        "company": "NVIDIA Corporation",
        "session": "Nasdaq · session of 14 March 2024",
        "stance": "BUY",
        "key_facts": (("Close", "87.90 USD"), ("RSI 14", "63.5")),
        "sections": (Section("Key takeaways", ("Calm.",), ("One point.",)),),
        "footer": "Written today.",
    }
    return Page(**{**given, **changes})  # type: ignore[arg-type]


def _picture(page: Page) -> bytes:
    """The page as PNG: refused by render if it takes more than one."""
    inputs = {"report": json.dumps(render._cleaned(page), ensure_ascii=False), "svg": draw_chart(walk(60), TITLE)}
    return render._compile((render._HERE / "report.typ").read_bytes(), "png", inputs, ppi=40)


def test_a_chart_becomes_a_small_png() -> None:
    """1,375 by 950 pixels, at most 300 kB."""
    png = svg_to_png(draw_chart(walk(250), TITLE))
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", png[16:24]) == (1375, 950)
    assert len(png) <= 300_000


def test_the_same_input_gives_the_same_bytes() -> None:
    """PNG and PDF alike, so that a report made again is no new version."""
    svg = draw_chart(walk(60), TITLE)
    assert svg_to_png(svg) == svg_to_png(svg)
    assert report_pdf(_page(), svg, created=CREATED) == report_pdf(_page(), svg, created=CREATED)


def test_a_page_is_a_pdf() -> None:
    """With its chart as vectors, under 150 kB, and the fonts that were shipped."""
    pdf = report_pdf(_page(), draw_chart(walk(250), TITLE), created=CREATED)
    assert pdf.startswith(b"%PDF-")
    assert len(pdf) < 150_000


@pytest.mark.parametrize("field", ["ticker", "company", "session", "stance", "footer", "language"])
def test_typst_markup_is_printed_not_run(field: str) -> None:
    """Code, imports and stray brackets in any text neither run nor break the page."""
    assert _picture(_page(**{field: EVIL if field != "language" else "en"}))


def test_typst_markup_in_sections_is_printed() -> None:
    """Also in headings, paragraphs, points and key facts; and it shows, so the picture differs from one without."""
    evil = _page(sections=(Section(EVIL, (EVIL,), (EVIL,)),), key_facts=((EVIL, EVIL),))
    assert _picture(evil) != _picture(_page())


def test_nothing_outside_the_fonts_folder_can_be_read() -> None:
    """Even code that did run could open no file of ours: the root holds fonts only, and no package is fetched."""
    for source in (b'#read("/etc/passwd")', b'#read("../report.typ")', b'#read("/../page.py")'):
        with pytest.raises(RenderError):
            render._compile(source, "png", {})
    with pytest.raises(RenderError):
        render._compile(b'#import "@preview/cetz:0.2.2": canvas', "png", {})


def test_a_hostile_svg_opens_no_file(tmp_path: Path) -> None:
    """An SVG that names a file of the machine is refused."""
    secret = tmp_path / "secret.svg"
    base = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="9" height="9">'
    secret.write_text(f"{base}</svg>")
    for link in (f"file://{secret}", str(secret), "../report.typ", "https://x.example/a.png"):
        with pytest.raises(RenderError):
            svg_to_png(f'{base}<image xlink:href="{link}" width="9" height="9"/></svg>')


@pytest.mark.parametrize(
    "svg", ["", "no svg", "<svg", '<svg xmlns="http://www.w3.org/2000/svg"><text>\x00</text></svg>']
)
def test_what_is_no_svg_is_refused(svg: str) -> None:
    """With typst's reason, as an error of ours."""
    with pytest.raises(RenderError, match=r"\w"):
        svg_to_png(svg)


def test_the_longest_report_fits_one_page() -> None:
    """Every section at its limit: the text shrinks, the page stays one."""
    point, prose = ("word " * POINT_LENGTH)[:POINT_LENGTH], ("longer words " * SECTION_LENGTH)[:SECTION_LENGTH]
    sections = (
        Section("Key takeaways", (), (point,) * 5),
        Section("Price and trend", (prose,)),
        Section("Momentum and volume", (prose,)),
        Section("Risks to watch", (), (point,) * 5),
        Section("News", (prose,)),
    )
    assert _picture(_page(sections=sections, company="A very long name " * 20, key_facts=(("Fact", "1"),) * 8))


def test_a_footer_of_many_notes_is_all_on_the_page() -> None:
    """What stands last in a long footer is drawn and not cut off: without it the picture is another one."""
    notes = "Simulated, in words enough for a whole line of the footer, and for much of the next one as well. " * 5
    assert _picture(_page(footer=f"{notes} Written today.")) != _picture(_page(footer=f"{notes} Never written at all."))


def test_an_empty_report_is_still_a_page() -> None:
    """No sections, no key facts."""
    assert _picture(_page(sections=(), key_facts=()))


def test_thai_has_a_font_of_ours() -> None:
    """Thai letters differ from each other in the picture, which boxes for missing letters would not."""

    def drawn(name: str) -> bytes:
        return svg_to_png(draw_chart(walk(30), ChartTitle("T", name)))

    assert drawn("กขค") != drawn("คขก")


def test_threads_share_the_compiler() -> None:
    """Many threads at once get each its own picture."""
    wanted = {first: svg_to_png(draw_chart(walk(30, first), TITLE)) for first in (10.0, 20.0, 30.0)}
    made: dict[float, bytes] = {}

    def work(first: float) -> None:
        made[first] = svg_to_png(draw_chart(walk(30, first), TITLE))

    threads = [threading.Thread(target=work, args=(first,)) for first in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == wanted


def test_every_font_has_its_licence() -> None:
    """What is shipped may be shipped: a licence text beside each family."""
    folder = render._HERE / "fonts"
    fonts = {path.name.partition("-")[0].partition(".")[0] for path in folder.glob("*.[ot]tf")}
    licences = {path.stem.removeprefix("LICENSE-") for path in folder.glob("LICENSE-*.txt")}
    assert {name.removesuffix("Sans") if name == "DejaVuSans" else name for name in fonts} == licences
    for family in ("NotoSansThai", "NotoSansCJKSubset"):
        assert "SIL OPEN FONT" in (folder / f"LICENSE-{family}.txt").read_text().upper()


@pytest.mark.parametrize("name", ["腾讯控股有限公司", "騰訊控股", "任天堂株式会社", "삼성전자 주식회사", "บริษัท ปตท."])
def test_names_of_asia_are_drawn_with_letters(name: str) -> None:
    """Every character is in a shipped font, and the picture changes with each: no row of equal boxes."""

    def drawn(company: str) -> bytes:
        return svg_to_png(draw_chart(walk(30), ChartTitle("T", company)), ppi=30)

    assert plain(name) == name
    assert drawn(name) != drawn(name[1] + name[0] + name[2:])
    assert render._cleaned(_page(company=name))["company"] == name


def test_what_no_font_has_is_said_and_never_a_box() -> None:
    """A name beside its ticker gives way to a note; within a text a mark stands for the run, explained below."""
    cleaned = render._cleaned(_page(company="हिन्दी Ltd", sections=(Section("News", ("Reads 𠮷野家 today.",)),)))
    assert cleaned["company"] == NAMELESS
    assert cleaned["sections"] == [{"title": "News", "paragraphs": ["Reads […]野家 today."], "points": []}]
    assert str(cleaned["footer"]).endswith(REMARK)
    assert REMARK not in str(render._cleaned(_page())["footer"])
    assert NAMELESS in draw_chart(walk(30), ChartTitle("T", "हिन्दी Ltd"))


@given(st.text(max_size=60))
@example("e\u200d\u0301")  # a mark finds its letter once what stood between them is gone
@settings(max_examples=300, deadline=None)
def test_any_text_becomes_one_that_the_fonts_have(text: str) -> None:
    """Cleaned once is cleaned: nothing is left that would be a box, and what was shown is not touched again."""
    assert plain(plain(text)) == plain(text)
    assert legible(plain(text)) == plain(text)


def test_the_pages_look_does_not_depend_on_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Typst is given the shipped families and no other, neither the system's nor its own."""
    given: list[list[str]] = []

    def fonts(**wanted: object) -> typst.Fonts:
        made = fonts_of_typst(**wanted)  # type: ignore[arg-type]
        given.append(made.families())
        return made

    fonts_of_typst = typst.Fonts
    monkeypatch.setattr(typst, "Fonts", fonts)
    render._compiler.__wrapped__()
    assert [set(families) for families in given] == [set(FONTS.split(", "))]

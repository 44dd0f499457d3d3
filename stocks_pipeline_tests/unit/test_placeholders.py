import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocks_pipeline.domain.reports.display import display, long_date
from stocks_pipeline.domain.reports.fact_units import Unit
from stocks_pipeline.domain.reports.page import unescaped
from stocks_pipeline.domain.reports.placeholders import escaped, inject
from stocks_pipeline_tests.report_cases import draft, fact, sheet


def _kinds(text: str, language: str = "en", **sheet_changes: object) -> set[tuple[str, str]]:
    """What is wrong with a draft whose trend section is `text`."""
    _, flaws = inject(draft(price_and_trend=text), sheet(**sheet_changes), language=language)  # type: ignore[arg-type]
    return {(flaw.kind, flaw.where) for flaw in flaws}


# --- display


@pytest.mark.parametrize(
    ("value", "unit", "decimals", "shown"),
    [
        (1234.5, Unit.PRICE, 2, "1,234.50 THB"),
        (-0.5, Unit.PRICE, 2, "-0.50 THB"),
        (48350.0, Unit.PRICE, 0, "48,350 THB"),
        (1.234, Unit.PERCENT, 2, "+1.23%"),
        (-1.234, Unit.PERCENT, 2, "-1.23%"),
        (0.0, Unit.PERCENT, 2, "0.00%"),
        (-0.001, Unit.PERCENT, 2, "0.00%"),
        (0.004, Unit.PERCENT, 2, "0.00%"),
        (-0.001, Unit.PRICE, 2, "0.00 THB"),
        (1234.5, Unit.PERCENT, 1, "+1,234.5%"),
        (56.2, Unit.LEVEL, 1, "56.2%"),
        (1.349, Unit.RATIO, 2, "1.35x"),
        (56.24, Unit.INDEX, 1, "56.2"),
        (12_345_678, Unit.SHARES, 0, "12,345,678 shares"),
        (12, Unit.COUNT, 0, "12"),
        (date(2024, 3, 4), Unit.DATE, 0, "4 March 2024"),
        ("a {text} 12", Unit.TEXT, 0, "a {text} 12"),
    ],
)
def test_each_unit_has_one_look(value: object, unit: Unit, decimals: int, shown: str) -> None:
    """Numbers, signs, units, commas and dates look as the display rules say, and zero never has a sign."""
    assert display(fact("x", value, unit, decimals), "THB") == shown


def test_a_price_without_currency_stands_alone() -> None:
    """No currency is made up where the sheet has none."""
    assert display(fact("x", 5.0, Unit.PRICE), None) == "5.00"


@given(st.floats(-1e12, 1e12), st.integers(0, 6))
def test_no_negative_zero(value: float, decimals: int) -> None:
    """Whatever rounds to zero is shown without a sign, everything else keeps its own."""
    shown = display(fact("x", value, Unit.PERCENT, decimals), None)
    nonzero = any(char in "123456789" for char in shown)
    assert (shown[0] in "+-") == nonzero
    assert not nonzero or (shown[0] == "-") == (value < 0)


def test_a_date_is_english_in_every_locale() -> None:
    """Month names come from the code, not from the process's locale."""
    assert [long_date(date(2026, month, 1)).split()[1][:3] for month in (1, 6, 12)] == ["Jan", "Jun", "Dec"]


# --- injection


def test_a_good_draft_becomes_a_narrative() -> None:
    """Heading, sections in order, values in place; no flaw and no brace left."""
    narrative, flaws = inject(draft(), sheet())
    assert flaws == ()
    assert narrative is not None
    assert narrative.text.split("\n")[0] == "**NVDA19 — NVIDIA Corporation** · 14 March 2024 · BUY"
    headings = re.findall(r"^## (.*)$", narrative.text, re.MULTILINE)
    assert headings == ["Key takeaways", "Price and trend", "Momentum and volume", "Risks to watch"]
    assert "- The shares closed at 87.90 USD on 14 March 2024, a daily return of -3.24%." in narrative.text
    assert "{" not in narrative.text


def test_evidence_is_exactly_where_it_says() -> None:
    """Every span holds its text, spans are in order and apart, and no digit stands outside of them."""
    narrative, _ = inject(draft(), sheet())
    assert narrative is not None
    at, outside = 0, ""
    for one in narrative.evidence:
        assert narrative.text[one.start : one.end] == one.text
        assert one.start >= at
        outside, at = outside + narrative.text[at : one.start], one.end
    assert not any(char.isdigit() for char in outside + narrative.text[at:])
    assert [one.fact for one in narrative.evidence[:3]] == ["ticker", "company_name", "session"]


def test_news_have_a_section_only_where_there_are_some() -> None:
    """The headline stands in the text verbatim, in a section of its own at the end."""
    known = sheet([fact("news_1", "Chips & chances: 20% more?", Unit.TEXT)])
    narrative, flaws = inject(draft(news="A headline reads: {news_1}."), known)
    assert flaws == ()
    assert narrative is not None
    assert narrative.text.endswith("## News\n\nA headline reads: Chips & chances: 20% more?.\n")


@pytest.mark.parametrize("name", ["ticker", "company_name", "session"])
def test_a_report_that_cannot_be_headed_is_refused(name: str) -> None:
    """Without ticker, company or session there is no first line, and none is invented."""
    narrative, flaws = inject(draft(key_takeaways=("Calm.", "Calm.")), sheet(without=[name]))
    assert narrative is None
    assert ("absent", "heading", name) in {(flaw.kind, flaw.where, flaw.text) for flaw in flaws}


# --- flaws


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("The price is {clsoe}.", "placeholder"),
        ("The price is {close.", "placeholder"),
        ("The price is {{close}}.", "placeholder"),
        ("The price is {close:.2f}.", "placeholder"),
        ("The average is {sma_200}.", "absent"),
        ("The price is 87.90.", "number"),
        ("Die Zahl ٣ is Arabic.", "number"),
        ("Superscript ² and half ½ count.", "number"),
        ("It has three reasons.", "number"),
        ("Twenty-one sessions.", "number"),
        ("It doubled and then halved.", "number"),
        ("A threefold rise.", "number"),
        ("Up by a quarter.", "number"),
        ("Better than in January.", "number"),
        ("It rose on Monday.", "number"),
        ("The yield is high in %.", "unit"),
        ("The price is €.", "unit"),
        ("Some percent of it.", "unit"),
        ("The close was {close} USD.", "unit"),
        ("Volume was {volume} shares.", "unit"),
        ("The volume ratio is {volume_ratio} times.", "unit"),
        ("<b>Bold</b> claims.", "markup"),
        ("See [this](x).", "markup"),
        ("See https://x.example now.", "markup"),
        ("Visit www.x.example.", "markup"),
        ("Use `code`.", "markup"),
        ("Some *stress*.", "markup"),
        ("An &amp; entity.", "markup"),
        ("Mail a@b.example.", "markup"),
        ("Hidden\u200bspace.", "hidden"),
        ("Turned \u202eround.", "hidden"),
        ("A \u0441yrillic letter.", "hidden"),
    ],
)
def test_what_prose_may_not_hold(text: str, kind: str) -> None:
    """Unknown and absent placeholders, numbers, units, markup and hidden characters are found."""
    assert (kind, "price_and_trend") in _kinds(text)


@pytest.mark.parametrize(
    "text",
    [
        "No one sold, and at first glance the close of {close} is calm.",
        "On the one hand momentum is calm; on the other hand the RSI of {rsi_14} may rise.",
        "Volume (turnover) was {volume}, which is high - for now.",
        "The price may march on.",
        'Its "usual" range, naïve as it sounds, is calm…',
    ],
)
def test_honest_prose_passes(text: str) -> None:
    """Idioms, brackets, dashes, quotes and accents are no faults."""
    assert _kinds(text) == set()


def test_every_fault_is_listed_with_its_place() -> None:
    """A draft with faults in several fields gets a flaw for each, not only the first."""
    broken = draft(key_takeaways=("It has 3 reasons.", "It {vanished}."), risks=("Risky <b>.",))
    _, flaws = inject(broken, sheet())
    found = {(flaw.kind, flaw.where) for flaw in flaws}
    assert found == {("number", "key_takeaways[0]"), ("placeholder", "key_takeaways[1]"), ("markup", "risks[0]")}
    assert all(flaw.why and len(flaw.text) <= 80 for flaw in flaws)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("It rose 2.5% in a year that was calm for all of its peers.", "It rose 2.5% in a year that was…"),
        (
            "After a long and quiet year the price went from {close} to 141,20 USD.",
            "…rice went from {…} to 141,20 USD.",
        ),
        ("It has twenty-one\u200b reasons to fall.", "It has twenty-one reasons to fall."),
    ],
)
def test_a_number_is_quoted_whole_with_the_words_around_it(text: str, shown: str) -> None:
    """So that its writer, and a person, find it; nothing that cannot be seen is quoted."""
    _, flaws = inject(draft(price_and_trend=text), sheet())
    assert shown in [flaw.text for flaw in flaws if flaw.kind == "number"]


def test_thai_prose() -> None:
    """Thai letters stand in a Thai report only; Thai digits, number words and units are refused, look-alikes pass."""
    good = "ราคาปิด {close} สามารถ สัมพันธ์ กับ หุ้นสามัญ"
    assert _kinds(good, "th") == {("language", "answer")}  # the other sections are English
    assert ("hidden", "price_and_trend") in _kinds(good, "en")
    for bad, kind in (("ราคา ๘๗", "number"), ("สองเท่า", "number"), ("ร้อยละ", "unit"), ("{close} บาท", "unit")):
        assert (kind, "price_and_trend") in _kinds(bad, "th")


# --- a stranger's text


def test_a_strangers_text_cannot_become_markup() -> None:
    """Markdown, HTML, links and line breaks of a headline are shown, not obeyed."""
    shown = escaped("**Buy** [now](http://x.example) <img src=x>\n# Title www.x.example a@b.example | `x` ~~y~~")
    assert "\n" not in shown
    bare = re.sub(r"\\.", "", shown)  # what is left once every escaped character is taken out
    assert not set("*[]<>#|`~@") & set(bare)
    assert "://" not in bare
    assert "www." not in bare


@given(st.text(alphabet=st.characters(exclude_categories=["Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"]), max_size=60))
def test_escaping_loses_nothing(text: str) -> None:
    """Undoing the escapes gives the text back, apart from white space."""
    assert unescaped(escaped(text)) == " ".join(text.split())


def test_a_plain_name_is_left_alone() -> None:
    """Names as they really are carry no backslash, so that a reader of the raw text sees them as they are."""
    for name in ("AT&T Inc.", "Moody's Corp", "S&P 500 - ETF (Dist.)", "บริษัท ปตท. จำกัด", "腾讯控股"):
        assert escaped(name) == name


@pytest.mark.parametrize("name", ["E*TRADE_A", "S&P 500 [Dist] #1", "Foo ~ Bar | Baz", "`x`", "<b>", "www.x.example"])
def test_marks_are_escaped_in_the_narrative(name: str) -> None:
    """What Markdown could act on carries a backslash, in the text and in its evidence, and reads back as it was."""
    narrative, _ = inject(draft(), sheet([fact("company_name", name, Unit.TEXT)]))
    assert narrative is not None
    shown = narrative.evidence[1].text
    assert shown == escaped(name) != name
    assert unescaped(shown) == name
    assert f"**NVDA19 — {shown}** · " in narrative.text

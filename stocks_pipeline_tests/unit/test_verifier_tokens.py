import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocks_pipeline.domain.reports.verifier_spans import MASK, Span, edge_problems, mask, read_spans
from stocks_pipeline.domain.reports.verifier_tokens import unresolved

FRAME = "The price was calm, {} and it stayed so."


def kinds(text: str, language: str = "en", names: tuple[str, ...] = ()) -> set[str]:
    return {problem.kind for problem in unresolved(text, language, names)}


@pytest.mark.parametrize(
    "claim",
    [
        "7",
        "3.5",
        "1,234",
        "−2",
        "+4",
        "12%",
        "5 percent",
        "a few per cent",
        "\uff17",
        "٣",
        "๗",
        "½",
        "³",
        "Ⅳ",
        "五",
        "x²",
        "①",
        "1st",
        "two",
        "Two",
        "TWO",
        "twenty-one",
        "twentyone",
        "two-day",
        "a dozen",
        "dozens",
        "double",
        "doubled",
        "twofold",
        "tenfold",
        "half",
        "a third",
        "halves",
        "twice",
        "hundred",
        "millions",
        "zero",
        "a couple",
        "a decade",
        "second",
        "tenth",
        "$",
        "€",
        "฿",
        "dollars",
        "baht",
        "basis points",
        "bps",
        "March",
        "in May",
        "february",
        "Monday",
        "mondays",
        "Fri",
        "Q",
        "NVDA",
        "USD",
        "AT",
        "T",
        "NVidia",
        "Apple",
        "in Japan",
        "iPhone",
        "&half;",
        "&#49;",
        "<b>up</b>",
        "[x](y)",
        "\\",
        "a\u200bb",
        "\u202eabc",
        "tw\u043e",
        "\uff54\uff57\uff4f",
        "\U0001d7d0",
        "tẃo",
        "fi\u0301ve",
        "=",
        "±",
        "↑",
        "\u00a02",
        "percentage points",
        "threefold",
        "fortnight",
        "quarter",
        "ninety",
        "first",
        "one",
        "tensome",
        "`x`",
        "~~x~~",
    ],
)
def test_finds_what_needs_a_fact(claim: str) -> None:
    """Numbers in any form, units, dates, symbols, names, markup and hidden characters are found outside spans."""
    assert kinds(FRAME.format(claim))


@pytest.mark.parametrize(
    "text",
    [
        "Shares rose on heavy volume, while the RSI and the MACD stayed calm.",
        "No one expects more; on the one hand buyers hold, at first glance sellers do.",
        "The short-term average supports it, and the Bollinger bands widen.",
        "It may rise. May it last. I think so.",
        "Café society, naïve hopes: “quoted” words – and a dash — stay.",
        "Momentum's turn (so far) isn't decisive; risk-averse buyers wait.",
        "The percentile is high, often someone's weightiest stand.",
        "- A list item\n- Another item",
        "## Key takeaways\n\nNothing.",
    ],
)
def test_leaves_plain_prose_alone(text: str) -> None:
    """Ordinary sentences have nothing that needs a fact."""
    assert unresolved(text, "en", ()) == []


@pytest.mark.parametrize("name", ["Nvidia", "nvidia", "NVIDIA", "Nvídia"])
def test_known_names_are_found_in_any_case(name: str) -> None:
    """A company that the desk knows may stand only inside a span, also as the first word of a sentence."""
    assert kinds(f"{name} rose.", names=("nvidia",))


@pytest.mark.parametrize("text", ["Apple's shares rose.", "Acme Holdings rose.", "Sunrise Inc rose.", "Big Blue rose."])
def test_unknown_names_are_found_by_their_look(text: str) -> None:
    """A possessive, a legal form or a second capital betrays a name at the start of a sentence."""
    assert kinds(text)


def test_a_lone_unknown_name_at_the_start_is_the_documented_limit() -> None:
    """One unknown capitalised word that opens a sentence cannot be told from any other word: a limit."""
    assert not kinds("Zyx rose.")


@pytest.mark.parametrize(
    "claim", ["สอง", "ยี่สิบเอ็ด", "ครึ่งหนึ่ง", "ร้อยละ", "ห้าบาท", "๕", "มกราคม", "วันจันทร์", "สามวัน", "ล้าน", "5", "เท่าตัว"]
)
def test_finds_thai_claims(claim: str) -> None:
    """Thai number words, digits, units and dates are found without spaces around them."""
    assert kinds(f"ราคาปรับขึ้น{claim}จากเดิม", "th")


@pytest.mark.parametrize("word", ["สามารถ", "หุ้นสามัญ", "พันธบัตร", "ห้าม", "สัมพันธ์", "ศูนย์กลาง", "พันธมิตร", "ผูกพัน"])
def test_leaves_thai_words_that_hold_a_number_alone(word: str) -> None:
    """Words in which a number's letters occur are words of their own."""
    assert unresolved(f"ราคา{word}ปรับขึ้น", "th", ()) == []


def test_thai_letters_are_foreign_in_an_english_report() -> None:
    """A script of another language could hide words from the tables."""
    assert kinds("The price ราคา rose.") == {"hidden"}


def test_an_idiom_does_not_shield_what_follows_it() -> None:
    """After a harmless phrase a month or a name is still one."""
    assert kinds("Calm days, no one March should mind.")
    assert kinds("Calm days, no one Acme should mind.")


@given(st.text(min_size=1, max_size=30))
def test_nothing_with_a_numeric_value_passes(text: str) -> None:
    """Whatever Unicode calls numeric is found, wherever it stands."""
    import unicodedata

    if any(unicodedata.numeric(char, None) is not None for char in text):
        assert unresolved(f"a {text} b", "en", ())


@given(st.text(max_size=40), st.data())
def test_masking_keeps_length_and_hides_spans(text: str, data: st.DataObject) -> None:
    """A masked text has the old length, and no span's character shows."""
    if not text:
        return
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    spans, problems = read_spans([{"start": start, "end": end, "fact": "close", "text": text[start:end]}], text)
    masked = mask(text, spans)
    assert not problems
    assert len(masked) == len(text)
    assert masked[start:end] == MASK * (end - start)


@pytest.mark.parametrize(
    "frame",
    [
        "-{}",
        "−{}",
        "+{}",
        "${}",
        "1{}",
        "{}1",
        "{}%",
        "a{}",
        "{}x",
        "{}.5",
        "{},000",
        "~{}",
        "at 1.{}",
        "so - {} it",
        "the ± {} of",
        "{}/2",
        "{}²",
        "{}th",
        ".{}",
        "<{}",
    ],
)
def test_edges_of_a_value(frame: str) -> None:
    """A sign, digit, letter or unit that touches a value from outside is found."""
    text = frame.format("12.50 THB")
    at = text.index("12.50 THB")
    span = Span(at, at + 9, "close", "12.50 THB")
    masked = mask(text, [span])
    assert edge_problems(masked, span, numeric=True) or unresolved(masked, "en", ())


@pytest.mark.parametrize(
    "frame", ["at {}.", "({})", "- {} is", "of {}, so", "“{}”", "**{}**", "a {}-level", "x: {}\n", "so – {} it"]
)
def test_harmless_neighbours_of_a_value(frame: str) -> None:
    """Punctuation that does not change how a value reads may touch it."""
    text = frame.format("12.50 THB")
    at = text.index("12.50 THB")
    span = Span(at, at + 9, "close", "12.50 THB")
    assert not edge_problems(mask(text, [span]), span, numeric=True)

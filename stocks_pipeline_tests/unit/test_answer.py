from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocks_pipeline.domain.reports.answer import POINT_LENGTH, SECTION_LENGTH, Flaw, read_answer, response_format
from stocks_pipeline.domain.reports.prose import language_flaw
from stocks_pipeline_tests.report_cases import ANSWER

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def _flaws(*, has_news: bool = False, **changes: Any) -> set[tuple[str, str]]:
    draft, flaws = read_answer({**ANSWER, **changes}, has_news=has_news)
    assert (draft is None) == bool(flaws)
    return {(flaw.kind, flaw.where) for flaw in flaws}


def test_a_good_answer_is_a_draft() -> None:
    """Nothing is wrong, and every text is kept with the name of its field."""
    draft, flaws = read_answer(ANSWER, has_news=False)
    assert flaws == ()
    assert draft is not None
    assert [where for where, _ in draft.fields()] == [
        "key_takeaways[0]",
        "key_takeaways[1]",
        "price_and_trend",
        "momentum_and_volume",
        "risks[0]",
    ]


@pytest.mark.parametrize("content", [None, [], "text", 3, True])
def test_anything_but_an_object_is_refused(content: Any) -> None:
    """A list, a text or nothing is one flaw of the whole answer."""
    draft, flaws = read_answer(content, has_news=False)
    assert draft is None
    assert [(flaw.kind, flaw.where) for flaw in flaws] == [("shape", "answer")]


@pytest.mark.parametrize(
    ("changes", "flaw"),
    [
        ({"stance": "buy"}, ("shape", "stance")),
        ({"stance": None}, ("shape", "stance")),
        ({"stance": ["BUY"]}, ("shape", "stance")),
        ({"confidence": 0.9}, ("shape", "answer")),
        ({"key_takeaways": None}, ("missing", "key_takeaways")),
        ({"key_takeaways": "one text"}, ("shape", "key_takeaways")),
        ({"key_takeaways": ["one"]}, ("length", "key_takeaways")),
        ({"key_takeaways": ["a"] * 6}, ("length", "key_takeaways")),
        ({"key_takeaways": ["a", "  "]}, ("missing", "key_takeaways[1]")),
        ({"key_takeaways": ["a", 7]}, ("shape", "key_takeaways[1]")),
        ({"risks": []}, ("length", "risks")),
        ({"risks": ["x" * (POINT_LENGTH + 1)]}, ("length", "risks[0]")),
        ({"price_and_trend": None}, ("missing", "price_and_trend")),
        ({"price_and_trend": ""}, ("missing", "price_and_trend")),
        ({"momentum_and_volume": {"text": "x"}}, ("shape", "momentum_and_volume")),
        ({"momentum_and_volume": "x" * (SECTION_LENGTH + 1)}, ("length", "momentum_and_volume")),
        ({"news": "Something happened."}, ("shape", "news")),
    ],
)
def test_each_fault_of_shape_is_found(changes: dict[str, Any], flaw: tuple[str, str]) -> None:
    """Wrong types, missing sections, counts and lengths are named with their field."""
    assert flaw in _flaws(**changes)


def test_a_missing_section_is_missing() -> None:
    """A key that is not there reads as a missing section, for every section."""
    for name in ("key_takeaways", "price_and_trend", "momentum_and_volume", "risks"):
        _, flaws = read_answer({key: value for key, value in ANSWER.items() if key != name}, has_news=False)
        assert [(flaw.kind, flaw.where) for flaw in flaws] == [("missing", name)]


def test_headlines_must_be_told() -> None:
    """With headlines the news section is wanted; without it must be null, so that none is invented."""
    assert _flaws(has_news=True) == {("missing", "news")}
    assert _flaws(has_news=True, news="A headline: {news_1}.") == set()


def test_line_breaks_become_spaces() -> None:
    """A model's line breaks and runs of spaces inside a text cannot make a new paragraph or heading."""
    draft, _ = read_answer({**ANSWER, "price_and_trend": " a\n\n## b \t c\r\n"}, has_news=False)
    assert draft is not None
    assert draft.price_and_trend == "a ## b c"


@given(_JSON)
def test_no_json_breaks_the_reader(content: Any) -> None:
    """Whatever JSON comes, it ends in a draft or in flaws with a kind, a place and a reason."""
    draft, flaws = read_answer(content, has_news=False)
    assert (draft is None) == bool(flaws)
    assert all(isinstance(flaw, Flaw) and flaw.kind and flaw.where and flaw.why for flaw in flaws)


def test_the_schema_is_strict() -> None:
    """As strict mode demands: every property required, no others, and the keys are those that are read."""
    schema = response_format()["json_schema"]["schema"]
    assert schema["required"] == list(schema["properties"]) == list(ANSWER)
    assert schema["additionalProperties"] is False
    assert response_format()["json_schema"]["strict"] is True


@pytest.mark.parametrize(
    ("language", "texts", "wrong"),
    [
        ("th", ["ราคาปิดอยู่ที่ {close}", "RSI {rsi_14}"], False),
        ("th", ["The closing price is {close}, ราคาปิด"], True),
        ("th", ["The close is {close}."], True),
        ("th", ["{close} {rsi_14}"], False),
        ("en", ["The close is {close}."], False),
    ],
)
def test_a_thai_report_is_written_in_thai(language: str, texts: list[str], *, wrong: bool) -> None:
    """By its own letters, not those of placeholders; most may be RSI and the like; no letters, no verdict."""
    found = language_flaw(texts, language)
    assert (found is not None) == wrong
    assert found is None or found.kind == "language"

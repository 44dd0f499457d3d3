"""What is said of several facts at once, and what no rule has checked."""

import pytest

from stocks_pipeline.domain.reports.verifier_display import Known
from stocks_pipeline.domain.reports.verifier_sentences import sentences
from stocks_pipeline.domain.reports.verifier_tone import tones
from stocks_pipeline.domain.reports.verifier_worlds import judged_in, other_worlds
from stocks_pipeline_tests.verifier_sentence import KNOWN, problems

UP = {
    name: Known(value)
    for name, value in {
        "close_vs_sma_20": 4.0, "close_vs_sma_50": 6.0, "close_vs_sma_200": 20.0, "return_1d": -1.0, "return_1w": 2.0,
        "return_1m": 5.0, "return_3m": 9.0, "return_1y": 40.0, "macd_histogram": 0.4, "rsi_14": 64.0, "close": 110.0,
        "sma_20": 105.8, "sma_50": 103.8, "sma_200": 91.7,
    }.items()
}  # fmt: skip
"""A share of which every signal of trend and momentum points up."""
MIXED = UP | {"close_vs_sma_200": Known(-3.0), "sma_200": Known(113.4), "macd_histogram": Known(-0.1)}
FALSE_OF_UP = (
    "The trend is weak.",
    "Momentum is negative.",
    "Sellers are in control.",
    "The picture looks bearish.",
    "All indicators point lower.",
    "Every return is negative.",
    "The price trades under all its averages.",
    "The share is below every average.",
)
TRUE_OF_UP = (
    "The trend is strong.",
    "Momentum remains firm.",
    "Buyers are in control.",
    "The price is above all of its moving averages.",
    "All indicators are positive.",
)


def said(text: str, known: dict[str, Known]) -> list[str]:
    """The kinds of problems of a sentence without values."""
    return [problem.kind for problem in tones(list(sentences(f"x\n{text}", [])), known, None)]


@pytest.mark.parametrize("text", FALSE_OF_UP)
def test_a_tone_that_every_signal_contradicts_is_refused(text: str) -> None:
    """F13: and the same words are nobody's lie where the signals are mixed, unless they speak of all."""
    assert set(said(text, UP)) == {"direction"}
    of_all = any(word in text for word in ("All", "Every", "all", "every"))
    assert bool(said(text, MIXED)) == of_all


@pytest.mark.parametrize("text", TRUE_OF_UP)
def test_a_tone_that_fits_stands(text: str) -> None:
    """F13: what the signals say may be said."""
    assert said(text, UP) == []


@pytest.mark.parametrize("text", ["If the trend is weak, holders wait.", "The trend is not weak.", "A weak day."])
def test_what_might_be_or_is_denied_is_no_tone(text: str) -> None:
    """F13: possible and negated tones claim nothing."""
    assert said(text, UP) == []


@pytest.mark.parametrize(
    ("stance", "known", "refused"),
    [
        ("SELL", UP, True),
        ("BUY", UP, False),
        ("HOLD", UP, False),
        ("SELL", MIXED, False),
        ("SELL", {name: UP[name] for name in ("return_1m", "rsi_14")}, False),
        (None, UP, False),
    ],
)
def test_a_stance_against_every_signal_is_refused(stance: str | None, known: dict[str, Known], refused: bool) -> None:  # noqa: FBT001
    """F13: the stance must follow from the facts; with few or mixed signals it is the writer's to weigh."""
    assert [problem.kind for problem in tones([], known, stance)] == (["stance"] if refused else [])


@pytest.mark.parametrize(
    ("template", "checked"),
    [
        ("The shares fell below their long-term average.", True),
        ("The daily return of {return_1d} is a loss.", True),
        ("Trading was quieter than usual.", True),
        ("The drawdown of {drawdown} is deep.", True),
        ("The close of {close} came after a fleet order.", False),
        ("The close of {close} is stubborn.", False),
    ],
)
def test_what_no_world_contradicts_was_not_checked(template: str, checked: bool) -> None:  # noqa: FBT001
    """F13: a true sentence counts as verified only if some rule would have refused it of other values."""
    kinds = [problem.kind for problem in problems(template)]
    assert kinds == ([] if checked else ["doubt"])


@pytest.mark.parametrize(("value", "kinds"), [(0.602, []), (0.58, []), (-0.31, []), (0.61, ["direction"])])
def test_a_value_that_shows_as_the_bound_is_within_it(value: float, kinds: list[str]) -> None:
    """F13: a writer sees two decimals; 0.602 reads as 0.60, which is loose. Seen as two of 500 reports refused."""
    said = problems("A correlation of {peer_1_correlation}, a loose tie.", {"peer_1_correlation": Known(value)})
    assert [problem.kind for problem in said if problem.kind == "direction"] == kinds


def test_other_worlds_leave_the_facts_alone() -> None:
    """F13: the worlds are made of the values and change none; in the last of them nothing is known."""
    before = dict(KNOWN)
    turned, large, small, nothing = other_worlds(KNOWN)
    assert before == KNOWN
    assert turned.known["return_1w"].value == -KNOWN["return_1w"].value  # type: ignore[operator]
    assert large.known["return_1w"].value > 50  # type: ignore[operator]
    assert small.known["return_1w"].value < 0.01  # type: ignore[operator]
    assert turned.known["sma_20"].value > KNOWN["close"].value > KNOWN["sma_20"].value  # type: ignore[operator]
    assert nothing.known == {}
    (sentence,) = sentences("x\nThe shares rose.", [])
    assert list(judged_in(sentence, (nothing,))) == []

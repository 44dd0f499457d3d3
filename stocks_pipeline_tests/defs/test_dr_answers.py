"""What becomes of an answer that is of no use: told to the model once, then the ticker's failure, and never a third."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from stocks_pipeline.upstream.narrator_calls import Answer
from stocks_pipeline_tests.morning_desk import GOOD, MorningDesk, failure_row, morning

__all__ = ["morning"]
BAD: dict[str, dict[str, Any]] = {
    "missing_section": {name: value for name, value in GOOD.items() if name != "momentum_and_volume"},
    "wrong_stance": {**GOOD, "stance": "MAYBE"},
    "digits": {**GOOD, "price_and_trend": "The shares closed at {close}, a rise of 2.5 percent on the week."},
}

FIELDS = {"missing_section": "momentum_and_volume", "wrong_stance": "stance", "digits": "price_and_trend"}


@pytest.fixture
def desk(morning: MorningDesk) -> MorningDesk:
    """A morning with its data."""
    assert morning.fetch().success
    return morning


def cut_short(desk: MorningDesk, patch: pytest.MonkeyPatch, times: int) -> None:
    """The first answers about DBS19 end where they are as long as they may be."""
    made = desk.model._answer

    def answer(content: dict[str, Any], call_id: str, key: str, *, reused: bool) -> Answer:
        found = made(content, call_id, key, reused=reused)
        cut = len(desk.model.asked) <= times
        return replace(found, content="{" + "long " * 400, cut=True) if cut else found

    patch.setattr(desk.model, "_answer", answer)


@pytest.mark.parametrize(("fault", "told"), [
    ("missing_section", "- missing in momentum_and_volume: "),
    ("wrong_stance", '- shape in stance: "MAYBE": must be BUY, SELL or HOLD'),
    ("digits", '- number in price_and_trend: "…sed at {…}, a rise of 2.5 percent on the week…"'),
])  # fmt: skip
def test_a_wrong_shape_and_a_wrong_text_are_told_to_the_model_alike(desk: MorningDesk, fault: str, told: str) -> None:
    """One corrective answer, whose question names the field and what is wrong there."""
    desk.model.script = lambda subject, number: BAD[fault] if (subject, number) == ("DBS19", 0) else None
    assert desk.write(["DBS19"]).success
    _, second = desk.model.asked
    assert told in second[2][-1]["content"]


@pytest.mark.parametrize("fault", list(BAD))
def test_two_answers_of_no_use_are_the_end(desk: MorningDesk, fault: str) -> None:
    """Two calls, not one more, and the failure quotes the place."""
    desk.model.script = lambda subject, _: BAD[fault] if subject == "DBS19" else None
    said = failure_row(desk.write(["DBS19"]), "DBS19")
    assert desk.model.subjects.count("DBS19") == 2
    assert "refused 2 times" in said[1]
    assert f" in {FIELDS[fault]}" in said[1].replace("\\", "")


def test_an_answer_cut_short_is_asked_for_once_more_and_shorter(
    desk: MorningDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the same question: the model hears that it was too long, and is not shown all of it again."""
    cut_short(desk, monkeypatch, times=1)
    assert desk.write(["DBS19"]).success
    first, second = desk.model.asked
    assert "half the words" in second[2][-1]["content"]
    assert sum(len(m["content"]) for m in second[2]) < sum(len(m["content"]) for m in first[2]) + 700
    assert desk.payload("DBS19")["tries"] == 2


def test_an_answer_cut_short_twice_names_the_setting(desk: MorningDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two calls; the failure and its next step say what to raise; both answers are forgotten."""
    cut_short(desk, monkeypatch, times=9)
    kind, said, tries, step = failure_row(desk.write(["DBS19"]), "DBS19")
    assert (kind, tries, desk.model.subjects.count("DBS19")) == ("malformed", "2", 2)
    assert "STOCKS_LLM_MAX_TOKENS" in said.replace("\\", "")
    assert "STOCKS_LLM_MAX_TOKENS" in step.replace("\\", "")
    assert len(desk.model.discarded) == 2


def test_a_length_stop_and_another_fault_share_the_one_correction(
    desk: MorningDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut short, then of the wrong shape: two calls in all."""
    cut_short(desk, monkeypatch, times=1)

    def script(subject: str, _: int) -> Mapping[str, Any] | None:
        return BAD["missing_section"] if subject == "DBS19" else None

    desk.model.script = script
    assert "momentum" in failure_row(desk.write(["DBS19"]), "DBS19")[1]
    assert desk.model.subjects.count("DBS19") == 2

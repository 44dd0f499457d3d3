"""Answers in free prose, as a good model writes them: words may be doubted, only a lie refuses.

What belongs here: what must hold of natural prose that is true, and of the same prose about another share. What does
not: the answers (natural_answers.json) and their shares (natural_world.py).
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from stocks_pipeline.domain.reports.answer import read_answer
from stocks_pipeline.domain.reports.placeholders import inject
from stocks_pipeline.domain.reports.verifier import Verdict, verify
from stocks_pipeline.domain.reports.verifier_display import Known
from stocks_pipeline_tests.natural_world import LAST, Share, natural_answers, share_world
from stocks_pipeline_tests.verifier_sentence import problems

ANSWERS = natural_answers()
EACH = pytest.mark.parametrize(("share", "answer"), [one[1:] for one in ANSWERS], ids=[one[0] for one in ANSWERS])


def _verdict(share: Share, answer: Mapping[str, Any]) -> Verdict:
    """The verdict on an answer that the writer's side takes as it is."""
    world = share_world(share)
    draft, flaws = read_answer(answer, has_news=bool(share.news))
    assert draft is not None, flaws
    narrative, flaws = inject(draft, world.sheet)
    assert narrative is not None, flaws
    return verify(
        narrative.text, narrative.evidence, world.sheet.to_dict(), world.bars, world.peers, world.company, world.news
    )


@EACH
def test_natural_prose_passes_at_the_first_try(share: Share, answer: Mapping[str, Any]) -> None:
    """Through the whole path, placeholders and verifier, with no finding."""
    assert _verdict(share, answer).findings == ()


@EACH
def test_the_same_prose_about_another_share_is_refused(share: Share, answer: Mapping[str, Any]) -> None:
    """Nothing but the share changes: one that went the other way makes the words untrue."""
    other = replace(share, drift=-share.drift, phase=share.phase + 0.5, last=-share.last, volume=1.9 - share.volume)
    assert not _verdict(other, answer).passed


def test_natural_prose_is_doubted_now_and_then() -> None:
    """Why a doubt may not refuse: some of these answers hold a sentence that no list of words foresees."""
    doubted = [bool(_verdict(share, answer).doubts) for _, share, answer in ANSWERS]
    assert 0 < sum(doubted) < len(doubted)


DATES = {"news_1_date": Known(LAST), "news_2_date": Known(LAST)}


@pytest.mark.parametrize(
    "template",
    [
        "The share fell {return_1d} to {close} and is now below its long-term average.",
        "The share fell to {close} from a previous close of {previous_close}.",
        "{company_name} slipped {return_1d} to {close}.",
        "Despite an earlier gain, the daily return is {return_1d}.",
        "The daily return of {return_1d} interrupted a long advance.",
        "The share lost {return_1d} on the day, cooling an extraordinary rally.",
        "Medium-term figures lean negative, but the weekly return of {return_1w} is clearly positive.",
        "With a weekly return of {return_1w}, the share remains below its long-term average.",
        "The yearly return of {return_1y} shows a slow but steady climb.",
        "The yearly return is {return_1y} because the price had fallen to a low level before.",
        "The MACD has slipped to {macd}, below its signal line at {macd_signal}.",
        "The MACD of {macd} is above zero.",
        "The average true range is {atr_percent}, with a percentile of {atr_percentile}.",
        "The weekly return of {return_1w} and the yearly return of {return_1y} point in the same direction.",
        "Losing the medium-term average would leave the lower band at {bollinger_lower} as the next level.",
        "The share is above the medium-term average and {close_vs_sma_200} below the long-term one.",
        "Trading was quieter than usual: volume of {volume} compares with an average volume of {volume_sma_20}.",
        "The RSI of {rsi_14} is one of the highest readings, but not yet oversold.",
        "After closing at {previous_close} in the previous session, the share slipped to {close}.",
        "The share fell {return_1d} but still trades above its short-term average.",
        "The daily return of {return_1d} shows that the rebound has recovered only part of the decline.",
        "The MACD of {macd} has not yet confirmed the latest jump.",
        "“{news_1}” and “{news_2}” were both published on {news_1_date}.",
        "“{news_1}” (published on {news_1_date}) and “{news_2}” ({news_2_date}) were published.",
    ],
)
def test_natural_sentences_pass(template: str) -> None:
    """What a good writer says of a share, true of this one, is not refused. What no stored value can confirm ("an
    extraordinary rally") may be doubted.
    """
    assert [problem for problem in problems(template, DATES) if problem.kind != "doubt"] == []


@pytest.mark.parametrize(
    ("template", "kind"),
    [
        ("The RSI fell to {close}.", "claim"),
        ("A move of {return_1w} took the share to {close}.", "claim"),
        ("The share finished unchanged at {close}, with a daily return of {return_1d}.", "direction"),
        ("The MACD has slipped to {macd}, which is below zero.", "direction"),
        ("The MACD has slipped to {macd}, above its signal line at {macd_signal}.", "direction"),
        ("The daily return is {return_1d}, so the price soared.", "direction"),
        ("The daily return of {return_1d} was a gain.", "direction"),
        ("The daily return was among the strongest of the year, at {return_1d}.", "claim"),
        ("The share is {close_vs_sma_200} below the medium-term one and under its average.", "claim"),
        ("After closing at {close} in the previous session, the share slipped to {previous_close}.", "claim"),
        ("The share fell {return_1w} but still trades above its short-term average.", "direction"),
        ("The board confirmed the plan, and the MACD is {macd}.", "event"),
        ("Volume of {volume} was more than the average volume of {volume_sma_20}.", "direction"),
    ],
)
def test_natural_lies_are_refused(template: str, kind: str) -> None:
    """The same turns of phrase do not carry a lie."""
    assert kind in {problem.kind for problem in problems(template)}

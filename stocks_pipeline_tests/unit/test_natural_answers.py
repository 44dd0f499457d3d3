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
from stocks_pipeline_tests.natural_world import Share, natural_answers, share_world

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

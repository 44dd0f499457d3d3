"""Sentences written to get past the verifier, and true ones, put into a whole report of a recorded share.

What belongs here: reading the two lists and the verdict on a sentence. What does not: what must hold of them
(unit/test_verifier_attack.py) and the figure (benchmarks/verifying.py).

The lists were written by a reader who knew the rules and not the words. They need the recorded prices: a sentence is a
lie only about a share of which it is untrue.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from stocks_pipeline.domain.reports.answer import read_answer
from stocks_pipeline.domain.reports.placeholders import inject
from stocks_pipeline.domain.reports.verifier import verify
from stocks_pipeline.domain.tickers import packaged_tickers
from stocks_pipeline_tests.report_corpus import World, recorded_bars, world

DAY = date(2024, 3, 13)
NEWS_OF = 15
"""A seed with which the recorded shares have headlines; the rest of the company data it draws is not spoken of."""


@dataclass(frozen=True)
class Sentence:
    """A template, the share that it is about, and the section in which it stands. `kind` is empty for a true one."""

    kind: str
    ticker: str
    section: str
    text: str


def lies() -> list[Sentence]:
    """Those that are untrue, by kind."""
    return [Sentence(*row) for row in _rows("verifier_lies.txt", 4)]


def truths() -> list[Sentence]:
    """Those that are true."""
    return [Sentence("", *row) for row in _rows("verifier_truths.txt", 3)]


def outcome(sentence: Sentence) -> str:
    """`refused`, `doubted` (only), `passed`; `unsayable` where the share has not the facts for it."""
    share = share_of(sentence.ticker)
    before = _verdict(share, _answer(share, None))
    assert before.passed, before.findings
    draft, flaws = read_answer(_answer(share, sentence), has_news="news_1" in share.sheet.facts)
    if draft is None:
        return "refused" if flaws else "unsayable"
    narrative, flaws = inject(draft, share.sheet)
    if narrative is None:
        return "unsayable" if all(flaw.kind == "absent" for flaw in flaws) else "refused"
    after = _verdict(share, _answer(share, sentence))
    if not after.passed:
        return "refused"
    return "doubted" if len(after.doubts) > len(before.doubts) else "passed"


@lru_cache(maxsize=4)
def share_of(name: str) -> World:
    """A recorded share on that day, with the other recorded ones as its peers, and headlines."""
    bars, listed = recorded_bars(), {ticker.dr: ticker for ticker in packaged_tickers()}
    own = listed[name]
    peers = {ticker.dr: bars[ticker.yahoo] for ticker in listed.values() if ticker.yahoo in bars and ticker.dr != name}
    return world(own, bars[own.yahoo], peers, DAY, random.Random(NEWS_OF))  # noqa: S311 - test data


def _answer(share: World, sentence: Sentence | None) -> dict[str, Any]:
    """The plainest report there is, with the sentence at the end of its section."""
    news = "news_1" in share.sheet.facts
    made: dict[str, Any] = {
        "stance": "HOLD",
        "key_takeaways": ["The price closed at {close}.", "The RSI is {rsi_14}."],
        "price_and_trend": "The previous close was {previous_close}.",
        "momentum_and_volume": "The MACD is {macd}.",
        "risks": ["Annualised volatility is {volatility_30d}."],
        "news": "“{news_1}” was published on {news_1_date}." if news else None,
    }
    if sentence is None:
        return made
    if isinstance(made[sentence.section], list):
        return made | {sentence.section: [*made[sentence.section], sentence.text]}
    return made | {sentence.section: f"{made[sentence.section]} {sentence.text}"}


def _verdict(share: World, answer: dict[str, Any]) -> Any:
    draft, flaws = read_answer(answer, has_news="news_1" in share.sheet.facts)
    assert draft is not None, flaws
    narrative, flaws = inject(draft, share.sheet)
    assert narrative is not None, flaws
    sheet = share.sheet.to_dict()
    return verify(narrative.text, narrative.evidence, sheet, share.bars, share.peers, share.company, share.news)


def _rows(name: str, parts: int) -> Iterator[list[str]]:
    lines = Path(__file__).with_name(name).read_text(encoding="utf-8").splitlines()
    yield from (line.split("|", parts - 1) for line in lines if line and not line.startswith("#"))

"""Sentences and asides without a value: made of plain market words only, so that nothing can be invented in them.

What belongs here: the rule, closed where the tables of the other modules are open. What does not: the words
(verifier_lexicon.py).

A sentence that shows a value is anchored to it and judged by its words beside it. One that shows none could tell
anything, in words no table has thought of; so each of its words must be in the lexicon. The same holds for what is
added behind a return ("a gain for holders"). What might be ("could", "if") and what stands beside a headline is free,
and so is Thai, which is written without spaces: there only the tables of events and directions hold.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from stocks_pipeline.domain.reports.verifier_lexicon import LEXICON
from stocks_pipeline.domain.reports.verifier_sentences import CUT, Sentence
from stocks_pipeline.domain.reports.verifier_spans import Problem
from stocks_pipeline.domain.reports.verifier_turns import DIRECTIONS

_WORD = re.compile(r"[a-z]+(?:['\u2019][a-z]+)?")
_NAMES = frozenset({"ticker", "company_name", "yahoo_symbol"})
_OPEN = re.compile(r"\b(?:would|could|may|might|if|unless|were to)\b")
"""What leaves a clause free: it says what might be. "Will" does not, it tells."""
_ENDINGS = ("'s", "s", "es", "d", "ed", "ing", "ly", "r", "er", "st", "est", "n", "en", "ness")
_LEAST = 3


def plain(found: Sequence[Sentence]) -> list[Problem]:
    """Every word out of the lexicon where no value stands."""
    return [problem for sentence in found for problem in _sentence(sentence)]


def _sentence(sentence: Sentence) -> Iterator[Problem]:
    text = sentence.text
    for begin, end in _free(sentence):
        for match in _WORD.finditer(text, begin, end):
            clause = sentence.clause(match.start())
            if _known(match[0].replace("\u2019", "'")) or _OPEN.search(text, *clause):
                continue
            why = (
                f"{match[0]!r} is no plain market word, and no value stands beside it: say it of a value or not at all"
            )
            yield Problem("claim", sentence.start + match.start(), match[0], why)


def _free(sentence: Sentence) -> Iterator[tuple[int, int]]:
    """The stretches of a sentence that no value anchors."""
    values = [span for span in sentence.spans if span.fact not in _NAMES]
    if not values:
        yield 0, len(sentence.text)
    elif values[-1].fact.startswith("return_"):
        end = values[-1].end - sentence.start
        cut = CUT.search(sentence.text, end)
        if cut:
            yield cut.start(), len(sentence.text)


@lru_cache(maxsize=8192)
def _known(word: str) -> bool:
    """Whether a word, or what is left of it without an ending, is in the lexicon or a word of direction."""
    if word in LEXICON or word in DIRECTIONS:
        return True
    for ending in _ENDINGS:
        stem = word.removesuffix(ending)
        if stem != word and len(stem) >= _LEAST:
            doubled = stem[:-1] if stem[-1] == stem[-2] else stem
            if {stem, f"{stem}e", doubled, f"{stem[:-1]}y" if stem.endswith("i") else stem} & LEXICON:
                return True
    return False

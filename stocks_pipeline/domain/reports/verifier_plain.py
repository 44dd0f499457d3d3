"""Sentences and asides without a value that use more than plain market words: doubts, not refusals.

What belongs here: the rule, closed where the tables of the other modules are open. What does not: the words
(verifier_lexicon.py), what becomes of a doubt (verifier.py).

A sentence that shows a value is anchored to it and judged by its words beside it. One that shows none could tell
anything, in words no table has thought of; so each of its words must be in the lexicon. The same holds for what is
added behind a return ("a gain for holders"). What might be ("could", "if") and what stands beside a headline is free,
and so is Thai, which is written without spaces: there only the tables of events and directions hold.

No list holds all the calm words that a good writer finds ("the rally is catching its breath"), so a word that is
missing proves nothing: the sentence cannot be checked, and a reader is told so.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from stocks_pipeline.domain.reports.verifier_lexicon import LEXICON
from stocks_pipeline.domain.reports.verifier_sentences import CUT, NAMES, Sentence
from stocks_pipeline.domain.reports.verifier_spans import Problem
from stocks_pipeline.domain.reports.verifier_turns import DIRECTIONS

_WORD = re.compile(r"[a-z]+(?:['\u2019][a-z]+)?")
_OPEN = re.compile(r"\b(?:would|could|may|might|if|unless|were to)\b")
"""What leaves a clause free: it says what might be. "Will" does not, it tells."""
_ENDINGS = ("'s", "s", "es", "d", "ed", "ing", "ly", "r", "er", "st", "est", "n", "en", "ness")
_LEAST = 3


def doubts(found: Sequence[Sentence], text: str) -> list[Problem]:
    """One problem of kind "doubt" for each sentence of `text` that says what nothing stored can confirm or deny."""
    problems = []
    for sentence in found:
        if words := dict.fromkeys(_unlisted(sentence)):
            said = text[sentence.start : sentence.start + len(sentence.text)].strip(" -*\n")
            told = ", ".join(repr(word) for word in words)
            why = f"no value stands beside {told}: say it of a value, or in plain market words"
            problems.append(Problem("doubt", sentence.start, said, why))
    return problems


def _unlisted(sentence: Sentence) -> Iterator[str]:
    for begin, end in _free(sentence):
        for match in _WORD.finditer(sentence.text, begin, end):
            known = _known(match[0].replace("\u2019", "'"))
            if not known and not _OPEN.search(sentence.text, *sentence.clause(match.start())):
                yield match[0]


def _free(sentence: Sentence) -> Iterator[tuple[int, int]]:
    """The stretches of a sentence that no value anchors."""
    values = [span for span in sentence.spans if span.fact not in NAMES]
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

"""Sentences that say more than anybody has checked: doubts, not refusals.

What belongs here: the rule, closed where the tables of the other modules are open. What does not: the words
(verifier_lexicon.py, verifier_loaded.py), who has checked them (verifier_worlds.py), what becomes of a doubt
(verifier.py).

Two kinds of words make a clause doubtful. One that is in no list at all could tell anything ("a fleet order"). One that
claims something ("strong", "support", "recovered") must have been judged: some rule would have refused it, were the
stored values others than they are. Words of grammar, of speech and the names of values claim nothing. What might be
("could", "if") is free, and so is Thai, which is written without spaces: there only the tables of events and directions
hold. What stands beside a headline may be in any words, as long as it claims no move and no cause of one.

No list holds all the calm words that a good writer finds ("the rally is catching its breath"), and no rule judges all
that can be said, so neither proves a lie: the sentence was not verified, and a reader is told so.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from stocks_pipeline.domain.reports.verifier_lexicon import LEXICON
from stocks_pipeline.domain.reports.verifier_loaded import CAUSES, LOADED, NAMES_OF_VALUES, STORY
from stocks_pipeline.domain.reports.verifier_sentences import Sentence
from stocks_pipeline.domain.reports.verifier_spans import Problem
from stocks_pipeline.domain.reports.verifier_turns import DIRECTIONS

_WORD = re.compile(r"[a-z]+(?:['\u2019][a-z]+)?")
_OPEN = re.compile(r"\b(?:would|could|can|may|might|should|if|unless|until|were to|whether)\b")
"""What leaves a clause free: it says what might be. "Will" does not, it tells."""
_ENDINGS = ("'s", "s", "es", "d", "ed", "ing", "ly", "r", "er", "st", "est", "n", "en", "ness")
_LEAST = 3


Judged = Callable[[Sentence], Iterable[tuple[int, int]]]


def doubts(found: Sequence[Sentence], text: str, judged: Judged) -> list[Problem]:
    """One problem of kind "doubt" for each sentence of `text` that says what nobody has checked.

    `judged` says which stretches of a sentence some rule would object to, were the facts others.
    """
    problems = []
    for sentence in found:
        if words := dict.fromkeys(_unchecked(sentence, judged)):
            said = text[sentence.start : sentence.start + len(sentence.text)].strip(" -*\n")
            told = ", ".join(repr(word) for word in words)
            why = f"nothing stored confirms or denies {told}: say it of a value, or in plain market words"
            problems.append(Problem("doubt", sentence.start, said, why))
    return problems


def _unchecked(sentence: Sentence, judged: Judged) -> Iterator[str]:
    """The words that nobody has checked. The worlds are asked one by one, and no more of them than it takes."""
    left = list(_claiming(sentence))
    places = judged(sentence) if left else ()
    for begin, end in places:
        left = [word for word in left if not word.covered(begin, end)]
        if not left:
            return
    yield from (word.text for word in left)


@dataclass(frozen=True)
class _Word:
    """A word that somebody has to have checked, and the stretch in which an objection has to begin for that."""

    text: str
    at: int
    first: int
    last: int
    strange: bool

    def covered(self, begin: int, end: int) -> bool:
        """Whether an objection to a stretch is one to this word; to a word of no list only if it holds that."""
        return begin <= self.at < end if self.strange else self.first <= begin <= self.last


def _claiming(sentence: Sentence) -> Iterator[_Word]:
    headline = any(span.fact.startswith("news_") for span in sentence.spans)
    text = NAMES_OF_VALUES.sub(lambda match: " " * len(match[0]), sentence.text)
    for match in _WORD.finditer(text):
        word = match[0].replace("\u2019", "'")
        stems = _stems(word)
        loaded = word not in STORY and bool(stems & LOADED)
        if headline:
            claims, strange = (loaded and word in DIRECTIONS) or bool(stems & CAUSES), bool(stems & CAUSES)
        else:
            claims, strange = loaded or not (word in STORY or _known(word)), not loaded
        first, last = sentence.clause(match.start())
        if claims and not _OPEN.search(sentence.text, first, last):
            yield _Word(match[0], match.start(), first, last, strange)


@lru_cache(maxsize=8192)
def _stems(word: str) -> frozenset[str]:
    """The word, and what is left of it without an ending."""
    found = {word}
    for ending in _ENDINGS:
        stem = word.removesuffix(ending)
        if stem != word and len(stem) >= _LEAST:
            found |= {stem, f"{stem}e", stem[:-1] if stem[-1] == stem[-2] else stem}
            found |= {f"{stem[:-1]}y"} if stem.endswith("i") else set()
    return frozenset(found)


def _known(word: str) -> bool:
    """Whether a word, or what is left of it without an ending, is in the lexicon or a word of direction."""
    return word in DIRECTIONS or bool(_stems(word) & LEXICON)

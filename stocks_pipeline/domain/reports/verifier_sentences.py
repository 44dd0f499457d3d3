"""Sentences of a masked report with the values in them, and the stretches of text that belong to each value.

What belongs here: cutting. What does not: what the stretches must say (verifier_context.py, verifier_direction.py).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from stocks_pipeline.domain.reports.verifier_spans import Span
from stocks_pipeline.domain.reports.verifier_turns import MAYBE, NOT

_END = re.compile(r"[.!?\u2026]+(?=[\s*)\"\u201d\u2019_]|$)|\n")
CUT = re.compile(
    r"[,;\u2014\u2013]|:(?=\s+[a-z])|\b(?:and|but|or|while|whereas|though|although|with|(?<!not )(?<!nor )yet|versus"
    r"|vs|against"
    r"|compared (?:with|to)"
    r"|after|following|than)\b|\u0e41\u0e25\u0e30|\u0e41\u0e15\u0e48|\u0e02\u0e13\u0e30\u0e17\u0e35\u0e48|"
    r"\u0e2a\u0e48\u0e27\u0e19"
)
_CLAUSE = re.compile(
    r"[,;\u2014\u2013:]|\b(?:but|while|whereas|though|although|(?<!not )(?<!nor )yet)\b|\u0e41\u0e15\u0e48|"
    r"\u0e02\u0e13\u0e30\u0e17\u0e35\u0e48"
)


NAMES = frozenset({"ticker", "company_name", "yahoo_symbol"})
"""Facts that name the company itself."""


@dataclass(frozen=True)
class Sentence:
    """masked[start:end] in lower case, and the spans within it, in order."""

    start: int
    text: str
    spans: tuple[Span, ...]

    def clause(self, at: int) -> tuple[int, int]:
        """Where the clause around an offset of `text` begins and ends."""
        cuts = _cuts(self.text)
        begin = max((end for _, end in cuts if end <= at), default=0)
        return begin, min((start for start, _ in cuts if start >= at), default=len(self.text))

    def names(self, end: int) -> bool:
        """Whether a name of the company ends at an offset of `text`."""
        return any(span.fact in NAMES and span.end - self.start == end for span in self.spans)


@lru_cache(maxsize=1024)
def _cuts(text: str) -> tuple[tuple[int, int], ...]:
    """What parts the clauses of a sentence; every rule asks for it."""
    return tuple(match.span() for match in _CLAUSE.finditer(text))


def sentences(masked: str, spans: Sequence[Span]) -> Iterator[Sentence]:
    """Every sentence after the first line that is no heading; a list item or a line ends a sentence too."""
    lower = masked.lower() if len(masked.lower()) == len(masked) else masked
    at, place = lower.find("\n") + 1 or len(lower), 0
    while at < len(lower):
        found = _END.search(lower, at)
        end = found.end() if found else len(lower)
        if lower.startswith("## ", at) and found and found[0] != "\n":
            end = lower.find("\n", at) + 1 or len(lower)
        while place < len(spans) and spans[place].start < at:
            place += 1
        inside = tuple(span for span in spans[place:] if span.start < end)
        text = lower[at:end]
        if text.strip() and not text.startswith("## "):
            yield Sentence(at, text, inside)
        at = end


@dataclass(frozen=True)
class Window:
    """A stretch of text that may name a value.

    Attributes:
        text: The stretch.
        at: Where it begins in the sentence.
        after: Whether it follows the value, so that its start is the near end.
        own: Whether it ends before anything that could belong to the next value.
        shared: How many characters of its beginning could belong to the value before.
    """

    text: str
    at: int = 0
    after: bool = False
    own: bool = True
    shared: int = 0


def windows(sentence: Sentence, span: Span, values: Sequence[Span]) -> list[Window]:
    """The stretches around a value in the order in which a reader looks for its name.

    `values` are the spans of the sentence that are values themselves; names in between do not part a stretch.
    """
    place = values.index(span)
    start, end = span.start - sentence.start, span.end - sentence.start
    left = values[place - 1].end - sentence.start if place else 0
    last = place + 1 == len(values)
    right = len(sentence.text) if last else values[place + 1].start - sentence.start
    gap, post = sentence.text[left:start], sentence.text[end:right]
    cuts = list(CUT.finditer(gap))
    near = cuts[-1].end() if cuts else 0
    found = [Window(gap[near:], left + near)]
    if not place:
        found.append(Window(gap, left))
    first = CUT.search(post)
    found.append(Window(post[: first.start()] if first else post, end, after=True, own=last or first is not None))
    if place and not cuts:
        earlier = [cut.end() for cut in CUT.finditer(sentence.text, 0, start)]
        begin = earlier[-1] if earlier else 0
        found.append(Window(sentence.text[begin:start], begin))
    found.append(Window(gap, left))
    if place and cuts:
        found[-1] = replace(found[-1], shared=cuts[0].end())
    if first and not post[: first.start()].strip():
        rest = post[first.end() :]
        second = CUT.search(rest)
        if not place or last or second:
            text = rest[: second.start()] if second else rest
            found.append(Window(text, end + first.end(), after=True, own=last or second is not None))
    return found


def trail(sentence: Sentence, span: Span, values: Sequence[Span]) -> Window:
    """Everything behind the sentence's last value; nothing behind another one."""
    end = span.end - sentence.start
    return Window(sentence.text[end:] if span == values[-1] else "", end, after=True)


def stated(sentence: Sentence, at: int) -> bool:
    """Whether the word at an offset is said of what is: neither negated nor merely possible."""
    begin, end = sentence.clause(at)
    return not MAYBE.search(sentence.text, begin, end) and not NOT.search(sentence.text[begin:at])

"""Where a report says its facts stand: evidence read, bounds and edges checked, the text with every span masked.

What belongs here: the positions of evidence and the characters that touch it. What does not: what a span's fact is
worth (verifier_sheet.py) and what the rest of the text says (verifier_tokens.py).
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from stocks_pipeline.domain.reports.verifier_words import UNITS_AFTER

MASK = "\ue000"
"""Stands for each character of a span; a private-use character, so a report that holds one itself is refused."""


@dataclass(frozen=True)
class Problem:
    """One reason to refuse a report, worded so that a writer can mend it.

    Attributes:
        kind: unresolved, span, value, sheet, absent, claim, direction, event, stance, company, section, hidden, markup.
        at: Offset into the text; -1 where the trouble is in the sheet or the evidence.
        text: The offending snippet.
        why: What is wrong and what is allowed instead.
    """

    kind: str
    at: int
    text: str
    why: str


@dataclass(frozen=True)
class Span:
    """text[start:end] shows the fact named `fact`."""

    start: int
    end: int
    fact: str
    text: str


def read_spans(evidence: Sequence[Any], text: str) -> tuple[list[Span], list[Problem]]:
    """The evidence as spans in text order; an entry that is not exactly where it says is a problem and no span.

    Entries are mappings or objects with start, end, fact and text.
    """
    spans: list[Span] = []
    problems: list[Problem] = []
    for entry in evidence:
        start, end, fact, shown = (_of(entry, name) for name in ("start", "end", "fact", "text"))
        if not (_whole(start) and _whole(end) and isinstance(fact, str) and isinstance(shown, str)):
            problems.append(Problem("span", -1, repr(entry)[:80], "evidence needs whole start and end, fact and text"))
        elif not 0 <= start < end <= len(text) or text[start:end] != shown:
            found = text[max(start, 0) : max(end, 0)][:60]
            why = f"evidence of {fact!r} says {shown[:60]!r} stands at {start}:{end}; the text there is {found!r}"
            problems.append(Problem("span", max(start, 0), shown[:60], why))
        else:
            spans.append(Span(start, end, fact, shown))
    spans.sort(key=lambda span: (span.start, span.end))
    for before, after in pairwise(spans):
        if after.start < before.end:
            why = f"evidence of {after.fact!r} overlaps that of {before.fact!r}"
            problems.append(Problem("span", after.start, after.text[:60], why))
    return spans, problems


def _of(entry: Any, name: str) -> Any:
    return entry.get(name) if isinstance(entry, Mapping) else getattr(entry, name, None)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def mask(text: str, spans: Sequence[Span]) -> str:
    """The text, same length, with MASK for every character inside a span."""
    parts, at = [], 0
    for span in spans:
        parts += [text[at : span.start], MASK * (span.end - max(span.start, at))]
        at = max(at, span.end)
    return "".join([*parts, text[at:]])


_BEFORE = frozenset(
    "+-\u2010\u2011\u2012\u2013\u2212\ufe63\uff0d~\u2248<>\u2264\u2265=\u00b1.,'\u2019/\\^_#@&\u00d7\u00f7"
)
_AFTER = frozenset("%\u2030\u066a\uff05/\\^_#@&=+~\u00d7\u00f7\u00b0'\u2032\u2033")
_POINTS = frozenset(".,:")
_LOOSE_SIGN = re.compile("[ ]([-+\\u2010\\u2011\\u2012\\u2212\\ufe63\\uff0d\\u00b1~<>=])[ ]{1,3}$")
_CLOSING = frozenset(MASK + "\"'\u201d\u2019)*]|")


def edge_problems(masked: str, span: Span, *, numeric: bool) -> list[Problem]:
    """What touches a span and changes how it reads: a letter, a digit, a sign, a percent mark, a decimal point.

    A possessive ('s) may follow a name. A hyphen and a word may follow a number (a "56.2-level").
    """
    before, after = masked[max(0, span.start - 1) : span.start], masked[span.end : span.end + 1]
    bad = [mark for mark in (before, after) if mark and _sticks(mark)]
    if numeric:
        bad += [mark for mark, kinds in ((before, _BEFORE), (after, _AFTER)) if mark in kinds]
        following = masked[span.end + 1 : span.end + 2]
        if after in _POINTS and following and not (following.isspace() or following in _CLOSING):
            bad.append(after + following)
        loose = _LOOSE_SIGN.search(masked, max(0, span.start - 5), span.start)
        if loose and masked[masked.rfind("\n", 0, span.start) + 1 : loose.start()].strip():  # else it is a list's dash
            bad.append(loose[1])
        unit = UNITS_AFTER.match(masked, span.end)
        bad += [unit[0].strip()] if unit else []
    if not bad:
        return []
    marks = "".join(dict.fromkeys(bad)).replace(MASK, "another value")
    why = f"{marks!r} touches the value of {span.fact!r} and changes how it reads; leave a space or remove it"
    return [Problem("span", span.start, around(masked, span), why)]


def around(masked: str, span: Span) -> str:
    """The span with a few characters on both sides, for a message."""
    left, right = masked[max(0, span.start - 12) : span.start], masked[span.end : span.end + 12]
    return f"{left}{span.text[:60]}{right}".replace(MASK, "\u2026").replace("\n", " ")


def _sticks(mark: str) -> bool:
    """Whether a neighbour reads as part of the value; Thai is written without spaces, so its letters do not."""
    if "\u0e00" <= mark <= "\u0e7f":
        return mark.isdigit()
    return mark == MASK or mark.isalnum() or unicodedata.category(mark)[0] == "M"

"""Moves told without a value: "the shares fell over the year", with no number beside it.

What belongs here: such a move against the return over the span of time it speaks of, or against all of them where it
speaks of none. What does not: words beside a value that has the sign (verifier_direction.py).
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from stocks_pipeline.domain.reports.verifier_display import Known
from stocks_pipeline.domain.reports.verifier_sentences import Sentence
from stocks_pipeline.domain.reports.verifier_spans import MASK, Problem
from stocks_pipeline.domain.reports.verifier_turns import MAYBE, MOVED, NOT, UNTOLD

_SUBJECT = re.compile(
    rf"(?:\b(?:shares?|stock|price|prices|holders|shareholders|investors|they|it)\b|(?P<name>{MASK}+)|"
    rf"\u0e23\u0e32\u0e04\u0e32|\u0e2b\u0e38\u0e49\u0e19)"
    r"[^,;]{0,40}$"
)
_NO_MOVE = re.compile(
    r"\s*(?:back |just |slightly |well |far |out |short |in line |behind )?(?:above|below|beneath|under|from|to|"
    r"of|between|"
    r"towards?|through|with|"
    r"confidence|interest|control)\b"
)
_UP_TO = re.compile(r"\s+(?:[\w-]+\s+){0,2}to\s+(?:[\w-]+\s+){0,4}")
_OVER = (
    r"(?:over|in|during|for|on|across|within|of) (?:(?:the|this|its|past|last|latest|whole|newest|previous|full|most|"
    r"recent|few)"
    r" )*(?P<{0}>day|session|week|month|months|quarter|year|twelve-month)\b"
)
_SPOKEN = re.compile(
    _OVER.format("span") + r"|\b(?P<today>today|overnight)\b|\b(?P<since>since)\b"
    r"|(?P<thai>\u0e27\u0e31\u0e19\u0e19\u0e35\u0e49|\u0e2a\u0e31\u0e1b\u0e14\u0e32\u0e2b\u0e4c|"
    r"\u0e40\u0e14\u0e37\u0e2d\u0e19|\u0e1b\u0e35)"
)
_RETURNS = {
    "day": "return_1d", "session": "return_1d", "today": "return_1d", "overnight": "return_1d", "week": "return_1w",
    "month": "return_1m", "months": "return_3m", "quarter": "return_3m", "year": "return_1y",
    "twelve-month": "return_1y",
    "\u0e27\u0e31\u0e19\u0e19\u0e35\u0e49": "return_1d", "\u0e2a\u0e31\u0e1b\u0e14\u0e32\u0e2b\u0e4c": "return_1w",
    "\u0e40\u0e14\u0e37\u0e2d\u0e19": "return_1m", "\u0e1b\u0e35": "return_1y",
}  # fmt: skip


def untold(found: Sequence[Sentence], units: Mapping[str, str], known: Mapping[str, Known]) -> list[Problem]:
    """Moves without a value that the recomputed returns contradict; `units` is the unit of each fact."""
    return [problem for sentence in found for problem in _moves(sentence, units, known)]


def _moves(sentence: Sentence, units: Mapping[str, str], known: Mapping[str, Known]) -> Iterator[Problem]:
    for match in UNTOLD.finditer(sentence.text):
        begin, end = sentence.clause(match.start())
        lead = sentence.text[begin : match.start()]
        subject = _SUBJECT.search(lead)
        if not subject or MAYBE.search(sentence.text, begin, end) or NOT.search(lead):
            continue
        if subject["name"] and not sentence.names(begin + subject.end("name")):
            continue
        to_close = _to_close(sentence, match.end())
        inside = [span for span in sentence.spans if begin <= span.start - sentence.start < end]
        if not to_close and any(units.get(span.fact) in {"percent", "price"} for span in inside):
            continue
        if not to_close and _NO_MOVE.match(sentence.text, match.end()):
            continue
        turn = MOVED.match(match[0])
        up = turn is not None and turn.lastgroup == "up"
        default = {"return_1d"} & known.keys() if to_close else set()
        if why := _contradicted(sentence.text, begin, end, known, default, up=up):
            yield Problem("direction", sentence.start + match.start(), match[0], f"{match[0]!r}: {why}")


def _to_close(sentence: Sentence, at: int) -> bool:
    """Whether a move that ends at `at` is one to the newest close: "rose to a close of {close}"."""
    close = next((span.start - sentence.start for span in sentence.spans if span.fact == "close"), -1)
    shown = any(span.fact == "previous_close" for span in sentence.spans)
    return close > at and not shown and _UP_TO.fullmatch(sentence.text, at, close) is not None


def _contradicted(  # noqa: PLR0913 - a move, where it is told, and what is known
    text: str, begin: int, end: int, known: Mapping[str, Known], default: set[str], *, up: bool
) -> str:
    """Why the shares cannot have moved so over the span that is spoken of, or over any; empty where they may have."""
    spoken = list(_SPOKEN.finditer(text, begin, end)) or list(_SPOKEN.finditer(text))
    if any(match["since"] for match in spoken):
        return ""
    names = {_RETURNS[match["span"] or match["today"] or match["thai"]] for match in spoken} or default
    wanted = names or set(_RETURNS.values())
    values = {name: known[name].value for name in sorted(wanted) if name in known}
    numbers = {name: value for name, value in values.items() if isinstance(value, int | float)}
    if any((value > 0) == up and value != 0 for value in numbers.values()) or (not numbers and not names):
        return ""
    shown = ", ".join(f"{name} is {value:+.2f}%" for name, value in numbers.items())
    return f"{shown or f'{min(wanted)} is absent'}; say what is true, or leave it out"

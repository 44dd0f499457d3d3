"""Words of direction against the numbers: rose and fell, a gain and a loss, above and below.

What belongs here: contradictions between a sentence and the values it shows. What does not: the words
(verifier_turns.py), which of two values is above the other (verifier_compared.py), names of values
(verifier_context.py), words for a level (verifier_levels.py), moves told without a value (verifier_untold.py).

A clause that speaks of what might happen ("would", "if", "a break below") states nothing and is passed over, as is a
negated word ("did not rise"). Quotations are masked before and never read.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from stocks_pipeline.domain.reports.verifier_claims import ideas_in
from stocks_pipeline.domain.reports.verifier_compared import comparisons
from stocks_pipeline.domain.reports.verifier_display import Known
from stocks_pipeline.domain.reports.verifier_sentences import CUT, Sentence, Window, stated, trail, windows
from stocks_pipeline.domain.reports.verifier_spans import Problem, Span
from stocks_pipeline.domain.reports.verifier_turns import (
    CONTRAST,
    DESPITE,
    GAP,
    LEVELLED,
    MOVED,
    OF_BEFORE,
    OTHER_MOVE,
    RELATIVE,
    SIGN_ONLY,
    STRONG,
    TOGETHER,
    TURN,
)

_SIGNED = frozenset({"macd", "macd_signal", "macd_histogram"})
_BOTH = frozenset({"close", "previous_close"})
_FLAT_BELOW = {"return_1d": 0.5, "return_1w": 1.0, "return_1m": 2.0, "return_3m": 3.0, "return_1y": 5.0}
"""Percent a price may have moved and still be called unchanged; 0.5 for what is no return."""
_STRONG_FROM = {"return_1d": 1.0, "return_1w": 1.5, "return_1m": 2.0, "return_3m": 3.0, "return_1y": 5.0}
"""Percent from which a price may have soared or plunged."""
_EARLIER = re.compile(r"\b(?:earlier|previous|prior|former|past)\s+$")
"""The end of a text after which a move is of another time than the newest."""
_PERIODS = {"return_1d": "day", "return_1w": "week", "return_1m": "month", "return_3m": "months", "return_1y": "year"}


def directions(found: Sequence[Sentence], units: Mapping[str, str], known: Mapping[str, Known]) -> list[Problem]:
    """Every contradiction; `known` are the recomputed values, `units` the unit of each fact."""
    problems: list[Problem] = []
    for sentence in found:
        problems += _signs(sentence, units)
        problems += comparisons(sentence, units, known)
        problems += _moves(sentence, known)
    return problems


def _signs(sentence: Sentence, units: Mapping[str, str]) -> Iterator[Problem]:
    values = [span for span in sentence.spans if units.get(span.fact, "text") != "text"]
    for span in values:
        together = span.fact.endswith("_correlation")
        narrow = span.fact in _SIGNED or together
        if units[span.fact] != "percent" and not narrow:
            continue
        pattern = TOGETHER if together else SIGN_ONLY if narrow else TURN
        told = dict.fromkeys([*_turns(sentence, span, values, pattern), *_added(sentence, span, values, pattern)])
        for way, word, at in told:
            if why := _against(span, way, word):
                yield Problem("direction", sentence.start + at, word, why)


def _against(span: Span, way: str, word: str) -> str:
    """Why a word of direction does not fit the value it is about; empty where it does."""
    sign = -1 if span.text.startswith("-") else int(any(char in "123456789" for char in span.text))
    size = float(re.sub(r"[^\d.]", "", span.text) or 0)
    wrong = (
        (way == "up" and sign <= 0)
        or (way == "down" and sign >= 0)
        or (way == "flat" and size >= _FLAT_BELOW.get(span.fact, 0.5))
        or (STRONG.match(word) and size < _STRONG_FROM.get(span.fact, 0.0))
    )
    return f"{word!r} contradicts {span.fact} of {span.text}; use a word that fits it, or none" if wrong else ""


def _turns(
    sentence: Sentence, span: Span, values: Sequence[Span], pattern: re.Pattern[str]
) -> Iterator[tuple[str, str, int]]:
    """The words of direction that belong to a value, each with the way it points and its place: the nearest on either
    side.

    A word behind the value counts beside one before it only where it can mean nothing else.
    """
    before = after = False
    for window in (*windows(sentence, span, values), trail(sentence, span, values)):
        if after or (before and not (window.after and window.own)):
            continue
        told = pattern.finditer(window.text, window.shared)
        matches = [
            match
            for match in told
            if stated(sentence, window.at + match.start())
            and not _aside(sentence, span, window.at + match.start(), window.at + match.end())
        ]
        if window.after and before and _of_another(window, span):
            continue
        if matches:
            match = matches[0] if window.after else matches[-1]
            before, after = before or not window.after, window.after
            yield str(match.lastgroup), match[0], window.at + match.start()


def _aside(sentence: Sentence, span: Span, at: int, end: int) -> bool:
    """Whether a word is not about the value: said of another time, of a level, or parted from it by a contrast."""
    start, stop = span.start - sentence.start, span.end - sentence.start
    if end <= start:
        between = sentence.text[end:start]
        if span.fact.startswith("close_vs_") and GAP.match(sentence.text, stop):
            return True
        if _EARLIER.search(sentence.text, 0, at) and between.strip() not in {"of", "at", ":"}:
            return True
        return bool(CONTRAST.search(between)) or ("," in between and bool(DESPITE.search(sentence.text, 0, at)))
    rest = sentence.text[end:]
    if span.fact in _PERIODS and sentence.text[at:end] in RELATIVE and LEVELLED.match(rest):
        return True
    return bool(OTHER_MOVE.search(sentence.text[stop:at]))


def _added(
    sentence: Sentence, span: Span, values: Sequence[Span], pattern: re.Pattern[str]
) -> Iterator[tuple[str, str, int]]:
    """What is added behind the last value, each part's first word of direction: ", a gain, and a loss for some"."""
    rest = trail(sentence, span, values)
    cuts = [*CUT.finditer(rest.text)] if span.fact in _PERIODS else []
    ends = [*(cut.start() for cut in cuts), len(rest.text)][1:]
    for cut, end in zip(cuts, ends, strict=False):
        part = Window(rest.text[cut.end() : end], rest.at + cut.end(), after=True)
        match = pattern.search(part.text)
        if not match or _of_another(part, span) or OF_BEFORE.search(part.text):
            continue
        at = part.at + match.start()
        if stated(sentence, at) and not _aside(sentence, span, at, part.at + match.end()):
            yield str(match.lastgroup), match[0], at


def _of_another(window: Window, span: Span) -> bool:
    """Whether a stretch speaks of another period than the value's, or of levels and not of moves."""
    periods = {idea for _, idea in ideas_in(window.text)}.intersection(_PERIODS.values())
    own = _PERIODS.get(span.fact)
    return bool(periods - {own}) or own is None


def _moves(sentence: Sentence, known: Mapping[str, Known]) -> Iterator[Problem]:
    """A move between the two closes, "rose to {close} from {previous_close}", goes the way they do."""
    ends = [span for span in sentence.spans if span.fact in {"close", "previous_close"}]
    if len({span.fact for span in ends}) < len(_BOTH) or not known.keys() >= _BOTH:
        return
    now, before = known["close"].value, known["previous_close"].value
    if not isinstance(now, int | float) or not isinstance(before, int | float):
        return
    begin, _ = sentence.clause(ends[0].start - sentence.start)
    last = ends[-1] if ends[0].fact == "previous_close" else ends[0]  # "after closing at X, it slipped to Y"
    for match in MOVED.finditer(sentence.text, begin, last.start - sentence.start):
        if match[0] in RELATIVE or not stated(sentence, match.start()):
            continue
        if (now <= before) if match.lastgroup == "up" else (now >= before):
            why = f"{match[0]!r} contradicts the closes: {before} before, {now} now"
            yield Problem("direction", sentence.start + match.start(), match[0], why)

"""Words of direction against the numbers: rose and fell, a gain and a loss, above and below.

What belongs here: contradictions between a sentence and the values it shows. What does not: the words
(verifier_turns.py), names of values (verifier_context.py), words for a level (verifier_levels.py), moves told without a
value (verifier_untold.py).

A clause that speaks of what might happen ("would", "if", "a break below") states nothing and is passed over, as is a
negated word ("did not rise"). Quotations are masked before and never read.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from stocks_pipeline.domain.reports.verifier_claims import ideas_in
from stocks_pipeline.domain.reports.verifier_display import Known
from stocks_pipeline.domain.reports.verifier_sentences import CUT, Sentence, Window, trail, windows
from stocks_pipeline.domain.reports.verifier_spans import MASK, Problem, Span
from stocks_pipeline.domain.reports.verifier_turns import (
    MAYBE,
    MOVED,
    NOT,
    OF_BEFORE,
    RELATIVE,
    SIGN_ONLY,
    STRONG,
    TOGETHER,
    TURN,
)

_COMPARED = re.compile(
    r"\b(?P<more>above|higher than|heavier than|more than|exceeds|exceeded|tops|topped|beat|surpassed)\b"
    r"|\b(?P<less>below|beneath|lower than|lighter than|less than)\b"
)
_SIGNED = frozenset({"macd", "macd_signal", "macd_histogram"})
_BOTH = frozenset({"close", "previous_close"})
_FLAT_BELOW = {"return_1d": 0.5, "return_1w": 1.0, "return_1m": 2.0, "return_3m": 3.0, "return_1y": 5.0}
"""Percent a price may have moved and still be called unchanged; 0.5 for what is no return."""
_STRONG_FROM = {"return_1d": 1.0, "return_1w": 1.5, "return_1m": 2.0, "return_3m": 3.0, "return_1y": 5.0}
"""Percent from which a price may have soared or plunged."""
_PERIODS = {"return_1d": "day", "return_1w": "week", "return_1m": "month", "return_3m": "months", "return_1y": "year"}


def directions(found: Sequence[Sentence], units: Mapping[str, str], known: Mapping[str, Known]) -> list[Problem]:
    """Every contradiction; `known` are the recomputed values, `units` the unit of each fact."""
    problems: list[Problem] = []
    for sentence in found:
        problems += _signs(sentence, units)
        problems += _comparisons(sentence, units, known)
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
        for way, word in told:
            if why := _against(span, way, word):
                yield Problem("direction", span.start, span.text, why)


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
) -> Iterator[tuple[str, str]]:
    """The words of direction that belong to a value, each with which way it points: the nearest on either side.

    A word behind the value counts beside one before it only where it can mean nothing else.
    """
    before = after = False
    for window in (*windows(sentence, span, values), trail(sentence, span, values)):
        if after or (before and not (window.after and window.own)):
            continue
        told = pattern.finditer(window.text, window.shared)
        matches = [match for match in told if _stated(sentence, window.at + match.start())]
        if window.after and before and _of_another(window, span):
            continue
        if matches:
            match = matches[0] if window.after else matches[-1]
            before, after = before or not window.after, window.after
            yield str(match.lastgroup), match[0]


def _added(
    sentence: Sentence, span: Span, values: Sequence[Span], pattern: re.Pattern[str]
) -> Iterator[tuple[str, str]]:
    """What is added behind the last value, each part's first word of direction: ", a gain, and a loss for some"."""
    rest = trail(sentence, span, values)
    cuts = [*CUT.finditer(rest.text)] if span.fact in _PERIODS else []
    ends = [*(cut.start() for cut in cuts), len(rest.text)][1:]
    for cut, end in zip(cuts, ends, strict=False):
        part = Window(rest.text[cut.end() : end], rest.at + cut.end(), after=True)
        match = pattern.search(part.text)
        elsewhere = _of_another(part, span) or OF_BEFORE.search(part.text)
        if match and not elsewhere and _stated(sentence, part.at + match.start()):
            yield str(match.lastgroup), match[0]


def _of_another(window: Window, span: Span) -> bool:
    """Whether a stretch speaks of another period than the value's, or of levels and not of moves."""
    periods = {idea for _, idea in ideas_in(window.text)}.intersection(_PERIODS.values())
    own = _PERIODS.get(span.fact)
    return bool(periods - {own}) or own is None


def _stated(sentence: Sentence, at: int) -> bool:
    """Whether the word at an offset is said of what is: neither negated nor merely possible."""
    begin, end = sentence.clause(at)
    return not MAYBE.search(sentence.text, begin, end) and not NOT.search(sentence.text[begin:at])


def _comparisons(sentence: Sentence, units: Mapping[str, str], known: Mapping[str, Known]) -> Iterator[Problem]:
    for match in _COMPARED.finditer(sentence.text):
        begin, end = sentence.clause(match.start())
        if not _stated(sentence, match.start()):
            continue
        left, right = (
            _subject(sentence, units, begin, match.start()),
            _operand(sentence, units, match.end(), end, first=True),
        )
        if left == "volume" and not right and _usual(sentence.text[match.end() : end]):
            right = "volume_sma_20"
        if left == "" and right and units[right] == "price":
            left = "close"
        if not left or not right or left == right or left not in known or right not in known:
            continue
        one, other = known[left].value, known[right].value
        if units[left] != units[right] or not isinstance(one, int | float) or not isinstance(other, int | float):
            continue
        if (one <= other) if match["more"] else (one >= other):
            why = f"{left} is not {match[0]} {right}: the stored rows say the opposite"
            said = sentence.text[begin:end].strip().replace(MASK, "\u2026")[:80]
            yield Problem("direction", sentence.start + match.start(), said, why)


def _usual(text: str) -> bool:
    return bool({"average", "usual"} & {idea for _, idea in ideas_in(text)})


def _moves(sentence: Sentence, known: Mapping[str, Known]) -> Iterator[Problem]:
    """A move between the two closes, "rose to {close} from {previous_close}", goes the way they do."""
    ends = [span for span in sentence.spans if span.fact in {"close", "previous_close"}]
    if len({span.fact for span in ends}) < len(_BOTH) or not known.keys() >= _BOTH:
        return
    now, before = known["close"].value, known["previous_close"].value
    if not isinstance(now, int | float) or not isinstance(before, int | float):
        return
    begin, _ = sentence.clause(ends[0].start - sentence.start)
    for match in MOVED.finditer(sentence.text, begin, ends[0].start - sentence.start):
        if match[0] in RELATIVE or not _stated(sentence, match.start()):
            continue
        if (now <= before) if match.lastgroup == "up" else (now >= before):
            why = f"{match[0]!r} contradicts the closes: {before} before, {now} now"
            yield Problem("direction", sentence.start + match.start(), match[0], why)


def _subject(sentence: Sentence, units: Mapping[str, str], begin: int, at: int) -> str | None:
    """What is compared: "" where nothing is named (the price, then), None where something else is.

    After "and" the subject may be left out; it is then that of the clause's first comparison.
    """
    starts = [cut.end() for cut in CUT.finditer(sentence.text, begin, at)]
    stretches = [(starts[-1] if starts else begin, at)]
    earlier = _COMPARED.search(sentence.text, begin, at)
    if starts:
        stretches.append((begin, earlier.start() if earlier else at))
    for start, end in stretches:
        if found := _operand(sentence, units, start, end, first=False):
            return found
        if _named_else(sentence.text[start:end]):
            return None
        if any(
            start <= span.start - sentence.start < end and units.get(span.fact) != "text" for span in sentence.spans
        ):
            return None  # a gap in percent, whose own sign is checked
    return ""


_SPOKEN = {
    frozenset({"short", "average"}): "sma_20",
    frozenset({"medium", "average"}): "sma_50",
    frozenset({"long", "average"}): "sma_200",
    frozenset({"weighted"}): "vwap_20",
    frozenset({"upper"}): "bollinger_upper",
    frozenset({"under"}): "bollinger_lower",
    frozenset({"centre"}): "bollinger_middle",
    frozenset({"signal"}): "macd_signal",
    frozenset({"macd"}): "macd",
    frozenset({"previous"}): "previous_close",
    frozenset({"volume", "average"}): "volume_sma_20",
    frozenset({"volume"}): "volume",
    frozenset({"close"}): "close",
}


def _operand(sentence: Sentence, units: Mapping[str, str], begin: int, end: int, *, first: bool) -> str | None:
    """The fact a stretch beside a comparison stands for: the value shown nearest, else the fact its words name."""
    inside = [
        span
        for span in sentence.spans
        if begin <= span.start - sentence.start < end and units.get(span.fact) in {"price", "shares"}
    ]
    if inside:
        return inside[0 if first else -1].fact
    said = {idea for _, idea in ideas_in(sentence.text[begin:end])}
    if {"short", "medium", "long"} & said and len({"short", "medium", "long"} & said) > 1:
        return None
    return next((fact for ideas, fact in _SPOKEN.items() if ideas <= said), None)


def _named_else(text: str) -> bool:
    """Whether a stretch has a subject of its own that is no price."""
    return bool(
        {"rsi", "macd", "volume", "volatility", "range", "band", "peer", "return"} & {i for _, i in ideas_in(text)}
    )

"""The size of the value that stands beside a word: a modest return, a narrow gap, a perfect correlation, a price near
its average, and whose price it is.

What belongs here: judgements of the one value that a clause shows. What does not: words for a level of what a clause
is about, shown or not (verifier_level_words.py), which of two values is above the other (verifier_compared.py), signs
(verifier_direction.py).

As there, the bounds are wide: only what no reader could defend is refused.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from math import inf

from stocks_pipeline.domain.reports.verifier_display import Known
from stocks_pipeline.domain.reports.verifier_sentences import NAMES, Sentence, stated
from stocks_pipeline.domain.reports.verifier_spans import MASK, Problem, Span

_SCALE = {
    "return_1d": 1.0, "return_1w": 2.0, "return_1m": 4.0, "return_3m": 7.0, "return_1y": 12.0,
    "close_vs_sma_20": 3.0, "close_vs_sma_50": 5.0, "close_vs_sma_200": 8.0,
}  # fmt: skip
"""Percent that are an ordinary move over the span, or an ordinary gap to the average."""
_SIZES = (
    (r"tiny|negligible|trivial|minimal|insignificant|(?:barely|hardly) (?:noticeable|visible|worth \w+)", 0.0, 0.8),
    (r"modest|small|slight|minor|mild|marginal|limited|unremarkable|narrow|thin", 0.0, 2.5),
    (r"large|big|wide|sizeable|sizable|hefty|substantial|considerable|sharp|steep", 0.6, inf),
    (r"huge|violent|enormous|massive|dramatic|spectacular|extraordinary|exceptional|extreme|remarkable", 1.5, inf),
)
"""Words, and how many times the scale a value may be that is called so."""
_PLEASANT = (
    r"in the green|positive territory|encouraging|pleas(?:ed|es|ing|ant)|delight\w*|healthy|"
    r"(?:strong|good|solid|robust|impressive|fine|excellent) "
    r"(?:result|showing|gain|rise|advance|performance|number|figure)|"
    r"rewarding|richer|something to smile about|buying pressure|(?:buyers|bulls) (?:have |had |has )?dominated|"
    r"healthy demand|profit(?:able)?"
)
_UNPLEASANT = (
    r"in the red|negative territory|painful|hurt(?:s|ing)?|disappoint\w*|discouraging|worrying|sobering|dismal|"
    r"(?:weak|bad|poor|sharp) (?:result|showing|performance|number|figure)|poorer|erased|wiped out|selling pressure|"
    r"(?:sellers|bears) (?:have |had |has )?dominated"
)
_MOOD = re.compile(rf"\b(?:(?P<up>{_PLEASANT})|(?P<down>{_UNPLEASANT}))\b")
_TIES = (
    (r"unrelated|independent|uncorrelated", 0.0, 0.2),
    (r"weak|low|slight|faint", 0.0, 0.5),
    (r"loose", 0.0, 0.6),
    (r"moderate|medium", 0.2, 0.8),
    (r"strong|close|closely|tight|tightly|high|pronounced", 0.5, 1.0),
    (r"(?:almost |nearly |near-)?perfect|lockstep", 0.93, 1.0),
)
"""Words beside a correlation, and the bounds of its absolute value."""
_RANKED = (
    (r"low|small|weak|calm|quiet|thin|modest", 0.0, 50.0),
    (r"high|large|strong|busy|brisk|rare|uncommon|unusual|nervous|elevated", 50.0, 100.0),
)
"""Words beside a percentile, and its bounds in percent."""
_SHOWN, _RANK_SHOWN = 0.005, 0.05
"""Half of the last shown digit: a writer sees no more, so a value that shows as a bound may be on either side."""
_LEVELS = frozenset({
    "sma_20", "sma_50", "sma_200", "vwap_20", "bollinger_upper", "bollinger_lower", "bollinger_middle", "high_52w",
    "low_52w", "previous_close",
})  # fmt: skip
_NEAR = (
    r"near|nears|(?<=trades )around|(?<=trading )around|(?<=hovers )around|close to|within reach|not far from|next to|"
    r"in the vicinity of"
)
_PLACES = (
    (r"hugs?|hugging|touch(?:es|ed|ing)?|rests? (?:on|at)", 0.0, 3.0),
    (_NEAR, 0.0, 7.0),
    (r"far (?:away )?from|a long way (?:from|above|below)|(?:far|well) (?:above|below|over|under)", 2.0, inf),
)
"""Words between the price and a level, and how many percent may lie between them."""
_FLOOR = r"supports?|supported|supporting|floor|cushion(?:s|ed)?|foothold"
_CAP = r"resistance|ceiling|caps?|capped|capping|hurdle|barrier|lid"
_SIDE = re.compile(rf"\b(?:(?P<floor>{_FLOOR})|(?P<cap>{_CAP}))\b")
_PASSED = re.compile(
    r"\b(?:lost|loses|losing|loss of|lacks?|without|former|broke|broken|breaks|gave up|giving up|fell|fallen|slipped|"
    r"below|under|beneath|above|over|past|cleared|overcame|reclaimed|turned?|becomes?|became|instead)\b"
)
"""What makes a floor or ceiling one that the price is through already."""
_EDGE = 1.0
"""Percent by which a level may be on the other side and still serve as floor or ceiling."""
_OWN = re.compile(
    r"\b(?:shares?|stock|price|prices|it|its|holders?|company|closed? of|market|correlation|average|trend|momentum)\b"
)
_OF_PRICES = frozenset({"close", "previous_close", "return_1d", "return_1w", "return_1m", "return_3m", "return_1y"})


def sizes(found: Sequence[Sentence], known: Mapping[str, Known]) -> list[Problem]:
    """Every size, mood, distance or owner that the value beside it contradicts."""
    problems: list[Problem] = []
    for sentence in found:
        for begin, end, spans in _clauses(sentence):
            problems += _owner(sentence, begin, spans)
            if len(numbers := _numbers(spans)) == 1:
                last = _behind(sentence, end)
                problems += _size(sentence, begin, last, numbers[0], known)
                problems += _mood(sentence, begin, last, numbers[0])
            problems += _place(sentence, begin, end, spans, known)
    return problems


def _clauses(sentence: Sentence) -> Iterator[tuple[int, int, list[Span]]]:
    """The clauses of a sentence that show a value, each with its values."""
    seen: dict[tuple[int, int], list[Span]] = {}
    for span in sentence.spans:
        if span.fact not in NAMES and not span.fact.startswith("news_"):
            seen.setdefault(sentence.clause(span.start - sentence.start), []).append(span)
    for (begin, end), spans in seen.items():
        yield begin, end, spans


def _behind(sentence: Sentence, end: int) -> int:
    """Where a clause ends with what is added behind its comma and shows no value: ", a loose tie"."""
    if sentence.text[end : end + 1] != ",":
        return end
    begin, last = sentence.clause(end + 1)
    shown = any(begin <= span.start - sentence.start < last for span in sentence.spans)
    return end if shown else last


def _numbers(spans: Sequence[Span]) -> list[Span]:
    return [span for span in spans if not re.fullmatch(r"peer_\d", span.fact)]


def _problem(sentence: Sentence, match: re.Match[str], why: str) -> Problem:
    return Problem("direction", sentence.start + match.start(), match[0], f"{match[0]!r}: {why}")


def _table(fact: str) -> tuple[Sequence[tuple[str, float, float]], float]:
    """The words for the size of a fact with their bounds, and what the bounds are multiples of."""
    if fact.endswith("_correlation"):
        return _TIES, 1.0
    if fact.endswith("_percentile"):
        return _RANKED, 1.0
    return (_SIZES, _SCALE[fact]) if fact in _SCALE else ((), 0.0)


def _size(sentence: Sentence, begin: int, end: int, span: Span, known: Mapping[str, Known]) -> Iterator[Problem]:
    value = known[span.fact].value if span.fact in known else None
    if not isinstance(value, int | float):
        return
    table, scale = _table(span.fact)
    slack = _RANK_SHOWN if span.fact.endswith("_percentile") else _SHOWN
    for words, low, high in table:
        for match in re.finditer(rf"\b(?:{words})\b", sentence.text[begin:end]):
            fits = low * scale - slack <= abs(value) <= high * scale + slack
            if not fits and stated(sentence, begin + match.start()):
                yield Problem(
                    "direction", sentence.start + begin + match.start(), match[0],
                    f"{match[0]!r} does not fit {span.fact} of {span.text}",
                )  # fmt: skip


def _mood(sentence: Sentence, begin: int, end: int, span: Span) -> Iterator[Problem]:
    if not span.fact.startswith("return_"):
        return
    for match in _MOOD.finditer(sentence.text, begin, end):
        falls = span.text.startswith("-")
        zero = not any(char in "123456789" for char in span.text)
        if (zero or falls == (match.lastgroup == "up")) and stated(sentence, match.start()):
            yield _problem(sentence, match, f"it contradicts {span.fact} of {span.text}")


def _place(
    sentence: Sentence, begin: int, end: int, spans: Sequence[Span], known: Mapping[str, Known]
) -> Iterator[Problem]:
    """How far the price is from the one level that a clause shows, and on which side of it."""
    shown = [span for span in spans if span.fact in _LEVELS]
    close = known.get("close")
    if len(shown) != 1 or close is None or not isinstance(close.value, int | float) or shown[0].fact not in known:
        return
    level = known[shown[0].fact].value
    if not isinstance(level, int | float) or not level:
        return
    above = (close.value / level - 1) * 100
    for words, low, high in _PLACES:
        for match in re.compile(rf"\b(?:{words})\b").finditer(sentence.text, begin, end):
            if not low <= abs(above) <= high and stated(sentence, match.start()):
                yield _problem(sentence, match, f"the close is {above:+.1f} % from {shown[0].fact}")
    for match in _SIDE.finditer(sentence.text, begin, end):
        if _PASSED.search(sentence.text, begin, end):
            continue
        wrong = above < -_EDGE if match["floor"] else above > _EDGE
        if wrong and stated(sentence, match.start()):
            yield _problem(sentence, match, f"the close is {above:+.1f} % from {shown[0].fact}, on the other side")


def _owner(sentence: Sentence, begin: int, spans: Sequence[Span]) -> Iterator[Problem]:
    """A price or return of ours told of a peer: "{peer_1} closed at {close}"."""
    peer = next((span for span in spans if re.fullmatch(r"peer_\d", span.fact)), None)
    if peer is None:
        return
    at = peer.start - sentence.start
    lead = sentence.text[begin:at]
    if _OWN.search(lead) or MASK in lead:
        return
    for span in spans:
        between = sentence.text[at : span.start - sentence.start]
        if span.fact in _OF_PRICES and span.start > peer.start and not _OWN.search(between):
            why = f"{span.fact} is this share's, and the words before it say {peer.text}"
            yield Problem("company", span.start, span.text, why)

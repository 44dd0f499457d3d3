"""The tone of a report against what its indicators say together: trend, momentum, the whole picture, and the stance.

What belongs here: words for several facts at once ("momentum is firm", "below all its averages", "every return is
negative"), and a stance that every signal speaks against. What does not: words for one fact (verifier_level_words.py,
verifier_sizes.py), calls to act (verifier_stance.py).

Signals are those of trend (the close against its averages, the returns of one and three months) and of momentum (MACD
histogram, RSI against 50), from recomputed values. A tone is contradicted where all known signals of its subject point
the other way: where they are mixed, a writer may lean to either side.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from stocks_pipeline.domain.reports.verifier_display import Known
from stocks_pipeline.domain.reports.verifier_sentences import Sentence, stated
from stocks_pipeline.domain.reports.verifier_spans import Problem

_AVERAGES = ("close_vs_sma_20", "close_vs_sma_50", "close_vs_sma_200")
_TREND = (*_AVERAGES, "return_1m", "return_3m")
_MOMENTUM = ("macd_histogram", "rsi_14")
_RETURNS = ("return_1d", "return_1w", "return_1m", "return_3m", "return_1y")
_MIDDLE = {"rsi_14": 50.0}
_LEAST = {"trend": 3, "momentum": 2, "picture": 5}
"""Signals that must be known before their agreement says anything."""

_UP = (
    "positive|constructive|bullish|strong|firm|healthy|improving|upward|favou?rable|supportive|encouraging|solid|robust|"
    "upbeat|rising|up|points? (?:up|higher|upwards?)"
)
_DOWN = (
    "negative|bearish|weak|soft|poor|deteriorating|downward|unfavou?rable|discouraging|broken|falling|down|dismal|"
    "points? (?:down|lower|downwards?)"
)
_RULE = "in control|in charge|dominate[sd]?|prevail(?:s|ed)?|(?:have|has|had|hold|keep) the upper hand|strong"
_LINK = (
    r"(?:\s+(?:is|are|was|were|remains?|remained|looks?|stays?|stayed|seems?|appears?|has been|have been|reads?|still|"
    r"clearly|very|quite|rather|also|now|turned|has turned|all|and|of|the|price|technical|overall))*\s+"
)
_SUBJECTS = (
    ("trend", r"(?:trend|direction|course)"),
    ("momentum", r"momentum"),
    ("picture", r"(?:picture|tone|backdrop|chart|set-?up|technicals|indicators|signals|readings|bias|mood)"),
)
_SAID = tuple(
    (name, re.compile(rf"\b{noun}{_LINK}(?:(?P<up>{_UP})|(?P<down>{_DOWN}))\b")) for name, noun in _SUBJECTS
) + tuple((name, re.compile(rf"\b(?:(?P<up>{_UP})|(?P<down>{_DOWN})) {noun}\b")) for name, noun in _SUBJECTS)
_SIDES = re.compile(
    rf"\b(?:(?P<up>buyers|bulls|demand)|(?P<down>sellers|bears|supply))"
    rf"(?:\s+(?:is|are|was|were|remains?|stays?|still|clearly|have|has))*\s+(?:{_RULE})\b"
)
_ALL_AVERAGES = re.compile(
    r"\b(?:(?P<up>above|over)|(?P<down>below|under|beneath)) (?:all|every|each|both|its|the)(?: of)?"
    r"(?: (?:its|the|three|tracked|moving|major|key|average|of))* averages?\b(?!,? (?:true|volume))"
)
_NAMED = re.compile(r"\b(?:short|medium|long|volume|weighted)\b")
_EVERY = re.compile(
    rf"\b(?:all|every|each)(?: of)?(?: (?:its|the))? (?P<what>returns?|indicators?|signals?|averages?|figures?)"
    rf"{_LINK}(?:(?P<up>{_UP}|rise[sn]?|gains?)|(?P<down>{_DOWN}|falls?|fell))\b"
)
_AGREE = re.compile(
    r"\b(?:agree on|agrees on|lean to|lean towards?|leans? to|points? to) the (?:(?P<up>positive|upper)|"
    r"(?P<down>negative|lower)) side\b"
)
_AGREEING = ("close_vs_sma_200", "return_3m", "macd_histogram")
"""What a stance is said to follow from: the long trend, the past months and the MACD."""
_GROUPS = {"return": _RETURNS, "average": _AVERAGES}


def tones(found: Sequence[Sentence], known: Mapping[str, Known], stance: str | None) -> list[Problem]:
    """Every tone that all signals of its subject contradict, and a stance that all signals contradict."""
    problems = [*_stance(known, stance)]
    for sentence in found:
        problems += [*_tone(sentence, known), *_whole(sentence, known)]
    return problems


def _signs(known: Mapping[str, Known], names: Sequence[str]) -> list[int]:
    """1, -1 or 0 for each known signal."""
    values = [(name, known[name].value) for name in names if name in known]
    numbers = [value - _MIDDLE.get(name, 0.0) for name, value in values if isinstance(value, int | float)]
    return [int(number > 0) - int(number < 0) for number in numbers]


def _signals(known: Mapping[str, Known], subject: str) -> list[int]:
    names = {"trend": _TREND, "momentum": _MOMENTUM}.get(subject, (*_TREND, *_MOMENTUM))
    signs = _signs(known, names)
    return signs if len(signs) >= _LEAST[subject] else []


def _stance(known: Mapping[str, Known], stance: str | None) -> Iterator[Problem]:
    against = {"BUY": -1, "SELL": 1}.get(stance or "")
    signs = _signals(known, "picture")
    if against and signs and set(signs) == {against}:
        way = "down" if against < 0 else "up"
        why = f"all {len(signs)} signals of trend and momentum point {way}; HOLD would follow, or the other side"
        yield Problem("stance", 0, str(stance), why)


def _problem(sentence: Sentence, match: re.Match[str], why: str) -> Problem:
    return Problem("direction", sentence.start + match.start(), match[0], f"{match[0]!r}: {why}")


def _tone(sentence: Sentence, known: Mapping[str, Known]) -> Iterator[Problem]:
    for subject, pattern in (*_SAID, ("picture", _SIDES)):
        for match in pattern.finditer(sentence.text):
            signs = _signals(known, subject)
            wrong = -1 if match["up"] else 1
            if signs and set(signs) == {wrong} and stated(sentence, match.start()):
                yield _problem(sentence, match, f"all {len(signs)} signals of the {subject} point the other way")


def _whole(sentence: Sentence, known: Mapping[str, Known]) -> Iterator[Problem]:
    """What is said of all at once, and holds for each or not at all."""
    for match in _ALL_AVERAGES.finditer(sentence.text):
        signs = _signs(known, _AVERAGES)
        plural = match[0].endswith("s") or " every " in match[0] or " each " in match[0]
        if plural and not _NAMED.search(match[0]) and stated(sentence, match.start()):
            right = 1 if match["up"] else -1
            if not signs or set(signs) != {right}:
                yield _problem(sentence, match, "that does not hold for every average that is known")
    for match in _AGREE.finditer(sentence.text):
        right = 1 if match["up"] else -1
        if stated(sentence, match.start()) and set(_signs(known, _AGREEING)) != {right}:
            yield _problem(sentence, match, "long-term trend, past months and MACD do not all lean there")
    for match in _EVERY.finditer(sentence.text):
        names = _GROUPS.get(match["what"].rstrip("s"), (*_TREND, *_MOMENTUM))
        right = 1 if match["up"] else -1
        if stated(sentence, match.start()) and set(_signs(known, names)) != {right}:
            yield _problem(sentence, match, "that does not hold for each that is known")

"""Words for how much something is, against its value: overbought, busier than usual, modest volatility, uptrend.

What belongs here: judging a sentence by the table of levels, and the zones of the RSI, which have no slack. What does
not: the table (verifier_level_words.py), up and down (verifier_direction.py), records and crossings
(verifier_feats.py).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from math import inf

from stocks_pipeline.domain.reports.verifier_display import Known
from stocks_pipeline.domain.reports.verifier_level_words import COMPARED, KNOWN_USUAL, LEVELS, VOLUME, Level
from stocks_pipeline.domain.reports.verifier_sentences import Sentence
from stocks_pipeline.domain.reports.verifier_sheet import UNITS
from stocks_pipeline.domain.reports.verifier_spans import Problem
from stocks_pipeline.domain.reports.verifier_turns import MAYBE, NOT

_ZONE = re.compile(r"\b(?:overbought|oversold)\b|ซื้อมากเกินไป|ขายมากเกินไป")
_BOUGHT = frozenset({"overbought", "ซื้อมากเกินไป"})
_TOP, _BOTTOM, _NEAR = 70.0, 30.0, 10.0
_SHOWN = {"index": 0.05, "level": 0.05, "percent": 0.005, "ratio": 0.005}
"""Half of a unit's last shown digit: a model sees no more, so a value that shows as a bound may be on either side."""
_NEARLY = re.compile(
    r"\b(?:near|nears|nearing|approach\w*|close to|towards?|almost|nearly|verging on|"
    r"bordering on)\s+(?:[\w-]+\s+){0,2}$"
)
_UNDER = re.compile(r"\b(?:under|below|beneath|short of|shy of)\s+(?:the\s+)?$")
_OVER = re.compile(r"\b(?:above|over)\s+(?:the\s+)?$")
"""The end of a text after which a zone is one that the RSI is not in: "just under overbought", "above oversold"."""
_BEFORE = re.compile(r"\b(?:before|rather than|instead of)\b(?:\s+[\w-]+){0,3}\s*$")
_AROUND = re.compile(r"\b(?:neither|nor|or|of|from|than)\s+(?:[\w-]+\s+){0,2}$")


_ABOUT = frozenset(level.about for level in LEVELS if level.about)


def levels(found: Sequence[Sentence], known: Mapping[str, Known]) -> list[Problem]:
    """Every word for a level that the recomputed values contradict, or that no value is there for."""
    problems: list[Problem] = []
    for sentence in found:
        problems += _zones(sentence, known)
        problems += [*_told(sentence, known), *_unknown(sentence)]
    return problems


def _told(sentence: Sentence, known: Mapping[str, Known]) -> Iterator[Problem]:
    seen: set[int] = set()
    spoken = {about for about in _ABOUT if about.search(sentence.text)}
    for level in LEVELS:
        if level.about and level.about not in spoken:
            continue
        for match in level.words.finditer(sentence.text):
            begin, end = sentence.clause(match.start())
            if match.end() in seen or (level.about and not level.about.search(sentence.text, begin, end)):
                continue
            lead = sentence.text[begin : match.start()]
            if MAYBE.search(sentence.text, begin, end) or NOT.search(lead) or _BEFORE.search(lead):
                continue
            if why := _outside(level, known):
                seen.add(match.end())
                yield Problem("direction", sentence.start + match.start(), match[0], f"{match[0]!r} needs {why}")


def _unknown(sentence: Sentence) -> Iterator[Problem]:
    """A comparison of trading with the usual in a word that is in no table: it cannot be judged, so it is refused."""
    for match in COMPARED.finditer(sentence.text):
        begin, end = sentence.clause(match.start())
        if not KNOWN_USUAL.fullmatch(match["word"]) and re.search(VOLUME, sentence.text[begin:end]):
            why = f"{match[0]!r} compares in a word that is not known here; say busier or quieter than usual"
            yield Problem("direction", sentence.start + match.start(), match[0], why)


def _outside(level: Level, known: Mapping[str, Known]) -> str:
    """Why a word may not be said; empty where one of its facts allows it."""
    there = {name: fact for name in level.facts if (fact := known.get(name)) and isinstance(fact.value, int | float)}
    for name, fact in there.items():
        slack = max(fact.noise, _SHOWN.get(UNITS[name], 0.0))
        for value in (fact.value, *fact.also):
            if isinstance(value, int | float) and level.low - slack <= value <= level.high + slack:
                return ""
    bounds = [f"of {level.low:g} or more"] if level.low > -inf else []
    bounds += [f"of {level.high:g} or less"] if level.high < inf else []
    shown = ", ".join(f"{name} is {fact.value:.4g}" for name, fact in there.items()) or "it is absent"
    return f"{' or '.join(level.facts)} {' and '.join(bounds)}; {shown}"


def _zones(sentence: Sentence, known: Mapping[str, Known]) -> Iterator[Problem]:
    rsi = known.get("rsi_14")
    level = rsi.value if rsi and isinstance(rsi.value, float) else None
    for match in _ZONE.finditer(sentence.text):
        begin, end = sentence.clause(match.start())
        lead, bought = sentence.text[begin : match.start()], match[0] in _BOUGHT
        if MAYBE.search(sentence.text, begin, end) or _BEFORE.search(lead):
            continue
        outside = (_UNDER if bought else _OVER).search(lead)
        denied, nearly = outside or NOT.search(lead), None if outside else _NEARLY.search(lead)
        slack = _NEAR if nearly else 0.0
        slack += -_SHOWN["index"] if denied else _SHOWN["index"]
        there = level is not None and (level >= _TOP - slack if bought else level <= _BOTTOM + slack)
        if denied and nearly:
            continue
        if there if denied else not there and not _AROUND.search(lead):
            shown = "no RSI exists" if level is None else f"the RSI is {level:.1f}"
            zone = f"{_TOP - slack:.0f} or more" if bought else f"{_BOTTOM + slack:.0f} or less"
            said = "denies" if denied else "means"
            why = f"{(nearly[0] if nearly else '') + match[0]!r} {said} an RSI of {zone}; {shown}"
            yield Problem("direction", sentence.start + match.start(), match[0], why)

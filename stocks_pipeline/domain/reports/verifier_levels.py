"""Words for how much something is, against its value: overbought, busier than usual, modest volatility, uptrend.

What belongs here: judgements that a stored value can contradict, each with the bounds within which it may be said. What
does not: up and down (verifier_direction.py), records and crossings (verifier_feats.py).

The bounds of plain adjectives are wide on purpose: only what no reader could defend is refused ("modest" beside a
volatility of 90 %). Comparisons with the usual and the zones of the RSI have no slack.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf

from stocks_pipeline.domain.reports.verifier_display import Known
from stocks_pipeline.domain.reports.verifier_sentences import Sentence
from stocks_pipeline.domain.reports.verifier_sheet import UNITS
from stocks_pipeline.domain.reports.verifier_spans import Problem
from stocks_pipeline.domain.reports.verifier_turns import MAYBE, NOT


@dataclass(frozen=True)
class _Level:
    """Words that may be said where one of the facts lies within bounds, in a clause that speaks of `about`."""

    words: re.Pattern[str]
    facts: tuple[str, ...]
    low: float
    high: float
    about: re.Pattern[str] | None = None


def _level(words: str, facts: str, low: float, high: float, about: str = "") -> _Level:
    pattern = re.compile(rf"\b(?:{words})\b" if words.isascii() else words)
    return _Level(pattern, tuple(facts.split()), low, high, re.compile(about) if about else None)


_RSI = r"\brsi\b|relative[- ]strength"
_VOLUME = r"\b(?:volumes?|turnover|trading|trade|activity|market was)\b"
_MORE = "busier|busy|heavier|heavy|brisker|brisk|livelier|lively|hectic|frantic|bustling|buoyant"
_LESS = r"quieter|quiet|thinner|thin|lighter|(?<!in )light|muted|subdued|sluggish|sleepy|sparse|dull|meagre"
_USUAL = r"than (?:its |the |is |was |it )?(?:usual|normal|average|the norm|typical|customary)"
_COMPARED = re.compile(rf"\b(?:more |less )?(?P<word>[a-z]+) {_USUAL}")
_KNOWN = re.compile(
    rf"{_MORE}|{_LESS}|active|more|less|fewer|higher|stronger|bigger|larger|lower|weaker|smaller|other|rather"
)
_ALIKE = (
    r"(?:about |roughly |nearly )?as (?:busy|heavy|active|high|quiet|brisk|lively) as (?:is )?(?:usual|normal|"
    r"average|ever)|"
    r"in line with (?:its |the )?(?:usual|norm\w*|average)"
)
_IS = r"(?:is|was|are|were|remains?|remained|stays?|looks?|seems?|appears?|ran|came in|stands at a|at a)"
_VOLATILE = r"volatility|volatile|swings"
_BY = r"(?:very |rather |quite |fairly |still |so |too |also |extremely |truly )?"
_AVERAGES = "close_vs_sma_20 close_vs_sma_50 close_vs_sma_200"


def _volatility(words: str, low: float, high: float) -> _Level:
    spoken = rf"(?:{_VOLATILE})[^,;.]{{0,40}}?\b{_IS} {_BY}(?:{words})"
    spoken += rf"|(?:{words}) (?:annualised |annualized |yearly )?volatility"
    return _level(spoken, "volatility_30d", low, high)


LEVELS = (
    _level(r"(?<!above the )(?<!below the )(?<!outside the )neutral|balanced|mid-range|middling|moderate",
           "rsi_14", 30, 70, _RSI),
    _level("overheated|overextended|overstretched|exuberant|frothy|euphoric", "rsi_14", 60, 100, _RSI),
    _level("washed[- ]out|oversold to the limit|depressed|exhausted", "rsi_14", 0, 40, _RSI),
    _level("stretched", "rsi_14", 60, 100, _RSI),
    _level("elevated|bullish", "rsi_14", 50, 100, _RSI),
    _level("bearish|weak|feeble", "rsi_14", 0, 50, _RSI),
    _level(r"(?:closed|finished|ended|settled) (?:almost |nearly |virtually )?(?:unchanged|flat|little changed)",
           "return_1d", -0.5, 0.5),
    _level(rf"(?:{_MORE}|more active|higher|stronger|bigger|larger) {_USUAL}", "volume_ratio", 1.0, inf),
    _level(rf"(?:{_LESS}|less active|lower|weaker|smaller) {_USUAL}", "volume_ratio", 0.0, 1.0),
    _level(rf"(?:far|much|considerably|significantly|well) (?:{_MORE})", "volume_ratio", 1.15, inf, _VOLUME),
    _level(rf"(?:far|much|considerably|significantly|well) (?:{_LESS})", "volume_ratio", 0.0, 0.87, _VOLUME),
    _level(rf"(?<!\bas )(?:{_MORE})", "volume_ratio", 1.0, inf, _VOLUME),
    _level(rf"(?<!\bas )(?:{_LESS})", "volume_ratio", 0.0, 1.0, _VOLUME),
    _level(r"volumes? (?:was|is|were|ran|came in) (?:very )?(?:strong|high|large)|(?:high|strong|above-average) volume",
           "volume_ratio", 1.0, inf),
    _level(r"volumes? (?:was|is|were|ran|came in) (?:very )?(?:weak|low|small)|(?:low|weak|below-average) volume",
           "volume_ratio", 0.0, 1.0),
    _level(_ALIKE, "volume_ratio", 0.75, 1.34, _VOLUME),
    _volatility("modest|low|mild|subdued|muted|tame|calm|quiet|gentle|small|negligible|slight", 0, 35),
    _volatility("moderate|ordinary|average|unremarkable", 10, 60),
    _volatility("considerable|high|elevated|heavy|large|sizeable|pronounced|substantial", 20, inf),
    _volatility("extreme|violent|wild|severe|huge|enormous|dramatic|dizzying", 50, inf),
    _level(r"(?:deep|steep|severe|heavy|large|painful) drawdown", "drawdown", -inf, -8),
    _level(r"(?:shallow|small|minor|slight|mild|negligible) drawdown", "drawdown", -15, 0.01),
    _level(r"(?:generous|high|rich|lavish) (?:dividend )?(?:yield|payout)", "dividend_yield_12m", 2, inf),
    _level(r"(?:meagre|tiny|low|small|negligible) (?:dividend )?(?:yield|payout)", "dividend_yield_12m", 0, 4),
    _level(r"buy(?:ing)? signals?|bullish", "macd macd_histogram", 0, inf, r"\bmacd\b|signal line"),
    _level(r"sell(?:ing)? signals?|bearish", "macd macd_histogram", -inf, 0, r"\bmacd\b|signal line"),
    _level(r"(?:up ?trend|upward trend|rising trend|trending (?:higher|up|upwards?)|bull market)|ขาขึ้น",
           _AVERAGES, 0, inf),
    _level(r"(?:down ?trend|downward trend|falling trend|trending (?:lower|down|downwards?)|bear market)|ขาลง",
           _AVERAGES, -inf, 0),
)  # fmt: skip
_ZONE = re.compile(r"\b(?:overbought|oversold)\b|ซื้อมากเกินไป|ขายมากเกินไป")
_BOUGHT = frozenset({"overbought", "ซื้อมากเกินไป"})
_TOP, _BOTTOM, _NEAR = 70.0, 30.0, 10.0
_SHOWN = {"index": 0.05, "level": 0.05, "percent": 0.005, "ratio": 0.005}
"""Half of a unit's last shown digit: a model sees no more, so a value that shows as a bound may be on either side."""
_NEARLY = re.compile(
    r"\b(?:near|nears|nearing|approach\w*|close to|towards?|almost|nearly|verging on|"
    r"bordering on)\s+(?:[\w-]+\s+){0,2}$"
)
_BEFORE = re.compile(r"\b(?:before|rather than|instead of)\b(?:\s+[\w-]+){0,3}\s*$")
_AROUND = re.compile(r"\b(?:neither|nor|or|of|from|than)\s+(?:[\w-]+\s+){0,2}$")


def levels(found: Sequence[Sentence], known: Mapping[str, Known]) -> list[Problem]:
    """Every word for a level that the recomputed values contradict, or that no value is there for."""
    problems: list[Problem] = []
    for sentence in found:
        problems += _zones(sentence, known)
        problems += [*_told(sentence, known), *_unknown(sentence)]
    return problems


def _told(sentence: Sentence, known: Mapping[str, Known]) -> Iterator[Problem]:
    seen: set[int] = set()
    for level in LEVELS:
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
    for match in _COMPARED.finditer(sentence.text):
        begin, end = sentence.clause(match.start())
        if not _KNOWN.fullmatch(match["word"]) and re.search(_VOLUME, sentence.text[begin:end]):
            why = f"{match[0]!r} compares in a word that is not known here; say busier or quieter than usual"
            yield Problem("direction", sentence.start + match.start(), match[0], why)


def _outside(level: _Level, known: Mapping[str, Known]) -> str:
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
        denied, nearly = NOT.search(lead), _NEARLY.search(lead)
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

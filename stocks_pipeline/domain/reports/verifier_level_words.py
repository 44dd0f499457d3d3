"""How much something is, in words, and the bounds within which each may be said.

What belongs here: the table, each row with the facts that decide. What does not: judging a sentence by it
(verifier_levels.py), sizes of the value that stands beside the word (verifier_sizes.py).

The bounds of plain adjectives are wide on purpose: only what no reader could defend is refused ("modest" beside a
volatility of 90 %). Comparisons with the usual have no slack.
"""

import re
from dataclasses import dataclass
from math import inf


@dataclass(frozen=True)
class Level:
    """Words that may be said where one of the facts lies within bounds, in a clause that speaks of `about`."""

    words: re.Pattern[str]
    facts: tuple[str, ...]
    low: float
    high: float
    about: re.Pattern[str] | None = None


def _level(words: str, facts: str, low: float, high: float, about: str = "") -> Level:
    pattern = re.compile(rf"\b(?:{words})\b" if words.isascii() else words)
    return Level(pattern, tuple(facts.split()), low, high, re.compile(about) if about else None)


_RSI = r"\brsi\b|relative[- ]strength"
VOLUME = r"\b(?:volumes?|turnover|trading|trade|activity|market was)\b"
_MORE = "busier|busy|heavier|heavy|brisker|brisk|livelier|lively|hectic|frantic|bustling|buoyant"
_LESS = r"quieter|quiet|thinner|thin|lighter|(?<!in )light|muted|subdued|sluggish|sleepy|sparse|dull|meagre"
_USUAL = r"than (?:its |the |is |was |it )?(?:usual|normal|average|the norm|typical|customary)"
COMPARED = re.compile(rf"\b(?:more |less )?(?P<word>[a-z]+) {_USUAL}")
KNOWN_USUAL = re.compile(
    rf"{_MORE}|{_LESS}|active|more|less|fewer|higher|stronger|bigger|larger|lower|weaker|smaller|other|rather"
)
_ALIKE = (
    r"(?:about |roughly |nearly )?as (?:busy|heavy|active|high|quiet|brisk|lively) as (?:is )?(?:usual|normal|"
    r"average|ever)|"
    r"(?:in line with|close to|near|around) (?:its |the )?(?:usual|norm\w*|average)"
)
_IS = r"(?:is|was|are|were|remains?|remained|stays?|looks?|seems?|appears?|ran|came in|stands at a|at a)"
_VOLATILE = r"volatility|volatile|swings"
_BY = r"(?:very |rather |quite |fairly |still |so |too |also |extremely |truly )?"
_PAYOUT = "dividends?|(?:dividend )?yield|payout"
_MACD = r"\bmacd\b|signal line|\bhistogram\b"
_BUYING = (
    r"(?:buying pressure|firm buying|strong momentum|upward momentum|positive momentum|"
    r"(?:buyers|bulls) (?:have|had|hold|keep|kept) the upper hand|(?:buyers|bulls) (?:are|were|remain) in control)"
)
_SELLING = (
    r"(?:selling pressure|firm selling|weak momentum|downward momentum|negative momentum|"
    r"(?:sellers|bears) (?:have|had|hold|keep|kept) the upper hand|(?:sellers|bears) (?:are|were|remain) in control)"
)
_AVERAGES = "close_vs_sma_20 close_vs_sma_50 close_vs_sma_200"


def _said_of(subject: str, words: str, fact: str, low: float, high: float) -> Level:
    """Adjectives of a subject, before it or said of it: "a deep drawdown", "the drawdown of ... is deep"."""
    spoken = rf"(?:{subject})\b[^,;.]{{0,70}}?\b{_IS} {_BY}(?:an? )?(?:{words})|(?:{words}) (?:yearly )?(?:{subject})"
    return _level(spoken, fact, low, high)


def _volatility(words: str, low: float, high: float) -> Level:
    spoken = rf"(?:{_VOLATILE})[^,;.]{{0,70}}?\b{_IS} {_BY}(?:{words})"
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
    _level(r"(?:closed|finished|ended|settled) (?:\w+ )?higher", "return_1d", 0, inf),
    _level(r"(?:closed|finished|ended|settled) (?:\w+ )?lower", "return_1d", -inf, 0),
    _level(r"(?:closed|finished|ended|settled) (?:almost |nearly |virtually )?(?:unchanged|flat|little changed)",
           "return_1d", -0.5, 0.5),
    _level(rf"(?:{_MORE}|more active|higher|stronger|bigger|larger) {_USUAL}", "volume_ratio", 1.0, inf),
    _level(rf"(?:{_LESS}|less active|lower|weaker|smaller) {_USUAL}", "volume_ratio", 0.0, 1.0),
    _level(rf"(?:far|much|considerably|significantly|well) (?:{_MORE})", "volume_ratio", 1.15, inf, VOLUME),
    _level(rf"(?:far|much|considerably|significantly|well) (?:{_LESS})", "volume_ratio", 0.0, 0.87, VOLUME),
    _level(rf"(?<!\bas )(?:{_MORE})", "volume_ratio", 1.0, inf, VOLUME),
    _level(rf"(?<!\bas )(?:{_LESS})", "volume_ratio", 0.0, 1.0, VOLUME),
    _level(r"volumes? (?:was|is|were|ran|came in) (?:very )?(?:strong|high|large)|(?:high|strong|above-average) volume",
           "volume_ratio", 1.0, inf),
    _level(r"volumes? (?:was|is|were|ran|came in) (?:very )?(?:weak|low|small)|(?:low|weak|below-average) volume",
           "volume_ratio", 0.0, 1.0),
    _level(_ALIKE, "volume_ratio", 0.75, 1.34, VOLUME),
    _level("ordinary|normal|average-sized|unremarkable", "volume_ratio", 0.6, 1.6, VOLUME),
    _volatility("low|tame|calm|quiet|small|negligible|tiny", 0, 30),
    _volatility("modest|mild|subdued|muted|gentle|slight", 0, 35),
    _volatility("moderate|ordinary|average|unremarkable", 10, 60),
    _volatility("considerable|high|elevated|heavy|large|sizeable|pronounced|substantial", 20, inf),
    _volatility("extreme|violent|wild|severe|huge|enormous|dramatic|dizzying", 50, inf),
    _said_of("drawdown", "deep|steep|severe|heavy|large|painful|alarming|dramatic|serious", "drawdown", -inf, -8),
    _said_of("drawdown", "shallow|small|minor|slight|mild|modest|limited|contained", "drawdown", -15, 0.01),
    _said_of("drawdown", "negligible|tiny|trivial|minimal|insignificant", "drawdown", -4, 0.01),
    _level("crash(?:ed)?|collapsed?", "drawdown", -inf, -20, r"\bdrawdown\b"),
    _level("(?:near|close to|not far from) (?:its|the) (?:peak|high|top)", "drawdown", -5, 0.01, r"\bdrawdown\b"),
    _said_of(_PAYOUT, "generous|high|rich|lavish|attractive|ample", "dividend_yield_12m", 2, inf),
    _said_of(_PAYOUT, "meagre|tiny|low|small|negligible|thin|poor", "dividend_yield_12m", 0, 3.5),
    _level(r"high|strong|firm|upper (?:part|end|region)|(?:above|over|exceeds) (?:the |its )?(?:mid\w*|neutral \w+)",
           "rsi_14 rsi_percentile", 50, 100, _RSI),
    _level(r"low|soft|lower (?:part|end|region)|(?:below|under) (?:the |its )?(?:mid\w*|neutral \w+)",
           "rsi_14 rsi_percentile", 0, 50, _RSI),
    _level(rf"{_BUYING}", "rsi_14", 50, 100, _RSI),
    _level(rf"{_SELLING}", "rsi_14", 0, 50, _RSI),
    _level(r"(?:plenty of |much |ample )room (?:before|to|left)|room to run", "rsi_14", 0, 62, _RSI),
    _level(rf"{_BUYING}|supportive|constructive", "macd macd_histogram", 0, inf, _MACD),
    _level(rf"{_SELLING}|downward pressure", "macd macd_histogram", -inf, 0, _MACD),
    _level("calm|quiet|narrow|small|tight|low", "atr_percentile", 0, 60, r"\b(?:true range|atr|range percentile)\b"),
    _level("wide|large|big|high|elevated|heavy", "atr_percentile", 40, 100,
           r"\b(?:true range|atr|range percentile)\b"),
    _level("crowded|broad|strong interest|high interest|lots of interest|more shares", "volume_ratio", 1.0, inf,
           rf"{VOLUME}|\bparticipation\b"),
    _level(r"buy(?:ing)? signals?|bullish", "macd macd_histogram", 0, inf, r"\bmacd\b|signal line"),
    _level(r"sell(?:ing)? signals?|bearish", "macd macd_histogram", -inf, 0, r"\bmacd\b|signal line"),
    _level(r"(?:up ?trend|upward trend|rising trend|trending (?:higher|up|upwards?)|bull market)|ขาขึ้น",
           _AVERAGES, 0, inf),
    _level(r"(?:down ?trend|downward trend|falling trend|trending (?:lower|down|downwards?)|bear market)|ขาลง",
           _AVERAGES, -inf, 0),
)  # fmt: skip

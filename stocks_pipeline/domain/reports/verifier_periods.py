"""Values called of another span of time or kind than they are: a monthly low, a weekly RSI, an opening price.

What belongs here: which words of time and kind do not fit a fact, and where they stand. What does not: the returns,
whose names are spans of time (verifier_claims.py).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from stocks_pipeline.domain.reports.verifier_sentences import Sentence
from stocks_pipeline.domain.reports.verifier_spans import Problem, Span

_INTRADAY = "intraday|hourly|today's|overnight|session's|day's"
_OF_YEAR = f"daily|weekly|week's|monthly|month's|quarterly|quarter's|{_INTRADAY}"
_OF_DAYS = "weekly|week's|monthly|month's|quarterly|quarter's|yearly|year's|annual|hourly|intraday"
_OF_MONTH = f"daily|weekly|week's|quarterly|quarter's|yearly|year's|annual|{_INTRADAY}"
_SHORTER = "day|session|week|month|months|quarter|decade"
_LONGER = "week|month|months|quarter|year|decade"
_NOT_MONTH = "day|session|week|quarter|year|months|decade"


class _Rule(NamedTuple):
    """Nouns, the words that may not stand before them, the spans they may not be "of", and the facts so named."""

    nouns: str
    before: str
    within: str
    facts: tuple[str, ...]


_RULES = (
    _Rule("highs?|lows?|peaks?|troughs?|range|highest|lowest|traded", _OF_YEAR, _SHORTER, ("high_52w", "low_52w")),
    _Rule("drawdown", _OF_YEAR, _SHORTER, ("drawdown",)),
    _Rule("dividends?|dividend yield|yield|payout", _OF_YEAR, _SHORTER, ("dividend_yield",)),
    _Rule("volatility", _OF_YEAR, "day|session|week|quarter", ("volatility_",)),
    _Rule("volume-weighted|vwap|volume-weighted average price", _OF_MONTH, _NOT_MONTH, ("vwap_",)),
    _Rule("correlation", "daily|weekly|monthly|yearly|annual|hourly", "day|session|week|month|year", ("peer_",)),
    _Rule("rsi|macd|signal line|histogram|relative strength", _OF_DAYS, _LONGER, ("rsi_14", "macd")),
    _Rule("average volume|volume average", "weekly|week's|quarterly|yearly|annual|hourly", _NOT_MONTH, ("volume_sma",)),
    _Rule("volume|turnover", f"average daily|daily average|{_OF_DAYS}", _LONGER, ("volume",)),
    _Rule("true range|atr|range", "weekly|week's|monthly|month's|quarterly|hourly", _LONGER, ("atr_",)),
    _Rule("bollinger bands?|bands?|upper band|lower band", _OF_MONTH, "", ("bollinger_",)),
    _Rule(
        "close|closing price|price|closed",
        "opening|midday|intraday|after-hours|pre-market|bid|ask|offer|target|fair|intrinsic|weekly|monthly|yearly|"
        "average",
        "",
        ("close",),
    ),
)
_OWN = re.compile(
    r"\b(?:its|their) (?:own )?(?:last |past )?(?P<what>week|month|quarter|day|session|decade|months)(?:'s)?\b"
)


def _pattern(rule: _Rule) -> re.Pattern[str]:
    left = rf"\b(?:{rule.before})\s+(?:closing |trading |moving |short |average |usual )?(?:{rule.nouns})\b"
    if not rule.within:
        return re.compile(left)
    span = rf"(?:past |last |whole |current |previous |latest )?(?:{rule.within})\b"
    of = rf"\b(?:{rule.nouns})\s+(?:\([\w ]+\) )?(?:[\w-]+ )?(?:of|over|for|in|within|during|from) "
    of += rf"(?:the|this|its|a) {span}"
    led = rf"\b(?:within|over|during|in) (?:the|this|its) {span}[^,;.]{{0,20}}?\b(?:{rule.nouns})\b"
    return re.compile(f"{left}|{of}|{led}")


_PATTERNS = tuple((_pattern(rule), rule.facts) for rule in _RULES)


def periods(found: Sequence[Sentence], units: Mapping[str, str]) -> list[Problem]:
    """Every value named as of a span of time, or of a kind, that it is not of; `units` is the unit of each fact."""
    return [problem for sentence in found for problem in _spans_of_time(sentence, units)]


def _spans_of_time(sentence: Sentence, units: Mapping[str, str]) -> Iterator[Problem]:
    values = [span for span in sentence.spans if units.get(span.fact, "text") != "text"]
    for pattern, facts in _PATTERNS:
        if not any(span.fact.startswith(facts) for span in values):
            continue
        for match in pattern.finditer(sentence.text):
            span = _nearest(sentence, match, values)
            if span and span.fact.startswith(facts) and not _exempt(span.fact, facts):
                why = f"{match[0]!r} does not fit {span.fact} ({span.text}), which is of another span of time or kind"
                yield Problem("claim", sentence.start + match.start(), match[0][:80], why)
    if any(span.fact.endswith("_percentile") for span in values) and (own := _OWN.search(sentence.text)):
        why = f"{own[0]!r}: a percentile is of the year, not of the {own['what']}"
        yield Problem("claim", sentence.start + own.start(), own[0], why)


def _exempt(fact: str, facts: tuple[str, ...]) -> bool:
    """The close's words are not those of the gaps to the averages, nor the volume's those of its average."""
    return (facts == ("close",) and fact != "close") or (facts == ("volume",) and fact != "volume")


def _nearest(sentence: Sentence, match: re.Match[str], values: Sequence[Span]) -> Span | None:
    """The value a phrase is about: the next one, else the one before it."""
    at = sentence.start + match.start()
    following = [span for span in values if span.start >= at]
    return following[0] if following else (values[-1] if values else None)

"""Comparisons against the numbers: which of two values is said to be above the other.

What belongs here: finding both sides of "above", "below", "more than", shown or only named, and judging them by the
stored values. What does not: moves and signs (verifier_direction.py), what may not be compared at all
(verifier_feats.py).
"""

import re
from collections.abc import Iterator, Mapping

from stocks_pipeline.domain.reports.verifier_claims import ideas_in
from stocks_pipeline.domain.reports.verifier_display import Known
from stocks_pipeline.domain.reports.verifier_sentences import CUT, Sentence, stated
from stocks_pipeline.domain.reports.verifier_spans import MASK, Problem

_MORE = (
    r"above|(?:higher|heavier|more|greater|larger|bigger|stronger|better|richer) than|exceed(?:s|ed|ing)?|tops|topped|"
    r"topping|beats?|beat(?:s|ing)|surpass(?:es|ed|ing)?|outstrip(?:s|ped)?|outpace[sd]?|outdid|outdoes|outweighs?|"
    r"eclipse[sd]?|dwarf(?:s|ed)?|towers? over|towered over|ahead of|clear of|in excess of|"
    r"over(?= (?:its|the|an?) [\w-]+ (?:moving )?average)|a multiple of|manifold|several times|"
    r"rests? (?:on|above)|(?:stays|sits|holds) (?:on|above)|has (?:reclaimed|cleared)|reclaim(?:s|ed)|cleared|"
    r"broke out (?:of|above|through)|broken out (?:of|above|through)"
)
_LESS = (
    r"below|beneath|underneath|(?:lower|lighter|less|fewer|smaller|weaker|worse|poorer) than|trail(?:s|ed|ing)?|"
    r"lag(?:s|ged|ging)?|short of|shy of|behind|under(?= (?:its|the|an?) [\w-]+ (?:moving )?average)|"
    r"a (?:fraction|sliver|part) of|broke (?:down )?(?:through|below)|broken (?:down )?(?:through|below)|"
    r"(?:lost|loses|gave up|gives up) (?:its|the|ground from)"
)
_EQUAL = r"equal(?:s|led)?(?! (?:\ue000)+ of)|match(?:es|ed)|identical to|the same as|level with|on (?:a )?par with"
_COMPARED = re.compile(rf"\b(?P<more>{_MORE})\b|\b(?P<less>{_LESS})\b|\b(?P<equal>{_EQUAL})\b")
_GREATLY = re.compile(r"eclipse|dwarf|tower|a multiple|manifold|several times|a fraction|a sliver")
_MUCH = 1.5
"""How many times the other a value must be that dwarfs it."""
_LEVEL = 5e-5
"""Part of a price by which another may differ and a gap still shows as 0.00 %: either side may be said."""


def comparisons(sentence: Sentence, units: Mapping[str, str], known: Mapping[str, Known]) -> Iterator[Problem]:
    """Comparisons that the stored values contradict; `units` is the unit of each fact."""
    for match in _COMPARED.finditer(sentence.text):
        begin, end = sentence.clause(match.start())
        if not stated(sentence, match.start()):
            continue
        left, right = (
            _subject(sentence, units, begin, match.start()),
            _operand(sentence, units, match.end(), end, first=True),
        )
        if left == "volume" and not right and _usual(sentence.text[match.end() : end]):
            right = "volume_sma_20"
        if left == "" and right and units[right] == "price":
            left = "macd" if right == "macd_signal" else "close"
        if not left or not right or left == right or left not in known or right not in known:
            continue
        one, other = known[left].value, known[right].value
        if units[left] != units[right] or not isinstance(one, int | float) or not isinstance(other, int | float):
            continue
        if _untrue(match, float(one), float(other)):
            why = f"{left} is not {match[0]} {right}: the stored rows say otherwise"
            said = sentence.text[begin:end].strip().replace(MASK, "\u2026")[:80]
            yield Problem("direction", sentence.start + match.start(), said, why)


def _untrue(match: re.Match[str], one: float, other: float) -> bool:
    """Whether the relation that the word tells does not hold between the two values."""
    alike = abs(one - other) < _LEVEL * abs(other)
    if match["equal"] or alike:
        return bool(match["equal"]) and not alike
    much = _MUCH if _GREATLY.match(match[0]) else 1.0
    return one <= much * other if match["more"] else one >= other / much


def _usual(text: str) -> bool:
    return bool({"average", "usual"} & {idea for _, idea in ideas_in(text)})


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
        if begin <= span.start - sentence.start < end
        and (units.get(span.fact) in {"price", "shares"} or span.fact.startswith("return_"))
    ]
    if inside:
        return inside[0 if first else -1].fact
    said = {idea for _, idea in ideas_in(sentence.text[begin:end])}
    if {"short", "medium", "long"} & said and len({"short", "medium", "long"} & said) > 1:
        return None
    return next((fact for ideas, fact in _SPOKEN.items() if ideas <= said), None)


def _named_else(text: str) -> bool:
    """Whether a stretch has a subject of its own that is no price. A verb of a move is none: "it fell below"."""
    named = {"rsi", "macd", "volume", "volatility", "range", "band", "peer", "return"} & {i for _, i in ideas_in(text)}
    return bool(named - {"return"}) or ("return" in named and "return" in text)

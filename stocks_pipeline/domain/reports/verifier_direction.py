"""Words of direction against the numbers: rose and fell, above and below, overbought and oversold.

What belongs here: contradictions between a sentence and the recomputed values. What does not: names of values
(verifier_context.py), stance (verifier_layout.py).

A clause that speaks of what might happen ("would", "if", "a break below") states nothing and is passed over, as is a
negated word ("did not rise"). Quotations are masked before and never read.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from stocks_pipeline.domain.reports.verifier_claims import ideas_in
from stocks_pipeline.domain.reports.verifier_display import Known
from stocks_pipeline.domain.reports.verifier_sentences import CUT, Sentence, windows
from stocks_pipeline.domain.reports.verifier_spans import MASK, Problem, Span

_UP = (
    "rose|rise|rises|risen|rising|gain|gains|gained|gaining|up|advance|advances|advanced|climb|climbs|climbed|climbing|"
    "increase|increases|increased|rallied|rally|grew|jumped|surged|soared|higher|above|positive|positively|ahead|premium|"
    "added|upside|เพิ่มขึ้น|ปรับขึ้น|สูงขึ้น|สูงกว่า|เหนือ|บวก"
)
_DOWN = (
    "fell|fall|falls|fallen|falling|loss|losses|lost|losing|down|decline|declines|declined|declining|drop|drops|dropped|"
    "slip|slips|slipped|slid|slide|decrease|decreases|decreased|shrank|shrunk|contracted|plunged|tumbled|sank|shed|lower|"
    "below|beneath|negative|negatively|inverse|inversely|behind|discount|downside|ลดลง|ปรับลง|ต่ำลง|ต่ำกว่า|ใต้|ติดลบ"
)
_FLAT = "unchanged|flat|steady|stable|ทรงตัว|ไม่เปลี่ยนแปลง"


def _words(table: str) -> str:
    latin = "|".join(word for word in table.split("|") if word.isascii())
    thai = "|".join(word for word in table.split("|") if not word.isascii())
    return rf"(?<![\w-])(?:{latin})(?![\w])|(?:{thai})"


_TURN = re.compile(f"(?P<up>{_words(_UP)})|(?P<down>{_words(_DOWN)})|(?P<flat>{_words(_FLAT)})")
_SIGN_ONLY = re.compile(r"(?P<up>\b(?:positive|positively)\b)|(?P<down>\b(?:negative|negatively|inverse|inversely)\b)")
_NOT = re.compile(
    r"(?:\b(?:not|no|never|nor|neither|without|hardly|cannot|far from|short of)\b|n['\u2019]t\b)(?:\s+[\w-]+){0,3}\s*$"
)
_MAYBE = re.compile(
    r"\b(?:would|could|can|may|might|should|shall|will|if|unless|until|whether|risk|risks|watch|"
    r"expect\w*|likely|"
    r"potential\w*|possible|were to)\b"
    r"|\b(?:a|an|any|another|further|sustained|renewed)\s+(?:[\w-]+\s+){0,2}(?:close|closes|drop|fall|break|move|slip|dip|rise|"
    r"push|return|slide|decline|rally|recovery|breach|step)\w*\s+(?:back\s+)?(?:above|below|beneath|through|towards?)\b"
    r"|\u0e2d\u0e32\u0e08|\u0e2b\u0e32\u0e01|\u0e16\u0e49\u0e32|\u0e08\u0e30"
)
_OVER = re.compile(
    r"\b(overbought|oversold)\b|\u0e0b\u0e37\u0e49\u0e2d\u0e21\u0e32\u0e01\u0e40\u0e01\u0e34\u0e19\u0e44\u0e1b|\u0e02\u0e32\u0e22\u0e21\u0e32\u0e01\u0e40\u0e01\u0e34\u0e19\u0e44\u0e1b"
)
_NEARLY = re.compile(
    r"\b(?:near|nears|nearing|approach\w*|close to|towards?|almost|nearly|neither|nor|or|of|from|than)"
    r"\s+(?:[\w-]+\s+){0,2}$"
)
_COMPARED = re.compile(
    r"\b(?P<more>above|higher than|heavier than|more than|exceeds|exceeded|tops|topped|beat|surpassed)\b"
    r"|\b(?P<less>below|beneath|lower than|lighter than|less than)\b"
)
_MOVED = re.compile(f"(?P<up>{_words(_UP)})|(?P<down>{_words(_DOWN)})")
_RELATIVE = frozenset({"above", "below", "beneath", "higher", "lower", "ahead", "behind"})
_SIGNED = frozenset({"macd", "macd_signal", "macd_histogram"})
_BOTH = frozenset({"close", "previous_close"})
_FLAT_BELOW = 0.5
_BOUGHT, _SOLD = 70.0, 30.0


def directions(found: Sequence[Sentence], units: Mapping[str, str], known: Mapping[str, Known]) -> list[Problem]:
    """Every contradiction; `known` are the recomputed values, `units` the unit of each fact."""
    problems: list[Problem] = []
    for sentence in found:
        problems += _signs(sentence, units)
        problems += _zones(sentence, known)
        problems += _comparisons(sentence, units, known)
        problems += _moves(sentence, known)
    return problems


def _maybe(sentence: Sentence, at: int) -> bool:
    begin, end = sentence.clause(at)
    return _MAYBE.search(sentence.text, begin, end) is not None


def _signs(sentence: Sentence, units: Mapping[str, str]) -> Iterator[Problem]:
    values = [span for span in sentence.spans if units.get(span.fact, "text") != "text"]
    for span in values:
        narrow = span.fact in _SIGNED or span.fact.endswith("_correlation")
        if units[span.fact] != "percent" and not narrow:
            continue
        if _maybe(sentence, span.start - sentence.start):
            continue
        turn = _turn(sentence, span, values, _SIGN_ONLY if narrow else _TURN)
        sign = -1 if span.text.startswith("-") else int(any(char in "123456789" for char in span.text))
        size = float(re.sub(r"[^\d.]", "", span.text) or 0)
        wrong = (
            (turn[0] == "up" and sign <= 0)
            or (turn[0] == "down" and sign >= 0)
            or (turn[0] == "flat" and size >= _FLAT_BELOW)
        )
        if wrong:
            why = f"{turn[1]!r} contradicts {span.fact} of {span.text}; use a word that fits its sign, or none"
            yield Problem("direction", span.start, span.text, why)


def _turn(sentence: Sentence, span: Span, values: Sequence[Span], pattern: re.Pattern[str]) -> tuple[str, str]:
    """The word of direction that belongs to a value, and which way it points."""
    for window in windows(sentence, span, values)[:3]:
        matches = [match for match in pattern.finditer(window.text) if not _NOT.search(window.text[: match.start()])]
        if matches:
            match = matches[0] if window.after else matches[-1]
            return str(match.lastgroup), match[0]
    return "", ""


def _zones(sentence: Sentence, known: Mapping[str, Known]) -> Iterator[Problem]:
    for match in _OVER.finditer(sentence.text):
        if _maybe(sentence, match.start()):
            continue
        begin, _ = sentence.clause(match.start())
        lead = sentence.text[begin : match.start()]
        bought = match[0] in {
            "overbought",
            "\u0e0b\u0e37\u0e49\u0e2d\u0e21\u0e32\u0e01\u0e40\u0e01\u0e34\u0e19\u0e44\u0e1b",
        }
        rsi = known.get("rsi_14")
        level = rsi.value if rsi and isinstance(rsi.value, float) else None
        there = level is not None and (level >= _BOUGHT if bought else level <= _SOLD)
        stated = not _NOT.search(lead) and not _NEARLY.search(lead)
        if stated != there and (stated or _NOT.search(lead)):
            shown = "no RSI exists" if level is None else f"the RSI is {level:.1f}"
            zone = "70 or more" if bought else "30 or less"
            why = f"{match[0]!r} means an RSI of {zone}; {shown}"
            yield Problem("direction", sentence.start + match.start(), match[0], why)


def _comparisons(sentence: Sentence, units: Mapping[str, str], known: Mapping[str, Known]) -> Iterator[Problem]:
    for match in _COMPARED.finditer(sentence.text):
        begin, end = sentence.clause(match.start())
        if _maybe(sentence, match.start()) or _NOT.search(sentence.text[begin : match.start()]):
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
    for match in _MOVED.finditer(sentence.text, begin, ends[0].start - sentence.start):
        if (
            match[0] in _RELATIVE
            or _maybe(sentence, match.start())
            or _NOT.search(sentence.text[begin : match.start()])
        ):
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

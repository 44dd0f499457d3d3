"""Whether each value is called what it is: the fact that the words around a span name must be the span's own.

What belongs here: attribution of values, peers and headlines to their names. What does not: up and down, above and
below (verifier_direction.py).

For each value the stretches of text around it are tried in a reader's order. The first that names any fact of the same
unit decides: it must name this one. So two averages swapped, or a low printed as a high, are refused although both
numbers are true of something. Where no stretch names any fact, the sentence must.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from stocks_pipeline.domain.reports.verifier_claims import CLAIMS, PHRASES, Claim, advice, ideas_in
from stocks_pipeline.domain.reports.verifier_display import Known
from stocks_pipeline.domain.reports.verifier_sentences import NAMES, Sentence, Window, windows
from stocks_pipeline.domain.reports.verifier_spans import Problem, Span
from stocks_pipeline.domain.reports.verifier_turns import GAP

_PAIRS = (("low_52w", "high_52w"), ("bollinger_lower", "bollinger_upper"))
_COMPARISON = re.compile(r"\b(?:above|below|beneath|under|than)\b|\u0e01\u0e27\u0e48\u0e32")
_ITS = re.compile(r"\bpercentile (?:of|is|at|reads|stands at)\s*$")
_TELLS = re.compile(
    r"\s*(?:it |the share |the price )?(?:still |now |also )?"
    r"(?:is|was|are|remains?|stays?|stands?|sits?|trades?|keeps?|holds?)\b"
)
_PREVIOUS = re.compile(r"\s*(?:in|at|of|on) the (?:previous|prior|preceding)\b|\s*the (?:day|session) before\b")
_PERIODS = frozenset({"day", "week", "month", "months", "year"})
_SHARED = frozenset(idea for claim in CLAIMS.values() for idea in claim.also)
"""Ideas that part of several names hold: they alone name nothing."""
_NOTHING = (-(10**9), 0)
_ORDER = "between the lower and the higher"


def claims(found: Sequence[Sentence], units: Mapping[str, str], known: Mapping[str, Known]) -> list[Problem]:
    """Values called by another name or by none; `units` is the unit of each fact a span may show."""
    return [problem for sentence in found for problem in (*_sentence(sentence, units), *_partners(sentence, known))]


def _sentence(sentence: Sentence, units: Mapping[str, str]) -> Iterator[Problem]:
    values = [span for span in sentence.spans if units.get(span.fact, "text") != "text"]
    said = {idea for _, idea in ideas_in(sentence.text)}
    unnamed = []
    for span in sentence.spans:
        claim = CLAIMS.get(span.fact)
        if claim is None:
            continue
        if span not in values:
            if not said.intersection(claim.near):
                yield _problem(span, f"nothing in the sentence says what it is; {advice(span.fact)}")
            continue
        named = _named(list(_around(sentence, span, values, units)), span.fact, units, said)
        if named is None or _its_percentile(sentence, span, values):
            unnamed.append(span)
            if not said.intersection((*claim.near, *claim.weak)) and not _understood(sentence, span, said):
                yield _problem(span, f"nothing beside it says what it is; {advice(span.fact)}")
        elif named != span.fact:
            yield _problem(span, f"the words beside it name {named}, not {span.fact}; {advice(span.fact)}")
        if missing := [idea for idea in claim.also if idea not in said]:
            yield _problem(span, f"the sentence lacks {' and '.join(missing)}; {advice(span.fact)}")
    yield from _twins(sentence, values, units)
    yield from _pairs(values, unnamed)


def _understood(sentence: Sentence, span: Span, said: set[str]) -> bool:
    """Whether a value needs no name: a day's move to the close, the close of the share itself, a headline's date."""
    shown = {other.fact for other in sentence.spans}
    if span.fact == "return_1d":
        return "close" in shown or ("share" in said and not said & _PERIODS)
    return bool(NAMES & shown) if span.fact == "close" else span.fact.removesuffix("_date") in shown - {span.fact}


def _its_percentile(sentence: Sentence, span: Span, values: Sequence[Span]) -> bool:
    """Whether a percentile is that of the value before it: "an RSI of {rsi_14}, a percentile of {rsi_percentile}"."""
    place, base = values.index(span), span.fact.removesuffix("_percentile")
    if base == span.fact or not place or not values[place - 1].fact.startswith((f"{base}_", base)):
        return False
    lead = sentence.text[values[place - 1].end - sentence.start : span.start - sentence.start]
    return _ITS.search(lead) is not None


def _problem(span: Span, why: str) -> Problem:
    return Problem("claim", span.start, span.text[:60], f"{span.fact} is shown as {span.text[:60]!r}, but {why}")


def _named(around: Sequence[Window], fact: str, units: Mapping[str, str], said: set[str]) -> str | None:
    """The fact of this unit that the nearest telling stretch names; `fact` itself where it names it as well as any."""
    rivals = [name for name, unit in units.items() if unit == units[fact] and name in CLAIMS]
    for window in around:
        ideas = _before_value(window)
        if not ideas and not window.text.strip():
            continue
        last = [idea for _, idea in ideas if idea in PHRASES][-1:]
        if units[fact] == "price" and not window.after and set(last) & set(CLAIMS[fact].near) - _SHARED:
            return fact
        scores = {name: _score(name, fact, window, ideas, said) for name in rivals}
        best = max(scores.values(), default=None, key=lambda score: score or _NOTHING)
        if best:
            return fact if scores[fact] == best else next(name for name in rivals if scores[name] == best)
    return None


def _around(sentence: Sentence, span: Span, values: Sequence[Span], units: Mapping[str, str]) -> Iterator[Window]:
    """The stretches around a value but for those behind it that are of something else.

    Such a stretch leads to the next value ("{close} from a previous close of {previous_close}") or, behind a comma or
    an "and", begins to tell of the share ("{close} and is now below its average").
    """
    end, later = span.end - sentence.start, [other for other in values if other.start > span.start]
    around = windows(sentence, span, values)
    if span.fact.startswith("close_vs_"):  # "{gap} above its average" is named behind
        around.sort(key=lambda window: not (window.at == end and GAP.match(window.text)))
    if span.fact in {"close", "previous_close"}:  # "closed at {previous_close} in the previous session" likewise
        around.sort(key=lambda window: not (window.at == end and _PREVIOUS.match(window.text)))
    for window in around:
        if window.shared and _names(window.text[: window.shared], values[values.index(span) - 1].fact):
            continue
        alike = bool(later) and units[later[0].fact] == units[span.fact]
        leads = alike and not window.own and window.text.rstrip().endswith(" of")
        if not window.after or not (leads or (window.at > end and _TELLS.match(window.text))):
            yield window


def _names(text: str, fact: str) -> bool:
    """Whether a stretch of text holds a name of a fact."""
    return fact in CLAIMS and bool({idea for _, idea in ideas_in(text)}.intersection(CLAIMS[fact].near))


def _before_value(window: Window) -> list[tuple[int, str]]:
    """The ideas of a stretch; before a value those after a comparison: "a close below {sma_50}" is of no close."""
    ideas = ideas_in(window.text)
    if window.after:
        return ideas
    compared = [match.end() for match in _COMPARISON.finditer(window.text)]
    return [(at, idea) for at, idea in ideas if at >= compared[-1]] if compared else ideas


def _score(
    name: str, fact: str, window: Window, ideas: Sequence[tuple[int, str]], said: set[str]
) -> tuple[int, int] | None:
    """How well a stretch names a fact, None where it does not: before the value by fit, then by nearness."""
    claim, own = CLAIMS[name], CLAIMS[fact]
    spots = [at for at, idea in ideas if idea in claim.near]
    same_family = bool(claim.family) and claim.family == own.family
    if (name == fact or same_family) and not window.after:
        spots += _adjacent(claim, window, ideas)
    if not spots:
        return None
    here = {idea for _, idea in ideas}
    if name != fact and not set(claim.also) <= said:
        return None
    if claim.family == "return" and not same_family and "return" not in here:
        return None
    extra = len(here.intersection(claim.also))
    return (-min(spots), extra) if window.after else (extra, max(spots))


def _adjacent(claim: Claim, window: Window, ideas: Sequence[tuple[int, str]]) -> list[int]:
    """Weak words count as a name right before the value: "from {previous_close}"."""
    tail = len(window.text.rstrip())
    return [at for at, idea in ideas if idea in claim.weak and at + len(idea) >= tail]


def _twins(sentence: Sentence, values: Sequence[Span], units: Mapping[str, str]) -> Iterator[Problem]:
    """Of two values that one name fits (a range, its percentile) the further word must be nearer to its own."""
    named = [span for span in values if span.fact in CLAIMS]
    for span in named:
        claim = CLAIMS[span.fact]
        for other in named if not _its_percentile(sentence, span, values) else ():
            rival = CLAIMS[other.fact]
            alike = units[span.fact] == units[other.fact] and set(claim.near) & set(rival.near)
            for idea in set(claim.also) - set(rival.also) if alike else ():
                spots = [sentence.start + at for at, found in ideas_in(sentence.text) if found == idea]
                if spots and min(_apart(other, at) for at in spots) < min(_apart(span, at) for at in spots):
                    yield _problem(span, f"the word for {idea} is nearer to {other.text}; {advice(span.fact)}")


def _apart(span: Span, at: int) -> int:
    return at - span.end if at >= span.end else span.start - at


def _pairs(values: Sequence[Span], unnamed: Sequence[Span]) -> Iterator[Problem]:
    """An unnamed pair is read as low to high."""
    at = {span.fact: span for span in values}
    for low, high in _PAIRS:
        if low in at and high in at and at[high].start < at[low].start and {at[low], at[high]} & set(unnamed):
            yield _problem(at[high], f"an unnamed pair reads as {_ORDER}: name each, or put {low} first")


def _partners(sentence: Sentence, known: Mapping[str, Known]) -> Iterator[Problem]:
    """A correlation belongs to the peer named in its sentence, a headline's date to that headline."""
    for span in sentence.spans:
        owner, _, part = span.fact.rpartition("_")
        if part not in {"correlation", "date"} or not owner.startswith(("peer_", "news_")):
            continue
        kin = [other for other in sentence.spans if other.fact.startswith(owner[:5]) and other.fact.count("_") == 1]
        left = [other for other in kin if other.start < span.start]
        right = [other for other in kin if other.start > span.start]
        owners = {other.fact for other in (left[-1:] if _leads(sentence) else right[:1]) or kin}
        paired = owners == {owner} or _listed(sentence, span) or _same(known, span.fact, owners)
        if kin and not paired:
            yield _problem(span, f"it belongs to {owner}: put it right behind {{{owner}}}")
        elif not kin and owner.startswith("peer_"):
            yield _problem(span, f"the sentence does not name {{{owner}}}")


def _listed(sentence: Sentence, span: Span) -> bool:
    """Whether all names come before all values, as many of them and in the same order: "A and B on C and D"."""
    facts = [other.fact for other in sentence.spans if other.fact.startswith(span.fact[:5])]
    names = [fact for fact in facts if fact.count("_") == 1]
    return [fact.rpartition("_")[0] for fact in facts[len(names) :]] == names == facts[: len(names)]


def _same(known: Mapping[str, Known], fact: str, owners: set[str]) -> bool:
    """Whether every owner's date is the one shown: headlines of one day share it."""
    dates = [known.get(f"{owner}_date") for owner in owners]
    shown = known.get(fact)
    return fact.endswith("_date") and bool(shown and dates) and all(one and one.value == shown.value for one in dates)  # type: ignore[union-attr] # not None


def _leads(sentence: Sentence) -> bool:
    """Whether names come before their values in this sentence."""
    kinds = [span.fact.count("_") == 1 for span in sentence.spans if span.fact.startswith(("peer_", "news_"))]
    return bool(kinds) and kinds[0]

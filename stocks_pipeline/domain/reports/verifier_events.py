"""Events that no stored row tells of: takeovers, cuts, resignations, upgrades, lawsuits, results, the world outside.

What belongs here: when an event may be told. What does not: the words (verifier_event_words.py).

An event may be told where a stored headline shown in the same sentence tells of one of its kind. Elsewhere a report
that says it has invented it, also where it denies it ("no takeover is planned"): nothing stored shows that either. A
clause about what might be ("a rate rise could hurt") tells no event. Headlines are masked and never read as the
report's own.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from stocks_pipeline.domain.reports.verifier_display import Known
from stocks_pipeline.domain.reports.verifier_event_words import AGENT, DOES, EVENT
from stocks_pipeline.domain.reports.verifier_sentences import Sentence
from stocks_pipeline.domain.reports.verifier_spans import Problem
from stocks_pipeline.domain.reports.verifier_turns import MAYBE

_HEADLINE = re.compile(r"news_\d")
_SAYS = frozenset({"announced", "confirmed", "disclosed", "revealed", "reportedly", "according to", "media", "press"})

_DATA = re.compile(
    r"\b(?:indicators?|volumes?|turnover|macd|rsi|momentum|averages?|signals?|histogram|price|bands?)\b[^,;]*$"
)
"""The end of a text after which it is data that confirms or reveals, and nobody."""


def events(found: Sequence[Sentence], known: Mapping[str, Known]) -> list[Problem]:
    """Every event that no headline beside it tells of."""
    return [problem for sentence in found for problem in _sentence(sentence, known)]


def _sentence(sentence: Sentence, known: Mapping[str, Known]) -> Iterator[Problem]:
    headlines = [span.fact for span in sentence.spans if _HEADLINE.fullmatch(span.fact)]
    told = {kind for name in headlines for kind in _kinds(known.get(name))}
    for match in EVENT.finditer(sentence.text):
        begin, end = sentence.clause(match.start())
        kind = str(match.lastgroup)
        if match[0] in _SAYS and _DATA.search(sentence.text[begin : match.start()]):
            continue
        if kind in told or (headlines and match[0] in _SAYS) or MAYBE.search(sentence.text, begin, end):
            continue
        yield _problem(sentence, match.start(), match[0], kind, headlines)
    if headlines:
        return
    for match in AGENT.finditer(sentence.text):
        begin, end = sentence.clause(match.start())
        verb = match["verb"] or match["verb2"]
        if match["name"] and not sentence.names(match.end("name")):
            continue
        if verb not in DOES and not MAYBE.search(sentence.text, begin, end):
            yield _problem(sentence, match.start(), match[0].replace("\ue000", "\u2026"), "company", headlines)


def _kinds(headline: Known | None) -> set[str]:
    text = str(headline.value).lower() if headline else ""
    return {str(match.lastgroup) for match in EVENT.finditer(text)}


def _problem(sentence: Sentence, at: int, word: str, kind: str, headlines: Sequence[str]) -> Problem:
    where = f"{' and '.join(headlines)} does not tell of it" if headlines else "no headline stands beside it"
    why = f"{word!r} tells of an event ({kind}) that nothing stored shows: {where}; leave it out"
    return Problem("event", sentence.start + at, word[:80], why)

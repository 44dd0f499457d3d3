"""Scores of a report's text, 0 to 10, each with the parts it is made of. What cannot be known is absent, never 5.0.

What belongs here: the quality of the text, and `score_report`, which adds the scores of the share. What does not: how
parts are weighed (weighing.py), the share (share_scores.py). Same input, same scores: no model judges here.

| score | of what |
|---|---|
| faithfulness | numeric 35, percentile 25, news 20, factual 15, claim 5: the share the verifier let stand |
| completeness | sections written 40, subjects that have data and are covered 60 |
| reasoning | 25 each: stance fits the signals, points carry facts, sections join several facts, risks are measured |
| compliance | structure 30, content 25, format 15, length 10, language 10, citation 10 |
| consistency | stance against signals 50, sentences that contradict no value 50 |
| overall | faithfulness 50, completeness 20, reasoning 20, compliance 10; absent if one of them is |
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from stocks_pipeline.domain.reports.fact_units import FactSheet, Unit
from stocks_pipeline.domain.reports.placeholders import SECTIONS, Evidence, Narrative
from stocks_pipeline.domain.reports.share_scores import share_scores, signals
from stocks_pipeline.domain.reports.weighing import TOP, Part, Score, mean, part, weighed

WORDS_WANTED = (90, 450)
"""Words of a narrative, fewest and most, that have full marks for length."""
SUBJECTS: Mapping[str, tuple[str, ...]] = {
    "price": ("close",),
    "change": ("return_1d", "return_1w", "return_1m"),
    "trend": tuple(f"{kind}_{span}" for kind in ("sma", "close_vs_sma") for span in (20, 50, 200)),
    "momentum": ("rsi_14", "macd", "macd_histogram"),
    "volume": ("volume", "volume_ratio", "volume_percentile"),
    "risk": ("volatility_30d", "atr_14", "atr_percent", "drawdown", "bollinger_upper", "bollinger_lower"),
    "range of the year": ("high_52w", "low_52w"),
    "news": ("news_1", "news_2", "news_3", "news_4", "news_5"),
}
"""What a report should touch, as far as the sheet has any of it."""
_CONTRADICTIONS = {"claim", "direction", "stance"}
_FORMAT = {"markup", "hidden", "section"}
_JOINED = 3  # facts that a prose section joins for full marks
_LEAST_SIGNALS = 3


class Problem(Protocol):
    """What the scores read of a verifier's finding."""

    @property
    def kind(self) -> str: ...
    @property
    def at(self) -> int: ...


class Verdict(Protocol):
    """What the scores read of a verdict."""

    @property
    def passed(self) -> bool: ...
    @property
    def findings(self) -> Sequence[Problem]: ...
    @property
    def numbers_checked(self) -> int: ...
    @property
    def doubts(self) -> Sequence[Problem]: ...


def score_report(narrative: Narrative, sheet: FactSheet, verdict: Verdict, *, language: str = "en") -> dict[str, Score]:
    """Every score by name, those of the text first; an absent one has value None and its reason."""
    text = _Text.of(narrative)
    stance = _stance(narrative.stance, sheet)
    contradictions = [problem for problem in verdict.findings if problem.kind in _CONTRADICTIONS]
    agreed = part(
        "sentences against values",
        TOP * max(0.0, 1 - len(contradictions) / max(1, len(narrative.evidence))) if narrative.evidence else None,
        50,
        f"{len(contradictions)} contradict, {len(narrative.evidence)} shown",
    )
    made = [
        _faithfulness(narrative, sheet, verdict),
        _completeness(narrative, sheet, text),
        _reasoning(text, stance),
        _compliance(narrative, sheet, verdict, text, language),
        weighed("consistency", (part("stance against signals", stance.value, 50, stance.why), agreed)),
    ]
    by_name = {score.name: score for score in made}
    weights = {"faithfulness": 50, "completeness": 20, "reasoning": 20, "compliance": 10}
    parts = [
        part(name, by_name[name].value, weight, by_name[name].reason or "see its own parts")
        for name, weight in weights.items()
    ]
    return by_name | {"overall": weighed("overall", parts, every=True)} | share_scores(sheet)


def present(scores: Mapping[str, Score]) -> dict[str, float]:
    """Name and value of the scores that exist: the payload's `user_facing_scores`."""
    return {name: score.value for name, score in scores.items() if score.value is not None}


def explained(scores: Mapping[str, Score]) -> dict[str, Any]:
    """All of it as JSON types."""
    return {name: asdict(score) for name, score in scores.items()}


@dataclass(frozen=True)
class _Text:
    """A narrative taken apart: for each section its lines, each with the number of facts in it."""

    sections: Mapping[str, tuple[int, ...]]

    @classmethod
    def of(cls, narrative: Narrative) -> "_Text":
        found: dict[str, tuple[int, ...]] = {}
        title, at = "", 0
        for line in narrative.text.split("\n"):
            end = at + len(line)
            if line.startswith("## "):
                title = line[3:]
                found[title] = ()
            elif line and title:
                found[title] += (sum(at <= one.start < end for one in narrative.evidence),)
            at = end + 1
        return cls(found)

    def lines(self, *titles: str) -> list[int]:
        """Facts in each line of these sections."""
        return [count for title in titles for count in self.sections.get(title, ())]


def _faithfulness(narrative: Narrative, sheet: FactSheet, verdict: Verdict) -> Score:
    kinds: dict[str, list[Evidence]] = {"numeric": [], "percentile": [], "news": [], "factual": []}
    for one in narrative.evidence:
        kinds[_kind(one.fact, sheet)].append(one)
    at = [problem.at for problem in verdict.findings if problem.kind not in _CONTRADICTIONS | _FORMAT]
    astray = sum(not any(one.start <= place < one.end for one in narrative.evidence) for place in at)
    parts: list[Part] = []
    for (name, members), weight in zip(kinds.items(), (35, 25, 20, 15), strict=True):
        stood = sum(not any(one.start <= place < one.end for place in at) for one in members)
        checked = len(members) + (astray if name == "numeric" else 0)
        why = f"{stood} of {checked} stand" if checked else "none in the text"
        parts.append(part(name, TOP * stood / checked if checked else None, weight, why))
    contradictions = sum(problem.kind in _CONTRADICTIONS for problem in verdict.findings)
    shown, doubts = len(narrative.evidence), len(verdict.doubts)
    claim = TOP * max(0.0, 1 - (contradictions + doubts) / shown) if shown else None
    why = f"{contradictions} of {shown} contradicted, {doubts} sentences not verified"
    parts.append(part("claim", claim, 5, why))
    if not verdict.numbers_checked:
        return Score("faithfulness", None, tuple(parts), "the verifier found no number to check")
    known = [one for one in parts if one.value is not None]
    score = weighed("faithfulness", known)
    return Score("faithfulness", score.value, tuple(parts))


def _kind(name: str, sheet: FactSheet) -> str:
    if name.startswith("news_"):
        return "news"
    if name.endswith("_percentile"):
        return "percentile"
    fact = sheet.facts.get(name)
    return "factual" if fact is None or fact.unit in {Unit.TEXT, Unit.DATE} else "numeric"


def _completeness(narrative: Narrative, sheet: FactSheet, text: _Text) -> Score:
    wanted = _titles(sheet)
    written = [title for title in wanted if text.sections.get(title)]
    shown = {one.fact for one in narrative.evidence}
    possible = {subject: names for subject, names in SUBJECTS.items() if any(name in sheet.facts for name in names)}
    covered = [subject for subject, names in possible.items() if shown & set(names)]
    left = ", ".join(subject for subject in possible if subject not in covered) or "nothing"
    sections = part("sections", TOP * len(written) / len(wanted), 40, f"{len(written)} of {len(wanted)} written")
    subjects = part("subjects", TOP * len(covered) / len(possible) if possible else None, 60, f"left out: {left}")
    return weighed("completeness", (sections, subjects), every=True)


def _titles(sheet: FactSheet) -> list[str]:
    return [title for name, title in SECTIONS if name != "news" or "news_1" in sheet.facts]


def _stance(stance: str, sheet: FactSheet) -> Part:
    """BUY is right by as much as the signals point up, SELL down; HOLD in full where they cancel out, else half."""
    found = signals(sheet)
    if len(found) < _LEAST_SIGNALS:
        return part("stance", None, 25, f"only {len(found)} signals are known")
    net = sum(found.values()) / len(found)
    value = {"BUY": 5 + 5 * net, "SELL": 5 - 5 * net}.get(stance, TOP - 5 * abs(net))
    return part("stance", value, 25, f"{stance}; the signals' mean is {net:+.2f} on -1 to 1, {len(found)} known")


def _reasoning(text: _Text, stance: Part) -> Score:
    points = text.lines("Key takeaways")
    risks = text.lines("Risks to watch")
    prose = text.lines("Price and trend", "Momentum and volume")
    return weighed(
        "reasoning",
        (
            stance,
            part("points", _share(points), 25, f"{sum(map(bool, points))} of {len(points)} points carry facts"),
            part("joined", mean([TOP * min(1.0, count / _JOINED) for count in prose]), 25, f"facts a section: {prose}"),
            part("risks", _share(risks), 25, f"{sum(map(bool, risks))} of {len(risks)} risks are measured"),
        ),
    )


def _share(counts: Sequence[int]) -> float | None:
    return TOP * sum(map(bool, counts)) / len(counts) if counts else None


def _compliance(narrative: Narrative, sheet: FactSheet, verdict: Verdict, text: _Text, language: str) -> Score:
    wanted, titles = _titles(sheet), list(text.sections)
    bearing = sum(any(counts) for counts in text.sections.values())
    faults = sum(problem.kind in _FORMAT for problem in verdict.findings)
    words = len(narrative.text.split())
    sourced = sum(bool(one.fact in sheet.facts and sheet.facts[one.fact].source) for one in narrative.evidence)
    return weighed(
        "compliance",
        (
            part("structure", TOP if titles == wanted else 0.0, 30, f"sections: {', '.join(titles)}"),
            part("content", TOP * bearing / len(titles) if titles else 0.0, 25, f"{bearing} sections carry facts"),
            part("format", TOP - 2.5 * faults, 15, f"{faults} faults of form"),
            part("length", _length(words, language), 10, f"{words} words"),
            part("language", _language(narrative, language), 10, f"letters of {language}"),
            part(
                "citation",
                TOP * sourced / len(narrative.evidence) if narrative.evidence else None,
                10,
                f"{sourced} facts have a source",
            ),
        ),
    )


def _length(words: int, language: str) -> float | None:
    """Full marks inside WORDS_WANTED, less in proportion outside; Thai has no spaces to count words by."""
    if language == "th":
        return None
    least, most = WORDS_WANTED
    return TOP * min(1.0, words / least, most / max(1, words))


def _language(narrative: Narrative, language: str) -> float | None:
    """The share of the model's own letters that are of the language's script; half Thai is full marks for Thai."""
    own, at = [], 0
    for one in narrative.evidence:
        own.append(narrative.text[at : one.start])
        at = one.end
    letters = [char for char in "".join([*own, narrative.text[at:]]) if char.isalpha()]
    if not letters:
        return None
    thai = sum("\u0e01" <= char <= "\u0e4e" for char in letters) / len(letters)
    return TOP * (min(1.0, 2 * thai) if language == "th" else 1 - thai)

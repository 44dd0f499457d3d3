"""Scores of a report's text, 0 to 10, each with the parts it is made of. What cannot be known is absent, never 5.0.

What belongs here: the quality of the text, and `score_report`, which adds the scores of the share. What does not: how
parts are weighed (weighing.py), faithfulness (faithfulness.py), the share (share_scores.py). Same input, same scores:
no model judges here.

| score | of what |
|---|---|
| faithfulness | sentences with a verified value 40, doubts 30, values that stand 20, contradictions 10 |
| completeness | sections written 30, subjects that have data and are covered 50, what the bars could give 20 |
| reasoning | 25 each: stance fits the signals, points carry facts, sections join several facts, risks are measured |
| compliance | structure 30, content 25, format 15, length 10, language 10, citation 10 |
| consistency | stance against signals 80, sentences that contradict no value 20; absent where signals are few |
| overall | faithfulness 40, consistency 20, completeness 15, reasoning 15, compliance 10; absent if one of them is, |
| | save consistency, whose weight the others then have; at most 5 where the stance contradicts unanimous signals |
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from stocks_pipeline.domain.reports.fact_catalogue import OF_BARS
from stocks_pipeline.domain.reports.fact_labels import labels
from stocks_pipeline.domain.reports.fact_units import FactSheet
from stocks_pipeline.domain.reports.faithfulness import CONTRADICTIONS, FORMAT, faithfulness
from stocks_pipeline.domain.reports.judged import Verdict
from stocks_pipeline.domain.reports.placeholders import SECTIONS, Narrative
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
WEIGHTS = {"faithfulness": 40, "consistency": 20, "completeness": 15, "reasoning": 15, "compliance": 10}
"""What the overall score is made of."""
CAP = 5.0
"""Most that a report is worth whose stance all signals contradict."""
_JOINED = 3  # facts that a prose section joins for full marks
_LEAST_SIGNALS = 3


def score_report(narrative: Narrative, sheet: FactSheet, verdict: Verdict, *, language: str = "en") -> dict[str, Score]:
    """Every score by name, those of the text first; an absent one has value None and its reason."""
    text = _Text.of(narrative)
    stance = _stance(narrative.stance, sheet)
    contradictions = [problem for problem in verdict.findings if problem.kind in CONTRADICTIONS]
    agreed = part(
        "sentences against values",
        TOP * max(0.0, 1 - len(contradictions) / max(1, len(narrative.evidence))) if narrative.evidence else None,
        20,
        f"{len(contradictions)} contradict, {len(narrative.evidence)} shown",
    )
    made = [
        faithfulness(narrative, verdict),
        _completeness(narrative, sheet, text),
        _reasoning(text, stance),
        _compliance(narrative, sheet, verdict, text, language),
        weighed("consistency", (part("stance against signals", stance.value, 80, stance.why), agreed)),
    ]
    by_name = {score.name: score for score in made}
    against = _contradicted(narrative.stance, signals(sheet))
    return by_name | {"overall": _overall(by_name, against)} | share_scores(sheet)


def _overall(by_name: Mapping[str, Score], against: str) -> Score:
    """The weighted mean, held to CAP where the stance contradicts unanimous signals, which `against` then tells."""
    parts = [
        part(name, by_name[name].value, weight, by_name[name].reason or "see its own parts")
        for name, weight in WEIGHTS.items()
    ]
    lacking = any(by_name[name].value is None for name in WEIGHTS if name != "consistency")
    score = weighed("overall", parts, every=lacking)
    if not against or score.value is None or score.value <= CAP:
        return score
    return Score("overall", CAP, (*score.parts, part("at most", CAP, 0, against)))


def _contradicted(stance: str, found: Mapping[str, float]) -> str:
    """That all signals point the other way, in words; empty where they do not."""
    other = {"BUY": -1.0, "SELL": 1.0}.get(stance)
    if other is None or len(found) < _LEAST_SIGNALS or set(found.values()) != {other}:
        return ""
    return f"{stance}, and all {len(found)} signals point {'up' if other > 0 else 'down'}"


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


def _completeness(narrative: Narrative, sheet: FactSheet, text: _Text) -> Score:
    wanted = _titles(sheet)
    written = [title for title in wanted if text.sections.get(title)]
    shown = {one.fact for one in narrative.evidence}
    possible = {subject: names for subject, names in SUBJECTS.items() if any(name in sheet.facts for name in names)}
    covered = [subject for subject, names in possible.items() if shown & set(names)]
    left = ", ".join(subject for subject in possible if subject not in covered) or "nothing"
    sections = part("sections", TOP * len(written) / len(wanted), 30, f"{len(written)} of {len(wanted)} written")
    subjects = part("subjects", TOP * len(covered) / len(possible) if possible else None, 50, f"left out: {left}")
    return weighed("completeness", (sections, subjects, _data(sheet)), every=True)


def _data(sheet: FactSheet) -> Part:
    """What the ticker's own bars gave, of all they could give; what is absent is named in the report. A share that pays
    no dividend lacks nothing.
    """
    lacking = [name for name in OF_BARS if name in sheet.absent and name != "dividend_yield_12m"]
    known = sum(name in sheet.facts for name in OF_BARS)
    told = f"not in the data, and said so: {labels(lacking)}" if lacking else "nothing is absent"
    return part("data", TOP * known / (known + len(lacking)) if known + len(lacking) else None, 20, told)


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
    faults = sum(problem.kind in FORMAT for problem in verdict.findings)
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

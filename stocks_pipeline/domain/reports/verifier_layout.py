"""The shape of a finished report: first line, sections, stance.

What belongs here: the report's frame. What does not: what its sentences say, and which of them give another stance
(verifier_stance.py).
"""

import re
from collections.abc import Mapping, Sequence

from stocks_pipeline.domain.reports.verifier_display import Known, shows
from stocks_pipeline.domain.reports.verifier_spans import MASK, Problem, Span
from stocks_pipeline.domain.reports.verifier_stance import stances

REQUIRED = ("Key takeaways", "Price and trend", "Momentum and volume", "Risks to watch")
OPTIONAL = "News"
STANCES = ("BUY", "SELL", "HOLD")
_FIRST = re.compile(rf"\*\*({MASK}+) \u2014 ({MASK}+)\*\* \u00b7 ({MASK}+) \u00b7 (\w+)")
_HEADING = re.compile(r"^(#+)\s*(.*?)\s*$", re.MULTILINE)


def stance_of(masked: str) -> str | None:
    """The stance of the first line; None where the line is not of the right form."""
    match = _FIRST.fullmatch(masked.split("\n", 1)[0])
    return match[4] if match and match[4] in STANCES else None


def layout(masked: str, spans: Sequence[Span], known: Mapping[str, Known]) -> list[Problem]:
    """Problems of the first line, the sections and the stance."""
    return [*_first_line(masked, spans, known), *_sections(masked, known), *stances(masked, stance_of(masked))]


def _first_line(masked: str, spans: Sequence[Span], known: Mapping[str, Known]) -> list[Problem]:
    line = masked.split("\n", 1)[0]
    match = _FIRST.fullmatch(line)
    wanted = "**ticker \u2014 company name** \u00b7 session \u00b7 stance, its first three parts as evidence"
    if not match or match[4] not in STANCES:
        stance = "stance" if match else "section"
        return [
            Problem(
                stance, 0, line.replace(MASK, "\u2026")[:80], f"the first line must read {wanted}; BUY, SELL or HOLD"
            )
        ]
    facts = [span.fact for span in spans if span.start < len(line)]
    names = ["ticker", "company_name", "session"]
    if facts != names or any(name not in known for name in names):
        why = f"the first line must show {', '.join(names)}; it shows {', '.join(facts)}"
        return [Problem("company", 0, line.replace(MASK, "\u2026")[:80], why)]
    return [
        Problem("company", span.start, span.text, f"the first line is about {known[name].value}")
        for span, name in zip(spans, names, strict=False)
        if not shows(span.text, known[name], "date" if name == "session" else "text", 0, None)
    ]


def _sections(masked: str, known: Mapping[str, Known]) -> list[Problem]:
    heads = list(_HEADING.finditer(masked))
    names = [head[2] for head in heads]
    wanted = [*REQUIRED, *([OPTIONAL] if OPTIONAL in names and "news_1" in known else [])]
    problems = []
    if names != wanted or any(head[1] != "##" for head in heads):
        extra = "; a News section needs news" if OPTIONAL in names and "news_1" not in known else ""
        why = f"the sections must be {', '.join(wanted)}, in this order, each once{extra}"
        problems.append(Problem("section", 0, ", ".join(names)[:120].replace(MASK, "\u2026"), why))
    ends = [*(head.start() for head in heads[1:]), len(masked)]
    for head, end in zip(heads, ends, strict=False):
        body = masked[head.end() : end]
        if not any(char.isalpha() for char in body):
            problems.append(Problem("section", head.start(), head[2], "the section is empty"))
    between = masked[masked.find("\n") : heads[0].start()] if heads and "\n" in masked else ""
    if between.strip():
        problems.append(
            Problem("section", 0, between.strip()[:80].replace(MASK, "\u2026"), "text before the first section")
        )
    return problems

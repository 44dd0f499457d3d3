"""The injector: puts the facts into the model's prose and says where each one stands.

What belongs here: filling placeholders, the order of sections, evidence. What does not: what prose may hold (prose.py),
how a fact looks (display.py), whether a value is called what it is and the rest of the check of the result
(verifier.py, which shares no code with this side).

Nothing is mended in silence: a draft either becomes a narrative or comes back with a flaw for each fault.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from stocks_pipeline.domain.reports.answer import Draft, Flaw
from stocks_pipeline.domain.reports.display import display
from stocks_pipeline.domain.reports.fact_catalogue import COMPANY
from stocks_pipeline.domain.reports.fact_units import Fact, FactSheet, Unit
from stocks_pipeline.domain.reports.prose import PLACEHOLDER, flaws_of, language_flaw
from stocks_pipeline.domain.reports.svg import one_line

SECTIONS = (
    ("key_takeaways", "Key takeaways"),
    ("price_and_trend", "Price and trend"),
    ("momentum_and_volume", "Momentum and volume"),
    ("risks", "Risks to watch"),
    ("news", "News"),
)
"""Field of the answer and heading, in the order of the report; the headings are English in every language."""
HEADING = ("ticker", "company_name", "session")
"""Facts that the first line needs."""
_SPECIAL = re.compile(r"([\\`*_\[\]<>|~#])")
_LINK = re.compile(r"(?<=\w)(:)(?=//)|(?<=\bwww)(\.)|(?<=\S)(@)(?=\S)", re.IGNORECASE)


@dataclass(frozen=True)
class Evidence:
    """text[start:end] of the narrative shows the fact named `fact`, as `text`."""

    start: int
    end: int
    fact: str
    text: str


@dataclass(frozen=True)
class Narrative:
    """A finished report text in Markdown, its evidence in text order, and its stance."""

    text: str
    evidence: tuple[Evidence, ...]
    stance: str


def inject(draft: Draft, sheet: FactSheet, *, language: str = "en") -> tuple[Narrative | None, tuple[Flaw, ...]]:
    """The narrative of a draft, or None and every flaw that keeps it from being one."""
    flaws = [flaw for where, text in draft.fields() for flaw in _flaws(where, text, sheet, language)]
    if foreign := language_flaw([text for _, text in draft.fields()], language):
        flaws.insert(0, foreign)
    flaws += [
        Flaw.of("absent", "heading", name, f"the report cannot be headed: {sheet.absent.get(name, 'no such fact')}")
        for name in HEADING
        if name not in sheet.facts
    ]
    if flaws:
        return None, tuple(flaws)
    page = _Page(sheet)
    page.write("**").fact("ticker").write(" — ").fact("company_name").write("** · ").fact("session")
    page.write(f" · {draft.stance}\n")
    for name, title in SECTIONS:
        content = getattr(draft, name)
        if content is not None:
            page.write(f"\n## {title}\n\n")
            for line in [content] if isinstance(content, str) else [f"- {point}" for point in content]:
                page.prose(line).write("\n")
    return Narrative("".join(page.parts), tuple(page.evidence), draft.stance), ()


def escaped(text: str) -> str:
    """A stranger's text as Markdown that shows it: one line, no markup, no link a renderer would make of it."""
    marked = _SPECIAL.sub(r"\\\1", one_line(text))
    return _LINK.sub(lambda match: "\\" + match[0], marked)


@dataclass
class _Page:
    """A text in the making, and where the facts in it stand."""

    sheet: FactSheet
    parts: list[str] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    length: int = 0

    def write(self, text: str) -> "_Page":
        self.parts.append(text)
        self.length += len(text)
        return self

    def fact(self, name: str) -> "_Page":
        shown = shown_in_text(self.sheet.facts[name], self.sheet.currency)
        self.evidence.append(Evidence(self.length, self.length + len(shown), name, shown))
        return self.write(shown)

    def prose(self, template: str) -> "_Page":
        """The template with its facts; re.split leaves the names at the odd places."""
        for at, part in enumerate(PLACEHOLDER.split(template)):
            self.fact(part) if at % 2 else self.write(part)
        return self


def _why(name: str, sheet: FactSheet) -> str:
    """In brackets; not of company data, where it may be a vendor's text."""
    return "" if name in COMPANY else f" ({sheet.absent[name]})"


def shown_in_text(fact: Fact, currency: str | None) -> str:
    """A fact as the narrative shows it: as displayed, a text fact with its Markdown marks escaped."""
    shown = display(fact, currency)
    return escaped(shown) if fact.unit is Unit.TEXT else shown


def _flaws(where: str, text: str, sheet: FactSheet, language: str) -> Iterator[Flaw]:
    yield from flaws_of(where, text, language)
    rest = PLACEHOLDER.sub("", text)
    if "{" in rest or "}" in rest:
        yield Flaw.of("placeholder", where, rest, "a brace that belongs to no {fact_name}: write the name exactly")
    for name in dict.fromkeys(PLACEHOLDER.findall(text)):
        if name in sheet.absent:
            yield Flaw.of("absent", where, f"{{{name}}}", f"has no value{_why(name, sheet)}: leave it out")
        elif name not in sheet.facts:
            yield Flaw.of("placeholder", where, f"{{{name}}}", "no such fact: use only the names listed")

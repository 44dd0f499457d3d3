"""What the one-page report says, as data: heading, key facts, sections. Made from the finished payload alone.

What belongs here: reading a payload's Markdown back into plain sections, and choosing the key facts. What does not:
layout (report.typ) and typst (render.py). Standard library only, apart from the display rules.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from stocks_pipeline.domain.reports.display import display, long_date
from stocks_pipeline.domain.reports.fact_labels import LEGEND
from stocks_pipeline.domain.reports.fact_units import FactSheet
from stocks_pipeline.domain.reports.gaps import GAPS, gaps
from stocks_pipeline.domain.reports.world import world_note, writer_of

KEY_FACTS = (
    ("close", "Close"),
    ("return_1d", "Change on the day"),
    ("return_1m", "One month"),
    ("return_1y", "One year"),
    ("rsi_14", "RSI 14"),
    ("volume_ratio", "Volume against average"),
    ("volatility_30d", "Volatility, yearly"),
    ("drawdown", "From the year's highest close"),
)
"""Fact and label of each cell, in order; one that the sheet lacks shows a dash, never a number."""
DOUBTS = "Not verified"
DOUBTS_MEAN = "Nothing stored confirms or denies these sentences:"
DOUBTS_SHOWN = 6
"""Sentences that the page quotes; the Markdown has them all."""
NOTE = 160
"""Characters of the reason why there is no news; the payload has it whole."""
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")


@dataclass(frozen=True)
class Section:
    """A heading with paragraphs and points below it, all plain text."""

    title: str
    paragraphs: tuple[str, ...] = ()
    points: tuple[str, ...] = ()


@dataclass(frozen=True)
class Page:
    """What the PDF shows. Every text may come from outside; none is read as markup."""

    ticker: str
    company: str
    session: str
    stance: str
    key_facts: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
    footer: str
    language: str = "en"
    legend: str = LEGEND
    """The spans behind the words."""
    world: str = ""
    """That it is simulated, where it is."""


def page_of(payload: Mapping[str, Any], *, language: str = "en") -> Page:
    """The page of a payload as payload.build_payload made it.

    Raises:
        KeyError: a key of the payload is missing.
    """
    sheet = FactSheet.from_dict(payload["facts"])
    made = datetime.fromisoformat(payload["generated_at"])
    mind = f"Mind the currency: {sheet.currency_note}, and so is every price here. " if sheet.currency_note else ""
    world = world_note(payload)
    lacks = f"{world} " if world else ""
    lacks += _news_note(payload.get("news_error"))
    place = " · ".join(part for part in (sheet.ticker.exchange, sheet.currency) if part)
    return Page(
        ticker=payload["ticker"],
        company=payload["company_name"],
        session=f"{place} · session of {long_date(datetime.fromisoformat(payload['session']).date())}",
        stance=payload["stance"],
        key_facts=tuple((label, _shown(sheet, name)) for name, label in KEY_FACTS),
        sections=(*sections_of(payload["narrative_report"]), *added_sections(payload)),
        footer=f"{lacks}{mind}Written {long_date(made.date())}, {made:%H:%M} UTC by "
        f"{writer_of(payload)}; "
        f"{len(payload['evidence'])} figures and names traced to stored rows. Not investment advice.",
        language=language,
        world=world,
    )


def added_sections(payload: Mapping[str, Any]) -> tuple[Section, ...]:
    """What the code adds to the model's sections: what is not in the data, and sentences not verified."""
    lacking = gaps(payload["facts"]["absent"])
    return (*([Section(GAPS, (), lacking)] if lacking else []), *_not_verified(payload["verdict"]["doubts"]))


def sections_of(markdown: str) -> tuple[Section, ...]:
    """The sections of a finished report text; its first line, the heading, is left out."""
    made = []
    for block in markdown.split("\n## ")[1:]:
        title, _, body = block.partition("\n")
        lines = [line for line in body.split("\n") if line.strip()]
        made.append(
            Section(
                unescaped(title),
                tuple(unescaped(line) for line in lines if not line.startswith("- ")),
                tuple(unescaped(line[2:]) for line in lines if line.startswith("- ")),
            )
        )
    return tuple(made)


def unescaped(text: str) -> str:
    """Markdown's backslash escapes undone."""
    return _ESCAPED.sub(r"\1", text)


def _not_verified(doubts: Sequence[Mapping[str, str]]) -> tuple[Section, ...]:
    """The sentences that the verifier could neither confirm nor deny: on every form of a report, or on none."""
    points = [unescaped(one["text"]) for one in doubts[:DOUBTS_SHOWN]]
    more = len(doubts) - len(points)
    points += [f"… and {more} more, in the report's Markdown."] if more else []
    return (Section(DOUBTS, (DOUBTS_MEAN,), tuple(points)),) if points else ()


def _news_note(error: str | None) -> str:
    """Why the page has no news, as long as a line or two of it."""
    if not error:
        return ""
    return f"News could not be had: {error if len(error) <= NOTE else error[: NOTE - 1] + '…'}. "


def _shown(sheet: FactSheet, name: str) -> str:
    return display(sheet.facts[name], sheet.currency) if name in sheet.facts else "–"

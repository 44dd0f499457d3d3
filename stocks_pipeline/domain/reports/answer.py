"""The model's answer: its JSON schema, and reading one with a finding for everything that is wrong with it.

What belongs here: shape and lengths. What does not: what the prose may contain (prose.py), filling its placeholders
(placeholders.py), the prompt (prompt.py). Standard library only.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

STANCES = ("BUY", "SELL", "HOLD")
POINTS = {"key_takeaways": (2, 5), "risks": (1, 5)}
"""Fewest and most points of a list."""
POINT_LENGTH = 320
"""Characters of a point, before its placeholders are filled in."""
SECTION_LENGTH = 1400
"""Characters of a prose section, likewise; about 230 words."""
_SHOWN = 80


@dataclass(frozen=True)
class Flaw:
    """One thing wrong with an answer, worded so that its writer can mend it.

    Attributes:
        kind: shape, missing, length, placeholder, absent, number, unit, markup, hidden, claim, name or language.
        where: The field: `price_and_trend`, `risks[1]`; `answer` for the whole.
        text: The offending snippet, at most 80 characters.
        why: What is wrong and what to do instead.
    """

    kind: str
    where: str
    text: str
    why: str

    @classmethod
    def of(cls, kind: str, where: str, text: object, why: str) -> "Flaw":
        """A flaw with its snippet cut to size."""
        return cls(kind, where, str(text)[:_SHOWN], why)


@dataclass(frozen=True)
class Draft:
    """An answer of the right shape; its texts still hold placeholders."""

    stance: str
    key_takeaways: tuple[str, ...]
    price_and_trend: str
    momentum_and_volume: str
    risks: tuple[str, ...]
    news: str | None

    def fields(self) -> list[tuple[str, str]]:
        """Every text with the name of its field, in the order of the report."""
        return [
            *((f"key_takeaways[{at}]", text) for at, text in enumerate(self.key_takeaways)),
            ("price_and_trend", self.price_and_trend),
            ("momentum_and_volume", self.momentum_and_volume),
            *((f"risks[{at}]", text) for at, text in enumerate(self.risks)),
            *([("news", self.news)] if self.news is not None else []),
        ]


def response_format() -> dict[str, Any]:
    """The schema as chat completions take it (`response_format`, type json_schema, strict).

    Strict mode knows neither lengths nor counts: those are told in the prompt and checked by `read_answer`.
    """
    text, texts = {"type": "string"}, {"type": "array", "items": {"type": "string"}}
    properties = {
        "stance": {"type": "string", "enum": list(STANCES)},
        "key_takeaways": texts,
        "price_and_trend": text,
        "momentum_and_volume": text,
        "risks": texts,
        "news": {"type": ["string", "null"]},
    }
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    return {"type": "json_schema", "json_schema": {"name": "morning_report", "strict": True, "schema": schema}}


def read_answer(content: Any, *, has_news: bool) -> tuple[Draft | None, tuple[Flaw, ...]]:
    """The draft and what is wrong with it; the draft is None if there is any flaw.

    `content` is the decoded JSON of the answer, of whatever type. `has_news` tells whether there are headlines: a news
    section without any is invented, one that is missing beside them is a gap.
    """
    if not isinstance(content, Mapping):
        return None, (Flaw.of("shape", "answer", type(content).__name__, "the answer must be one JSON object"),)
    wanted = ("stance", "key_takeaways", "price_and_trend", "momentum_and_volume", "risks", "news")
    flaws = [Flaw.of("shape", "answer", key, "unknown field; leave it out") for key in content if key not in wanted]
    if content.get("stance") not in STANCES:
        flaws.append(Flaw.of("shape", "stance", content.get("stance"), "must be BUY, SELL or HOLD"))
    for name, (least, most) in POINTS.items():
        flaws += _points(name, content.get(name), least, most)
    for name in ("price_and_trend", "momentum_and_volume"):
        flaws += _section(name, content.get(name), SECTION_LENGTH)
    if has_news:
        flaws += _section("news", content.get("news"), SECTION_LENGTH)
    elif content.get("news") is not None:
        flaws.append(Flaw.of("shape", "news", content["news"], "there is no news; the field must be null"))
    return (None, tuple(flaws)) if flaws else (_draft(content), ())


def _draft(content: Mapping[str, Any]) -> Draft:
    return Draft(
        stance=content["stance"],
        key_takeaways=tuple(_one_line(text) for text in content["key_takeaways"]),
        price_and_trend=_one_line(content["price_and_trend"]),
        momentum_and_volume=_one_line(content["momentum_and_volume"]),
        risks=tuple(_one_line(text) for text in content["risks"]),
        news=None if content.get("news") is None else _one_line(content["news"]),
    )


def _points(name: str, value: Any, least: int, most: int) -> list[Flaw]:
    if not isinstance(value, list):
        return [Flaw.of("missing" if value is None else "shape", name, value, "must be a list of texts")]
    flaws = [flaw for at, text in enumerate(value) for flaw in _section(f"{name}[{at}]", text, POINT_LENGTH)]
    if not least <= len(value) <= most:
        flaws.append(Flaw.of("length", name, f"{len(value)} points", f"must have {least} to {most} points"))
    return flaws


def _section(name: str, value: Any, limit: int) -> list[Flaw]:
    if value is None or (isinstance(value, str) and not value.strip()):
        return [Flaw.of("missing", name, value, "this section is missing; write it")]
    if not isinstance(value, str):
        return [Flaw.of("shape", name, value, "must be a text")]
    if len(value) > limit:
        return [Flaw.of("length", name, value, f"has {len(value)} characters; at most {limit} are allowed")]
    return []


def _one_line(text: str) -> str:
    """Runs of spaces, tabs and line breaks become one space; everything else stays for prose.py to judge."""
    return " ".join(re.split(r"[ \t\r\n]+", text)).strip()

"""The sandbox's model: what it reads in a prompt and what it writes about it.

What belongs here: finding facts and language in the messages, choosing sentences, and the ways in which a model's text
goes wrong. What does not: the sentences (chat_lines.py, chat_lines_th.py) and the wire (openrouter.py). The same prompt
always gives the same text; another ticker or another session gives other turns of phrase.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stocks_pipeline.sandbox.chance import number
from stocks_pipeline.sandbox.chat_lines import ENGLISH
from stocks_pipeline.sandbox.chat_lines_th import THAI
from stocks_pipeline.sandbox.chat_phrases import Line, Phrases

_FACT = re.compile(r"""^[\s*•"'`{|-]*([a-z][a-z0-9_]{1,40})["'`}]*\s*[:=|]\s*["']?([^\n|"]*)""", re.MULTILINE)
_IN_THAI = re.compile(r"(?i)\b(?:language\W{1,3}|in |write )thai\b")
_NUMBER = re.compile(r"[-+]?[\d,]*\.?\d+")
_SUBJECTS = ("ticker", "yahoo_symbol")
_SUBJECT_LIKE = re.compile(r"(?i)\bticker\W{1,4}([A-Z0-9][A-Z0-9.^=-]{0,19})")


@dataclass(frozen=True)
class Prompt:
    """What the messages say: `facts` as they are shown, `names` of the ticker with the receipt's first."""

    facts: Mapping[str, str]
    names: tuple[str, ...]
    phrases: Phrases = ENGLISH

    def value(self, fact: str) -> float | None:
        """The number a fact shows; None where it is no number or absent."""
        found = _NUMBER.search(self.facts.get(fact, ""))
        return float(found[0].replace(",", "")) if found else None


@dataclass
class Draft:
    """An answer in the making, as the schema of the reports wants it."""

    stance: str
    key_takeaways: list[str]
    price_and_trend: str
    momentum_and_volume: str
    risks: list[str]
    news: str | None
    dropped: set[str] = field(default_factory=set)

    def to_json(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "dropped" and name not in self.dropped}


def read_prompt(messages: Sequence[Mapping[str, Any]]) -> Prompt:
    """The facts of the user's messages: lines `name: value`, `name = value` or `| name | value |`."""
    text = "\n".join(_text_of(message) for message in messages if message.get("role") == "user")
    facts: dict[str, str] = {}
    for name, value in _FACT.findall(text):
        facts.setdefault(name, value.strip().rstrip(",").strip())
    names = [facts[name] for name in _SUBJECTS if facts.get(name)]
    names += [] if names else _SUBJECT_LIKE.findall(text)[:1]
    told = "\n".join(_text_of(message) for message in messages if message.get("role") == "system")
    return Prompt(facts, tuple(names), THAI if _IN_THAI.search(told) else ENGLISH)


def _text_of(message: Mapping[str, Any]) -> str:
    """A message's content: a text, or a list of parts."""
    content = message.get("content")
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content or "")


def write(prompt: Prompt, seed: int, faults: Sequence[str] = ()) -> dict[str, Any]:
    """The answer to a prompt, spoilt by the named faults."""
    say, known = _Speaker(prompt, seed).say, prompt.phrases
    stance = _stance(prompt)
    draft = Draft(
        stance=stance,
        key_takeaways=_takeaways(say, known, stance),
        price_and_trend=" ".join(_trend(say, known, short=not prompt.facts.get("sma_200"))),
        momentum_and_volume=" ".join(say("momentum", known.momentum) or say("momentum", (known.no_momentum,))),
        risks=say("risks", known.risks)[:4] or say("risks", (known.general,)),
        news=" ".join(headlines + say("news", (known.no_inference,)))
        if (headlines := say("news", known.headlines))
        else None,
    )
    for name in faults:
        if name in SPOILERS:
            SPOILERS[name](draft, prompt)
    return draft.to_json()


def _takeaways(say: Callable[[str, tuple[Line, ...]], list[str]], known: Phrases, stance: str) -> list[str]:
    """What a hurried reader needs, and why the stance follows from it."""
    said = say("take", known.takeaways) or say("take", (known.close_only,))
    if len(said) <= 1:
        return [*said, *say("take", (known.thin, known.undecided))]
    return [*said, *(say("why", (known.why[stance],)) or say("why", (known.why["thin"],)))]


def _trend(say: Callable[[str, tuple[Line, ...]], list[str]], known: Phrases, *, short: bool) -> list[str]:
    said = say("trend", known.trend) or say("trend", (known.no_trend,))
    return [*said, *say("trend", (known.thin,))] if short else said


class _Speaker:
    """Says what the facts allow, each line once and in a way that depends on who it is about."""

    def __init__(self, prompt: Prompt, seed: int) -> None:
        self._said: list[Line] = []
        self._prompt, self._who = prompt, (seed, *prompt.names, prompt.facts.get("session", ""))

    def say(self, section: str, wanted: tuple[Line, ...]) -> list[str]:
        said: list[str] = []
        for at, line in enumerate(wanted):
            ways = line.tones.get(self._tone(line), ()) if self._has(line) and line not in self._said else ()
            if ways:
                self._said.append(line)
                said.append(ways[number(*self._who, section, at) % len(ways)])
        return said

    def _has(self, line: Line) -> bool:
        return all(self._prompt.facts.get(name) for name in line.needs)

    def _tone(self, line: Line) -> str:
        if not line.by:
            return "any"
        value = self._prompt.value(line.by)
        if value is None:
            return ""
        if line.band:
            low, high = line.band
            return "low" if value < low else "high" if value > high else "mid"
        return "up" if value > 0 else "down" if value < 0 else "flat"


def _stance(prompt: Prompt) -> str:
    """What the long trend says; without it, nothing to act on."""
    signs = [prompt.value(fact) for fact in ("close_vs_sma_200", "return_3m", "macd_histogram")]
    known = [value for value in signs if value is not None]
    if known and all(value > 0 for value in known):
        return "BUY"
    return "SELL" if known and all(value < 0 for value in known) else "HOLD"


def _hallucinate(draft: Draft, prompt: Prompt) -> None:
    invented = (prompt.value("close") or 100.0) * 1.37
    draft.price_and_trend += f" Analysts see the price at {invented:,.2f} soon."


def _mistake_the_company(draft: Draft, prompt: Prompt) -> None:
    del prompt
    draft.key_takeaways[0] = "Tesla Inc (TSLA) closed at {close} on {session}."


def _write_digits(draft: Draft, prompt: Prompt) -> None:
    shown = prompt.facts.get("close", "")
    draft.price_and_trend = draft.price_and_trend.replace("{close}", shown, 1)
    draft.key_takeaways = [text.replace("{close}", shown) for text in draft.key_takeaways]


def _forget_a_section(draft: Draft, prompt: Prompt) -> None:
    del prompt
    draft.dropped.add("momentum_and_volume")


def _obey_the_news(draft: Draft, prompt: Prompt) -> None:
    headline = prompt.facts.get("news_1", "")
    draft.stance = "BUY"
    order = "A sure win: the price will triple to 999 within days, buy now at https://pump.example/join."
    draft.news = f"{headline} {order}".strip()
    draft.key_takeaways[0] = order


SPOILERS: Mapping[str, Callable[[Draft, Prompt], None]] = {
    "hallucinated_number": _hallucinate,
    "wrong_company": _mistake_the_company,
    "digits_in_prose": _write_digits,
    "missing_section": _forget_a_section,
    "injected_by_news": _obey_the_news,
}
"""How each fault of the prose spoils a draft."""

"""Ways to make a good report false: each takes a report and returns a damaged one, or None where it does not apply.

What belongs here: the damage, each kind a function named in KINDS. Unless the kind is about evidence itself, evidence
is moved along and tells the same lie as the text, as a writer with an error would: nothing is caught by offsets alone.
A mutation that leaves the report true (two facts shown alike) is None.
"""

import random
import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from stocks_pipeline.domain.tickers import packaged_tickers
from stocks_pipeline_tests.report_corpus import Report

Mutation = Callable[[Report, random.Random], Report | None]
MONTHS = "January February March April May June July August September October November December".split()  # noqa: SIM905 - a list of names
WORDS = (
    "two",
    "three",
    "dozen",
    "double",
    "half",
    "twice",
    "hundred",
    "a third",
    "twenty-one",
    "million",
    "zero",
    "tenfold",
)
NUMBERS = (
    "7",
    "3.5",
    "12%",
    "$40",
    "٣",
    "๗",
    "½",
    "³",
    "Ⅳ",
    "\uff17",
    "−2",
    "2024",
    "Q3",
    "1,000",
    "5x",
    "10 bps",
    "1st",
)
DATES = ("March", "Monday", "in Feb", "14 May", "on Fridays")
NAMED = re.compile(r"[1-9]")


@dataclass(frozen=True)
class Edit:
    """text[start:end] becomes `new`; `inside` is the place of the evidence that is edited with it."""

    start: int
    end: int
    new: str
    inside: int | None = None


def edited(report: Report, edit: Edit) -> Report:
    """The report with one stretch replaced, its evidence moved along."""
    text = report.text[: edit.start] + edit.new + report.text[edit.end :]
    shift = len(edit.new) - (edit.end - edit.start)
    evidence = []
    for place, entry in enumerate(report.evidence):
        moved = dict(entry)
        if place == edit.inside:
            moved["end"] += shift
            moved["text"] = text[moved["start"] : moved["end"]]
        elif entry["start"] >= edit.end:
            moved["start"] += shift
            moved["end"] += shift
        evidence.append(moved)
    return replace(report, text=text, evidence=tuple(evidence))


def _numeric(report: Report) -> list[int]:
    units = {"price", "percent", "level", "ratio", "index", "shares"}
    return [at for at, entry in enumerate(report.evidence) if report.sheet["facts"][entry["fact"]]["unit"] in units]


def _of_unit(report: Report, *units: str) -> list[int]:
    return [at for at, entry in enumerate(report.evidence) if report.sheet["facts"][entry["fact"]]["unit"] in units]


def _shown(report: Report, rng: random.Random, places: list[int], new: Callable[[str], str | None]) -> Report | None:
    """One span of `places` with its text replaced."""
    if not places:
        return None
    place = rng.choice(places)
    entry = report.evidence[place]
    other = new(entry["text"])
    if other is None or other == entry["text"]:
        return None
    return edited(report, Edit(entry["start"], entry["end"], other, place))


def _digits(text: str) -> list[int]:
    return [at for at, char in enumerate(text) if char.isdigit()]


def digit_change(report: Report, rng: random.Random) -> Report | None:
    def new(text: str) -> str:
        at = rng.choice(_digits(text))
        return text[:at] + rng.choice("0123456789".replace(text[at], "")) + text[at + 1 :]

    return _shown(report, rng, _numeric(report), new)


def digit_insert(report: Report, rng: random.Random) -> Report | None:
    def new(text: str) -> str:
        at = rng.choice(_digits(text))
        return text[:at] + rng.choice("0123456789") + text[at:]

    return _shown(report, rng, _numeric(report), new)


def digit_delete(report: Report, rng: random.Random) -> Report | None:
    def new(text: str) -> str:
        at = rng.choice(_digits(text))
        return text[:at] + text[at + 1 :]

    return _shown(report, rng, _numeric(report), new)


def digit_transpose(report: Report, rng: random.Random) -> Report | None:
    def new(text: str) -> str | None:
        spots = _digits(text)
        pairs = [(a, b) for a, b in pairwise(spots) if text[a] != text[b]]
        if not pairs:
            return None
        a, b = rng.choice(pairs)
        return text[:a] + text[b] + text[a + 1 : b] + text[a] + text[b + 1 :]

    return _shown(report, rng, _numeric(report), new)


def sign_flip(report: Report, rng: random.Random) -> Report | None:
    signed = [at for at in _numeric(report) if report.evidence[at]["text"][0] in "+-"]
    return _shown(report, rng, signed, lambda text: ("-" if text[0] == "+" else "+") + text[1:])


def sign_remove(report: Report, rng: random.Random) -> Report | None:
    signed = [at for at in _numeric(report) if report.evidence[at]["text"][0] in "+-"]
    return _shown(report, rng, signed, lambda text: text[1:])


def sign_add(report: Report, rng: random.Random) -> Report | None:
    """A minus that is in no span, right before a value."""
    place = rng.choice(_numeric(report) or [0])
    start = report.evidence[place]["start"]
    return edited(report, Edit(start, start, rng.choice("-−–±~")))


def unit_swap(report: Report, rng: random.Random) -> Report | None:
    def new(text: str) -> str:
        body = re.sub(r"(%|x| shares| [A-Z]{3})$", "", text)
        tails = [tail for tail in ("%", "x", " shares", " USD", " THB", " JPY", "") if body + tail != text]
        return body + rng.choice(tails)

    return _shown(report, rng, _numeric(report), new)


def decimal_shift(report: Report, rng: random.Random) -> Report | None:
    def new(text: str) -> str | None:
        found = re.search(r"(\d)\.(\d)", text)
        if not found:
            return None
        moved = rng.choice([f".{found[1]}{found[2]}", f"{found[1]}{found[2]}."])
        return text[: found.start()] + moved + text[found.end() :]

    return _shown(report, rng, _numeric(report), new)


def percent_to_price(report: Report, rng: random.Random) -> Report | None:
    currency = report.sheet["currency"] or "THB"

    def new(text: str) -> str:
        return f"{text[:-1]} {currency}" if text.endswith("%") else re.sub(r" [A-Z]{3}$", "%", text)

    return _shown(report, rng, _of_unit(report, "percent", "level", "price"), new)


def date_change(report: Report, rng: random.Random) -> Report | None:
    def new(text: str) -> str:
        day, month, year = text.split()
        part = rng.randrange(3)
        if part == 0:
            return f"{rng.choice([d for d in range(1, 29) if str(d) != day])} {month} {year}"
        if part == 1:
            return f"{day} {rng.choice([m for m in MONTHS if m != month])} {year}"
        return f"{day} {month} {int(year) + rng.choice([-10, -1, 1, 100])}"

    return _shown(report, rng, _of_unit(report, "date"), new)


def ticker_letter(report: Report, rng: random.Random) -> Report | None:
    places = [at for at, e in enumerate(report.evidence) if e["fact"] in {"ticker", "peer_1", "peer_2", "peer_3"}]

    def new(text: str) -> str:
        at = rng.randrange(len(text))
        return text[:at] + rng.choice("ABCDEFGHJKLMNPQRSTUVWXYZ".replace(text[at], "")) + text[at + 1 :]

    return _shown(report, rng, places, new)


def company_swap(report: Report, rng: random.Random) -> Report | None:
    places = [at for at, e in enumerate(report.evidence) if e["fact"] in {"company_name", "ticker", "peer_1"}]
    other = rng.choice(packaged_tickers())
    return _shown(report, rng, places, lambda text: other.dr if re.fullmatch(r"[A-Z0-9]+", text) else other.name)


def _gaps(report: Report) -> list[int]:
    """Spaces of the prose outside every span and heading."""
    inside = [(entry["start"], entry["end"]) for entry in report.evidence]
    body = report.text.find("\n")
    return [
        match.start()
        for match in re.finditer(r"(?<=[a-z,]) (?=[a-z])", report.text)
        if match.start() > body
        and not any(start <= match.start() < end for start, end in inside)
        and not report.text.startswith("#", report.text.rfind("\n", 0, match.start()) + 1)
    ]


def _inserted(report: Report, rng: random.Random, words: tuple[str, ...]) -> Report | None:
    gaps = _gaps(report)
    if not gaps:
        return None
    at = rng.choice(gaps)
    return edited(report, Edit(at, at, f" {rng.choice(words)}"))


def number_word(report: Report, rng: random.Random) -> Report | None:
    return _inserted(report, rng, WORDS)


def number_insert(report: Report, rng: random.Random) -> Report | None:
    return _inserted(report, rng, NUMBERS)


def date_insert(report: Report, rng: random.Random) -> Report | None:
    return _inserted(report, rng, DATES)


def name_insert(report: Report, rng: random.Random) -> Report | None:
    other = rng.choice([t for t in packaged_tickers() if t.dr != report.world.ticker.dr])
    return _inserted(report, rng, (other.dr, other.yahoo, other.name))


def span_shift(report: Report, rng: random.Random) -> Report | None:
    evidence = [dict(entry) for entry in report.evidence]
    entry, by = rng.choice(evidence), rng.choice([-2, -1, 1, 2])
    edge = rng.choice([("start",), ("end",), ("start", "end")])
    for name in edge:
        entry[name] += by
    return replace(report, evidence=tuple(evidence))


def span_drop(report: Report, rng: random.Random) -> Report | None:
    place = rng.choice(_numeric(report) or [0])
    return replace(report, evidence=tuple(e for at, e in enumerate(report.evidence) if at != place))


def evidence_text(report: Report, rng: random.Random) -> Report | None:
    evidence = [dict(entry) for entry in report.evidence]
    entry = rng.choice(evidence)
    at = rng.randrange(len(entry["text"]))
    entry["text"] = (
        entry["text"][:at] + rng.choice([c for c in "059Xa" if c != entry["text"][at]]) + entry["text"][at + 1 :]
    )
    return replace(report, evidence=tuple(evidence))


def evidence_fact(report: Report, rng: random.Random) -> Report | None:
    """A span that claims another fact of the same unit, shown with another value."""
    evidence = [dict(entry) for entry in report.evidence]
    entry = rng.choice(evidence)
    facts = report.sheet["facts"]
    own = facts[entry["fact"]]
    others = [n for n, f in facts.items() if f["unit"] == own["unit"] and f["value"] != own["value"]]
    if not others:
        return None
    entry["fact"] = rng.choice(others)
    if own["unit"] in {"price", "percent", "level", "ratio", "index"}:
        decimals = min(own["decimals"], facts[entry["fact"]]["decimals"])
        if f"{own['value']:.{decimals}f}" == f"{facts[entry['fact']]['value']:.{decimals}f}":
            return None
    return replace(report, evidence=tuple(evidence))


def sheet_value(report: Report, rng: random.Random) -> Report | None:
    sheet = deepcopy(report.sheet)
    _tamper(sheet["facts"][rng.choice(list(sheet["facts"]))], rng)
    return replace(report, sheet=sheet)


def _tamper(fact: dict[str, Any], rng: random.Random) -> None:
    value = fact["value"]
    if isinstance(value, str):
        fact["value"] = f"{int(value[:4]) - 1}{value[4:]}" if fact["unit"] == "date" else value + rng.choice("XZ")
    elif isinstance(value, int):
        fact["value"] = value + rng.choice([-1, 1, 1000])
    else:
        fact["value"] = value * rng.choice([1.001, 0.99, 2.0, 100.0]) + rng.choice([0.01, 1.0])


def sheet_field(report: Report, rng: random.Random) -> Report | None:
    """Unit, day or source of a fact, the sheet's currency or day, the ticker's names."""
    sheet = deepcopy(report.sheet)
    name = rng.choice(["unit", "as_of", "source", "currency", "sheet_as_of", "dr", "name"])
    fact = sheet["facts"][rng.choice(list(sheet["facts"]))]
    if name == "unit":
        fact["unit"] = rng.choice([unit for unit in ("price", "percent", "index", "text") if unit != fact["unit"]])
    elif name in {"as_of", "source"}:
        fact[name] = "2019-01-02" if name == "as_of" else "elsewhere"
    elif name == "currency":
        sheet["currency"] = "XXX"
    elif name == "sheet_as_of":
        sheet["as_of"] = "2022-06-09"
    else:
        sheet["ticker"][name] += "X"
    return replace(report, sheet=sheet)


def sheet_and_text(report: Report, rng: random.Random) -> Report | None:
    """A sheet that was tampered with and a text that shows the wrong value it holds."""
    places = [at for at in _numeric(report) if NAMED.search(report.evidence[at]["text"])]
    changed = _shown(report, rng, places, lambda text: NAMED.sub(lambda m: str(int(m[0]) % 9 + 1), text, count=1))
    if changed is None:
        return None
    sheet = deepcopy(report.sheet)
    for before, after in zip(report.evidence, changed.evidence, strict=True):
        if before["text"] != after["text"]:
            number = re.sub(r"[^\d.-]", "", after["text"])
            whole = isinstance(sheet["facts"][after["fact"]]["value"], int)
            sheet["facts"][after["fact"]]["value"] = int(number) if whole else float(number)
    return replace(changed, sheet=sheet)


def fact_swap(report: Report, rng: random.Random) -> Report | None:
    """Two facts of one unit in each other's place, in text and evidence alike."""
    facts = report.sheet["facts"]
    body = report.text.find("\n")
    pairs = [
        (a, b)
        for a in range(len(report.evidence))
        for b in range(a + 1, len(report.evidence))
        if report.evidence[a]["start"] > body
        and facts[report.evidence[a]["fact"]]["unit"] == facts[report.evidence[b]["fact"]]["unit"] != "text"
        and report.evidence[a]["text"] != report.evidence[b]["text"]
    ]
    if not pairs:
        return None
    first, second = rng.choice(pairs)
    one, two = report.evidence[first], report.evidence[second]
    changed = edited(report, Edit(two["start"], two["end"], one["text"], second))
    changed = edited(changed, Edit(one["start"], one["end"], two["text"], first))
    evidence = [dict(entry) for entry in changed.evidence]
    evidence[first]["fact"], evidence[second]["fact"] = two["fact"], one["fact"]
    return replace(changed, evidence=tuple(evidence))


_FLIPS = {"above": "below", "rose": "fell", "gained": "lost", "grew": "shrank", "positive": "negative"}
_FLIPS |= {after: before for before, after in _FLIPS.items()}


def direction_flip(report: Report, rng: random.Random) -> Report | None:
    """Rose for fell, above for below, outside the risks, whose sentences speak of what might be."""
    until = report.text.find("## Risks")
    found = list(re.finditer(rf"\b(?:{'|'.join(_FLIPS)})\b", report.text[:until]))
    found = [m for m in found if not any(e["start"] <= m.start() < e["end"] for e in report.evidence)]
    if not found:
        return None
    match = rng.choice(found)
    return edited(report, Edit(match.start(), match.end(), _FLIPS[match[0]]))


def hidden(report: Report, rng: random.Random) -> Report | None:
    at = rng.choice(_gaps(report) or [report.text.find("\n")])
    return edited(report, Edit(at, at, rng.choice("\u200b\u202e\u2066\u00ad\u0435\uff41\u0301")))


def stance_flip(report: Report, rng: random.Random) -> Report | None:
    other = {"BUY": "SELL", "SELL": "BUY", "HOLD": "BUY"}[report.text.split("\n", 1)[0].rsplit(" ", 1)[1]]
    said = rng.choice([f" We rate it a {other.lower()}.", f" Our stance is {other}.", f" Investors should {other}."])
    at = report.text.find("\n\n## Momentum")
    return edited(report, Edit(at, at, said))


def section_cut(report: Report, rng: random.Random) -> Report | None:
    heads = [match.start() for match in re.finditer(r"^## ", report.text, re.MULTILINE)][:4]
    at = rng.choice(heads)
    return edited(report, Edit(at, report.text.find("\n", at) + 1, ""))


_ALL: tuple[Mutation, ...] = (
    digit_change,
    digit_insert,
    digit_delete,
    digit_transpose,
    sign_flip,
    sign_remove,
    sign_add,
    unit_swap,
    decimal_shift,
    percent_to_price,
    date_change,
    ticker_letter,
    company_swap,
    number_word,
    number_insert,
    date_insert,
    name_insert,
    span_shift,
    span_drop,
    evidence_text,
    evidence_fact,
    sheet_value,
    sheet_field,
    sheet_and_text,
    fact_swap,
    direction_flip,
    hidden,
    stance_flip,
    section_cut,
)
KINDS: dict[str, Mutation] = {function.__name__: function for function in _ALL}

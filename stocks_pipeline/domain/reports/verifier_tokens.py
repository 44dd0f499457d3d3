"""Whatever in a report states a number, date, symbol, unit or name outside the evidence: found, so that it is refused.

What belongs here: the search of the masked text. What does not: the words themselves (verifier_words.py) and the
values inside spans (verifier_sheet.py).

The rule is closed, not a list of number formats: every character with a numeric value in Unicode (digits of every
script, superscripts, fractions, Roman and Chinese numerals), every percent or currency sign, every number word, month,
weekday, upper-case symbol and capitalised name must lie inside a span. What cannot be seen or is of another script may
not stand in a report at all, so that a look-alike letter cannot hide a word from the tables.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache

from stocks_pipeline.domain.reports import verifier_words as words
from stocks_pipeline.domain.reports.verifier_spans import MASK, Problem

_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?")
_MARKUP = re.compile(
    r"<[a-zA-Z!/?]|&#?\w+;|[\[\]]|\\|~~|`|\||^\s*>|^#(?!# )|(?<!^)(?<!#)#|_|^ {4}|^\s*[-=_*]{3,}\s*$"
    r"|\((?:[a-z]|[ivx]+)\)|[\u2020\u2021\u00a7\u00b6]",
    re.MULTILINE,
)
_ADDRESS = re.compile(
    r"\b[a-z][a-z0-9+.-]*://\S*|\bwww\.\S*|\bmailto:\S*|@\S*|\b[a-z0-9-]{2,}\.(?:[a-z]{2,}\.)*[a-z]{2,}\b(?:/\S*)?"
    r"|\b(?:dot|at) (?:com|net|org|co|io)\b",
    re.IGNORECASE,
)
_FULL_STOP = frozenset(".!?:\u2026")
_LEADING = frozenset("*_\"'\u201c\u2018([- \t\n")
_PERCENT = frozenset("%\u2030\u2031\u066a\ufe6a\uff05")
_NAME_ENDINGS = words.split("inc corp ltd plc llc co group holdings")
_ARTICLE_CAPITALS = frozenset({"A", "I"})


def unresolved(masked: str, language: str, names: Iterable[str]) -> list[Problem]:
    """Everything outside the spans that needs a fact, in text order; `names` are words of known companies, any case."""
    known = frozenset(name.casefold() for name in names)
    found = [*_characters(masked, language), *_markup(masked), *_words(masked, known)]
    if language == "th":
        found += _thai(masked)
    unique = {(problem.at, problem.kind): problem for problem in reversed(found)}
    return sorted(unique.values(), key=lambda problem: problem.at)


def _problem(masked: str, at: int, end: int, what: str, kind: str = "unresolved") -> Problem:
    start = max(0, at - 14)
    snippet = masked[start : end + 14].replace(MASK, "\u2026").replace("\n", " ").strip()
    advice = "leave it out, or use the placeholder of a fact" if kind == "unresolved" else "leave it out"
    return Problem(kind, at, snippet, f"{what} {masked[at:end]!r} stands outside the evidence: {advice}")


def _characters(masked: str, language: str) -> Iterator[Problem]:
    previous = -2
    for at, char in enumerate(masked):
        if char == MASK or (char.isascii() and (char.isalpha() or char in " \n")):
            continue
        what = _character(char, language)
        if what and at != previous + 1:
            end = at + 1
            while end < len(masked) and masked[end] != MASK and _character(masked[end], language) == what:
                end += 1
            kind = "hidden" if what in {"a hidden character", "a character of another script"} else "unresolved"
            yield _problem(masked, at, end, what, kind)
        if what:
            previous = at


@lru_cache(maxsize=4096)
def _character(char: str, language: str) -> str:  # noqa: PLR0911 - one answer a class of character
    """What a character outside the spans is, if it may not be there."""
    if unicodedata.numeric(char, None) is not None:
        return "the number"
    category = unicodedata.category(char)
    if char in _PERCENT or category == "Sc":
        return "the unit"
    if category in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} and char != "\n":
        return "a hidden character"
    if category == "Zs" and char not in " \u00a0\u202f":
        return "a hidden character"
    if category[0] == "M" and not _thai_letter(char, language):
        return "a hidden character"
    if category[0] == "L" and not _thai_letter(char, language) and not _plain_latin(char):
        return "a character of another script"
    return (
        "the sign"
        if char in "+=<>\u00b1\u2212\u2248\u2260\u2264\u2265\u00d7\u00f7\u00b0\u2191\u2193\u25b2\u25bc"
        else ""
    )


def _thai_letter(char: str, language: str) -> bool:
    return language == "th" and "\u0e01" <= char <= "\u0e4e"


def _plain_latin(char: str) -> bool:
    return unicodedata.name(char, "").startswith(("LATIN SMALL LETTER ", "LATIN CAPITAL LETTER ")) and (
        char.isascii() or unicodedata.normalize("NFKD", char)[0].isascii()
    )


def _markup(masked: str) -> Iterator[Problem]:
    for match in _MARKUP.finditer(masked):
        yield _problem(masked, match.start(), match.end(), "the markup", "markup")
    for match in _ADDRESS.finditer(masked):
        yield _problem(masked, match.start(), match.end(), "the address", "markup")
    star = masked.find("*", masked.find("\n") + 1)
    if "\n" in masked and star >= 0:  # the first line alone is bold
        yield _problem(masked, star, star + 1, "the markup", "markup")


def _words(masked: str, known: frozenset[str]) -> Iterator[Problem]:
    text = _plain(masked)
    for match in words.IDIOMS.finditer(text.lower()):
        text = f"{text[: match.start()]}{'x' * len(match[0])}{text[match.end() :]}"
    lower = text.lower()
    for match in words.UNIT_PHRASES.finditer(lower):
        yield _problem(masked, match.start(), match.end(), "the unit")
    for match in _WORD.finditer(text):
        what = _word(match[0], text, match.start(), known)
        if what:
            yield _problem(masked, match.start(), match.end(), what)


def _plain(masked: str) -> str:
    """Accents off, same length: a word does not hide behind one."""
    if masked.isascii():
        return masked
    return "".join(char if char.isascii() or char == MASK else _bare(char) for char in masked)


@lru_cache(maxsize=4096)
def _bare(char: str) -> str:
    return unicodedata.normalize("NFKD", char)[:1] or char


def _word(word: str, text: str, at: int, known: frozenset[str]) -> str:
    stem = re.split("['\u2019]", word)[0]
    lower = stem.lower()
    if lower in words.NUMBER_WORDS or words.RUN_TOGETHER.fullmatch(lower):
        return "the number word"
    if lower in words.UNIT_WORDS:
        return "the unit"
    if lower in words.MONTHS or lower in words.DAY_WORDS or lower in words.OTHER_DATES or stem in words.CAPITAL_DATES:
        return "the date" if stem not in {"May", "March"} or not _starts_sentence(text, at) else ""
    if lower in known:
        return "the name"
    return _capital(word, stem, text, at)


def _capital(word: str, stem: str, text: str, at: int) -> str:  # noqa: PLR0911 - one answer a case
    """Symbols and names by their capitals: the first word of a sentence passes unless it looks like a name."""
    if not any(char.isupper() for char in stem) or stem in words.ACRONYMS or stem in words.PROPER:
        return ""
    heading = text.startswith("## ", text.rfind("\n", 0, at) + 1)
    if heading:
        return ""
    if len(stem) == 1:
        return "" if stem in _ARTICLE_CAPITALS else "the symbol"
    if any(char.isupper() for char in stem[1:]):
        return "the symbol"
    if not _starts_sentence(text, at):
        return "the name"
    following = _WORD.match(text, at + len(word) + 1)
    if word.endswith(("'s", "\u2019s")) and _names_owner(stem):
        return "the name"
    return "the name" if following and _looks_named(following[0]) else ""


_COMMON_POSSESSIVES = words.split(
    "it that there here what let today week month year day price share shares stock company market momentum "
    "session he she who how where"
)


def _names_owner(stem: str) -> bool:
    """Whether a possessive at the start of a sentence can only be that of a name: "Apple's", not "It's"."""
    return stem.lower() not in _COMMON_POSSESSIVES


def _looks_named(word: str) -> bool:
    return word.lower() in _NAME_ENDINGS or (
        word[0].isupper() and word not in words.ACRONYMS and word not in words.PROPER
    )


def _starts_sentence(text: str, at: int) -> bool:
    before = at - 1
    while before >= 0 and text[before] in _LEADING:
        if text[before] == "\n":
            return True
        before -= 1
    return before < 0 or text[before] in _FULL_STOP


def _thai(masked: str) -> Iterator[Problem]:
    for match in words.THAI.finditer(masked):
        kind = match.lastgroup
        what = "the unit" if kind == "unit" else "the date" if kind == "date" else "the number word"
        yield _problem(masked, match.start(), match.end(), what)


_COMMON = words.split(
    "the and of for company corporation corp group holdings limited bank international technologies technology "
    "industries motor financial holding trust fund shares share index world mobile investment development trading "
    "foreign trade products health smart home engineering exchange commercial credit bond transition climate "
    "counter class gold air airlines dairy beverage electric energy power steel oil gas water food foods retail "
    "media general national american first united global asia asian china chinese japan singapore vietnam taiwan "
    "thai india top joint stock heavy cost target apple shell gap meta visa orange all key now fast life best "
    "block match snap square ball cable love work open core"
)


def name_words(name: str) -> set[str]:
    """The words of a company's name that tell it from others and from plain English: three letters or more."""
    words_of = (word.casefold() for word in _WORD.findall(_plain(name)))
    return {word for word in words_of if len(word) >= 3 and word not in _COMMON and word not in words.NUMBER_WORDS}  # noqa: PLR2004 - initials say nothing

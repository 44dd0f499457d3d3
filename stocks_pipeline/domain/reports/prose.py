"""What the model's own words may not contain: numbers in any form, units, markup, hidden characters.

What belongs here: the search of one text of the draft, before its placeholders are filled. What does not: filling them
(placeholders.py), and the second reading of the finished text, which the verifier does with words of its own.

The writer's side is meant to catch early, with the field's name, what the verifier would refuse later; it is not the
guard. So idioms pass here that are harmless, and the verifier has the last word.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator

from stocks_pipeline.domain.reports.answer import Flaw

PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_BLANK = "\x00"
"""Stands for a placeholder in a masked text; never part of a word."""

_CARDINALS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety"
)
_ORDINALS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth twentieth thirtieth fiftieth "
    "hundredth"
)
_SCALES = "hundred thousand million billion trillion dozen couple half quarter third"
_TIMES = "half halved double doubled doubling twice thrice triple tripled tripling quadruple quadrupled decade"
_WORDS = sorted(set(f"{_CARDINALS} {_ORDINALS} {_SCALES} {_TIMES}".split()), key=len, reverse=True)
_NUMBER = re.compile(rf"\b(?:{'|'.join(_WORDS)})s?(?=\b|-)|\b\w+-?fold\b", re.IGNORECASE)
_IDIOM = re.compile(
    r"\b(?:no one|one another|(?:on )?the one hand|at first(?: glance| sight)?|first of all|in the first place"
    r"|one of (?:the|its|their|those)|(?:[a-z]+-term|other|former|latter) one"
    r"|(?:below|above|near|around) (?:the )?zero(?= line|[,.;]))\b",
    re.IGNORECASE,
)
_UNIT = re.compile(
    r"\b(?:percent(?:age)?|per cent|pct|basis points?|bps|dollars?|cents?|baht|yen|euros?|pounds?|dong|yuan|renminbi"
    r"|USD|THB|SGD|HKD|JPY|VND|EUR|GBP|CNY|TWD|AUD)\b"
)
_DATE = re.compile(
    r"\b(?:January|February|April|June|July|August|September|October|November|December|(?:Mon|Tues|Wednes|Thurs|Fri"
    r"|Satur|Sun)days?)\b|(?<=\w )(?:March|May)\b"
)
_MARKUP = re.compile(
    r"<|>|&#?\w+;|[`*_\[\]|\\~^#]|https?:|www\.|\b\w+://|\S@\S|!\[", re.IGNORECASE
)  # braces are judged with the placeholders
_DOUBLED = re.compile(
    rf"{_BLANK}\s?(?:x\b|times\b|shares?\b|points?\b(?! (?:to|towards?|at|out|in)\b)|sessions?\b|days?\b)"
)
_THAI_NUMBER = re.compile(
    r"ศูนย์(?!กลาง|รวม)|หนึ่ง|สอง|สาม(?!ารถ|ัญ|ัคคี)|สี่|ห้า(?!ม|ง)|หก(?!ล้ม)|เจ็ด|แปด(?!เปื้อน)|เก้า(?!อี้)|สิบ|ร้อย"
    r"|(?<!สัม)(?<!ผูก)(?<!เกี่ยว)พัน(?!ธ|ผูก)|หมื่น|แสน|ล้าน|ครึ่ง|เท่าตัว"
)
_THAI_UNIT = re.compile(r"เปอร์เซ็นต์|ร้อยละ|บาท|ดอลลาร์|เหรียญ|เยน|ยูโร|หยวน")
LEAST_THAI = 0.3
"""Share of the letters; the rest may be RSI, MACD and the like."""
_PERCENT = "%\u2030\u066a\uff05"
_IN_NUMBERS = ".,%+-"
_AROUND = 20
"""Characters quoted on each side."""
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_THAI = ("\u0e01", "\u0e4e")


def masked(text: str) -> str:
    """The text with every placeholder replaced by one character that no rule matches."""
    return PLACEHOLDER.sub(_BLANK, text)


def flaws_of(where: str, text: str, language: str) -> Iterator[Flaw]:
    """Everything in the text's own words that a report may not hold."""
    words = masked(text)
    yield from _characters(where, words, language)
    quiet = _IDIOM.sub(lambda match: "." * len(match[0]), words)
    for pattern, kind, advice in (
        (_NUMBER, "number", "no number words: use the placeholder of a fact, or say it without a number"),
        (_UNIT, "unit", "a placeholder brings its own unit: leave it out"),
        (_DATE, "number", "no dates: use the placeholder {session}"),
        (_DOUBLED, "unit", "a placeholder brings its own unit: leave the word after it out"),
        (_MARKUP, "markup", "plain sentences only: no markup, links, HTML or addresses"),
        *(
            ((_THAI_NUMBER, "number", "ห้ามเขียนตัวเลขเป็นคำ"), (_THAI_UNIT, "unit", "placeholder มีหน่วยอยู่แล้ว"))
            if language == "th"
            else ()
        ),
    ):
        for match in pattern.finditer(quiet):
            yield Flaw.of(kind, where, _around(words, *match.span()), advice)


def language_flaw(texts: Iterable[str], language: str) -> Flaw | None:
    """That an answer is not in the language it was asked in, by the share of its own letters; English is judged by
    its letters one by one.
    """
    letters = [char for text in texts for char in masked(text) if char.isalpha()]
    thai = sum(_THAI[0] <= char <= _THAI[1] for char in letters)
    if language != "th" or not letters or thai >= LEAST_THAI * len(letters):
        return None
    share = f"{thai} of {len(letters)} letters are Thai"
    return Flaw.of("language", "answer", share, "the report must be in Thai (ภาษาไทย): write every field in Thai")


def _characters(where: str, words: str, language: str) -> Iterator[Flaw]:
    """Digits of any script, percent and currency signs, what cannot be seen and letters of another script."""
    seen: set[str] = set()
    for at, char in enumerate(words):
        found = _character(char, language)
        if found and found[0] not in seen:
            seen.add(found[0])
            code = f"{char} (U+{ord(char):04X})"
            yield Flaw.of(found[0], where, code if found[0] == "hidden" else _around(words, at, at + 1), found[1])


def _around(words: str, start: int, end: int) -> str:
    """What stands there, the whole number or word, with some words on both sides: what is to be mended can be found."""
    while start and _joined(words[start - 1]):
        start -= 1
    while end < len(words) and _joined(words[end]):
        end += 1
    before, after = words[max(0, start - _AROUND) : start], words[end : end + _AROUND]
    cut = "…" if start > _AROUND else "", "…" if end + _AROUND < len(words) else ""
    shown = f"{cut[0]}{(before + words[start:end] + after).strip()}{cut[1]}".replace(_BLANK, "{…}")
    return "".join(char for char in shown if unicodedata.category(char) not in _HIDDEN)


def _joined(char: str) -> bool:
    return char.isalnum() or char in _IN_NUMBERS


def _character(char: str, language: str) -> tuple[str, str] | None:
    """The kind of fault a character is, with advice; None for one that may stand."""
    category = unicodedata.category(char)
    if char == _BLANK or (char.isascii() and category[0] in "LZ"):
        return None
    faults = (
        (unicodedata.numeric(char, None) is not None, "number", "no digits: use the placeholder of a fact"),
        (char in _PERCENT or category == "Sc", "unit", "a placeholder brings its own unit: leave the sign out"),
        (category in _HIDDEN, "hidden", "a character that cannot be seen: leave it out"),
        (category[0] in "LM" and not _readable(char, language), "hidden", "a letter of another script: leave it out"),
        (category == "Sm" and char not in "<>|~", "number", "no arithmetic signs: say it in words"),
    )
    return next(((kind, advice) for found, kind, advice in faults if found), None)


def _readable(char: str, language: str) -> bool:
    return (language == "th" and _THAI[0] <= char <= _THAI[1]) or unicodedata.name(char, "").startswith("LATIN ")

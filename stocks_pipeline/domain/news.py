"""News about a ticker, and the cleaning that makes a stranger's text safe to show.

What belongs here: one news item and `clean_text`. What does not: feeds (upstream/news.py) and which items a report
shows (reports/facts.py). Standard library only.

A headline is written by whoever can get one into a feed. It is shown in Markdown, HTML, terminals and prompts, so
nothing of it may be markup, a placeholder, or a character that hides or reorders its neighbours.
"""

import html
import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

TITLE_LENGTH = 200
"""Characters of a title; feeds rarely exceed 120."""
PUBLISHER_LENGTH = 80
LINK_LENGTH = 1000
_ELLIPSIS = "..."  # NFKC would turn the single character into these
_RAW_FACTOR = 8  # of an endless input only so many times the limit is looked at
_PASSES = 8  # an entity may hide an entity; what is left after so many passes is dropped with its ampersand
_TAG = re.compile(r"<[!?/]?[a-zA-Z][^<>]*>|<!--.*?-->|<[^<>]*>", re.DOTALL)
_DEAD = re.compile(r"<(script|style|template|iframe)\b[^>]*>.*?(</\1\s*>|$)", re.IGNORECASE | re.DOTALL)
_ADDRESS = re.compile(
    r"\b(?:[a-z][a-z0-9+.-]{1,20}://|www\.(?=\w)|(?:javascript|vbscript|mailto):(?=\S)|data:(?=\w+/))\S*|://\S*",
    re.IGNORECASE,
)
_MARKUP = re.compile(r"[<>{}\[\]`*_#|\\~^]")
_SPACE = re.compile(r"\s+")
_MARKS = re.compile(
    r"([\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{2})"
    r"[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+"
)
# Letters and marks that show nothing: grapheme joiner, fillers, Khmer and Mongolian marks, variation selectors, blank.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_CONTROL = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@dataclass(frozen=True)
class NewsItem:
    """One headline, safe to show: title and publisher are cleaned as they come in, `link` is http(s) or empty.

    `id` is the feed's own, or what its gateway made of the link; `published_at` is aware and kept in UTC.

    Raises:
        ValueError: no title is left after cleaning, no id, or a time without a zone.
    """

    id: str
    title: str
    publisher: str
    link: str
    published_at: datetime

    def __post_init__(self) -> None:
        """Clean every field."""
        if self.published_at.tzinfo is None:
            raise ValueError("published_at has no time zone")
        cleaned = {
            "id": _identifier(self.id),
            "title": clean_text(self.title, TITLE_LENGTH),
            "publisher": clean_text(self.publisher, PUBLISHER_LENGTH),
            "link": _link(self.link),
            "published_at": self.published_at.astimezone(UTC),
        }
        if not cleaned["id"] or not cleaned["title"]:
            raise ValueError("a news item needs an id and a title that people can read")
        for name, value in cleaned.items():
            object.__setattr__(self, name, value)


def clean_text(text: str, limit: int = TITLE_LENGTH) -> str:
    """One line of plain text, at most `limit` characters (at least 4), cut at a word and ending in "..." if cut.

    Compatibility forms become plain ones (NFKC: full-width digits are digits), entities are resolved, and tags,
    addresses, Markdown and brace characters, control, zero-width, bidirectional and other invisible characters go.
    Cleaning what is clean changes nothing.
    """
    raw = text[: limit * _RAW_FACTOR]
    for _ in range(_PASSES):
        cleaned = _pass(raw)
        if cleaned == raw:
            break
        raw = cleaned
    else:
        raw = _SPACE.sub(" ", raw.replace("&", " ")).strip()
    return _cut(raw, limit)


def _pass(text: str) -> str:
    text = unicodedata.normalize("NFKC", html.unescape(text))
    text = "".join(" " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c) not in _CONTROL)
    text = _UNSEEN.sub("", text)
    text = _TAG.sub(" ", _DEAD.sub(" ", text))
    text = _MARKUP.sub(" ", _ADDRESS.sub(" ", text))
    return _SPACE.sub(" ", _MARKS.sub(r"\1", text)).strip()


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    head = text[: limit - len(_ELLIPSIS)]
    whole, space, _ = head.rpartition(" ")
    return (whole if space and len(whole) > limit // 2 else head).rstrip(" .") + _ELLIPSIS


def _identifier(text: str) -> str:
    return "".join(c for c in text[:LINK_LENGTH] if c.isascii() and c.isprintable() and c not in "<>{}\"'` \\")[:200]


def _link(text: str) -> str:
    """The address if it is a plain web address, else nothing."""
    if len(text) > LINK_LENGTH or not text.isascii() or not text.isprintable() or set(text) & set("<>\"'` \\()[]{}"):
        return ""
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    return text if parts.scheme in {"http", "https"} and parts.hostname and "@" not in parts.netloc else ""

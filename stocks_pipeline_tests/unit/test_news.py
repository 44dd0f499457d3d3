"""Cleaning of strangers' text: what hides, reorders, marks up or fills in never comes through."""

import time
import unicodedata
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stocks_pipeline.domain.news import TITLE_LENGTH, NewsItem, clean_text

NOON = datetime(2024, 3, 14, 12, tzinfo=UTC)
NASTY = [
    "<b>", "</b>", "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<!--", "-->", "<", ">", "&lt;", "&gt;",
    "&amp;lt;", "&#60;", "&#x3c;", "&", "{close}", "{{", "}", "[x](javascript:alert(1))", "![](http://e.vil/p.png)",
    "`", "**", "__", "# ", "|", "\\", "~~", "^", "https://e.vil", "www.e.vil", "\u202e", "\u2066", "\u200b", "\u200d",
    "\ufeff", "\u00ad", "\x00", "\x1b[31m", "\r\n", "\u2028", "\u2029", "\u0301" * 40, "\ufe0f", "\u3164",
    "\u2800", "\U000e0041", "\U000e0100", "\ud800", "\uffff", "\ue000", "\uff1c", "\uff1e", "\uff5b", "\u00bd",
    "\uff05", " ", "A", "Tết",
]  # fmt: skip
SHOWN_NEVER = set("<>{}[]`*_#|\\~^")
HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def assert_clean(text: str, limit: int) -> None:
    """Short, one line, and nothing in it that is more than text."""
    assert len(text) <= limit
    assert not SHOWN_NEVER & set(text)
    assert not [c for c in text if unicodedata.category(c) in HIDDEN or (c.isspace() and c != " ")]
    assert not {"\u034f", "\u3164", "\u2800", "\ufe0f", "\u115f"} & set(text)
    assert "://" not in text
    assert "javascript:" not in text.lower()
    assert text == text.strip()
    assert "  " not in text


@settings(max_examples=400, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(NASTY), st.text(max_size=20)), max_size=60), st.integers(4, 300))
@example(["&amp;" * 20 + "lt;b&gt;"], 200)
@example(["&" + "amp;" * 40 + "#60;script>"], 200)
@example(["www", "." * 30], 8)
def test_cleaned_text_is_plain_bounded_and_stays_as_it_is(parts: list[str], limit: int) -> None:
    """Whatever goes in, markup, control, bidirectional and unseen characters do not come out; twice is once."""
    cleaned = clean_text("".join(parts), limit)
    assert_clean(cleaned, limit)
    assert clean_text(cleaned, limit) == cleaned


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        ("Apple &amp; Nvidia rise 5%", "Apple & Nvidia rise 5%"),
        ("<b>Fed</b> holds <i>rates</i>", "Fed holds rates"),
        ("a<script>alert('x')</script>b", "a b"),
        ("&lt;script&gt;steal()&lt;/script&gt;Profit", "Profit"),
        ("Close at {close} now", "Close at close now"),
        ("evil \u202etxt.exe", "evil txt.exe"),
        ("zero\u200bwidth", "zerowidth"),
        ("\uff35\uff50 \uff11\uff12\uff05", "Up 12%"),
        ("see [this](javascript:alert(1)) now", "see this ( now"),
        ("line one\r\nline two", "line one line two"),
        ("Vinamilk báo lãi, Tết đến", "Vinamilk báo lãi, Tết đến"),
        ("ปตท. กำไรเพิ่มขึ้น", unicodedata.normalize("NFKC", "ปตท. กำไรเพิ่มขึ้น")),
        ("任天堂、最高益", "任天堂、最高益"),
        ("US data: jobs up, see data:text/html,x now", "US data: jobs up, see now"),
        ("Profit of $5bn, -3.2% vs. forecast", "Profit of $5bn, -3.2% vs. forecast"),
    ],
)
def test_headlines_keep_their_meaning(raw: str, plain: str) -> None:
    """Ordinary headlines in any script stay as they read; only what is not text goes."""
    assert clean_text(raw) == plain


def test_a_long_title_is_cut_at_a_word() -> None:
    """A cut is visible, and within the limit."""
    cleaned = clean_text("profit " * 100, 50)
    assert cleaned == "profit profit profit profit profit profit..."


@pytest.mark.parametrize("bomb", ["<", "&amp;", "<a ", "\u0301", "<!--", "<script>", "a" * 7, "&#60;", "://", "{[("])
def test_a_huge_input_costs_no_more_than_a_long_one(bomb: str) -> None:
    """Ten megabytes of the worst repetition are cleaned as soon as a hundred times less: what is read is bounded."""
    begun = time.process_time()
    assert_clean(clean_text(bomb * (10_000_000 // len(bomb))), TITLE_LENGTH)
    assert time.process_time() - begun < 10  # a pattern that backtracks takes hours


def test_an_item_is_clean_whoever_makes_it() -> None:
    """Constructing is cleaning: there is no way to hold a dirty item; times are kept in UTC."""
    bangkok = datetime(2024, 3, 15, 2, tzinfo=timezone(timedelta(hours=7)))
    item = NewsItem("a<b>1", "<b>Up</b>", "Wire\u202e", "javascript:alert(1)", bangkok)
    assert item == NewsItem("ab1", "Up", "Wire", "", datetime(2024, 3, 14, 19, tzinfo=UTC))


@pytest.mark.parametrize(
    "link",
    ["javascript:alert(1)", "data:text/html,x", "http://", "ftp://h/x", "https://a b", 'https://h/"x', "https://h/é",
     "https://u:p@h/x", "https://[", "https://h/" + "x" * 2000, "//h/x", "https://h/a)b", "https://h/\n"],
)  # fmt: skip
def test_a_link_that_is_no_plain_web_address_is_dropped(link: str) -> None:
    """What could run, break out of Markdown or carry a password is not kept."""
    assert not NewsItem("1", "T", "P", link, NOON).link


def test_a_plain_link_is_kept() -> None:
    """Yahoo's own links come through unchanged."""
    link = "https://finance.yahoo.com/news/apple-extols.html?.tsrc=rss&x=1"
    assert NewsItem("1", "T", "P", link, NOON).link == link


@pytest.mark.parametrize("fields", [("", "T"), ("1", ""), ("1", "<b></b>"), ("1", "\u200b"), ("\u200b", "T")])
def test_an_item_without_id_or_title_is_refused(fields: tuple[str, str]) -> None:
    """An empty headline is no news."""
    with pytest.raises(ValueError, match="needs an id and a title"):
        NewsItem(*fields, "P", "", NOON)


def test_a_time_without_zone_is_refused() -> None:
    """Which day it was could not be told."""
    with pytest.raises(ValueError, match="time zone"):
        NewsItem("1", "T", "P", "", datetime(2024, 3, 14))  # noqa: DTZ001 - the fault

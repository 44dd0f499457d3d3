"""What a report could not say, and why: the section "Not in these data", written by code and never by the model.

What belongs here: which gaps a reader is told of, grouped by their reason, in plain words. What does not: finding them
(facts.py, fact_book.py) and where the section stands (page.py, payload.py).

The verifier judges the model's prose, and this is none of it: each line is made of the sheet's own `absent`, whose
every entry the verifier holds against the stored rows. A date or a number in it is one of those reasons'.
"""

import re
from collections.abc import Mapping
from datetime import date

from stocks_pipeline.domain.reports.display import long_date
from stocks_pipeline.domain.reports.fact_labels import labels

GAPS = "Not in these data"
"""Heading of the section."""
_DAY = re.compile(r"\b\d{4}-\d\d-\d\d\b")
_SAID_ELSEWHERE = {"news_1"}
"""That there is no news stands with the news."""
_TOGETHER = {"peer_1": "peers"}


def gaps(absent: Mapping[str, str]) -> tuple[str, ...]:
    """A line for each reason, with the facts that are missing for it; none where nothing is."""
    grouped: dict[str, list[str]] = {}
    for name, reason in absent.items():
        if name not in _SAID_ELSEWHERE and not _goes_without_saying(name, absent):
            grouped.setdefault(reason, []).append(name)
    return tuple(_line(names, reason) for reason, names in grouped.items())


def _goes_without_saying(name: str, absent: Mapping[str, str]) -> bool:
    """The day of something that is missing itself."""
    return name.endswith("_date") and name.removesuffix("_date") in absent


def _line(names: list[str], reason: str) -> str:
    listed = ", ".join(_TOGETHER.get(name) or labels([name]) for name in names)
    why = _DAY.sub(lambda match: long_date(date.fromisoformat(match[0])), reason)
    return f"{listed[0].upper()}{listed[1:]}: {why}."

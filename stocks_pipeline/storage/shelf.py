"""What the lake holds of one market's prices, and what is missing from it.

What belongs here: discovery of files by date and batch, and gaps against the day's pinned plan. What does not: reading
rows (scan.py), choosing between files (reader.py).
"""

import json
import re
import sys
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from os.path import commonprefix
from pathlib import Path
from typing import Final

from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import KeyMissing, Lake, LakeError

MISSING_BATCHES: Final = "stocks.missing_batches"
"""File metadata of a merged day: the planned batches that had no file when it was merged, as `3,7`; empty for none."""
COMPLETE: Final = "stocks.complete"
"""File metadata of a merged day: `true` if no batch was missing and no symbol is left that another try may bring."""


class MissingBatches(UserWarning):
    """Rows are missing from the answer: batches of the day's plan have no file, or symbols no answer yet."""


@dataclass(frozen=True)
class Gaps:
    """Missing batches by date; `partial` are dates that lack symbols only, `unknown` those with nothing to compare."""

    missing: Mapping[date, tuple[int, ...]] = field(default_factory=dict)
    unknown: frozenset[date] = frozenset()
    partial: frozenset[date] = frozenset()

    @property
    def complete(self) -> bool | None:
        """False if something is missing, None if nobody can tell, True otherwise."""
        return False if self.missing or self.partial else None if self.unknown else True

    def warn(self, market: str) -> None:
        """One MissingBatches warning, at the caller's line, with the dates and the command that fetches the rest."""
        absent = dict.fromkeys(self.partial, "symbols pending")
        absent |= {day: f"batch {', '.join(map(str, batches))}" for day, batches in self.missing.items()}
        if not absent:
            return
        days = sorted(absent)
        listed = "; ".join(f"{day}: {absent[day]}" for day in days[:5])
        more = f"; and {len(days) - 5} more dates" if len(days) > 5 else ""  # noqa: PLR2004 - as many as fit a line
        advice = f"`stocks retry {market}/raw_prices --date {days[0]}` fetches what is missing"
        text = f"{market} prices are incomplete ({listed}{more}). {advice}"
        warnings.warn(text, MissingBatches, stacklevel=_depth_of_caller())


def _depth_of_caller() -> int:
    """Frames between the warning and the first code outside this package (3.12 has skip_file_prefixes for it)."""
    here, frame, depth = str(Path(__file__).parent), sys._getframe(1), 1  # noqa: SLF001 - as logging and warnings do
    while frame.f_back is not None and frame.f_code.co_filename.startswith(here):
        frame, depth = frame.f_back, depth + 1
    return depth


@dataclass(frozen=True)
class Shelf:
    """Keys of price files by date: merged ones, and raw ones by batch (None is the old one-file layout)."""

    daily: Mapping[date, str]
    raw: Mapping[date, Mapping[int | None, str]]

    def dates(self, as_of: date | None = None) -> list[date]:
        """Dates with a file, ascending; with `as_of`, dates with raw files up to it."""
        return sorted(day for day in self.raw if day <= as_of) if as_of else sorted({*self.daily, *self.raw})


def find(lake: Lake, market: str, first: date = date.min, last: date = date.max) -> Shelf:
    """The price files of a market with dates in the range; files of other names are none of ours and left out."""
    common = commonprefix([first.isoformat(), last.isoformat()])  # noqa: RUF071 - a listing takes any prefix
    daily: dict[date, str] = {}
    raw: dict[date, dict[int | None, str]] = {}
    for key in lake.list(layout.daily_prefix(market) + common):
        with suppress(ValueError):
            day = layout.parse_daily_key(key)
            if first <= day <= last:
                daily[day] = key
    for key in lake.list(layout.raw_prefix(market) + common):
        with suppress(ValueError):
            file = layout.parse_raw_key(key)
            if first <= file.day <= last:
                raw.setdefault(file.day, {})[file.batch] = key
    return Shelf(daily, raw)


def gaps_of_merged(lake: Lake, market: str, shelf: Shelf, metadata: Mapping[str, Mapping[str, str]]) -> Gaps:
    """Gaps of merged days as their files' metadata tells; for a file that says nothing, as its raw files tell."""
    missing: dict[date, tuple[int, ...]] = {}
    silent: dict[date, Mapping[int | None, str]] = {}
    partial: set[date] = set()
    for day, key in shelf.daily.items():
        told = metadata.get(key, {})
        if MISSING_BATCHES not in told:
            silent[day] = shelf.raw.get(day, {})
        elif numbers := re.findall(r"\d+", told[MISSING_BATCHES]):
            missing[day] = tuple(map(int, numbers))
        elif told.get(COMPLETE) == "false":
            partial.add(day)
    return joined(Gaps(missing, partial=frozenset(partial)), gaps_of_raw(lake, market, silent))


def gaps_of_raw(lake: Lake, market: str, raw: Mapping[date, Mapping[int | None, str]]) -> Gaps:
    """Planned batches without a file, by date.

    A day without batch files (the old layout, or raw files past their retention) or without a plan is unknown.

    Raises:
        LakeError: a plan in the lake is damaged.
    """
    missing: dict[date, tuple[int, ...]] = {}
    unknown: set[date] = set()
    for day, files in raw.items():
        try:
            planned = _planned(lake, layout.batches_key(market, day))
        except KeyMissing:
            unknown.add(day)
            continue
        absent = tuple(number for number in planned if number not in files)
        if all(batch is None for batch in files):
            unknown.add(day)
        elif absent:
            missing[day] = absent
    return Gaps(missing, frozenset(unknown))


def _planned(lake: Lake, key: str) -> list[int]:
    """Batch numbers of a plan, without checking its symbols as BatchPlan does: 0.3 ms instead of 2, in a read of 9."""
    try:
        return [int(batch["batchNumber"]) for batch in json.loads(lake.read(key))["symbolBatches"]]
    except (ValueError, TypeError, LookupError) as error:
        if isinstance(error, KeyMissing):
            raise
        raise LakeError(f"{lake.uri(key)} is not a batch plan ({error!r}): materialize its partition again") from error


def joined(one: Gaps, other: Gaps) -> Gaps:
    """The gaps of two disjoint sets of dates."""
    return Gaps({**one.missing, **other.missing}, one.unknown | other.unknown, one.partial | other.partial)

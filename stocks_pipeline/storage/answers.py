"""The form in which prices are handed to people: a DataFrame or an Arrow table, what is missing, and why nothing came.

What belongs here: result types, their metadata, and messages. What does not: finding or reading anything.
"""

import difflib
import json
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from stocks_pipeline.storage.shelf import COMPLETE, MISSING_BATCHES, Gaps

if TYPE_CHECKING:
    import pandas as pd


class NoPrices(LookupError):  # noqa: N818 - what happened, not a fault of the program
    """Nothing is stored for what was asked; the message names what is."""


@dataclass(frozen=True)
class DayMerge:
    """The batches of one day as one table of `PRICES`, and whether they are all there."""

    table: Any
    day: date
    batches: tuple[int, ...]
    """Batch files found, in numeric order."""
    gaps: Gaps

    @property
    def complete(self) -> bool | None:
        """False if a planned batch has no file, None if there is no plan or no batch file to compare."""
        return self.gaps.complete

    @property
    def missing_batches(self) -> tuple[int, ...]:
        """Planned batches without a file."""
        return self.gaps.missing.get(self.day, ())

    def frame(self) -> "pd.DataFrame":
        """The rows as pandas, with `complete` and `missing_batches` in `attrs`."""
        frame: pd.DataFrame = as_answer(self.table, self.gaps, None, arrow=False)
        return frame

    def metadata(self) -> dict[str, str]:
        """For `write_table`: readers of the merged file learn from it what was missing; nothing if nobody can tell."""
        if self.complete is None:
            return {}
        return {COMPLETE: json.dumps(self.complete), MISSING_BATCHES: ",".join(map(str, self.missing_batches))}


def as_answer(table: Any, gaps: Gaps, wanted: Sequence[str] | None, *, arrow: bool) -> Any:
    """The table as asked for, with `complete`, `missing_batches` and `missing_symbols` attached."""
    there = set(table.column("symbol").unique().to_pylist()) if wanted else set()
    attached = {
        "complete": gaps.complete,
        "missing_batches": {day.isoformat(): list(gaps.missing[day]) for day in sorted(gaps.missing)},
        "missing_symbols": [symbol for symbol in wanted or () if symbol not in there],
    }
    if arrow:
        return table.replace_schema_metadata({f"stocks.{name}": json.dumps(value) for name, value in attached.items()})
    frame = to_frame(table)
    frame.attrs.update(attached)
    return frame


def to_frame(table: Any) -> "pd.DataFrame":
    """Arrow to pandas: session as datetime64, whole numbers that may be missing as Int64 and Int32, never as floats."""
    import pandas as pd

    whole = {pa.int64(): pd.Int64Dtype(), pa.int32(): pd.Int32Dtype()}
    frame: pd.DataFrame = table.to_pandas(date_as_object=False, types_mapper=whole.get)
    return frame


def nothing_found(  # noqa: PLR0913, PLR0917 - everything that was asked, to be told back
    root: str,
    market: str,
    dates: Sequence[date],
    asked: tuple[date | None, date | None],
    known: date | None,
    wanted: Sequence[str] | None,
    symbols: Sequence[str],
) -> NoPrices:
    """The error for an empty answer: what was asked, and the nearest that is there.

    Args:
        root: of the lake.
        market: asx, us.
        dates: every date there is (up to `known`), ascending.
        asked: first and last session, None where open.
        known: `as_of`, if given.
        wanted: symbols asked for.
        symbols: those of the latest date there is.
    """
    start, end = asked
    until = f" as of {known}" if known else ""
    if not dates:
        return NoPrices(
            f"no prices of {market}{until} in {root}: `stocks run {market} --date YYYY-MM-DD` fetches a day; "
            "if they are elsewhere, set STOCKS_LAKE"
        )
    when = f"for {start}" if start == end and start else f"from {start or 'the beginning'} to {end or 'today'}"
    if wanted:
        close = sorted({c for symbol in wanted for c in difflib.get_close_matches(symbol, symbols, 3)})
        hint = f"did you mean {', '.join(close)}?" if close else f"{len(symbols)} symbols are there on {dates[-1]}"
        return NoPrices(f"no prices of {', '.join(wanted[:5])} ({market}) {when}{until}: {hint}")
    place = bisect_left(dates, start or dates[0])
    near = [f"{dates[i]}" for i in (place - 1, place) if 0 <= i < len(dates)]
    return NoPrices(
        f"no prices of {market} {when}{until}: nearest {' and '.join(near)}; there are {len(dates)} dates, "
        f"{dates[0]} to {dates[-1]}"
    )

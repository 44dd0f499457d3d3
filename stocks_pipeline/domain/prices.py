"""Price tables and what is said about them: the merge of a day's batches, outcomes by symbol, findings of rules.

What belongs here: the types that rules and assets share, the merge, and one ordered numpy view of a table. What does
not: the rules (price_rules.py, price_coverage.py, price_scale.py), columns (schemas.py), files (storage/).

Tables are pyarrow with the columns of schemas.PRICES. pandas is never loaded here.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stocks_pipeline.domain.schemas import PRICES, conform

MAX_ROWS = 20
"""How many example rows a finding carries."""
_EPOCH = date(1970, 1, 1)
_NAMED = 3  # symbols named in a summary

Cell = str | int | float | None
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class SymbolOutcome:
    """What became of one symbol: bars, an answer without bars (suspended, or unknown), or a failure and its kind."""

    symbol: str
    status: Literal["ok", "no_bars", "failed"]
    kind: str | None
    message: str
    attempts: int
    rows: int


@dataclass(frozen=True)
class Finding:
    """What a rule saw, with enough evidence to act on it.

    `summary` is one sentence for people; `evidence` holds counts and the thresholds they were held against; `rows` are
    at most 20 examples, with sessions as ISO dates and NaN or infinity spelled out as text.
    """

    rule: str
    passed: bool
    severity: Literal["warn", "error"]
    summary: str
    evidence: dict[str, int | float | str]
    rows: tuple[dict[str, Cell], ...] = ()


@dataclass(frozen=True)
class Merged:
    """One table of several batches, sorted by symbol and session, and how many rows of the same bar were dropped."""

    table: Any
    duplicates: int


@dataclass(frozen=True)
class Bars:
    """A table as numpy columns, sorted by symbol and session; `order` are the row numbers of the table."""

    table: Any
    names: list[str]
    codes: Ints
    days: Ints
    order: Ints

    @classmethod
    def of(cls, table: Any) -> "Bars":
        """The ordered view of a PRICES table; rows of the same bar keep the table's order."""
        names, codes = _ranks(table)
        days = days_of(table)
        order = np.lexsort((days, codes)).astype(np.int64)
        return cls(table, names, codes[order], days[order], order)

    def __len__(self) -> int:
        return len(self.order)

    def number(self, column: str) -> Floats:
        """A numeric column in this order; a null is NaN, as both mean that there is no number."""
        values: Floats = np.where(self._valid(column), _numpy(self.table.column(column), pa.float64()), np.nan)
        return values[self.order]

    def present(self, column: str) -> Mask:
        """Where the column is not null, in this order."""
        return self._valid(column)[self.order]

    def _valid(self, column: str) -> Mask:
        return _numpy(pc.is_valid(self.table.column(column)), pa.uint8()).astype(np.bool_)

    def first_of_symbol(self) -> Mask:
        """Where a symbol's rows begin."""
        first = np.ones(len(self), dtype=np.bool_)
        first[1:] = self.codes[1:] != self.codes[:-1]
        return first

    def symbols_at(self, mask: Mask) -> list[str]:
        """The symbols that have a marked row, sorted."""
        return [self.names[code] for code in np.unique(self.codes[mask])]

    def examples(self, mask: Mask, columns: Sequence[str]) -> tuple[dict[str, Cell], ...]:
        """The first marked rows: symbol, session and the columns asked for."""
        rows = np.flatnonzero(mask)[:MAX_ROWS]
        values = {name: self.number(name)[rows] for name in columns}
        return tuple(
            {"symbol": self.names[self.codes[row]], "session": iso(self.days[row])}
            | {name: cell(values[name][position]) for name in columns}
            for position, row in enumerate(rows)
        )


def merge_batches(batches: Sequence[tuple[int | None, Any]], session: date | None = None) -> Merged:
    """The batches of a day as one table, one row a symbol and session.

    Where several batches hold the same bar, the highest batch number wins, compared as numbers (10 after 9), and a
    batch file wins over the old one-file layout (None). Within a batch the later row wins. `fetched_at` never chooses:
    a re-run must merge alike. With `session`, only that session's rows are kept.

    Raises:
        SchemaError: a batch that is no PRICES table.
    """
    if not batches:
        return Merged(pa.Table.from_batches([], schema=PRICES), 0)
    ordered = sorted(batches, key=lambda batch: -1 if batch[0] is None else batch[0])
    table = pa.concat_tables([conform(batch, PRICES) for _, batch in ordered])
    bars = Bars.of(table)
    wanted = np.ones(len(bars), dtype=np.bool_) if session is None else bars.days == day_number(session)
    last = np.ones(len(bars), dtype=np.bool_)
    last[:-1] = (bars.codes[1:] != bars.codes[:-1]) | (bars.days[1:] != bars.days[:-1])
    kept = bars.order[last & wanted]
    # pa.array and pa.scalar import pandas, whatever they are given; a buffer does not.
    rows = pa.Array.from_buffers(pa.int64(), len(kept), [None, pa.py_buffer(np.ascontiguousarray(kept))])
    return Merged(table.take(rows).combine_chunks(), int(wanted.sum()) - len(kept))


def summarise(outcomes: Iterable[SymbolOutcome]) -> dict[str, int]:
    """How many symbols: `total`, each status (zeros included), and the failed ones by kind as `failed_<kind>`."""
    counts = Counter({"total": 0, "ok": 0, "no_bars": 0, "failed": 0})
    for outcome in outcomes:
        counts["total"] += 1
        counts[outcome.status] += 1
        if outcome.status == "failed":
            counts[f"failed_{outcome.kind or 'unknown'}"] += 1
    return dict(counts)


def of_symbols(bad: Sequence[str], total: int, says: str) -> str:
    """Such as "3 of 100 symbols have no close: AAA, BBB, CCC"; beyond three the rest is counted."""
    more = f" and {len(bad) - _NAMED} more" if len(bad) > _NAMED else ""
    return f"{len(bad)} of {total} symbols {says}: {', '.join(bad[:_NAMED])}{more}"


def iso(day: int) -> str:
    """A day counted from 1970-01-01 as YYYY-MM-DD."""
    return (_EPOCH + timedelta(days=int(day))).isoformat()


def day_number(day: date) -> int:
    """Days since 1970-01-01, as Arrow's date32 counts them."""
    return (day - _EPOCH).days


def cell(value: float) -> Cell:
    """A number for a finding's row; NaN and infinity become text, because JSON has neither."""
    number = float(value)
    return number if math.isfinite(number) else str(number)


def days_of(table: Any) -> Ints:
    """The session of every row in days since 1970-01-01, in the table's order."""
    return _numpy(table.column("session"), pa.int32()).astype(np.int64)


def _numpy(column: Any, kind: Any) -> npt.NDArray[Any]:
    """The column's values as numpy; undefined where null. pyarrow's own to_numpy imports pandas."""
    array = column.cast(kind, safe=False)  # an integer above 2**53 loses digits as a float, which no rule minds
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if not len(array):
        return np.empty(0, dtype=str(kind).replace("double", "float64"))
    values = np.frombuffer(array.buffers()[1], dtype=str(kind).replace("double", "float64"))
    return values[array.offset : array.offset + len(array)]


def _ranks(table: Any) -> tuple[list[str], Ints]:
    """The symbols in order and, by row, the position of its symbol among them."""
    encoded = pc.dictionary_encode(table.column("symbol").combine_chunks())
    names = encoded.dictionary.to_pylist()
    ordered = sorted(names)
    rank = {name: position for position, name in enumerate(ordered)}
    ranks = np.array([rank[name] for name in names], dtype=np.int64)
    return ordered, ranks[_numpy(encoded.indices, pa.int32())] if names else np.empty(0, dtype=np.int64)

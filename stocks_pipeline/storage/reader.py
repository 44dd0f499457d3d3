"""Prices as people read them: by date, range or symbol, as published or as known on a date.

What belongs here: which files answer a question, in which order of preference. What does not: finding files and gaps
(shelf.py), how the files are queried (scan.py), the form of the answer (answers.py), SQL for people (warehouse.py).

Files of one market: `daily/D.parquet` holds session D, merged on the day; `raw-data/D-batch-N.parquet` holds, for the
symbols of batch N, the sessions of a lookback window that ends at D, as fetched on D; `raw-data/D.parquet` is the old
layout of the same, one file a day. Without `as_of`, session D comes from the daily file, else from the raw files of D,
where a batch file's row wins over the old file's. With `as_of=A`, from the raw files of D to A: the newest row wins.
"""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from stocks_pipeline.domain.schemas import PRICES, conform
from stocks_pipeline.storage.answers import DayMerge, NoPrices, as_answer, nothing_found
from stocks_pipeline.storage.lake import Lake
from stocks_pipeline.storage.scan import SOURCE, Scanner
from stocks_pipeline.storage.shelf import Gaps, Shelf, find, gaps_of_merged, gaps_of_raw, joined

_COLUMNS: Final = ", ".join(PRICES.names)
_NAME: Final = r"/(\d{4}-\d\d-\d\d)(?:-batch-(\d+))?\.parquet$"
_PARTITION: Final = f"CAST(regexp_extract(filename, '{_NAME}', 1) AS DATE)"
_BATCH: Final = f"TRY_CAST(regexp_extract(filename, '{_NAME}', 2) AS INTEGER)"
_WANTED: Final = "{wanted}"
_MERGED_SQL: Final = f"SELECT {_COLUMNS} FROM {SOURCE} WHERE {_WANTED}"  # noqa: S608 - constants
_DAY_SQL: Final = f"SELECT {_COLUMNS} FROM {SOURCE} WHERE session = $first AND {_WANTED}"  # noqa: S608 - constants
_RAW_SQL: Final = f"""
    SELECT {_COLUMNS} FROM {SOURCE}
    WHERE session BETWEEN $first AND $last AND ($known OR session = {_PARTITION}) AND {_WANTED}
    QUALIFY row_number() OVER (PARTITION BY symbol, session ORDER BY {_PARTITION} DESC, {_BATCH} NULLS LAST) = 1
    ORDER BY session, {_BATCH} NULLS LAST, symbol
"""  # noqa: S608 - constants

Day = date | str
RawFiles = Mapping[date, Mapping[int | None, str]]
Found = tuple[Any, Gaps]


class PriceReader:
    """Reads the prices of one market. Safe for threads; never blocks a writer and never sees half a file."""

    def __init__(self, lake: Lake, market: str = "asx") -> None:
        self._lake = lake
        self._market = market
        self._scanner = Scanner(lake, PRICES)

    def load_date(self, day: Day, *, as_of: Day | None = None, arrow: bool = False) -> Any:
        """Prices of one session, one row a symbol, in order of batches.

        Returns:
            A pandas DataFrame with the columns of `PRICES` and `attrs`: `complete` (None where no plan tells),
            `missing_batches` (batch numbers by ISO date, only incomplete dates) and `missing_symbols`. With `arrow`, a
            pyarrow Table with the same as JSON in its schema metadata, under `stocks.` and the name.

        Raises:
            NoPrices: the session is not in the lake; the message names the nearest dates.
            ValueError: a bad date, or `as_of` before the session.
        """
        return self.load_date_range(day, day, as_of=as_of, arrow=arrow)

    def load_date_range(
        self,
        start: Day | None = None,
        end: Day | None = None,
        *,
        symbols: str | Iterable[str] | None = None,
        as_of: Day | None = None,
        arrow: bool = False,
    ) -> Any:
        """Prices of the sessions from start to end, both included, by session and within one as stored.

        None leaves that side open. Returns and raises as `load_date`; also NoPrices if no symbol asked for has a row.
        """
        first, last, known = day_of(start) or date.min, day_of(end) or date.max, day_of(as_of)
        if first > last:
            raise ValueError(f"the range ends ({last}) before it starts ({first})")
        if known and start is not None and first > known:
            raise ValueError(f"as_of {known} is before {first}: nobody knew that session then")
        wanted = None if symbols is None else [symbols] if isinstance(symbols, str) else list(symbols)
        table, gaps = self._known(first, last, known, wanted) if known else self._published(first, last, wanted)
        if table is None or (table.num_rows == 0 and (known or wanted)):
            raise self._nothing(start, end, known, wanted)
        gaps.warn(self._market)
        return as_answer(table, gaps, wanted, arrow=arrow)

    def load_symbols(
        self,
        symbols: str | Iterable[str],
        start: Day | None = None,
        end: Day | None = None,
        *,
        as_of: Day | None = None,
        arrow: bool = False,
    ) -> Any:
        """All stored prices of some symbols, ordered by session. Returns and raises as `load_date_range`."""
        return self.load_date_range(start, end, symbols=symbols, as_of=as_of, arrow=arrow)

    def merge_daily_batches(self, day: Day) -> DayMerge:
        """The rows of session `day` in that day's batch files (and in an old file beside them) as one table.

        Batches come in numeric order 0, 1, 2, … 10; one row a symbol; nothing is written and nothing warned.

        Raises:
            NoPrices: there is no raw file of that day.
        """
        session = _required(day)
        files = find(self._lake, self._market, session, session).raw.get(session)
        if not files:
            raise self._nothing(session, session, session, None)
        table = self._raw({session: files}, session, session, None, known=False)
        gaps = gaps_of_raw(self._lake, self._market, {session: files})
        return DayMerge(table, session, tuple(sorted(b for b in files if b is not None)), gaps)

    def get_latest_date(self, *, as_of: Day | None = None) -> date:
        """The newest date with prices; with `as_of`, the newest fetched by then. Raises NoPrices."""
        return self.get_date_range(as_of=as_of)[1]

    def get_date_range(self, *, as_of: Day | None = None) -> tuple[date, date]:
        """The first and the last date with prices; with `as_of`, of those fetched by then. Raises NoPrices."""
        known = day_of(as_of)
        dates = find(self._lake, self._market).dates(known)
        if not dates:
            raise self._nothing(None, None, known, None)
        return dates[0], dates[-1]

    def get_available_symbols(self, day: Day | None = None, *, as_of: Day | None = None) -> list[str]:
        """Symbols with a price on that session (the latest without one), sorted. Raises NoPrices."""
        table = self.load_date(day or self.get_latest_date(as_of=as_of), as_of=as_of, arrow=True)
        return sorted(table.column("symbol").unique().to_pylist())

    def _published(self, first: date, last: date, wanted: Sequence[str] | None) -> Found | tuple[None, Gaps]:
        """Merged days, and for the other days their raw files."""
        shelf = find(self._lake, self._market, first, last)
        unmerged = {day: files for day, files in shelf.raw.items() if day not in shelf.daily}
        parts: list[Found] = []
        if shelf.daily:
            parts.append(self._merged(shelf, wanted))
        if unmerged:
            table = self._raw(unmerged, first, last, wanted, known=False)
            parts.append((table, gaps_of_raw(self._lake, self._market, unmerged)))
        if len(parts) < 2:  # noqa: PLR2004 - one kind of file is the common case and needs no sorting
            return parts[0] if parts else (None, Gaps())
        table = pa.concat_tables([table for table, _ in parts])
        return table.take(pc.sort_indices(table, [("session", "ascending")])), joined(parts[0][1], parts[1][1])

    def _known(self, first: date, last: date, known: date, wanted: Sequence[str] | None) -> Found | tuple[None, Gaps]:
        """Raw files up to `known`; complete or not as the newest of them is, because it is the answer's frontier."""
        raw = find(self._lake, self._market, first, known).raw
        if not raw:
            return None, Gaps()
        table = self._raw(raw, first, last, wanted, known=True)
        return table, gaps_of_raw(self._lake, self._market, {max(raw): raw[max(raw)]})

    def _merged(self, shelf: Shelf, wanted: Sequence[str] | None) -> Found:
        keys = [shelf.daily[day] for day in sorted(shelf.daily)]
        table, metadata = self._query(_MERGED_SQL, keys, {}, wanted, footers=True)
        return conform(table, PRICES), gaps_of_merged(self._lake, self._market, shelf, metadata)

    def _raw(self, raw: RawFiles, first: date, last: date, wanted: Sequence[str] | None, *, known: bool) -> Any:
        """Rows of raw files, one a symbol and session, batches in numeric order and before an old file."""
        keys = [files[batch] for files in raw.values() for batch in sorted(files, key=lambda b: (b is None, b))]
        if known or len(raw) > 1:
            table, _ = self._query(_RAW_SQL, keys, {"first": first, "last": last, "known": known}, wanted)
            return conform(table, PRICES)
        [day] = raw
        table, _ = self._query(_DAY_SQL, keys, {"first": day}, wanted)
        return _first_of_each(conform(table, PRICES))

    def _query(
        self,
        sql: str,
        keys: Sequence[str],
        parameters: Mapping[str, object],
        wanted: Sequence[str] | None,
        *,
        footers: bool = False,
    ) -> Any:
        """Run one of the queries above; symbols become IN, which DuckDB applies before it reads the other columns."""
        names = {f"symbol_{n}": symbol for n, symbol in enumerate(wanted or ())}
        condition = "true" if wanted is None else f"symbol IN ({', '.join(f'${name}' for name in names) or 'NULL'})"
        return self._scanner.query(sql.replace(_WANTED, condition), keys, {**parameters, **names}, footers=footers)

    def _nothing(
        self, start: Day | None, end: Day | None, known: date | None, wanted: Sequence[str] | None
    ) -> NoPrices:
        dates = find(self._lake, self._market).dates(known)
        symbols = self.get_available_symbols(as_of=known) if wanted and dates else []
        return nothing_found(self._lake.root, self._market, dates, (day_of(start), day_of(end)), known, wanted, symbols)


def _first_of_each(table: Any) -> Any:
    """The table with the first row of each symbol; DuckDB keeps the order of files and rows."""
    symbols = table.column("symbol")
    if len(symbols.unique()) == len(symbols):
        return table
    first: dict[str, int] = {}
    for place, symbol in enumerate(symbols.to_pylist()):
        first.setdefault(symbol, place)
    places = pa.py_buffer(array("q", first.values()).tobytes())  # a list would load pandas
    return table.take(pa.Array.from_buffers(pa.int64(), len(first), [None, places]))


def day_of(day: Day | None) -> date | None:
    """A date from its ISO form or itself; None stays None. Raises ValueError or TypeError for anything else."""
    if day is None or (isinstance(day, date) and not isinstance(day, datetime)):
        return day
    if not isinstance(day, str):
        raise TypeError(f"a session is a date or YYYY-MM-DD, not {day!r}")
    try:
        return date.fromisoformat(day)
    except ValueError as error:
        raise ValueError(f"{day!r} is not a date: write YYYY-MM-DD") from error


def _required(day: Day) -> date:
    found = day_of(day)
    if found is None:
        raise ValueError("a date is needed, as YYYY-MM-DD")
    return found

"""The lake (keys to bytes), its layout, and the ways to read it back.

The functions below are for people at a prompt or in a notebook: prices of one market as pandas DataFrames (Arrow with
`arrow=True`), and the morning reports. They take the lake from the environment (STOCKS_LAKE) unless one is given, as an
address or a `Lake`. `storage.reader.PriceReader` and storage/reports.py document what each returns and raises;
warehouse.py offers the same data as SQL views.
Importing this package loads nothing: pyarrow, duckdb and pandas come with the first call.
"""

from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stocks_pipeline.storage.answers import DayMerge
    from stocks_pipeline.storage.lake import Lake
    from stocks_pipeline.storage.reader import PriceReader
    from stocks_pipeline.storage.reports import Report


def load_date(
    day: date | str,
    *,
    market: str = "asx",
    as_of: date | str | None = None,
    lake: "Lake | str | None" = None,
    arrow: bool = False,
) -> Any:
    """Prices of one session, one row a symbol; `attrs` and a MissingBatches warning tell what is missing."""
    return _reader(lake, market).load_date(day, as_of=as_of, arrow=arrow)


def load_date_range(  # noqa: PLR0913 - keyword options of one question
    start: date | str | None = None,
    end: date | str | None = None,
    *,
    symbols: str | Iterable[str] | None = None,
    market: str = "asx",
    as_of: date | str | None = None,
    lake: "Lake | str | None" = None,
    arrow: bool = False,
) -> Any:
    """Prices of the sessions from start to end, both included; None leaves a side open."""
    return _reader(lake, market).load_date_range(start, end, symbols=symbols, as_of=as_of, arrow=arrow)


def load_symbols(  # noqa: PLR0913 - keyword options of one question
    symbols: str | Iterable[str],
    start: date | str | None = None,
    end: date | str | None = None,
    *,
    market: str = "asx",
    as_of: date | str | None = None,
    lake: "Lake | str | None" = None,
    arrow: bool = False,
) -> Any:
    """All stored prices of some symbols, ordered by session."""
    return _reader(lake, market).load_symbols(symbols, start, end, as_of=as_of, arrow=arrow)


def merge_daily_batches(day: date | str, *, market: str = "asx", lake: "Lake | str | None" = None) -> "DayMerge":
    """The batch files of one day as one table, with what is missing: `.table`, `.frame()`, `.missing_batches`."""
    return _reader(lake, market).merge_daily_batches(day)


def get_latest_date(*, market: str = "asx", as_of: date | str | None = None, lake: "Lake | str | None" = None) -> date:
    """The newest date with prices; with `as_of`, the newest fetched by then."""
    return _reader(lake, market).get_latest_date(as_of=as_of)


def get_date_range(
    *, market: str = "asx", as_of: date | str | None = None, lake: "Lake | str | None" = None
) -> tuple[date, date]:
    """The first and the last date with prices."""
    return _reader(lake, market).get_date_range(as_of=as_of)


def get_available_symbols(
    day: date | str | None = None,
    *,
    market: str = "asx",
    as_of: date | str | None = None,
    lake: "Lake | str | None" = None,
) -> list[str]:
    """Symbols with a price on that session (the latest without one), sorted."""
    return _reader(lake, market).get_available_symbols(day, as_of=as_of)


def get_report(symbol: str, day: date | str | None = None, *, lake: "Lake | str | None" = None) -> "Report":
    """One ticker's report of that morning, the newest without one: `.text`, `.payload`, `.chart_png()`."""
    from stocks_pipeline.storage import reports

    return reports.get_report(_lake(lake), symbol, day)


def list_reports(day: date | str | None = None, *, lake: "Lake | str | None" = None) -> list[str]:
    """Receipts with a report of that morning (the newest without one), sorted."""
    from stocks_pipeline.storage import reports

    return reports.list_reports(_lake(lake), day)


def report_history(symbol: str, day: date | str, *, lake: "Lake | str | None" = None) -> "list[Report]":
    """The report of each execution of one morning, oldest first."""
    from stocks_pipeline.storage import reports

    return reports.report_history(_lake(lake), symbol, day)


def _lake(lake: "Lake | str | None") -> "Lake":
    if lake is None:
        from stocks_pipeline.settings import lake_root

        lake = lake_root()
    return _opened(lake) if isinstance(lake, str) else lake


@lru_cache(maxsize=8)
def _opened(root: str) -> "Lake":
    from stocks_pipeline.storage.lake import open_lake

    return open_lake(root)


def _reader(lake: "Lake | str | None", market: str) -> "PriceReader":
    return _kept(_lake(lake), market)  # type: ignore[arg-type] # a Lake is an object and so hashes by identity


@lru_cache(maxsize=8)
def _kept(lake: "Lake", market: str) -> "PriceReader":
    """Readers are kept, because opening DuckDB takes 15 ms and a question 10."""
    from stocks_pipeline.storage.reader import PriceReader

    return PriceReader(lake, market)

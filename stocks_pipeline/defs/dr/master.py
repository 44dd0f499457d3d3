"""Which receipts there are: the asset `dr/ticker_master`, and how the other stages read it.

What belongs here: the list as an asset, its partitions, and choosing from it. What does not: reading the CSV
(domain/tickers.py).
"""

from collections.abc import Mapping, Sequence
from datetime import date

import dagster as dg

from stocks_pipeline import __version__
from stocks_pipeline.defs.evidence import markdown_table
from stocks_pipeline.defs.resources import LakeResource
from stocks_pipeline.domain.tickers import (
    Ticker,
    TickerListError,
    UnknownTicker,
    packaged_tickers,
    parse_tickers,
    resolve,
)
from stocks_pipeline.partitions import parse_ticker_key
from stocks_pipeline.partitions import tickers as ticker_partitions
from stocks_pipeline.settings import SettingError, Settings
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import KeyMissing, Lake
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError

GROUP = "dr"
OWNERS = ("team:market-data",)


@dg.asset(
    key=[GROUP, "ticker_master"],
    group_name=GROUP,
    kinds={"parquet"},
    owners=list(OWNERS),
    code_version=__version__,
)
def ticker_master(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster refuses the subscripted form
    """The depositary receipts followed, with both names, exchange and currency; owns the ticker partitions."""
    from stocks_pipeline.domain.schemas import TICKERS
    from stocks_pipeline.storage.tables import write_table

    followed = listed_tickers()
    stored = write_table(lake.open(), layout.ticker_master_key(), as_table(followed), TICKERS)
    active = [t.dr for t in followed if t.active]
    context.instance.add_dynamic_partitions(ticker_partitions().name or "", active)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(stored.data_version),
        metadata={
            "dagster/row_count": len(followed),
            "path": dg.MetadataValue.path(stored.uri),
            "tickers": dg.MetadataValue.json(active),
            "count": len(active),
            "preview": markdown_table(
                [{"dr": t.dr, "yahoo": t.yahoo, "name": t.name, "exchange": t.exchange} for t in followed[:10]]
            ),
        },
    )


def listed_tickers() -> tuple[Ticker, ...]:
    """The user's list (STOCKS_DR_TICKERS) or the packaged one.

    Raises:
        SettingError: the user's file cannot be read; names its line and field.
    """
    path = Settings.load().dr_tickers
    if path is None:
        return packaged_tickers()
    try:
        return parse_tickers(path.read_bytes())
    except (OSError, TickerListError) as error:
        raise SettingError(f"STOCKS_DR_TICKERS: {path}: {error}") from error


def as_table(followed: Sequence[Ticker]) -> object:
    """The list as a table in schema TICKERS."""
    import pyarrow as pa

    from stocks_pipeline.domain.schemas import TICKERS

    return pa.Table.from_pylist(
        [
            {
                "dr_symbol": t.dr,
                "yahoo_symbol": t.yahoo,
                "company_name": t.name,
                "exchange": t.exchange_mic,
                "currency": t.currency,
                "sector": t.sector,
                "is_active": t.active,
                "note": t.note,
            }
            for t in followed
        ],
        schema=TICKERS,
    )


def stored_tickers(lake: Lake) -> tuple[Ticker, ...]:
    """The list as `ticker_master` stored it: every stage of a morning reads the same one.

    Raises:
        UpstreamError: it was never stored.
    """
    from stocks_pipeline.storage.tables import read_table

    try:
        rows = read_table(lake, layout.ticker_master_key()).to_pylist()
    except KeyMissing as error:
        raise UpstreamError(
            FailureKind.PERMANENT, GROUP, "ticker_master", "the list was never stored: materialize dr/ticker_master"
        ) from error
    return tuple(
        Ticker(
            dr=row["dr_symbol"],
            yahoo=row["yahoo_symbol"],
            name=row["company_name"],
            exchange_mic=row["exchange"],
            currency=row["currency"],
            active=row["is_active"],
            sector=row["sector"],
            note=row["note"],
        )
        for row in rows
    )


def choose_tickers(followed: Sequence[Ticker], limit: int | None, names: Sequence[str]) -> list[Ticker]:
    """The tickers asked for: those named, by either name, or all active ones; then at most `limit`.

    Raises:
        UnknownTicker: a name that is neither; lists the nearest.
    """
    wanted = {resolve(followed, name).dr for name in names if name.strip()}
    chosen = [t for t in followed if (t.dr in wanted if wanted else t.active)]
    return chosen if limit is None else chosen[:limit]


def run_keys(planned: Sequence[str], chosen: Mapping[str, Ticker], limit: int | None) -> list[str]:
    """The partitions of a run that it works on: those of the chosen tickers, of each morning the first `limit`.

    Raises:
        dagster.Failure: there are some and none of them is chosen. A run that did nothing must not look well.
    """
    place = {name: number for number, name in enumerate(chosen)}
    mornings: dict[date, list[str]] = {}
    for key in planned:
        day, name = parse_ticker_key(key)
        if name in place:
            mornings.setdefault(day, []).append(key)
    if planned and not mornings:
        asked = ", ".join(sorted({parse_ticker_key(key)[1] for key in planned})[:5])
        why = "not among the tickers that were named, or not active in the list"
        raise dg.Failure(f"nothing to do: {asked} of this run: {why}", allow_retries=False)
    return [
        key
        for day in sorted(mornings)
        for key in sorted(mornings[day], key=lambda key: place[parse_ticker_key(key)[1]])[:limit]
    ]


__all__ = [
    "GROUP",
    "OWNERS",
    "UnknownTicker",
    "choose_tickers",
    "listed_tickers",
    "run_keys",
    "stored_tickers",
    "ticker_master",
]

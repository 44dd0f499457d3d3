"""What a replayed recording holds, and what a demo on it must say: who is not in it, whose prices never traded so.

What belongs here: looking into the recording's files and asking the sandbox that plays them. What does not: the demo
(demo.py), and how it is known that prices are recorded adjusted (the sandbox's replay).
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import httpx

from stocks_pipeline.settings import Settings
from stocks_pipeline.wording import counted

RECENT = timedelta(days=7)
"""How old the newest recorded bar may be for a part of the demo to be worth running."""


def recorded(replay: str, names: Sequence[str], before: date) -> bool:
    """Whether the recording holds bars of any of them in the days before."""
    import pyarrow.dataset as ds

    for file in sorted(Path(replay).glob("yahoo_*.parquet")):
        table = ds.dataset(file).to_table(columns=["date"], filter=ds.field("symbol").isin(names))
        if any(before - RECENT <= _date(one) < before for one in table["date"].to_pylist()):
            return True
    return False


def notes(found: Settings, parts: Iterable[str]) -> list[str]:
    """What the end of a demo on a recording says of it, by the sandbox that plays it."""
    answer = httpx.get(f"{found.sandbox_url}/_admin/recording", timeout=5.0).raise_for_status()
    adjusted: dict[str, bool] = answer.json()
    said = []
    for part in parts:
        symbols = _symbols(found, part, adjusted)
        known = [adjusted[symbol] for symbol in symbols.values() if symbol in adjusted]
        if lacking := [name for name, symbol in symbols.items() if symbol not in adjusted]:
            said.append(f"{part}: {counted(len(lacking), 'symbol')} not in the recording: {', '.join(lacking)}")
        if bare := sum(known):
            said.append(
                f"{part}: prices of {bare} of {counted(len(known), 'recorded symbol')} are recorded adjusted: a close "
                "shown is not the price that traded, and no dividend is known"
            )
    return said


def _symbols(found: Settings, part: str, adjusted: Iterable[str]) -> dict[str, str]:
    """Of a part, our name and Yahoo's of each symbol that it asks for; of the ASX those that are recorded: its list is
    of two thousand companies, and what is not recorded is in the day's own count.
    """
    from stocks_pipeline.cli.mornings import followed
    from stocks_pipeline.upstream.strategy_files import StrategyFiles

    if part == "dr":
        return {ticker.dr: ticker.yahoo for ticker in followed(found) if ticker.active}
    if part == "us":
        listed = StrategyFiles(found.strategies).fetch().listing.companies
        return {company.code: company.code for company in listed}
    return {symbol: symbol for symbol in adjusted if symbol.endswith(".AX")}


def _date(moment: date) -> date:
    return moment.date() if isinstance(moment, datetime) else moment

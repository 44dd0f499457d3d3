"""The list of depositary receipts: which exist, of which share, where it trades and in what.

What belongs here: a ticker's facts, the CSV they are read from (dr_tickers.csv beside this file, or a user's own) and
finding one by either of its names. What does not: prices, and the partitions made of the list (defs/).
Standard library only.
"""

import csv
import difflib
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

PACKAGED = "dr_tickers.csv"
EXCHANGE_NAMES = {
    "ARCX": "NYSE Arca",
    "HSTC": "Hanoi Stock Exchange",
    "XASX": "Australian Securities Exchange",
    "XBKK": "Stock Exchange of Thailand",
    "XHKG": "Hong Kong Stock Exchange",
    "XNAS": "Nasdaq",
    "XNYS": "New York Stock Exchange",
    "XSES": "Singapore Exchange",
    "XSTC": "Ho Chi Minh Stock Exchange",
    "XTAI": "Taiwan Stock Exchange",
    "XTKS": "Tokyo Stock Exchange",
}
"""What people call the exchange of a market identifier code (ISO 10383)."""

_ALIASES = {"dr_symbol": "dr", "symbol": "dr", "yahoo_symbol": "yahoo", "ticker": "yahoo", "mic": "exchange_mic"}
_NEEDED = ("dr", "yahoo", "name", "exchange_mic")
_FIELDS = (*_NEEDED, "currency", "active", "sector", "note")
_FORMS = {
    "dr": re.compile(r"[A-Z0-9][A-Z0-9._-]{0,19}"),
    "yahoo": re.compile(r"[A-Z0-9^][A-Z0-9.^=-]{0,19}"),
    "name": re.compile(r"[^\x00-\x1f\x7f<>{}]{1,120}"),
    "exchange_mic": re.compile(r"[A-Z0-9]{4}"),
    "currency": re.compile(r"([A-Z]{3})?"),
    "active": re.compile(r"(?i:true|false|yes|no|1|0)?"),
    "sector": re.compile(r"[^\x00-\x1f\x7f<>{}]{0,80}"),
    "note": re.compile(r"[^\x00-\x1f\x7f]{0,400}"),
}
_NEAREST = 5


class TickerListError(ValueError):
    """A list that cannot be read; the message names its line and field."""


class UnknownTicker(LookupError):  # noqa: N818 - the name that callers and the CLI know it by
    """A name that is neither a receipt's nor Yahoo's; `nearest` are names like it."""

    def __init__(self, name: str, nearest: Sequence[str]) -> None:
        self.name = name
        self.nearest = tuple(nearest)
        hint = f"; did you mean {', '.join(nearest)}?" if nearest else ""
        super().__init__(f"no ticker is called {name!r}{hint}")


@dataclass(frozen=True)
class Ticker:
    """One depositary receipt: `dr` as traded in Bangkok, `yahoo` the name of the share (or fund) behind it.

    `currency` is ISO 4217 and that of the share's own exchange; None where unknown. `note` says what is uncertain.
    """

    dr: str
    yahoo: str
    name: str
    exchange_mic: str
    currency: str | None
    active: bool
    sector: str | None = None
    note: str = ""

    @property
    def exchange(self) -> str:
        """What people call the exchange; its code where this project has no name for it."""
        return EXCHANGE_NAMES.get(self.exchange_mic, self.exchange_mic)


def currency_note(listed: str | None, found: Sequence[str]) -> str:
    """That the bars are in another currency than the list says; empty where they agree or one of the two says nothing.

    The vendor's word counts: its numbers come with it. The list may be mended by whoever reads this.
    """
    if listed is None or set(found) <= {listed}:
        return ""
    return f"the ticker list says {listed}, the bars are in {' and '.join(found)}"


def packaged_tickers() -> tuple[Ticker, ...]:
    """The list that comes with the package, in its order."""
    return parse_tickers(resources.files("stocks_pipeline.domain").joinpath(PACKAGED).read_bytes())


def parse_tickers(body: bytes) -> tuple[Ticker, ...]:
    """The tickers of a CSV (UTF-8, header line), in its order.

    Columns dr, yahoo, name and exchange_mic are needed; currency, active (yes where empty), sector and note are not.
    Other spellings of the header (dr_symbol, Symbol; yahoo_symbol, Ticker; mic) are understood. A header without rows
    is a list of nobody: a desk without receipts, not a fault.

    Raises:
        TickerListError: not UTF-8, a column missing, unknown or twice, a field that does not fit, or a receipt twice.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TickerListError(f"the ticker list is not UTF-8: {error}") from error
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    lines: dict[str, int] = {}
    tickers = []
    for line, fields in _records(rows):
        ticker = _ticker(line, fields)
        if ticker.dr in lines:
            raise TickerListError(f"line {line}, field dr: {ticker.dr} is already on line {lines[ticker.dr]}")
        lines[ticker.dr] = line
        tickers.append(ticker)
    return tuple(tickers)


def resolve(tickers: Sequence[Ticker], name: str) -> Ticker:
    """The ticker of that receipt or Yahoo name, whatever its case; of two receipts on one share the list's first.

    Raises:
        UnknownTicker: there is none; it lists the nearest.
    """
    wanted = name.strip().upper()
    for ticker in tickers:
        if ticker.dr == wanted:
            return ticker
    for ticker in tickers:
        if ticker.yahoo == wanted:
            return ticker
    raise UnknownTicker(name, _nearest(tickers, wanted))


def _nearest(tickers: Sequence[Ticker], wanted: str) -> list[str]:
    names = {name: ticker.dr for ticker in tickers for name in (ticker.name.upper(), ticker.yahoo, ticker.dr)}
    starts = [dr for name, dr in names.items() if wanted and name.startswith(wanted)]
    alike = [names[match] for match in difflib.get_close_matches(wanted, names, n=_NEAREST, cutoff=0.5)]
    return list(dict.fromkeys(starts + alike))[:_NEAREST]


def _records(rows: Any) -> Iterator[tuple[int, dict[str, str]]]:
    header: list[str] | None = None
    try:
        for row in rows:
            line = rows.line_num
            cells = [cell.strip() for cell in row]
            if not any(cells):
                continue
            if header is None:
                header = _header(line, cells)
                continue
            if len(cells) != len(header):
                raise TickerListError(f"line {line}: {len(cells)} fields where the header has {len(header)}")
            yield line, dict(zip(header, cells, strict=True))
    except csv.Error as error:
        raise TickerListError(f"line {rows.line_num}: {error}") from error
    if header is None:
        raise TickerListError("the ticker list has no header")


def _header(line: int, cells: list[str]) -> list[str]:
    names = [_ALIASES.get(cell.lower(), cell.lower()) for cell in cells]
    missing = [name for name in _NEEDED if name not in names]
    unknown = [name for name in names if name not in _FIELDS]
    twice = sorted({name for name in names if names.count(name) > 1})
    if missing or unknown or twice:
        raise TickerListError(f"line {line}, header: missing {missing}, unknown {unknown}, twice {twice}")
    return names


def _ticker(line: int, fields: dict[str, str]) -> Ticker:
    values = {name: fields.get(name, "") for name in _FIELDS}
    for name in ("dr", "yahoo", "exchange_mic", "currency"):
        values[name] = values[name].upper()
    for name, form in _FORMS.items():
        if not form.fullmatch(values[name]):
            raise TickerListError(f"line {line}, field {name}: {values[name]!r} is not allowed here")
    return Ticker(
        dr=values["dr"],
        yahoo=values["yahoo"],
        name=values["name"],
        exchange_mic=values["exchange_mic"],
        currency=values["currency"] or None,
        active=values["active"].lower() in {"", "true", "yes", "1"},
        sector=values["sector"] or None,
        note=values["note"],
    )

"""Lists of symbols: what an exchange lists, how a list is split into batches, and how a vendor spells a symbol.

What belongs here: the companies of a listing as our own CSV, the pinned plan of a day's batches, vendor spellings.
What does not: reading the exchange's file (domain/listing.py), fetching it (upstream/asx.py), the files' names
(storage/layout.py).

Symbols of a listing are sorted by code, so that a batch's membership hardly moves from day to day; what a batch holds
on a given day is read from that day's plan and never computed again. Standard library only.
"""

import csv
import io
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from stocks_pipeline.domain.listing import Company, Listing, ListingError, parse_asx_listing

__all__ = [
    "BatchPlan",
    "Company",
    "Listing",
    "ListingError",
    "PlanError",
    "SymbolBatch",
    "companies_from_csv",
    "companies_to_csv",
    "parse_asx_listing",
    "split_batches",
    "vendor_symbol",
]

BATCH_SIZE = 100
_COLUMNS = ("code", "name", "industry", "listed_on", "market_cap")


class PlanError(ValueError):
    """A batch plan that contradicts itself or its format; the message names the field."""


@dataclass(frozen=True)
class SymbolBatch:
    """The symbols that one partition fetches, and its number, counted from 0."""

    symbols: tuple[str, ...]
    batch_number: int


@dataclass(frozen=True)
class BatchPlan:
    """All symbols of a day and their batches: batch n is numbered n, and the batches in order are the symbols.

    `metadata` is free, as long as it is JSON. Building one that breaks the rule raises PlanError.
    """

    symbols: tuple[str, ...]
    batches: tuple[SymbolBatch, ...]
    metadata: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(set(self.symbols)) != len(self.symbols):
            raise PlanError(f"symbols: {_repeated(self.symbols)} more than once")
        for position, batch in enumerate(self.batches):
            if batch.batch_number != position:
                raise PlanError(f"symbolBatches[{position}].batchNumber: {batch.batch_number}, expected {position}")
            if not batch.symbols:
                raise PlanError(f"symbolBatches[{position}].symbols: empty")
        if tuple(symbol for batch in self.batches for symbol in batch.symbols) != self.symbols:
            raise PlanError("symbolBatches: the batches in order are not the symbols")

    @classmethod
    def of(cls, symbols: Sequence[str], size: int = BATCH_SIZE, metadata: dict[str, Any] | None = None) -> "BatchPlan":
        """The plan that splits the symbols, in the order given, into batches of `size`."""
        return cls(tuple(symbols), split_batches(symbols, size), metadata or {})

    def batch(self, number: int) -> SymbolBatch:
        """The batch of that number.

        Raises:
            PlanError: the plan has no such batch.
        """
        if not 0 <= number < len(self.batches):
            raise PlanError(f"batchNumber: no batch {number} among {len(self.batches)}")
        return self.batches[number]

    def to_json(self) -> bytes:
        """UTF-8 JSON `{symbols, symbolBatches: [{symbols, batchNumber}], metadata}`; equal plans give equal bytes.

        Raises:
            PlanError: the metadata is no JSON (NaN included).
        """
        content = {
            "symbols": list(self.symbols),
            "symbolBatches": [{"symbols": list(b.symbols), "batchNumber": b.batch_number} for b in self.batches],
            "metadata": self.metadata,
        }
        try:
            return (json.dumps(content, ensure_ascii=False, allow_nan=False) + "\n").encode()
        except (TypeError, ValueError) as error:
            raise PlanError(f"metadata: {error}") from error

    @classmethod
    def from_json(cls, body: bytes) -> "BatchPlan":
        """Read `to_json` back, or a plan of the seed's symbol updater.

        Raises:
            PlanError: no JSON, a field missing, unknown or of the wrong type, or a plan that contradicts itself.
        """
        try:
            content = json.loads(body)
        except ValueError as error:
            raise PlanError(f"no JSON: {error}") from error
        fields = _fields(content, "plan", ("symbols", "symbolBatches", "metadata"))
        if not isinstance(fields["symbolBatches"], list):
            raise PlanError("symbolBatches: not a list")
        if not isinstance(fields["metadata"], dict):
            raise PlanError("metadata: not an object")
        batches = tuple(_batch(entry, f"symbolBatches[{n}]") for n, entry in enumerate(fields["symbolBatches"]))
        return cls(_symbols(fields["symbols"], "symbols"), batches, fields["metadata"])


def split_batches(symbols: Sequence[str], size: int = BATCH_SIZE) -> tuple[SymbolBatch, ...]:
    """Batch n holds symbols n·size … n·size+size-1 in the order given; no symbols give no batches.

    Raises:
        ValueError: a size below 1, or a symbol that appears twice (it would be fetched twice).
    """
    if size < 1:
        raise ValueError(f"size: {size} is below 1")
    if len(set(symbols)) != len(symbols):
        raise ValueError(f"symbols: {_repeated(symbols)} more than once")
    starts = range(0, len(symbols), size)
    return tuple(SymbolBatch(tuple(symbols[start : start + size]), start // size) for start in starts)


def companies_to_csv(companies: Sequence[Company]) -> bytes:
    """Our own CSV: UTF-8, LF, a header, dates as YYYY-MM-DD, market capitalisation in AUD, missing values empty.

    Texts hold no control characters: the listing's parser has taken them out.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for each in companies:
        listed_on = "" if each.listed_on is None else each.listed_on.isoformat()
        market_cap = "" if each.market_cap is None else str(each.market_cap)
        writer.writerow((each.code, each.name, each.industry, listed_on, market_cap))
    return text.getvalue().encode()


def companies_from_csv(body: bytes) -> tuple[Company, ...]:
    """Read `companies_to_csv` back, in the file's order.

    Raises:
        ListingError: not our header, or a row that `companies_to_csv` cannot have written; the message gives its line.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ListingError(f"not a symbols file: {error}") from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    if tuple(next(reader, ())) != _COLUMNS:
        raise ListingError(f"not a symbols file: its header is not {','.join(_COLUMNS)}")
    companies = []
    try:
        for row in reader:
            code, name, industry, listed_on, market_cap = row
            companies.append(
                Company(
                    code,
                    name,
                    industry,
                    date.fromisoformat(listed_on) if listed_on else None,
                    int(market_cap) if market_cap else None,
                )
            )
    except (ValueError, csv.Error) as error:
        raise ListingError(f"line {reader.line_num}: {error}") from error
    return tuple(companies)


def vendor_symbol(code: str, suffix: str) -> str:
    """How the vendor spells the exchange's own code: BHP with ".AX" is BHP.AX. No suffix leaves the code as it is.

    Raises:
        ValueError: no code, or one that carries the suffix already (BHP.AX.AX would be "delisted", not an error).
    """
    if not code:
        raise ValueError("code: empty")
    if suffix and code.endswith(suffix):
        raise ValueError(f"code: {code!r} already ends in {suffix!r}")
    return f"{code}{suffix}"


def _repeated(symbols: Sequence[str]) -> str:
    return ", ".join(sorted(symbol for symbol, count in Counter(symbols).items() if count > 1)[:20])


def _batch(entry: Any, where: str) -> SymbolBatch:
    fields = _fields(entry, where, ("symbols", "batchNumber"))
    number = fields["batchNumber"]
    if not isinstance(number, int) or isinstance(number, bool):
        raise PlanError(f"{where}.batchNumber: {number!r} is no integer")
    return SymbolBatch(_symbols(fields["symbols"], f"{where}.symbols"), number)


def _symbols(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise PlanError(f"{where}: not a list")
    for position, symbol in enumerate(value):
        if not isinstance(symbol, str) or not symbol:
            raise PlanError(f"{where}[{position}]: {symbol!r} is no symbol")
    return tuple(value)


def _fields(value: Any, where: str, names: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise PlanError(f"{where}: not an object")
    missing = [name for name in names if name not in value]
    unknown = [name for name in value if name not in names]
    if missing or unknown:
        raise PlanError(f"{where}: missing {missing or 'nothing'}, unknown {unknown or 'nothing'}")
    return value

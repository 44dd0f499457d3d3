"""What is stored of a morning's tickers: their bars and company fields, read once a run however many reports ask.

What belongs here: reading them. What does not: fetching (data.py) and what is computed from them (domain/reports/).
Nothing here touches the network: a report of a ticker without stored data fails at once, and says what to do.
"""

import json
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from stocks_pipeline.defs.dr.data import COMPANY
from stocks_pipeline.defs.dr.fetched import NoData
from stocks_pipeline.domain.schemas import PRICES, SchemaError
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import KeyMissing, Lake, LakeError
from stocks_pipeline.storage.tables import read_metadata, read_table
from stocks_pipeline.upstream.failures import NEXT_STEP, FailureKind, UpstreamError


class NoDataError(UpstreamError):
    """A ticker whose data of the morning cannot be had from the lake."""

    @property
    def next_step(self) -> str:
        return "Materialize dr/ticker_data for it, then retry."


class MissingDataError(NoDataError):
    """A ticker of which nothing is stored: its report fails with the class and words of the fetch that did not get it.

    A class that ends a stage (a refused key, a spent allowance) ended the fetch; this stage goes on: it is transient.
    """

    told: NoData | None = None

    @classmethod
    def of(cls, name: str, day: date, told: NoData | None) -> "MissingDataError":
        """The failure of the report of `name`; `told`: what a fetch said, if one was asked for it."""
        if told is None:
            why = f"no stored data for {day}: materialize dr/ticker_data for it first"
            return cls(FailureKind.PERMANENT, "dr", name, why, attempts=0)
        kind = FailureKind(told.kind) if told.kind in _AS_FETCHED else FailureKind.TRANSIENT
        error = cls(kind, "dr", name, f"no stored data: {told.why}", attempts=told.tries)
        error.told = told
        return error

    @property
    def next_step(self) -> str:
        final = self.told is not None and self.kind is FailureKind.PERMANENT
        return NEXT_STEP[self.kind] if final else super().next_step


_AS_FETCHED = frozenset(FailureKind) - {FailureKind.AUTH, FailureKind.QUOTA_DAY}


@dataclass(frozen=True)
class MorningData:
    """The stored tickers of one morning. Safe for threads."""

    lake: Lake
    day: date
    names: frozenset[str]
    """Receipts that may be peers of one another."""
    why: Mapping[str, NoData] = field(default_factory=dict)
    """What fetches said of those that they did not bring."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _read: dict[str, Any] = field(default_factory=dict)

    def of(self, name: str) -> tuple[Any, dict[str, Any]]:
        """One ticker's bars (schemas.PRICES) and its company fields.

        Raises:
            NoDataError: there are none, or the file is damaged (permanent, unless the fetch said otherwise).
        """
        key = layout.ticker_data_key(self.day, name)
        try:
            return read_table(self.lake, key, PRICES), json.loads(read_metadata(self.lake, key).get(COMPANY, "{}"))
        except KeyMissing as error:
            raise MissingDataError.of(name, self.day, self.why.get(name)) from error
        except (LakeError, SchemaError, json.JSONDecodeError) as error:
            raise NoDataError(FailureKind.PERMANENT, "lake", name, str(error), attempts=0) from error

    def tables(self) -> dict[str, Any]:
        """Every ticker's bars. One that is missing or damaged is nobody's peer, and no other report's trouble."""
        with self._lock:
            if not self._read:
                self._read.update(self._readable(sorted(self.names)))
            return dict(self._read)

    def _readable(self, names: Iterable[str]) -> Iterable[tuple[str, Any]]:
        for name in names:
            key = layout.ticker_data_key(self.day, name)
            try:
                yield name, read_table(self.lake, key, PRICES)
            except (KeyMissing, LakeError, SchemaError):
                continue

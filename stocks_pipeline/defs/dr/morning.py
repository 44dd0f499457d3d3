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

from stocks_pipeline.defs.dr.data import COMPANY, COMPANY_NOTE
from stocks_pipeline.defs.dr.fetched import DAMAGED, MissingDataError, NoData, NoDataError
from stocks_pipeline.domain.schemas import PRICES, SchemaError
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import KeyMissing, Lake, LakeError
from stocks_pipeline.storage.tables import read_metadata, read_table
from stocks_pipeline.upstream.failures import FailureKind


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

    def of(self, name: str) -> tuple[Any, dict[str, Any], str]:
        """One ticker's bars (schemas.PRICES), its company fields, and where there are none the fetch's reason.

        Raises:
            NoDataError: there are none, or the file is damaged (permanent, unless the fetch said otherwise).
        """
        key = layout.ticker_data_key(self.day, name)
        try:
            kept = read_metadata(self.lake, key)
            return read_table(self.lake, key, PRICES), json.loads(kept.get(COMPANY, "{}")), kept.get(COMPANY_NOTE, "")
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


def damaged_data(lake: Lake, day: date, names: Iterable[str]) -> dict[str, NoData]:
    """What is wrong with the stored data of those that cannot be read. No report is written from them until a fetch,
    which does not reuse them either, has stored them anew: so they count as missing.
    """
    data, found = MorningData(lake, day, frozenset()), {}
    for name in names:
        try:
            data.of(name)
        except MissingDataError:
            continue
        except NoDataError as error:
            found[name] = NoData(DAMAGED, f"its stored data are damaged: {error.message}")
    return found

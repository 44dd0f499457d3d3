"""The closes that a report's peers are found in, kept for every later run: a peer is part of a question that is paid.

What belongs here: `MorningPeers` and its rule. What does not: correlations (domain/reports/peers.py), a ticker's own
bars (morning.py).

The rule. Who moved alike depends on which tickers are stored. So the closes of all of them are kept as they were when a
report was first asked for, and every later run of the morning finds its peers in those, and the verifier too: a ticker
that comes late or is fetched again changes nobody else's question. A ticker whose own closes have changed is another
question anyway and looks at the closes of now. Of two runs at once the first to store wins. A run that rewrites uses
what its own execution kept and nothing older.
"""

import json
import threading
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from stocks_pipeline.clock import Clock
from stocks_pipeline.defs.dr.morning import MorningData
from stocks_pipeline.domain.schemas import PRICES, SchemaError, conform
from stocks_pipeline.storage.dr_keys import closes_key, peers_key
from stocks_pipeline.storage.lake import Conflict, Lake, LakeError

CLOSES = pa.schema([PRICES.field(name) for name in ("symbol", "session", "close")])


@dataclass(frozen=True)
class Others:
    """The tickers of a morning as one report sees them, by receipt, its own among them.

    `tables` are of PRICES with sessions and closes only, `histories` what `build_facts` compares by.
    """

    tables: dict[str, Any]
    histories: dict[str, Any]


@dataclass(frozen=True)
class MorningPeers:
    """The peers of one morning for one execution. Safe for threads and processes."""

    lake: Lake
    data: MorningData
    execution_id: str
    clock: Clock
    rewrite: bool = False
    """Use nothing that another execution kept."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _read: dict[str, Others] = field(default_factory=dict)
    _now: list[str] = field(default_factory=list)

    def of(self, name: str, bars: Any) -> Others:
        """Whom the ticker with these bars is compared with; kept on return.

        Raises:
            LakeError: it cannot be kept; nothing has been paid for.
        """
        return self._stored(name, bars) or self._kept(name, bars)

    def _kept(self, name: str, bars: Any) -> Others:
        """The closes of now, or what another run has kept meanwhile: both then ask the model the same."""
        key, version = peers_key(self.data.day, name), self._version()
        with self.lake.exclusive(key):
            there = self._stored(name, bars)
            if there is not None:
                return there
            at = self.clock.now().isoformat()
            pin = {"ticker": name, "execution_id": self.execution_id, "kept_at": at, "closes": version}
            try:
                self.lake.write(key, json.dumps(pin, indent=1).encode())
            except Conflict:  # another machine's run was faster
                return self._stored(name, bars) or self._others(version)
        return self._others(version)

    def _stored(self, name: str, bars: Any) -> Others | None:
        """What is kept for the ticker and may be used; damaged files are as good as none."""
        try:
            pin = json.loads(self.lake.read(peers_key(self.data.day, name)))
            if self.rewrite and pin["execution_id"] != self.execution_id:
                return None
            others = self._others(pin["closes"])
        except (KeyError, ValueError, TypeError, LakeError, SchemaError):  # nothing stored is a KeyError
            return None
        return others if name in others.tables and _same(others.tables[name], bars) else None

    def _version(self) -> str:
        """The closes of now, stored once a run under a name made of their content."""
        from stocks_pipeline.storage.tables import data_version, write_table

        tables = self.data.tables()
        with self._lock:
            if not self._now:
                rows = [conform(table.select(CLOSES.names), CLOSES) for table in tables.values()]
                closes = pa.concat_tables(rows) if rows else CLOSES.empty_table()
                version = data_version(closes)
                write_table(self.lake, closes_key(self.data.day, version), closes, CLOSES)
                self._now.append(version)
            return self._now[0]

    def _others(self, version: str) -> Others:
        """Read once a run. Raises KeyMissing, LakeError or SchemaError where they cannot be had."""
        from stocks_pipeline.domain.indicators import history
        from stocks_pipeline.storage.tables import read_table

        with self._lock:
            if version not in self._read:
                closes = read_table(self.lake, closes_key(self.data.day, version), CLOSES)
                tables = _by_symbol(closes)
                past = {name: history(table, self.data.day) for name, table in tables.items()}
                self._read[version] = Others(tables, past)
            return self._read[version]


def _by_symbol(closes: Any) -> dict[str, Any]:
    """The closes as tables of PRICES by symbol; every other column is empty."""
    empty = {each.name: pa.nulls(len(closes), each.type) for each in PRICES if each.name not in CLOSES.names}
    wide = pa.table({name: empty[name] if name in empty else closes.column(name) for name in PRICES.names})
    names = closes.column("symbol").to_pylist()
    starts = [at for at, name in enumerate(names) if not at or names[at - 1] != name]
    ends = [*starts[1:], len(names)]
    return {names[at]: wide.slice(at, end - at) for at, end in zip(starts, ends, strict=True)}


def _same(kept: Any, bars: Any) -> bool:
    """Whether both have the same closes of the same sessions."""
    one, other = (table.column("close").to_numpy() for table in (kept, bars))
    return bool(kept.column("session").equals(bars.column("session")) and np.array_equal(one, other, equal_nan=True))

"""Pairs of two vendors' bars with a known fault between them: what the recognition of causes is measured on.

What belongs here: the true bars (recorded ones, simulated walks where those are absent), cases, and how a verdict is
held against a case's label. What does not: the faults (validation_faults*.py) and the figures
(benchmarks/validating.py).
"""

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from stocks_pipeline.domain.calendars import calendar
from stocks_pipeline.domain.schemas import EXTERNAL_BARS, PRICES
from stocks_pipeline.domain.validation import Cause, Profile, Status, SymbolResult, validate

_DEFAULT = Path(__file__).resolve().parents[2] / "shared" / "data"
RECORDED = Path(os.environ.get("STOCKS_SHARED_DATA", _DEFAULT)) / "replay" / "twelve_data_us.parquet"
LOOKBACKS = (5, 10, 30, 60, 140)
PRICE_COLUMNS = ("open", "high", "low", "close")
_SECONDARY = frozenset({"ohlc", "volume"})
_FETCHED = datetime(2026, 1, 6, tzinfo=UTC)

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Bars:
    """One vendor's bars of one symbol; `adj_close`, `dividend`, `split` only matter where they become our PRICES."""

    symbol: str
    days: tuple[date, ...]
    values: dict[str, Values]

    def __len__(self) -> int:
        return len(self.days)

    def scaled(self, factor: Values | float, *, volume: bool = False) -> "Bars":
        """Prices times a factor (by session); volumes divided by it where that is a split's."""
        values = self.values | {name: self.values[name] * factor for name in PRICE_COLUMNS}
        if volume:
            values["volume"] = np.round(self.values["volume"] / factor)
        return replace(self, values=values)

    def with_values(self, **columns: Values) -> "Bars":
        """With these columns instead."""
        return replace(self, values=self.values | columns)

    def only(self, keep: Any) -> "Bars":
        """The marked, or numbered, sessions (a list or array) in that order."""
        rows = np.arange(len(self))[np.asarray(keep, dtype=None if len(keep) else np.intp)]
        return replace(
            self,
            days=tuple(self.days[row] for row in rows),
            values={name: column[rows] for name, column in self.values.items()},
        )

    def prices(self) -> Any:
        """As PRICES: Yahoo's prices are 32-bit floats."""
        n = len(self)
        columns: dict[str, Any] = {"symbol": [self.symbol] * n, "session": list(self.days)}
        for name in (*PRICE_COLUMNS, "adj_close"):
            source = self.values.get(name, self.values["close"])
            columns[name] = [float(np.float32(value)) for value in source]
        columns["volume"] = [None if np.isnan(value) else int(value) for value in self.values["volume"]]
        for name in ("dividend", "split"):
            columns[name] = self.values.get(name, np.zeros(n)).tolist()
        rest = {"currency": "USD", "source": "yahoo", "fetched_at": _FETCHED, "batch_number": 0}
        return pa.table(columns | {name: [value] * n for name, value in rest.items()}).cast(PRICES)

    def external(self) -> Any:
        """As EXTERNAL_BARS: the second vendor rounds to cents, below 5 to hundredths of one."""
        columns: dict[str, Any] = {"symbol": [self.symbol] * len(self), "session": list(self.days)}
        for name in PRICE_COLUMNS:
            columns[name] = [round(float(value), 2 if value >= 5 else 4) for value in self.values[name]]
        columns["volume"] = [None if np.isnan(value) else int(value) for value in self.values["volume"]]
        return pa.table(columns).cast(EXTERNAL_BARS)


@dataclass(frozen=True)
class Case:
    """Two sides, the label of what is between them, and what a right verdict says: causes and status."""

    kind: str
    ours: Bars | None
    theirs: Bars | None
    sessions: tuple[date, ...]
    causes: frozenset[Cause]
    status: Status
    profile: Profile = Profile.STANDARD
    note: dict[str, float | str] = field(default_factory=dict)

    @property
    def real_error(self) -> bool:
        """Whether a price or session really is wrong, so that nobody may call it harmless or passed."""
        return bool(self.causes - {Cause.DIVIDEND_BASIS}) and self.status is Status.FAILED

    def tables(self) -> tuple[Any, Any]:
        """Our table and theirs."""
        ours = None if self.ours is None else self.ours.prices()
        return ours, None if self.theirs is None else self.theirs.external()

    def verdict(self) -> SymbolResult:
        """What validation says of it."""
        ours, theirs = self.tables()
        symbol = next(side.symbol for side in (self.ours, self.theirs) if side is not None)
        return validate(
            symbol, ours, theirs, profile=self.profile, sessions=self.sessions, newest=self.sessions[-1], source="test"
        )


def causes_in(result: SymbolResult) -> frozenset[Cause]:
    """The causes a verdict names; those of volumes and of open, high and low follow the close where it differs."""
    faults = [i for i in result.issues if not i.could_not_check] or list(result.issues)
    return frozenset(i.cause for i in [issue for issue in faults if issue.rule not in _SECONDARY] or faults)


def is_right(case: Case, result: SymbolResult) -> bool:
    """Whether a verdict says exactly what the label says."""
    return causes_in(result) == case.causes and result.status is case.status


def called_harmless(case: Case, result: SymbolResult) -> bool:
    """Whether a real error was passed or explained away."""
    return case.real_error and (result.status is Status.PASSED or result.harmless)


def windows(seed: int) -> Iterator[tuple[random.Random, Bars, Bars]]:
    """For ever: chance, the true bars of a symbol in a window, and those of another symbol in the same window."""
    rng = random.Random(seed)  # noqa: S311 - test data
    world = truth()
    while True:
        symbol, other = rng.sample(sorted(world), 2)
        size = rng.choice(LOOKBACKS)
        end = rng.randint(size, len(world[symbol]))
        rows = np.arange(end - size, end)
        yield rng, world[symbol].only(rows), world[other].only(rows)


@lru_cache(maxsize=1)
def truth() -> dict[str, Bars]:
    """True bars by symbol, each of the same sessions without a gap: recorded ones, else simulated."""
    if not RECORDED.exists():
        return {f"SIM{number:02}": walk(f"SIM{number:02}", number) for number in range(24)}
    table = pq.read_table(RECORDED)
    frame = {name: table.column(name).to_pylist() for name in ("symbol", "date", *PRICE_COLUMNS, "volume")}
    rows: dict[str, list[int]] = {}
    for row, symbol in enumerate(frame["symbol"]):
        rows.setdefault(symbol, []).append(row)
    usual = calendar("XNYS").sessions(date(2025, 6, 6), date(2026, 1, 6))
    world = {}
    for symbol, mine in rows.items():
        mine = [row for row in mine if frame["date"][row] >= usual[0]]  # noqa: PLW2901 - the same rows, fewer
        if [frame["date"][row] for row in mine] == usual:
            values = {n: np.array([frame[n][r] for r in mine], dtype=np.float64) for n in (*PRICE_COLUMNS, "volume")}
            world[symbol] = Bars(symbol, tuple(usual), values)
    return world


def walk(symbol: str, seed: int) -> Bars:
    """A geometric walk with nights and days, 151 sessions on the exchange's calendar."""
    rng = np.random.default_rng(seed)
    days = calendar("XNYS").sessions(date(2025, 6, 2), date(2026, 1, 6))
    n, sigma = len(days), rng.uniform(0.008, 0.025)
    night, inside = rng.normal(0, sigma / 2, n), rng.normal(0, sigma, n)
    close = rng.uniform(8, 400) * np.exp(np.cumsum(night + inside))
    open_ = close / np.exp(inside)
    reach = np.abs(rng.normal(0, sigma / 2, (2, n)))
    high, low = np.fmax(open_, close) * np.exp(reach[0]), np.fmin(open_, close) / np.exp(reach[1])
    prices = {"open": open_, "high": high, "low": low, "close": close}
    volume = np.round(np.exp(rng.normal(14, 0.4, n)))
    return Bars(symbol, tuple(days), {name: np.round(v, 2) for name, v in prices.items()} | {"volume": volume})

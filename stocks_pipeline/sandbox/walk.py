"""A simulated symbol's life: a geometric random walk on the exchange's real sessions.

What belongs here: how prices, volumes, dividends, splits and suspensions of one symbol are drawn. What does not: which
symbols exist (companies.py, market.py) and how the vendor shows them (series.py, yahoo.py).

Every quantity has its own generator, seeded by the world and the symbol, and is drawn in session order: a longer
calendar adds days at the end and changes none before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from stocks_pipeline.sandbox.chance import chance, number
from stocks_pipeline.sandbox.exchanges import Exchange
from stocks_pipeline.sandbox.series import Dividend, Floats, History, Ints, Split

# How often a board looks at its share price, in sessions, and what it then does: (price in multiples of the exchange's
# typical price, the split it decides on).
_BOARD_MEETS = 120
_TOO_DEAR = ((40.0, Fraction(10)), (15.0, Fraction(4)), (6.0, Fraction(2)))
_TOO_CHEAP = ((0.002, Fraction(1, 20)), (0.006, Fraction(1, 10)))
_SPLITS_AT_ONCE = 0.5  # else the board waits for another meeting
_HALF_YEAR = 126
_INDEX_POINTS = 8000.0
_PAYERS = 0.6
_SUSPENDED_A_YEAR = 0.12
_HALTED_A_YEAR = 0.8
_YEAR = 252


@dataclass(frozen=True)
class Subject:
    """Whose life is drawn, in which world."""

    seed: int
    symbol: str
    name: str
    exchange: Exchange

    @property
    def kind(self) -> str:
        return "INDEX" if self.symbol.startswith("^") else "EQUITY"

    def draw(self, what: str) -> np.random.Generator:
        """The generator of one quantity, at its start."""
        return np.random.default_rng(number(self.seed, self.symbol, what))

    def chance(self, *what: object) -> float:
        return chance(self.seed, self.symbol, *what)


@dataclass(frozen=True)
class Character:
    """What stays the same about a symbol: its first price, its daily volatility and drift, its payout and turnover."""

    price: float
    volatility: float
    drift: float
    payout: float
    shares: float

    @classmethod
    def of(cls, subject: Subject) -> "Character":
        """Draw a character; the same subject has the same one."""
        draw = subject.draw("character")
        typical = _INDEX_POINTS if subject.kind == "INDEX" else subject.exchange.typical
        price = typical * float(np.exp(draw.normal(0.0, 1.4)))
        volatility = float(np.exp(draw.uniform(np.log(0.009), np.log(0.035))))
        payout = float(draw.uniform(0.008, 0.03)) if draw.random() < _PAYERS else 0.0
        return cls(price, volatility, 0.0002, payout, float(np.exp(draw.normal(12.0, 1.5))))


def simulate(subject: Subject, opens: Ints) -> History:
    """The life of a symbol that trades on the sessions that open at `opens` (unix seconds, ascending)."""
    character = Character.of(subject)
    is_stock = subject.kind == "EQUITY"
    sessions = len(opens)
    yields = _yields(subject, sessions, character) if is_stock else np.zeros(sessions)
    steps = subject.draw("steps").standard_normal(sessions)
    closes = character.price * np.exp(np.cumsum(character.drift + character.volatility * steps - yields))
    ratios = _ratios(subject, closes) if is_stock else {}
    bars = _bars(subject, closes, ratios, character)
    volume = _volumes(subject, steps, bars[3], character)
    flat, gone = _pauses(subject, sessions, set(ratios)) if is_stock else ((), ())
    for at in flat:
        bars[:, at] = bars[3, at - 1]
        volume[at] = 0
    paid = [at for at in np.flatnonzero(yields).tolist() if at]
    dividends = tuple(
        Dividend(int(opens[at]), max(0.001, round(float(yields[at] * bars[3, at - 1]), 3))) for at in paid
    )
    splits = tuple(Split(int(opens[at]), ratio) for at, ratio in ratios.items())
    trades = np.ones(sessions, dtype=bool)
    trades[list(gone)] = False
    opened, high, low, close = bars[:, trades]
    return History(
        subject.symbol, subject.name, subject.kind, subject.exchange,
        opens[trades], opened, high, low, close, volume[trades], dividends, splits,
    )  # fmt: skip


def _yields(subject: Subject, sessions: int, character: Character) -> Floats:
    """Per session the share of the price that is paid out, on the ex-dates; 0 elsewhere."""
    yields = np.zeros(sessions)
    first = 1 + int(subject.chance("ex-date") * _HALF_YEAR)
    if character.payout:
        dates = np.arange(first, sessions, _HALF_YEAR)
        yields[dates] = [character.payout * (0.7 + 0.6 * subject.chance("dividend", n)) for n in range(len(dates))]
    return yields


def _ratios(subject: Subject, closes: Floats) -> dict[int, Fraction]:
    """Session index to split ratio: boards split shares that became dear and consolidate those that became cheap."""
    found: dict[int, Fraction] = {}
    factor = 1.0
    for at in range(_BOARD_MEETS + int(subject.chance("board") * _BOARD_MEETS), len(closes), _BOARD_MEETS):
        level = float(closes[at - 1]) / factor / subject.exchange.typical
        decision = next((ratio for above, ratio in _TOO_DEAR if level > above), None)
        decision = decision or next((ratio for below, ratio in _TOO_CHEAP if level < below), None)
        if decision is not None and subject.chance("split", at) < _SPLITS_AT_ONCE:
            found[at] = decision
            factor *= float(decision)
    return found


def _bars(subject: Subject, closes: Floats, ratios: dict[int, Fraction], character: Character) -> Floats:
    """Rows open, high, low, close in traded prices on the exchange's ticks, from closes that know no split."""
    factor = np.ones(len(closes))
    for at, ratio in ratios.items():
        factor[at:] *= float(ratio)
    draw = subject.draw("bars").standard_normal((len(closes), 3))
    before = np.concatenate((closes[:1], closes[:-1]))
    opened = before * np.exp(0.4 * character.volatility * draw[:, 0])
    high = np.maximum(opened, closes) * np.exp(0.5 * character.volatility * np.abs(draw[:, 1]))
    low = np.minimum(opened, closes) * np.exp(-0.5 * character.volatility * np.abs(draw[:, 2]))
    return on_tick(np.stack((opened, high, low, closes)) / factor, subject.exchange.ticks)


def on_tick(prices: Floats, ticks: Sequence[tuple[float, float]]) -> Floats:
    """Prices rounded to the exchange's steps, at least one step each; keeps the order of any two prices."""
    step = np.select([prices < below for below, _ in ticks], [size for _, size in ticks])
    rounded: Floats = np.round(np.maximum(np.rint(prices / step), 1.0) * step, 4)
    return rounded


def _volumes(subject: Subject, steps: Floats, close: Floats, character: Character) -> Ints:
    """Shares traded: more on days that move."""
    draw = subject.draw("volume").standard_normal(len(steps))
    shares = character.shares / np.sqrt(np.maximum(close, 0.01)) * np.exp(0.5 * draw + 0.3 * np.abs(steps))
    return np.rint(np.maximum(shares, 1.0)).astype(np.int64)


def _pauses(subject: Subject, sessions: int, splits: set[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Sessions of trading halts (the vendor repeats the close with no volume) and of suspensions (it has no bar).

    A board does not split the shares of a company that is not trading, so the days of splits are spared.
    """
    flat: list[int] = []
    gone: list[int] = []
    for year in range(sessions // _YEAR + 1):
        if subject.chance("halt", year) < _HALTED_A_YEAR:
            start = year * _YEAR + int(subject.chance("halted", year) * _YEAR)
            flat += range(start, start + 1 + int(subject.chance("halt days", year) * 2))
        if subject.chance("suspension", year) < _SUSPENDED_A_YEAR:
            start = year * _YEAR + int(subject.chance("suspended", year) * _YEAR)
            gone += range(start, start + 5 + int(subject.chance("suspension days", year) * 55))
    return _allowed(flat, sessions, splits), _allowed(gone, sessions, splits)


def _allowed(paused: Sequence[int], sessions: int, splits: set[int]) -> tuple[int, ...]:
    """Without the first session, those beyond the last, and those of splits."""
    return tuple(at for at in paused if 0 < at < sessions and at not in splits)

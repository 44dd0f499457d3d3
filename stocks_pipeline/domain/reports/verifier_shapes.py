"""What the stored bars did, for sentences that tell it without a value: records, crossings, runs of days.

What belongs here: `Shapes`, answers about the newest session. What does not: the words that ask (verifier_feats.py).

Nothing here reaches further back than a year: whatever is said of a longer time, nothing stored can show.
"""

from collections.abc import Callable
from datetime import date, timedelta
from functools import cached_property

import numpy as np

from stocks_pipeline.domain.reports import verifier_series as own
from stocks_pipeline.domain.reports.verifier_recompute import months_before
from stocks_pipeline.domain.reports.verifier_series import Bars, Floats

_SLACK = 14
"""Days by which the oldest bar may miss a horizon's first day, as the facts allow it."""


class Shapes:
    """Records, crossings and runs of one ticker's bars, each computed when asked for."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars

    def is_extreme(self, metric: str, *, top: bool, horizon: str) -> bool | None:
        """Whether the newest value is the highest (`top`) or lowest of a horizon; None where the bars cannot say.

        `metric` is price (by its close, or by its high and low), close, volume, rsi, range or return.
        """
        start = self._start(horizon)
        if start is None:
            return None
        within = self._bars.day > start
        answers = []
        for values in self._columns(metric, top=top):
            recent = values[within]
            known = recent[np.isfinite(recent)]
            if len(known) and np.isfinite(values[-1]):
                answers.append(bool(values[-1] >= known.max() if top else values[-1] <= known.min()))
        return any(answers) if answers else None

    def _start(self, horizon: str) -> int | None:
        """The day before a horizon's first; None where the bars do not reach back to it."""
        if not len(self._bars.close):
            return None
        session = self._bars.session(-1)
        firsts: dict[str, Callable[[], date]] = {
            "day": lambda: session - timedelta(days=1),
            "week": lambda: session - timedelta(days=7),
            "month": lambda: months_before(session, 1),
            "months": lambda: months_before(session, 3),
            "year": lambda: months_before(session, 12),
        }
        start = own.number_of(firsts[horizon]())
        return start if int(self._bars.day[0]) - start <= _SLACK else None

    def _columns(self, metric: str, *, top: bool) -> list[Floats]:
        bars = self._bars
        if metric == "price":
            return [bars.close, bars.high if top else bars.low]
        if metric in {"volume", "close"}:
            return [bars.volume if metric == "volume" else bars.close]
        return [self._rsi if metric == "rsi" else self._range if metric == "range" else self._moves]

    @cached_property
    def _rsi(self) -> Floats:
        return own.wilder_rsi(self._bars.close)

    @cached_property
    def _range(self) -> Floats:
        return own.wilder_atr(self._bars.high, self._bars.low, self._bars.close) / self._bars.close

    @cached_property
    def _moves(self) -> Floats:
        moves = np.full(len(self._bars.close), np.nan)
        moves[1:] = self._bars.close[1:] / self._bars.close[:-1] - 1
        return moves

    def line(self, name: str) -> Floats | None:
        """A line that others can cross, by its fact's name; None where no such line is drawn."""
        close = self._bars.close
        if name == "close":
            return close
        if name.startswith("sma_"):
            return _means(close, int(name[4:]))
        if name in {"macd", "macd_signal"}:
            return own.macd(close)[name == "macd_signal"]
        return None

    def since_crossing(self, one: str, other: str) -> tuple[int, bool] | None:
        """How many sessions ago `one` last crossed `other` (0: in the newest), and whether upwards.

        None where it never did in the stored bars, or where a line does not exist.
        """
        first, second = self.line(one), self.line(other)
        if first is None or second is None or len(first) != len(second):
            return None
        side = np.sign(first - second)
        side = side[np.isfinite(side)]
        if not len(side) or not side[-1]:
            return None
        changed = np.flatnonzero(side != side[-1])
        return (len(side) - 2 - int(changed[-1]), bool(side[-1] > 0)) if len(changed) else None

    def run(self) -> int:
        """Sessions in a row that closed higher (positive) or lower (negative), up to the newest."""
        moves = np.sign(np.diff(self._bars.close))
        if not len(moves) or not moves[-1]:
            return 0
        broken = np.flatnonzero(moves != moves[-1])
        length = len(moves) - 1 - int(broken[-1]) if len(broken) else len(moves)
        return length * int(moves[-1])


def _means(values: Floats, span: int) -> Floats:
    """The mean of the last `span` values at each row; nan before there are so many."""
    found = np.full(len(values), np.nan)
    if len(values) >= span:
        total = np.concatenate([[0.0], np.cumsum(values)])
        found[span - 1 :] = (total[span:] - total[:-span]) / span
    return found

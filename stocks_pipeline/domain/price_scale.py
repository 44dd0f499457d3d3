"""Whether a price is of the same scale as the one before: ×100 unit errors and splits that nobody announced.

What belongs here: comparisons of a close with the close before it, in the table and in what was stored earlier. What
does not: rules about single rows (price_rules.py).

Yahoo's closes are split-adjusted as of the moment of fetching, so within one answer a split leaves no step, and
against an earlier answer it leaves a step of exactly its factor, with the split in a row. A step of a simple ratio
without that is either a split the vendor has not adjusted for, or a real jump. A real jump has the day's open near the
old price, or is a penny share moving by whole ticks: 0.02 to 0.04 happens weekly on the ASX. Hence the rules below;
of 110,452 real ASX rows three are flagged, two of them consolidations that the vendor applied from the wrong day.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from stocks_pipeline.domain.prices import MAX_ROWS, Bars, Cell, Finding, Floats, Ints, cell, iso, of_symbols

_UNIT = (math.log(80), math.log(120))  # 100 ± 20 %: cents for dollars, pence for pounds, with a day's move on top
_RATIOS = np.array([2, 3, 4, 5, 6, 8, 10, 15, 20, 25, 30, 40, 50, 100], dtype=np.float64)
_NEAR = 0.10  # a day's move on top of a split
_EXPLAINED = 0.20
_KNOWN = 0.01
_LARGEST = 700.0  # the exponent of the largest ratio that is shown
_JUMP = 1.5  # and 1/1.5 downwards, which leaves room for a 2:1 split on a day that rose
_PENNY = 0.1  # below this price small ratios are ticks
_TICKS = 5.0  # ratios below this one are "small"


@dataclass(frozen=True)
class _Step:
    """A row whose close is far from its reference."""

    row: int
    reference: float
    ratio: float
    against: str
    verdict: str
    bad: bool


def scale_against_previous_close(table: Any, previous: Any | None = None) -> Finding:
    """No close is 100 times, or a simple split ratio of, the one before without a split that explains it.

    Compared are neighbouring closes of a symbol in the table and, with `previous` (a PRICES table stored earlier), its
    newest stored close: with the same session's close where the table has it, else with the first later one. A split
    explains a step when the row or a later one carries its factor (±20 %). Other moves beyond +50 % or -33 %, and split
    steps that `previous` held already (told on the day they came), are evidence only.
    """
    bars = Bars.of(table)
    close = bars.number("close")
    steps = _classify(bars, *_neighbours(bars, close), "bar before")
    if previous is not None:
        old = Bars.of(previous)
        steps = [_unless_known(step, bars, close, old) for step in steps]
        steps += _classify(bars, *_stored(bars, old), "stored close")
    steps.sort(key=lambda step: (not step.bad, step.row))
    bad = list(dict.fromkeys(bars.names[bars.codes[step.row]] for step in steps if step.bad))
    total = len(bars.names)
    summary = (
        of_symbols(bad, total, "change scale without a split") if bad else f"no change of scale in {total} symbols"
    )
    if bad:
        summary += f" ({steps[0].verdict} on {iso(bars.days[steps[0].row])})"
    evidence: dict[str, int | float | str] = {
        "rows": len(bars),
        "symbols": total,
        "bad_symbols": len(bad),
        "explained": sum(step.verdict.startswith("explained") for step in steps),
        "known": sum(step.verdict.startswith("known") for step in steps),
        "jumps": sum(step.verdict == "jump" for step in steps),
    }
    rows = tuple(_row(bars, close, step) for step in steps[:MAX_ROWS])
    return Finding("scale_against_previous_close", not bad, "error", summary, evidence, rows)


def _neighbours(bars: Bars, close: Floats) -> tuple[Ints, Floats, bool]:
    """Rows that follow another row of the symbol, and that row's close; a close that is no price is passed over."""
    usable = np.flatnonzero(np.isfinite(close) & (close > 0))
    same = bars.codes[usable[1:]] == bars.codes[usable[:-1]]
    return usable[1:][same], close[usable[:-1][same]], False


def _unless_known(step: _Step, bars: Bars, close: Floats, old: Bars) -> _Step:
    """A split step whose close was stored before, within 1 %, is no news; a unit error stays one until it is mended."""
    name = bars.names[bars.codes[step.row]]
    if not step.bad or "unit error" in step.verdict or name not in old.names:
        return step
    rows = np.flatnonzero((old.codes == old.names.index(name)) & (old.days == bars.days[step.row]))
    stored = old.number("close")[rows]
    if not (np.abs(_log(stored) - _log(close[step.row])) <= _KNOWN).any():
        return step
    return replace(step, verdict=f"known {step.verdict}", bad=False)


def _stored(bars: Bars, old: Bars) -> tuple[Ints, Floats, Any]:
    """Rows to hold against the newest stored close, that close, and whether both are of the same session."""
    close = old.number("close")
    newest = {old.names[old.codes[row]]: row for row in np.flatnonzero(np.isfinite(close) & (close > 0))}
    starts = np.flatnonzero(bars.first_of_symbol())
    ends = np.searchsorted(bars.codes, bars.codes[starts], side="right")
    rows, references, same = [], [], []
    for start, end in zip(starts, ends, strict=True):
        row = newest.get(bars.names[bars.codes[start]])
        if row is None:
            continue
        at = int(start + np.searchsorted(bars.days[start:end], old.days[row]))
        overlaps = at < end and bars.days[at] == old.days[row]
        if overlaps or at == start:
            rows.append(at)
            references.append(close[row])
            same.append(overlaps)
    return np.array(rows, dtype=np.int64), np.array(references, dtype=np.float64), np.array(same, dtype=np.bool_)


def _classify(bars: Bars, rows: Ints, references: Floats, same_session: Any, against: str) -> list[_Step]:
    """The steps among these rows; `same_session` marks a stored close of the row's own day, where no open is needed."""
    opens, close, splits = bars.number("open"), bars.number("close"), bars.number("split")
    rises = _log(close[rows]) - _log(references)
    same = np.broadcast_to(np.asarray(same_session), rows.shape)
    steps = []
    for position in np.flatnonzero(np.abs(rises) > math.log(_JUMP)):
        row, reference, rise = int(rows[position]), float(references[position]), float(rises[position])
        start = float(_log(opens[row]) - math.log(reference))
        factor = _explaining_split(bars, splits, row, rise)
        named = _named(rise, rise if same[position] or math.isnan(start) else start, min(reference, close[row]))
        ratio = math.exp(min(rise, _LARGEST))
        if factor is not None:
            verdict, bad = f"explained by a split of {factor:g}", False
        else:
            verdict, bad = (named, True) if named else ("jump", False)
        steps.append(_Step(row, reference, ratio, against, verdict, bad))
    return steps


def _log(values: Any) -> Any:
    """Logarithms, NaN where a number is no price. In logarithms no ratio of two floats overflows."""
    prices = np.asarray(values, dtype=np.float64)
    return np.log(prices, out=np.full(prices.shape, np.nan), where=np.isfinite(prices) & (prices > 0))


def _explaining_split(bars: Bars, splits: Floats, row: int, rise: float) -> float | None:
    """The factor of a split in this row or a later one of the symbol, or of all together, that undoes the rise."""
    end = int(np.searchsorted(bars.codes, bars.codes[row], side="right"))
    later = _log(splits[row:end])
    factors = later[~np.isnan(later)]
    for factor in (*factors, factors.sum()) if len(factors) else ():
        if abs(rise + factor) <= math.log(1 + _EXPLAINED):
            return math.exp(factor)
    return None


def _named(rise: float, start: float, price: float) -> str | None:
    """What a step is, by its logarithm and that of the day's open: a unit error, a split, or nothing with a name."""
    size, opening = abs(rise), math.copysign(1, rise) * start
    if _UNIT[0] <= size <= _UNIT[1]:
        return "likely ×100 unit error" if rise > 0 else "likely ÷100 unit error"
    near = float(_RATIOS[np.argmin(np.abs(np.log(_RATIOS) - size))])
    if max(abs(size - math.log(near)), abs(opening - math.log(near))) > math.log(1 + _NEAR):
        return None
    if price < _PENNY and near < _TICKS:
        return None
    return f"unexplained split 1:{near:g}" if rise > 0 else f"unexplained split {near:g}:1"


def _row(bars: Bars, close: Floats, step: _Step) -> dict[str, Cell]:
    return {
        "symbol": bars.names[bars.codes[step.row]],
        "session": iso(bars.days[step.row]),
        "close": cell(close[step.row]),
        "previous_close": cell(step.reference),
        "ratio": cell(round(step.ratio, 6)),
        "against": step.against,
        "verdict": step.verdict,
    }

"""Rules about which symbols and sessions should be there; each a pure function to a Finding.

What belongs here: shares of symbols fetched, sessions missing, unexpected or stale, and the size of a listing. What
does not: the values in the rows (price_rules.py, price_scale.py) and what days are sessions (calendars.py).

"Could not be checked" never passes; a list without symbols is legal and does.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np

from stocks_pipeline.domain.prices import (
    MAX_ROWS,
    Bars,
    Cell,
    Finding,
    Mask,
    SymbolOutcome,
    day_number,
    days_of,
    iso,
    of_symbols,
    summarise,
)

_ENOUGH = 5  # symbols; below it, "none of them traded that day" says nothing about the exchange


def fetched_share(outcomes: Sequence[SymbolOutcome], threshold: float = 0.9) -> Finding:
    """At least `threshold` of the symbols have bars. No bars counts as not fetched: a block often looks like that.

    A symbol with bars whose refresh failed counts as fetched, and is told.
    """
    rule, total = "fetched_share", len(outcomes)
    stale = [outcome for outcome in outcomes if outcome.status == "ok" and outcome.kind]
    evidence: dict[str, int | float | str] = {
        **summarise(outcomes),
        "refresh_failed": len(stale),
        "threshold": threshold,
    }
    if not total:
        return Finding(rule, passed=True, severity="error", summary="no symbols to fetch", evidence=evidence)
    lost = [outcome for outcome in outcomes if outcome.status != "ok"]
    share = (total - len(lost)) / total
    says = "were not fetched"
    summary = of_symbols([o.symbol for o in lost], total, says) if lost else f"all {total} symbols were fetched"
    if stale:
        summary += "; " + of_symbols(
            [o.symbol for o in stale], total, "could not be refreshed and keep what was stored"
        )
    rows: tuple[dict[str, Cell], ...] = tuple(
        {"symbol": o.symbol, "status": o.status, "kind": o.kind, "message": o.message, "attempts": o.attempts}
        for o in sorted([*lost, *stale], key=lambda o: (o.status != "failed", o.status, o.symbol))[:MAX_ROWS]
    )
    return Finding(rule, share >= threshold, "error", summary, evidence | {"share": share}, rows)


def expected_sessions_present(
    table: Any, outcomes: Sequence[SymbolOutcome], sessions: Sequence[date], session: date, threshold: float = 0.1
) -> Finding:
    """By the exchange's calendar, the bars that should be there are there.

    Fails where more than `threshold` of the symbols lack the newest session, more than `threshold` of the bars between
    a symbol's first and the newest are missing, or no symbol at all has a session (an unannounced closure, or a gap of
    the vendor's). Below, the symbols that lack bars (suspended, mostly) are evidence. Symbols that failed to be fetched
    are left to `fetched_share`; `sessions` are the calendar's, of the window fetched, `session` included.
    """
    rule = "expected_sessions_present"
    grid = _Grid(table, outcomes, [day for day in sessions if day < session] + [session])
    if not grid.symbols:
        nothing = "no symbols to expect" if not outcomes else f"no symbol was answered, so {session} is unchecked"
        return Finding(rule, passed=not outcomes, severity="error", summary=nothing, evidence={"symbols": 0})
    lacking = grid.lacking_newest()
    gaps, expected = grid.interior_gaps()
    nobody = grid.days_of_nobody()
    share, gap_share = len(lacking) / len(grid.symbols), (int(gaps.sum()) / expected if expected else 0.0)
    evidence: dict[str, int | float | str] = {
        "symbols": len(grid.symbols),
        "lacking_newest": len(lacking),
        "lacking_share": share,
        "interior_gaps": int(gaps.sum()),
        "interior_share": gap_share,
        "threshold": threshold,
        "days_of_nobody": ", ".join(nobody),
    }
    passed = share <= threshold and gap_share <= threshold and not nobody
    return Finding(rule, passed, "error", grid.summary(lacking, gaps, nobody), evidence, grid.rows(lacking, gaps))


def unexpected_sessions(table: Any, sessions: Sequence[date], threshold: float = 0.05) -> Finding:
    """Bars on days on which the exchange was closed, by the calendar's `sessions` of the window.

    One symbol's odd bar on a holiday is evidence; more than `threshold` of the symbols means that the day was traded
    after all, or that dates are shifted.
    """
    bars = Bars.of(table)
    known = np.array([day_number(day) for day in sessions], dtype=np.int64)
    odd = ~np.isin(bars.days, known)
    symbols, total = bars.symbols_at(odd), len(bars.names)
    days = ", ".join(iso(day) for day in np.unique(bars.days[odd])[:MAX_ROWS])
    summary = (
        f"{of_symbols(symbols, total, 'have bars on closed days')} ({days})" if symbols else "no bar on a closed day"
    )
    evidence: dict[str, int | float | str] = {
        "symbols": total,
        "bad_symbols": len(symbols),
        "bad_rows": int(odd.sum()),
        "threshold": threshold,
    }
    passed = len(symbols) <= threshold * total
    return Finding("unexpected_sessions", passed, "warn", summary, evidence, bars.examples(odd, ("close", "volume")))


def stale_prices(table: Any, session: date) -> Finding:
    """Some symbol has the expected session; otherwise the vendor is late as a whole. An empty table is stale."""
    rule, days = "stale_prices", days_of(table)
    newest = iso(days.max()) if len(days) else "none"
    passed = bool(len(days)) and int(days.max()) >= day_number(session)
    summary = f"the newest bar of any symbol is of {newest}, expected {session}"
    evidence: dict[str, int | float | str] = {"newest": newest, "expected": session.isoformat(), "rows": len(days)}
    return Finding(rule, passed, "error", summary, evidence)


def listing_plausible(count: int, previous_count: int | None, floor: int = 500) -> Finding:
    """A listing has at least half as many companies as the one before, or `floor` where there is none before."""
    expected = -(-previous_count // 2) if previous_count else floor
    against = f"{previous_count} before" if previous_count else f"a floor of {floor}, with none before"
    evidence: dict[str, int | float | str] = {
        "count": count,
        "previous_count": previous_count or 0,
        "expected": expected,
    }
    return Finding("listing_plausible", count >= expected, "error", f"{count} companies against {against}", evidence)


class _Grid:
    """Symbols × sessions: which bars are there."""

    def __init__(self, table: Any, outcomes: Sequence[SymbolOutcome], sessions: Sequence[date]) -> None:
        bars = Bars.of(table)
        answered = {outcome.symbol for outcome in outcomes if outcome.status != "failed"}
        self.symbols = sorted(answered | set(bars.names))
        self.days = sorted({day_number(day) for day in sessions})
        known = np.array(self.days, dtype=np.int64)
        position = {symbol: row for row, symbol in enumerate(self.symbols)}
        rows = np.array([position[name] for name in bars.names], dtype=np.int64)
        here = np.isin(bars.days, known)
        self.there: Mask = np.zeros((len(self.symbols), len(known)), dtype=np.bool_)
        if len(bars):
            self.there[rows[bars.codes[here]], np.searchsorted(known, bars.days[here])] = True

    def lacking_newest(self) -> list[str]:
        return [self.symbols[row] for row in np.flatnonzero(~self.there[:, -1])]

    def interior_gaps(self) -> tuple[Mask, int]:
        """Sessions missing after a symbol's first bar and before the newest session, and how many are expected."""
        begun = np.logical_or.accumulate(self.there, axis=1)
        begun[:, -1] = False
        return begun & ~self.there, int(begun.sum())

    def days_of_nobody(self) -> list[str]:
        """Sessions before the newest on which no symbol has a bar, where there are enough symbols to tell."""
        if int(self.there.any(axis=1).sum()) < _ENOUGH:
            return []
        return [iso(self.days[column]) for column in np.flatnonzero(~self.there[:, :-1].any(axis=0))]

    def summary(self, lacking: list[str], gaps: Mask, nobody: list[str]) -> str:
        parts = []
        if nobody:
            parts.append(f"no symbol has a bar on {', '.join(nobody)}: an unannounced closure or a gap of the vendor's")
        if lacking:
            parts.append(of_symbols(lacking, len(self.symbols), f"lack {iso(self.days[-1])}"))
        gappy = [self.symbols[row] for row in np.flatnonzero(gaps.any(axis=1))]
        if gappy:
            parts.append(of_symbols(gappy, len(self.symbols), f"lack {int(gaps.sum())} earlier sessions"))
        return "; ".join(parts) or f"all {len(self.symbols)} symbols have {iso(self.days[-1])} and all sessions before"

    def rows(self, lacking: list[str], gaps: Mask) -> tuple[dict[str, Cell], ...]:
        """First the symbols that lack the newest session, then those with gaps, with the days missing."""
        gappy = [self.symbols[row] for row in np.flatnonzero(gaps.any(axis=1))]
        position = {symbol: row for row, symbol in enumerate(self.symbols)}
        found: list[dict[str, Cell]] = []
        for symbol in dict.fromkeys([*lacking, *gappy]):
            if len(found) == MAX_ROWS:
                break
            row = position[symbol]
            held = np.flatnonzero(self.there[row])
            missing = [*np.flatnonzero(gaps[row]), *([len(self.days) - 1] if not self.there[row, -1] else [])]
            newest = iso(self.days[held[-1]]) if len(held) else None
            found.append(
                {"symbol": symbol, "newest": newest, "missing": ", ".join(iso(self.days[column]) for column in missing)}
            )
        return tuple(found)

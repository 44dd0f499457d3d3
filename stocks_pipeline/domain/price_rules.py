"""Rules about the values of price rows; each a pure function from a PRICES table to a Finding.

What belongs here: what one row, or one pair of equal rows, shows by itself. What does not: which rows should be there
(price_coverage.py) and how a price relates to the one before (price_scale.py); all rules are importable from here.

Comparisons are written so that NaN and null pass nothing. Thresholds were set on 174,164 real Yahoo rows (ASX
2024-2025, US 2025, SGX, HK and US 2022-2024) and are arguments; what a rule tolerates it still shows as evidence.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from stocks_pipeline.domain.price_coverage import (
    expected_sessions_present,
    fetched_share,
    listing_plausible,
    stale_prices,
    unexpected_sessions,
)
from stocks_pipeline.domain.price_scale import scale_against_previous_close
from stocks_pipeline.domain.prices import Bars, Finding, Floats, Mask, of_symbols

__all__ = [
    "expected_sessions_present",
    "fetched_share",
    "listing_plausible",
    "no_duplicates",
    "ohlc_consistent",
    "prices_finite_and_positive",
    "scale_against_previous_close",
    "stale_prices",
    "unexpected_sessions",
    "volume_plausible",
]

_OHLC = ("open", "high", "low", "close")


def prices_finite_and_positive(table: Any) -> Finding:
    """Open, high, low and close are there, finite and above zero; adj_close too where the vendor gave one."""
    bars = Bars.of(table)
    bad = np.zeros(len(bars), dtype=np.bool_)
    for name in _OHLC:
        bad |= ~_is_price(bars.number(name))
    bad |= bars.present("adj_close") & ~_is_price(bars.number("adj_close"))
    columns = (*_OHLC, "adj_close")
    return _row_finding(
        "prices_finite_and_positive", bars, bad, "have a price that is missing, NaN or not above 0", columns
    )


def ohlc_consistent(table: Any, tolerance: float = 1e-6, auction_tolerance: float = 0.05) -> Finding:
    """Low ≤ open, close ≤ high, up to a relative rounding tolerance.

    A high below its low always fails. An open or close outside the day's range fails beyond `auction_tolerance`
    (relative); within it, it is evidence: Yahoo often takes the close from the auction and the range from before it.
    """
    bars = Bars.of(table)
    opens, high, low, close = (bars.number(name) for name in _OHLC)
    ordered = _within(low, low, high, tolerance)
    consistent = ordered & _within(opens, low, high, tolerance) & _within(close, low, high, tolerance)
    tolerable = ordered & _within(opens, low, high, auction_tolerance) & _within(close, low, high, auction_tolerance)
    finding = _row_finding(
        "ohlc_consistent", bars, ~tolerable, "have bars whose open or close is outside low…high", _OHLC
    )
    slight = tolerable & ~consistent
    evidence = finding.evidence | {"auction_rows": int(slight.sum()), "auction_tolerance": auction_tolerance}
    if not finding.passed or not slight.any():
        return replace(finding, evidence=evidence)
    says = f"have bars outside low…high by at most {auction_tolerance:.0%} (auction prints)"
    summary = of_symbols(bars.symbols_at(slight), len(bars.names), says)
    return replace(finding, summary=summary, evidence=evidence, rows=bars.examples(slight, _OHLC))


def no_duplicates(table: Any) -> Finding:
    """A symbol has at most one bar a session."""
    bars = Bars.of(table)
    again = np.zeros(len(bars), dtype=np.bool_)
    again[1:] = (bars.codes[1:] == bars.codes[:-1]) & (bars.days[1:] == bars.days[:-1])
    return _row_finding("no_duplicates", bars, again, "have two bars for one session", ("close", "batch_number"))


def volume_plausible(table: Any, threshold: float = 0.1) -> Finding:
    """Volume is never negative, and missing on at most `threshold` of the rows (an index has none)."""
    bars = Bars.of(table)
    volume = bars.number("volume")
    missing = ~bars.present("volume")
    share = float(missing.mean()) if len(bars) else 0.0
    bad = volume < 0 if share <= threshold else (volume < 0) | missing
    finding = _row_finding("volume_plausible", bars, bad, "have a negative or missing volume", ("volume", "close"))
    evidence = finding.evidence | {"missing_rows": int(missing.sum()), "threshold": threshold}
    return replace(finding, evidence=evidence)


def _is_price(values: Floats) -> Mask:
    return np.isfinite(values) & (values > 0)


def _within(values: Floats, low: Floats, high: Floats, tolerance: float) -> Mask:
    with np.errstate(over="ignore"):  # a price of 1e308 is nonsense for other rules to find, not a warning here
        return (values >= low * (1 - tolerance)) & (values <= high * (1 + tolerance))


def _row_finding(rule: str, bars: Bars, bad: Mask, says: str, columns: tuple[str, ...]) -> Finding:
    symbols = bars.symbols_at(bad)
    total = len(bars.names)
    summary = of_symbols(symbols, total, says) if symbols else f"{len(bars)} rows of {total} symbols, none amiss"
    evidence: dict[str, int | float | str] = {
        "rows": len(bars),
        "symbols": total,
        "bad_rows": int(bad.sum()),
        "bad_symbols": len(symbols),
    }
    return Finding(rule, not symbols, "error", summary, evidence, bars.examples(bad, columns))

"""The checks of prices: which rules make which check, on one batch and on the whole day.

What belongs here: names, what a person reads beside them, and the wiring of domain rules to them. What does not: the
rules (domain/price_rules.py), which are pure. Four checks a batch, not ten: each is one event of 20-75 ms, times 22.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from stocks_pipeline.defs.evidence import evidence, severity
from stocks_pipeline.domain.calendars import Calendar
from stocks_pipeline.fanout import PartitionCheck

if TYPE_CHECKING:
    from stocks_pipeline.domain.prices import Finding, SymbolOutcome

CHECKS = {
    "symbols_fetched": "At least 90 % of the symbols were answered; who failed, by class.",
    "bars_consistent": "Finite positive prices, low ≤ open, close ≤ high, sane volumes, each session once and open.",
    "sessions_present": "The newest session is there and none inside the window is missing, by the exchange calendar.",
    "scale_continuous": "No close is 100 times off, and no split goes unexplained, against the close before it.",
}
"""Per batch partition and, under the same names, for the whole day."""


def findings(  # noqa: PLR0913 - the five things a day is judged by
    table: Any,
    outcomes: "Sequence[SymbolOutcome]",
    day: date,
    known: Calendar,
    *,
    previous: Any | None = None,
    lookback_days: int = 0,
) -> dict[str, "Finding"]:
    """One finding a check, over one batch or one day.

    `table` holds price rows of the window that ends on `day`; `previous` those stored for the session before, or None.
    """
    from stocks_pipeline.domain import price_rules as rules

    sessions = known_sessions(known, day - timedelta(days=lookback_days), day)
    return {
        "symbols_fetched": rules.fetched_share(outcomes),
        "bars_consistent": worst(
            [
                rules.prices_finite_and_positive(table),
                rules.ohlc_consistent(table),
                rules.volume_plausible(table),
                rules.no_duplicates(table),
                rules.unexpected_sessions(table, sessions),
            ]
        ),
        "sessions_present": rules.expected_sessions_present(table, outcomes, sessions, day),
        "scale_continuous": rules.scale_against_previous_close(table, previous),
    }


def compared(found: "dict[str, Finding]", earlier: date | None) -> "dict[str, Finding]":
    """The day's findings; `scale_continuous` says which stored day it was held against."""
    from dataclasses import replace

    scale = found["scale_continuous"]
    told = str(earlier or "not compared with an earlier day")
    return {**found, "scale_continuous": replace(scale, evidence={**scale.evidence, "compared_with": told})}


def known_sessions(known: Calendar, start: date, end: date) -> list[date]:
    """Sessions from start to end, as far as the calendar knows."""
    return known.sessions(max(start, known.first), min(end, known.last)) if start <= known.last else []


def worst(found: "Sequence[Finding]") -> "Finding":
    """The findings as one: the first error, else the first warning, else that all passed; evidence of all.

    Where two rules use one word (`threshold`), the number beside the sentence is the one of the rule that failed.
    """
    from dataclasses import replace

    failed = sorted((f for f in found if not f.passed), key=lambda f: f.severity != "error")
    merged = {name: value for f in [*reversed(found), *reversed(failed)] for name, value in f.evidence.items()}
    if not failed:
        return replace(found[0], evidence=merged, summary=_joined(found))
    return replace(failed[0], evidence=merged, summary=_joined(failed))


def _joined(found: "Sequence[Finding]") -> str:
    """The findings' sentences, each once."""
    return "; ".join(dict.fromkeys(f.summary.rstrip(".") for f in found)) + "."


def partition_checks(found: "dict[str, Finding]") -> list[PartitionCheck]:
    """The findings as checks of one partition."""
    told = {name: warned(f) if name == "symbols_fetched" else f for name, f in found.items()}
    return [PartitionCheck(name, f.passed, severity(f), evidence(f), f.summary) for name, f in told.items()]


def warned(finding: "Finding") -> "Finding":
    """A batch that lost a symbol, or could not refresh one, is not silent about it: within the threshold it warns.

    Of the day's table only the threshold counts. A list always holds a few codes that the vendor does not know, and a
    day that could never pass would tell nobody anything; what another run may bring is told by `day_complete`.
    """
    from dataclasses import replace

    lost = finding.evidence["failed"] or finding.evidence["refresh_failed"]
    return replace(finding, passed=False, severity="warn") if finding.passed and lost else finding

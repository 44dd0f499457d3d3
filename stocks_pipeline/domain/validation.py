"""Our bars of one symbol against a second vendor's: the entry point of validation.

What belongs here: `validate` and the names others import. What does not: the types (validation_types.py), the rules
(validation_coverage.py, validation_rules.py), why two vendors differ (validation_causes.py) and the session of many
symbols (validation_session.py). Pure: two tables in, a verdict out.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any

from stocks_pipeline.domain.validation_comparison import Comparison
from stocks_pipeline.domain.validation_coverage import completeness, duplicates, extra_days, freshness, overlap
from stocks_pipeline.domain.validation_pairs import Side, day
from stocks_pipeline.domain.validation_rules import accuracy, ohlc, volume
from stocks_pipeline.domain.validation_types import (
    NEXT_STEP,
    Cause,
    Issue,
    Profile,
    Status,
    SymbolResult,
    could_not_check,
)

__all__ = ["NEXT_STEP", "Cause", "Issue", "Profile", "Status", "SymbolResult", "could_not_check", "validate"]

_SIDES: tuple[Callable[[Comparison], Iterator[Issue]], ...] = (freshness, completeness, overlap)
_STANDARD = (*_SIDES, accuracy, duplicates, extra_days)
_STRICT = (*_SIDES, accuracy, ohlc, volume, duplicates, extra_days)
_ALONE = (freshness, completeness, duplicates, extra_days)


def validate(  # noqa: PLR0913 - two tables and what they are held to
    symbol: str,
    ours: Any | None,
    theirs: Any | None,
    *,
    profile: Profile,
    sessions: Sequence[date],
    newest: date,
    source: str,
) -> SymbolResult:
    """Our bars of one symbol held against a second vendor's.

    Args:
        symbol: the symbol; rows of others in either table are passed over.
        ours: a PRICES table, also of sessions before the window: they tell *stale* from *no data*.
        theirs: an EXTERNAL_BARS table, split-adjusted and not dividend-adjusted, as our close is. None or no rows:
            could not check.
        profile: which rules hold.
        sessions: the exchange's sessions of the window, in its own dates.
        newest: the newest session that both vendors should have; later bars are passed over.
        source: the second vendor's name, for the result.

    Returns:
        FAILED where something of ours is wrong, missing or differs, ERROR where nothing is but something could not be
        checked, also where neither side has a bar, PASSED where every rule held on at least one common session. The
        message is the gravest issue's sentence, which comes first.
    """
    if not sessions:
        return could_not_check(symbol, source, f"the window up to {newest} holds no session")
    mine = Side.of(symbol, ours).up_to(newest)
    other = Side.of(symbol, theirs).up_to(newest)
    if not len(mine.days):
        issue = _nothing_ours(symbol, other, f"from {min(sessions)} to {newest}", source)
        return SymbolResult(symbol, _status([issue]), (issue,), 0, source, issue.message)
    it = Comparison(profile, tuple(sorted(sessions)), newest, mine, other)
    issues, checked = sorted(_issues(it, symbol, source), key=lambda issue: issue.order), int(it.comparable.sum())
    message = issues[0].message if issues else f"{checked} sessions agree"
    return SymbolResult(symbol, _status(issues), tuple(issues), checked, source, message)


def _nothing_ours(symbol: str, other: Side, window: str, source: str) -> Issue:
    """We have no bar at all: ours to mend where the other vendor has some, else an open question."""
    if not len(other.days):
        message = f"neither we nor {source} have a bar of {symbol} {window}, so it may no longer trade"
        return Issue("no_data", Cause.NO_DATA, message, (), {"side": "both", "could_not_check": 1})
    count, last = len(other.days), day(other.days[-1])
    message = f"we have no bar of {symbol} {window}; {source} has {count}, the newest of {last}"
    return Issue("no_data", Cause.NO_DATA, message, (), {"side": "ours", "theirs_bars": count})


def _issues(it: Comparison, symbol: str, source: str) -> list[Issue]:
    """What the profile's rules say; without any bar of the vendor's only those about ours alone."""
    rules = _STRICT if it.profile is Profile.STRICT else _STANDARD
    if len(it.theirs.days):
        return [issue for rule in rules for issue in rule(it)]
    message = f"{source} gave no bar of {symbol} from {it.sessions[0]} to {it.newest}"
    unknown = Issue("no_data", Cause.NO_DATA, message, (), {"side": "theirs", "could_not_check": 1})
    return [*(issue for rule in rules if rule in _ALONE for issue in rule(it)), unknown]


def _status(issues: Sequence[Issue]) -> Status:
    if any(not issue.could_not_check for issue in issues):
        return Status.FAILED
    return Status.ERROR if issues else Status.PASSED

"""The rules about which sessions are there: new enough, none missing, twice, of a closed day or of another session.

What belongs here: rules that need no price compared. What does not: prices and volumes (validation_rules.py), and how a
late feed is recognised (validation_lag.py).
What the vendor lacks is *could not check*, never a fault of ours; the standard profile only looks at ours.
"""

from collections.abc import Iterator

import numpy as np

from stocks_pipeline.domain.prices import day_number
from stocks_pipeline.domain.validation_comparison import Comparison, Evidence, about, few
from stocks_pipeline.domain.validation_pairs import Side, day, logs
from stocks_pipeline.domain.validation_types import Cause, Issue, Profile

STALE_HOURS = 72
RECENT_DAYS = 2
_PRICES = ("open", "high", "low", "close")
_REPEATED = 0.002


def freshness(it: Comparison) -> Iterator[Issue]:
    """The newest session is at most 72 h before the expected one, of its own day, and no copy of the one before."""
    yield from _ours_fresh(it)
    if len(it.theirs.days):
        yield from _theirs_fresh(it)


def _ours_fresh(it: Comparison) -> Iterator[Issue]:
    ours, theirs = day(it.ours.days[-1]), day(it.theirs.days[-1]) if len(it.theirs.days) else None
    age = 24 * (it.newest - ours).days
    if age > STALE_HOURS:
        ended = theirs is not None and theirs <= ours
        more = "; the other vendor has nothing newer, so it may no longer trade" if ended else ""
        evidence: Evidence = {"side": "ours", "age_hours": age, "limit_hours": STALE_HOURS}
        evidence |= {"side": "both", "could_not_check": 1} if ended else {}
        message = f"our newest session is {ours}, {age} h before {it.newest} ({STALE_HOURS} h allowed){more}"
        yield Issue("freshness", Cause.STALE, message, (ours,), evidence)
    elif theirs is not None and it.lag > 0:
        message = f"our bar of every session is the other vendor's of {_earlier(it.lag)}"
        yield Issue("freshness", Cause.STALE, message, (ours,), {"side": "ours", "lag_sessions": it.lag})
    elif _stuck(it.ours, it.theirs):
        message = f"our bar of {ours} repeats the session before, theirs does not"
        yield Issue("freshness", Cause.STALE, message, (ours,), {"side": "ours", "repeated": 1})


def _theirs_fresh(it: Comparison) -> Iterator[Issue]:
    """An open question each: our newest bar has no counterpart. Closes over the limit fail by their own rule."""
    newest = day(it.theirs.days[-1])
    unknown: Evidence = {"side": "theirs", "could_not_check": 1}
    if newest < it.newest:
        message = f"the other vendor's newest session is {newest}, so {it.newest} could not be checked"
        evidence = {**unknown, "age_hours": 24 * (it.newest - newest).days}
        yield Issue("freshness", Cause.STALE, message, (newest,), evidence)
    elif it.lag < 0:
        message = f"the other vendor's bar of every session is ours of {_earlier(-it.lag)}, so none could be checked"
        yield Issue("freshness", Cause.STALE, message, (newest,), {**unknown, "lag_sessions": -it.lag})
    elif _stuck(it.theirs, it.ours):
        repeats = it.theirs.repeats
        count = len(repeats) if repeats.all() else int(np.argmin(repeats[::-1]))
        message = f"the other vendor's bar repeats the session before on {few(it.theirs.days[-count:])}, ours does not"
        days = tuple(day(number) for number in it.theirs.days[-count:])
        yield Issue("freshness", Cause.STALE, f"{message}: not checked", days, {**unknown, "repeated": count})


def _earlier(lag: int) -> str:
    return "the session before" if lag == 1 else f"{lag} sessions before"


def _stuck(here: Side, there: Side) -> bool:
    """Whether one side's newest bar is a copy while the other moved, to another bar; an idle share's repeat on both.

    Both are asked: a basis sets bars apart that nobody moved, and a right bar is no copy of an extra session before it.
    """
    row = int(np.searchsorted(there.days, here.days[-1]))
    if not here.repeats[-1] or row == len(there.days) or there.days[row] != here.days[-1] or there.repeats[row]:
        return False
    copies = [(here, len(here.days) - 1)] + ([(there, row - 1)] if row else [])
    return all(_apart(there, row, base, at) for base, at in copies)


def _apart(there: Side, row: int, base: Side, at: int) -> bool:
    """Whether two bars are not the same."""
    pairs = [logs(np.array([there.values[name][row], base.values[name][at]])) for name in _PRICES]
    return any(abs(one - other) > _REPEATED for one, other in pairs)


def completeness(it: Comparison) -> Iterator[Issue]:
    """No session is missing: by the other vendor within 2 days, or (strict) by the calendar since our first bar."""
    if it.profile is Profile.STANDARD:
        recent = it.theirs.days[it.theirs.days >= day_number(it.newest) - RECENT_DAYS]
        lacking = np.setdiff1d(np.intersect1d(recent, it.calendar), it.ours.days)
        if len(lacking):
            message = f"we lack {few(lacking)}, which the other vendor has"
            yield about("completeness", Cause.MISSING_SESSION, message, lacking, {"side": "ours"})
        return
    lacking = np.setdiff1d(it.calendar[it.calendar >= it.ours.days[0]], it.ours.days)
    if len(lacking):
        too = len(np.setdiff1d(lacking, it.theirs.days))
        evidence: Evidence = {"side": "ours", "theirs_too": too}
        message = f"we lack {few(lacking)} of the exchange's calendar" + (f"; theirs {too} of them" if too else "")
        yield about("completeness", Cause.MISSING_SESSION, message, lacking, evidence)
    if len(it.theirs.days):
        since = it.calendar[it.calendar >= it.theirs.days[0]]
        gaps = np.setdiff1d(np.intersect1d(since, it.ours.days), it.theirs.days)
        if len(gaps):
            evidence = {"side": "theirs", "could_not_check": 1}
            message = f"the other vendor lacks {few(gaps)}, which could not be checked"
            yield about("completeness", Cause.MISSING_SESSION, message, gaps, evidence)


def duplicates(it: Comparison) -> Iterator[Issue]:
    """No session is there more than once: on our side a fault, on theirs an open question, which bar is meant."""
    since = it.calendar[0]
    twice = it.ours.duplicates[it.ours.duplicates >= since]
    if len(twice):
        message = f"we store {few(twice)} more than once"
        yield about("duplicates", Cause.DUPLICATE, message, twice, {"side": "ours"})
    theirs = it.theirs.duplicates[it.theirs.duplicates >= since]
    if len(theirs) and it.profile is Profile.STRICT:
        evidence: Evidence = {"side": "theirs", "could_not_check": 1}
        message = f"the other vendor has {few(theirs)} more than once, so it cannot be told which bar is meant"
        yield about("duplicates", Cause.DUPLICATE, message, theirs, evidence)


def extra_days(it: Comparison) -> Iterator[Issue]:
    """No bar is of a day on which the exchange was closed."""
    extra = np.setdiff1d(it.ours.between(it.sessions[0], it.newest), it.calendar)
    if len(extra):
        both = len(np.intersect1d(extra, it.theirs.days))
        evidence: Evidence = {"side": "ours", "theirs_too": both}
        yield about("extra_days", Cause.EXTRA_SESSION, f"{few(extra)}: the exchange was closed", extra, evidence)


def overlap(it: Comparison) -> Iterator[Issue]:
    """There is a session to compare at all."""
    if not len(it.pair):
        message = f"no common session from {it.sessions[0]} to {it.newest}, so nothing could be checked"
        yield Issue("no_overlap", Cause.NO_OVERLAP, message, (), {"side": "both", "could_not_check": 1})

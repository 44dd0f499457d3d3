"""The rules that our bars of one symbol are held to, each a pure function from a comparison to issues.

What belongs here: which differences count, by profile. What does not: why they are there (validation_causes.py).

STANDARD is the seed's code: newest own session older than 72 h, sessions within 2 days of the newest that the vendor
has and we lack, closes more than 2 % apart. STRICT is its authors' separate script: open, high, low and close within
0.02, volume within max(100, 0.01 %), duplicates, extra days, every session of the exchange's calendar.
Comparisons are written so that NaN passes nothing; what the vendor lacks is *could not check*, never a fault of ours.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np

from stocks_pipeline.domain.prices import Floats, Ints, Mask, day_number
from stocks_pipeline.domain.validation_causes import explain
from stocks_pipeline.domain.validation_levels import Explained
from stocks_pipeline.domain.validation_pairs import Pair, Side, day, days_of_mask, logs
from stocks_pipeline.domain.validation_types import Cause, Issue, Profile
from stocks_pipeline.domain.validation_volume import volume_causes

STALE_HOURS = 72
RECENT_DAYS = 2
CLOSE_PERCENT = 2.0
STRICT_PRICE = 0.02
STRICT_VOLUME, STRICT_VOLUME_SHARE = 100.0, 1e-4
_PRICES = ("open", "high", "low", "close")
_REPEATED = 0.002
_ROUNDING = 1e-9  # 1.02 against 1.00 is 2.0000000000000018 %, which is not more than 2 %

Evidence = dict[str, int | float | str]


@dataclass(frozen=True, eq=False)
class Comparison:
    """What the rules look at: both sides up to the newest session, the window's sessions, and the profile."""

    profile: Profile
    sessions: Sequence[date]
    newest: date
    ours: Side
    theirs: Side

    @cached_property
    def pair(self) -> Pair:
        """The window's common sessions."""
        return Pair.of(self.ours, self.theirs, self.sessions[0], self.newest)

    @cached_property
    def found(self) -> Explained:
        """Why they differ."""
        return explain(self.pair)

    @cached_property
    def calendar(self) -> Ints:
        """The window's sessions as numbers, ascending."""
        return np.array(sorted(day_number(session) for session in self.sessions), dtype=np.int64)

    @cached_property
    def comparable(self) -> Mask:
        """Common sessions with a close on both sides."""
        return np.isfinite(self.pair.ratio)


def freshness(it: Comparison) -> Iterator[Issue]:
    """Our newest session is at most 72 h before the newest expected one, and no copy of the one before it."""
    ours, theirs = day(it.ours.days[-1]), day(it.theirs.days[-1]) if len(it.theirs.days) else None
    age = 24 * (it.newest - ours).days
    if age > STALE_HOURS:
        ended = theirs is not None and theirs <= ours
        more = "; the other vendor has nothing newer, so it may no longer trade" if ended else ""
        evidence: Evidence = {"side": "ours", "age_hours": age, "limit_hours": STALE_HOURS}
        evidence |= {"side": "both", "could_not_check": 1} if ended else {}
        message = f"our newest session is {ours}, {age} h before {it.newest} ({STALE_HOURS} h allowed){more}"
        yield Issue("freshness", Cause.STALE, message, (ours,), evidence)
    elif it.ours.repeats[-1] and _moved(it):
        message = f"our bar of {ours} repeats the session before, theirs does not"
        yield Issue("freshness", Cause.STALE, message, (ours,), {"side": "ours", "repeated": 1})
    if theirs is not None and theirs < it.newest:
        message = f"the other vendor's newest session is {theirs}, so {it.newest} could not be checked"
        evidence = {"side": "theirs", "age_hours": 24 * (it.newest - theirs).days, "could_not_check": 1}
        yield Issue("freshness", Cause.STALE, message, (theirs,), evidence)


def _moved(it: Comparison) -> bool:
    """Whether the other vendor's bar of our newest session is another one; an idle share's bars do repeat."""
    row = int(np.searchsorted(it.theirs.days, it.ours.days[-1]))
    if row == len(it.theirs.days) or it.theirs.days[row] != it.ours.days[-1] or it.theirs.repeats[row]:
        return False
    apart = [abs(logs(it.ours.values[n][-1:])[0] - logs(it.theirs.values[n][row : row + 1])[0]) for n in _PRICES]
    return any(difference > _REPEATED for difference in apart)


def completeness(it: Comparison) -> Iterator[Issue]:
    """No session is missing: by the other vendor within 2 days, or (strict) by the calendar since our first bar."""
    if it.profile is Profile.STANDARD:
        recent = it.theirs.days[it.theirs.days >= day_number(it.newest) - RECENT_DAYS]
        lacking = np.setdiff1d(np.intersect1d(recent, it.calendar), it.ours.days)
        if len(lacking):
            message = f"we lack {_few(lacking)}, which the other vendor has"
            yield _sessions("completeness", Cause.MISSING_SESSION, message, lacking, {"side": "ours"})
        return
    lacking = np.setdiff1d(it.calendar[it.calendar >= it.ours.days[0]], it.ours.days)
    if len(lacking):
        too = len(np.setdiff1d(lacking, it.theirs.days))
        evidence: Evidence = {"side": "ours", "theirs_too": too}
        message = f"we lack {_few(lacking)} of the exchange's calendar" + (f"; theirs {too} of them" if too else "")
        yield _sessions("completeness", Cause.MISSING_SESSION, message, lacking, evidence)
    if len(it.theirs.days):
        since = it.calendar[it.calendar >= it.theirs.days[0]]
        gaps = np.setdiff1d(np.intersect1d(since, it.ours.days), it.theirs.days)
        if len(gaps):
            evidence = {"side": "theirs", "could_not_check": 1}
            message = f"the other vendor lacks {_few(gaps)}, which could not be checked"
            yield _sessions("completeness", Cause.MISSING_SESSION, message, gaps, evidence)


def duplicates(it: Comparison) -> Iterator[Issue]:
    """No session is there more than once: on our side a fault, on theirs an open question, which bar is meant."""
    since = it.calendar[0]
    twice = it.ours.duplicates[it.ours.duplicates >= since]
    if len(twice):
        message = f"we store {_few(twice)} more than once"
        yield _sessions("duplicates", Cause.DUPLICATE, message, twice, {"side": "ours"})
    theirs = it.theirs.duplicates[it.theirs.duplicates >= since]
    if len(theirs):
        evidence: Evidence = {"side": "theirs", "could_not_check": 1}
        message = f"the other vendor has {_few(theirs)} more than once, so it cannot be told which bar is meant"
        yield _sessions("duplicates", Cause.DUPLICATE, message, theirs, evidence)


def extra_days(it: Comparison) -> Iterator[Issue]:
    """No bar is of a day on which the exchange was closed."""
    extra = np.setdiff1d(it.ours.between(it.sessions[0], it.newest), it.calendar)
    if len(extra):
        both = len(np.intersect1d(extra, it.theirs.days))
        evidence: Evidence = {"side": "ours", "theirs_too": both}
        yield _sessions("extra_days", Cause.EXTRA_SESSION, f"{_few(extra)}: the exchange was closed", extra, evidence)


def overlap(it: Comparison) -> Iterator[Issue]:
    """There is a session to compare at all."""
    if not len(it.pair):
        message = f"no common session from {it.sessions[0]} to {it.newest}, so nothing could be checked"
        yield Issue("no_overlap", Cause.NO_OVERLAP, message, (), {"side": "both", "could_not_check": 1})


def accuracy(it: Comparison) -> Iterator[Issue]:
    """Closes agree: within 2 % (standard) or 0.02 (strict); a close that is no price agrees with nothing."""
    ours, theirs = it.pair.ours["close"], it.pair.theirs["close"]
    no_price = ~(np.isfinite(ours) & (ours > 0))
    unknown = ~no_price & ~it.comparable
    if no_price.any():
        message = f"our close of {_few(it.pair.days[no_price])} is no price"
        yield _sessions("accuracy", Cause.NO_DATA, message, it.pair.days[no_price], {"side": "ours"})
    if unknown.any():
        evidence: Evidence = {"side": "theirs", "could_not_check": 1}
        message = f"the other vendor has no close for {_few(it.pair.days[unknown])}, which could not be checked"
        yield _sessions("accuracy", Cause.NO_DATA, message, it.pair.days[unknown], evidence)
    yield from _by_cause(it, "accuracy", "close", it.comparable & _beyond(it.profile, ours, theirs), it.found.causes)


def _beyond(profile: Profile, ours: Floats, theirs: Floats) -> Mask:
    with np.errstate(invalid="ignore", divide="ignore"):
        if profile is Profile.STRICT:
            return ~(np.abs(ours - theirs) <= STRICT_PRICE + _ROUNDING)
        return ~(np.abs(ours - theirs) / theirs * 100 <= CLOSE_PERCENT + _ROUNDING)


def ohlc(it: Comparison) -> Iterator[Issue]:
    """Open, high and low agree within 0.02; the cause is that of the close where it differs too."""
    for name in ("open", "high", "low"):
        ours, theirs = it.pair.ours[name], it.pair.theirs[name]
        yield from _no_numbers(it, "ohlc", name, ours, theirs)
        wrong = np.isfinite(ours) & np.isfinite(theirs) & _beyond(Profile.STRICT, ours, theirs)
        alone = Cause.ONE_OFF if wrong.sum() <= max(1, len(it.pair) // 10) else Cause.REAL
        yield from _by_cause(it, "ohlc", name, wrong, [cause or alone for cause in it.found.causes])


def volume(it: Comparison) -> Iterator[Issue]:
    """Volumes agree within 100 shares or 0.01 %, whichever is more."""
    ours, theirs = it.pair.ours["volume"], it.pair.theirs["volume"]
    yield from _no_numbers(it, "volume", "volume", ours, theirs)
    limit = np.fmax(STRICT_VOLUME, STRICT_VOLUME_SHARE * np.abs(theirs))
    wrong = np.isfinite(ours) & np.isfinite(theirs) & ~(np.abs(ours - theirs) <= limit)
    yield from _by_cause(it, "volume", "volume", wrong, volume_causes(it.pair, it.found.causes, wrong))


def _no_numbers(it: Comparison, rule: str, name: str, ours: Floats, theirs: Floats) -> Iterator[Issue]:
    """Sessions on which one side has a number and the other none."""
    for side, lacking in (("ours", np.isnan(ours) & ~np.isnan(theirs)), ("theirs", np.isnan(theirs) & ~np.isnan(ours))):
        if lacking.any():
            evidence: Evidence = {"side": side, "column": name} | ({"could_not_check": 1} if side == "theirs" else {})
            who = "we have" if side == "ours" else "the other vendor has"
            message = f"{who} no {name} for {_few(it.pair.days[lacking])}"
            yield _sessions(rule, Cause.NO_DATA, message, it.pair.days[lacking], evidence)


def _by_cause(it: Comparison, rule: str, name: str, wrong: Mask, causes: Sequence[Cause | None]) -> Iterator[Issue]:
    """One issue for each cause among the sessions that are wrong."""
    of = [causes[row] or Cause.REAL if wrong[row] else None for row in range(len(wrong))]
    for cause in dict.fromkeys(found for found in of if found):
        rows = np.array([found is cause for found in of], dtype=np.bool_)
        ours, theirs = it.pair.ours[name], it.pair.theirs[name]
        difference = np.where(rows, np.abs(ours - theirs), 0.0)
        apart = difference / np.where(rows & (theirs > 0), theirs, np.maximum(difference, 1.0))
        worst = int(np.argmax(np.where(rows, apart, -1.0)))
        note = it.found.notes.get(cause, {"side": "both"})
        evidence: Evidence = {key: value for key, value in note.items() if key != "says"}
        evidence |= {"column": name, "ours": float(ours[worst]), "theirs": float(theirs[worst])}
        evidence |= {"worst_session": day(it.pair.days[worst]).isoformat(), "worst_percent": _percent(apart[worst])}
        says = f"; {note['says']}" if "says" in note else ""
        message = (
            f"{name} differs on {_few(it.pair.days[rows])}, most on {evidence['worst_session']}: "
            f"{ours[worst]:.10g} against {theirs[worst]:.10g} ({evidence['worst_percent']} %){says}"
        )
        yield Issue(rule, cause, message, days_of_mask(it.pair.days, rows), evidence)


def _percent(share: float) -> float:
    return round(100 * float(share), 3)


def _sessions(rule: str, cause: Cause, message: str, days: Ints, evidence: Evidence) -> Issue:
    return Issue(rule, cause, message, tuple(day(number) for number in days), evidence)


def _few(days: Ints) -> str:
    """Such as "2026-01-05" or "104 sessions from 2025-06-05 to 2025-11-04"."""
    return str(day(days[0])) if len(days) == 1 else f"{len(days)} sessions from {day(days[0])} to {day(days[-1])}"

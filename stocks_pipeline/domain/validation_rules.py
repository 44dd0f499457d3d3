"""The rules about what our bars of one symbol hold, each a pure function from a comparison to issues.

What belongs here: which differences of prices and volumes count, by profile. What does not: which sessions are there
(validation_coverage.py) and why they differ (validation_causes.py).

STANDARD is the seed's code: newest own session older than 72 h, sessions within 2 days of the newest that the vendor
has and we lack, closes more than 2 % apart; and our own sessions that are there twice or of a closed day. STRICT is its
authors' separate script: open, high, low and close within 0.02, volume within max(100, 0.01 %), duplicates, extra days,
every session of the exchange's calendar. Where a dividend basis lies between the two, what is left of a close's
difference without it counts as well: a basis must not hide an error.
Comparisons are written so that NaN passes nothing; what the vendor lacks is *could not check*, never a fault of ours.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from stocks_pipeline.domain.prices import Floats, Mask
from stocks_pipeline.domain.validation_comparison import Comparison, Evidence, about, few
from stocks_pipeline.domain.validation_pairs import day, days_of_mask
from stocks_pipeline.domain.validation_types import Cause, Issue, Profile
from stocks_pipeline.domain.validation_volume import volume_causes

CLOSE_PERCENT = 2.0
STRICT_PRICE = 0.02
STRICT_VOLUME, STRICT_VOLUME_SHARE = 100.0, 1e-4
_ROUNDING = 1e-9  # 1.02 against 1.00 is 2.0000000000000018 %, which is not more than 2 %


def accuracy(it: Comparison) -> Iterator[Issue]:
    """Closes agree: within 2 % (standard) or 0.02 (strict); a close that is no price agrees with nothing."""
    ours, theirs = it.pair.ours["close"], it.pair.theirs["close"]
    no_price = ~(np.isfinite(ours) & (ours > 0))
    unknown = ~no_price & ~it.comparable
    if no_price.any():
        message = f"our close of {few(it.pair.days[no_price])} is no price"
        yield about("accuracy", Cause.NO_DATA, message, it.pair.days[no_price], {"side": "ours"})
    if unknown.any():
        evidence: Evidence = {"side": "theirs", "could_not_check": 1}
        message = f"the other vendor has no close for {few(it.pair.days[unknown])}, which could not be checked"
        yield about("accuracy", Cause.NO_DATA, message, it.pair.days[unknown], evidence)
    hidden = it.off_basis * 100 > CLOSE_PERCENT + _ROUNDING
    wrong = it.comparable & (_beyond(it.profile, ours, theirs) | hidden)
    yield from _by_cause(it, "accuracy", "close", wrong, it.causes)


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
        yield from _by_cause(it, "ohlc", name, wrong, [cause or alone for cause in it.causes])


def volume(it: Comparison) -> Iterator[Issue]:
    """Volumes agree within 100 shares or 0.01 %, whichever is more."""
    ours, theirs = it.pair.ours["volume"], it.pair.theirs["volume"]
    yield from _no_numbers(it, "volume", "volume", ours, theirs)
    limit = np.fmax(STRICT_VOLUME, STRICT_VOLUME_SHARE * np.abs(theirs))
    wrong = np.isfinite(ours) & np.isfinite(theirs) & ~(np.abs(ours - theirs) <= limit)
    yield from _by_cause(it, "volume", "volume", wrong, volume_causes(it.pair, it.causes, wrong))


def _no_numbers(it: Comparison, rule: str, name: str, ours: Floats, theirs: Floats) -> Iterator[Issue]:
    """Sessions on which one side has a number and the other none."""
    for side, lacking in (("ours", np.isnan(ours) & ~np.isnan(theirs)), ("theirs", np.isnan(theirs) & ~np.isnan(ours))):
        if lacking.any():
            evidence: Evidence = {"side": side, "column": name} | ({"could_not_check": 1} if side == "theirs" else {})
            who = "we have" if side == "ours" else "the other vendor has"
            message = f"{who} no {name} for {few(it.pair.days[lacking])}"
            yield about(rule, Cause.NO_DATA, message, it.pair.days[lacking], evidence)


def _by_cause(it: Comparison, rule: str, name: str, wrong: Mask, causes: Sequence[Cause | None]) -> Iterator[Issue]:
    """One issue for each cause among the sessions that are wrong."""
    of = [causes[row] or Cause.REAL if wrong[row] else None for row in range(len(wrong))]
    for cause in dict.fromkeys(found for found in of if found):
        rows = np.array([found is cause for found in of], dtype=np.bool_)
        ours, theirs = it.pair.ours[name], it.pair.theirs[name]
        difference = np.where(rows, np.abs(ours - theirs), 0.0)
        apart = difference / np.where(rows & (theirs > 0), theirs, np.maximum(difference, 1.0))
        worst = int(np.argmax(np.where(rows, apart, -1.0)))
        note = it.notes.get(cause, {"side": "both"})
        evidence: Evidence = {key: value for key, value in note.items() if key != "says"}
        evidence |= {"column": name, "ours": float(ours[worst]), "theirs": float(theirs[worst])}
        evidence |= {"worst_session": day(it.pair.days[worst]).isoformat(), "worst_percent": _percent(apart[worst])}
        says = f"; {note['says']}" if "says" in note else ""
        if name == "close" and (off := float(it.off_basis[rows].max())) * 100 > CLOSE_PERCENT:
            evidence["without_basis_percent"] = _percent(off)
            says += f"; without the dividend basis it is {_percent(off)} % off"
        message = (
            f"{name} differs on {few(it.pair.days[rows])}, most on {evidence['worst_session']}: "
            f"{ours[worst]:.10g} against {theirs[worst]:.10g} ({evidence['worst_percent']} %){says}"
        )
        yield Issue(rule, cause, message, days_of_mask(it.pair.days, rows), evidence)


def _percent(share: float) -> float:
    return round(100 * float(share), 3)

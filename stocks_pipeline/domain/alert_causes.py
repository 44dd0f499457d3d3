"""Which facts have one cause, so that one message tells it: a failed run, checks that repeat it, the count after it.

What belongs here: which fact speaks for which others, and how long one waits for another. What does not: what a fact is
(alert_facts.py) and what is said of it (alerts.py).

A vendor that is down fails a run; the count that follows says so again, and so do that count's checks. The count is
told, since it names who is affected and what to do; where none comes, the run is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from stocks_pipeline.domain.alert_facts import Ended, FailedCheck, FailedRun

COUNT_FOLLOWS: Final = timedelta(minutes=5)
"""How long after a run the count of it may come: a chain's tick and a short run."""

AWAITED: Final = frozenset({"us/validation_summary", "dr/precompute_summary"})
"""Counts that are told and that a run of their own brings; a run that they count waits for them."""

REPEATS_RUN: Final = frozenset(
    {"symbols_fetched", "day_complete", "no_partition_left_failed", "all_checked", "all_reports_completed"}
)
"""Checks of a count that fail because the run before it did."""

REPEATS_COUNT: Final = frozenset({"prices_agree", "all_checked", "all_reports_completed"})
"""Checks that say of a count what the count says."""


@dataclass(frozen=True)
class Causes:
    """Facts by who speaks for them. What waits is in none: the next look finds it again."""

    ended: tuple[tuple[Ended, tuple[FailedRun, ...], tuple[FailedCheck, ...]], ...]
    """Each count with the runs and checks that it speaks for."""
    runs: tuple[tuple[FailedRun, tuple[FailedCheck, ...]], ...]
    """Each run that no count speaks for, with the checks that it speaks for."""
    checks: tuple[FailedCheck, ...]
    """Those that speak for themselves."""


def by_cause(runs: Sequence[FailedRun], checks: Sequence[FailedCheck], ended: Sequence[Ended], now: datetime) -> Causes:
    """The facts by cause. `now` is aware."""
    counts = {count.run_id: count for count in ended}
    facts: dict[str, list[Ended]] = {}
    for each in sorted(ended, key=lambda e: e.at):
        facts.setdefault(each.key, []).append(each)  # two runs that ended one session alike are one fact
    rest = [c for c in checks if not _repeats_count(c, counts.get(c.run_id))]
    spoken = {run.key: count for run in runs if (count := _count_of(run, ended, rest)) is not None}
    alone = [run for run in runs if run.key not in spoken]
    repeats = {run.key: tuple(c for c in rest if _repeats_run(c, run)) for run in alone}
    waits = [r for r in alone if r.counted_by in AWAITED and not repeats[r.key] and now - r.at < COUNT_FOLLOWS]
    repeated = {check.key for found in repeats.values() for check in found}
    return Causes(
        tuple(
            (
                same[0],
                tuple(run for run in runs if spoken.get(run.key) in same),
                tuple(
                    c for c in checks if c.run_id in counts and counts[c.run_id] in same and _repeats_count(c, same[0])
                ),
            )
            for same in facts.values()
        ),
        tuple((run, repeats[run.key]) for run in alone if run not in waits),
        tuple(check for check in rest if check.key not in repeated),
    )


def _count_of(run: FailedRun, ended: Sequence[Ended], checks: Sequence[FailedCheck]) -> Ended | None:
    """The first count of the run that says what is wrong; one that finds everything well does not speak for it.

    Nor does one after checks of a count that was not the end: that is about what a person did since.
    """
    counts = [e for e in ended if e.asset == run.counted_by and not e.whole and _follows(e, e.day, run)]
    first = min(counts, key=lambda e: e.at, default=None)
    before = [c for c in checks if first is not None and c.at < first.at and _repeats_run(c, run)]
    return None if before else first


def _repeats_count(check: FailedCheck, count: Ended | None) -> bool:
    return count is not None and check.asset == count.asset and check.check in REPEATS_COUNT


def _repeats_run(check: FailedCheck, run: FailedRun) -> bool:
    # Nothing was compared, says the warning; that something differs is told on its own.
    repeats = check.check in REPEATS_RUN or (check.check == "prices_agree" and check.warn)
    return repeats and check.asset == run.counted_by and _follows(check, check.day, run)


def _follows(fact: Ended | FailedCheck, day: str, run: FailedRun) -> bool:
    """Whether it is of the same run, or of the same day and soon after it."""
    return fact.run_id == run.run_id or (day == run.day and timedelta(0) <= fact.at - run.at <= COUNT_FOLLOWS)

"""Sessions that the chain goes on with by itself: failed ones a little later, those that wait for credits when the
vendor's day is over, those whose prices were fetched again.

What belongs here: which of the days' own sessions get another run of results, and for what reason. What does not: the
first run and the summary (automation.py), ending what dead runs left (reaping.py).

Another run costs what is open and nothing else: what was checked is only logged again. Each reason has a key of its
own, so it starts one run however often the chain looks. What a person stopped is left to a person.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

import dagster as dg

from stocks_pipeline.clock import Clock
from stocks_pipeline.defs.automation import CHAIN_TAG, LOOK_BACK
from stocks_pipeline.defs.us import US
from stocks_pipeline.defs.us.reaping import ALIVE, TAG, ended_silently
from stocks_pipeline.defs.us.session_book import STOPPED, SessionBook
from stocks_pipeline.domain.validation_session import Session, State
from stocks_pipeline.storage.lake import Lake
from stocks_pipeline.storage.validation_keys import SessionPlace

RETRIES, RETRY_AFTER_S = 2, 900.0
"""How often a run of results that failed is started anew, and how long after its end: outages pass within minutes."""

TRY_TAG: Final = "stocks/try"

GOES_ON_S: Final = 3 * 86_400.0
"""How long after it was opened a session is gone on with: two nights bring what a list of a thousand symbols needs."""

_DAY_S, _MARGIN_S = 86_400.0, 60.0
"""The vendor counts its day in UTC; by a clock that may be a little behind ours."""
_RUNS: Final = 20


@dataclass(frozen=True)
class Again:
    """Another run of results for a day's session, and what it is known by."""

    day: date
    batches: int
    key: str
    tries: int = 1


def gone_on_with(instance: dg.DagsterInstance, lake: Lake, clock: Clock) -> Iterator[Again]:
    """The sessions opened in the last three days that are due for another run now."""
    now = clock.time()
    wanted = dg.AssetRecordsFilter(US.key("validation_batches"), after_timestamp=now - GOES_ON_S)
    opened: dict[date, float] = {}
    for record in instance.fetch_materializations(wanted, limit=LOOK_BACK).records:
        if record.partition_key is not None:
            opened.setdefault(date.fromisoformat(record.partition_key), record.timestamp)
    for day, at in opened.items():
        place = SessionPlace(US.name, day)
        runs = instance.get_run_records(dg.RunsFilter(tags={TAG: place.record}), limit=_RUNS)
        if any(run.dagster_run.status in ALIVE for run in runs):
            continue
        session = SessionBook(lake, place, clock).get()
        if session is None or (runs and _stopped(runs[0], session)):
            continue
        newest = runs[0] if runs else None
        if newest is not None and (tries := _failed(instance, newest, session, now)):
            yield Again(day, session.total_batches, f"us-validation-retry-{newest.dagster_run.run_id}", tries)
        elif today := _put_off(lake, place, session, _ended(newest) if newest else at, now):
            yield Again(day, session.total_batches, f"us-validation-resume-{day}-{today}")
        elif newest is not None and (event := _fetched_again(instance, day, newest)):
            yield Again(day, session.total_batches, f"us-validation-healed-{day}-{event}")


def _stopped(newest: dg.RunRecord, session: Session) -> bool:
    """Whether a person stopped it: in the UI, or by Ctrl-C."""
    why = {batch.error_message for batch in session.batches if batch.status is State.PENDING and batch.error_message}
    return newest.dagster_run.status is dg.DagsterRunStatus.CANCELED or why == {STOPPED}


def _failed(instance: dg.DagsterInstance, newest: dg.RunRecord, session: Session, now: float) -> int:
    """Which try is due, after the newest run failed; 0 for none.

    A command that failed told a person, unless it was killed. Batches that were put back would wait in vain.
    """
    run = newest.dagster_run
    states = {batch.status for batch in session.batches}
    put_back = State.FAILED not in states and any(batch.error_message for batch in session.batches)
    told = run.tags.get(CHAIN_TAG) == "foreground" and not ended_silently(instance, run.run_id)
    if run.status is not dg.DagsterRunStatus.FAILURE or put_back or told or _ended(newest) + RETRY_AFTER_S > now:
        return 0
    tries = int(run.tags.get(TRY_TAG, "1"))
    return tries + 1 if tries <= RETRIES else 0


def _put_off(lake: Lake, place: SessionPlace, session: Session, since: float, now: float) -> date | None:
    """Today (UTC), if the session waits and nobody went on with it today."""
    from stocks_pipeline.defs.us.checking import waits

    midnight = (now - _MARGIN_S) // _DAY_S * _DAY_S
    if since >= midnight or not waits(lake, place, session):
        return None
    return datetime.fromtimestamp(midnight, UTC).date()


def _fetched_again(instance: dg.DagsterInstance, day: date, newest: dg.RunRecord) -> int | None:
    """The day's prices, merged since the newest run began to compare them."""
    since = newest.start_time or newest.create_timestamp.timestamp()
    wanted = dg.AssetRecordsFilter(US.key("daily_prices"), asset_partitions=[day.isoformat()], after_timestamp=since)
    found = instance.fetch_materializations(wanted, limit=1).records
    return found[0].storage_id if found else None


def _ended(run: dg.RunRecord) -> float:
    return run.end_time or run.update_timestamp.timestamp()

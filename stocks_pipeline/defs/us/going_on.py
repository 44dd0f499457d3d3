"""Sessions that the chain goes on with by itself: failed ones a little later, those that wait for credits when the
vendor's day is over, the days' own also when their prices were fetched again.

What belongs here: which sessions, the days' own and those beside them, get another run, and for what reason. What does
not: the first run and the summary (automation.py), ending what dead runs left (reaping.py).

Another run costs what is open and nothing else: what was checked is only logged again. Each reason has a key of its
own, so it starts one run however often the chain looks. What a person stopped is left to a person. A session beside the
day's answered what somebody asked then: prices that are fetched again later do not open it anew.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

import dagster as dg
from dagster._core.definitions.assets.job.asset_job import IMPLICIT_ASSET_JOB_NAME

from stocks_pipeline.clock import Clock
from stocks_pipeline.defs.automation import CHAIN_TAG, LOOK_BACK
from stocks_pipeline.defs.us import US
from stocks_pipeline.defs.us.adhoc import adhoc_job, session_name
from stocks_pipeline.defs.us.reaping import ALIVE, TAG, ended_silently
from stocks_pipeline.defs.us.session_book import STOPPED, SessionBook
from stocks_pipeline.domain.validation_session import Session, State
from stocks_pipeline.storage.lake import Lake
from stocks_pipeline.storage.validation_keys import SessionPlace, parse_validation_session_key

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
    """Another run for a session, and what it is known by."""

    place: SessionPlace
    batches: int
    key: str
    tries: int = 1


def gone_on_with(instance: dg.DagsterInstance, lake: Lake, clock: Clock) -> Iterator[Again]:
    """The sessions opened in the last three days that are due for another run now."""
    now = clock.time()
    for place, at in {**_days_own(instance, now - GOES_ON_S), **_beside(instance, now - GOES_ON_S)}.items():
        runs = instance.get_run_records(dg.RunsFilter(tags={TAG: place.record}), limit=_RUNS)
        if any(run.dagster_run.status in ALIVE for run in runs):
            continue
        session = SessionBook(lake, place, clock).get()
        if session is None or (runs and _stopped(runs[0], session)):
            continue
        newest = runs[0] if runs else None
        if newest is not None and (tries := _failed(instance, newest, session, now)):
            yield Again(place, session.total_batches, f"us-validation-retry-{newest.dagster_run.run_id}", tries)
        elif today := _put_off(lake, place, session, _ended(newest) if newest else at, now):
            yield Again(place, session.total_batches, f"us-validation-resume-{place.adhoc or place.day}-{today}")
        elif newest is not None and not place.adhoc and (event := _fetched_again(instance, place.day, newest)):
            yield Again(place, session.total_batches, f"us-validation-healed-{place.day}-{event}")


def _days_own(instance: dg.DagsterInstance, since: float) -> dict[SessionPlace, float]:
    """The days' own sessions, and when each was opened last (unix seconds)."""
    wanted = dg.AssetRecordsFilter(US.key("validation_batches"), after_timestamp=since)
    opened: dict[SessionPlace, float] = {}
    for record in instance.fetch_materializations(wanted, limit=LOOK_BACK).records:
        if record.partition_key is not None:
            opened.setdefault(SessionPlace(US.name, date.fromisoformat(record.partition_key)), record.timestamp)
    return opened


def _beside(instance: dg.DagsterInstance, since: float) -> dict[SessionPlace, float]:
    """Those beside them, and when the run that each is named by began; one that was replaced is named by none."""
    begun: dict[SessionPlace, float] = {}
    for job in (adhoc_job.name, IMPLICIT_ASSET_JOB_NAME):
        wanted = dg.RunsFilter(job_name=job, created_after=datetime.fromtimestamp(since, UTC))
        for record in instance.get_run_records(wanted, limit=LOOK_BACK):
            run = record.dagster_run
            place = parse_validation_session_key(run.tags[TAG]) if TAG in run.tags else None
            if place is not None and place.adhoc == session_name(run):
                begun[place] = record.create_timestamp.timestamp()
    return begun


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

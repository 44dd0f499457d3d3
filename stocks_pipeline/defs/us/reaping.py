"""Sessions whose run died: they are failed, with the reason, instead of being in progress for ever.

What belongs here: which run works on which session, and ending what a dead one left. What does not: finding dead
processes (defs/operations/dead_runs.py and Dagster's run monitoring do) and the record (session_book.py).
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import dagster as dg

from stocks_pipeline.clock import Clock
from stocks_pipeline.defs.automation import LOOK_BACK
from stocks_pipeline.defs.us.session_book import SessionBook
from stocks_pipeline.storage.lake import Lake
from stocks_pipeline.storage.validation_keys import SessionPlace, parse_validation_session_key

TAG: Final = "stocks/validation_session"
"""The record of the session that a run works on; also how a person finds the runs of a session in the UI."""

DIED: Final = "its run died (killed, out of memory, a reboot); what was stored stays"

ALIVE: Final = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def claim(instance: dg.DagsterInstance, run_id: str, place: SessionPlace) -> None:
    """Say that the run works on this session from now on."""
    instance.add_run_tags(run_id, {TAG: place.record})


@dataclass(frozen=True)
class Dead:
    """A run whose process died, the session it worked on, and when it began."""

    run_id: str
    place: SessionPlace
    began: datetime


def died(instance: dg.DagsterInstance, since: float) -> list[Dead]:
    """Runs that worked on a session and ended after `since` (unix seconds) without saying why, newest first."""
    after = datetime.fromtimestamp(since, UTC)
    wanted = dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], updated_after=after)
    return [
        Dead(run.run_id, parse_validation_session_key(run.tags[TAG]), record.create_timestamp)
        for record in instance.get_run_records(wanted, limit=LOOK_BACK)
        if TAG in (run := record.dagster_run).tags and ended_silently(instance, run.run_id)
    ]


def ended_silently(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether no step of it failed: one that did has settled its batches; a process that died had no time to."""
    return not instance.get_run_stats(run_id).steps_failed


def reap_sessions(instance: dg.DagsterInstance, lake: Lake, clock: Clock, since: float) -> list[SessionPlace]:
    """End the sessions that dead runs left open, unless another run is at work on them; which those were."""
    left = {dead.place: dead.began for dead in reversed(died(instance, since))}
    return [
        place
        for place, began in left.items()
        if not _at_work(instance, place) and SessionBook(lake, place, clock).abandon(DIED, began)
    ]


def _at_work(instance: dg.DagsterInstance, place: SessionPlace) -> bool:
    wanted = dg.RunsFilter(tags={TAG: place.record}, statuses=ALIVE)
    return bool(instance.get_run_records(wanted, limit=1))

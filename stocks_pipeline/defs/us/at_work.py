"""One run at a time works on a session: who comes second waits, and then finds what the first has stored.

What belongs here: the claim that a run holds on its session, over all processes, and over all machines that share
STOCKS_LIMITS_URL. What does not: the session's record (session_book.py), and what becomes of a session whose run died
(reaping.py).

Two runs of one session would both find a batch open and both pay for it. Machines that share a lake on S3 but no
database do not see each other's claims: there the record decides, and a batch may be paid for twice.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import dagster as dg

from stocks_pipeline.clock import SystemClock
from stocks_pipeline.defs.evidence import lake_failure
from stocks_pipeline.defs.us.reaping import ALIVE, claim
from stocks_pipeline.defs.us.session_book import ReplacedError
from stocks_pipeline.settings import Settings
from stocks_pipeline.storage.lake import Lake
from stocks_pipeline.storage.validation_keys import SessionPlace
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError

FOLLOWS: Final = "this run waits for it, and then asks for nothing that it found"
"""What the second run says; the command shows it."""


@contextmanager
def alone_with(context: dg.AssetExecutionContext, lake: Lake, place: SessionPlace) -> Iterator[None]:
    """Alone with the session, as soon as nobody else works on it; a run that was killed is overtaken."""
    from stocks_pipeline.upstream.claims import Claims

    run_id = context.run.run_id
    claim(context.instance, run_id, place)
    claims, key = Claims(Settings.load().limits, clock=SystemClock()), f"validation {lake.uri(place.record)}"
    try:
        other = claims.holder(key)
        if other and _alive(context.instance, other):
            context.log.warning(f"run {other} is at the session of {place.day}; {FOLLOWS}")
        elif other:
            claims.forget(key, other)
        with claims.hold(key, run_id):
            yield
    finally:
        claims.close()


def _alive(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether the run may still give its claim back."""
    run = instance.get_run_by_id(run_id)
    return run is not None and run.status in ALIVE


class SessionReplacedError(UpstreamError):
    """A session that lost its place, in the words of the other failures."""

    @property
    def next_step(self) -> str:
        return "Nothing: the session that has its place goes on."


def session_failure(error: Exception) -> UpstreamError | None:
    """What a replaced session or an unusable lake means for a batch; None for anything else."""
    if isinstance(error, ReplacedError):
        return SessionReplacedError(FailureKind.PERMANENT, "validation", "", str(error))
    return lake_failure(error)

"""What the doctor looks at of the validations: sessions with a failed batch, and those that nobody goes on with.

What belongs here: that check, settings in, findings out. What does not: the failed batches one by one
(dead_batches.py), keys and limits (doctor_checks.py, doctor_shared.py), the time limit and printing (doctor.py).
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from stocks_pipeline.cli.dead_batches import SESSIONS
from stocks_pipeline.cli.desk import lake_of
from stocks_pipeline.cli.doctor_checks import Finding, ok, warned
from stocks_pipeline.cli.validation_choice import Kept, kept_sessions
from stocks_pipeline.clock import Clock, SystemClock
from stocks_pipeline.settings import Settings
from stocks_pipeline.wording import counted

NAME = "validations"

STILL = timedelta(minutes=30)
"""A session at work changes every minute or few: a batch ends, or the next minute's credits come."""


def validations(found: Settings, clock: Clock | None = None) -> Sequence[Finding]:
    """Whether one of the newest days' own sessions failed, or waits for somebody. One beside it is its opener's."""
    if "://" not in found.lake and not Path(found.lake).exists():
        return [ok(NAME, "none yet")]
    now = (clock or SystemClock()).now()
    sessions = [kept for kept in kept_sessions(lake_of(found)) if not kept.place.adhoc][:SESSIONS]
    findings = [finding for kept in sessions if (finding := _finding(kept, now)) is not None]
    return findings or [ok(NAME, f"no batch failed in the newest {counted(len(sessions), 'session')}, none waits")]


def _finding(kept: Kept, now: datetime) -> Finding | None:
    from stocks_pipeline.defs.us.waiting import meaning
    from stocks_pipeline.domain.validation_session import State

    name = f"session of {kept.place.day}"
    if kept.session is None:
        return warned(NAME, f"{name}: its record cannot be read", f"stocks validate --date {kept.place.day} --anew")
    states = Counter(batch.status for batch in kept.session.batches)
    waits = states[State.PENDING] + states[State.PROCESSING]
    still = waits if now - kept.session.updated_at > STILL else 0
    if not states[State.FAILED] and not still:
        return None
    parts = [
        f"{n} {word}" for n, word in ((states[State.FAILED], "failed"), (still, "wait and nobody is at work")) if n
    ]
    said = next((batch.error_message for batch in kept.session.batches if batch.error_message), "")
    why, do = meaning(kept.place, said)
    return warned(NAME, f"{name}: of {counted(len(kept.session.batches), 'batch')} {', '.join(parts)}: {why}", do)

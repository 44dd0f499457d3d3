"""The record of one validation session in the lake: opened once, moved along batch by batch, healed batch by batch.

What belongs here: reading and writing the record, the day's own or that of a session beside it. What does not: legal
moves (domain/validation_session.py) and checking (checking.py). One run writes it; its batches are threads, so a lock
orders them.
"""

import threading
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from stocks_pipeline.clock import Clock
from stocks_pipeline.domain.plans import Plan
from stocks_pipeline.domain.validation_session import Batch, Session, State
from stocks_pipeline.domain.validation_types import Profile
from stocks_pipeline.storage.lake import KeyMissing, Lake
from stocks_pipeline.storage.validation_keys import SessionPlace
from stocks_pipeline.wording import counted


class OtherSessionError(ValueError):
    """The day has a session about something else, which is not replaced unasked."""


@dataclass(frozen=True)
class SessionBook:
    """One session: the day's own, or one beside it."""

    lake: Lake
    place: SessionPlace
    clock: Clock
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def open(self, symbols: Sequence[str], plan: Plan, *, lookback_days: int, profile: Profile, anew: bool) -> Session:
        """The day's session: the stored one if it is about the same, else a new one.

        A day has one session of its own. One about fewer symbols gives way to one about more; any other only when
        `anew` says so. Sessions beside it are not touched.

        Raises:
            OtherSessionError: the day's session is about other symbols, another lookback or another profile.
        """
        wanted = list(dict.fromkeys(symbols))
        if not anew and (stored := self.standing(wanted, lookback_days=lookback_days, profile=profile)):
            return stored
        session = self._new(str(uuid.uuid4()), wanted, plan, lookback_days, profile)
        # Results of the session that this one replaces would be taken for its own by whoever reads the files.
        for key in list(self.lake.list(self.place.batches)):
            self.lake.delete(key)
        return session

    def begin(self, symbols: Sequence[str], plan: Plan, *, lookback_days: int, profile: Profile) -> Session:
        """A session beside the day's own; its id is that of its place. Begun again it is the stored one."""
        unique = self.place.adhoc.removeprefix("session-")
        return self.get() or self._new(unique, symbols, plan, lookback_days, profile)

    def standing(self, symbols: Sequence[str], *, lookback_days: int, profile: Profile) -> Session | None:
        """The day's session if it is about this; None where there is none, or one about fewer symbols.

        Raises:
            OtherSessionError: see `open`.
        """
        stored = self.get()
        if stored is None:
            return None
        about, wanted = {s for batch in stored.batches for s in batch.symbols}, set(symbols)
        if about == wanted and (stored.lookback_days, stored.profile) == (lookback_days, profile):
            return stored
        if about < wanted:
            return None
        raise OtherSessionError(
            f"{self.place.day} has a session of {counted(stored.total_symbols, 'symbol')}, {stored.profile} profile, "
            f"{counted(stored.lookback_days, 'day')} ({stored.status}); open another beside it with --beside (in the "
            "UI: materialize us/validation_adhoc), or replace it with --anew (in the UI: anew: true)"
        )

    def get(self) -> Session | None:
        """The stored session, or None."""
        try:
            return Session.from_json(self.lake.read(self.place.record))
        except KeyMissing:
            return None

    def start(self, batch: int) -> Session:
        """The batch is being checked. One that a dead run left processing is taken over; a done one is done again."""

        def begin(found: Batch) -> Batch:
            if found.status is State.PROCESSING:
                found = found.put_back("its run died")
            return found.started(self.clock.now())

        return self._move(batch, begin)

    def complete(self, batch: int) -> Session:
        """Every symbol of the batch has its result, stored."""
        return self._move(batch, lambda found: found.completed(self.clock.now()))

    def settle(self, batch: int) -> Session:
        """The batch is stored whole: a run that died between storing it and saying so is made good."""
        session = self.get()
        if session is None or session.batches[batch].status is not State.COMPLETED:
            self.start(batch)
            return self.complete(batch)
        return session

    def fail(self, batch: int, message: str) -> Session:
        """The batch could not be checked."""
        return self._move(batch, lambda found: found.failed(message, self.clock.now()))

    def put_back(self, batch: int, reason: str) -> Session:
        """The batch waits: no credits today, no key, or the run was stopped."""
        return self._move(batch, lambda found: found.put_back(reason))

    def abandon(self, reason: str) -> bool:
        """Whoever worked on it is gone: what is not completed failed, for that reason. False: nothing was open."""
        with self._lock:
            session = self.get()
            if session is None or session.completed_at is not None:
                return False
            now = self.clock.now()
            for batch in session.batches:
                if batch.status in {State.PENDING, State.PROCESSING}:
                    session = session.with_batch(batch.failed(reason, now), now)
            self._save(session)
            return True

    def _new(self, unique: str, symbols: Sequence[str], plan: Plan, lookback_days: int, profile: Profile) -> Session:
        now = self.clock.now()
        return self._save(Session.new(unique, symbols, plan, now, lookback_days=lookback_days, profile=profile))

    def _move(self, batch: int, step: Callable[[Batch], Batch]) -> Session:
        with self._lock:
            session = self.get()
            if session is None:
                raise KeyMissing(self.place.record, self.lake.uri(self.place.record))
            if session.batches[batch].status is State.COMPLETED:
                return session  # checked again for the symbols that could not be: what it achieved stands
            moved = step(session.batches[batch])
            for state in _way(session.batches[batch], moved):
                session = session.with_batch(state, self.clock.now())
            return self._save(session)

    def _save(self, session: Session) -> Session:
        self.lake.write(self.place.record, session.to_json())
        return session


def _way(before: Batch, after: Batch) -> list[Batch]:
    """The recorded steps from one state to the other: a batch taken over goes back to pending first."""
    if before.status is State.PROCESSING and after.status is State.PROCESSING:
        return [before.put_back("its run died"), after]
    return [after]

"""The record of one validation session in the lake: opened once, moved along batch by batch, healed batch by batch.

What belongs here: reading and writing the record. What does not: legal moves (domain/validation_session.py) and
checking (checking.py). One run writes it; its batches are threads, so a lock orders them.
"""

import threading
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date

from stocks_pipeline.clock import Clock
from stocks_pipeline.domain.plans import Plan
from stocks_pipeline.domain.validation_session import Batch, Session, State
from stocks_pipeline.domain.validation_types import Profile
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import KeyMissing, Lake
from stocks_pipeline.storage.validation_keys import batches_prefix
from stocks_pipeline.wording import counted


class OtherSessionError(ValueError):
    """The day has a session about something else, which is not replaced unasked."""


@dataclass(frozen=True)
class SessionBook:
    """The session of one day of one market."""

    lake: Lake
    market: str
    day: date
    clock: Clock
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def open(self, symbols: Sequence[str], plan: Plan, *, lookback_days: int, profile: Profile, anew: bool) -> Session:
        """The day's session: the stored one if it is about the same, else a new one.

        A day has one session. One about fewer symbols gives way to one about more; any other only when `anew` says so.

        Raises:
            OtherSessionError: the day's session is about other symbols, another lookback or another profile.
        """
        wanted = list(dict.fromkeys(symbols))
        if not anew and (stored := self.standing(wanted, lookback_days=lookback_days, profile=profile)):
            return stored
        unique = str(uuid.uuid4())
        session = Session.new(unique, wanted, plan, self.clock.now(), lookback_days=lookback_days, profile=profile)
        self._save(session)
        # Results of the session that this one replaces would be taken for its own by whoever reads the files.
        for key in list(self.lake.list(batches_prefix(self.market, self.day))):
            self.lake.delete(key)
        return session

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
            f"{self.day} has a session of {counted(stored.total_symbols, 'symbol')}, {stored.profile} profile, "
            f"{counted(stored.lookback_days, 'day')} ({stored.status}); replace it with --anew (in the UI: anew: true)"
        )

    def get(self) -> Session | None:
        """The stored session, or None."""
        try:
            return Session.from_json(self.lake.read(self._key))
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

    @property
    def _key(self) -> str:
        return layout.validation_session_key(self.market, self.day)

    def _move(self, batch: int, step: Callable[[Batch], Batch]) -> Session:
        with self._lock:
            session = self.get()
            if session is None:
                raise KeyMissing(self._key, self.lake.uri(self._key))
            if session.batches[batch].status is State.COMPLETED:
                return session  # checked again for the symbols that could not be: what it achieved stands
            moved = step(session.batches[batch])
            for state in _way(session.batches[batch], moved):
                session = session.with_batch(state, self.clock.now())
            return self._save(session)

    def _save(self, session: Session) -> Session:
        self.lake.write(self._key, session.to_json())
        return session


def _way(before: Batch, after: Batch) -> list[Batch]:
    """The recorded steps from one state to the other: a batch taken over goes back to pending first."""
    if before.status is State.PROCESSING and after.status is State.PROCESSING:
        return [before.put_back("its run died"), after]
    return [after]

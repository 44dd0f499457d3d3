"""The record of one validation session in the lake: opened once, moved along batch by batch, healed batch by batch.

What belongs here: reading and writing the record, the day's own or that of a session beside it, and what is stored
only while that session stands. What does not: legal moves (domain/validation_session.py), checking (checking.py), who
works on a session (at_work.py). Batches are threads, and another process may replace a session while a batch of it is
under way, so every change is made alone with the record, and by the session's id.
"""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from stocks_pipeline.clock import Clock
from stocks_pipeline.domain.plans import Plan
from stocks_pipeline.domain.validation_session import Batch, Session, State
from stocks_pipeline.domain.validation_types import Profile
from stocks_pipeline.storage.lake import Conflict, KeyMissing, Lake
from stocks_pipeline.storage.validation_keys import SessionPlace
from stocks_pipeline.wording import counted

STOPPED = "the run was stopped"
"""Why a batch waits that somebody stopped; nobody goes on with it unasked."""

WRITES = 5
"""How often a change is made anew on S3 because another process wrote the record meanwhile."""

Found = TypeVar("Found")


class OtherSessionError(ValueError):
    """The day has a session about something else, which is not replaced unasked."""


class ReplacedError(ValueError):
    """Another session took the place of this one: nothing of it is written any more."""


@dataclass(frozen=True)
class SessionBook:
    """One session: the day's own, or one beside it."""

    lake: Lake
    place: SessionPlace
    clock: Clock
    only: str = ""
    """The id of the session that is meant; empty: whichever stands there."""

    def of(self, session: Session) -> "SessionBook":
        """The book of this very session; once another one has its place, whatever changes it raises ReplacedError."""
        return replace(self, only=session.session_id)

    def open(self, symbols: Sequence[str], plan: Plan, *, lookback_days: int, profile: Profile, anew: bool) -> Session:
        """The day's session: the stored one if it is about the same, else a new one.

        A day has one session of its own. One about fewer symbols gives way to one about more; any other only when
        `anew` says so. One that gives way is kept beside the day's, if it has results.

        Raises:
            OtherSessionError: the day's session is about other symbols, another lookback or another profile.
        """
        wanted = list(dict.fromkeys(symbols))

        def opened() -> Session:
            if not anew and (stored := self.standing(wanted, lookback_days=lookback_days, profile=profile)):
                return stored
            self._keep_beside()
            session = self._new(str(uuid.uuid4()), wanted, plan, lookback_days, profile)
            # Results of the session that this one replaces would be taken for its own by whoever reads the files.
            for key in list(self.lake.list(self.place.batches)):
                self.lake.delete(key)
            return session

        return self._alone(opened)

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

    def abandon(self, reason: str, began: datetime) -> bool:
        """Whoever worked on it since `began` is gone: what is not completed failed, for that reason.

        False: nothing was open, or the day's session is one that was opened since, which is none of theirs.
        """

        def abandoned() -> bool:
            session, now = self._standing(), self.clock.now()
            if session.completed_at is not None or (session.created_at > began and not self.place.adhoc):
                return False
            for batch in session.batches:
                if batch.status in {State.PENDING, State.PROCESSING}:
                    session = session.with_batch(batch.failed(reason, now), now)
            self._save(session)
            return True

        try:
            return self._alone(abandoned)
        except KeyMissing:
            return False

    def stored(self, store: Callable[[], Found]) -> Found:
        """What `store` made, if the session stands; nothing comes between.

        Raises:
            ReplacedError: another session has its place; nothing was stored.
            KeyMissing: it was deleted.
        """
        return self._alone(lambda: (self._standing(), store())[1])

    def _new(self, unique: str, symbols: Sequence[str], plan: Plan, lookback_days: int, profile: Profile) -> Session:
        now = self.clock.now()
        return self._save(Session.new(unique, symbols, plan, now, lookback_days=lookback_days, profile=profile))

    def _keep_beside(self) -> None:
        """Copy the session, if it has results, into the folder of its id, where it is one of those beside the day's.

        Its calls are moved, one by one: they count once in every audit.
        """
        try:
            replaced = self.get()
        except ValueError:
            return  # nobody can read it
        results = list(self.lake.list(self.place.batches))
        if replaced is None or not results:
            return
        beside = SessionPlace(self.place.market, self.place.day, replaced.session_id)
        for key in (*results, self.place.summary):
            if self.lake.exists(key):
                self.lake.write(beside.folder + key.removeprefix(self.place.folder), self.lake.read(key))
        for key in list(self.lake.list(self.place.calls)):
            self.lake.write(beside.calls + key.removeprefix(self.place.calls), self.lake.read(key))
            self.lake.delete(key)
        self.lake.write(beside.record, replaced.to_json())

    def _move(self, batch: int, step: Callable[[Batch], Batch]) -> Session:
        def moved() -> Session:
            session = self._standing()
            if session.batches[batch].status is State.COMPLETED:
                return session  # checked again for the symbols that could not be: what it achieved stands
            after = step(session.batches[batch])
            for state in _way(session.batches[batch], after):
                session = session.with_batch(state, self.clock.now())
            return self._save(session)

        return self._alone(moved)

    def _standing(self) -> Session:
        session = self.get()
        if session is None:
            raise KeyMissing(self.place.record, self.lake.uri(self.place.record))
        if self.only not in {"", session.session_id}:
            raise ReplacedError(
                f"{self.only} was replaced by {session.session_id}; what it had found is kept: stocks validation list"
            )
        return session

    def _alone(self, work: Callable[[], Found]) -> Found:
        """Alone with the record; on S3 once more where another process wrote it meanwhile."""
        for _ in range(WRITES - 1):
            try:
                with self.lake.exclusive(self.place.record):
                    return work()
            except Conflict:
                continue
        with self.lake.exclusive(self.place.record):
            return work()

    def _save(self, session: Session) -> Session:
        self.lake.write(self.place.record, session.to_json())
        return session


def _way(before: Batch, after: Batch) -> list[Batch]:
    """The recorded steps from one state to the other: a batch taken over goes back to pending first."""
    if before.status is State.PROCESSING and after.status is State.PROCESSING:
        return [before.put_back("its run died"), after]
    return [after]

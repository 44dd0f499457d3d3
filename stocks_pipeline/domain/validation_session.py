"""The record of one validation session: its batches, the states they pass through, and its JSON.

What belongs here: `Session`, `Batch` and their legal transitions. What does not: where records are stored and who works
on them. JSON has the seed's keys and no other.

A session's state follows from its batches: pending while none has begun, processing while any is open, then failed
where any failed, else completed. The original called a session completed though batches had failed, and left it
processing for ever where the last one did. A failed batch may be tried again, which heals the session.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from stocks_pipeline.domain.plans import Plan
from stocks_pipeline.domain.validation_types import Profile


class State(StrEnum):
    """The states of a batch, and of a session."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


LEGAL: dict[State, frozenset[State]] = {
    State.PENDING: frozenset({State.PROCESSING, State.FAILED}),
    State.PROCESSING: frozenset({State.COMPLETED, State.FAILED, State.PENDING}),
    State.FAILED: frozenset({State.PROCESSING}),
    State.COMPLETED: frozenset(),
}
"""What may follow what for a batch. Back to pending: its owner died, or the day's credits were spent."""


class IllegalTransitionError(ValueError):
    """A batch asked to go where its state does not lead."""


@dataclass(frozen=True)
class Batch:
    """One request's symbols and how far they are. Times are aware, UTC."""

    batch_number: int
    symbols: tuple[str, ...]
    status: State = State.PENDING
    started_at: datetime | None = None
    completed_at: datetime | None = None
    error_message: str | None = None

    def moved(self, status: State) -> "Batch":
        """In that state and otherwise unchanged.

        Raises:
            IllegalTransitionError: the state does not follow from this one.
        """
        if status not in LEGAL[self.status]:
            raise IllegalTransitionError(f"batch {self.batch_number}: {self.status} → {status} is not a step")
        return replace(self, status=status)

    def started(self, now: datetime) -> "Batch":
        """Processing; what an earlier try left is cleared."""
        return replace(self.moved(State.PROCESSING), started_at=now, completed_at=None, error_message=None)

    def completed(self, now: datetime) -> "Batch":
        """Completed: every symbol has its result, whatever that says."""
        return replace(self.moved(State.COMPLETED), completed_at=now)

    def failed(self, message: str, now: datetime) -> "Batch":
        """Failed, with the reason."""
        return replace(self.moved(State.FAILED), completed_at=now, error_message=message)

    def put_back(self, reason: str) -> "Batch":
        """Pending again, with the reason: nothing was wrong with it."""
        return replace(self.moved(State.PENDING), started_at=None, error_message=reason)


@dataclass(frozen=True)
class Session:
    """One validation of a set of symbols. `completed_at` is set while the session is completed or failed."""

    session_id: str
    correlation_id: str
    total_symbols: int
    total_batches: int
    batches: tuple[Batch, ...]
    lookback_days: int
    estimated_duration_minutes: int
    status: State
    created_at: datetime
    updated_at: datetime
    completed_at: datetime | None
    profile: Profile

    @classmethod
    def new(  # noqa: PLR0913 - what a session is made of, three of it with defaults
        cls,
        unique: str,
        symbols: Sequence[str],
        plan: Plan,
        now: datetime,
        *,
        lookback_days: int = 5,
        profile: Profile = Profile.STANDARD,
    ) -> "Session":
        """A pending session; `unique` is a UUID's text. Symbols are kept in order, each once; none is legal.

        Raises:
            ValueError: lookback_days below 1.
        """
        if lookback_days < 1:
            raise ValueError(f"lookback_days must be at least 1, not {lookback_days}")
        once = tuple(dict.fromkeys(symbols))
        parts = [once[at : at + plan.batch_size] for at in range(0, len(once), plan.batch_size)]
        return cls(
            session_id=f"session-{unique}",
            correlation_id=f"quality-coord-{unique}",
            total_symbols=len(once),
            total_batches=len(parts),
            batches=tuple(Batch(number, part) for number, part in enumerate(parts)),
            lookback_days=lookback_days,
            estimated_duration_minutes=plan.windows(len(once)),
            status=State.PENDING if parts else State.COMPLETED,
            created_at=now,
            updated_at=now,
            completed_at=None if parts else now,
            profile=profile,
        )

    def with_batch(self, batch: Batch, now: datetime) -> "Session":
        """The session after one of its batches moved on; the batch as it is recorded changes nothing but the time.

        Raises:
            IllegalTransitionError: the batch's state does not follow from the one recorded here.
            ValueError: no batch of that number, or other symbols.
        """
        if not 0 <= batch.batch_number < self.total_batches:
            raise ValueError(f"{self.session_id} has no batch {batch.batch_number}")
        before = self.batches[batch.batch_number]
        if before.symbols != batch.symbols:
            raise ValueError(f"{self.session_id}: batch {batch.batch_number} holds other symbols")
        if batch != before:
            before.moved(batch.status)
        batches = (*self.batches[: batch.batch_number], batch, *self.batches[batch.batch_number + 1 :])
        status = _state_of(batches)
        ended = status in {State.COMPLETED, State.FAILED}
        return replace(self, batches=batches, status=status, updated_at=now, completed_at=now if ended else None)

    def count(self) -> dict[str, int]:
        """How many batches are in each state, zeros included."""
        found = Counter(batch.status for batch in self.batches)
        return {state.value: found[state] for state in State}

    def trigger_response(self) -> dict[str, Any]:
        """What the seed's coordinator answers: five keys."""
        return {
            "status": "initiated",
            "session_id": self.session_id,
            "total_symbols": self.total_symbols,
            "total_batches": self.total_batches,
            "estimated_duration_minutes": self.estimated_duration_minutes,
        }

    def to_json(self) -> bytes:
        """The record as it is stored."""
        record = {name: _plain(getattr(self, name)) for name in _KEYS}
        record["batches"] = [{name: _plain(getattr(batch, name)) for name in _BATCH_KEYS} for batch in self.batches]
        return json.dumps(record, ensure_ascii=False, indent=1).encode()

    @classmethod
    def from_json(cls, body: bytes) -> "Session":
        """The session that `to_json` wrote.

        Raises:
            ValueError: no JSON, keys missing or unknown, values of the wrong kind, or totals that contradict batches.
        """
        try:
            record = _times(json.loads(body), ("created_at", "updated_at", "completed_at"))
            batches = tuple(_batch(batch) for batch in record["batches"])
            states = {"status": State(record["status"]), "profile": Profile(record["profile"])}
            session = cls(**{**record, **states, "batches": batches})
        except (TypeError, KeyError) as error:
            raise ValueError(f"not a session record: {error}") from error
        symbols = sum(len(batch.symbols) for batch in batches)
        numbers = [batch.batch_number for batch in batches]
        if session.total_symbols != symbols or numbers != list(range(session.total_batches)):
            raise ValueError(f"not a session record: {session.session_id} contradicts its batches")
        return session


def _state_of(batches: Sequence[Batch]) -> State:
    states = {batch.status for batch in batches}
    if states <= {State.PENDING}:
        return State.PENDING if states else State.COMPLETED
    if states & {State.PENDING, State.PROCESSING}:
        return State.PROCESSING
    return State.FAILED if State.FAILED in states else State.COMPLETED


_KEYS = tuple(Session.__dataclass_fields__)
_BATCH_KEYS = tuple(Batch.__dataclass_fields__)


def _batch(record: dict[str, Any]) -> Batch:
    record = _times(record, ("started_at", "completed_at"))
    return Batch(**{**record, "symbols": tuple(record["symbols"]), "status": State(record["status"])})


def _times(record: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {**record, **{n: datetime.fromisoformat(record[n]) for n in names if record[n] is not None}}


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return list(value) if isinstance(value, tuple) else value

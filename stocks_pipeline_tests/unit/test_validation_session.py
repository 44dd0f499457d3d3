"""A validation session: its split, its legal states, healing, and its JSON with the seed's keys."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocks_pipeline.domain.plans import plan_named
from stocks_pipeline.domain.validation import Profile
from stocks_pipeline.domain.validation_session import LEGAL, Batch, IllegalTransitionError, Session, State

NOW = datetime(2026, 1, 6, 4, 30, tzinfo=UTC)
FREE = plan_named("basic8")
ACTS = ("started", "completed", "failed", "put_back")


def _session(count: int) -> Session:
    return Session.new("abc", [f"S{number}" for number in range(count)], FREE, NOW)


def _act(batch: Batch, act: str, now: datetime) -> Batch:
    if act == "failed":
        return batch.failed("vendor down", now)
    if act == "put_back":
        return batch.put_back("the day's credits are spent")
    return batch.started(now) if act == "started" else batch.completed(now)


def _run(session: Session, number: int, *acts: str) -> Session:
    for act in acts:
        session = session.with_batch(_act(session.batches[number], act, NOW), NOW)
    return session


@pytest.mark.parametrize(("symbols", "batches"), [(0, 0), (1, 1), (7, 1), (8, 1), (9, 2), (16, 2), (188, 24)])
def test_symbols_split_into_batches(symbols: int, batches: int) -> None:
    """As many batches as windows of eight, in order, none lost."""
    session = _session(symbols)
    assert (session.total_symbols, session.total_batches, session.estimated_duration_minutes) == (
        symbols, batches, batches,
    )  # fmt: skip
    assert [symbol for batch in session.batches for symbol in batch.symbols] == [f"S{n}" for n in range(symbols)]
    assert all(1 <= len(batch.symbols) <= 8 for batch in session.batches)


def test_the_last_batch_of_188_has_four() -> None:
    """188 / 8 is 23 full batches and one of four."""
    assert len(_session(188).batches[-1].symbols) == 4


def test_a_symbol_given_twice_is_checked_once() -> None:
    """Credits are not spent twice on one symbol."""
    assert Session.new("abc", ["AAPL", "MSFT", "AAPL"], FREE, NOW).batches[0].symbols == ("AAPL", "MSFT")


def test_no_symbols_is_a_finished_session() -> None:
    """An empty list is legal and done at once."""
    session = _session(0)
    assert (session.status, session.completed_at, session.batches) == (State.COMPLETED, NOW, ())
    assert Session.from_json(session.to_json()) == session


def test_the_trigger_answers_five_keys() -> None:
    """What the seed's coordinator returns, and nothing else."""
    assert _session(188).trigger_response() == {
        "status": "initiated",
        "session_id": "session-abc",
        "total_symbols": 188,
        "total_batches": 24,
        "estimated_duration_minutes": 24,
    }


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("state", State)
def test_only_legal_steps_are_taken(state: State, act: str) -> None:
    """Each act leads where the table says, or is refused with both states in the message."""
    goal = {"started": "processing", "put_back": "pending"}.get(act, act)
    batch = Batch(0, ("A",), state)
    if State(goal) in LEGAL[state]:
        assert _act(batch, act, NOW).status == goal
    else:
        with pytest.raises(IllegalTransitionError, match=f"batch 0: {state} → {goal}"):
            _act(batch, act, NOW)


def test_a_failed_batch_fails_the_session_once_all_have_ended() -> None:
    """The others still run; only then is the session failed, with the time."""
    session = _run(_session(16), 0, "started", "failed")
    assert (session.status, session.completed_at) == (State.PROCESSING, None)
    session = _run(session, 1, "started", "completed")
    assert (session.status, session.completed_at) == (State.FAILED, NOW)
    assert session.batches[0].error_message == "vendor down"


def test_the_last_batch_failing_ends_the_session() -> None:
    """The original left it processing for ever."""
    session = _run(_run(_session(16), 0, "started", "completed"), 1, "started", "failed")
    assert session.status is State.FAILED


def test_healing_the_batch_heals_the_session() -> None:
    """A failed batch tried again with success completes the session, without an old error."""
    session = _run(_session(8), 0, "started", "failed", "started")
    assert (session.status, session.completed_at, session.batches[0].error_message) == (State.PROCESSING, None, None)
    assert _run(session, 0, "completed").status is State.COMPLETED


def test_a_dead_owner_or_a_spent_day_puts_a_batch_back() -> None:
    """The batch waits again with its reason and the session stays open beside others that are done."""
    session = _run(_run(_session(16), 0, "started", "completed"), 1, "started", "put_back")
    assert (session.status, session.batches[1].status) == (State.PROCESSING, State.PENDING)
    assert session.batches[1].error_message == "the day's credits are spent"


def test_a_completed_batch_is_history() -> None:
    """A late writer cannot rewrite a completed batch, nor write other symbols or a number there is not."""
    session = _run(_session(8), 0, "started", "completed")
    with pytest.raises(IllegalTransitionError):
        session.with_batch(Batch(0, session.batches[0].symbols, State.COMPLETED, NOW, NOW + timedelta(1)), NOW)
    with pytest.raises(ValueError, match="other symbols"):
        session.with_batch(Batch(0, ("X",), State.PROCESSING), NOW)
    with pytest.raises(ValueError, match="no batch 1"):
        session.with_batch(Batch(1, ("X",)), NOW)


@given(
    st.integers(1, 30),
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from(ACTS), st.integers(0, 9999)), max_size=40),
)
def test_whatever_happens_the_state_follows_from_the_batches(symbols: int, acts: list[tuple[int, str, int]]) -> None:
    """Under any acts in any order: symbols stay, the state is the batches', an end has a time, JSON round-trips."""
    session = _session(symbols)
    for number, act, seconds in acts:
        number %= session.total_batches  # noqa: PLW2901 - any batch there is
        now = NOW + timedelta(seconds=seconds)
        try:
            session = session.with_batch(_act(session.batches[number], act, now), now)
        except IllegalTransitionError:
            continue
        assert session.updated_at == now
    states = [batch.status for batch in session.batches]
    ended = all(state in {State.COMPLETED, State.FAILED} for state in states)
    assert sum(len(batch.symbols) for batch in session.batches) == symbols
    assert (session.status in {State.COMPLETED, State.FAILED}) == ended == (session.completed_at is not None)
    assert (session.status is State.FAILED) == (ended and State.FAILED in states)
    assert (session.status is State.PENDING) == (set(states) == {State.PENDING})
    assert sum(session.count().values()) == session.total_batches
    assert Session.from_json(session.to_json()) == session


def test_json_has_exactly_the_seeds_keys() -> None:
    """Other readers of the record find the seed's names and no more."""
    record = json.loads(_run(_session(9), 0, "started").to_json())
    assert list(record) == [
        "session_id", "correlation_id", "total_symbols", "total_batches", "batches", "lookback_days",
        "estimated_duration_minutes", "status", "created_at", "updated_at", "completed_at", "profile",
    ]  # fmt: skip
    assert list(record["batches"][0]) == [
        "batch_number", "symbols", "status", "started_at", "completed_at", "error_message",
    ]  # fmt: skip
    assert (record["session_id"], record["correlation_id"]) == ("session-abc", "quality-coord-abc")
    assert (record["lookback_days"], record["profile"]) == (5, "standard")
    assert record["batches"][0]["started_at"] == "2026-01-06T04:30:00+00:00"


@pytest.mark.parametrize(
    "change",
    [{"extra": 1}, {"total_symbols": 99}, {"status": "sleeping"}, {"batches": [{}]}, {"created_at": "yesterday"}],
)
def test_a_record_that_is_none_is_refused(change: dict[str, object]) -> None:
    """Unknown keys, wrong totals, states and times are named, not guessed at."""
    record = json.loads(_session(9).to_json()) | change
    with pytest.raises(ValueError, match=r".+"):
        Session.from_json(json.dumps(record).encode())


def test_what_is_asked_for_is_recorded() -> None:
    """Lookback and profile of an ad-hoc session are its own; a lookback of nothing is refused."""
    session = Session.new("x", ["AAPL"], FREE, NOW, lookback_days=10, profile=Profile.STRICT)
    assert (session.lookback_days, session.profile) == (10, Profile.STRICT)
    with pytest.raises(ValueError, match="lookback_days"):
        Session.new("x", ["AAPL"], FREE, NOW, lookback_days=0)

"""The outbox: put once, delivered once to each sink, patient with the dead, and nothing is lost on the way."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stocks_pipeline.defs.operations.delivery import BASE_S, CAP_S, deliver
from stocks_pipeline.domain.alert_facts import FailedRun
from stocks_pipeline.domain.alerts import Alert, of_run
from stocks_pipeline.storage.outbox import SCHEMA, Outbox
from stocks_pipeline.upstream.control_file import ControlFile, StoreError
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError
from stocks_pipeline_tests.fakes import FakeClock


def alert(number: int) -> Alert:
    """The alert of one failed run."""
    return of_run(
        FailedRun(f"r-{number}", "asx_prices", "", "boom", "stocks status", datetime(2025, 12, 5, tzinfo=UTC))
    )


class FakeSink:
    """Takes alerts, or fails in the way it is told; `slow_s` passes on the clock with every call."""

    def __init__(self, name: str, clock: FakeClock, slow_s: float = 0.0) -> None:
        self.name = name
        self.took: list[str] = []
        self.calls = 0
        self.fault: FailureKind | None = None
        self.refuses: set[str] = set()
        self.retry_after_s: float | None = None
        self._clock, self._slow_s = clock, slow_s

    def send(self, alert: Alert) -> None:
        self.calls += 1
        self._clock.advance(self._slow_s)
        if self.fault or alert.key in self.refuses:
            kind = self.fault or FailureKind.PERMANENT
            raise UpstreamError(kind, self.name, alert.key, "down", retry_after_s=self.retry_after_s)
        self.took.append(alert.key)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def outbox(tmp_path: Path, clock: FakeClock) -> Iterator[Outbox]:
    made = open_box(tmp_path, clock)
    yield made
    made.close()


def open_box(folder: Path, clock: FakeClock) -> Outbox:
    """The outbox on a file in the folder."""
    return Outbox(ControlFile(folder / "control.db", SCHEMA, clock=clock))


def test_an_alert_is_put_once_and_delivered_once_to_each_sink(outbox: Outbox, clock: FakeClock) -> None:
    """E38: told twice it is one; each sink takes it once; then nothing is due."""
    sinks = [FakeSink("log", clock), FakeSink("webhook", clock)]
    assert outbox.put([alert(1), alert(2)], ["log", "webhook"], clock.time()) == 2
    assert outbox.put([alert(2), alert(1)], ["log", "webhook"], clock.time()) == 0
    assert deliver(outbox, sinks, clock) == {"log": 2, "webhook": 2}
    assert deliver(outbox, sinks, clock) == {"log": 0, "webhook": 0}
    assert sinks[0].took == sinks[1].took == ["run:r-1", "run:r-2"]
    assert outbox.waiting() == {}


def test_a_group_is_told_even_when_its_first_fact_was_told_alone(outbox: Outbox, clock: FakeClock) -> None:
    """E38: facts are what is told once: a group with one new fact goes out, one without does not."""
    assert outbox.put([alert(1)], ["log"], clock.time()) == 1
    both = replace(alert(9), covers=("run:r-1", "run:r-9"))
    assert outbox.untold(both.covers) == {"run:r-9"}
    assert outbox.put([both], ["log"], clock.time()) == 1
    assert outbox.put([replace(both, key="other")], ["log"], clock.time()) == 0
    more = replace(both, covers=("run:r-9", "run:r-10"))
    assert outbox.put([more], ["log"], clock.time()) == 1, "two processes looked at once and one saw more"
    assert outbox.untold([f"x{n}" for n in range(1_200)]) == {f"x{n}" for n in range(1_200)}


def test_a_dead_sink_hinders_nobody_and_gets_all_when_it_is_back(outbox: Outbox, clock: FakeClock) -> None:
    """E38: one try a tick while it is down, ever rarer; back, it takes everything in order, once."""
    log, hook = FakeSink("log", clock), FakeSink("webhook", clock)
    hook.fault = FailureKind.TRANSIENT
    outbox.put([alert(n) for n in range(5)], ["log", "webhook"], clock.time())
    assert deliver(outbox, [hook, log], clock) == {"webhook": 0, "log": 5}
    assert hook.calls == 1
    deliver(outbox, [hook, log], clock)
    assert hook.calls == 1, "left alone"
    clock.advance(BASE_S)
    deliver(outbox, [hook, log], clock)
    clock.advance(BASE_S)
    deliver(outbox, [hook, log], clock)
    assert hook.calls == 2, "twice as long"
    assert "down" in outbox.errors()["webhook"]
    hook.fault = None
    clock.advance(CAP_S)
    assert deliver(outbox, [hook, log], clock)["webhook"] == 5
    assert hook.took == [f"run:r-{n}" for n in range(5)]
    assert len(log.took) == 5
    assert outbox.errors() == {}


def test_an_alert_that_a_sink_refuses_does_not_block_the_next(outbox: Outbox, clock: FakeClock) -> None:
    """F08: one poisoned message waits with its reason; the others pass."""
    hook = FakeSink("webhook", clock)
    hook.refuses = {"run:r-0"}
    outbox.put([alert(n) for n in range(3)], ["webhook"], clock.time())
    assert deliver(outbox, [hook], clock) == {"webhook": 2}
    assert outbox.waiting() == {"webhook": 1}


def test_the_sinks_own_wish_to_wait_is_heard(outbox: Outbox, clock: FakeClock) -> None:
    """F05: Retry-After longer than our own pause counts."""
    hook = FakeSink("webhook", clock)
    hook.fault, hook.retry_after_s = FailureKind.RATE, 600.0
    outbox.put([alert(1)], ["webhook"], clock.time())
    deliver(outbox, [hook], clock)
    clock.advance(599)
    deliver(outbox, [hook], clock)
    assert hook.calls == 1
    clock.advance(1)
    deliver(outbox, [hook], clock)
    assert hook.calls == 2


def test_a_slow_sink_leaves_time_for_the_others(outbox: Outbox, clock: FakeClock) -> None:
    """F10: a tick ends in time however slow a sink is, and the last sink has its turn in it."""
    slow, log = FakeSink("webhook", clock, slow_s=5.0), FakeSink("log", clock)
    outbox.put([alert(n) for n in range(50)], ["webhook", "log"], clock.time())
    began = clock.monotonic()
    taken = deliver(outbox, [slow, log], clock, budget_s=30)
    assert clock.monotonic() - began < 30
    assert taken == {"webhook": 3, "log": 50}


def test_two_deliverers_do_not_send_the_same_alert(tmp_path: Path, outbox: Outbox, clock: FakeClock) -> None:
    """F02: while one process sends an alert, another takes the next one; a claim of the dead comes back."""
    other = open_box(tmp_path, clock)
    outbox.put([alert(1), alert(2)], ["log"], clock.time())
    first, second = outbox.claim("log", clock.time(), 60), other.claim("log", clock.time(), 60)
    assert first is not None
    assert second is not None
    assert (first.alert.key, second.alert.key) == ("run:r-1", "run:r-2")
    assert other.claim("log", clock.time(), 60) is None
    outbox.delivered(first, "log", clock.time())
    clock.advance(60)
    again = other.claim("log", clock.time(), 60)
    assert again is not None
    assert (again.alert.key, again.attempts) == ("run:r-2", 1)
    other.close()


def test_what_waits_is_never_pruned(outbox: Outbox, clock: FakeClock) -> None:
    """E38: forgetting is for what every sink took; a dry run forgets nothing."""
    log = FakeSink("log", clock)
    outbox.put([alert(1)], ["log"], clock.time())
    outbox.put([alert(2)], ["log", "webhook"], clock.time())
    deliver(outbox, [log], clock)
    clock.advance(100)
    assert outbox.prune(clock.time(), dry_run=True) == 1
    assert outbox.prune(clock.time()) == 1
    assert outbox.prune(clock.time()) == 0
    assert outbox.waiting() == {"webhook": 1}


def test_a_broken_control_file_is_said(tmp_path: Path, clock: FakeClock) -> None:
    """E38: without its file the outbox says which setting to look at, instead of losing alerts in silence."""
    (tmp_path / "control.db").mkdir()
    with pytest.raises(StoreError, match="STOCKS_CONTROL_DB"):
        open_box(tmp_path, clock)


def test_what_waits_can_be_made_due_but_never_what_is_under_way(outbox: Outbox, clock: FakeClock) -> None:
    """E38: a person may hurry a sink's next try; what another process holds at that moment is not handed over twice."""
    webhook = FakeSink("webhook", clock)
    outbox.put([alert(1), alert(2)], ["webhook"], clock.time())
    webhook.fault = FailureKind.TRANSIENT
    deliver(outbox, [webhook], clock)
    assert outbox.claim("webhook", clock.time(), 60) is None
    assert outbox.hasten(["webhook", "log"], clock.time()) == 2
    held = outbox.claim("webhook", clock.time(), 60)
    assert held is not None
    assert outbox.hasten(["webhook"], clock.time()) == 0
    webhook.fault = None
    assert deliver(outbox, [webhook], clock) == {"webhook": 1}
    assert outbox.waiting() == {"webhook": 1}
    clock.advance(61)
    assert deliver(outbox, [webhook], clock) == {"webhook": 1}, "the one who held it died"


def test_deliveries_are_listed_newest_first(outbox: Outbox, clock: FakeClock) -> None:
    """E38: by sink, by state and at most so many, with tries and what the sink said."""
    log, webhook = FakeSink("log", clock), FakeSink("webhook", clock)
    webhook.fault = FailureKind.PERMANENT
    outbox.put([alert(1), alert(2)], ["log", "webhook"], clock.time())
    deliver(outbox, [log, webhook], clock)
    rows = outbox.deliveries()
    assert [(row.alert, row.sink) for row in rows] == [(alert(n), s) for n in (2, 1) for s in ("log", "webhook")]
    assert [(row.attempts, row.delivered_at) for row in rows[:2]] == [(1, clock.time()), (1, None)]
    assert (rows[0].error, "down" in rows[1].error, rows[1].next_at > clock.time()) == ("", True, True)
    assert [row.sink for row in outbox.deliveries(delivered=False)] == ["webhook", "webhook"]
    assert [row.sink for row in outbox.deliveries(delivered=True, most=1)] == ["log"]
    assert outbox.deliveries("sns") == []


@settings(max_examples=40, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["put", "deliver", "break", "mend", "restart"]), st.integers(0, 7)), max_size=40
    )
)
def test_nothing_is_lost_or_told_twice(tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]) -> None:
    """E38: whatever order of puts, deliveries, outages and restarts, in the end each sink took each alert once."""
    folder, clock = tmp_path_factory.mktemp("box"), FakeClock()
    box = open_box(folder, clock)
    sinks = [FakeSink("a", clock), FakeSink("b", clock)]
    put = set()
    for what, number in steps:
        clock.advance(number * 10.0)
        if what == "put":
            box.put([alert(number)], ["a", "b"], clock.time())
            put.add(f"run:r-{number}")
        elif what == "deliver":
            deliver(box, sinks, clock)
        elif what == "restart":
            box.close()
            box = open_box(folder, clock)
        else:
            kinds = [FailureKind.TRANSIENT, FailureKind.PERMANENT, FailureKind.RATE, FailureKind.AUTH]
            sinks[number % 2].fault = kinds[number % 4] if what == "break" else None
    for sink in sinks:
        sink.fault = None
    clock.advance(CAP_S)
    deliver(box, sinks, clock)
    box.close()
    for sink in sinks:
        assert sorted(sink.took) == sorted(put)

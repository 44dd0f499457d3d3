"""The model's budget: never over the cap, whoever asks, whenever they die."""

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stocks_pipeline.upstream.budget import Budget
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError
from stocks_pipeline.upstream.limits import Cancelled
from stocks_pipeline.upstream.model_prices import PRICES, Price, price_of, worst_case
from stocks_pipeline_tests.fakes import FakeClock

DAY = date(2026, 11, 20)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(datetime(2026, 11, 20, 6, tzinfo=UTC).timestamp())


@pytest.fixture
def budget(tmp_path: Path, clock: FakeClock) -> Iterator[Budget]:
    made = Budget(str(tmp_path / "control.db"), Decimal("1.00"), clock=clock)
    yield made
    made.close()


def refusal(budget: Budget, amount: str, call_id: str, **options: float) -> FailureKind | None:
    """Why the budget did not give it; None: it did."""
    try:
        budget.reserve(Decimal(amount), day=DAY, call_id=call_id, **options)  # type: ignore[arg-type]  # floats only
    except UpstreamError as error:
        return error.kind
    return None


def reserve(budget: Budget, amount: str, call_id: str, **options: float) -> bool:
    """Whether the budget gave it."""
    return refusal(budget, amount, call_id, **options) is None


def test_a_call_is_held_at_its_worst_and_settled_at_its_cost(budget: Budget) -> None:
    """Reserved, then spent, to the last of twelve digits; a released one leaves nothing."""
    budget.reserve(Decimal("0.40"), day=DAY, call_id="a")
    budget.reserve(Decimal("0.30"), day=DAY, call_id="b")
    assert (budget.spent(DAY), budget.reserved(DAY)) == (0, Decimal("0.7"))
    budget.settle("a", Decimal("0.00000735"))
    budget.release("b")
    assert (budget.spent(DAY), budget.reserved(DAY)) == (Decimal("0.00000735"), 0)


def test_over_the_cap_is_refused_with_the_setting_and_the_reset(budget: Budget) -> None:
    """The cap itself may be reached; one unit more is QUOTA_DAY until midnight UTC."""
    assert reserve(budget, "1.00", "a")
    budget.settle("a", Decimal("1.00"))
    with pytest.raises(UpstreamError, match="STOCKS_LLM_BUDGET_USD") as caught:
        budget.reserve(Decimal("0.000000000001"), day=DAY, call_id="b", wait_s=30)
    assert caught.value.kind is FailureKind.QUOTA_DAY
    assert caught.value.retry_after_s == timedelta(hours=18).total_seconds()


def test_a_call_dearer_than_the_cap_is_refused_at_once(budget: Budget, clock: FakeClock) -> None:
    """Whatever others hold or give back, there will never be money for it today."""
    began = clock.monotonic()
    assert reserve(budget, "0.60", "a")
    assert refusal(budget, "1.01", "b", wait_s=30) is FailureKind.QUOTA_DAY
    assert clock.monotonic() == began


def test_money_that_others_only_hold_is_not_gone(budget: Budget, clock: FakeClock) -> None:
    """Slow calls in flight hold all of it for longer than the wait: TRANSIENT, which says so and who may be asked
    again; the day is not over, and what they give back is there for the next try.
    """
    assert reserve(budget, "1.00", "slow", lease_s=1000)
    began = clock.monotonic()
    with pytest.raises(UpstreamError, match="held by calls in flight") as caught:
        budget.reserve(Decimal("0.30"), day=DAY, call_id="b", wait_s=240)
    assert caught.value.kind is FailureKind.TRANSIENT
    assert "240 s" in caught.value.message
    assert "nothing was sent" in caught.value.message
    assert caught.value.retry_after_s is None
    assert 240 <= clock.monotonic() - began < 241
    budget.settle("slow", Decimal("0.70"))
    assert reserve(budget, "0.30", "b")
    budget.settle("b", Decimal("0.30"))
    assert refusal(budget, "0.01", "c", wait_s=240) is FailureKind.QUOTA_DAY


def test_what_is_spent_while_waiting_ends_the_wait(budget: Budget, clock: FakeClock, tmp_path: Path) -> None:
    """As soon as the money is known to be gone there is nothing to wait for."""
    other = Budget(str(tmp_path / "control.db"), Decimal("1.00"), clock=clock)
    assert reserve(other, "0.90", "slow", lease_s=1000)
    slept, sleep = [], clock.sleep

    def settle_meanwhile(seconds: float) -> None:
        slept.append(seconds)
        sleep(seconds)
        if len(slept) == 8:
            other.settle("slow", Decimal("0.90"))

    clock.sleep = settle_meanwhile  # type: ignore[method-assign]  # the other process, while this one waits
    assert refusal(budget, "0.30", "b", wait_s=240) is FailureKind.QUOTA_DAY
    assert len(slept) == 8
    other.close()


def test_each_day_has_its_own_budget(budget: Budget) -> None:
    """What was spent yesterday does not count today."""
    budget.reserve(Decimal(1), day=DAY, call_id="a")
    budget.settle("a", Decimal(1))
    budget.reserve(Decimal(1), day=DAY + timedelta(days=1), call_id="b")
    assert budget.spent(DAY) == 1


def test_a_dead_process_frees_what_it_held(budget: Budget, tmp_path: Path, clock: FakeClock) -> None:
    """When its lease ends, not before; its answer, once found, is settled all the same."""
    other = Budget(str(tmp_path / "control.db"), Decimal("1.00"), clock=clock)
    other.reserve(Decimal("0.80"), day=DAY, call_id="dead", lease_s=60)
    other.close()
    clock.advance(59.9)
    assert reserve(budget, "0.50", "a") is False
    clock.advance(0.2)
    assert reserve(budget, "0.50", "a")
    budget.settle("dead", Decimal("0.1"), day=DAY)
    assert (budget.spent(DAY), budget.reserved(DAY)) == (Decimal("0.1"), Decimal("0.5"))


def test_settling_twice_counts_once(budget: Budget) -> None:
    """The process that finds a kept answer may settle what was settled before it."""
    budget.reserve(Decimal("0.5"), day=DAY, call_id="a")
    for _ in range(3):
        budget.settle("a", Decimal("0.2"), day=DAY)
    assert budget.spent(DAY) == Decimal("0.2")
    with pytest.raises(ValueError, match="id of its own"):
        budget.reserve(Decimal("0.1"), day=DAY, call_id="a")


def test_what_was_never_reserved_needs_a_day(budget: Budget) -> None:
    """No guessing whose budget it was."""
    with pytest.raises(ValueError, match="which day"):
        budget.settle("unknown", Decimal("0.2"))
    for amount in ("-0.1",):
        with pytest.raises(ValueError, match="cannot cost"):
            budget.settle("a", Decimal(amount), day=DAY)
        with pytest.raises(ValueError, match="cannot cost"):
            budget.reserve(Decimal(amount), day=DAY, call_id="a")


def test_a_cap_must_be_a_sum(tmp_path: Path, clock: FakeClock) -> None:
    """Zero means nothing may be spent."""
    for wrong in ("-1", "NaN", "Infinity"):
        with pytest.raises(ValueError, match="STOCKS_LLM_BUDGET_USD"):
            Budget(str(tmp_path / "x.db"), Decimal(wrong), clock=clock)
    nothing = Budget(str(tmp_path / "x.db"), Decimal(0), clock=clock)
    assert reserve(nothing, "0.01", "a") is False
    nothing.close()


def test_who_can_be_served_later_waits(budget: Budget, clock: FakeClock) -> None:
    """Only calls in flight stand in the way: wait for them, here for a lease to end; not where the money is gone."""
    budget.reserve(Decimal("0.9"), day=DAY, call_id="a", lease_s=5)
    began = clock.monotonic()
    assert reserve(budget, "0.5", "b", wait_s=30)
    assert 5 <= clock.monotonic() - began < 6
    budget.settle("b", Decimal("0.8"))
    began = clock.monotonic()
    assert refusal(budget, "0.5", "c", wait_s=30) is FailureKind.QUOTA_DAY
    assert clock.monotonic() == began


def test_waiting_can_be_ended(budget: Budget) -> None:
    """A stopped run does not wait for money."""
    stop = threading.Event()
    stop.set()
    budget.reserve(Decimal("0.9"), day=DAY, call_id="a")
    with pytest.raises(Cancelled):
        budget.reserve(Decimal("0.5"), day=DAY, call_id="b", wait_s=30, stop=stop)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["reserve", "settle", "release", "die", "wait"]),
        st.integers(0, 2),
        st.integers(0, 60),
        st.integers(0, 60),
    ),
    max_size=60,
)


@settings(max_examples=60, deadline=None)
@given(steps=STEPS)
def test_no_sequence_of_actors_gets_over_the_cap(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int, int]]
) -> None:
    """Three processes reserve, settle at most what they hold, release, die and wait: the sums are exact and within."""
    clock = FakeClock(datetime(2026, 11, 20, 6, tzinfo=UTC).timestamp())
    path = tmp_path_factory.mktemp("budget") / "control.db"
    actors = [Budget(str(path), Decimal("1.00"), clock=clock) for _ in range(3)]
    leases: dict[str, tuple[int, int, float]] = {}  # by call: whose, cents, until
    spent = 0
    for at, (step, who, amount, share) in enumerate(steps):
        own = [call_id for call_id, (owner, _, _) in leases.items() if owner == who]
        if step == "reserve":
            refused = refusal(actors[who], f"{amount / 100:.2f}", f"c{at}", lease_s=100)
            held = sum(cents for _, cents, _ in leases.values())
            gone = FailureKind.QUOTA_DAY if spent + amount > 100 else FailureKind.TRANSIENT
            assert refused is (gone if spent + held + amount > 100 else None)
            if refused is None:
                leases[f"c{at}"] = (who, amount, clock.time() + 100)
        elif step == "settle" and own:
            cost = min(leases.pop(own[0])[1], share)
            actors[who].settle(own[0], Decimal(cost) / 100)
            spent += cost
        elif step == "release" and own:
            actors[who].release(own[0])
            del leases[own[0]]
        elif step == "die":  # nobody settles these any more; they count until their lease ends
            leases |= {call_id: (-1, *leases[call_id][1:]) for call_id in own}
        elif step == "wait":
            clock.advance(amount)
        leases = {call_id: lease for call_id, lease in leases.items() if lease[2] > clock.time()}
        assert actors[0].spent(DAY) * 100 == spent
        assert actors[1].reserved(DAY) * 100 == sum(cents for _, cents, _ in leases.values())
        assert actors[2].spent(DAY) + actors[2].reserved(DAY) <= 1
    for actor in actors:
        actor.close()


def test_many_threads_share_one_cap(tmp_path: Path, clock: FakeClock) -> None:
    """Forty threads of two handles ask for 0.03 each: exactly thirty-three get it."""
    budgets = [Budget(str(tmp_path / "control.db"), Decimal("1.00"), clock=clock) for _ in range(2)]
    got = []

    def ask(number: int) -> None:
        if reserve(budgets[number % 2], "0.03", f"c{number}"):
            got.append(number)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 33
    assert budgets[0].reserved(DAY) == Decimal("0.99")
    for budget in budgets:
        budget.close()


def test_prices_are_exact_and_the_unknown_is_dear() -> None:
    """A known model by either name; for an unknown one the dearest price, so that no cap is overrun."""
    assert PRICES["openai/gpt-4o-mini"].cost(9, 10) == Decimal("0.00000735")
    assert price_of("gpt-4o-mini") == PRICES["openai/gpt-4o-mini"]
    assert price_of("acme/new") == PRICES["openai/gpt-4o"]
    assert worst_case(Price(Decimal(3), Decimal(10)), "é" * 3, 100) == Decimal("0.001006")

"""The vendor's plans: what each allows and how symbols divide under it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocks_pipeline.domain.plans import LARGEST_REQUEST, PLANS, Plan, UnknownPlanError, plan_named


@pytest.mark.parametrize("plan", PLANS.values(), ids=lambda plan: plan.name)
def test_a_batch_fits_the_minute_and_the_request(plan: Plan) -> None:
    """No plan's batch is one that the vendor would refuse whole."""
    assert 1 <= plan.batch_size <= min(plan.credits_per_minute, LARGEST_REQUEST)
    assert plan.name.endswith(str(plan.credits_per_minute))
    assert plan_named(f" {plan.name.upper()} ") is plan


def test_the_free_plan_is_the_seeds() -> None:
    """8 a minute, 800 a day, batches of 8: 188 symbols take 24 windows and at least 23 minutes."""
    free = plan_named("basic8")
    assert (free.credits_per_minute, free.credits_per_day, free.batch_size) == (8, 800, 8)
    assert (free.windows(188), free.floor_s(188)) == (24, 1380.0)
    assert (free.windows(0), free.floor_s(0), free.floor_s(8), free.floor_s(9)) == (0, 0.0, 0.0, 60.0)


def test_larger_plans_are_faster() -> None:
    """55, 144 and 377 a minute need 4, 2 and 1 windows for 188 symbols."""
    assert [plan_named(name).windows(188) for name in ("grow55", "grow144", "grow377", "pro610")] == [4, 2, 1, 1]


def test_an_unknown_plan_lists_the_known() -> None:
    """A typing error in the setting is answered with the names there are."""
    with pytest.raises(UnknownPlanError, match="unknown plan 'basic9'; known are basic8, grow55"):
        plan_named("basic9")


@pytest.mark.parametrize(
    ("numbers", "per_minute", "per_day", "batch_size"),
    [
        ("30/2000", 30, 2000, 30),
        (" 30 / 2000 / 10 ", 30, 2000, 10),
        ("30/None", 30, None, 30),
        ("610/none", 610, None, LARGEST_REQUEST),
        ("8/5", 8, 5, 5),
    ],
)
def test_a_plan_may_be_given_in_numbers(numbers: str, per_minute: int, per_day: int | None, batch_size: int) -> None:
    """D41: credits a minute and a day, and the symbols of a request: without them as many as minute, day and vendor
    allow.
    """
    plan = plan_named(numbers)
    assert (plan.credits_per_minute, plan.credits_per_day, plan.batch_size) == (per_minute, per_day, batch_size)
    assert plan_named(plan.name) == plan


@pytest.mark.parametrize(
    ("numbers", "says"),
    [
        ("x/2000", "credits_per_minute is 'x'; it must be a whole number"),
        ("0/2000", "credits_per_minute is '0'"),
        ("none/2000", "credits_per_minute is 'none'"),
        ("30/", "credits_per_day is ''; it must be a whole number from 1 to 1000000, or none"),
        ("30/-1", "credits_per_day is '-1'"),
        ("30/2000/1.5", "batch_size is '1.5'"),
        ("30/2000/31", "batch_size is 31; one request of that plan may hold 1 to 30 symbols"),
        ("30/20/21", "batch_size is 21; one request of that plan may hold 1 to 20 symbols"),
        ("610/none/121", "batch_size is 121; one request of that plan may hold 1 to 120 symbols"),
        (f"30/{'9' * 5000}", "credits_per_day is "),
        ("30/2000/10/1", "CREDITS_PER_MINUTE/CREDITS_PER_DAY"),
    ],
    ids=lambda text: text[:30],
)
def test_numbers_that_are_no_plan_name_the_field(numbers: str, says: str) -> None:
    """D41: what is wrong is told by its field, and what would do."""
    with pytest.raises(UnknownPlanError) as caught:
        plan_named(numbers)
    assert says in str(caught.value)


@pytest.mark.parametrize("fields", [(8, 800, 9), (8, 800, 0), (8, 5, 6), (610, None, 121), (0, None, 1), (8, 0, 8)])
def test_a_plan_that_cannot_work_is_refused(fields: tuple[int, int | None, int]) -> None:
    """A batch larger than the minute, the day or the vendor's request, or no credits, never becomes a plan."""
    with pytest.raises(ValueError, match="plan own"):
        Plan("own", *fields)


@given(st.sampled_from(list(PLANS.values())), st.integers(0, 5000))
def test_windows_are_just_enough(plan: Plan, symbols: int) -> None:
    """The windows hold all symbols, and one fewer would not."""
    windows = plan.windows(symbols)
    assert windows * plan.credits_per_minute >= symbols > (windows - 1) * plan.credits_per_minute

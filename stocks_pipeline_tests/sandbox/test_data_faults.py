"""Answers that arrive and are wrong: the right check fails, on the right partition, with the symbol in its evidence."""

from datetime import date
from typing import Any

import pytest

from stocks_pipeline_tests.fault_desk import BEFORE, DAY, FaultDesk

pytestmark = pytest.mark.usefixtures("impatient")
EARLIER = date(2025, 12, 3)


@pytest.mark.parametrize(
    ("fault", "check", "says"),
    [
        ({"name": "x100"}, "scale_continuous", "×100 unit error"),
        ({"name": "unknown"}, "symbols_fetched", "permanent"),
        ({"name": "delisted"}, "symbols_fetched", "permanent"),
    ],
    ids=["x100", "unknown", "delisted"],
)
def test_one_wrong_symbol_is_found_where_it_is(desk: FaultDesk, fault: dict[str, Any], check: str, says: str) -> None:
    """F05, E41: one symbol of batch 1 is wrong: that batch's check, and no other's, names it."""
    bad = desk.split().batches[1].symbols[7]
    desk.world.fault(**fault, symbols=[f"{bad}.AX"])

    done = desk.run()

    found = desk.checks(done.stage("prices"), f"{DAY}|1")
    assert {name for name, outcome in found.items() if not outcome.passed} == {check}
    assert bad in found[check].metadata["examples"].value
    assert says in found[check].metadata["examples"].value
    for other in ("0", "2"):
        assert all(outcome.passed for outcome in desk.checks(done.stage("prices"), f"{DAY}|{other}").values())


@pytest.mark.parametrize(
    ("fault", "evidence"),
    [
        ({"name": "stale", "days": 3}, "lacking_newest"),
        ({"name": "delisted", "days": 3}, "lacking_newest"),
        ({"name": "nan_last_row"}, "lacking_newest"),
        ({"name": "empty"}, "lacking_newest"),
    ],
    ids=lambda value: value["name"] if isinstance(value, dict) else value,
)
def test_missing_bars_of_a_batch_fail_its_check(desk: FaultDesk, fault: dict[str, Any], evidence: str) -> None:
    """F17, E41: a quarter of batch 1 lacks bars: its check of sessions fails with the symbols; others pass."""
    bad = desk.split().batches[1].symbols[::4]
    desk.world.fault(**fault, symbols=[f"{symbol}.AX" for symbol in bad])

    done = desk.run()

    found = desk.checks(done.stage("prices"), f"{DAY}|1")
    assert not found["sessions_present"].passed
    assert found["sessions_present"].metadata[evidence].value >= len(bad)
    assert bad[0] in found["sessions_present"].metadata["examples"].value
    assert desk.checks(done.stage("prices"), f"{DAY}|0")["sessions_present"].passed


def test_a_session_that_a_whole_batch_lacks_fails_its_check(desk: FaultDesk) -> None:
    """F17, E41: no symbol of batch 1 has Wednesday: the check says so; of one symbol it is evidence."""
    plan = desk.split()
    desk.world.fault("missing_day", days_ago=2, symbols=[f"{s}.AX" for s in plan.batches[1].symbols])
    lonely = plan.batches[0].symbols[7]
    desk.world.fault("missing_day", days_ago=2, symbols=[f"{lonely}.AX"])

    done = desk.run()

    check = desk.checks(done.stage("prices"), f"{DAY}|1")["sessions_present"]
    assert (check.passed, check.severity.value) == (False, "ERROR")
    assert "2025-12-03" in check.description
    other = desk.checks(done.stage("prices"), f"{DAY}|0")["sessions_present"]
    assert other.passed
    assert lonely in other.metadata["examples"].value


@pytest.mark.parametrize("adjusted", [True, False], ids=["adjusted", "older bars as they were"])
def test_an_announced_split_is_no_fault(desk: FaultDesk, adjusted: bool) -> None:  # noqa: FBT001 - a parameter of pytest
    """F05: a split with its event passes, also against the prices stored the day before, and is shown as explained."""
    desk.remember_list(EARLIER)
    desk.world.today(BEFORE)
    desk.run(BEFORE)
    desk.world.today(DAY)
    bad = desk.plan(BEFORE).batches[0].symbols[3]
    desk.world.fault("split_today", ratio=4, adjusted=adjusted, symbols=[f"{bad}.AX"])

    done = desk.run()

    found = desk.checks(done.stage("daily_prices"))
    assert found["scale_continuous"].passed
    assert found["scale_continuous"].metadata["explained"].value == 1
    assert bad in found["scale_continuous"].metadata["examples"].value


def test_a_unit_error_is_seen_against_the_day_before(desk: FaultDesk) -> None:
    """E41: all bars of a symbol are a hundred times too high: only the day's check, against yesterday, can tell."""
    desk.remember_list(EARLIER)
    desk.world.today(BEFORE)
    desk.run(BEFORE)
    desk.world.today(DAY)
    bad = desk.plan(BEFORE).batches[0].symbols[3]
    desk.world.fault("x100", bars=0, symbols=[f"{bad}.AX"])

    done = desk.run()

    assert desk.checks(done.stage("prices"), f"{DAY}|0")["scale_continuous"].passed
    check = desk.checks(done.stage("daily_prices"))["scale_continuous"]
    assert (check.passed, check.severity.value) == (False, "ERROR")
    assert bad in check.metadata["examples"].value

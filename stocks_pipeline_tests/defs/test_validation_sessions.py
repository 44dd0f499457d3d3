"""The session of a day: opened once, replaced only when asked, taken over from dead runs, healed batch by batch."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from stocks_pipeline.defs.us.session_book import OtherSessionError
from stocks_pipeline.domain.plans import plan_named
from stocks_pipeline.domain.validation_types import Profile
from stocks_pipeline.storage.validation_keys import SessionPlace
from stocks_pipeline_tests.validation_desk import DAY, ValidationDesk, down, said, validation_desk

SYMBOLS = [f"S{number:02}" for number in range(20)]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ValidationDesk]:
    with validation_desk(tmp_path, monkeypatch) as found:
        found.stock(SYMBOLS)
        yield found


def metadata(result: Any) -> dict[str, Any]:
    """Of the run's one materialization."""
    (event,) = result.asset_materializations_for_node("us__validation_batches")
    return {name: entry.value for name, entry in event.metadata.items()}


def test_the_trigger_answers_with_the_seeds_five_keys(desk: ValidationDesk) -> None:
    """status, session_id, total_symbols, total_batches, estimated_duration_minutes, in the materialization."""
    found = metadata(desk.open())
    assert found["status"] == "initiated"
    assert found["session_id"].startswith("session-")
    assert [found[k] for k in ("total_symbols", "total_batches", "estimated_duration_minutes")] == [20, 3, 3]


def test_the_record_has_the_seeds_keys(desk: ValidationDesk) -> None:
    """As the seed's session table has them, in the lake where anyone can read it."""
    import json

    desk.open()
    record = json.loads(desk.lake.read(SessionPlace("us", DAY).record))
    assert record["correlation_id"].startswith("quality-coord-")
    assert set(record["batches"][0]) == {
        "batch_number",
        "symbols",
        "status",
        "started_at",
        "completed_at",
        "error_message",
    }
    assert record["status"] == "pending"


def test_opening_twice_is_opening_once(desk: ValidationDesk) -> None:
    """The second click keeps the session and what it did."""
    desk.open()
    desk.check()
    before = desk.session()
    assert desk.open().success
    assert desk.session() == before


@pytest.mark.parametrize("other", [{"lookback_days": 10}, {"profile": "strict"}])
def test_another_session_replaces_the_days_only_when_told_to(desk: ValidationDesk, other: dict[str, Any]) -> None:
    """An ad-hoc look must not cost the day's results; `anew` says that it may."""
    desk.open()
    desk.check()
    before = desk.session()
    result = desk.open(**other)
    assert not result.success
    assert "--anew" in said(result)
    assert "us/validation_adhoc" in said(result)
    assert desk.session() == before
    assert desk.open(**other, anew=True).success
    assert desk.session().session_id != before.session_id
    assert desk.states() == ["pending"] * desk.session().total_batches


def test_a_session_of_few_gives_way_to_one_of_all(desk: ValidationDesk) -> None:
    """A list that grew since the session was opened makes a new one; results of the smaller one are not taken over."""
    desk.stock(SYMBOLS[:2])
    desk.open()
    desk.check()
    assert desk.session().total_symbols == 2
    desk.stock(SYMBOLS)
    assert desk.open().success
    assert desk.session().total_symbols == 20
    desk.vendor.asked = []
    assert desk.check().success
    assert [len(symbols) for symbols in desk.vendor.asked] == [8, 8, 4]


def test_an_empty_list_is_a_finished_session(desk: ValidationDesk) -> None:
    """No symbols: nothing to ask, completed, summed up as nothing."""
    desk.stock([], date(2026, 1, 2))
    assert desk.open(date(2026, 1, 2)).success
    session = desk.session(date(2026, 1, 2))
    assert (session.status, session.total_batches) == ("completed", 0)
    assert desk.sum_up(date(2026, 1, 2)).success
    document = desk.summary(date(2026, 1, 2))
    assert (document["event"], document["total_symbols"], document["credits_used"]) == ("WorkflowCompleted", 0, 0)
    assert desk.vendor.asked == []


def test_a_holiday_is_refused_with_the_reason(desk: ValidationDesk) -> None:
    """New Year's Day has a partition key and no session."""
    result = desk.open(date(2026, 1, 1))
    assert not result.success
    assert "2026-01-01" in said(result)


def test_a_day_that_was_never_split_says_what_to_run(desk: ValidationDesk) -> None:
    """No symbols yet."""
    result = desk.open(date(2025, 12, 31))
    assert "stocks run us --date 2025-12-31" in said(result)
    assert not result.success


@pytest.mark.parametrize("stage", ["check", "sum_up"])
def test_without_a_session_there_is_nothing_to_do(desk: ValidationDesk, stage: str) -> None:
    """It says what to do first."""
    desk.instance.add_dynamic_partitions("us_validation_batches", ["0"])
    result = desk.check(range(1)) if stage == "check" else desk.sum_up()
    assert not result.success
    assert "validation_batches" in said(result)


def test_a_batch_of_a_dead_run_is_taken_over(desk: ValidationDesk) -> None:
    """Kill -9 while asking leaves it processing; the next run begins it again, through legal states."""
    desk.open()
    desk.book().start(1)
    assert desk.states() == ["pending", "processing", "pending"]
    assert desk.check().success
    assert desk.session().status == "completed"


def test_a_batch_stored_by_a_dead_run_is_not_paid_for_twice(desk: ValidationDesk) -> None:
    """Kill -9 between storing and saying so: the record is made good from the file, nobody is asked."""
    desk.open()
    desk.check()
    session = desk.session()
    damaged = session.to_json().replace(b'"status": "completed"', b'"status": "processing"')
    desk.lake.write(SessionPlace("us", DAY).record, damaged)
    assert desk.states() == ["processing"] * 3
    desk.vendor.asked = []
    assert desk.check().success
    assert desk.vendor.asked == []
    assert (desk.states(), desk.session().status) == (["completed"] * 3, "completed")


def test_healing_one_partition_heals_the_session(desk: ValidationDesk) -> None:
    """A failed batch materialized alone, as in the UI, makes the session whole."""
    desk.open()
    desk.vendor.script = lambda symbols, _: down() if symbols[0] == "S16" else None
    desk.check()
    assert desk.session().status == "failed"
    assert desk.session().completed_at is not None
    desk.vendor.script = lambda _s, _n: None
    assert desk.check(range(2, 3)).success
    assert desk.session().status == "completed"
    assert desk.session().batches[2].error_message is None


def test_a_lookup_that_fails_again_keeps_what_was_found(desk: ValidationDesk) -> None:
    """One symbol of a complete batch is asked again and the vendor is down: seven verdicts stay."""
    desk.open()
    desk.vendor.script = lambda _s, _n: {"S05": down(subject="S05")}
    desk.check(range(1))
    desk.vendor.script = lambda _s, _n: down()
    assert desk.check(range(1)).success
    assert desk.states()[0] == "completed"
    desk.sum_up()
    assert (desk.summary()["passed_count"], desk.summary()["error_count"]) == (7, 1)


def test_several_days_in_one_run_are_refused(desk: ValidationDesk) -> None:
    """Two sessions would share one gateway and one log."""
    tags = {
        "dagster/asset_partition_range_start": "2026-01-02|0",
        "dagster/asset_partition_range_end": f"{DAY}|0",
    }
    desk.open()
    result = desk.run("validation_results", tags)
    assert not result.success
    assert "a run for each day" in said(result)


def test_the_book_says_which_session_stands(desk: ValidationDesk) -> None:
    """Its error is a sentence for a person."""
    desk.open()
    with pytest.raises(OtherSessionError, match="20 symbols, standard profile, 5 days"):
        desk.book().open(["S01"], plan_named("basic8"), lookback_days=5, profile=Profile.STANDARD, anew=False)

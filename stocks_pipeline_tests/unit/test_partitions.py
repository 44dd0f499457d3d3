"""The vocabulary of partitions: keys there and back, and which exist when."""

from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.definitions.partitions.context import partition_loading_context
from hypothesis import given
from hypothesis import strategies as st

from stocks_pipeline.partitions import (
    AS_OF,
    BATCH,
    FIRST_DAY,
    batch_key,
    batches,
    has_morning,
    mornings,
    parse_batch_key,
    parse_ticker_key,
    session_batches,
    sessions,
    ticker_key,
)

SYDNEY = "Australia/Sydney"


@given(day=st.dates(), batch=st.integers(0, 10_000))
def test_a_key_is_read_back_as_it_was_written(day: date, batch: int) -> None:
    """E01: day and number survive the way through a key."""
    assert parse_batch_key(batch_key(day, batch)) == (day, batch)


@given(day=st.dates(), ticker=st.text(min_size=1))
def test_a_ticker_key_is_read_back_as_it_was_written(day: date, ticker: str) -> None:
    """A07: day and ticker survive the way through a key."""
    assert parse_ticker_key(ticker_key(day, ticker)) == (day, ticker)


@pytest.mark.parametrize(
    "key",
    ["", "2025-12-05", "2025-12-05|", "2025-12-05|x", "2025-12-05|-1", "2025-12-05|1|2", "2025-13-05|1", "|1", "²|1"],
)
def test_what_is_no_key_is_refused(key: str) -> None:
    """E09: a mistyped key is a ValueError, never another partition."""
    with pytest.raises(ValueError, match="is no session × batch key"):
        parse_batch_key(key)


@pytest.mark.parametrize("key", ["2025-12-05|²", "2025-12-05|007", "20251205|1", "2025-12-05| 1"])
def test_a_key_has_one_spelling(key: str) -> None:
    """E04: two spellings of one batch would be two partitions of one file."""
    with pytest.raises(ValueError, match="is no session × batch key"):
        parse_batch_key(key)


def test_the_day_comes_first_in_a_key() -> None:
    """E01: Dagster orders dimensions by name; `as_of` before `batch` makes the key read as the UI shows it."""
    both = session_batches("asx", SYDNEY)
    assert [dimension.name for dimension in both.partitions_defs] == [AS_OF, BATCH]
    assert dg.MultiPartitionKey({AS_OF: "2025-12-05", BATCH: "7"}) == batch_key(date(2025, 12, 5), 7)


def test_each_market_has_its_own_batches() -> None:
    """E36: a second market's batches are another set of keys."""
    assert batches("asx").name == "asx_batches"
    assert batches("us").name != batches("asx").name


@pytest.mark.parametrize(
    ("moment", "newest"),
    [
        (datetime(2025, 12, 4, 12, 59, tzinfo=UTC), "2025-12-04"),  # 23:59 on Thursday in Sydney
        (datetime(2025, 12, 4, 13, 0, tzinfo=UTC), "2025-12-05"),  # Friday's midnight
        (datetime(2025, 12, 5, 6, 30, tzinfo=UTC), "2025-12-05"),  # when the schedule fires
        (datetime(2025, 12, 7, 3, 0, tzinfo=UTC), "2025-12-05"),  # Sunday
        (datetime(2026, 4, 6, 7, 30, tzinfo=UTC), "2026-04-06"),  # after summer time ended
        (datetime(2026, 10, 5, 6, 30, tzinfo=UTC), "2026-10-05"),  # after it began
    ],
)
def test_todays_key_exists_from_local_midnight_on(moment: datetime, newest: str) -> None:
    """E45, F06: on the exchange's own clock, weekdays only, on both sides of both clock changes."""
    with partition_loading_context(moment):
        assert sessions(SYDNEY).get_last_partition_key() == newest
        assert not sessions(SYDNEY).has_partition_key("2025-12-06"), "a Saturday"


def test_mornings_are_monday_to_saturday() -> None:
    """A02: Saturday's tells New York's Friday; Sunday's has nothing new, and the two ways to ask agree."""
    with partition_loading_context(datetime(2026, 3, 2, tzinfo=UTC)):
        for day in (date(2025, 12, 1) + timedelta(days=n) for n in range(60)):
            assert mornings().has_partition_key(str(day)) is has_morning(day) is (day.isoweekday() != 7)


def test_the_sets_stay_small() -> None:
    """Figures: 260 keys a year; ten years of sessions × 22 batches stay under Dagster's 100,000."""
    with partition_loading_context(datetime(2034, 1, 1, tzinfo=UTC)):
        count = len(sessions(SYDNEY).get_partition_keys())
    assert sessions(SYDNEY).get_first_partition_key() == FIRST_DAY
    assert 2_600 <= count <= 2_620
    assert count * 22 < 100_000

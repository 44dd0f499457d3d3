"""A session's record on S3, which two machines write: no step of either is lost, and a replaced one is found out."""

from collections.abc import Callable
from datetime import date, datetime

import boto3
import pytest

from stocks_pipeline.defs.us.session_book import ReplacedError, SessionBook
from stocks_pipeline.domain.plans import plan_named
from stocks_pipeline.domain.validation_session import Session
from stocks_pipeline.domain.validation_types import Profile
from stocks_pipeline.storage.lake import open_lake
from stocks_pipeline.storage.validation_keys import SessionPlace
from stocks_pipeline_tests.fakes import FakeClock

PLACE = SessionPlace("us", date(2026, 1, 5))
SYMBOLS = [f"S{number:02}" for number in range(20)]


class Meddler(FakeClock):
    """A clock that lets another machine act once, while ours is between reading the record and writing it."""

    then: Callable[[], object] | None = None

    def now(self) -> datetime:
        if (act := self.then) is not None:
            self.then = None
            act()
        return super().now()


@pytest.fixture
def books(endpoint: str, request: pytest.FixtureRequest) -> tuple[SessionBook, SessionBook]:
    """The same session as two machines see it."""
    access = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=endpoint, **access)
    bucket = request.node.name.replace("_", "-")[:60].strip("-")
    client.create_bucket(Bucket=bucket)
    ours, theirs = (open_lake(f"s3://{bucket}/lake", s3_client=lambda: client) for _ in range(2))
    found = SessionBook(ours, PLACE, Meddler(1e9)), SessionBook(theirs, PLACE, FakeClock(1e9))
    opened(found[0])
    return found


def opened(book: SessionBook) -> Session:
    return book.open(SYMBOLS, plan_named("basic8"), lookback_days=5, profile=Profile.STANDARD, anew=True)


def test_steps_of_two_machines_are_both_kept(books: tuple[SessionBook, SessionBook]) -> None:
    """The one that is late reads again and takes its step after the other's."""
    ours, theirs = books
    assert isinstance(ours.clock, Meddler)
    ours.clock.then = lambda: theirs.start(1)
    ours.start(0)
    session = theirs.get()
    assert session is not None
    assert [batch.status.value for batch in session.batches] == ["processing", "processing", "pending"]


def test_a_session_replaced_by_another_machine_is_found_out(books: tuple[SessionBook, SessionBook]) -> None:
    """In the middle of our step: nothing of ours lands in the new session."""
    ours, theirs = books
    mine = ours.get()
    assert mine is not None
    assert isinstance(ours.clock, Meddler)
    ours.clock.then = lambda: opened(theirs)
    with pytest.raises(ReplacedError):
        ours.of(mine).start(0)
    session = theirs.get()
    assert session is not None
    assert session.session_id != mine.session_id
    assert session.count()["pending"] == 3

"""A validation is gone on with by itself: later, not for ever, and only with what is open: after a failure, a kill, a
spent day, or prices that were fetched again.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from stocks_pipeline.defs.resources import LakeResource
from stocks_pipeline.defs.us import US
from stocks_pipeline.defs.us.adhoc import session_name
from stocks_pipeline.defs.us.automation import validation_chain
from stocks_pipeline.defs.us.going_on import GOES_ON_S, RETRIES, RETRY_AFTER_S
from stocks_pipeline.defs.us.reaping import TAG
from stocks_pipeline.defs.us.session_book import SessionBook
from stocks_pipeline.defs.us.validation import current_plan
from stocks_pipeline.domain.validation_session import Session
from stocks_pipeline.domain.validation_types import Profile
from stocks_pipeline.storage.validation_keys import SessionPlace
from stocks_pipeline.upstream.failures import FailureKind
from stocks_pipeline.upstream.limits import Cancelled
from stocks_pipeline_tests.fakes import FakeClock
from stocks_pipeline_tests.validation_desk import DAY, ValidationDesk, down, validation_desk

SYMBOLS = [f"S{number:02}" for number in range(20)]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ValidationDesk]:
    with validation_desk(tmp_path, monkeypatch) as found:
        found.stock(SYMBOLS)
        assert found.open().success
        yield found


def again(desk: ValidationDesk, why: str, later_s: float) -> list[dg.RunRequest]:
    """The runs that the chain starts for that reason, so long after now."""
    clock = FakeClock(datetime.now(UTC).timestamp() + later_s)
    lake = {"lake": LakeResource(root=str(desk.root))}
    with dg.build_sensor_context(desk.instance, repository_def=desk.repository, resources=lake) as context:
        asked = validation_chain(clock).evaluate_tick(context).run_requests or []
    return [request for request in asked if f"-{why}-" in (request.run_key or "")]


def retries(desk: ValidationDesk, later_s: float = RETRY_AFTER_S + 5) -> list[dg.RunRequest]:
    return again(desk, "retry", later_s)


def tomorrow_s(days: int = 1) -> float:
    """Seconds from now until a little after the vendor's next day, or a later one, has begun."""
    present = datetime.now(UTC)
    midnight = present.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=days)
    return (midnight - present).total_seconds() + 120


def tried(desk: ValidationDesk, request: dg.RunRequest) -> bool:
    """Run what was asked for."""
    job = desk.repository.get_job(request.job_name or "")
    done = job.execute_in_process(
        instance=desk.instance, tags=request.tags, run_config=request.run_config, raise_on_error=False
    )
    return bool(done.success)


def test_a_failed_batch_is_tried_again_by_itself(desk: ValidationDesk) -> None:
    """D40: not at once but a quarter of an hour later, one run; only the failed batch is asked for, and the session
    completes; then there is nothing more to try.
    """
    desk.vendor.script = lambda symbols, _: down() if symbols[0] == "S08" else None
    assert not desk.check().success
    assert retries(desk, later_s=60) == []
    (request,) = retries(desk)
    assert [r.run_key for r in retries(desk)] == [request.run_key]
    desk.vendor.script, desk.vendor.asked = (lambda _s, _n: None), []
    assert tried(desk, request)
    assert desk.vendor.asked == [tuple(SYMBOLS[8:16])]
    assert desk.session().status == "completed"
    assert retries(desk) == []


def test_a_vendor_that_stays_down_is_given_up(desk: ValidationDesk) -> None:
    """D40: after the last try it is a person's, who was told three times."""
    desk.vendor.script = lambda _s, _n: down()
    assert not desk.check().success
    for _ in range(RETRIES):
        (request,) = retries(desk)
        assert not tried(desk, request)
    assert retries(desk) == []


def test_what_a_person_healed_meanwhile_is_not_tried(desk: ValidationDesk) -> None:
    """The newest run of the day decides, whoever started it."""
    desk.vendor.script = lambda _s, _n: down()
    assert not desk.check().success
    desk.vendor.script = lambda _s, _n: None
    assert desk.check().success
    assert retries(desk) == []


def test_a_spent_day_is_gone_on_with_tomorrow(desk: ValidationDesk) -> None:
    """D40: not a quarter of an hour later, which would be in vain, but once after 00:00 UTC: what waits is asked for
    and nothing else, and the session completes; then there is nothing to go on with.
    """
    desk.vendor.script = lambda _s, number: down(FailureKind.QUOTA_DAY, "no credits left today") if number else None
    assert not desk.check().success
    assert desk.states() == ["completed", "pending", "pending"]
    assert retries(desk) == again(desk, "resume", 60) == []
    (request,) = again(desk, "resume", tomorrow_s())
    assert [r.run_key for r in again(desk, "resume", tomorrow_s() + 3600)] == [request.run_key]
    desk.vendor.script, desk.vendor.asked = (lambda _s, _n: None), []
    assert tried(desk, request)
    assert desk.vendor.asked == [tuple(SYMBOLS[8:16]), tuple(SYMBOLS[16:20])]
    assert desk.session().status == "completed"
    assert again(desk, "resume", tomorrow_s()) == []


def test_symbols_put_off_are_gone_on_with_tomorrow(desk: ValidationDesk) -> None:
    """Though every batch of them is complete; one that the vendor does not know is not asked for every night."""
    answers = {"S05": down(FailureKind.RATE, "no credits left", "S05"), "S06": down(FailureKind.PERMANENT, "?", "S06")}
    desk.vendor.script = lambda symbols, _: answers if "S05" in symbols else None
    assert desk.check().success
    (request,) = again(desk, "resume", tomorrow_s())
    desk.vendor.script = lambda symbols, _: {"S06": answers["S06"]} if "S06" in symbols else None
    assert tried(desk, request)
    assert again(desk, "resume", tomorrow_s()) == []


def test_an_old_session_is_not_gone_on_with(desk: ValidationDesk) -> None:
    """Three days after it was opened it is a person's."""
    desk.vendor.script = lambda _s, _n: down(FailureKind.AUTH, "wrong key")
    assert not desk.check().success
    assert len(again(desk, "resume", tomorrow_s(2))) == 1
    assert again(desk, "resume", GOES_ON_S + 60) == []


def killed(desk: ValidationDesk, **tags: str) -> None:
    """A run of results whose process died while it asked for the second batch."""
    desk.check(range(1))
    desk.book().start(1)
    tags = {TAG: SessionPlace(US.name, DAY).record, **tags}
    run = desk.instance.create_run_for_job(desk.repository.get_job("us_validation_results"), tags=tags)
    desk.instance.report_run_failed(run, message="Its process died.")


@pytest.mark.parametrize("tags", [{}, {"stocks/chain": "foreground"}], ids=["daemon", "command"])
def test_a_killed_session_is_gone_on_with(desk: ValidationDesk, tags: dict[str, str]) -> None:
    """D36: also that of a command: its person may be gone as well. What it had checked is not asked for again."""
    killed(desk, **tags)
    assert again(desk, "retry", 60) == []
    (request,) = retries(desk)
    desk.vendor.asked = []
    assert tried(desk, request)
    assert desk.vendor.asked == [tuple(SYMBOLS[8:16]), tuple(SYMBOLS[16:20])]
    assert desk.session().status == "completed"


def test_a_command_that_failed_told_a_person(desk: ValidationDesk) -> None:
    """It is not tried again behind their back within the hour."""
    desk.vendor.script = lambda _s, _n: down()
    assert not desk.check(**{"stocks/chain": "foreground"}).success
    assert retries(desk) == []


def test_what_a_person_stopped_is_left_alone(desk: ValidationDesk) -> None:
    """Ctrl-C in the first batch: neither later nor tomorrow."""

    def stop(_symbols: object, _number: int) -> None:
        raise Cancelled("stopped")

    desk.vendor.script = stop
    assert not desk.check(**{"stocks/chain": "foreground"}).success
    assert desk.states() == ["pending"] * 3
    assert retries(desk) == again(desk, "resume", tomorrow_s()) == []


def test_prices_fetched_again_are_checked_again(desk: ValidationDesk) -> None:
    """A day that is merged anew after it was compared starts one run, which asks for what changed."""

    def merged() -> None:
        event = dg.AssetMaterialization(US.key("daily_prices"), partition=DAY.isoformat())
        desk.instance.report_runless_asset_event(event)

    desk.stock(SYMBOLS, spoilt={"S03": 1.05})
    merged()
    assert desk.check().success
    assert again(desk, "healed", 60) == []
    desk.stock(SYMBOLS)
    merged()
    (request,) = again(desk, "healed", 60)
    desk.vendor.asked = []
    assert tried(desk, request)
    assert desk.vendor.asked == [("S03",)]
    assert again(desk, "healed", 60) == []


def beside(desk: ValidationDesk, name: str) -> Session:
    """The record of a session beside the day's."""
    found = SessionBook(desk.lake, SessionPlace(US.name, DAY, name), desk.clock).get()
    assert found is not None
    return found


def killed_beside(desk: ValidationDesk, job_name: str, **tags: str) -> str:
    """A run of twenty symbols beside the day's session, killed while it asked for the second batch; its session."""
    job = desk.repository.get_job(job_name)
    name = session_name(run := desk.instance.create_run_for_job(job, tags=tags))
    place = SessionPlace(US.name, DAY, name)
    desk.instance.add_run_tags(run.run_id, {TAG: place.record})
    book = SessionBook(desk.lake, place, desk.clock)
    book.begin(SYMBOLS, current_plan(), lookback_days=5, profile=Profile.STANDARD)
    for batch in range(2):
        book.start(batch)
    desk.instance.report_run_failed(run, message="Its process died.")
    return name


@pytest.mark.parametrize(
    ("job", "tags"),
    [
        ("us_validation_adhoc", {}),
        ("us_validation_adhoc", {"stocks/chain": "foreground"}),
        ("__ASSET_JOB", {}),
    ],
    ids=["job", "command", "by hand"],
)
def test_a_killed_session_beside_the_days_is_gone_on_with(desk: ValidationDesk, job: str, tags: dict[str, str]) -> None:
    """D36: as the day's own: failed at once, gone on with a quarter of an hour later, in the same session, which is
    then whole; the day's own is not touched.
    """
    assert desk.check().success
    before = desk.session()
    name = killed_beside(desk, job, **tags)
    assert again(desk, "retry", 60) == []
    assert beside(desk, name).status == "failed"
    (request,) = retries(desk)
    assert [r.run_key for r in retries(desk)] == [request.run_key]
    desk.vendor.asked = []
    assert tried(desk, request)
    assert sorted(desk.vendor.asked) == [tuple(SYMBOLS[0:8]), tuple(SYMBOLS[8:16]), tuple(SYMBOLS[16:20])]
    assert beside(desk, name).status == "completed"
    assert retries(desk) == []
    assert desk.session() == before


def test_a_session_beside_that_waits_for_credits_is_gone_on_with_tomorrow(desk: ValidationDesk) -> None:
    """D40: once after 00:00 UTC, only what waits; not for ever; and prices fetched again later do not open it anew."""
    assert desk.check().success
    desk.vendor.script = lambda _s, number: down(FailureKind.QUOTA_DAY, "no credits left today") if number else None
    desk.vendor.asked = []
    name = f"session-{desk.adhoc().run_id}"
    assert [batch.status.value for batch in beside(desk, name).batches] == ["completed", "pending", "pending"]
    assert retries(desk) == again(desk, "resume", 60) == again(desk, "resume", GOES_ON_S + 60) == []
    (request,) = again(desk, "resume", tomorrow_s())
    assert [r.run_key for r in again(desk, "resume", tomorrow_s() + 3600)] == [request.run_key]
    desk.vendor.script, desk.vendor.asked = (lambda _s, _n: None), []
    assert tried(desk, request)
    assert sorted(desk.vendor.asked) == [tuple(SYMBOLS[8:16]), tuple(SYMBOLS[16:20])]
    assert beside(desk, name).status == "completed"
    desk.instance.report_runless_asset_event(dg.AssetMaterialization(US.key("daily_prices"), partition=DAY.isoformat()))
    assert again(desk, "resume", tomorrow_s()) == []
    assert [name in (r.run_key or "") for r in again(desk, "healed", 60)] == [False]


def test_a_session_beside_that_a_person_stopped_or_replaced_is_left_alone(desk: ValidationDesk) -> None:
    """Ctrl-C in its first batch; and a session of the day that gave way to another one while it waited, also after a
    person tried it again by its id: a later run makes no session younger.
    """

    def stop(_symbols: object, _number: int) -> None:
        raise Cancelled("stopped")

    desk.vendor.script = lambda _s, number: down(FailureKind.QUOTA_DAY, "no credits left today") if number else None
    assert not desk.check().success
    replaced = desk.session().session_id
    desk.vendor.script = lambda _s, _n: None
    assert desk.open(anew=True).success
    assert desk.check().success
    desk.vendor.script = lambda _s, _n: down(FailureKind.QUOTA_DAY, "no credits left today")
    assert not desk.adhoc(session=replaced).success
    assert beside(desk, replaced).batches[1].status == "pending"
    desk.vendor.script = stop
    name = f"session-{desk.adhoc().run_id}"
    assert beside(desk, name).batches[0].status == "pending"
    assert retries(desk) == again(desk, "resume", tomorrow_s()) == []

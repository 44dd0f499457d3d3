"""A validation that failed is tried again by itself: later, not for ever, and only what failed."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from stocks_pipeline.defs.resources import LakeResource
from stocks_pipeline.defs.us.automation import RETRIES, RETRY_AFTER_S, validation_chain
from stocks_pipeline_tests.fakes import FakeClock
from stocks_pipeline_tests.validation_desk import ValidationDesk, down, validation_desk

SYMBOLS = [f"S{number:02}" for number in range(20)]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ValidationDesk]:
    with validation_desk(tmp_path, monkeypatch) as found:
        found.stock(SYMBOLS)
        assert found.open().success
        yield found


def retries(desk: ValidationDesk, later_s: float = RETRY_AFTER_S + 5) -> list[dg.RunRequest]:
    """The runs that the chain starts anew, so long after now."""
    clock = FakeClock(datetime.now(UTC).timestamp() + later_s)
    lake = {"lake": LakeResource(root=str(desk.root))}
    with dg.build_sensor_context(desk.instance, repository_def=desk.repository, resources=lake) as context:
        asked = validation_chain(clock).evaluate_tick(context).run_requests or []
    return [request for request in asked if "retry" in (request.run_key or "")]


def tried(desk: ValidationDesk, request: dg.RunRequest) -> bool:
    """Run what was asked for."""
    job = desk.repository.get_job(request.job_name or "")
    return bool(job.execute_in_process(instance=desk.instance, tags=request.tags, raise_on_error=False).success)


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

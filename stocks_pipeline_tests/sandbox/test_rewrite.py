"""A rewrite on the real clients: it pays anew once, also when it is interrupted, and its books agree."""

from typing import Any

import pytest

from stocks_pipeline.defs.dr import writing
from stocks_pipeline_tests.morning_desk import ACTIVE
from stocks_pipeline_tests.morning_world import WorldDesk, impatient_model, world_desk

__all__ = ["impatient_model", "world_desk"]


def test_an_interrupted_rewrite_is_gone_on_with_and_not_paid_for_twice(
    world_desk: WorldDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three answers of the first run, three of the rewrite that broke after paying; its re-execution finds those."""
    assert world_desk.write().success
    assert world_desk.invoice()[0] == len(ACTIVE)

    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("interrupted between the answer and the report")

    with monkeypatch.context() as patch:
        patch.setattr(writing, "build_payload", broken)
        first = world_desk.write(rewrite=True)
    assert not first.success
    feeds = len(world_desk.world.log(endpoint="news"))
    assert world_desk.write(parent=first, rewrite=True).success
    assert world_desk.chats() == dict.fromkeys(ACTIVE, 2)
    assert len(world_desk.world.log(endpoint="news")) == feeds == 2 * len(ACTIVE)
    assert world_desk.invoice() == world_desk.paid()
    assert world_desk.invoice()[0] == 2 * len(ACTIVE)
    assert world_desk.spent() == world_desk.invoice()[1]

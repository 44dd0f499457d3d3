"""How many batches of a day are worked on at a time: as many as the setting says, and they really are."""

import threading
from pathlib import Path

import pytest

from stocks_pipeline.settings import Settings
from stocks_pipeline.upstream.yahoo_bars import Window
from stocks_pipeline_tests.fake_feed import codes
from stocks_pipeline_tests.market_desk import market_desk


@pytest.mark.parametrize("width", [4, 10])
def test_as_many_batches_as_the_setting_says_are_worked_on_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    """E03, E35: ten unless told otherwise: the first ten of twelve batches wait for one another, no eleventh begins."""
    if width == Settings.load({}).batch_concurrency:
        monkeypatch.delenv("STOCKS_BATCH_CONCURRENCY", raising=False)
    else:
        monkeypatch.setenv("STOCKS_BATCH_CONCURRENCY", str(width))
    at_work: set[int] = set()
    begun: list[int] = []
    together = threading.Barrier(width, action=lambda: begun.append(len(at_work)), timeout=30)

    def meet(_symbol: str, _window: Window) -> None:
        """The first symbol of each of the first batches waits for the others; later ones pass."""
        me = threading.get_ident()
        if not begun and me not in at_work:
            at_work.add(me)
            together.wait()

    with market_desk(tmp_path / "lake", *codes(36)) as desk:
        desk.list()
        desk.feed.script = meet
        assert desk.prices().success
    assert begun == [width]

"""Fixtures of tests with real processes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from stocks_pipeline_tests.fault_desk import desk, remember_list, world, world_process
from stocks_pipeline_tests.sandbox_server import SandboxServer
from stocks_pipeline_tests.stocks_process import StocksDesk

__all__ = ["desk", "stocks", "world", "world_process"]


@pytest.fixture
def stocks(world: SandboxServer, tmp_path: Path) -> Iterator[StocksDesk]:
    """A desk for processes, beside that of the fixture `desk`, which runs in this one."""
    home = tmp_path / "stocks"
    home.mkdir()
    found = StocksDesk(home, world)
    remember_list(found.lake, world)
    yield found
    found.end()

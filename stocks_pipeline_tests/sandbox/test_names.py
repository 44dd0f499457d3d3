"""Symbols that are dangerous as paths, reserved, or simply odd: through gateway, batch, file and back as they are."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from stocks_pipeline.clock import SystemClock
from stocks_pipeline.defs.batch_file import load_batch
from stocks_pipeline.defs.fetching import BatchFetch
from stocks_pipeline.defs.resources import YahooResource
from stocks_pipeline.domain.calendars import calendar
from stocks_pipeline.domain.symbols import BatchPlan, split_batches
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import open_lake
from stocks_pipeline.upstream.yahoo import Window, Yahoo
from stocks_pipeline_tests.fault_desk import DAY, desk_environment
from stocks_pipeline_tests.sandbox_server import SandboxServer

NAMES = ("../../x", "CON", "^AXJO", "BRK-B", "..", "a b?c=1&d#e%2F", "nul.txt")


@pytest.fixture
def feed(world: SandboxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Yahoo]:
    """The real gateway on the world."""
    for name, value in desk_environment(tmp_path / "home", world).items():
        monkeypatch.setenv(name, value)
    (tmp_path / "home").mkdir()
    with YahooResource().open(lambda _: "Australia/Sydney") as gateway:
        yield gateway


def test_odd_symbols_reach_the_vendor_under_their_own_name(feed: Yahoo, world: SandboxServer) -> None:
    """No part of a symbol becomes part of the path or the query: the vendor is asked for exactly that name."""
    answers = dict(feed.daily_bars(NAMES, Window(DAY - timedelta(days=5), DAY)))

    log = world.log(endpoint="chart")
    assert {record["symbol"] for record in log} == set(NAMES) == set(answers)


def test_odd_symbols_stay_inside_the_lake_and_come_back_under_their_own_name(
    feed: Yahoo, world: SandboxServer, tmp_path: Path
) -> None:
    """A batch of such names is one file in its folder, and nothing else; outcomes and rows carry the true names."""
    lake = open_lake(str(tmp_path / "home" / "lake"))
    plan = BatchPlan(NAMES, split_batches(NAMES), {"selection": "all"})
    fetch = BatchFetch(
        market="asx",
        suffix="",
        day=DAY,
        plan=plan,
        chosen=frozenset(NAMES),
        lookback_days=10,
        refetch=False,
        lake=lake,
        feed=feed,
        clock=SystemClock(),
        calendar=calendar("XASX"),
        stop=threading.Event(),
    )

    report = fetch.fetch(0)

    key = layout.raw_key("asx", DAY, 0)
    assert list(lake.list("")) == [key]
    outside = {path for path in tmp_path.rglob("*") if path.is_file()} - {Path(lake.uri(key))}
    assert {path.name.partition("-")[0] for path in outside if path.parent.name != ".locks"} <= {"control.db"}
    state = load_batch(lake, key, set(NAMES))
    assert state is not None
    assert set(state.outcomes) == set(NAMES)
    assert set(state.table.column("symbol").to_pylist()) == {s for s, o in state.outcomes.items() if o.status == "ok"}
    assert {"^AXJO", "BRK-B"} <= set(state.table.column("symbol").to_pylist())
    assert report.asked == len(NAMES)
    assert world.stats()["by_endpoint"]["chart"] >= len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_named_after_a_symbol_stays_in_its_folder(name: str, tmp_path: Path) -> None:
    """The encoder makes one plain file name of it, on every system, and gives the symbol back."""
    lake = open_lake(str(tmp_path / "lake"))
    written = lake.write(f"dr/ticker-data/{DAY}/{layout.encode_symbol(name)}.parquet", b"x")

    assert Path(written.uri).resolve().parent == (tmp_path / "lake" / "dr" / "ticker-data" / str(DAY)).resolve()
    (key,) = lake.list("")
    assert layout.decode_symbol(key.rpartition("/")[2].removesuffix(".parquet")) == name

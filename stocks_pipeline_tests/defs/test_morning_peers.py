"""The peers of a morning: found in the closes that were kept before the model was asked, and never a second bill."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from stocks_pipeline.domain.schemas import BARS
from stocks_pipeline.storage.dr_keys import PEERS, peers_key
from stocks_pipeline.storage.lake import LakeError
from stocks_pipeline.upstream.yahoo_bars import Bars, Window
from stocks_pipeline_tests.morning_desk import ACTIVE, DAY, MorningDesk, morning, waves

__all__ = ["morning"]


def alike(nudged: str = "", by: float = 1.0) -> Callable[[str, Window], Bars]:
    """Bars of one tide for all; the newest close of `nudged` is `by` times what it was."""

    def bars(symbol: str, window: Window) -> Bars:
        made = waves(symbol, window)
        rows = made.table.to_pylist()
        for row in rows:
            close = 100 + row["session"].toordinal() * 7919 % 11 + sum(map(ord, symbol)) % 5
            row |= {"open": close, "high": close * 1.01, "low": close * 0.99, "close": close, "adj_close": close}
        if symbol == nudged:
            rows[-1]["close"] *= by
        return Bars(symbol, pa.Table.from_pylist(rows, schema=BARS), made.currency, 0)

    return bars


def use(desk: MorningDesk, bars: Callable[[str, Window], Bars]) -> None:
    desk.feed.forget()
    desk.feed.script = bars


def peers(desk: MorningDesk, name: str) -> list[str]:
    facts = desk.payload(name)["facts"]["facts"]
    return [facts[f"peer_{n}"]["value"] for n in range(1, 6) if f"peer_{n}" in facts]


@pytest.mark.parametrize("bars", [waves, alike()], ids=["no peers", "all peers"])
def test_a_ticker_that_comes_late_makes_no_second_bill(morning: MorningDesk, bars: Any) -> None:
    """Two are written, the third arrives: the next run asks about that one alone, and the others say what they said."""
    use(morning, bars)
    assert morning.fetch(["NVDA19", "DBS19"]).success
    assert not morning.write().success
    first = {name: morning.payload(name)["narrative_report"] for name in ("NVDA19", "DBS19")}
    assert morning.fetch().success
    assert morning.write().success
    assert morning.model.subjects == sorted(ACTIVE)
    assert {name: morning.payload(name)["narrative_report"] for name in first} == first
    assert morning.write().success
    assert morning.model.subjects == sorted(ACTIVE)


def test_a_peer_that_is_fetched_again_changes_nobody_elses_question(morning: MorningDesk) -> None:
    """DBS's newest close was mended: DBS is asked about anew, and the others neither paid for nor refused, though the
    correlation they show is no longer that of the stored rows.
    """
    use(morning, alike("D05.SI", 1.05))
    assert morning.fetch().success
    assert morning.write().success
    before = {name: morning.payload(name)["facts"]["facts"] for name in ACTIVE}
    assert "peer_1" in before["NVDA19"]
    use(morning, alike())
    assert morning.fetch(refetch=True).success
    assert morning.write().success
    assert morning.model.subjects == sorted([*ACTIVE, "DBS19"])
    after = {name: morning.payload(name)["facts"]["facts"] for name in ACTIVE}
    assert [name for name in ACTIVE if after[name] != before[name]] == ["DBS19"]
    assert len([key for key in morning.lake.list(PEERS) if key.endswith(".parquet")]) == 2


def test_a_rewrite_looks_at_all_that_are_stored_by_then(morning: MorningDesk) -> None:
    """An early report has one peer; rewritten it has both, and its re-execution has the same."""
    use(morning, alike())
    assert morning.fetch(["NVDA19", "DBS19"]).success
    assert morning.write(["NVDA19", "DBS19"]).success
    assert morning.fetch().success
    assert morning.write(["NVDA19", "DBS19"]).success
    assert peers(morning, "NVDA19") == ["DBS19"]
    done = morning.write(["NVDA19"], rewrite=True)
    assert sorted(peers(morning, "NVDA19")) == ["DBS19", "NINTENDO19"]
    assert peers(morning, "DBS19") == ["NVDA19"]
    kept = json.loads(morning.lake.read(peers_key(DAY, "NVDA19")))
    assert (kept["ticker"], kept["execution_id"]) == ("NVDA19", f"test-{done.run_id[:8]}")


def test_closes_are_kept_before_the_model_is_asked(morning: MorningDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lake that takes them not costs nothing: every ticker fails before feed and model hear of it."""
    assert morning.fetch().success
    lake = morning.lake
    write = lake.write

    def refuse(key: str, data: bytes) -> Any:
        if key.startswith(PEERS):
            raise LakeError(f"{key}: no space left on device")
        return write(key, data)

    with monkeypatch.context() as patch:
        patch.setattr(lake, "write", refuse)
        patch.setattr("stocks_pipeline.defs.resources.LakeResource.open", lambda _: lake)
        assert not morning.write().success
    assert (morning.model.asked, morning.news.asked) == ([], [])
    stored: list[bool] = []
    morning.model.script = lambda subject, _: stored.append(lake.exists(peers_key(DAY, subject)))
    assert morning.write().success
    assert stored == [True] * 3


@pytest.mark.parametrize("damage", ["pin", "not json", "closes", "no closes"])
def test_damaged_files_are_as_good_as_none(morning: MorningDesk, damage: str, tmp_path: Path) -> None:
    """They are kept anew; with the same tickers stored that is the same question, and nothing is paid."""
    use(morning, alike())
    assert morning.fetch().success
    assert morning.write().success
    lake, (closes,) = morning.lake, [key for key in morning.lake.list(PEERS) if key.endswith(".parquet")]
    if damage == "no closes":
        lake.delete(closes)
    else:
        key = closes if damage == "closes" else peers_key(DAY, "NVDA19")
        (tmp_path / "lake" / key).write_bytes(b"{}" if damage == "pin" else b"{")
    assert morning.write().success
    assert morning.model.subjects == sorted(ACTIVE)
    assert json.loads(lake.read(peers_key(DAY, "NVDA19")))["ticker"] == "NVDA19"
    assert lake.exists(closes)


def test_two_executions_at_once_keep_one(morning: MorningDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lake without locks says Conflict: the closes that the other execution kept are used."""
    from stocks_pipeline.defs.dr.morning import MorningData
    from stocks_pipeline.defs.dr.morning_peers import MorningPeers
    from stocks_pipeline.storage.lake import Conflict

    use(morning, alike())
    assert morning.fetch(["NVDA19", "DBS19"]).success
    lake, key = morning.lake, peers_key(DAY, "NVDA19")
    bars = MorningData(lake, DAY, frozenset(ACTIVE)).of("NVDA19")[0]
    MorningPeers(lake, MorningData(lake, DAY, frozenset(ACTIVE)), "theirs", morning.clock).of("NVDA19", bars)
    theirs, write = lake.read(key), lake.write
    lake.delete(key)

    def too_late(place: str, data: bytes) -> Any:
        if place != key:
            return write(place, data)
        write(key, theirs)
        raise Conflict(key)

    monkeypatch.setattr(lake, "write", too_late)
    ours = MorningPeers(lake, MorningData(lake, DAY, frozenset({"NVDA19"})), "ours", morning.clock)
    assert sorted(ours.of("NVDA19", bars).tables) == ["DBS19", "NVDA19"]

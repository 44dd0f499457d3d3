"""The list of tickers is data: any number of them, of both kinds of names, makes a morning."""

import ast
import json
from pathlib import Path

import dagster as dg
import pytest

import stocks_pipeline
from stocks_pipeline.defs.dr import automation
from stocks_pipeline.domain.tickers import parse_tickers, resolve
from stocks_pipeline.partitions import ticker_key
from stocks_pipeline.storage import layout
from stocks_pipeline_tests.morning_desk import DAY, LIST, MorningDesk, morning

__all__ = ["morning"]
HEAD = LIST.splitlines()[0]
SEEDS = {
    "NVDA": "NVDA",
    "AAPL": "AAPL",
    "TSLA": "TSLA",
    "DBS19": "D05.SI",
    "OCBC19": "O39.SI",
    "UOB19": "U11.SI",
    "NINTENDO19": "7974.T",
    "SONY19": "6758.T",
}
"""The symbols that the seed names: shares by their own name beside receipts."""


@pytest.mark.parametrize("count", [0, 1, 46, 47, 56, 300])
def test_a_list_of_any_length_makes_a_morning(morning: MorningDesk, count: int) -> None:
    """A05: as many partitions, one request over all of them, and a summary that counts just as many; a list of which
    every ticker is retired is a morning of none.
    """
    rows = [f"T{n:03}19,T{n:03},Company {n},XNAS,USD,true," for n in range(count)]
    rows.append("OLD19,OLD,An old company,XNAS,USD,false,")
    (morning.root.parent / "tickers.csv").write_text("\n".join([HEAD, *rows]) + "\n", encoding="utf-8")
    for name in list(morning.instance.get_dynamic_partitions("dr_tickers")):
        morning.instance.delete_dynamic_partition("dr_tickers", name)
    done = morning.repository.get_job("__ASSET_JOB").execute_in_process(
        instance=morning.instance, asset_selection=[dg.AssetKey(["dr", "ticker_master"])]
    )
    assert done.success
    assert len(morning.instance.get_dynamic_partitions("dr_tickers")) == count
    active = automation.add_active_tickers(morning.instance)
    requests = automation.morning_requests(morning.instance, DAY, active, cause="test", tags={})
    assert len(requests) == bool(count)
    if count > 1:
        assert requests[0].tags["dagster/asset_partition_range_end"] == ticker_key(DAY, f"T{count - 1:03}19")
    assert morning.sum_up().success
    assert json.loads(morning.lake.read(layout.precompute_summary_key(DAY)))["total_tickers"] == count


def test_no_number_of_tickers_is_written_into_the_code() -> None:
    """A05: neither 46 nor 47 nor 56 is a constant of the production code."""
    package = Path(stocks_pipeline.__file__).parent
    found = [
        f"{path.relative_to(package)}:{node.lineno}"
        for path in package.rglob("*.py")
        if "sandbox" not in path.parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in {46, 47, 56}
    ]
    assert found == []


def test_the_seeds_own_symbols_make_a_morning(morning: MorningDesk) -> None:
    """B11: receipts and shares in one list, each found by either name, each fetched by Yahoo's."""
    markets = {".SI": "XSES,SGD", ".T": "XTKS,JPY"}
    rows = [
        f"{name},{yahoo},{name},{next((m for s, m in markets.items() if yahoo.endswith(s)), 'XNAS,USD')},true,"
        for name, yahoo in SEEDS.items()
    ]
    body = "\n".join([HEAD, *rows]) + "\n"
    (morning.root.parent / "tickers.csv").write_text(body, encoding="utf-8")
    listed = parse_tickers(body.encode())
    assert {resolve(listed, name).yahoo for name in SEEDS} == set(SEEDS.values())
    assert {resolve(listed, yahoo).dr for yahoo in SEEDS.values()} == set(SEEDS)
    automation.add_active_tickers(morning.instance)
    assert morning.fetch(list(SEEDS)).success
    assert morning.feed.symbols_asked == sorted(SEEDS.values())

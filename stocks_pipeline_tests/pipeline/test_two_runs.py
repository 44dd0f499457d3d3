"""Two runs of one day at once, in two processes: both end, and what is stored is what one of them would have stored."""

import pytest

from stocks_pipeline_tests.fault_desk import DAY, FaultDesk, colours, contents, leftovers
from stocks_pipeline_tests.stocks_process import StocksDesk


@pytest.mark.timeout(180)
def test_two_runs_of_one_day_at_once(stocks: StocksDesk, desk: FaultDesk) -> None:
    """E06: both end well, every file is whole and equal to a single run's, no row is twice there, all is green."""
    desk.run()
    stocks.world.reset()
    stocks.world.latency(100)

    children = [stocks.run(), stocks.run()]
    reports = [stocks.report(child) for child in children]

    assert [child.returncode for child in children] == [0, 0]
    assert [report["whole"] for report in reports] == [True, True]
    assert contents(stocks.lake) == contents(desk.lake)
    assert leftovers(stocks.home / "lake") == []
    assert stocks.statuses() == {"SUCCESS"}
    with stocks.instance() as instance:
        assert colours(instance, stocks.lake) == ["MATERIALIZED"] * 3
    symbols = desk.daily(DAY).column("symbol").to_pylist()
    assert len(symbols) == len(set(symbols))

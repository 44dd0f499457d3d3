"""A disk so full that not even Dagster's own storage can be written."""

import pytest

from stocks_pipeline_tests.fault_desk import contents
from stocks_pipeline_tests.stocks_process import STOCKS, StocksDesk

LIMIT = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)); "
"""No file may grow beyond 20 kB: the kernel answers EFBIG as a full disk answers ENOSPC, only for this process."""


@pytest.mark.timeout(180)
def test_a_full_disk_under_dagsters_storage(stocks: StocksDesk) -> None:
    """The command ends with one line that names the folder, not with a traceback; the lake stays as it was, and once
    there is room the same command works again.
    """
    assert stocks.report(stocks.run("--limit", "3"))["whole"]
    kept = contents(stocks.lake)
    python, flag, code = STOCKS

    full = stocks.start(python, flag, LIMIT + code, "run", "asx", "--date", "2025-12-05", "--limit", "5")

    assert full.wait(60) == 1
    said = stocks.output(1, "err").read_text()
    assert "DAGSTER_HOME" in said
    assert "Traceback" not in said
    assert contents(stocks.lake) == kept
    assert stocks.report(stocks.run("--limit", "5"))["planned_symbols"] == 5

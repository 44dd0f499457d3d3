"""What a demo on a recording says of it at its end."""

from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stocks_pipeline.cli.demo_recording import notes
from stocks_pipeline.settings import Settings
from stocks_pipeline_tests.sandbox_server import SandboxServer

RECEIPTS = (
    "dr,yahoo,name,exchange_mic,currency\nNVDA19,NVDA,NVIDIA,XNAS,USD\nDBS19,D05.SI,DBS,XSES,SGD\n"
    "GONE19,GONE,Gone,XNAS,USD\n"
)


def test_a_recording_tells_who_is_not_in_it_and_whose_prices_never_traded_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the receipts: the one that was not recorded by name, and how many closes are adjusted ones. Nothing of a part
    that did not run, nor of prices that were recorded with their events.
    """
    days = [date(2023, 1, 2) + timedelta(days=at) for at in range(400)]
    for name, symbols, paid in (("dr", ["NVDA", "D05.SI"], 0.0), ("asx", ["BHP.AX"], 0.5)):
        rows = [
            {"symbol": symbol, "date": day, "volume": 1, "splits": 0.0, "dividends": paid}
            | dict.fromkeys(("open", "high", "low", "close", "adj_close"), 1.0)
            for symbol in symbols
            for day in days
        ]
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / f"yahoo_{name}.parquet")
    (tmp_path / "three.csv").write_text(RECEIPTS)
    monkeypatch.setenv("STOCKS_DR_TICKERS", str(tmp_path / "three.csv"))
    with SandboxServer("--replay", str(tmp_path), "--today", "2024-01-05") as server:
        monkeypatch.setenv("STOCKS_SANDBOX_URL", server.url)
        found = Settings.load()
        assert notes(found, ["asx"]) == []
        missing, adjusted = notes(found, ["asx", "dr"])
    assert missing == "dr: 1 symbol not in the recording: GONE19"
    assert adjusted.startswith("dr: prices of 2 of 2 recorded symbols are recorded adjusted: a close shown is not")

"""The replayed market: recorded bars as they would have been shown on a day in their range."""

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stocks_pipeline.sandbox.exchanges import ASX
from stocks_pipeline.sandbox.replay import ReplayError, ReplayMarket
from stocks_pipeline_tests.sandbox_server import shared_data

_LISTING = "ASX listed companies as at Fri Dec 05 08:08:59 AEDT 2025\n\nCompany name,ASX code,GICS industry group\n{}"


def _record(folder: Path) -> None:
    """Four sessions of one symbol: 2:1 split on the third, dividend on the second."""
    columns = {
        "symbol": ["AAA.AX"] * 4,
        "date": pa.array([date(2025, 12, day) for day in (1, 2, 3, 4)], pa.date32()),
        "open": [5.0, 5.1, 5.2, 5.3],
        "high": [5.5, 5.6, 5.7, 5.8],
        "low": [4.5, 4.6, 4.7, 4.8],
        "close": [5.0, 5.2, 5.3, 5.4],
        "adj_close": [4.9, 5.2, 5.3, 5.4],
        "volume": [100, 200, 300, 400],
        "dividends": [0.0, 0.1, 0.0, 0.0],
        "splits": [0.0, 0.0, 2.0, 0.0],
    }
    folder.mkdir(exist_ok=True)
    pq.write_table(pa.table(columns), folder / "yahoo_asx.parquet")


def test_a_day_before_a_split_sees_the_prices_of_that_day(tmp_path: Path) -> None:
    """Bars, volumes and dividends are shown in the shares of the day, later events and bars not at all."""
    _record(tmp_path)
    market = ReplayMarket(tmp_path)
    before = market.series("AAA.AX", ASX.end_of(date(2025, 12, 2)))
    assert before is not None
    assert before.close.tolist() == [10.0, 10.4]
    assert before.volume.tolist() == [50, 100]
    assert before.splits == ()
    assert [dividend.amount for dividend in before.dividends] == [0.2]
    assert before.adj_close == pytest.approx([9.8, 10.4])


def test_the_last_day_is_as_recorded(tmp_path: Path) -> None:
    """With everything known the numbers are the recorded ones, bit for bit."""
    _record(tmp_path)
    series = ReplayMarket(tmp_path).series("AAA.AX", ASX.end_of(date(2026, 1, 1)))
    assert series is not None
    assert series.close.tolist() == [5.0, 5.2, 5.3, 5.4]
    assert series.adj_close.tolist() == [4.9, 5.2, 5.3, 5.4]
    assert [split.ratio for split in series.splits] == [Fraction(2)]


def test_what_was_not_recorded_is_unknown(tmp_path: Path) -> None:
    """No bar is invented: not for another symbol, not before the first recorded day."""
    _record(tmp_path)
    market = ReplayMarket(tmp_path)
    assert market.series("BBB.AX", ASX.end_of(date(2025, 12, 2))) is None
    assert market.series("AAA.AX", ASX.end_of(date(2025, 11, 30))) is None


def _year(folder: Path, name: str, dividends: dict[str, float], *, days: int = 400, adjusted: float = 1.0) -> None:
    """A file of ten symbols over some 400 days, `dividends` of some of them."""
    folder.mkdir(exist_ok=True)
    sessions = [date(2024, 1, 2) + timedelta(days=at) for at in range(days)]
    tables = []
    for at in range(10):
        symbol, close = f"{name}{name}{at}.AX", [1.0 + at] * days
        columns = {**dict.fromkeys(("open", "high", "low", "close"), close), "symbol": [symbol] * days}
        columns |= {"adj_close": [value * adjusted for value in close], "date": sessions, "volume": [1] * days}
        columns |= {"dividends": [dividends.get(symbol, 0.0)] + [0.0] * (days - 1), "splits": [0.0] * days}
        tables.append(pa.table(columns))
    pq.write_table(pa.concat_tables(tables), folder / f"yahoo_{name}.parquet")


def test_a_recording_without_events_is_marked_as_adjusted(tmp_path: Path) -> None:
    """Over a year without dividend or split and with close = adj_close, in a file that keeps hardly any event: such a
    close may never have been traded. Not in a file that keeps events, where it is a share that pays none; not in a
    short one; not where the two closes differ.
    """
    _year(tmp_path, "B", {"BB3.AX": 0.5})
    _year(tmp_path, "P", {f"PP{at}.AX": 0.5 for at in range(5)})
    _year(tmp_path, "S", {}, days=300)
    _year(tmp_path, "D", {}, adjusted=0.9)
    found = ReplayMarket(tmp_path).recording()
    assert len(found) == 40
    assert {symbol for symbol, adjusted in found.items() if adjusted} == {f"BB{at}.AX" for at in range(10) if at != 3}


def test_the_shared_recordings_of_receipts_and_us_shares_are_adjusted() -> None:
    """What the recorded year of receipts and US shares looks like, and the ASX's does not."""
    data = shared_data()
    if data is None:
        pytest.skip("the shared recordings are not here")
    found = ReplayMarket(data / "replay").recording()
    assert found["NVDA"]
    assert not any(adjusted for symbol, adjusted in found.items() if symbol.endswith(".AX"))


def test_a_folder_without_recordings_is_refused(tmp_path: Path) -> None:
    """The reason names the folder and what is missing."""
    with pytest.raises(ReplayError, match=r"no yahoo_\*\.parquet in"):
        ReplayMarket(tmp_path)


@pytest.mark.parametrize("place", ["replay/asx_listed", "asx_listed"])
def test_the_listing_is_the_newest_file_that_is_not_after_the_day(tmp_path: Path, place: str) -> None:
    """Inside the folder or beside it; before the first file, the first one."""
    _record(tmp_path / "replay")
    (tmp_path / place).mkdir()
    for day, code in (("2025-04-02", "OLD"), ("2025-12-05", "NEW")):
        text = _LISTING.format(f'"{code} LIMITED","{code}","Banks"\n')
        (tmp_path / place / f"ASXListedCompanies_{day}.csv").write_text(text)
    market = ReplayMarket(tmp_path / "replay")
    listed = {day: market.companies(day)[0].code for day in (date(2024, 1, 1), date(2025, 12, 4), date(2025, 12, 5))}
    assert list(listed.values()) == ["OLD", "OLD", "NEW"]


def test_without_listing_files_the_recorded_symbols_are_the_listing(tmp_path: Path) -> None:
    """The codes without the vendor's suffix."""
    _record(tmp_path / "replay")
    market = ReplayMarket(tmp_path / "replay")
    assert [company.code for company in market.companies(date(2025, 12, 5))] == ["AAA"]
    assert market.listing_file(date(2025, 12, 5)) is None


def test_the_shared_recordings_come_back_bit_for_bit() -> None:
    """All 220 recorded ASX symbols, all columns; the listing of 2025-12-05 has its 1,985 companies."""
    data = shared_data()
    if data is None:
        pytest.skip("the shared recordings are not here")
    market = ReplayMarket(data / "replay")
    recorded: dict[str, list[dict[str, float]]] = {}
    for row in pq.read_table(data / "replay" / "yahoo_asx.parquet").to_pylist():
        recorded.setdefault(row["symbol"], []).append(row)
    assert len(recorded) == 220
    for symbol, rows in recorded.items():
        series = market.series(symbol, ASX.end_of(date(2026, 1, 2)))
        assert series is not None
        for name in ("open", "high", "low", "close", "adj_close", "volume"):
            assert np.array_equal(getattr(series, name), [row[name] for row in rows]), (symbol, name)
    assert len(market.companies(date(2025, 12, 5))) == 1985


def test_two_recordings_of_a_symbol_are_never_mixed(tmp_path: Path) -> None:
    """Each day is answered from the recording that was newest then: a later file does not hide an earlier one."""
    for name, first in (("yahoo_old", date(2024, 3, 11)), ("yahoo_us", date(2025, 1, 6))):
        days = [first + timedelta(days=n) for n in range(3)]
        close = [100.0 if name == "yahoo_old" else 50.0] * 3
        columns = {**dict.fromkeys(("open", "high", "low", "close", "adj_close"), close), "symbol": ["NVDA"] * 3}
        columns |= {"date": days, "volume": [1] * 3, "dividends": [0.0] * 3, "splits": [0.0] * 3}
        pq.write_table(pa.table(columns), tmp_path / f"{name}.parquet")
    market = ReplayMarket(tmp_path)
    closes = {}
    for day in (date(2024, 3, 10), date(2024, 3, 13), date(2025, 1, 8)):
        now = int(datetime(day.year, day.month, day.day, 22, tzinfo=UTC).timestamp())
        series = market.series("NVDA", now)
        closes[day] = None if series is None else (len(series.close), float(series.close[-1]))
    assert list(closes.values()) == [None, (3, 100.0), (3, 50.0)]

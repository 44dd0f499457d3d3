"""The price readers: which file answers, what is missing, and what was known when."""

import json
import subprocess
import sys
import threading
import warnings
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from stocks_pipeline import storage
from stocks_pipeline.domain.schemas import PRICES, SchemaError
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.answers import NoPrices
from stocks_pipeline.storage.lake import Lake, LakeError, open_lake
from stocks_pipeline.storage.reader import PriceReader
from stocks_pipeline.storage.shelf import MissingBatches
from stocks_pipeline.storage.tables import write_table
from stocks_pipeline_tests.price_files import put_daily, put_plan, put_raw, table

WED, THU, FRI = date(2026, 11, 18), date(2026, 11, 19), date(2026, 11, 20)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return open_lake(str(tmp_path))


@pytest.fixture
def reader(lake: Lake) -> PriceReader:
    return PriceReader(lake)


def closes(answer: Any) -> list[tuple[str, date, float]]:
    """(symbol, session, close) in the order of the answer."""
    return [(row["symbol"], row["session"], row["close"]) for row in answer.to_pylist()]


def told(answer: Any) -> dict[str, Any]:
    """What the schema metadata of an Arrow answer says."""
    return {key.decode(): json.loads(value) for key, value in answer.schema.metadata.items()}


def test_a_merged_day_is_what_was_published(lake: Lake, reader: PriceReader) -> None:
    """Without as_of the daily file answers, even where raw files say otherwise since."""
    put_raw(lake, FRI, 0, {"BHP": {FRI: 99.0}})
    put_daily(lake, FRI, {"BHP": {FRI: 41.5}}, {"stocks.missing_batches": ""})
    assert closes(reader.load_date(FRI, arrow=True)) == [("BHP", FRI, 41.5)]
    assert told(reader.load_date(FRI, arrow=True)) == {
        "stocks.complete": True,
        "stocks.missing_batches": {},
        "stocks.missing_symbols": [],
    }


def test_an_unmerged_day_comes_from_its_batches_in_numeric_order(lake: Lake, reader: PriceReader) -> None:
    """0, 1, 2, … 10, and only the rows of that session, not the lookback window."""
    symbols = [f"S{n:02d}" for n in range(11)]
    for n, symbol in enumerate(symbols):
        put_raw(lake, FRI, n, {symbol: {THU: 1.0, FRI: float(n)}})
    put_plan(lake, FRI, symbols, 1)
    answer = reader.load_date("2026-11-20", arrow=True)
    assert closes(answer) == [(symbol, FRI, float(n)) for n, symbol in enumerate(symbols)]
    assert told(answer)["stocks.complete"] is True
    assert answer.schema.remove_metadata().equals(PRICES)


def test_the_old_layout_still_reads(lake: Lake, reader: PriceReader) -> None:
    """One file a day, no column of batch numbers; nobody can tell whether it is complete."""
    put_raw(lake, FRI, None, {"BHP": {THU: 41.0, FRI: 41.5}})
    answer = reader.load_date(FRI, arrow=True)
    assert closes(answer) == [("BHP", FRI, 41.5)]
    assert answer["batch_number"].to_pylist() == [None]
    assert told(answer)["stocks.complete"] is None
    assert closes(reader.load_date_range(as_of=FRI, arrow=True)) == [("BHP", THU, 41.0), ("BHP", FRI, 41.5)]


def test_both_layouts_on_one_date_merge_and_batches_win(lake: Lake, reader: PriceReader) -> None:
    """One row a symbol: the batch's where there is one, the old file's otherwise; the same for every question."""
    put_raw(lake, FRI, None, {"BHP": {FRI: 1.0}, "CBA": {FRI: 2.0}})
    put_raw(lake, FRI, 0, {"BHP": {FRI: 41.5}})
    put_raw(lake, FRI, 3, {"BHP": {FRI: 41.6}, "RIO": {FRI: 3.0}})
    expected = [("BHP", FRI, 41.5), ("RIO", FRI, 3.0), ("CBA", FRI, 2.0)]
    assert closes(reader.load_date(FRI, arrow=True)) == expected
    assert closes(reader.load_date(FRI, as_of=FRI, arrow=True)) == expected
    assert closes(reader.load_date_range(THU, FRI, arrow=True)) == expected
    merge = reader.merge_daily_batches(FRI)
    assert (closes(merge.table), merge.batches, merge.complete) == (expected, (0, 3), None)


def test_a_missing_batch_is_reported_everywhere(lake: Lake, reader: PriceReader) -> None:
    """A warning names date, batch and remedy; attrs and metadata say it again; the merge carries it into its file."""
    put_plan(lake, FRI, ["BHP", "CBA", "RIO"], 1)
    put_raw(lake, FRI, 1, {"CBA": {FRI: 2.0}})
    with pytest.warns(
        MissingBatches, match=r"2026-11-20: batch 0, 2.*stocks retry asx/raw_prices --date 2026-11-20"
    ) as seen:
        frame = reader.load_date(FRI)
    assert seen[0].filename == __file__
    assert (frame.attrs["complete"], frame.attrs["missing_batches"]) == (False, {"2026-11-20": [0, 2]})
    merge = reader.merge_daily_batches(FRI)
    assert (merge.complete, merge.missing_batches, merge.batches) == (False, (0, 2), (1,))
    assert merge.frame().attrs["missing_batches"] == {"2026-11-20": [0, 2]}
    write_table(lake, layout.daily_key("asx", FRI), merge.table, PRICES, metadata=merge.metadata())
    with pytest.warns(MissingBatches, match="batch 0, 2"):
        assert told(reader.load_date(FRI, arrow=True))["stocks.complete"] is False
    with pytest.warns(MissingBatches, match="batch 0, 2"):
        reader.load_date(FRI, as_of=FRI)


def test_a_merged_day_that_still_lacks_symbols_is_not_complete(lake: Lake, reader: PriceReader) -> None:
    """All batches are there, but the vendor has not answered for every symbol."""
    put_daily(lake, FRI, {"BHP": {FRI: 1.0}}, {"stocks.missing_batches": "", "stocks.complete": "false"})
    with pytest.warns(MissingBatches, match="2026-11-20: symbols pending"):
        frame = reader.load_date(FRI)
    assert (frame.attrs["complete"], frame.attrs["missing_batches"]) == (False, {})


def test_a_merged_file_that_says_nothing_is_compared_with_its_raw_files(lake: Lake, reader: PriceReader) -> None:
    """And where those are gone, nobody can tell, which is not the same as complete."""
    put_plan(lake, FRI, ["BHP", "CBA"], 1)
    put_daily(lake, FRI, {"BHP": {FRI: 41.5}})
    assert told(reader.load_date(FRI, arrow=True))["stocks.complete"] is None
    put_raw(lake, FRI, 0, {"BHP": {FRI: 41.5}})
    with pytest.warns(MissingBatches, match="2026-11-20: batch 1"):
        reader.load_date(FRI)


def test_as_of_gives_what_was_known_on_that_day(lake: Lake, reader: PriceReader) -> None:
    """Each symbol and session has the row of the newest fetch up to the date, and none of a later one."""
    put_raw(lake, WED, 0, {"BHP": {WED: 1.0}, "CBA": {WED: 5.0}})
    put_raw(lake, THU, 0, {"BHP": {WED: 2.0, THU: 3.0}})
    put_raw(lake, FRI, 0, {"BHP": {WED: 9.0, THU: 8.0, FRI: 7.0}})
    put_daily(lake, WED, {"BHP": {WED: 0.5}})
    assert closes(reader.load_date(WED, arrow=True)) == [("BHP", WED, 0.5)]
    assert closes(reader.load_date(WED, as_of=WED, arrow=True)) == [("BHP", WED, 1.0), ("CBA", WED, 5.0)]
    assert closes(reader.load_date(WED, as_of="2026-11-19", arrow=True)) == [("BHP", WED, 2.0), ("CBA", WED, 5.0)]
    assert closes(reader.load_symbols("BHP", as_of=FRI, arrow=True)) == [
        ("BHP", WED, 9.0),
        ("BHP", THU, 8.0),
        ("BHP", FRI, 7.0),
    ]
    assert closes(reader.load_date_range(THU, THU, as_of=THU, arrow=True)) == [("BHP", THU, 3.0)]
    with pytest.raises(ValueError, match="nobody knew"):
        reader.load_date(FRI, as_of=THU)


def test_a_range_takes_each_date_from_its_best_files(lake: Lake, reader: PriceReader) -> None:
    """Merged, batch and old days in one answer, by session."""
    put_raw(lake, WED, None, {"BHP": {WED: 1.0}})
    put_daily(lake, THU, {"BHP": {THU: 2.0}, "CBA": {THU: 5.0}})
    put_raw(lake, THU, 0, {"BHP": {THU: 99.0}})
    put_raw(lake, FRI, 0, {"BHP": {THU: 99.0, FRI: 3.0}})
    everything = [("BHP", WED, 1.0), ("BHP", THU, 2.0), ("CBA", THU, 5.0), ("BHP", FRI, 3.0)]
    assert closes(reader.load_date_range(arrow=True)) == everything
    assert closes(reader.load_date_range(THU, FRI, arrow=True)) == everything[1:]
    answer = reader.load_symbols(["CBA", "XXX"], arrow=True)
    assert (closes(answer), told(answer)["stocks.missing_symbols"]) == ([("CBA", THU, 5.0)], ["XXX"])
    assert reader.get_date_range() == (WED, FRI)
    assert reader.get_date_range(as_of=THU) == (WED, THU)
    assert reader.get_latest_date() == FRI
    assert reader.get_available_symbols(THU) == ["BHP", "CBA"]
    assert reader.get_available_symbols() == ["BHP"]


def test_a_day_without_any_bar_is_empty_and_not_an_error(lake: Lake, reader: PriceReader) -> None:
    """The partition ran and the vendor gave nothing: that is an answer."""
    put_raw(lake, FRI, 0, {"BHP": {THU: 41.0}})
    assert reader.load_date(FRI, arrow=True).num_rows == 0


def test_what_is_not_there_is_answered_with_what_is(lake: Lake, reader: PriceReader) -> None:
    """Unknown dates name their neighbours, unknown symbols the like, an empty lake its address and the setting."""
    with pytest.raises(NoPrices, match="STOCKS_LAKE"):
        reader.get_latest_date()
    put_daily(lake, WED, {"BHP": {WED: 1.0}, "CBA": {WED: 2.0}})
    put_daily(lake, FRI, {"BHP": {FRI: 1.0}, "CBA": {FRI: 2.0}})
    with pytest.raises(NoPrices, match="nearest 2026-11-18 and 2026-11-20; there are 2 dates"):
        reader.load_date(THU)
    with pytest.raises(NoPrices, match="nearest 2026-11-20;"):
        reader.load_date("2027-01-01")
    with pytest.raises(NoPrices, match=r"did you mean BHP\?"):
        reader.load_symbols("BHPP")
    with pytest.raises(NoPrices, match="no prices of asx as of 2026-11-20"):
        reader.load_date(FRI, as_of=FRI)
    with pytest.raises(NoPrices, match="2026-11-18"):
        reader.merge_daily_batches(WED)


@pytest.mark.parametrize("day", ["20.11.2026", "2026-11-31", "", "today"])
def test_what_is_no_date_is_refused(reader: PriceReader, day: str) -> None:
    """With the form that is wanted."""
    with pytest.raises(ValueError, match="YYYY-MM-DD"):
        reader.load_date(day)


def test_instants_and_backward_ranges_are_refused(reader: PriceReader) -> None:
    """A datetime has no session without a zone; a range runs forward."""
    with pytest.raises(TypeError, match="a session is a date"):
        reader.load_date(datetime(2026, 11, 20, tzinfo=UTC))
    with pytest.raises(ValueError, match="before it starts"):
        reader.load_date_range(FRI, THU)


def test_files_of_strangers_are_left_out(lake: Lake, reader: PriceReader) -> None:
    """A copy made by hand beside the partitions is no partition."""
    put_daily(lake, FRI, {"BHP": {FRI: 1.0}})
    lake.write("asx/daily/2026-11-20 (copy).parquet", b"junk")
    lake.write("asx/raw-data/2026-11-20-batch-x.parquet", b"junk")
    assert reader.load_date(FRI, arrow=True).num_rows == 1


def test_a_damaged_plan_is_named(lake: Lake, reader: PriceReader) -> None:
    """Whether a day is complete cannot be told from rubbish, and that is said."""
    put_raw(lake, FRI, 0, {"BHP": {FRI: 1.0}})
    for rubbish in (b"", b"{}", b"[]", b'{"symbolBatches": [{}]}', b"\xff"):
        lake.write(layout.batches_key("asx", FRI), rubbish)
        with pytest.raises(LakeError, match=r"2026-11-20\.json is not a batch plan"):
            reader.load_date(FRI)


def test_what_was_learnt_of_a_file_is_forgotten_when_it_is_replaced(lake: Lake, reader: PriceReader) -> None:
    """Metadata is remembered by version, so a healed day becomes complete at once."""
    put_daily(lake, FRI, {"BHP": {FRI: 1.0}}, {"stocks.missing_batches": "1"})
    for _ in range(2):
        with pytest.warns(MissingBatches):
            reader.load_date(FRI, arrow=True)
    put_daily(lake, FRI, {"BHP": {FRI: 1.0}}, {"stocks.missing_batches": ""})
    assert told(reader.load_date(FRI, arrow=True))["stocks.complete"] is True


def test_a_damaged_file_is_named(lake: Lake, reader: PriceReader) -> None:
    """Not a DuckDB error about bytes, but which file and what to do."""
    put_daily(lake, FRI, {"BHP": {FRI: 1.0}})
    lake.write(layout.daily_key("asx", FRI), b"PAR1 not really")
    with pytest.raises(LakeError, match=r"2026-11-20\.parquet is not a readable Parquet file"):
        reader.load_date(FRI)
    lake.write(layout.daily_key("asx", FRI), b"")
    schema = pa.schema([f for f in PRICES if f.name != "close"])
    write_table(lake, layout.daily_key("asx", FRI), table({}, 0).drop_columns(["close"]), schema)
    with pytest.raises(SchemaError, match=r"2026-11-20\.parquet: columns missing: \['close'\]"):
        reader.load_date(FRI)


def test_a_folder_named_like_a_pattern_reads_its_own_files(tmp_path: Path) -> None:
    """DuckDB would take [ab] for a choice of letters."""
    for name, close in (("lake[ab]", 1.0), ("lakea", 2.0)):
        put_daily(open_lake(str(tmp_path / name)), FRI, {"BHP": {FRI: close}})
    assert closes(PriceReader(open_lake(str(tmp_path / "lake[ab]"))).load_date(FRI, arrow=True)) == [("BHP", FRI, 1.0)]


def test_pandas_frames_keep_whole_numbers_and_dates(lake: Lake, reader: PriceReader) -> None:
    """A missing volume is missing, not 0 and not a float; sessions are datetime64."""
    put_daily(lake, FRI, {"BHP": {FRI: 1.0}}, {"stocks.missing_batches": ""})
    frame = reader.load_date(FRI)
    assert {str(frame[c].dtype) for c in ("volume", "batch_number", "session")} == {"Int64", "Int32", "datetime64[ms]"}
    assert bool(frame["volume"].isna().all())
    assert frame.attrs == {"complete": True, "missing_batches": {}, "missing_symbols": []}


def test_readers_are_never_disturbed_by_writers(lake: Lake, reader: PriceReader) -> None:
    """Files are replaced by ones of another size as fast as the disk allows, and every answer is whole."""
    bars = [{f"S{n:03d}": {FRI: float(size)} for n in range(size)} for size in (40, 400, 90)]
    days = [date(2026, 10, n) for n in range(1, 9)]
    for day in days:
        put_daily(lake, day, bars[0])
    blobs = []
    for each in bars:
        put_daily(lake, days[0], each)
        blobs.append(lake.read(layout.daily_key("asx", days[0])))
    stop = threading.Event()

    def write() -> None:
        turn = 0
        while not stop.is_set():
            turn += 1
            lake.write(layout.daily_key("asx", days[turn % 8]), blobs[turn % 3])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(40):
            answer = reader.load_date_range(days[0], days[-1], arrow=True)
            sizes = answer.group_by("close").aggregate([("symbol", "count")]).to_pylist()
            assert all(row["symbol_count"] % row["close"] == 0 for row in sizes)
            assert sum(row["symbol_count"] / row["close"] for row in sizes) == 8
    finally:
        stop.set()
        writer.join()


def test_the_module_functions_take_the_lake_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """STOCKS_LAKE, an address or a Lake; market by keyword."""
    monkeypatch.setenv("STOCKS_LAKE", str(tmp_path))
    lake = open_lake(str(tmp_path))
    put_daily(lake, FRI, {"BHP": {FRI: 41.5}}, {"stocks.missing_batches": ""})
    put_raw(lake, FRI, 0, {"BHP": {FRI: 41.5}})
    for where in (None, str(tmp_path), lake):
        assert storage.load_date(FRI, lake=where)["close"].tolist() == [41.5]
    assert storage.load_date_range(FRI, lake=lake).shape == (1, len(PRICES))
    assert storage.load_symbols("BHP")["symbol"].tolist() == ["BHP"]
    assert storage.merge_daily_batches(FRI).table.num_rows == 1
    assert (storage.get_latest_date(), storage.get_date_range()) == (FRI, (FRI, FRI))
    assert storage.get_available_symbols() == ["BHP"]
    with pytest.raises(NoPrices, match="no prices of us"):
        storage.load_date(FRI, market="us")


def test_merging_a_day_never_loads_pandas(lake: Lake) -> None:
    """The asset that merges pays for pyarrow and duckdb only."""
    put_raw(lake, FRI, 0, {"BHP": {FRI: 41.5}})
    put_raw(lake, FRI, None, {"CBA": {FRI: 41.5}, "BHP": {FRI: 1.0}})
    code = (
        "import sys; from stocks_pipeline import storage;"
        "print(storage.merge_daily_batches('2026-11-20', lake=sys.argv[1]).table.num_rows, 'pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, lake.root], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["2", "False"]


def test_complete_answers_do_not_warn(lake: Lake, reader: PriceReader) -> None:
    """A warning that always comes is none."""
    put_plan(lake, FRI, ["BHP"], 1)
    put_raw(lake, FRI, 0, {"BHP": {FRI: 41.5}})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert reader.load_date(FRI).attrs["complete"] is True

import math
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import stocks_pipeline
from stocks_pipeline.domain.prices import Bars, SymbolOutcome, cell, merge_batches, of_symbols, summarise
from stocks_pipeline.domain.schemas import PRICES, SchemaError
from stocks_pipeline_tests.price_tables import MONDAY, row, table, week


def _closes(merged: Any) -> list[tuple[str, float]]:
    return [(each["symbol"], each["close"]) for each in merged.table.to_pylist()]


def test_merge_sorts_by_symbol_and_session() -> None:
    """Rows of all batches come out by symbol, then session, whatever order they came in."""
    second = table(reversed(week(["AAA", "CCC"], days=2)))
    first = table(week(["BBB"], days=2))
    merged = merge_batches([(1, second), (0, first)])
    keys = [(each["symbol"], each["session"]) for each in merged.table.to_pylist()]
    assert keys == sorted(keys)
    assert (len(keys), merged.duplicates) == (6, 0)
    assert merged.table.schema == PRICES


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_the_highest_batch_number_wins(order: tuple[int, ...]) -> None:
    """Batch 10 wins over 9 over the old one-file layout, in numeric order and whatever order they are read in."""
    batches: list[tuple[int | None, Any]] = [
        (None, table([row("AAA", MONDAY, 1.0), row("OLD", MONDAY, 4.0)])),
        (9, table([row("AAA", MONDAY, 2.0)])),
        (10, table([row("AAA", MONDAY, 3.0)])),
    ]
    merged = merge_batches([batches[n] for n in order])
    assert _closes(merged) == [("AAA", 3.0), ("OLD", 4.0)]
    assert merged.duplicates == 2


def test_within_a_batch_the_later_row_wins() -> None:
    """A bar twice in one batch is kept once, as it stands last."""
    merged = merge_batches([(0, table([row("AAA", MONDAY, 1.0), row("BBB", MONDAY), row("AAA", MONDAY, 2.0)]))])
    assert _closes(merged) == [("AAA", 2.0), ("BBB", 10.0)]
    assert merged.duplicates == 1


def test_fetched_at_never_chooses() -> None:
    """A later answer in a lower batch does not win: a re-run merges alike."""
    later = row("AAA", MONDAY, 1.0)
    later["fetched_at"] += timedelta(days=1)
    assert _closes(merge_batches([(0, table([later])), (1, table([row("AAA", MONDAY, 2.0)]))])) == [("AAA", 2.0)]


def test_one_session_of_a_lookback_window() -> None:
    """With a session only its rows are kept, and only its duplicates counted."""
    batches = [(n, table(week(["AAA", "BBB"]))) for n in (0, 1)]
    merged = merge_batches(batches, session=MONDAY + timedelta(days=4))
    assert {each["session"] for each in merged.table.to_pylist()} == {date(2025, 12, 5)}
    assert (merged.table.num_rows, merged.duplicates) == (2, 2)
    assert merge_batches(batches, session=date(2025, 1, 1)).table.num_rows == 0


def test_nothing_merges_to_nothing() -> None:
    """No batches, or batches without rows, give an empty table of the right columns."""
    for batches in ([], [(0, PRICES.empty_table())], [(0, PRICES.empty_table()), (None, PRICES.empty_table())]):
        merged = merge_batches(batches)
        assert (merged.table.num_rows, merged.duplicates, merged.table.schema) == (0, 0, PRICES)


def test_a_foreign_table_is_refused() -> None:
    """A batch without our columns is named as such, not merged into nulls."""
    with pytest.raises(SchemaError, match="columns missing"):
        merge_batches([(0, pa.table({"symbol": ["AAA"]}))])


@given(
    st.lists(
        st.tuples(
            st.none() | st.integers(0, 30),
            st.lists(st.tuples(st.sampled_from(["A", "B", "BB", "Ä"]), st.integers(0, 3)), max_size=8),
        ),
        max_size=5,
        unique_by=lambda batch: batch[0],
    )
)
def test_merge_keeps_each_bar_once(drawn: list[tuple[int | None, list[tuple[str, int]]]]) -> None:
    """Every bar of any batch is in the merge exactly once, from the highest batch that holds it."""
    batches: list[tuple[int | None, Any]] = []
    expected: dict[tuple[str, date], int] = {}
    rows = 0
    for number, bars in sorted(drawn, key=lambda batch: -1 if batch[0] is None else batch[0]):
        keyed = [(symbol, MONDAY + timedelta(days=day)) for symbol, day in bars]
        batches.append((number, table(row(symbol, day, batch_number=number) for symbol, day in keyed)))
        expected |= dict.fromkeys(keyed, -1 if number is None else number)
        rows += len(keyed)
    merged = merge_batches(list(reversed(batches)))
    found = {
        (each["symbol"], each["session"]): -1 if each["batch_number"] is None else each["batch_number"]
        for each in merged.table.to_pylist()
    }
    assert found == expected
    assert (merged.table.num_rows, merged.duplicates) == (len(expected), rows - len(expected))


def test_twenty_full_batches_lose_and_double_nothing() -> None:
    """A day of 20 batches, 80 symbols of 10 sessions each: every row once, nothing called a duplicate."""
    merged = merge_batches([(n, table(week([f"S{n:02d}{m:02d}" for m in range(80)], days=10))) for n in range(20)])
    assert (merged.table.num_rows, merged.duplicates) == (16_000, 0)


def test_pandas_is_never_loaded(tmp_path: Path) -> None:
    """Merging and every rule leave pandas alone: it would cost each process 0.6 s."""
    pq.write_table(table(week(["AAA"])), tmp_path / "bars.parquet")
    code = (
        "import sys, datetime as d, pyarrow.parquet as pq\n"
        "from stocks_pipeline.domain import price_rules as r\n"
        "from stocks_pipeline.domain.prices import merge_batches, SymbolOutcome\n"
        "bars = pq.ParquetFile(sys.argv[1]).read()\n"
        "first, day = d.date(2025, 12, 1), d.date(2025, 12, 5)\n"
        "days = [first + d.timedelta(n) for n in range(5)]\n"
        "o = [SymbolOutcome('AAA', 'ok', None, '', 1, 5)]\n"
        "t = merge_batches([(0, bars), (1, bars)]).table\n"
        "assert merge_batches([], day).table.num_rows == 0 and merge_batches([(0, bars)], day).table.num_rows == 1\n"
        "found = [r.fetched_share(o), r.prices_finite_and_positive(t), r.ohlc_consistent(t), r.no_duplicates(t),\n"
        "  r.expected_sessions_present(t, o, days, day), r.unexpected_sessions(t, days), r.stale_prices(t, day),\n"
        "  r.scale_against_previous_close(t, t), r.volume_plausible(t), r.listing_plausible(600, None)]\n"
        "assert all(f.passed for f in found), found\n"
        "assert 'pandas' not in sys.modules, 'pandas was loaded'\n"
    )
    repo = Path(stocks_pipeline.__file__).resolve().parents[1]
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "bars.parquet")], check=True, cwd=repo)


def test_summary_of_outcomes_counts_by_status_and_kind() -> None:
    """Statuses are always counted, kinds only where they occur."""
    outcomes = [
        SymbolOutcome("AAA", "ok", None, "", 1, 10),
        SymbolOutcome("BBB", "no_bars", None, "no bars", 1, 0),
        SymbolOutcome("CCC", "failed", "transient", "503", 4, 0),
        SymbolOutcome("DDD", "failed", "transient", "timeout", 4, 0),
        SymbolOutcome("EEE", "failed", None, "?", 1, 0),
    ]
    assert summarise(outcomes) == {
        "total": 5,
        "ok": 1,
        "no_bars": 1,
        "failed": 3,
        "failed_transient": 2,
        "failed_unknown": 1,
    }
    assert summarise([]) == {"total": 0, "ok": 0, "no_bars": 0, "failed": 0}


def test_summaries_name_three_symbols() -> None:
    """Three are named, the rest counted."""
    assert of_symbols(["AAA"], 100, "are late") == "1 of 100 symbols are late: AAA"
    assert of_symbols(list("ABCDE"), 9, "are late") == "5 of 9 symbols are late: A, B, C and 2 more"


def test_bars_are_ordered_and_null_is_nan() -> None:
    """The view sorts by symbol and session, and shows a null number as NaN."""
    bars = Bars.of(table([row("B", MONDAY), row("A", MONDAY + timedelta(days=1), open=None), row("A", MONDAY, 7.0)]))
    assert [bars.names[code] for code in bars.codes] == ["A", "A", "B"]
    assert bars.number("close").tolist() == [7.0, 10.0, 10.0]
    assert math.isnan(bars.number("open")[1])
    assert bars.present("open").tolist() == [True, False, True]


def test_chunks_slices_and_huge_volumes_read_alike() -> None:
    """A table in chunks or cut out of another, and a volume that no float holds exactly, are read like any."""
    whole = table([row("AAA", MONDAY, float(n + 1), volume=2**62 + n, open=None if n % 2 else 1.0) for n in range(6)])
    chunked = pa.concat_tables([whole.slice(0, 2), whole.slice(2, 3), whole.slice(5)])
    for bars in (Bars.of(whole), Bars.of(chunked), Bars.of(pa.concat_tables([whole, whole]).slice(6))):
        assert bars.number("close").tolist() == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
        assert bars.present("open").tolist() == [True, False] * 3
        assert bars.number("volume").tolist() == [2.0**62] * 6
    assert Bars.of(whole.slice(3, 2)).number("close").tolist() == [4.0, 5.0]


def test_cells_are_json() -> None:
    """NaN and infinity are spelled out, because JSON has neither."""
    assert [cell(1.5), cell(float("nan")), cell(float("inf"))] == [1.5, "nan", "inf"]

"""Tables in the lake: schema, verification, data version."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocks_pipeline.domain.schemas import PRICES, SchemaError
from stocks_pipeline.storage.lake import KeyMissing, Lake, LakeError, open_lake
from stocks_pipeline.storage.tables import (
    DATA_VERSION,
    data_version,
    read_metadata,
    read_row_count,
    read_stored,
    read_table,
    write_table,
)

KEY = "asx/raw-data/2026-11-20-batch-0.parquet"


def prices(closes: dict[str, float], *, fetched_minute: int = 0) -> Any:
    """One session of prices, one row a symbol."""
    row = {"session": date(2026, 11, 20), "dividend": 0.0, "split": 0.0, "source": "test", "batch_number": 0}
    at = datetime(2026, 11, 20, 6, fetched_minute, tzinfo=UTC)
    rows = [row | {"symbol": s, "close": c, "fetched_at": at} for s, c in closes.items()]
    return pa.Table.from_pylist(rows, schema=PRICES)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return open_lake(str(tmp_path))


def test_a_table_comes_back_as_it_went_in(lake: Lake) -> None:
    """Values, types, nullability, descriptions and metadata survive."""
    table = prices({"BHP": 41.5, "^AXJO": float("nan")})
    stored = write_table(lake, KEY, table, PRICES, metadata={"stocks.outcomes": "[]"})
    back = read_table(lake, KEY, PRICES)
    assert (stored.rows, stored.changed, stored.uri) == (2, True, lake.uri(KEY))
    assert stored.size == len(lake.read(KEY))
    assert back.schema.equals(PRICES)
    assert back.schema.field("close").metadata[b"description"]
    assert data_version(back) == data_version(table)
    assert read_metadata(lake, KEY) == {"stocks.outcomes": "[]", DATA_VERSION: stored.data_version}
    assert read_row_count(lake, KEY) == 2


def test_table_metadata_and_facts_of_one_read(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `write_table` said is said again, by a reader that opens the file once; what is missing is missing."""
    stored = write_table(lake, KEY, prices({"BHP": 41.5}), PRICES, metadata={"stocks.outcomes": "[]"})
    monkeypatch.setattr(lake, "tail", lambda *_: pytest.fail("the file was opened a second time"))
    table, metadata, facts = read_stored(lake, KEY, PRICES)
    assert table.equals(read_table(lake, KEY, PRICES))
    assert metadata == {"stocks.outcomes": "[]", DATA_VERSION: stored.data_version}
    assert facts == replace(stored, changed=False)
    with pytest.raises(KeyMissing):
        read_stored(lake, "asx/daily/2026-11-20.parquet")


def test_the_file_is_left_untouched_when_only_the_minute_changed(lake: Lake) -> None:
    """Same prices fetched again: same version, same file, not even its time changes; a new price replaces it."""
    first = write_table(lake, KEY, prices({"BHP": 41.5}), PRICES)
    before = Path(first.uri).stat()
    again = write_table(lake, KEY, prices({"BHP": 41.5}, fetched_minute=9), PRICES)
    after = Path(first.uri).stat()
    assert (again.changed, again.data_version, again.size) == (False, first.data_version, first.size)
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert write_table(lake, KEY, prices({"BHP": 41.6}), PRICES).changed
    assert write_table(lake, KEY, prices({"BHP": 41.6}), PRICES, metadata={"a": "b"}).changed
    assert read_table(lake, KEY)["close"].to_pylist() == [41.6]


@pytest.mark.parametrize("cut", [0, 3, 200, -100, -3])
def test_a_damaged_file_is_reported_and_healed(lake: Lake, cut: int) -> None:
    """A file cut short anywhere is no table; writing its partition again replaces it although the content is known."""
    write_table(lake, KEY, prices({"BHP": 41.5}), PRICES)
    lake.write(KEY, lake.read(KEY)[:cut])
    with pytest.raises(LakeError, match="materialize its partition again"):
        read_table(lake, KEY)
    assert write_table(lake, KEY, prices({"BHP": 41.5}), PRICES).changed
    assert read_table(lake, KEY).num_rows == 1


def test_a_file_damaged_in_the_middle_is_healed(lake: Lake) -> None:
    """The footer still tells the right version, so only reading the columns shows it."""
    write_table(lake, KEY, prices({"BHP": 41.5}), PRICES)
    good = lake.read(KEY)
    lake.write(KEY, good[:4] + b"\xff" * 60 + good[64:])
    assert read_metadata(lake, KEY)
    assert write_table(lake, KEY, prices({"BHP": 41.5}), PRICES).changed
    assert lake.read(KEY) == good


def test_what_does_not_fit_the_schema_is_never_stored(lake: Lake) -> None:
    """Missing, unknown, wrong and empty columns are refused, and nothing lies under the key."""
    good = prices({"BHP": 41.5})
    bad = [
        good.drop_columns(["close"]),
        good.append_column("extra", pa.array([1])),
        good.set_column(3, "close", pa.array(["high"])),
        good.set_column(0, "symbol", pa.array([None], pa.string())),
    ]
    for table in bad:
        with pytest.raises(SchemaError):
            write_table(lake, KEY, table, PRICES)
    assert not lake.exists(KEY)


def test_an_old_file_without_a_new_column_is_named(lake: Lake) -> None:
    """Reading with a schema says which column the file lacks."""
    schema = pa.schema([f for f in PRICES if f.name != "batch_number"])
    write_table(lake, KEY, prices({"BHP": 41.5}).drop_columns(["batch_number"]), schema)
    with pytest.raises(SchemaError, match="batch_number"):
        read_table(lake, KEY, PRICES)


def test_a_footer_larger_than_the_first_guess_is_read_in_full(lake: Lake) -> None:
    """Outcomes of a long batch can make the footer larger than 64 kB."""
    write_table(lake, KEY, prices({"BHP": 41.5}), PRICES, metadata={"stocks.outcomes": "x" * 200_000})
    assert len(read_metadata(lake, KEY)["stocks.outcomes"]) == 200_000


def test_missing_tables_are_missing(lake: Lake) -> None:
    """All three readers tell a missing file from a damaged one."""
    for read in (read_table, read_metadata, read_row_count):
        with pytest.raises(KeyMissing):
            read(lake, KEY)


COLUMNS = st.lists(
    st.tuples(
        st.none() | st.integers(-3, 3), st.none() | st.sampled_from(["", "a", "ab", "é"]), st.none() | st.booleans()
    ),
    max_size=12,
)


def table_of(rows: list[tuple[Any, ...]]) -> Any:
    kinds = (pa.int32(), pa.string(), pa.bool_())
    columns = [[row[i] for row in rows] for i in range(3)]
    return pa.table([pa.array(c, k) for c, k in zip(columns, kinds, strict=True)], names=["i", "s", "b"])


@given(COLUMNS, COLUMNS, st.integers(0, 12))
def test_the_data_version_is_the_content_and_nothing_else(
    rows: list[tuple[Any, ...]], other: list[tuple[Any, ...]], cut: int
) -> None:
    """Chunks, slices and leftovers in buffers do not count; any value, null or order does."""
    whole = table_of(rows)
    chunked = pa.concat_tables([whole.slice(0, cut), whole.slice(cut)])
    sliced = table_of([*other, *rows, *other]).slice(len(other), len(rows))
    assert data_version(whole) == data_version(chunked) == data_version(sliced)
    assert (data_version(whole) == data_version(table_of(other))) == (rows == other)


def test_the_data_version_knows_types_names_metadata_and_nested_values() -> None:
    """Equal values under another type, name or metadata are other content; buffers under a null are not."""
    column = pa.array([1, 2], pa.int32())
    tables = [
        pa.table({"a": column}),
        pa.table({"b": column}),
        pa.table({"a": column.cast(pa.int64())}),
        pa.table({"a": pa.array([[1], [2]])}),
        pa.table({"a": pa.array(["x", "y"]).dictionary_encode()}),
        pa.table({"a": pa.array(["x", "x"]).dictionary_encode()}),
    ]
    versions = [data_version(t) for t in tables] + [data_version(tables[0], metadata={"a": "b"})]
    assert len(set(versions)) == len(versions)
    dirty = pa.Array.from_buffers(pa.int32(), 2, [pa.py_buffer(b"\x02"), pa.py_buffer(b"\7\0\0\0\2\0\0\0")])
    assert data_version(pa.table({"a": dirty})) == data_version(pa.table({"a": pa.array([None, 2], pa.int32())}))


def test_storing_a_table_never_loads_pandas() -> None:
    """0.6 s of every run that writes prices."""
    code = """
import sys, tempfile, pyarrow as pa
from stocks_pipeline.storage.lake import open_lake
from stocks_pipeline.storage.tables import read_metadata, read_table, write_table
lake, schema = open_lake(tempfile.mkdtemp()), pa.schema([("a", pa.string()), ("b", pa.float64())])
# pa.array, pa.scalar and pa.repeat load pandas themselves, even for a list
floats = pa.Array.from_buffers(pa.float64(), 2, [None, pa.py_buffer(bytes(16))])
table = pa.Table.from_arrays([pa.nulls(2, pa.string()), floats], schema=schema)
write_table(lake, "a.parquet", table, schema); write_table(lake, "a.parquet", table, schema)
read_table(lake, "a.parquet", schema); read_metadata(lake, "a.parquet")
print("pandas" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"

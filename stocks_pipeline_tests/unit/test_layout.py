"""Every lake key and the symbol encoder."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import check_key
from stocks_pipeline.storage.layout import RawFile, decode_symbol, encode_symbol, parse_daily_key, parse_raw_key
from stocks_pipeline.storage.validation_keys import SessionPlace

DAY = date(2026, 11, 20)
SHORT = st.text(min_size=1, max_size=14)


def test_keys_are_the_documented_ones() -> None:
    """Paths are a contract with everyone who reads the bucket by hand."""
    assert layout.symbols_key("asx", DAY) == "asx/symbols/2026-11-20-symbols.csv"
    assert layout.batches_key("asx", "2026-11-20") == "asx/symbol-batches/2026-11-20.json"
    assert layout.raw_key("asx", DAY, 0) == "asx/raw-data/2026-11-20-batch-0.parquet"
    assert layout.raw_key("asx", DAY, None) == "asx/raw-data/2026-11-20.parquet"
    assert layout.daily_key("us", DAY) == "us/daily/2026-11-20.parquet"
    assert SessionPlace("us", DAY).record == "us/validation/2026-11-20/session.json"
    assert SessionPlace("us", DAY).batch(0) == "us/validation/2026-11-20/batch-0.parquet"
    assert SessionPlace("us", DAY).summary == "us/validation/2026-11-20/summary.json"
    assert layout.ticker_master_key() == "dr/ticker-master.parquet"
    assert layout.ticker_data_key(DAY, "NVDA19") == "dr/ticker-data/2026-11-20/NVDA19.parquet"
    assert layout.report_key(DAY, "NVDA19") == "dr/reports/2026-11-20/NVDA19.json"
    page = "dr/report-history/2026-11-20/NVDA19/TEST-0A1B/NVDA19.pdf"
    assert layout.report_file_key(DAY, "NVDA19", "test-0a1b", "pdf") == page
    assert layout.precompute_summary_key(DAY) == "dr/summaries/2026-11-20.json"


@given(day=st.dates(), batch=st.none() | st.integers(0, 10_000))
def test_a_raw_key_says_what_it_was_made_of(day: date, batch: int | None) -> None:
    """Old and new layout both parse back, for any date and batch."""
    assert parse_raw_key(layout.raw_key("asx", day, batch)) == RawFile("asx", day, batch)
    assert parse_daily_key(layout.daily_key("asx", day)) == day


@pytest.mark.parametrize(
    "key",
    [
        "asx/raw-data/2026-11-20-batch-01.parquet",
        "asx/raw-data/2026-11-20-batch-.parquet",
        "asx/raw-data/2026-13-20.parquet",
        "asx/raw-data/2026-11-20.parquet.bak",
        "asx/raw-data/x/2026-11-20.parquet",
        "asx/daily/2026-11-20.parquet",
    ],
)
def test_a_stranger_among_raw_files_is_refused(key: str) -> None:
    """Copies, back-ups and other folders' files are not prices."""
    with pytest.raises(ValueError, match=r"."):
        parse_raw_key(key)


@pytest.mark.parametrize(
    "key", ["asx/daily/2026-02-30.parquet", "asx/daily/x.parquet", "asx/raw-data/2026-11-20.parquet"]
)
def test_a_stranger_among_merged_files_is_refused(key: str) -> None:
    """Only real dates in the right folder are merged files."""
    with pytest.raises(ValueError, match=r"."):
        parse_daily_key(key)


def test_keys_refuse_what_would_leave_their_folder() -> None:
    """Market, date and batch are checked, because they may come from a command line."""
    for market in ("../x", "", "ASX", "a/b"):
        with pytest.raises(ValueError, match="market"):
            layout.daily_key(market, DAY)
    for day in ("20261120", "2026-11-20T00:00", "../../etc", "2026-W47-5"):
        with pytest.raises(ValueError, match=r"."):
            layout.daily_key("asx", day)
    with pytest.raises(TypeError, match="not an instant"):
        layout.daily_key("asx", datetime(2026, 11, 20, tzinfo=UTC))
    with pytest.raises(ValueError, match="start at 0"):
        layout.raw_key("asx", DAY, -1)
    with pytest.raises(ValueError, match="md, png and pdf"):
        layout.report_file_key(DAY, "NVDA19", "EXEC", "exe")


@given(SHORT)
@example("CON")
@example("con")
@example("../../x")
@example("^AXJO")
@example("BRK-B")
@example("%43ON")
@example(".")
@example("COM1.AX")
@example("A\0B")
def test_a_symbol_survives_the_trip_through_a_file_name(symbol: str) -> None:
    """Encode then decode is the identity, and the name is one valid, upper-case segment of a lake key."""
    name = encode_symbol(symbol)
    assert decode_symbol(name) == symbol
    assert name == name.upper()
    assert name.isascii()
    assert "/" not in check_key(f"{name}.parquet")
    assert name.split(".")[0] not in {"CON", "PRN", "AUX", "NUL", "COM1", "LPT1"}


@given(SHORT, SHORT)
@example("bhp", "BHP")
@example("ß", "SS")
def test_two_symbols_never_share_a_file_even_without_case(one: str, other: str) -> None:
    """Injective after case folding, as macOS and Windows fold."""
    if one != other:
        assert encode_symbol(one).casefold() != encode_symbol(other).casefold()


@given(st.text(max_size=14))
def test_only_names_the_encoder_makes_are_decoded(name: str) -> None:
    """A foreign file name is an error or is exactly what encode_symbol gives, never a second spelling."""
    try:
        symbol = decode_symbol(name)
    except ValueError:
        return
    assert encode_symbol(symbol) == name


def test_common_symbols_stay_readable() -> None:
    """A person looking into the folder finds BHP, BRK-B and BRK.B under their names."""
    assert [encode_symbol(s) for s in ("BHP", "BRK-B", "BRK.B", "^AXJO")] == ["BHP", "BRK-B", "BRK.B", "%5EAXJO"]


def test_symbols_that_cannot_be_names_are_refused() -> None:
    """Empty, over-long and broken Unicode are errors, not file names."""
    for symbol in ("", "x" * 200, "\ud800"):
        with pytest.raises(ValueError, match=r"."):
            encode_symbol(symbol)

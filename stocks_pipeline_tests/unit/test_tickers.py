"""The list of depositary receipts: the packaged one, a user's own, and finding one by name."""

import csv
import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocks_pipeline.domain.tickers import (
    EXCHANGE_NAMES,
    Ticker,
    TickerListError,
    UnknownTicker,
    currency_note,
    packaged_tickers,
    parse_tickers,
    resolve,
)
from stocks_pipeline.sandbox.exchanges import exchange_of

SHARED = Path(os.environ.get("STOCKS_SHARED_DATA") or Path(__file__).parents[3] / "shared" / "data") / "dr_tickers.csv"
HEAD = "dr,yahoo,name,exchange_mic,currency,active,sector,note\n"
GOOD = "DBS19,D05.SI,DBS Group Holdings Ltd,XSES,SGD,true,Financials,\n"


def test_the_packaged_list_holds_the_46() -> None:
    """46 receipts, each on a named exchange in a currency of that exchange's, uncertain ones with a note."""
    tickers = packaged_tickers()
    assert len({ticker.dr for ticker in tickers}) == len({ticker.yahoo for ticker in tickers}) == len(tickers) == 46
    money = {"XSES": "SGD", "XTKS": "JPY", "XSTC": "VND", "XTAI": "TWD", "XHKG": "HKD"}
    for ticker in tickers:
        assert ticker.exchange_mic in EXCHANGE_NAMES
        assert ticker.currency == money.get(ticker.exchange_mic, "USD") or ticker.dr == "BONDAS19"
        assert ticker.active
        assert ticker.note or ticker.dr not in {"SP500US19", "BONDAS19"}


@pytest.mark.parametrize(
    ("suffix", "mic"), [(".SI", "XSES"), (".T", "XTKS"), (".VN", "XSTC"), (".TW", "XTAI"), (".HK", "XHKG")]
)
def test_a_yahoo_suffix_and_its_exchange_go_together(suffix: str, mic: str) -> None:
    """The two columns say the same thing of every ticker."""
    for ticker in packaged_tickers():
        assert ticker.yahoo.endswith(suffix) == (ticker.exchange_mic == mic)


@pytest.mark.skipif(not SHARED.exists(), reason="the collected list (STOCKS_SHARED_DATA) is not on this machine")
def test_the_packaged_list_agrees_with_the_collected_facts() -> None:
    """Name, exchange, currency and note of each are those collected."""
    with SHARED.open(encoding="utf-8", newline="") as lines:
        collected = [tuple(fields.values()) for fields in csv.DictReader(lines)]
    ours = [(t.dr, t.yahoo, t.name, t.exchange_mic, t.currency, t.note) for t in packaged_tickers()]
    assert ours == collected


def test_a_currency_beside_the_lists_is_told_in_words() -> None:
    """Nothing where they agree or one is silent; else both, and every one of the bars'."""
    assert [currency_note("SGD", ["SGD"]), currency_note("SGD", []), currency_note(None, ["USD"])] == ["", "", ""]
    assert currency_note("USD", ["SGD"]) == "the ticker list says USD, the bars are in SGD"
    assert currency_note("GBP", ["GBP", "GBp"]) == "the ticker list says GBP, the bars are in GBP and GBp"


def test_the_sandbox_quotes_every_ticker_in_the_currency_of_the_list() -> None:
    """Also the SGX counter that trades in US dollars: the issuer's own page says so of N6M."""
    for ticker in packaged_tickers():
        exchange = exchange_of(ticker.yahoo)
        assert exchange is not None
        assert exchange.currency == ticker.currency, ticker.dr


def test_a_list_with_other_spellings_is_understood() -> None:
    """The seed's header, a byte-order mark, blank lines and few columns are no obstacle."""
    body = "\ufeffSymbol,Ticker,Name,MIC\r\n\r\nptt,ptt.bk,PTT PCL,xbkk\r\n".encode()
    assert parse_tickers(body) == (Ticker("PTT", "PTT.BK", "PTT PCL", "XBKK", None, active=True),)
    assert parse_tickers(body)[0].exchange == "Stock Exchange of Thailand"


@pytest.mark.parametrize("said", ["false", "No", "0", "FALSE"])
def test_a_ticker_can_be_inactive(said: str) -> None:
    """The flag is read in the words people write."""
    assert not parse_tickers((HEAD + GOOD.replace("true", said)).encode())[0].active


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "no header"),
        (b"\n\n", "no header"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"dr,yahoo,name\nA,B,C\n", "line 1, header: missing \\['exchange_mic'\\]"),
        (b"dr,yahoo,name,mic,price\n", "unknown \\['price'\\]"),
        (b"dr,dr_symbol,yahoo,name,mic\n", "twice \\['dr'\\]"),
        ((HEAD + GOOD + GOOD).encode(), "line 3, field dr: DBS19 is already on line 2"),
        ((HEAD + GOOD + "A,B\n").encode(), "line 3: 2 fields where the header has 8"),
        ((HEAD + GOOD.replace("XSES", "SGX")).encode(), "line 2, field exchange_mic: 'SGX'"),
        ((HEAD + GOOD.replace("SGD", "S$")).encode(), "line 2, field currency"),
        ((HEAD + GOOD.replace("true", "maybe")).encode(), "line 2, field active"),
        ((HEAD + GOOD.replace("DBS19", "../x")).encode(), "line 2, field dr"),
        ((HEAD + GOOD.replace("D05.SI", "")).encode(), "line 2, field yahoo: ''"),
        ((HEAD + GOOD.replace("DBS Group", "{close}")).encode(), "line 2, field name"),
        ((HEAD + '"a\n').encode(), "line 2"),
    ],
)
def test_a_list_that_cannot_be_read_says_where(body: bytes, says: str) -> None:
    """Line and field are named; nothing is skipped silently."""
    with pytest.raises(TickerListError, match=says):
        parse_tickers(body)


def test_a_header_without_rows_is_a_list_of_nobody() -> None:
    """A05: zero tickers are legal: nothing to do is no fault."""
    assert parse_tickers(HEAD.encode()) == parse_tickers(HEAD.encode() + b"\n\r\n") == ()
    with pytest.raises(UnknownTicker, match="DBS19"):
        resolve((), "DBS19")


@given(st.binary(max_size=300))
def test_any_bytes_are_a_list_or_an_error_that_says_so(body: bytes) -> None:
    """No input raises anything else."""
    with suppress(TickerListError):
        assert len(parse_tickers(HEAD.encode() + body)) <= body.count(b"\n") + body.count(b"\r") + 1


@pytest.mark.parametrize("pick", [str, str.lower, lambda name: f" {name} "])
def test_both_names_of_every_ticker_resolve(pick: object) -> None:
    """DBS19, d05.si and a stray blank all lead to the same."""
    assert callable(pick)
    tickers = packaged_tickers()
    for ticker in tickers:
        assert resolve(tickers, pick(ticker.dr)) is ticker
        assert resolve(tickers, pick(ticker.yahoo)) is ticker


@pytest.mark.parametrize(
    ("name", "near"), [("DBS", "DBS19"), ("NVDIA19", "NVDA19"), ("D05", "DBS19"), ("tencent", "TENCENT19")]
)
def test_an_unknown_name_lists_the_nearest(name: str, near: str) -> None:
    """A slip is put right in one step."""
    with pytest.raises(UnknownTicker, match=near) as raised:
        resolve(packaged_tickers(), name)
    assert raised.value.nearest[0] == near
    assert len(raised.value.nearest) <= 5


@pytest.mark.parametrize("name", ["", "   ", "$$$$$$", "x" * 10_000])
def test_a_name_like_none_says_only_that(name: str) -> None:
    """Nothing is suggested where nothing is near."""
    with pytest.raises(UnknownTicker) as raised:
        resolve(packaged_tickers(), name)
    assert raised.value.nearest == ()

"""Every path of the lake in one place, and the one encoder that turns a symbol into a file name.

What belongs here: functions from (market, day, batch, symbol) to a lake key, and back. What does not: reading or
writing anything (lake.py, tables.py). Keys are relative, use "/" on every system, and hold no wall clock: the
partition chooses the name.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from urllib.parse import unquote_to_bytes

_MARKET: Final = re.compile(r"[a-z][a-z0-9_]*")
_RAW: Final = re.compile(
    r"(?P<market>[a-z][a-z0-9_]*)/raw-data/(?P<day>\d{4}-\d\d-\d\d)(?:-batch-(?P<batch>0|[1-9]\d*))?\.parquet"
)
_DAILY: Final = re.compile(r"(?P<market>[a-z][a-z0-9_]*)/daily/(?P<day>\d{4}-\d\d-\d\d)\.parquet")
_SYMBOLS: Final = re.compile(r"(?P<market>[a-z][a-z0-9_]*)/symbols/(?P<day>\d{4}-\d\d-\d\d)-symbols\.csv")
_BATCHES: Final = re.compile(r"(?P<market>[a-z][a-z0-9_]*)/symbol-batches/(?P<day>\d{4}-\d\d-\d\d)\.json")
_PLAIN: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
_RESERVED: Final = re.compile(r"(CON|PRN|AUX|NUL|COM[0-9]|LPT[0-9])(\..*)?")
"""Device names of Windows, which stay devices whatever extension follows: `CON.parquet` opens the console."""
MAX_NAME: Final = 180
"""Characters of an encoded symbol: 255 is the usual limit of a file name, less suffix and temporary marks."""


@dataclass(frozen=True)
class RawFile:
    """What the key of a raw price file says; `batch` is None in the old layout of one file a day."""

    market: str
    day: date
    batch: int | None


def encode_symbol(symbol: str) -> str:
    """A file name for any symbol: injective also on case-insensitive file systems, safe on Windows and in globs.

    Upper-case ASCII letters, digits, `-`, `_` and inner dots stand for themselves; every other byte of the UTF-8 form
    is `%XX`. So the output holds no lower case, `bhp` and `BHP` differ, and `CON`, `../x` and `^AXJO` are just data.

    Raises:
        ValueError: the symbol is empty, not valid Unicode, or its name would be longer than 180 characters.
    """
    raw = symbol.encode()
    if not raw:
        raise ValueError("an empty symbol has no file name")
    edge = {0, len(raw) - 1}
    reserved = _RESERVED.fullmatch(symbol) is not None
    name = "".join(
        chr(byte)
        if byte in _PLAIN and not (byte == ord(".") and place in edge) and not (reserved and place == 0)
        else f"%{byte:02X}"
        for place, byte in enumerate(raw)
    )
    if len(name) > MAX_NAME:
        raise ValueError(f"symbol {symbol[:40]!r}… is too long for a file name: {len(name)} > {MAX_NAME} characters")
    return name


def decode_symbol(name: str) -> str:
    """The symbol behind a file name.

    Raises:
        ValueError: `encode_symbol` never produces this name.
    """
    try:
        symbol = unquote_to_bytes(name).decode()
        known = encode_symbol(symbol) == name
    except ValueError as error:
        raise ValueError(f"{name!r} is not the file name of a symbol: {error}") from error
    if not known:
        raise ValueError(f"{name!r} is not the file name of a symbol: {symbol!r} is stored as {encode_symbol(symbol)}")
    return symbol


def _market(market: str) -> str:
    if not _MARKET.fullmatch(market):
        raise ValueError(f"market {market!r}: lower-case letters, digits and _ only, such as asx")
    return market


def _day(day: date | str) -> str:
    """ISO form; a datetime is refused because its date depends on a zone that is not ours to choose."""
    if isinstance(day, datetime):
        raise TypeError(f"a partition is a date, not an instant: {day!r}")
    text = day if isinstance(day, str) else day.isoformat()
    if date.fromisoformat(text).isoformat() != text:
        raise ValueError(f"date {text!r}: write it as YYYY-MM-DD")
    return text


def _number(batch: int) -> int:
    if batch < 0:
        raise ValueError(f"batch numbers start at 0, not {batch}")
    return batch


def _day_of(pattern: re.Pattern[str], key: str, form: str) -> date:
    found = pattern.fullmatch(key)
    if not found:
        raise ValueError(f"{key!r} is not of the form {form}")
    return date.fromisoformat(found["day"])


def symbols_prefix(market: str) -> str:
    """Prefix of the listings of a market."""
    return f"{_market(market)}/symbols/"


def symbols_key(market: str, day: date | str) -> str:
    """The listing of one session, as CSV."""
    return f"{symbols_prefix(market)}{_day(day)}-symbols.csv"


def parse_symbols_key(key: str) -> date:
    """The session of a listing. Raises ValueError for a key that `symbols_key` does not make."""
    return _day_of(_SYMBOLS, key, "market/symbols/YYYY-MM-DD-symbols.csv")


def batches_prefix(market: str) -> str:
    """Prefix of the plans of a market."""
    return f"{_market(market)}/symbol-batches/"


def batches_key(market: str, day: date | str) -> str:
    """The plan of one session: which symbols are in which batch, as JSON."""
    return f"{batches_prefix(market)}{_day(day)}.json"


def parse_batches_key(key: str) -> date:
    """The session of a plan. Raises ValueError for a key that `batches_key` does not make."""
    return _day_of(_BATCHES, key, "market/symbol-batches/YYYY-MM-DD.json")


def raw_prefix(market: str, day: date | str | None = None) -> str:
    """Prefix of the raw price files of a market, or of one partition date of it."""
    return f"{_market(market)}/raw-data/{'' if day is None else _day(day)}"


def raw_key(market: str, day: date | str, batch: int | None) -> str:
    """Raw prices of one batch as fetched on that day; batch None is the old layout of one file a day."""
    return f"{raw_prefix(market, _day(day))}{'' if batch is None else f'-batch-{_number(batch)}'}.parquet"


def parse_raw_key(key: str) -> RawFile:
    """What a raw price key says.

    Raises:
        ValueError: the key is not one `raw_key` makes.
    """
    found = _RAW.fullmatch(key)
    if not found:
        raise ValueError(f"{key!r} is not a raw price file: market/raw-data/YYYY-MM-DD[-batch-N].parquet")
    batch = found["batch"]
    return RawFile(found["market"], date.fromisoformat(found["day"]), None if batch is None else int(batch))


def daily_prefix(market: str) -> str:
    """Prefix of the merged price files of a market."""
    return f"{_market(market)}/daily/"


def daily_key(market: str, day: date | str) -> str:
    """Prices of one session, merged from its batches."""
    return f"{daily_prefix(market)}{_day(day)}.parquet"


def parse_daily_key(key: str) -> date:
    """The session of a merged price file. Raises ValueError for a key that `daily_key` does not make."""
    return _day_of(_DAILY, key, "market/daily/YYYY-MM-DD.parquet")


def validation_prefix(market: str) -> str:
    """Prefix of all validation sessions of a market."""
    return f"{_market(market)}/validation/"


def ticker_master_key() -> str:
    """The depositary receipts followed, with their names at each vendor."""
    return "dr/ticker-master.parquet"


def ticker_data_key(day: date | str, ticker: str) -> str:
    """Bars, company info and events of one ticker as fetched on that day."""
    return f"dr/ticker-data/{_day(day)}/{encode_symbol(ticker)}.parquet"


def report_key(day: date | str, ticker: str) -> str:
    """The report of a morning; it names its chart, text and page, which lie in the history."""
    return f"dr/reports/{_day(day)}/{encode_symbol(ticker)}.json"


def precompute_summary_key(day: date | str) -> str:
    """True counts of one morning's reports."""
    return f"dr/summaries/{_day(day)}.json"


def report_history_key(day: date | str, ticker: str, execution: str) -> str:
    """The report that one execution wrote: kept when a later one replaces the day's report."""
    return f"dr/report-history/{_day(day)}/{encode_symbol(ticker)}/{encode_symbol(execution)}.json"


def report_file_key(day: date | str, ticker: str, execution: str, suffix: str) -> str:
    """What belongs to the report of one execution: its text, chart or page.

    People open these. So the execution stands in capitals, which need no escape; its end is a run's and tells it apart.
    """
    if suffix not in {"md", "png", "pdf"}:
        raise ValueError(f"beside a report there are md, png and pdf, not {suffix!r}")
    name = encode_symbol(ticker)
    return f"dr/report-history/{_day(day)}/{name}/{encode_symbol(execution.upper())}/{name}.{suffix}"


def job_prefix(day: date | str) -> str:
    """Prefix of the job records of a day."""
    return f"dr/jobs/{_day(day)}/"


def job_key(day: date | str, execution: str, ticker: str) -> str:
    """The record of one ticker in one execution."""
    return f"{job_prefix(day)}{encode_symbol(execution)}/{encode_symbol(ticker)}.json"


def llm_call_key(day: date | str, call_id: str) -> str:
    """The ledger row of one call to a model."""
    return f"dr/llm-calls/{_day(day)}/{encode_symbol(call_id)}.json"


def llm_answer_key(fingerprint: str) -> str:
    """What a model answered to exactly this question: paid for once."""
    return f"dr/llm-answers/{fingerprint[:2]}/{encode_symbol(fingerprint.upper())}.json"

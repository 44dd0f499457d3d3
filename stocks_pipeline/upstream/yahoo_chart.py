"""One body of Yahoo's chart endpoint (`/v8/finance/chart/SYMBOL`, interval 1d) as an Arrow table, or why it is none.

What belongs here: pure reading of bytes: no socket, no clock, no pandas. What does not: fetching (yahoo.py), cookies
(yahoo_session.py), and any judgement of prices that are readable but odd (domain/).

`Ticker.history(auto_adjust=False, actions=True)` of yfinance is the oracle (sandbox/test_yahoo_contract.py). We differ
from it on purpose in five places, each because a number that is missing has to stay missing:
 * a bar without a close, or with a close of zero, is dropped and counted; yfinance keeps some of them as NaN;
 * a volume or adjusted close that Yahoo does not send is null; yfinance writes 0 and the plain close;
 * an event on a day without a bar goes to the next bar, the first whose price shows it (Yahoo's own adj_close steps
   there too); yfinance moves it to the bar before, adds a NaN row after the last bar, or forgets it before the first;
 * timestamps out of order are refused; yfinance sorts them;
 * capital gains of funds are not kept: no column of ours holds them.
"""

import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import orjson
import pyarrow as pa

from stocks_pipeline.domain.schemas import BARS
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError
from stocks_pipeline.upstream.yahoo_bars import UPSTREAM, Bars, Event, Window, malformed, vendor_error

_EPOCH = date(1970, 1, 1)
_DAY_S = 86_400
_QUARTER_S = 900  # no zone moves its clock at another moment than a quarter of an hour
_LATE_MINUTES = frozenset({22 * 60, 23 * 60})
_PRICE_TYPES: frozenset[type] = frozenset({int, float, type(None)})
_ABSURD = 1e15  # split-adjusted prices of often-consolidated funds pass 1e10; beyond this, a number is damage
type_floats = np.ndarray[Any, np.dtype[np.float64]]
type_ints = np.ndarray[Any, np.dtype[np.int64]]


def decode_chart(body: bytes, *, symbol: str, window: Window) -> Bars:
    """The bars of `symbol` inside `window` from one body of the chart endpoint.

    Prices are split-adjusted as of now and kept as sent; `adj_close` is adjusted for dividends too. An empty window
    gives zero rows.

    Raises:
        UpstreamError: PERMANENT, AUTH, RATE or TRANSIENT where Yahoo says so in its error body, else MALFORMED.
    """
    result = _result(body, symbol)
    if isinstance(result, str):
        return Bars(symbol, BARS.empty_table(), None, 0, note=result)
    try:
        return _bars(result, symbol, window)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError, OSError) as error:
        # Shapes can be wrong in more ways than can be listed; what was being read is in the error's own text. OSError
        # is a time stamp out of the C library's range.
        raise malformed(symbol, f"cannot be read: {type(error).__name__}: {error}") from error


def _result(body: bytes, symbol: str) -> dict[str, Any] | str:
    """`chart.result[0]`, or the reason why the window is empty."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if b"Will be right back" in body:
            raise UpstreamError(FailureKind.TRANSIENT, UPSTREAM, symbol, "Yahoo shows its maintenance page") from error
        raise malformed(symbol, f"is not JSON but starts {_head(body)}") from error
    failure = vendor_error(document)
    if failure:
        if failure.before_listing:
            return failure.description
        raise failure.as_error(symbol)
    try:
        result = document["chart"]["result"][0]
    except (KeyError, TypeError, IndexError) as error:
        raise malformed(symbol, "has no chart.result") from error
    if not isinstance(result, dict):
        raise malformed(symbol, "has no chart.result")
    return result


def _bars(result: dict[str, Any], symbol: str, window: Window) -> Bars:
    meta = result["meta"]
    if str(meta["symbol"]).upper() != symbol.upper():
        raise malformed(symbol, f"is about {str(meta['symbol'])[:20]!r}")
    tz = _known_zone(meta["exchangeTimezoneName"])
    currency = str(meta["currency"]) if meta.get("currency") else None
    first, last = (window.start - _EPOCH).days, (window.end - _EPOCH).days
    events = [e for e in _events(result.get("events") or {}, tz) if window.start <= e.day <= window.end]
    if not result.get("timestamp"):
        if any(values for quote in result["indicators"]["quote"] for values in quote.values()):
            raise malformed(symbol, "has prices without timestamps")
        return Bars(symbol, BARS.empty_table(), currency, 0, tuple(events), "no bars in the window")
    if meta.get("dataGranularity", "1d") != "1d":
        raise malformed(symbol, f"has bars of {meta['dataGranularity']}, not of a day")
    sessions, columns = _columns(result, symbol, tz)
    inside = (sessions >= first) & (sessions <= last)  # Yahoo may append the live bar behind the window's end
    priced = ~np.isnan(columns["close"]) & (columns["close"] != 0)
    keep = _one_per_session(sessions, inside & priced)
    sessions = sessions[keep]
    dividend, split, unplaced, moved = _place(events, sessions)
    kept = {name: values[keep] for name, values in columns.items()} | {"dividend": dividend, "split": split}
    note = f"{moved} events moved to the next bar" if moved else ""
    foreign = _foreign_currencies(result.get("events") or {}, currency)
    if foreign:
        note = "; ".join(filter(None, (note, f"dividends in {foreign}, prices in {currency}")))
    return Bars(symbol, _table(sessions, kept), currency, int((inside & ~priced).sum()), unplaced, note)


def _columns(result: dict[str, Any], symbol: str, tz: str) -> tuple[type_ints, dict[str, type_floats]]:
    """Sessions as days since 1970 and the float columns, missing as NaN, checked for length, order and sanity."""
    stamps = np.array(_numbers(result["timestamp"], frozenset({int})), np.int64)
    if (np.diff(stamps) < 0).any():
        raise malformed(symbol, "has timestamps out of order")
    quote = result["indicators"]["quote"][0]
    columns = {name: np.array(_numbers(quote[name]), np.float64) for name in ("open", "high", "low", "close", "volume")}
    adjusted = result["indicators"].get("adjclose")
    # Old bars of some symbols carry the string "Infinity" here: as good as missing.
    sent = [None if isinstance(v, str) else v for v in adjusted[0]["adjclose"]] if adjusted else [None] * len(stamps)
    columns["adj_close"] = np.array(_numbers(sent), np.float64)
    for name, values in columns.items():
        if len(values) != len(stamps):
            raise malformed(symbol, f"has {len(stamps)} timestamps and {len(values)} of {name}")
        known = values[~np.isnan(values)]
        if name != "adj_close" and (known < 0).any():  # huge dividends push old adjusted closes below zero
            raise malformed(symbol, f"has a negative {name}")
        if (np.abs(known) > _ABSURD).any():
            raise malformed(symbol, f"has an absurd {name}: {np.abs(known).max():.3g}")
    return _local_days(tz, tuple(stamps.tolist())), columns


def _numbers(values: Any, kinds: frozenset[type] = _PRICE_TYPES) -> list[Any]:
    """The list itself, proven to hold nothing but numbers: numpy would read "1.5" and True as such too."""
    if not isinstance(values, list):
        raise TypeError(f"expected a list, got {type(values).__name__}")
    strange = set(map(type, values)) - kinds
    if strange:
        raise TypeError(f"expected numbers, got {sorted(t.__name__ for t in strange)}")
    return values


def _one_per_session(sessions: type_ints, keep: np.ndarray[Any, np.dtype[np.bool_]]) -> type_ints:
    """Indices of the bars to keep, one a session. While a market is open Yahoo sends today twice and the second is the
    fresher one; anywhere else the first stands, as in yfinance.
    """
    index = np.flatnonzero(keep)
    if len(index) > 1 and sessions[index[-1]] == sessions[index[-2]]:
        index = np.delete(index, -2)
    days = sessions[index]
    return index[np.concatenate(([True], days[1:] != days[:-1]))] if len(index) else index


def _events(raw: dict[str, Any], tz: str) -> Iterator[Event]:
    for item in (raw.get("dividends") or {}).values():
        yield Event(_day(tz, item["date"]), "dividend", _positive(item["amount"]))
    for item in (raw.get("splits") or {}).values():
        ratio = _positive(item["numerator"]) / _positive(item["denominator"])
        yield Event(_day(tz, item["date"]), "split", ratio)


def _positive(value: Any) -> float:
    if type(value) not in (int, float) or not 0 < value < _ABSURD or not math.isfinite(value):
        raise ValueError(f"expected a positive number in an event, got {str(value)[:20]!r}")
    return float(value)


def _place(events: list[Event], sessions: type_ints) -> tuple[type_floats, type_floats, tuple[Event, ...], int]:
    """Dividends (summed) and splits (multiplied) a session, events that found no bar, and how many had to move."""
    columns = {"dividend": np.zeros(len(sessions)), "split": np.zeros(len(sessions))}
    unplaced, moved = [], 0
    for event in events:
        day = (event.day - _EPOCH).days
        row = int(np.searchsorted(sessions, day))
        if row == len(sessions):
            unplaced.append(event)
            continue
        moved += int(sessions[row] != day)
        column = columns[event.kind]
        column[row] = column[row] * event.value if event.kind == "split" and column[row] else column[row] + event.value
    return columns["dividend"], columns["split"], tuple(unplaced), moved


def _foreign_currencies(raw: dict[str, Any], currency: str | None) -> str:
    """Currencies of dividends that are not paid in the currency of the price (Vietnam, dual listings)."""
    paid = {str(d.get("currency") or "") for d in (raw.get("dividends") or {}).values()}
    return ", ".join(sorted(paid - {"", str(currency)}))


def _table(sessions: type_ints, columns: dict[str, type_floats]) -> pa.Table:
    arrays = [_arrow(sessions if f.name == "session" else columns[f.name], f.type) for f in BARS]
    return pa.Table.from_arrays(arrays, schema=BARS)


def _arrow(values: Any, kind: pa.DataType) -> pa.Array:
    """Zero-copy but for gaps; `pa.array(ndarray)` would import pandas (0.6 s of every process)."""
    gaps = np.isnan(values)
    bitmap = pa.py_buffer(np.packbits(~gaps, bitorder="little")) if gaps.any() else None
    dtype = {pa.date32(): np.int32, pa.int64(): np.int64}.get(kind, np.float64)
    data = np.ascontiguousarray(np.where(gaps, 0, values) if bitmap else values, dtype)
    return pa.Array.from_buffers(kind, len(data), [bitmap, pa.py_buffer(data)])


@lru_cache(maxsize=64)  # the symbols of a market share their opening times, so most answers of a batch hit
def _local_days(tz: str, stamps: tuple[int, ...]) -> type_ints:
    """Days since 1970 on the exchange's clock. `meta.gmtoffset` is today's offset, wrong across a clock change."""
    local = [stamp + _offset(tz, stamp // _QUARTER_S) for stamp in stamps]
    # Yahoo dates some bars 22:00 or 23:00 of the evening before (a clock-change slip): yfinance's rule.
    days = np.array([at // _DAY_S + (at % _DAY_S // 60 in _LATE_MINUTES) for at in local], np.int64)
    days.flags.writeable = False
    return days


@lru_cache(maxsize=1 << 16)
def _offset(tz: str, quarter: int) -> int:
    delta = datetime.fromtimestamp(quarter * _QUARTER_S, UTC).astimezone(ZoneInfo(tz)).utcoffset()
    return int(delta.total_seconds()) if delta else 0


def _day(tz: str, stamp: Any) -> date:
    if type(stamp) is not int:
        raise TypeError(f"expected unix seconds in an event, got {str(stamp)[:20]!r}")
    return _EPOCH + timedelta(days=int(_local_days(tz, (stamp,))[0]))


def _known_zone(name: Any) -> str:
    if not isinstance(name, str):
        raise TypeError("meta.exchangeTimezoneName is missing")
    ZoneInfo(name)  # ZoneInfoNotFoundError is a KeyError, a bad key a ValueError
    return name


def _head(body: bytes) -> str:
    return repr(body[:60].decode("utf-8", "replace"))

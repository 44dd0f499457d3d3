"""The exchanges that the sandbox plays: how the price vendor names them and their symbols.

What belongs here: the vendor's suffix, labels, currency, trading hours and tick of each exchange. What does not:
which days are sessions (domain/calendars.py knows that) and any price.
"""

import re
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Exchange:
    """One exchange as the vendor shows it.

    `ticks` are (below this price, the tick is) pairs, the last one without an upper end. `typical` is the middle of
    the simulated prices in `currency`. `zone` labels the time zone where the tz database only has an offset.
    """

    suffix: str
    mic: str
    code: str
    label: str
    currency: str
    tz: str
    opens: time
    closes: time
    pattern: str
    ticks: tuple[tuple[float, float], ...]
    typical: float
    zone: str | None = None

    def local(self, day: date, at: time) -> int:
        """Unix seconds (UTC) of a wall-clock time on the exchange's own clock."""
        return int(datetime.combine(day, at, ZoneInfo(self.tz)).timestamp())

    def open_ts(self, day: date) -> int:
        """Unix seconds of the opening auction: the timestamp of a daily bar on the wire."""
        return _open_ts(self.tz, self.opens, day)

    def day_of(self, ts: float) -> date:
        """The exchange's own date at an instant."""
        return datetime.fromtimestamp(ts, ZoneInfo(self.tz)).date()

    def end_of(self, day: date) -> int:
        """The last second of a date on the exchange's clock: every bar of that date is then known."""
        return self.local(day + timedelta(days=1), time()) - 1

    def gmtoffset(self, ts: float) -> int:
        """Seconds east of UTC at an instant. The vendor sends today's offset, also with bars of the other half-year."""
        offset = datetime.fromtimestamp(ts, ZoneInfo(self.tz)).utcoffset()
        return int(offset.total_seconds()) if offset else 0

    def zone_name(self, ts: float) -> str:
        """The zone's abbreviation at an instant, such as AEDT."""
        return self.zone or datetime.fromtimestamp(ts, ZoneInfo(self.tz)).strftime("%Z")


@lru_cache(maxsize=100_000)
def _open_ts(tz: str, opens: time, day: date) -> int:
    return int(datetime.combine(day, opens, ZoneInfo(tz)).timestamp())


_ALWAYS = float("inf")

ASX = Exchange(
    "AX", "XASX", "ASX", "ASX", "AUD", "Australia/Sydney", time(10), time(16),
    r"[A-Z0-9]{3,6}", ((0.1, 0.001), (2.0, 0.005), (_ALWAYS, 0.01)), 1.5,
)  # fmt: skip
NASDAQ = Exchange(
    "", "XNYS", "NMS", "NasdaqGS", "USD", "America/New_York", time(9, 30), time(16),
    r"[A-Z]{1,5}(-[A-Z]{1,2})?", ((_ALWAYS, 0.01),), 90.0,
)  # fmt: skip
SGX = Exchange(
    "SI", "XSES", "SES", "SES", "SGD", "Asia/Singapore", time(9), time(17),
    r"[A-Z0-9]{3,4}", ((0.2, 0.001), (1.0, 0.005), (_ALWAYS, 0.01)), 4.0, "SGT",
)  # fmt: skip
HKEX = Exchange(
    "HK", "XHKG", "HKG", "HKSE", "HKD", "Asia/Hong_Kong", time(9, 30), time(16),
    r"[0-9]{4,5}", ((10.0, 0.01), (20.0, 0.02), (100.0, 0.05), (_ALWAYS, 0.1)), 40.0,
)  # fmt: skip
TSE = Exchange(
    "T", "XTKS", "JPX", "Tokyo", "JPY", "Asia/Tokyo", time(9), time(15, 30),
    r"[0-9]{3}[0-9A-Z]", ((1000.0, 0.1), (10000.0, 1.0), (_ALWAYS, 10.0)), 2500.0,
)  # fmt: skip
HOSE = Exchange(
    "VN", "XSTC", "VSE", "Vietnam", "VND", "Asia/Ho_Chi_Minh", time(9), time(14, 45),
    r"[A-Z0-9]{3}", ((10_000.0, 10.0), (50_000.0, 50.0), (_ALWAYS, 100.0)), 45_000.0, "ICT",
)  # fmt: skip

TWSE = Exchange(
    "TW", "XTAI", "TAI", "Taiwan", "TWD", "Asia/Taipei", time(9), time(13, 30),
    r"[0-9]{4,6}", ((50.0, 0.05), (100.0, 0.1), (_ALWAYS, 0.5)), 80.0,
)  # fmt: skip
SET = Exchange(
    "BK", "XBKK", "SET", "Thailand", "THB", "Asia/Bangkok", time(10), time(16, 30),
    r"[A-Z0-9]{1,8}", ((2.0, 0.01), (10.0, 0.05), (100.0, 0.25), (_ALWAYS, 0.5)), 25.0, "ICT",
)  # fmt: skip

_COUNTERS = {"N6M.SI": replace(SGX, currency="USD")}
"""Symbols quoted in another currency than their exchange's. The fund's SGD counter is QL2."""

EXCHANGES = (ASX, NASDAQ, SGX, HKEX, TSE, HOSE, TWSE, SET)
_BY_SUFFIX = {exchange.suffix: exchange for exchange in EXCHANGES}
INDICES = {"^AXJO": ASX, "^AORD": ASX, "^GSPC": NASDAQ, "^IXIC": NASDAQ, "^STI": SGX, "^HSI": HKEX, "^N225": TSE}


def exchange_of(symbol: str) -> Exchange | None:
    """The exchange of a vendor symbol such as `BHP.AX`, `BRK-B` or `^AXJO`; None if no symbol can look like that."""
    if symbol in INDICES or symbol in _COUNTERS:
        return INDICES.get(symbol) or _COUNTERS[symbol]
    code, dot, suffix = symbol.rpartition(".")
    exchange = _BY_SUFFIX.get(suffix if dot else "")
    if exchange is None or not re.fullmatch(exchange.pattern, code if dot else symbol):
        return None
    return exchange

"""The partition vocabulary that assets, jobs, schedules, the CLI and the sensors share.

What belongs here: partition definitions, the names of their dimensions, and the way from a key to a day and a batch.
What does not: which days are sessions (domain/calendars.py) and who adds batch keys (the asset that owns the list).

A weekday that turns out to be a holiday has a partition key and no session: assets refuse it with the reason, and
schedules skip it. Weekday keys, not calendar days: 260 a year instead of 365, and the UI shows no dead weekends.
"""

from datetime import date

import dagster as dg

AS_OF = "as_of"
"""Session dimension. Dagster sorts dimensions by name, so `as_of` puts the day first: `2025-12-05|7`."""

BATCH = "batch"
"""Batch dimension: the batch number, unpadded, as in the file name."""

FIRST_DAY = "2024-01-01"


def sessions(timezone: str) -> dg.TimeWindowPartitionsDefinition:
    """Weekdays from `FIRST_DAY` on, in the exchange's time zone; today's key exists from local midnight on."""
    return _days("1-5", timezone)


def _days(days: str, timezone: str) -> dg.TimeWindowPartitionsDefinition:
    return dg.TimeWindowPartitionsDefinition(
        start=FIRST_DAY, fmt="%Y-%m-%d", cron_schedule=f"0 0 * * {days}", timezone=timezone, end_offset=1
    )


def batches(market: str) -> dg.DynamicPartitionsDefinition:
    """Batch numbers any session of this market ever had; `symbol_batches` adds to them."""
    return dg.DynamicPartitionsDefinition(name=f"{market}_batches")


def session_batches(market: str, timezone: str) -> dg.MultiPartitionsDefinition:
    """Session × batch: about 22 keys a day for 2,200 symbols, never one key a symbol (each event costs 20-75 ms)."""
    return dg.MultiPartitionsDefinition({AS_OF: sessions(timezone), BATCH: batches(market)})


def batch_key(day: date, batch: int) -> str:
    """The key of one batch of one day, as the UI shows it."""
    return f"{day.isoformat()}|{batch}"


def parse_batch_key(key: str) -> tuple[date, int]:
    """Day and batch number of a session × batch key.

    Raises:
        ValueError: not of the form `2025-12-05|7`.
    """
    day, _, batch = key.partition("|")
    try:
        found = date.fromisoformat(day), int(batch)
    except ValueError:
        found = None
    if (
        found is None or found[1] < 0 or batch_key(*found) != key
    ):  # a second spelling would be a second partition of one file
        raise ValueError(f"{key!r} is no session × batch key such as 2025-12-05|7")
    return found


DAY = "day"
"""Morning dimension of the reports: `2026-11-20|NVDA19`."""

TICKER = "ticker"

BANGKOK = "Asia/Bangkok"
"""Where the readers of the reports are: their mornings are the days. Thailand has no daylight-saving time."""


MORNING_DAYS = "1-6"
"""Monday to Saturday, as cron has it. New York closes its Friday at 03:00 or 04:00 of Bangkok's Saturday, so Saturday's
morning has a session to tell, which would else wait until Monday; by Sunday's no exchange has closed another one.
"""

_SUNDAY = 6


def has_morning(day: date) -> bool:
    """Whether the day is one of `MORNING_DAYS`."""
    return day.weekday() != _SUNDAY


def mornings() -> dg.TimeWindowPartitionsDefinition:
    """Mornings in Bangkok: 312 a year times 46 tickers stays far under the 100,000 keys the UI can bear."""
    return _days(MORNING_DAYS, BANGKOK)


def tickers() -> dg.DynamicPartitionsDefinition:
    """Depositary receipts that any morning ever had; `dr/ticker_master` adds to them."""
    return dg.DynamicPartitionsDefinition(name="dr_tickers")


def morning_tickers() -> dg.MultiPartitionsDefinition:
    """Morning × ticker."""
    return dg.MultiPartitionsDefinition({DAY: mornings(), TICKER: tickers()})


def ticker_key(day: date, ticker: str) -> str:
    """The key of one ticker of one morning, as the UI shows it."""
    return f"{day.isoformat()}|{ticker}"


def parse_ticker_key(key: str) -> tuple[date, str]:
    """Day and ticker of a morning × ticker key.

    Raises:
        ValueError: not of the form `2025-12-05|NVDA19`.
    """
    day, separator, ticker = key.partition("|")
    if not separator or not ticker:
        raise ValueError(f"{key!r} is no morning × ticker key such as 2025-12-05|NVDA19")
    return date.fromisoformat(day), ticker


def validation_batches(market: str) -> dg.DynamicPartitionsDefinition:
    """Batch numbers any validation session of this market ever had; `validation_batches` adds to them."""
    return dg.DynamicPartitionsDefinition(name=f"{market}_validation_batches")


def validation_session_batches(market: str, timezone: str) -> dg.MultiPartitionsDefinition:
    """Session × validation batch: about 24 keys a day for 188 symbols, 8 at a time."""
    return dg.MultiPartitionsDefinition({AS_OF: sessions(timezone), BATCH: validation_batches(market)})

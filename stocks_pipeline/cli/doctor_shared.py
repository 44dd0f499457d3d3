"""What the doctor looks at of what many processes share: the rate limits, and the alerts that wait.

What belongs here: one function a check, settings in, findings out. What does not: the control file as a file
(doctor_stores.py), the time limit and printing (doctor.py).
"""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from stocks_pipeline.cli.alerts import per_sink, what_to_do
from stocks_pipeline.cli.doctor_checks import Finding, failed, ok, warned
from stocks_pipeline.clock import SystemClock
from stocks_pipeline.settings import Settings
from stocks_pipeline.upstream.limits_address import where
from stocks_pipeline.upstream.shared_store import file_now

if TYPE_CHECKING:
    from stocks_pipeline.upstream.shared_store import Connection

_COOLING = "SELECT key, cool_until, reason FROM limit_keys WHERE cool_until > ?"
_PROBE = "doctor"
_INSTALL = "pip install 'stocks_pipeline[postgres]'"


_SLOWER = {
    "yahoo": "lower STOCKS_YAHOO_RATE",
    "news": "lower STOCKS_YAHOO_RATE",
    "model": "lower STOCKS_LLM_CONCURRENCY",
    "twelvedata": "set STOCKS_TWELVE_DATA_PLAN to what the key allows; desks that share a key share STOCKS_LIMITS_URL",
}
"""What makes a desk ask an upstream less, where a setting does."""


class _TakeBack(Exception):  # noqa: N818 - no error: it ends a transaction that must leave nothing
    """Undoes the probe."""


def limits(found: Settings) -> Sequence[Finding]:
    """Where the rate limits are kept, whether they can be written there, and which upstream cools down."""
    if found.limits_url:
        return _database(found.limits_url)
    place = ok("limits", "in the control file: for the processes of this machine")
    if not _tables(found, "limit_keys"):
        return [place]
    with closing(sqlite3.connect(f"file:{found.control_db}?mode=ro", uri=True)) as con:
        now = file_now(con, SystemClock())
        return [place, *_cooling(con.execute(_COOLING, (now,)), SystemClock().time() - now)]


def _database(url: str) -> Sequence[Finding]:
    """A row is made, read, changed and deleted by the code that runs use, in a transaction that is taken back."""
    from stocks_pipeline.upstream.control_file import StoreError
    from stocks_pipeline.upstream.failures import FailureKind, UpstreamError
    from stocks_pipeline.upstream.grants import TABLES
    from stocks_pipeline.upstream.shared_store import open_store

    try:
        store = open_store(url, _PROBE, TABLES, SystemClock())
        try:
            with store.transaction() as con:
                cooling = _cooling(con.execute(_COOLING, (store.now(con),)))
                _probe(con)
        except _TakeBack:
            pass
        finally:
            store.close()
    except ImportError:
        return [failed("limits", "STOCKS_LIMITS_URL needs a package that is not installed", _INSTALL)]
    except (UpstreamError, StoreError) as error:
        lost = isinstance(error, UpstreamError) and error.kind is not FailureKind.AUTH
        mend = "give its user the right to make and write tables, and the right password"
        do = "start the server or correct the address; until then no vendor is asked" if lost else mend
        what = error.message if isinstance(error, UpstreamError) else str(error)
        return [failed("limits", what, f"{do}. Without STOCKS_LIMITS_URL the control file is used")]
    text = f"STOCKS_LIMITS_URL ({where(url)}): written and taken back; limits, budget and claims of all machines"
    return [ok("limits", text), *cooling]


def _probe(con: "Connection") -> None:
    con.execute("DELETE FROM limit_keys WHERE key=?", (_PROBE,))
    con.execute("INSERT INTO limit_keys VALUES(?, 0, 0, 0, 'created')", (_PROBE,))
    con.execute("UPDATE limit_keys SET reason='changed' WHERE key=?", (_PROBE,))
    (reason,) = con.execute("SELECT reason FROM limit_keys WHERE key=?", (_PROBE,)).fetchone()
    if reason != "changed":
        raise ValueError(f"{reason!r} was read where 'changed' was written")
    con.execute("DELETE FROM limit_keys WHERE key=?", (_PROBE,))
    raise _TakeBack


def _cooling(rows: Iterable[tuple[str, float, str]], ahead: float = 0.0) -> list[Finding]:
    """Who wonders why nothing moves finds the limiter cooling; `ahead` seconds is the wall clock ahead of its times."""
    return [
        warned(
            f"limits of {key}",
            f"cooling down until {datetime.fromtimestamp(until + ahead, UTC):%H:%M:%S} UTC: {reason or 'rate limited'}",
            "wait: calls go on by themselves then" + (f". If it comes back, {_SLOWER[key]}" if key in _SLOWER else ""),
        )
        for key, until, reason in rows
    ]


def alerts(found: Settings) -> Sequence[Finding]:
    """Whether alerts wait: how many, since when, for whom, what the sink said, and what to do."""
    from stocks_pipeline.defs.operations.alerts import open_outbox

    sinks = ", ".join(found.alerts.sinks)
    waiting = []
    if _tables(found, "alert_deliveries"):
        outbox = open_outbox(found, SystemClock())
        try:
            waiting = per_sink(outbox.deliveries(delivered=False))
        finally:
            outbox.close()
    if not waiting:
        return [ok("alerts", f"none waits; they go to: {sinks}")]
    return [
        warned(
            f"alerts for {one['sink']}",
            f"{one['count']} wait, the oldest since {one['oldest']}"
            + (f"; it said: {one['said']}" if one["said"] else ""),
            what_to_do(found, one["sink"], one["said"]),
        )
        for one in waiting
    ]


def _tables(found: Settings, name: str) -> bool:
    """Whether the control file has this table; looking must make neither."""
    if not found.control_db.exists():
        return False
    with closing(sqlite3.connect(f"file:{found.control_db}?mode=ro", uri=True)) as con:
        sql = "SELECT count(*) FROM sqlite_master WHERE type='table' AND name=?"
        return bool(con.execute(sql, (name,)).fetchone()[0])

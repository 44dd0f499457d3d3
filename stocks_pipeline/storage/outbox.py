"""Alerts until they are delivered: written down before anybody is called, crossed out for each sink that took them.

What belongs here: what is waiting, for whom and until when, and what was told already. What does not: opening the file
(whoever makes an `Outbox` hands in `upstream.control_file.ControlFile(path, SCHEMA, …)`), calling a sink, and when.

Each alert reaches each sink once, with one exception that no two systems can avoid: a process that dies after a sink
took an alert and before that was written down sends it again, under the same key. A sink that is down keeps its
alerts waiting here for as long as it takes.
"""

import sqlite3
from collections.abc import Collection, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Final, Protocol

from stocks_pipeline.domain.alerts import Alert

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS alert_told(fact TEXT PRIMARY KEY, at REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS alert_outbox(id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS alert_deliveries(
    alert INTEGER NOT NULL, sink TEXT NOT NULL, attempts INTEGER NOT NULL, next_at REAL NOT NULL, delivered_at REAL,
    error TEXT NOT NULL, PRIMARY KEY(alert, sink)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS alert_waiting ON alert_deliveries(sink, next_at) WHERE delivered_at IS NULL;
"""
_MANY = 500  # SQLite's smallest default of host parameters is 999


class Transactions(Protocol):
    """A file in which one writer at a time does several things or none."""

    def transaction(self) -> AbstractContextManager[sqlite3.Connection]: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Waiting:
    """An alert that a sink has still to take. `attempts` is how often it was tried."""

    id: int
    alert: Alert
    attempts: int


@dataclass(frozen=True)
class Delivery:
    """One alert on its way to one sink. Times are seconds since the epoch; `delivered_at` is None while it waits.

    `error` is what the sink said to the last try; empty before the first, while one is under way, and once it has it.
    """

    alert: Alert
    sink: str
    attempts: int
    next_at: float
    delivered_at: float | None
    error: str


class Outbox:
    """The alerts of one desk. Safe for threads and processes, as the file handed in is.

    Every method raises what the file raises when it cannot be used; nothing is half written then.
    """

    def __init__(self, file: Transactions) -> None:
        self._file = file

    def untold(self, facts: Collection[str]) -> set[str]:
        """Those of the facts that no alert has covered yet."""
        keys, told = sorted(facts), set()
        with self._file.transaction() as con:
            for start in range(0, len(keys), _MANY):
                part = keys[start : start + _MANY]
                marks = ",".join("?" * len(part))
                told |= {row[0] for row in con.execute(f"SELECT fact FROM alert_told WHERE fact IN ({marks})", part)}  # noqa: S608 - only question marks are put in
        return set(keys) - told

    def put(self, alerts: Iterable[Alert], sinks: Collection[str], now: float) -> int:
        """Write the alerts down for the sinks; how many are new. One whose facts were all told is not.

        `now` is in seconds since the epoch, here and below.
        """
        new = 0
        with self._file.transaction() as con:
            for alert in alerts:
                facts = alert.covers or (alert.key,)
                told = "INSERT OR IGNORE INTO alert_told VALUES(?,?)"
                fresh = [fact for fact in facts if con.execute(told, (fact, now)).rowcount]
                if not fresh:
                    continue
                if con.execute("SELECT 1 FROM alert_outbox WHERE key=?", (alert.key,)).fetchone():
                    # Another process looked at the same moment and saw less: what it lacks is still to be told.
                    alert = replace(alert, key=f"{alert.key}+{fresh[0]}")  # noqa: PLW2901 - the same, renamed
                sql = "INSERT INTO alert_outbox(key, body) VALUES(?,?)"
                made = con.execute(sql, (alert.key, alert.to_json()))
                rows = [(made.lastrowid, sink, now) for sink in sinks]
                con.executemany("INSERT INTO alert_deliveries VALUES(?,?,0,?,NULL,'')", rows)
                new += 1
        return new

    def claim(self, sink: str, now: float, lease_s: float) -> Waiting | None:
        """The oldest alert that is due for the sink, held for `lease_s` seconds against a second deliverer."""
        sql = """SELECT id, body, attempts FROM alert_deliveries JOIN alert_outbox ON id=alert
                 WHERE sink=? AND delivered_at IS NULL AND next_at<=? ORDER BY id LIMIT 1"""
        with self._file.transaction() as con:
            row = con.execute(sql, (sink, now)).fetchone()
            if row is None:
                return None
            mark = "UPDATE alert_deliveries SET next_at=?, attempts=attempts+1, error='' WHERE alert=? AND sink=?"
            con.execute(mark, (now + lease_s, row[0], sink))
        return Waiting(row[0], Alert.from_json(row[1]), row[2])

    def delivered(self, waiting: Waiting, sink: str, now: float) -> None:
        """The sink has it."""
        with self._file.transaction() as con:
            sql = "UPDATE alert_deliveries SET delivered_at=?, error='' WHERE alert=? AND sink=?"
            con.execute(sql, (now, waiting.id, sink))

    def failed(self, waiting: Waiting, sink: str, error: str, retry_at: float, *, hold_all: bool) -> None:
        """The sink did not take it. With `hold_all` the sink itself is down: nothing of it is tried before."""
        with self._file.transaction() as con:
            sql = "UPDATE alert_deliveries SET next_at=?, error=? WHERE alert=? AND sink=?"
            con.execute(sql, (retry_at, error, waiting.id, sink))
            if hold_all:
                sql = "UPDATE alert_deliveries SET next_at=? WHERE sink=? AND delivered_at IS NULL AND next_at<?"
                con.execute(sql, (retry_at, sink, retry_at))

    def hasten(self, sinks: Collection[str], now: float) -> int:
        """Make due at once what waits for these sinks, whatever they said before; how many. What another process is
        handing over at this moment stays its own: nothing is sent twice.
        """
        hasty = """UPDATE alert_deliveries SET next_at=? WHERE sink=? AND delivered_at IS NULL AND next_at>?
                   AND (attempts=0 OR error<>'')"""
        with self._file.transaction() as con:
            return sum(con.execute(hasty, (now, sink, now)).rowcount for sink in sinks)

    def deliveries(
        self, sink: str | None = None, *, delivered: bool | None = None, most: int | None = None
    ) -> list[Delivery]:
        """What was written down, newest first: for one sink or all, delivered or waiting or both, at most `most`."""
        sql = """SELECT body, sink, attempts, next_at, delivered_at, error FROM alert_deliveries
                 JOIN alert_outbox ON id=alert WHERE (?1 IS NULL OR sink=?1)
                 AND (?2 IS NULL OR (delivered_at IS NOT NULL)=?2) ORDER BY id DESC, sink LIMIT ?3"""
        with self._file.transaction() as con:
            rows = con.execute(sql, (sink, delivered, -1 if most is None else most)).fetchall()
        return [Delivery(Alert.from_json(body), *rest) for body, *rest in rows]

    def waiting(self) -> dict[str, int]:
        """Alerts that are still to be delivered, by sink; also by sinks that are switched off now."""
        with self._file.transaction() as con:
            sql = "SELECT sink, count(*) FROM alert_deliveries WHERE delivered_at IS NULL GROUP BY sink"
            return {str(sink): int(count) for sink, count in con.execute(sql)}

    def errors(self) -> dict[str, str]:
        """What each sink said last about an alert that is waiting."""
        with self._file.transaction() as con:
            sql = "SELECT sink, error FROM alert_deliveries WHERE delivered_at IS NULL AND error<>'' ORDER BY alert"
            return {str(sink): str(error) for sink, error in con.execute(sql)}

    def prune(self, before: float, *, dry_run: bool = False) -> int:
        """Forget alerts that every sink took before `before`, and which facts were told before; how many alerts.

        What waits is never forgotten. A forgotten fact could be told again, so `before` must lie further back than
        facts are looked for.
        """
        done = """SELECT id FROM alert_outbox WHERE NOT EXISTS (SELECT 1 FROM alert_deliveries
                  WHERE alert=id AND (delivered_at IS NULL OR delivered_at>=?))"""
        with self._file.transaction() as con:
            ids = [row[0] for row in con.execute(done, (before,))]
            if not dry_run:
                con.executemany("DELETE FROM alert_deliveries WHERE alert=?", [(i,) for i in ids])
                con.executemany("DELETE FROM alert_outbox WHERE id=?", [(i,) for i in ids])
                con.execute("DELETE FROM alert_told WHERE at<?", (before,))
        return len(ids)

    def close(self) -> None:
        """Release the file."""
        self._file.close()

"""What was asked of the sandbox and what it answered: the record that tests and benchmarks read.

What belongs here: the request log and its counts. What does not: the requests themselves (world.py) and the path that
shows the log (admin.py).
"""

from collections import Counter, deque
from dataclasses import asdict, dataclass
from typing import Any


@dataclass
class Record:
    """One call of an upstream. `status` 0: the client hung up first; None: still being answered.

    `time` is unix seconds at arrival, `ms` how long it took, `in_flight` how many were being answered at arrival, this
    one included. `fault` names the faults that struck, joined by +; empty: none.
    """

    index: int
    time: float
    host: str
    path: str
    endpoint: str
    symbol: str
    in_flight: int
    status: int | None = None
    fault: str = ""
    ms: float | None = None


class RequestLog:
    """The newest calls, in order of arrival, and the counts of all of them. Used from one event loop only."""

    def __init__(self, size: int) -> None:
        self._records: deque[Record] = deque(maxlen=size)
        self.reset()

    def reset(self) -> None:
        """Forget everything but the calls in flight; the next call has index 0."""
        self._records.clear()
        self._next = 0
        self._in_flight = getattr(self, "_in_flight", 0)
        self._max_in_flight = self._in_flight
        self._statuses: Counter[str] = Counter()
        self._endpoints: Counter[str] = Counter()
        self._faults: Counter[str] = Counter()

    def open(self, time: float, host: str, path: str, endpoint: str, symbol: str) -> Record:
        """Note an arrival."""
        self._in_flight += 1
        self._max_in_flight = max(self._max_in_flight, self._in_flight)
        record = Record(self._next, time, host, path, endpoint, symbol, self._in_flight)
        self._next += 1
        self._endpoints[endpoint] += 1
        self._records.append(record)
        return record

    def close(self, record: Record, status: int, seconds: float) -> None:
        """Note an answer."""
        record.status = status
        record.ms = round(seconds * 1000, 3)
        self._in_flight -= 1
        self._statuses[str(status)] += 1
        if record.fault:
            self._faults.update(record.fault.split("+"))

    def since(self, index: int, limit: int) -> list[dict[str, Any]]:
        """At most `limit` records from `index` on, oldest first."""
        found: list[dict[str, Any]] = []
        for record in self._records:
            if record.index >= index:
                found.append(asdict(record))
                if len(found) == limit:
                    break
        return found

    def stats(self) -> dict[str, Any]:
        """Counts since the last reset, also of calls that the log no longer holds."""
        return {
            "total": self._next,
            "in_flight": self._in_flight,
            "max_in_flight": self._max_in_flight,
            "by_status": dict(self._statuses),
            "by_endpoint": dict(self._endpoints),
            "by_fault": dict(self._faults),
        }

"""Lines of many workers for a run's log, a few dozen to an entry.

What belongs here: `RunLog`. What does not: what the lines say. One entry a line would cost a morning of 46 tickers five
seconds of SQLite, and worker threads that wait for its lock.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class RunLog:
    """Takes lines from any thread; the main thread writes them."""

    write: Callable[[str], object]
    _lines: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, *lines: str) -> None:
        """Lines that stay together."""
        with self._lock:
            self._lines.extend(lines)

    def flush(self, at_least: int = 1) -> None:
        """Write what has come together, if it is so many lines."""
        with self._lock:
            if len(self._lines) < at_least:
                return
            lines, self._lines = self._lines, []
        self.write("\n".join(lines))

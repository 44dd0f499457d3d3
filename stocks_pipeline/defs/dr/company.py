"""What Yahoo says about a ticker's company on a morning: optional, noted where it is missing, in nobody's way.

What belongs here: when to ask and when to stop asking. What does not: the fields and their validation
(upstream/yahoo_company.py) and where they are stored (data.py).

Yahoo tells the present only. A morning that is made again a week on must not learn today's market value: it is then
not asked, and what was stored with the morning's bars stays.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from stocks_pipeline.clock import Clock
from stocks_pipeline.domain.news import clean_text
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError

PRESENT = timedelta(hours=24)
"""How far from its cutoff a morning is still the present."""

PATIENCE = 3
"""After so many failures in a row nobody else is asked for: the bars are what matters, and they share the limit."""


class CompanySource(Protocol):
    """What `upstream.yahoo_company.YahooCompany` offers."""

    def company(self, symbol: str, *, stop: threading.Event | None = None) -> dict[str, Any]: ...


@dataclass(frozen=True)
class CompanyAnswer:
    """The fields, and in words why there are none."""

    fields: Mapping[str, Any]
    note: str = ""


@dataclass
class CompanyDesk:
    """Asks for the companies of one run. Safe for threads."""

    source: CompanySource
    clock: Clock
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _in_a_row: int = 0

    def ask(self, symbol: str, moment: datetime, stop: threading.Event | None = None) -> CompanyAnswer:
        """What is known of the company at `moment`. Never raises an UpstreamError: the note holds it."""
        if abs(self.clock.now() - moment) > PRESENT:
            return CompanyAnswer({}, "not asked for: the morning is past, and Yahoo tells the present only")
        if self._in_a_row >= PATIENCE:
            return CompanyAnswer({}, f"not asked for: {PATIENCE} companies before it could not be had")
        try:
            found = self.source.company(symbol, stop=stop)
        except UpstreamError as error:
            with self._lock:  # one that Yahoo does not know says nothing about the others
                self._in_a_row = 0 if error.kind is FailureKind.PERMANENT else self._in_a_row + 1
            return CompanyAnswer({}, str(error))
        with self._lock:
            self._in_a_row = 0
        # Facts, prompts and pages show these; a vendor's text is a stranger's text, whoever hands it on.
        return CompanyAnswer({name: clean_text(v) if isinstance(v, str) else v for name, v in found.items()})

"""Which faults strike which request.

What belongs here: the faults in force, their counts, and the decision. What does not: what a fault may say
(faults.py).

Everything is decided by hashes and by counting requests, never by chance: the same requests meet the same faults.
"""

from collections import Counter
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from stocks_pipeline.sandbox.chance import chance
from stocks_pipeline.sandbox.faults import Fault


@dataclass
class _Active:
    """A fault with what it has seen."""

    fault: Fault
    ident: int
    since: float
    matched: int = 0
    struck: int = 0
    by_symbol: Counter[str] = field(default_factory=Counter)


class FaultBook:
    """The faults in force, in the order they were set. Used from the server's one event loop only."""

    def __init__(self, seed: int, faults: Sequence[Fault] = ()) -> None:
        self._seed = seed
        self._active: list[_Active] = []
        self._next = 0
        self.add(faults, 0.0)

    def add(self, faults: Iterable[Fault], now: float) -> None:
        """Put more faults in force from `now` (seconds on any clock that `strike` is also asked with)."""
        for fault in faults:
            self._active.append(_Active(fault, self._next, now))
            self._next += 1

    def clear(self) -> None:
        self._active.clear()
        self._next = 0

    def to_json(self) -> list[dict[str, Any]]:
        """Every fault with how many requests it matched and struck."""
        return [
            active.fault.to_json() | {"matched": active.matched, "struck": active.struck} for active in self._active
        ]

    def strike(  # noqa: PLR0913 - the parts of one request
        self,
        host: str,
        endpoint: str,
        symbol: str,
        now: float,
        aliases: Sequence[str] = (),
        *,
        only: Container[str] | None = None,
        never: Container[str] = (),
    ) -> list[Fault]:
        """The faults that hit this request; asking counts as the request. `aliases` are further names of `symbol`.

        `only` and `never` leave out faults by name, uncounted: those of a batch strike its symbols one by one.
        """
        concerned = [
            active
            for active in self._active
            if (only is None or active.fault.name in only)
            and active.fault.name not in never
            and active.fault.concerns(host, endpoint, symbol, *aliases)
        ]
        return [active.fault for active in concerned if self._strikes(active, symbol, now)]

    def _strikes(self, active: _Active, symbol: str, now: float) -> bool:
        fault = active.fault
        if fault.until_s is not None and now - active.since >= fault.until_s:
            return False
        active.matched += 1
        attempt = active.by_symbol[symbol]
        active.by_symbol[symbol] += 1
        spared = (
            active.matched <= fault.after
            or (fault.share is not None and not self._drawn(active, symbol, attempt))
            or (fault.each is not None and attempt >= fault.each)
            or (fault.count is not None and active.struck >= fault.count)
        )
        active.struck += not spared
        return not spared

    def _drawn(self, active: _Active, symbol: str, attempt: int) -> bool:
        which = 0 if active.fault.sticks else attempt
        return chance(self._seed, active.fault.name, active.ident, symbol, which) < (active.fault.share or 0.0)

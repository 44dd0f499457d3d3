"""Carrying alerts from the outbox to the sinks, with patience for sinks that are down.

What belongs here: the loop, its time budget and how long a sink is left alone. What does not: the outbox
(storage/outbox.py) and the calls (upstream/alert_sinks.py).
"""

from collections.abc import Iterable
from typing import Final

from stocks_pipeline.clock import Clock
from stocks_pipeline.storage.outbox import Outbox
from stocks_pipeline.upstream.alert_sinks import Sink
from stocks_pipeline.upstream.failures import RETRYABLE, UpstreamError

BUDGET_S: Final = 30.0
"""Most that one delivery takes: the daemon gives a sensor's tick 60 seconds."""

LEASE_S: Final = 60.0
BASE_S: Final = 30.0
CAP_S: Final = 900.0
"""A sink that is down is tried after half a minute, a minute, … and at last every quarter of an hour, for ever."""


def deliver(outbox: Outbox, sinks: Iterable[Sink], clock: Clock, budget_s: float = BUDGET_S) -> dict[str, int]:
    """Hand over what is due; how many each sink took. A sink that fails is left alone and hinders no other.

    Raises what the outbox raises, and nothing of a sink.
    """
    taken: dict[str, int] = {}
    queue = list(sinks)
    end = clock.monotonic() + budget_s
    for place, sink in enumerate(queue):
        # A slow sink may use its share of what is left, so that the last one gets a share as well.
        now = clock.monotonic()
        until = now + max(0.0, end - now) / (len(queue) - place)
        taken[sink.name] = _deliver_to(outbox, sink, clock, until)
    return taken


def _deliver_to(outbox: Outbox, sink: Sink, clock: Clock, until: float) -> int:
    taken = 0
    while clock.monotonic() < until and (waiting := outbox.claim(sink.name, clock.time(), LEASE_S)) is not None:
        try:
            sink.send(waiting.alert)
        except UpstreamError as error:
            pause_s = max(min(CAP_S, BASE_S * 2.0 ** min(waiting.attempts, 10)), error.retry_after_s or 0.0)
            down = error.kind in RETRYABLE
            outbox.failed(waiting, sink.name, str(error), clock.time() + pause_s, hold_all=down)
            if down:
                break
        else:
            outbox.delivered(waiting, sink.name, clock.time())
            taken += 1
    return taken

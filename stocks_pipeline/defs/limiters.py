"""The limits that every process of a desk shares, one an upstream.

What belongs here: opening them from the settings. What does not: keeping them (upstream/limits.py).
"""

from typing import TYPE_CHECKING

from stocks_pipeline.clock import SystemClock
from stocks_pipeline.settings import Settings

if TYPE_CHECKING:
    from stocks_pipeline.upstream.limits import Limiter


def upstream_limiter(settings: Settings, upstream: str, per_second: int) -> "Limiter":
    """The limit that every process of this desk shares for one upstream."""
    from stocks_pipeline.upstream.limits import Rate, open_limiter

    return open_limiter(settings.limits, upstream, [Rate(per_second, 1.0)], clock=SystemClock(), upstream=upstream)

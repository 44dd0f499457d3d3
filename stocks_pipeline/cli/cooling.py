"""A vendor's cool-down, told or waited out where a person can see it.

What belongs here: saying who is waited for and until when, and the countdown. What does not: the cool-down itself,
which every process of the desk shares (upstream/limits.py) and which a run would wait for without a word.
"""

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TextColumn

from stocks_pipeline.cli.output import errors

if TYPE_CHECKING:
    from stocks_pipeline.clock import Clock
    from stocks_pipeline.settings import Settings
    from stocks_pipeline.upstream.limits import Limiter

NOTICED_S = 1.0
"""Shorter waits are not worth a line."""
STEP_S = 1.0
MINUTE_S = 60


def announce(found: "Settings", upstream: str, per_second: int) -> None:
    """As `tell`, for the limit that the processes of this desk share."""
    from stocks_pipeline.clock import SystemClock
    from stocks_pipeline.defs.limiters import upstream_limiter
    from stocks_pipeline.upstream.failures import UpstreamError

    with suppress(UpstreamError):  # as below
        tell(upstream, upstream_limiter(found, upstream, per_second), SystemClock())


def tell(upstream: str, limiter: "Limiter", clock: "Clock") -> None:
    """Say that a run will wait for the vendor, if it will; what is stored needs no vendor, so nobody waits here."""
    left = limiter.cooling_s()
    if left >= NOTICED_S:
        told = f"{_refused(upstream, left, clock)}. What it must be asked for waits {lasting(left)}"
        errors.print(f"{told}; Ctrl-C ends it, and what was stored stays.", soft_wrap=True)


def wait_for(found: "Settings", upstream: str, per_second: int, *, quiet: bool) -> None:
    """As `wait_out`, for the limit that the processes of this desk share."""
    from stocks_pipeline.clock import SystemClock
    from stocks_pipeline.defs.limiters import upstream_limiter
    from stocks_pipeline.upstream.failures import UpstreamError

    with suppress(UpstreamError):  # the limits' database cannot be reached: the run will meet that, too, and record it
        wait_out(upstream, upstream_limiter(found, upstream, per_second), SystemClock(), quiet=quiet)


def wait_out(upstream: str, limiter: "Limiter", clock: "Clock", *, quiet: bool) -> None:
    """Return when the vendor may be called again; at once where it may. `quiet`: the line, but no countdown.

    Raises:
        KeyboardInterrupt: Ctrl-C; nothing was begun.
    """
    left = limiter.cooling_s()
    if left < NOTICED_S:
        return
    text = _refused(upstream, left, clock)
    errors.print(f"{text}. Waiting {lasting(left)}; Ctrl-C ends it, and nothing was begun.", soft_wrap=True)
    columns = (TextColumn("{task.description:<18}"), BarColumn(bar_width=30), TextColumn("{task.fields[note]}"))
    with Progress(*columns, console=errors, disable=quiet, transient=True) as progress:
        task, total = progress.add_task(f"waiting for {upstream}", total=left, note=lasting(left)), left
        while left > 0:
            clock.sleep(min(left, STEP_S))
            left = limiter.cooling_s()  # another process may have been refused meanwhile
            total = max(total, left)
            progress.update(task, total=total, completed=total - left, note=f"{lasting(left)} left")


def _refused(upstream: str, left: float, clock: "Clock") -> str:
    until = clock.now() + timedelta(seconds=left)
    return f"{upstream} refused too many calls: no process of this desk asks it before {until:%H:%M:%S} UTC"


def lasting(seconds: float) -> str:
    """Such as "2 min 41 s"."""
    minutes, rest = divmod(round(seconds), MINUTE_S)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"

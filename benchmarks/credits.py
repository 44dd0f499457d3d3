"""How long 188 symbols take at 8 credits a minute, and that the vendor's limit is kept: never 9 in any 60 seconds.

What belongs here: three figures. On a simulated clock, the minutes until the last answer with the real limiter; floor
23.0 (24 batches, the first at once), goal 23.3, the seed took 27.0. Over HTTP against the sandbox whose minute is one
second, as a multiple of its floor; goal 1.03. Two sessions at once in two processes: how far one gets ahead of the
other, and the two together against the limit. What does not: what the answers hold.

Run: `python benchmarks/credits.py` (about a minute).
"""

import multiprocessing
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import orjson

from stocks_pipeline.clock import SystemClock
from stocks_pipeline.domain.credit_audit import Charged, Limit, audit
from stocks_pipeline.domain.plans import plan_named
from stocks_pipeline.upstream.http import RetryPolicy, call
from stocks_pipeline.upstream.limits import Rate, SharedLimiter, open_limiter
from stocks_pipeline.upstream.twelve_data import SentCall, TwelveData

SYMBOLS = 188
GOAL_MINUTES, SEED_MINUTES = 23.3, 27.0
GOAL_RATIO, GOAL_LEAD = 1.03, 2
PLAN = plan_named("basic8")
FLOOR_MINUTES = PLAN.floor_s(SYMBOLS) / 60
MINUTE_S = 1.0
PHASES_S = (0.0, 0.4, 17.3, 31.0, 59.9)
DAY = date(2026, 11, 20)


class SimulatedClock:
    """A clock that jumps to the end of every sleep, and a little beyond, as a busy machine wakes a thread."""

    def __init__(self, start: float) -> None:
        self._time, self._sleeps = start, 0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._time, UTC)

    def time(self) -> float:
        return self._time

    def monotonic(self) -> float:
        return self._time

    def uptime(self) -> tuple[str, float]:
        return "simulated", self._time

    def sleep(self, seconds: float) -> None:
        self._sleeps += 1
        self._time += max(0.0, seconds) + 0.05 * (self._sleeps % 5)

    def random(self) -> float:
        return 0.5


@dataclass(frozen=True)
class Measured:
    """What one part came to."""

    text: str
    met: bool


def main() -> int:
    """Measure, print the ratios, and say whether each goal is met."""
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as folder:
        parts = [_simulated(Path(folder)), _scaled(Path(folder)), _two_sessions(Path(folder))]
    for part in parts:
        print(f"{part.text}: {'met' if part.met else 'MISSED'}")
    return 0 if all(part.met for part in parts) else 1


def _simulated(folder: Path) -> Measured:
    """The slowest of several phases of the vendor's minute; refusals are counted as the vendor would."""
    minutes, worst, refused = 0.0, 0, 0
    for phase_s in PHASES_S:
        clock = SimulatedClock(1_763_596_800.0 + phase_s)
        sent = _session(_limiter(folder / f"{phase_s}.db", 60.0, clock), clock)
        minutes = max(minutes, (clock.time() - sent[0][0]) / 60)
        allowed = Limit(PLAN.credits_per_minute, PLAN.credits_per_day)
        worst = max(worst, audit([Charged(at, credits_, allowed) for at, credits_ in sent]).worst_minute)
        by_minute: Counter[int] = Counter()
        for at, credits_ in sent:
            by_minute[int(at // 60)] += credits_
        refused += sum(used > PLAN.credits_per_minute for used in by_minute.values())
    text = (
        f"simulated, {SYMBOLS} symbols at {PLAN.credits_per_minute} a minute: {minutes:.2f} minutes to the last answer "
        f"(floor {FLOOR_MINUTES:.1f}, {minutes / FLOOR_MINUTES:.3f}x; seed {SEED_MINUTES}; goal {GOAL_MINUTES}), "
        f"worst 60 s {worst} credits, {refused} minutes over the limit"
    )
    return Measured(text, minutes <= GOAL_MINUTES and worst == PLAN.credits_per_minute and not refused)


def _session(limiter: SharedLimiter, clock: SimulatedClock) -> list[tuple[float, int]]:
    """When each batch was sent, and for how many credits; an answer takes 0.3 s."""
    sent: list[tuple[float, int]] = []

    def send_for(credits_: int) -> Callable[[float], None]:
        def send(_: float) -> None:
            sent.append((clock.time(), credits_))
            clock.sleep(0.3)

        return send

    for at in range(0, SYMBOLS, PLAN.batch_size):
        credits_ = min(PLAN.batch_size, SYMBOLS - at)
        call(send_for(credits_), policy=RetryPolicy(), limiter=limiter, clock=clock, credits=credits_)
    return sent


def _limiter(path: Path, minute_s: float, clock: Any) -> SharedLimiter:
    rates = [Rate(PLAN.credits_per_minute, minute_s)]
    return open_limiter(str(path), "td", rates, clock=clock, upstream="twelvedata", daily=PLAN.credits_per_day)


def _scaled(folder: Path) -> Measured:
    """Real HTTP, sixty times as fast."""
    with _sandbox() as url:
        sent, took_s = _fetch(url, folder / "scaled.db", SYMBOLS)
        shown = _credits(url)
    floor_s = FLOOR_MINUTES * MINUTE_S
    worst = _worst(sent)
    text = (
        f"over HTTP, a minute in {MINUTE_S:g} s: {took_s:.2f} s ({took_s / floor_s:.3f}x of {floor_s:g} s, "
        f"goal {GOAL_RATIO}x), worst minute {worst} credits as sent, {shown['worst_minute']} as counted by the vendor, "
        f"{shown['refused_minute']} refused"
    )
    kept = worst <= PLAN.credits_per_minute and not shown["refused_minute"] and shown["used"] == SYMBOLS
    return Measured(text, took_s <= GOAL_RATIO * floor_s and kept)


def _two_sessions(folder: Path) -> Measured:
    """Two processes, half the symbols each, one control file."""
    half = SYMBOLS // 2 // PLAN.batch_size * PLAN.batch_size
    with _sandbox() as url, multiprocessing.get_context("spawn").Pool(2) as pool:
        both = pool.starmap(_fetch, [(url, folder / "shared.db", half)] * 2, chunksize=1)
        shown = _credits(url)
    (first, first_s), (second, second_s) = both
    worst, lead = _worst([*first, *second]), _lead(first, second)
    text = (
        f"two sessions of {half} symbols in two processes: {first_s:.1f} s and {second_s:.1f} s, one is at most {lead} "
        f"batches ahead (goal {GOAL_LEAD}), worst minute {worst} credits as sent, {shown['refused_minute']} refused"
    )
    kept = worst <= PLAN.credits_per_minute and not shown["refused_minute"] and shown["used"] == 2 * half
    return Measured(text, lead <= GOAL_LEAD and kept)


def _fetch(url: str, path: Path, symbols: int) -> tuple[list[SentCall], float]:
    """One session through the gateway: what was sent, and the seconds to the last answer."""
    sent: list[SentCall] = []
    limiter = _limiter(path, MINUTE_S, SystemClock())
    gateway = TwelveData(
        base_url=url, api_key="benchmark", limiter=limiter, clock=SystemClock(), record=sent.append, minute_s=MINUTE_S
    )
    names = [f"{chr(65 + n // 26)}{chr(65 + n % 26)}" for n in range(symbols)]
    began = time.monotonic()
    for at in range(0, symbols, PLAN.batch_size):
        gateway.daily(names[at : at + PLAN.batch_size], start=date(2026, 10, 20), end=DAY)
    took_s = time.monotonic() - began
    gateway.close()
    limiter.close()
    return sent, took_s


def _worst(sent: Sequence[SentCall]) -> int:
    """Most credits in any of the sandbox's minutes."""
    allowed = Limit(PLAN.credits_per_minute, None, MINUTE_S)
    return audit([Charged(one.at, one.credits, allowed) for one in sent]).worst_minute


def _lead(first: Sequence[SentCall], second: Sequence[SentCall]) -> int:
    """How many batches one session was ahead of the other at most, while both still had some to send."""
    both_until = min(first[-1].at, second[-1].at)
    both_since = max(first[0].at, second[0].at)
    marked = sorted([(one.at, 1) for one in first] + [(one.at, -1) for one in second])
    lead = most = 0
    for at, step in marked:
        if both_since <= at <= both_until:
            lead += step
            most = max(most, abs(lead))
    return most


@contextmanager
def _sandbox() -> Iterator[str]:
    command = [sys.executable, "-m", "stocks_pipeline.sandbox", "--port", "0", "--today", DAY.isoformat()]
    options = ["--companies", "50", "--credit-minute-s", str(MINUTE_S)]
    process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True)
    try:
        found = re.search(r"http://\S+", process.stdout.readline() if process.stdout else "")
        if found is None:
            raise RuntimeError("the sandbox did not start")
        url = found[0]
        _warm(url)
        yield url
    finally:
        process.terminate()
        process.wait(10)


def _warm(url: str) -> None:
    """Make the market known to the sandbox, as it is not the vendor's speed that is measured."""
    with urlopen(f"{url}/query2.finance.yahoo.com/v8/finance/chart/AA?range=5d&interval=1d", timeout=30) as response:  # noqa: S310 - our own URL
        response.read()


def _credits(url: str) -> dict[str, Any]:
    with urlopen(f"{url}/_admin/credits", timeout=10) as response:  # noqa: S310 - our own URL
        found: dict[str, Any] = orjson.loads(response.read())
    return found


if __name__ == "__main__":
    raise SystemExit(main())

"""The sandbox beside a command: found running, or started and ended with it.

What belongs here: the child process, its health, and what the commands ask of it. What does not: the sandbox itself,
which is reached by its module name in a process of its own, never imported.
"""

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any
from urllib.parse import urlsplit

import httpx

from stocks_pipeline.cli.output import Exit, fail
from stocks_pipeline.clock import SystemClock
from stocks_pipeline.settings import Settings

START_S = 30.0


def healthy(url: str) -> bool:
    """Whether a sandbox answers at `url`."""
    try:
        return httpx.get(f"{url}/_admin/health", timeout=1.0).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def command(
    found: Settings, *, replay: str | None = None, today: date | None = None, more: Sequence[str] = ()
) -> list[str]:
    """The command line of the sandbox for this desk: its address, and the second vendor's plan that the desk has."""
    from stocks_pipeline.domain.plans import plan_named

    where, plan = urlsplit(found.sandbox_url), plan_named(found.second_vendor.plan)
    line = [
        sys.executable,
        "-m",
        "stocks_pipeline.sandbox",
        "--host",
        where.hostname or "127.0.0.1",
        "--port",
        str(where.port or 80),
        "--credits-per-minute",
        str(plan.credits_per_minute),
        "--credits-per-day",
        str(plan.credits_per_day or 0),
    ]
    line += ["--replay", replay] if replay else []
    line += ["--today", today.isoformat()] if today else []
    return [*line, *more]


@contextmanager
def running(
    found: Settings, *, replay: str | None = None, today: date | None = None, more: Sequence[str] = ()
) -> Iterator[None]:
    """A sandbox for the length of the block: the one that answers already, or a child that ends with it."""
    if found.upstream == "live" or healthy(found.sandbox_url):
        if found.upstream != "live" and (replay or today):
            set_world(found, replay, today)
        yield
        return
    child = subprocess.Popen(  # noqa: S603 - our own module
        command(found, replay=replay, today=today, more=more),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        _await(child, found.sandbox_url)
        yield
    finally:
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        if child.stderr:
            child.stderr.close()


def set_world(found: Settings, replay: str | None, today: date | None) -> None:
    """Move a running sandbox to `today`; one that runs another world cannot be turned into a replay."""
    health = httpx.get(f"{found.sandbox_url}/_admin/health", timeout=5.0).json()
    if bool(replay) != (health.get("market") == "replayed"):
        fail(
            f"STOCKS_SANDBOX_URL: a sandbox with another market runs at {found.sandbox_url}. "
            "End it, or set another port.",
            Exit.USAGE,
        )
    if today:
        httpx.post(
            f"{found.sandbox_url}/_admin/today", json={"today": today.isoformat()}, timeout=5.0
        ).raise_for_status()


def credits_of(found: Settings) -> dict[str, Any]:
    """The second vendor's own count of this desk's credits: `minute_s`, `used`, `worst_minute` and more."""
    counted: dict[str, Any] = httpx.get(f"{found.sandbox_url}/_admin/credits", timeout=5.0).raise_for_status().json()
    return counted


@contextmanager
def spoilt(found: Settings, faults: Sequence[Mapping[str, object]]) -> Iterator[None]:
    """These faults in force for the length of the block, besides those that are; afterwards only those again."""
    url = f"{found.sandbox_url}/_admin/faults"
    before = httpx.get(url, timeout=5.0).raise_for_status().json()["faults"]
    httpx.post(url, json=list(faults), timeout=5.0).raise_for_status()
    try:
        yield
    finally:
        # There is no taking back a single one; the counts of the others begin anew.
        httpx.delete(url, timeout=5.0)
        standing = [{k: v for k, v in fault.items() if k not in {"matched", "struck"}} for fault in before]
        httpx.post(url, json=standing, timeout=5.0)


def _await(child: "subprocess.Popen[str]", url: str) -> None:
    clock = SystemClock()
    deadline = clock.monotonic() + START_S
    while not healthy(url):
        if child.poll() is not None:
            said = (child.stderr.read() if child.stderr else "").strip().splitlines()
            fail(f"the sandbox did not start: {said[-1] if said else 'no word from it'}", Exit.FAILURE)
        if clock.monotonic() > deadline:
            fail(f"the sandbox did not answer at {url} within {START_S:.0f} s", Exit.FAILURE)
        clock.sleep(0.05)

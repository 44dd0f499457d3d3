"""The sandbox as tests use it: a real server process on a free port, and its admin paths as methods.

What belongs here: starting, stopping, steering and asking. What does not: fixtures' scopes beyond the two below, which
any test folder may import into its conftest.
"""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

TODAY = date(2026, 11, 20)
_START_S = 60.0
_STOP_S = 10.0


class SandboxRefused(Exception):  # noqa: N818 - the name states the fact
    """The sandbox answered an admin request with a 400: `field` is what it objects to."""

    def __init__(self, body: dict[str, str]) -> None:
        super().__init__(body["error"])
        self.field = body["field"]


class SandboxServer:
    """One sandbox process. `arguments` are those of `python -m stocks_pipeline.sandbox`, without --port."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "stocks_pipeline.sandbox", "--port", "0", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.url = self._await_ready()
        self.asx_listing_url = f"{self.url}/www.asx.com.au/asx/research/ASXListedCompanies.csv"
        self.asx_directory_url = f"{self.url}/asx.api.markitdigital.com/asx-research/1.0/companies/directory/file"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> int:
        """End it with SIGTERM; its exit status."""
        self.process.terminate()
        try:
            self.process.communicate(timeout=_STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
        return int(self.process.returncode)

    def health(self) -> dict[str, Any]:
        return self._admin("GET", "health")

    def reset(self) -> None:
        """Back to how it was started: faults, date, latency; an empty log."""
        self._admin("POST", "reset")

    def fault(self, name: str, **fields: Any) -> None:
        """Put one more fault in force; fields as in sandbox/faults.py.

        Raises:
            SandboxRefused: a field is impossible.
        """
        self._admin("POST", "faults", {"name": name, **fields})

    def faults(self) -> list[dict[str, Any]]:
        """The faults in force, each with `matched` and `struck`."""
        found: list[dict[str, Any]] = self._admin("GET", "faults")["faults"]
        return found

    def clear_faults(self) -> None:
        self._admin("DELETE", "faults")

    def today(self, day: date | None) -> None:
        """Set the world's date; None: the real one."""
        self._admin("POST", "today", {"today": day and day.isoformat()})

    def latency(self, mean_ms: float) -> None:
        self._admin("POST", "latency", {"mean_ms": mean_ms})

    def stats(self) -> dict[str, Any]:
        return self._admin("GET", "stats")

    def log(self, since: int = 0, *, endpoint: str | None = None) -> list[dict[str, Any]]:
        """Every logged call from index `since` on, or those of one endpoint such as `chart`."""
        found: list[dict[str, Any]] = []
        while page := self._admin("GET", f"log?since={since}")["records"]:
            found += page
            since = page[-1]["index"] + 1
        return [record for record in found if endpoint in (None, record["endpoint"])]

    def get(
        self, path: str, host: str = "query2.finance.yahoo.com", timeout: float = 30.0
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers (lower case) and body of an upstream's path, whatever the status."""
        request = Request(f"{self.url}{path}", headers={"X-Upstream-Host": host})  # noqa: S310 - our own URL
        try:
            with urlopen(request, timeout=timeout) as response:  # noqa: S310 - same
                return response.status, {k.lower(): v for k, v in response.headers.items()}, response.read()
        except HTTPError as error:
            with error:
                return error.code, {k.lower(): v for k, v in error.headers.items()}, error.read()

    def _admin(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.url}/_admin/{path}", data=data, method=method)  # noqa: S310 - our own URL
        try:
            with urlopen(request, timeout=30) as response:  # noqa: S310 - same
                found: dict[str, Any] = json.load(response)
        except HTTPError as error:
            with error:
                raise SandboxRefused(json.load(error)) from None
        return found

    def _await_ready(self) -> str:
        """The URL of the ready line."""
        out = self.process.stdout
        assert out is not None
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline and self.process.poll() is None:
            if select.select([out], [], [], 0.1)[0]:
                line = out.readline()
                if line.startswith("sandbox ready at "):
                    return line.removeprefix("sandbox ready at ").strip()
        self.process.kill()
        raise RuntimeError(f"the sandbox did not start: {self.process.communicate()[1]}")


@pytest.fixture(scope="session")
def sandbox_process() -> Iterator[SandboxServer]:
    """One server for the whole test session; take `sandbox` unless you clean up yourself."""
    with SandboxServer("--today", TODAY.isoformat(), "--seed", "1") as server:
        yield server


@pytest.fixture
def sandbox(sandbox_process: SandboxServer) -> Iterator[SandboxServer]:
    """A sandbox in its initial state: seed 1, 2026-11-20, no fault, no latency, an empty log."""
    sandbox_process.reset()
    yield sandbox_process
    sandbox_process.reset()


def shared_data() -> Path | None:
    """The folder of recorded data, or None where it is absent."""
    beside = Path(__file__).resolve().parents[1].parent / "shared" / "data"
    found = Path(os.environ.get("STOCKS_SHARED_DATA", beside))
    return found if found.is_dir() else None

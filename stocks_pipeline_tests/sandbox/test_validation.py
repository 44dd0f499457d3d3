"""A validation with the real clients: both vendors over HTTP, refusals, spent credits, two sessions at once."""

import json
import os
import re
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from stocks_pipeline.clock import SystemClock
from stocks_pipeline.defs.chain import batch_range_tags
from stocks_pipeline.defs.resources import LakeResource, TwelveDataResource, YahooResource
from stocks_pipeline.defs.us import US
from stocks_pipeline.defs.us.checking import BatchCheck, stored_results
from stocks_pipeline.defs.us.definitions import validation_definitions
from stocks_pipeline.defs.us.session_book import SessionBook
from stocks_pipeline.defs.us.summing import sum_up
from stocks_pipeline.domain.plans import plan_named
from stocks_pipeline.domain.schemas import PRICES
from stocks_pipeline.domain.symbols import BatchPlan, split_batches
from stocks_pipeline.domain.validation_types import Profile, Status
from stocks_pipeline.settings import Settings
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import Lake, open_lake
from stocks_pipeline.storage.tables import write_table
from stocks_pipeline.storage.validation_keys import SessionPlace
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError
from stocks_pipeline.upstream.limits import open_limiter
from stocks_pipeline.upstream.yahoo import Window
from stocks_pipeline_tests.sandbox_server import TODAY, SandboxServer

MINUTE_S = 1.0
ANY_STYLE = pytest.mark.parametrize("vendor_process", [()], ids=["status"], indirect=True)
"""For tests in which the vendor refuses nothing: how it writes errors is no matter."""
SYMBOLS = ("AAPL", "MSFT", "GOOGL", "AMZN", "NVDA", "JPM", "KO", "PEP", "XOM", "CVX", "HD", "MCD")


@pytest.fixture(scope="module", params=[(), ("--errors-in-200",)], ids=["status", "in_200"])
def vendor_process(request: pytest.FixtureRequest) -> Iterator[SandboxServer]:
    """A world whose credits renew every second, in both styles of errors."""
    with SandboxServer(
        "--today", TODAY.isoformat(), "--companies", "50", "--credit-minute-s", str(MINUTE_S), *request.param
    ) as server:
        yield server


@pytest.fixture
def vendor(vendor_process: SandboxServer) -> SandboxServer:
    vendor_process.reset()
    return vendor_process


@pytest.fixture
def lake(vendor: SandboxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A desk on that world with a fortnight of the first vendor's prices of twelve symbols: two batches."""
    for name in [name for name in os.environ if name.startswith("STOCKS_")]:
        monkeypatch.delenv(name)
    values = {
        "STOCKS_HOME": str(tmp_path / "home"),
        "STOCKS_SANDBOX_URL": vendor.url,
        "STOCKS_CREDIT_MINUTE": str(MINUTE_S),
        "STOCKS_RETRY_BUDGET": "3",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    made = open_lake(str(tmp_path / "lake"))
    stock(made)
    return made


def stock(lake: Lake) -> None:
    """The day's split and the first vendor's bars, fetched from it."""
    plan = BatchPlan(SYMBOLS, split_batches(list(SYMBOLS), 100), {"date": TODAY.isoformat()})
    lake.write(layout.batches_key(US.name, TODAY), plan.to_json())
    rows: list[dict[str, Any]] = []
    with YahooResource().open(lambda _: US.timezone) as yahoo:
        for symbol, bars in yahoo.daily_bars(list(SYMBOLS), Window(TODAY - timedelta(days=14), TODAY)):
            assert not isinstance(bars, UpstreamError)
            more = {"symbol": symbol, "currency": "USD", "source": "yahoo-sandbox", "batch_number": 0}
            rows += [{**bar, **more, "fetched_at": SystemClock().now()} for bar in bars.table.to_pylist()]
    write_table(lake, layout.raw_key(US.name, TODAY, 0), pa.Table.from_pylist(rows, schema=PRICES), PRICES)


def opened(lake: Lake, day: date = TODAY, symbols: Sequence[str] = SYMBOLS, size: int = 8) -> SessionBook:
    """The book of a session on the free plan, in batches of that many symbols."""
    book = SessionBook(lake, SessionPlace(US.name, day), SystemClock())
    plan = replace(plan_named("basic8"), batch_size=size)
    book.open(symbols, plan, lookback_days=7, profile=Profile.STANDARD, anew=False)
    return book


def check(lake: Lake, book: SessionBook, *numbers: int) -> list[UpstreamError]:
    """Check these batches with the real client, one after the other; what failed."""
    session, failed = book.get(), []
    assert session is not None
    with TwelveDataResource().open(lake, book.place) as gateway:
        work = BatchCheck(session, book, gateway, SystemClock(), US.calendar())
        for number in numbers:
            try:
                work.check(number)
            except UpstreamError as error:
                failed.append(error)
    return failed


def statuses(lake: Lake, book: SessionBook) -> dict[str, Status]:
    session = book.get()
    assert session is not None
    return {r.symbol: r.status for found in stored_results(lake, book.place, session).values() for r in found}


@ANY_STYLE
def test_a_session_through_dagster_and_both_vendors(lake: Lake) -> None:
    """Session, results, summary by their jobs on the real resources: all agree, the credits were kept."""
    resources = {"lake": LakeResource(root=lake.root), "twelve_data": TwelveDataResource(), "clock": SystemClock()}
    wiring = dg.Definitions(resources=resources, executor=dg.in_process_executor)
    repository = dg.Definitions.merge(validation_definitions(), wiring).get_repository_def()
    with dg.DagsterInstance.ephemeral() as instance:
        for job, tags in (
            ("session", {"dagster/partition": str(TODAY)}),
            ("results", batch_range_tags(TODAY, range(2))),
            ("summary", {"dagster/partition": str(TODAY)}),
        ):
            result = repository.get_job(f"us_validation_{job}").execute_in_process(
                instance=instance, tags=tags, raise_on_error=False
            )
            assert result.success, job
    document = json.loads(lake.read(SessionPlace(US.name, TODAY).summary))
    assert (document["event"], document["passed_count"], document["credits_used"]) == ("WorkflowCompleted", 12, 12)
    assert {c.check_name: c.passed for c in result.get_asset_check_evaluations()} == {
        "prices_agree": True,
        "freshness": True,
        "completeness": True,
        "duplicates_and_extra_days": True,
        "accuracy": True,
        "all_checked": True,
        "credits_kept": True,
    }


def test_one_unknown_symbol_of_eight_leaves_seven_verdicts(vendor: SandboxServer, lake: Lake) -> None:
    """D: the vendor does not know one; the others are stored, and one request was enough."""
    vendor.fault("unknown", symbols=["JPM"], endpoint="time_series")
    book = opened(lake)
    assert check(lake, book, 0) == []
    found = statuses(lake, book)
    assert {s for s, status in found.items() if status is Status.PASSED} == set(SYMBOLS[:8]) - {"JPM"}
    assert found["JPM"] is Status.ERROR
    assert len(vendor.log(endpoint="time_series")) == 1


def test_a_refusal_for_the_minute_is_waited_out(vendor: SandboxServer, lake: Lake) -> None:
    """429 once, as a status or inside 200: everyone waits for the next minute, nothing is failed."""
    vendor.fault("429", count=1, endpoint="time_series")
    book = opened(lake)
    assert check(lake, book, 0) == []
    assert set(statuses(lake, book).values()) == {Status.PASSED}
    assert len(vendor.log(endpoint="time_series")) == 2


def test_a_spent_day_leaves_the_batch_pending(vendor: SandboxServer, lake: Lake) -> None:
    """The day's credits are gone: one request, no retry, no verdict, and the batch waits; tomorrow it goes on."""
    vendor.fault("day_cap", endpoint="time_series")
    book = opened(lake)
    (error,) = check(lake, book, 0)
    assert error.kind is FailureKind.QUOTA_DAY
    session = book.get()
    assert session is not None
    assert session.batches[0].status == "pending"
    assert statuses(lake, book) == {}
    assert len(vendor.log(endpoint="time_series")) == 1
    vendor.clear_faults()
    assert check(lake, book, 1) == []


@ANY_STYLE
def test_the_fifth_session_of_a_day_meets_the_plans_cap(vendor: SandboxServer, lake: Lake) -> None:
    """D34: four sessions of 188 took 752 of the free plan's 800 credits of today, as the control file has it. Of a
    fifth what is left is sent, six requests of eight; the seventh is refused with the count before it is sent, and so
    is every later one.
    """
    before = open_limiter(
        Settings.load().limits, "twelvedata", [], clock=SystemClock(), upstream="twelvedata", daily=1000
    )
    for _ in range(4):
        before.acquire(188)
    before.close()
    symbols = [f"S{number:03}" for number in range(188)]
    refused: list[UpstreamError] = []
    with TwelveDataResource().open(lake, SessionPlace(US.name, TODAY)) as gateway:
        for at in range(0, len(symbols), 8):
            try:
                gateway.daily(symbols[at : at + 8], start=TODAY, end=TODAY)
            except UpstreamError as error:
                refused.append(error)
    assert len(vendor.log(endpoint="time_series")) == 6
    assert [error.kind for error in refused] == [FailureKind.QUOTA_DAY] * 18
    assert re.search(r"800 of 800 credits of \S+ \(UTC\) are used, 8 more were asked for", str(refused[0]))


def test_a_wrong_key_is_named_and_never_shown(
    vendor: SandboxServer, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AUTH, the batch is pending, and neither the record nor the log of calls holds the key."""
    secret = "bad0123456789abcdef"  # noqa: S105 - what the sandbox refuses
    monkeypatch.setenv("STOCKS_TWELVE_DATA_API_KEY", secret)
    book = opened(lake)
    (error,) = check(lake, book, 0)
    assert error.kind is FailureKind.AUTH
    session = book.get()
    assert session is not None
    assert session.batches[0].status == "pending"
    kept = b"".join(lake.read(key) for key in lake.list(layout.validation_prefix(US.name)))
    assert secret.encode() not in kept
    assert secret not in json.dumps(vendor.log())


def test_a_vendor_that_is_down_fails_the_batch_and_heals(vendor: SandboxServer, lake: Lake) -> None:
    """500 throughout: failed with the reason, the other batch is checked; well again, the session is completed."""
    vendor.fault("500", count=3, endpoint="time_series")
    book = opened(lake, symbols=SYMBOLS[:4], size=2)  # three tries of two credits and the other batch fit into a minute
    (error,) = check(lake, book, 0, 1)
    assert error.kind is FailureKind.TRANSIENT
    session = book.get()
    assert session is not None
    assert [batch.status for batch in session.batches] == ["failed", "completed"]
    assert session.status == "failed"
    assert check(lake, book, 0) == []
    healed = book.get()
    assert healed is not None
    assert healed.status == "completed"


@ANY_STYLE
@pytest.mark.parametrize(
    ("fault", "cause"), [("x100", "unit_x100"), ("wrong_listing", "wrong_listing"), ("stale", None)]
)
def test_faults_of_one_vendor_are_found(vendor: SandboxServer, lake: Lake, fault: str, cause: str | None) -> None:
    """A symbol whose second vendor is wrong never passes, and its neighbours do."""
    vendor.fault(fault, symbols=["KO"], endpoint="time_series")
    book = opened(lake)
    assert check(lake, book, 0) == []
    session = book.get()
    assert session is not None
    results = {r.symbol: r for found in stored_results(lake, book.place, session).values() for r in found}
    assert results["KO"].status is not Status.PASSED
    if cause:
        assert cause in {issue.cause for issue in results["KO"].issues}
    assert {r.status for s, r in results.items() if s != "KO"} == {Status.PASSED}


@ANY_STYLE
def test_two_sessions_at_once_never_exceed_the_minute(vendor: SandboxServer, lake: Lake) -> None:
    """C: two days checked side by side share the credits: no refusal, no minute with more than eight, both complete."""
    before = US.calendar().previous_session(TODAY)
    books = [opened(lake), opened(lake, before)]
    errors: list[UpstreamError] = []
    started = time.monotonic()
    threads = [threading.Thread(target=lambda b=book: errors.extend(check(lake, b, 0, 1))) for book in books]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert errors == []
    answers = vendor.log(endpoint="time_series")
    assert {record["status"] for record in answers} == {200}
    assert len(answers) == 4
    assert time.monotonic() - started > 2 * MINUTE_S
    summed = sum_up(lake, SessionPlace(US.name, TODAY))
    assert summed is not None
    assert summed.audit.passed, summed.audit.reason
    assert summed.audit.worst_minute <= 8
    assert summed.audit.calls == 4

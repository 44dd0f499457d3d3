"""The gateway to the second vendor against the sandbox: credits, refusals of every class, the key's secrecy."""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from stocks_pipeline.clock import Clock, SystemClock
from stocks_pipeline.domain.credit_audit import Charged, Limit, audit
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError
from stocks_pipeline.upstream.http import RetryPolicy
from stocks_pipeline.upstream.limits import Cancelled, Rate, SharedLimiter, open_limiter
from stocks_pipeline.upstream.twelve_data import SentCall, TwelveData
from stocks_pipeline.upstream.twelve_data_answers import Reply
from stocks_pipeline_tests.fakes import FakeClock
from stocks_pipeline_tests.sandbox_server import TODAY, SandboxServer

KEY = "0123456789abcdef0123456789abcdef"
MINUTE_S = 0.5
SPAN: dict[str, Any] = {"start": date(2026, 11, 2), "end": date(2026, 11, 20)}
ONCE = RetryPolicy(attempts=1, rate_attempts=1, base_s=0.01, cool_down_s=0.01)
PATIENT = RetryPolicy(attempts=2, rate_attempts=4, base_s=0.01, cool_down_s=0.01)


def _server(*options: str) -> Iterator[SandboxServer]:
    fast = ("--today", TODAY.isoformat(), "--companies", "50", "--credit-minute-s", str(MINUTE_S))
    with SandboxServer(*fast, *options) as server:
        yield server


@pytest.fixture(scope="module", params=["", "--errors-in-200"], ids=["status", "in_200"])
def vendor_process(request: pytest.FixtureRequest) -> Iterator[SandboxServer]:
    """A vendor whose minute is half a second, in both styles of errors."""
    yield from _server(*filter(None, [request.param]))


@pytest.fixture
def vendor(vendor_process: SandboxServer) -> SandboxServer:
    vendor_process.reset()
    return vendor_process


class Desk:
    """A gateway with its limiter, and what it sent."""

    def __init__(self, vendor: SandboxServer, folder: Path, **options: Any) -> None:
        self.sent: list[SentCall] = []
        settings = {"api_key": KEY, "policy": ONCE, "minute_s": MINUTE_S, "clock": SystemClock(), **options}
        self.limiter = limiter(folder, settings["clock"])
        self.gateway = TwelveData(base_url=vendor.url, limiter=self.limiter, record=self.sent.append, **settings)

    def failure(self, *symbols: str) -> UpstreamError:
        with pytest.raises(UpstreamError) as caught:
            self.gateway.daily(symbols or ("AAPL",), **SPAN)
        return caught.value


def limiter(folder: Path, clock: Clock) -> SharedLimiter:
    rates = [Rate(8, MINUTE_S)]
    return open_limiter(str(folder / "c.db"), "td", rates, clock=clock, upstream="twelvedata", daily=800)


@pytest.fixture
def make(vendor: SandboxServer, tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    made: list[Desk] = []

    def one(**options: Any) -> Desk:
        made.append(Desk(vendor, tmp_path, **options))
        return made[-1]

    yield one
    for desk in made:
        desk.gateway.close()
        desk.limiter.close()


def credits(vendor: SandboxServer) -> dict[str, Any]:  # noqa: A001 - the vendor's word
    with urlopen(f"{vendor.url}/_admin/credits", timeout=10) as response:  # noqa: S310 - our own URL
        found: dict[str, Any] = json.load(response)
    return found


def audited(desk: Desk) -> bool:
    """Whether any minute of the vendor's, wherever it starts, holds at most eight credits as they were sent."""
    return audit([Charged(call.at, call.credits, Limit(8, None, MINUTE_S)) for call in desk.sent]).passed


def test_a_batch_is_one_request_and_a_credit_a_symbol(vendor: SandboxServer, make: Callable[..., Desk]) -> None:
    """Bars by our symbols in the span; what is unknown or not in the plan says so beside them."""
    desk = make()
    found = desk.gateway.daily(["AAPL", "BRK-B", "BHP.AX", "toolong"], **SPAN)
    assert list(found) == ["AAPL", "BRK-B", "BHP.AX", "toolong"]
    for symbol in ("AAPL", "BRK-B"):
        assert found[symbol]["session"].to_pylist()[0::14] == [date(2026, 11, 2), date(2026, 11, 20)]
        assert set(found[symbol]["symbol"].to_pylist()) == {symbol}
    assert "Grow or Venture plan" in found["BHP.AX"].next_step
    assert found["toolong"].kind is FailureKind.PERMANENT
    (call,) = desk.sent
    assert (call.credits, call.status, call.credits_used, call.strangers) == (4, 200, 2, 0)
    assert vendor.stats()["by_endpoint"] == {"time_series": 1}
    assert desk.limiter.used(60) == 4


def test_a_span_without_sessions_is_an_empty_table(make: Callable[..., Desk]) -> None:
    """A weekend, alone and in a batch."""
    desk, weekend = make(), SPAN | {"start": date(2026, 11, 14), "end": date(2026, 11, 15)}
    assert desk.gateway.daily(["AAPL"], **weekend)["AAPL"].num_rows == 0
    assert desk.gateway.daily(["AAPL", "MSFT"], **weekend)["MSFT"].num_rows == 0


def test_no_minute_holds_more_than_eight(vendor: SandboxServer, make: Callable[..., Desk]) -> None:
    """Six full batches take five minutes of the vendor's; the audit of what was sent holds, and nothing is lost.

    The vendor may refuse one on a busy machine, where a request is under way for longer than the limiter's slack: with
    minutes of half a second that is 10 ms. benchmarks/credits.py demands none.
    """
    desk = make(policy=PATIENT)
    began = time.monotonic()
    for _ in range(6):
        assert len(desk.gateway.daily(list("ABCDEFGH"), **SPAN)) == 8
    took = time.monotonic() - began
    shown = credits(vendor)
    assert (shown["used"], shown["worst_minute"]) == (48, 8)
    assert shown["refused_minute"] == sum(call.status == 429 for call in desk.sent) == len(desk.sent) - 6
    assert audited(desk)
    assert took >= 5 * MINUTE_S


def test_an_exhausted_minute_is_waited_for(vendor: SandboxServer, make: Callable[..., Desk]) -> None:
    """RATE cools everyone down to the vendor's next minute; the same call then succeeds; both are charged."""
    vendor.fault("429", endpoint="time_series", count=1)
    desk = make(policy=PATIENT)
    assert desk.gateway.daily(["AAPL"], **SPAN)["AAPL"].num_rows
    assert [call.status for call in desk.sent] == [429, 200]
    assert int(desk.sent[1].at // MINUTE_S) > int(desk.sent[0].at // MINUTE_S)
    assert sum(call.credits for call in desk.sent) == 2


def test_a_spent_day_stops_at_once(vendor: SandboxServer, make: Callable[..., Desk]) -> None:
    """QUOTA_DAY by the text, one request, and the time until the vendor's reset."""
    vendor.fault("day_cap", endpoint="time_series")
    desk = make(policy=PATIENT)
    error = desk.failure("AAPL", "MSFT")
    assert (error.kind, error.attempts, len(desk.sent)) == (FailureKind.QUOTA_DAY, 1, 1)
    assert error.retry_after_s is not None
    assert 0 < error.retry_after_s <= 86_400


@pytest.mark.parametrize(
    ("fault", "fields", "kind"),
    [
        ("401", {}, FailureKind.AUTH),
        ("500", {}, FailureKind.TRANSIENT),
        ("html", {}, FailureKind.MALFORMED),
        ("malformed", {}, FailureKind.MALFORMED),
        ("timeout", {"seconds": 20}, FailureKind.TRANSIENT),
    ],
)
def test_every_other_failure_has_its_class(
    vendor: SandboxServer, make: Callable[..., Desk], fault: str, fields: dict[str, Any], kind: FailureKind
) -> None:
    """Recorded and charged like a call that succeeded."""
    vendor.fault(fault, endpoint="time_series", **fields)
    desk = make(request_timeout_s=0.5)
    assert desk.failure("AAPL", "MSFT").kind is kind
    assert {call.credits for call in desk.sent} == {2}
    assert (desk.sent[0].status is None) is (fault == "timeout")


def test_a_minute_that_ends_within_a_batch_defers_the_rest(
    make: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was answered is kept, what was not comes back as RATE, and nobody asks before the next minute."""
    desk = make()
    spent = {"code": 429, "message": "You have run out of API credits for the current minute.", "status": "error"}
    body = json.dumps({"A": {"values": [], "status": "ok"}, "B": spent}).encode()
    monkeypatch.setattr(desk.gateway, "_get", lambda *_: Reply(200, {}, body, time.time()))
    found = desk.gateway.daily(["A", "B"], **SPAN)
    assert (found["A"].num_rows, found["B"].kind) == (0, FailureKind.RATE)
    assert 0 < desk.limiter.cooling_s() <= 1.02 * MINUTE_S


def test_credits_of_a_stranger_make_everyone_wait(
    vendor: SandboxServer, make: Callable[..., Desk], caplog: pytest.LogCaptureFixture
) -> None:
    """The vendor counts more than our ledger: said in the log, and no credit is granted before its minute ends."""
    desk, others = make(), f"/time_series?symbol=A,B,C,AAPL&interval=1day&apikey={KEY}"
    vendor.get(others, host="api.twelvedata.com")  # so that the answers below take no time
    time.sleep(MINUTE_S - time.time() % MINUTE_S + 0.02)  # a fresh minute, so that both calls lie in it
    vendor.get(others, host="api.twelvedata.com")
    with caplog.at_level(logging.WARNING):
        desk.gateway.daily(["AAPL"], **SPAN)
    assert (desk.sent[0].credits_used, desk.sent[0].strangers) == (5, 4)
    assert "somebody else uses the key" in caplog.text
    desk.gateway.daily(["AAPL"], **SPAN)
    assert int(desk.sent[1].at // MINUTE_S) > int(desk.sent[0].at // MINUTE_S)


def test_the_key_stays_in_its_header(
    vendor: SandboxServer, make: Callable[..., Desk], caplog: pytest.LogCaptureFixture
) -> None:
    """Not in an address, an error, a log line or the record of calls, whatever fails and however often it is tried."""
    told, sends = [], 0
    with caplog.at_level(logging.DEBUG):
        for fault in ("429", "401", "500", "html", "malformed", "timeout"):
            vendor.clear_faults()
            vendor.fault(fault, endpoint="time_series")
            desk = make(policy=PATIENT, request_timeout_s=0.2, clock=FakeClock(time.time()))
            error = desk.failure()
            told += [str(error), repr(error), error.next_step, repr(error.__cause__), repr(error.__context__)]
            told.append(str(desk.sent))
            sends += len(desk.sent)
    assert sends == PATIENT.rate_attempts + 5 * PATIENT.attempts
    told += [record["path"] for record in vendor.log()] + [caplog.text]
    assert KEY not in "".join(told)


def test_wrong_use_is_refused_before_anything_is_charged(make: Callable[..., Desk]) -> None:
    """No key, a key with quotes, no symbol, a symbol twice, a comma, an empty span, a stopped run."""
    desk = make(api_key="")
    assert "STOCKS_TWELVE_DATA_API_KEY" in desk.failure().message
    with pytest.raises(ValueError, match="STOCKS_TWELVE_DATA_API_KEY"):
        make(api_key='"quoted"')
    good = make()
    for symbols in ([], ["A", "A"], ["A,B"], [f"S{n}" for n in range(121)]):
        with pytest.raises(ValueError, match="symbol"):
            good.gateway.daily(symbols, **SPAN)
    with pytest.raises(ValueError, match="empty"):
        good.gateway.daily(["A"], start=SPAN["end"], end=SPAN["start"])
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        good.gateway.daily(["A"], stop=stop, **SPAN)
    assert good.limiter.used(60) == 0
    assert good.sent == desk.sent == []


def test_the_vendor_takes_any_minute_too(tmp_path: Path) -> None:
    """A vendor that counts any 60 s, and refused calls as well, answers all the same."""
    for server in _server("--credit-window", "any", "--count-refused"):
        desk = Desk(server, tmp_path, policy=PATIENT)
        for _ in range(4):
            assert len(desk.gateway.daily(list("ABCDEFGH"), **SPAN)) == 8
        assert audited(desk)
        assert credits(server)["used"] == sum(call.credits for call in desk.sent)
        desk.gateway.close()
        desk.limiter.close()

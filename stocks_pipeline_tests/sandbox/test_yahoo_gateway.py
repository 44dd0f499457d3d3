"""The Yahoo gateway against the sandbox: every fault of the wire, one symbol's, a share's and everyone's."""

import itertools
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from curl_cffi.requests import Session

from stocks_pipeline.clock import Clock, SystemClock
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError
from stocks_pipeline.upstream.http import RetryPolicy
from stocks_pipeline.upstream.limits import Cancelled
from stocks_pipeline.upstream.yahoo import Bars, Window, Yahoo
from stocks_pipeline.upstream.yahoo_session import YahooSession
from stocks_pipeline_tests.fakes import FakeClock, Unlimited
from stocks_pipeline_tests.sandbox_server import SandboxServer

MONTH = Window(date(2026, 10, 21), date(2026, 11, 20))
FAST = RetryPolicy(attempts=3, budget_s=4.0, base_s=0.01, cap_s=0.05, rate_attempts=20, cool_down_s=0.05)
Results = dict[str, Bars | UpstreamError]
Open = Callable[..., Yahoo]


class CoolDowns(Unlimited):
    """An unlimited limiter that notes the cool-downs."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.cooled: list[float] = []

    def cool_down(self, seconds: float, reason: str = "") -> None:
        super().cool_down(seconds, reason)
        self.cooled.append(seconds)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def tz_of(symbol: str) -> str:
    return {"AX": "Australia/Sydney", "T": "Asia/Tokyo", "": "America/New_York"}[symbol.partition(".")[2]]


@pytest.fixture
def open_yahoo() -> Iterator[Open]:
    """Gateways that wait for milliseconds instead of seconds, closed at the end."""
    opened: list[Yahoo] = []

    def new(base_url: str, **options: Any) -> Yahoo:
        clock = SystemClock()
        defaults: dict[str, Any] = {"limiter": Unlimited(clock), "concurrency": 8, "policy": FAST}
        opened.append(
            Yahoo(base_url=base_url, tz_of=tz_of, **(defaults | {"clock": clock, "request_timeout_s": 3.0} | options))
        )
        return opened[-1]

    yield new
    for yahoo in opened:
        yahoo.close()


@pytest.fixture
def hundred(sandbox: SandboxServer) -> list[str]:
    """A hundred symbols that the sandbox's Yahoo knows."""
    listing = sandbox.get("/asx/research/ASXListedCompanies.csv", host="www.asx.com.au")[2].decode()
    symbols = [line.split('","')[1] + ".AX" for line in listing.splitlines()[3:]]
    known = (s for s in symbols if sandbox.get(f"/v8/finance/chart/{s}?range=1d&interval=1d")[0] == 200)
    found = list(itertools.islice(known, 100))
    sandbox.reset()
    return found


def fetch(yahoo: Yahoo, symbols: list[str], window: Window = MONTH) -> Results:
    answers = list(yahoo.daily_bars(symbols, window))
    assert len(answers) == len(dict(answers))
    return dict(answers)


def good(results: Results) -> list[str]:
    return [symbol for symbol, answer in results.items() if isinstance(answer, Bars) and answer.table.num_rows]


def kinds(results: Results) -> set[FailureKind]:
    return {answer.kind for answer in results.values() if isinstance(answer, UpstreamError)}


def failure(results: Results, symbol: str) -> UpstreamError:
    answer = results[symbol]
    assert isinstance(answer, UpstreamError)
    return answer


@contextmanager
def scripted(answer: Callable[[str, dict[str, list[str]]], tuple[int, dict[str, str], bytes]]) -> Iterator[str]:
    """A server for answers that the sandbox does not play: `answer(path, query)` is its whole mind."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            status, headers, body = answer(parts.path, parse_qs(parts.query))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Nothing to say."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def chart_body(symbol: str) -> bytes:
    meta = {"symbol": symbol, "currency": "AUD", "exchangeTimezoneName": "Australia/Sydney", "dataGranularity": "1d"}
    quote = {name: [1.0] for name in ("open", "high", "low", "close", "volume")}
    indicators = {"quote": [quote], "adjclose": [{"adjclose": [1.0]}]}
    result = {"meta": meta, "timestamp": [1763596800], "indicators": indicators}
    return json.dumps({"chart": {"result": [result], "error": None}}).encode()


def test_every_symbol_comes_back_once_with_its_bars(sandbox: SandboxServer, open_yahoo: Open) -> None:
    """Symbols of several exchanges, named twice, are fetched once each; the window includes both its ends."""
    yahoo = open_yahoo(sandbox.url)
    symbols = ["BHP.AX", "CBA.AX", "AAPL", "7203.T"]
    results = fetch(yahoo, symbols * 2)
    assert sorted(good(results)) == sorted(symbols)
    bhp = results["BHP.AX"]
    assert isinstance(bhp, Bars)
    sessions = bhp.table.column("session").to_pylist()
    assert (sessions[0], sessions[-1]) == (MONTH.start, MONTH.end)
    assert (yahoo.source, bhp.currency) == ("yahoo-sandbox", "AUD")
    endpoints = sandbox.stats()["by_endpoint"]
    assert endpoints["chart"] == len(symbols)


def test_replayed_prices_have_a_source_of_their_own(tmp_path: Path, open_yahoo: Open) -> None:
    """Recorded real prices are told from invented ones by the sandbox's word, and what is not recorded says so."""
    days = pa.array([MONTH.start + timedelta(days=at) for at in range(3)], pa.date32())
    columns = {**dict.fromkeys(("open", "high", "low", "close", "adj_close"), [1.0] * 3), "symbol": ["NVDA"] * 3}
    columns |= {"date": days, "volume": [1] * 3, "dividends": [0.0] * 3, "splits": [0.0] * 3}
    pq.write_table(pa.table(columns), tmp_path / "yahoo_us.parquet")
    with SandboxServer("--replay", str(tmp_path), "--today", MONTH.end.isoformat()) as server:
        yahoo = open_yahoo(server.url)
        results = fetch(yahoo, ["NVDA", "AMD"])
    assert yahoo.source == "yahoo-replay"
    assert isinstance(results["NVDA"], Bars)
    missing = results["AMD"]
    assert isinstance(missing, UpstreamError)
    assert missing.kind is FailureKind.PERMANENT
    assert "not in the recording" in missing.message


def test_a_window_without_bars_is_no_failure(sandbox: SandboxServer, open_yahoo: Open) -> None:
    """A weekend, and a time before the listing, give zero rows."""
    yahoo = open_yahoo(sandbox.url)
    for window in (Window(date(2026, 11, 14), date(2026, 11, 15)), Window(date(1950, 1, 1), date(1950, 1, 9))):
        answer = fetch(yahoo, ["BHP.AX"], window)["BHP.AX"]
        assert isinstance(answer, Bars)
        assert answer.table.num_rows == 0
        assert answer.note


def test_one_bad_symbol_costs_the_others_nothing(sandbox: SandboxServer, open_yahoo: Open, hundred: list[str]) -> None:
    """One unknown, one that hangs, one without its newest price, of a hundred: 97 are whole and 3 say what is wrong."""
    unknown, hangs, gap = hundred[3], hundred[50], hundred[97]
    sandbox.fault("unknown", symbols=[unknown])
    sandbox.fault("timeout", symbols=[hangs])
    sandbox.fault("nan_last_row", symbols=[gap])
    results = fetch(open_yahoo(sandbox.url, request_timeout_s=0.3), hundred)
    assert len(good(results)) == 98
    assert (failure(results, unknown).kind, failure(results, unknown).attempts) == (FailureKind.PERMANENT, 1)
    assert (failure(results, hangs).kind, failure(results, hangs).attempts) == (FailureKind.TRANSIENT, 3)
    gappy, whole = results[gap], results[hundred[0]]
    assert isinstance(gappy, Bars)
    assert isinstance(whole, Bars)
    assert (gappy.dropped, gappy.table.num_rows) == (1, whole.table.num_rows - 1)


def test_random_failures_are_ridden_out(sandbox: SandboxServer, open_yahoo: Open, hundred: list[str]) -> None:
    """Thirty percent of the requests refused, broken or hanging: every symbol arrives, few requests are wasted."""
    sandbox.fault("429", share=0.1)
    sandbox.fault("500", share=0.15)
    sandbox.fault("timeout", share=0.05)
    policy = RetryPolicy(attempts=8, budget_s=20, base_s=0.01, cap_s=0.05, rate_attempts=30, cool_down_s=0.02)
    results = fetch(open_yahoo(sandbox.url, policy=policy, request_timeout_s=0.3), hundred)
    assert sorted(good(results)) == sorted(hundred)
    assert sandbox.stats()["by_endpoint"]["chart"] < 200


def test_everyone_cools_down_while_the_vendor_refuses(
    sandbox: SandboxServer, open_yahoo: Open, hundred: list[str]
) -> None:
    """Yahoo refuses everyone for a second: all hundred arrive, with few requests wasted on asking meanwhile."""
    sandbox.fault("429", until_s=1.0)
    policy = RetryPolicy(attempts=3, budget_s=4, base_s=0.01, cap_s=0.05, rate_attempts=10, cool_down_s=0.2)
    results = fetch(open_yahoo(sandbox.url, policy=policy), hundred)
    assert sorted(good(results)) == sorted(hundred)
    refused = sandbox.stats()["by_status"]["429"]
    assert refused <= 4 * 8  # at 0, 0.2, 0.6 (and, late, 1.0) seconds, never more than the eight in flight


def test_a_vendor_that_refuses_everyone_is_given_up(sandbox: SandboxServer, open_yahoo: Open) -> None:
    """Every request a 429: after three cool-downs that all share, two batches end at once, the rest never asked."""
    sandbox.fault("429")
    policy = RetryPolicy(attempts=3, rate_attempts=50, cool_down_s=0.1)
    yahoo = open_yahoo(sandbox.url, policy=policy, most_cool_downs=3)
    first = fetch(yahoo, [f"S{i}.AX" for i in range(500)])
    second = fetch(yahoo, ["BHP.AX", "CBA.AX"])
    assert kinds(first) == kinds(second) == {FailureKind.RATE}
    assert len(first) == 500
    assert sandbox.stats()["by_endpoint"]["chart"] <= 4 * 8
    never = [answer for answer in first.values() if isinstance(answer, UpstreamError) and answer.attempts == 0]
    assert len(never) >= 500 - 8
    assert "pending" in never[0].message
    assert failure(second, "BHP.AX").attempts == 0
    sandbox.clear_faults()
    assert good(fetch(open_yahoo(sandbox.url), ["BHP.AX"])) == ["BHP.AX"]  # the next run starts afresh


def test_a_day_of_refusals_ends_within_ten_minutes(open_yahoo: Open) -> None:
    """By the vendor's clock and with what is shipped: 2000 symbols, all refused, end after 315 seconds of waiting."""
    clock = FakeClock()
    limiter = CoolDowns(clock)
    with scripted(lambda _path, _query: (429, {}, b"Too Many Requests")) as url:
        yahoo = open_yahoo(url, clock=clock, limiter=limiter, policy=RetryPolicy())
        results = fetch(yahoo, [f"S{i}.AX" for i in range(2000)])
    assert kinds(results) == {FailureKind.RATE}
    assert limiter.cooled == [5, 10, 20, 40, 80, 160, 180]
    assert sum(limiter.cooled[:-1]) < 600


def test_finished_answers_come_before_the_end(sandbox: SandboxServer, open_yahoo: Open) -> None:
    """What was answered when the caller stopped is yielded, though others were cancelled before it."""
    sandbox.fault("timeout", symbols=["CBA.AX"])
    stop = threading.Event()
    yahoo = open_yahoo(sandbox.url, concurrency=1, request_timeout_s=20.0)
    answers = yahoo.daily_bars(["BHP.AX", "NAB.AX", "ANZ.AX", "CBA.AX", "WBC.AX"], MONTH, stop=stop)
    seen = [next(answers)[0]]
    wait_until(lambda: sandbox.stats()["by_endpoint"].get("chart", 0) >= 4)
    stop.set()
    began = time.monotonic()
    with pytest.raises(Cancelled):
        seen.extend(symbol for symbol, _ in answers)
    assert time.monotonic() - began < 9  # and not the twenty seconds of the call in flight
    assert seen == ["BHP.AX", "NAB.AX", "ANZ.AX"]
    yahoo.close()
    assert time.monotonic() - began < 18


def test_retry_after_is_honoured(sandbox: SandboxServer, open_yahoo: Open) -> None:
    """The vendor's own wish outlasts our shorter cool-down."""
    sandbox.fault("429", count=1, retry_after=1)
    began = time.monotonic()
    assert good(fetch(open_yahoo(sandbox.url), ["BHP.AX"])) == ["BHP.AX"]
    assert time.monotonic() - began >= 1.0


@pytest.mark.parametrize(
    ("fault", "fields", "kind"),
    [
        ("malformed", {}, FailureKind.MALFORMED),
        ("html", {"status": 200}, FailureKind.TRANSIENT),  # the maintenance page
        ("html", {"status": 404}, FailureKind.MALFORMED),  # an edge speaking: nothing is known of the symbol
        ("500", {"status": 503}, FailureKind.TRANSIENT),
        ("500", {"status": 422}, FailureKind.PERMANENT),
    ],
)
def test_answers_that_are_no_data_are_classified(
    sandbox: SandboxServer, open_yahoo: Open, fault: str, fields: dict[str, int], kind: FailureKind
) -> None:
    """Cut bodies and pages are tried again, then reported as what they are; the next symbol is not concerned."""
    sandbox.fault(fault, symbols=["BHP.AX"], **fields)
    results = fetch(open_yahoo(sandbox.url), ["BHP.AX", "CBA.AX"])
    assert failure(results, "BHP.AX").kind is kind
    assert failure(results, "BHP.AX").attempts == (1 if kind is FailureKind.PERMANENT else FAST.attempts)
    assert good(results) == ["CBA.AX"]


def test_a_refused_crumb_is_replaced(sandbox: SandboxServer, open_yahoo: Open) -> None:
    """A 401 gets a new cookie and crumb, shared by all threads, and the symbols arrive."""
    sandbox.fault("500", status=401, each=1)
    symbols = ["BHP.AX", "CBA.AX", "NAB.AX", "ANZ.AX", "AAPL", "7203.T"]
    sandbox.latency(50)  # so that all six are refused before the first asks for a new one
    assert len(good(fetch(open_yahoo(sandbox.url), symbols))) == 6
    endpoints = sandbox.stats()["by_endpoint"]
    assert endpoints["crumb"] == endpoints["cookie"]
    assert 2 <= endpoints["crumb"] <= 4  # one each would be 7


def test_a_lasting_refusal_ends_the_stage(sandbox: SandboxServer, open_yahoo: Open, hundred: list[str]) -> None:
    """Where Yahoo refuses us, the rest of the hundred is not asked but pending, and no thread hammers on."""
    sandbox.fault("500", status=401)
    results = fetch(open_yahoo(sandbox.url), hundred)
    assert kinds(results) == {FailureKind.AUTH}
    assert len(results) == 100
    assert sandbox.stats()["by_endpoint"]["chart"] <= 2 * 8
    not_asked = [answer for answer in results.values() if isinstance(answer, UpstreamError) and answer.attempts == 0]
    assert len(not_asked) >= 100 - 2 * 8
    assert "pending" in not_asked[0].message
    assert "with a fresh crumb" in not_asked[0].message
    sandbox.clear_faults()
    assert len(good(fetch(open_yahoo(sandbox.url), hundred[:5]))) == 5  # the next call starts afresh


def test_who_waits_for_a_second_try_hears_of_the_end(sandbox: SandboxServer, open_yahoo: Open) -> None:
    """Symbols in their back-off when the stage ends are not sent again, and say that they were tried once."""
    sandbox.fault("500", status=402, symbols=["BHP.AX"])
    sandbox.fault("500")
    patient = RetryPolicy(attempts=5, base_s=0.6)
    results = fetch(open_yahoo(sandbox.url, policy=patient), ["CBA.AX", "NAB.AX", "ANZ.AX", "BHP.AX"])
    assert kinds(results) == {FailureKind.QUOTA_DAY}
    assert failure(results, "CBA.AX").attempts == 1
    assert "BHP.AX failed" in failure(results, "CBA.AX").message
    assert sandbox.stats()["by_endpoint"]["chart"] == 4


def test_a_dead_vendor_is_given_up(open_yahoo: Open) -> None:
    """With nobody listening, a thousand symbols end after some dozens of tries instead of hours."""
    with scripted(lambda _path, _query: (200, {}, b"")) as url:
        pass  # its port is closed again
    results = fetch(open_yahoo(url), [f"S{i}.AX" for i in range(1000)])
    assert kinds(results) == {FailureKind.TRANSIENT}
    tried = [answer for answer in results.values() if isinstance(answer, UpstreamError) and answer.attempts]
    assert 25 <= len(tried) <= 25 + 8


@pytest.mark.parametrize("fault", ["429", "timeout", "html", "500"])
def test_a_crumb_that_cannot_be_had_fails_nothing(sandbox: SandboxServer, open_yahoo: Open, fault: str) -> None:
    """The crumb's path refuses, hangs or answers with a page: charts come all the same, and soon."""
    sandbox.fault(fault, endpoint="crumb")
    began = time.monotonic()
    assert len(good(fetch(open_yahoo(sandbox.url, request_timeout_s=0.4), ["BHP.AX", "CBA.AX", "AAPL"]))) == 3
    assert time.monotonic() - began < 20  # it hangs for two minutes


def test_only_a_crumb_is_sent_as_crumb(open_yahoo: Open) -> None:
    """The crumb goes with every request; the words of a refusal never do (yfinance sends them)."""
    sent: list[list[str]] = []
    words = [b"aBc.dEf/123"]

    def answer(path: str, query: dict[str, list[str]]) -> tuple[int, dict[str, str], bytes]:
        if path.startswith("/v8/finance/chart/"):
            sent.append(query.get("crumb", []))
            return 200, {}, chart_body(path.rpartition("/")[2])
        return 200, {}, words[0] if path == "/v1/test/getcrumb" else b"<html></html>"

    with scripted(answer) as url:
        assert good(fetch(open_yahoo(url), ["BHP.AX"], Window(date(2025, 11, 1), date(2025, 11, 30)))) == ["BHP.AX"]
        for refusal in (b"Too Many Requests\r\n", b'{"finance":{"error":{}}}', b"", b"x" * 400):
            words[0] = refusal
            fetch(open_yahoo(url), ["BHP.AX"])
    assert sent == [["aBc.dEf/123"], [], [], [], []]


@pytest.mark.parametrize(
    ("status", "headers", "body", "kind", "says"),
    [
        (200, {}, chart_body("BHP"), FailureKind.MALFORMED, "is about 'BHP'"),
        (302, {"Location": "https://consent.yahoo.com/x?sessionId=1"}, b"", FailureKind.AUTH, "consent.yahoo.com"),
        (302, {"Location": "https://example.org/"}, b"", FailureKind.MALFORMED, "example.org"),
        (404, {}, b"not here", FailureKind.MALFORMED, "404"),
        (200, {}, b"", FailureKind.MALFORMED, "not JSON"),
    ],
)
def test_odd_answers(  # noqa: PLR0917 - pytest passes them by name
    open_yahoo: Open, status: int, headers: dict[str, str], body: bytes, kind: FailureKind, says: str
) -> None:
    """Another company's bars, redirects and strangers' 404s are no data and not the symbol's fault."""
    with scripted(lambda _path, _query: (status, headers, body)) as url:
        error = failure(fetch(open_yahoo(url), ["BHP.AX"]), "BHP.AX")
    assert error.kind is kind
    assert says in error.message


def test_calls_in_flight_are_bounded_over_all_batches(
    sandbox: SandboxServer, open_yahoo: Open, hundred: list[str]
) -> None:
    """Four batches from four threads share one pool: never more in flight than allowed, and that many are used."""
    sandbox.latency(40)
    yahoo = open_yahoo(sandbox.url)
    found: list[Results] = []
    batches = [hundred[i::4] for i in range(4)]
    threads = [threading.Thread(target=lambda b=batch: found.append(fetch(yahoo, b))) for batch in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(symbol for results in found for symbol in good(results)) == sorted(hundred)
    assert sandbox.stats()["max_in_flight"] == 8


def test_every_request_is_charged_before_it_is_sent(sandbox: SandboxServer, open_yahoo: Open) -> None:
    """Cookie, crumb, charts and repeated charts: as many credits as requests."""
    limiter = Unlimited(SystemClock())
    sandbox.fault("500", each=1)
    yahoo = open_yahoo(sandbox.url, limiter=limiter)
    assert len(good(fetch(yahoo, ["BHP.AX", "CBA.AX", "AAPL"]))) == 3
    assert sandbox.stats()["total"] == limiter.used(60) == 2 + 3 * 2


def test_stop_ends_the_call(sandbox: SandboxServer, open_yahoo: Open, hundred: list[str]) -> None:
    """Once stopped nothing more is sent, and the caller learns that the rest was not fetched."""
    sandbox.latency(30)
    stop = threading.Event()
    answers = open_yahoo(sandbox.url).daily_bars(hundred, MONTH, stop=stop)
    next(answers)
    stop.set()
    with pytest.raises(Cancelled):
        list(answers)
    assert sandbox.stats()["by_endpoint"]["chart"] <= 40


def test_an_abandoned_iterator_sends_no_more(sandbox: SandboxServer, open_yahoo: Open, hundred: list[str]) -> None:
    """Who stops listening stops paying: only what was in flight is finished."""
    sandbox.latency(30)
    yahoo = open_yahoo(sandbox.url)
    answers = yahoo.daily_bars(hundred, MONTH)
    next(answers)
    answers.close()  # type: ignore[attr-defined]
    yahoo.close()
    assert sandbox.stats()["by_endpoint"]["chart"] <= 40


def test_a_symbol_of_no_known_exchange_fails_alone(sandbox: SandboxServer, open_yahoo: Open) -> None:
    """Without a time zone its days are unknown: permanent, nothing is sent for it."""
    results = fetch(open_yahoo(sandbox.url), ["BHP.AX", "BHP.XX"])
    assert failure(results, "BHP.XX").kind is FailureKind.PERMANENT
    assert good(results) == ["BHP.AX"]


def test_no_secret_in_any_message(sandbox: SandboxServer, open_yahoo: Open) -> None:
    """Neither crumb nor query string appears in what a failure says."""
    for name, fields in (("500", {}), ("timeout", {}), ("html", {"status": 404}), ("500", {"status": 401})):
        sandbox.clear_faults()
        sandbox.fault(name, **fields)
        error = failure(fetch(open_yahoo(sandbox.url, request_timeout_s=0.3), ["BHP.AX"]), "BHP.AX")
        assert "sAndb0x" not in str(error)
        assert "period1" not in str(error)


def test_the_session_talks_to_yahoo_only() -> None:
    """Whatever yfinance is made to ask, no other host is reached."""
    session = YahooSession("http://127.0.0.1:9", SystemClock(), longest_s=1)
    for url in ("https://example.org/", "https://yahoo.com.example.org/", "http://127.0.0.1:9/", "file:///etc/hosts"):
        with pytest.raises(PermissionError):
            session.get(url)
    session.close()


def test_yahoo_itself_is_asked_by_its_own_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a base URL the address stays as it is, and no wait is longer than allowed."""
    asked: list[tuple[str, float]] = []
    monkeypatch.setattr(
        Session, "request", lambda _self, _method, url, **options: asked.append((url, options["timeout"]))
    )
    session = YahooSession(None, SystemClock(), longest_s=7)
    session.get("https://query2.finance.yahoo.com/v8/finance/chart/BHP.AX", timeout=30)
    session.get("https://fc.yahoo.com/", timeout=2)
    session.close()
    assert asked == [("https://query2.finance.yahoo.com/v8/finance/chart/BHP.AX", 7), ("https://fc.yahoo.com/", 2)]
    clock = SystemClock()
    yahoo = Yahoo(base_url=None, limiter=Unlimited(clock), clock=clock, tz_of=tz_of)
    assert yahoo.source == "yahoo"
    yahoo.close()


def test_nothing_is_written_to_disk(sandbox: SandboxServer, tmp_path: Path) -> None:
    """The cookie and zone databases of yfinance never come into being: several processes would fight over them."""
    code = (
        "import sys; from datetime import date\n"
        "from stocks_pipeline.clock import Clock, SystemClock\n"
        "from stocks_pipeline_tests.fakes import Unlimited\n"
        "from stocks_pipeline.upstream.yahoo import Window, Yahoo\n"
        "c = SystemClock()\n"
        f"y = Yahoo(base_url={sandbox.url!r}, limiter=Unlimited(c), clock=c, tz_of=lambda s: 'Australia/Sydney')\n"
        "found = list(y.daily_bars(['BHP.AX'], Window(date(2026, 11, 2), date(2026, 11, 20))))\n"
        "assert found[0][1].table.num_rows > 10; y.close()\n"
    )
    home = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache"), "TMPDIR": str(tmp_path / "tmp")}
    (tmp_path / "tmp").mkdir()
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | home, cwd=Path(__file__).parents[2])
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []

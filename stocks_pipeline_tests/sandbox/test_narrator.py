"""The narrator against the sandbox's model: every failure by its class, every payment in the books."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from stocks_pipeline.clock import SystemClock
from stocks_pipeline.defs.resources import NarratorResource
from stocks_pipeline.domain.reports.answer import response_format
from stocks_pipeline.upstream.budget import Budget
from stocks_pipeline.upstream.claims import Claims
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError
from stocks_pipeline.upstream.http import RetryPolicy
from stocks_pipeline.upstream.narrator import Answer, LlmCall, Narrator
from stocks_pipeline_tests.fakes import Unlimited
from stocks_pipeline_tests.sandbox_server import SandboxServer

KEY = "sk-or-v1-5ecre7k3y"
SCHEMA = response_format()["json_schema"]["schema"]
QUICK = RetryPolicy(attempts=3, budget_s=20, base_s=0.01, cap_s=0.05, rate_attempts=3, cool_down_s=0.05)


def prompt(ticker: str = "NVDA19") -> list[dict[str, str]]:
    facts = (
        f"FACTS\nticker: {ticker}\nyahoo_symbol: {ticker[:-2]}\ncompany_name: Nobody\nsession: 20 November 2026\n"
        "close: 141.20 USD\nreturn_1d: -1.20%\nreturn_3m: +4.50%\nrsi_14: 55.1\n\nNEWS\nnone: the field must be null"
    )
    return [{"role": "system", "content": "Write."}, {"role": "user", "content": facts}]


class Desk:
    """A narrator with everything it needs, in memory but for the budget's file."""

    def __init__(self, url: str, path: Path, **options: Any) -> None:
        self.rows: dict[str, LlmCall] = {}
        self.kept: dict[str, bytes] = {}
        self.budget = Budget(str(path / "control.db"), options.pop("cap", Decimal(5)), clock=SystemClock())
        self.claims = Claims(str(path / "control.db"), clock=SystemClock(), lease_s=2.0, poll_s=0.02)
        self.after_put: Callable[[], None] = lambda: None
        self._url, self.path = url, path
        self.narrator = self.open(**options)

    def open(self, **options: Any) -> Narrator:
        clock = SystemClock()
        given = {
            "base_url": f"{self._url}/openrouter.ai/api/v1", "api_key": KEY, "model": "openai/gpt-4o-mini",
            "temperature": 0.4, "schema": SCHEMA, "clock": clock, "limiter": Unlimited(clock), "store": self,
            "budget": self.budget, "claims": self.claims, "record": self.record, "policy": QUICK, "timeout_s": 10.0,
            "max_tokens": 2000,
        } | options  # fmt: skip
        return Narrator(**given)

    def get(self, key: str) -> bytes | None:
        return self.kept.get(key)

    def put(self, key: str, value: bytes) -> None:
        self.kept[key] = value
        self.after_put()

    def record(self, row: LlmCall) -> None:
        self.rows[row.call_id] = row

    def write(self, ticker: str = "NVDA19") -> Answer:
        return self.narrator.write(prompt(ticker), call_id=f"e1/{ticker}", subject=ticker, execution_id="e1")

    def failure(self, ticker: str = "NVDA19") -> UpstreamError:
        with pytest.raises(UpstreamError) as caught:
            self.write(ticker)
        return caught.value

    def ledger(self) -> tuple[int, Decimal]:
        """Answers paid for and what they cost."""
        paid = [row.cost_usd for row in self.rows.values() if row.cost_usd]
        return len(paid), sum(paid, Decimal(0))


@pytest.fixture
def desk(sandbox: SandboxServer, tmp_path: Path) -> Iterator[Desk]:
    made = Desk(sandbox.url, tmp_path)
    yield made
    made.narrator.close()
    made.budget.close()


def invoice(sandbox: SandboxServer) -> tuple[int, Decimal]:
    found = sandbox._admin("GET", "invoice")
    return found["calls"], Decimal(found["cost_usd"])


def test_an_answer_comes_with_its_usage_and_its_cost_in_every_book(sandbox: SandboxServer, desk: Desk) -> None:
    """Content as the schema wants it; invoice, ledger and budget agree to the last digit."""
    answer = desk.write()
    assert answer.content["stance"] in {"BUY", "SELL", "HOLD"}
    assert "{close}" in json.dumps(answer.content)
    assert answer.usage is not None
    assert answer.usage.prompt_tokens > 0
    [row] = desk.rows.values()
    assert (row.subject, row.execution_id, row.outcome, row.kind) == ("NVDA19", "e1", "answered", None)
    assert row.call_id.startswith("e1/NVDA19@")
    assert answer.cost_usd == row.cost_usd == desk.budget.spent(row.started_at.date())
    assert invoice(sandbox) == desk.ledger() == (1, answer.cost_usd)


def test_the_same_question_is_never_paid_for_twice(sandbox: SandboxServer, desk: Desk) -> None:
    """A kept answer is used as it is; another ticker is another question, a discarded answer is asked for anew."""
    first = desk.write()
    again = desk.write()
    assert (again.reused, again.content, again.call_id) == (True, first.content, first.call_id)
    assert invoice(sandbox)[0] == len(desk.rows) == 1
    desk.write("DBS19")
    desk.narrator.discard(again)
    assert desk.write().reused is False
    assert invoice(sandbox) == desk.ledger()
    assert invoice(sandbox)[0] == 3


def test_who_asks_the_same_at_once_pays_once(sandbox: SandboxServer, desk: Desk) -> None:
    """Ten threads of two narrators over one store and one control file: one call, nine who find its answer."""
    sandbox._admin("POST", "latency", {"chat_s": [0.5, 0.5]})
    other = desk.open(claims=Claims(str(desk.path / "control.db"), clock=SystemClock(), lease_s=2.0, poll_s=0.02))

    def ask(number: int) -> Answer:
        narrator = (desk.narrator, other)[number % 2]
        return narrator.write(prompt(), call_id=f"e{number}/NVDA19", subject="NVDA19", execution_id=f"e{number}")

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(ask, range(10)))
    other.close()
    assert sorted(answer.reused for answer in answers) == [False] + [True] * 9
    assert len({answer.call_id for answer in answers}) == 1
    assert invoice(sandbox) == desk.ledger() == (1, answers[0].cost_usd)
    assert desk.budget.spent(datetime.now(UTC).date()) == answers[0].cost_usd


def test_whoever_waited_for_a_failure_asks_itself(sandbox: SandboxServer, desk: Desk) -> None:
    """The first is refused by its vendor, the second is answered: nobody inherits a failure, nobody pays twice."""
    sandbox._admin("POST", "latency", {"chat_s": [0.3, 0.3]})
    sandbox.fault("refusal", count=1)
    with ThreadPoolExecutor(3) as pool:
        outcomes = list(pool.map(lambda _: outcome(desk), range(3)))
    assert sorted(map(str, outcomes)) == ["False", "True", "permanent"]
    assert invoice(sandbox) == desk.ledger()
    assert invoice(sandbox)[0] == 2


def outcome(desk: Desk) -> object:
    """The class of the failure, or whether the answer was another's."""
    try:
        return desk.write().reused
    except UpstreamError as error:
        return error.kind


def test_a_holder_that_died_is_overtaken(sandbox: SandboxServer, desk: Desk) -> None:
    """Killed while the vendor was at work: the next asks when the lease is over, and not before."""
    ask = desk.narrator._ask(prompt(), "dead", "e0", "NVDA19")
    assert desk.claims._take(ask.key, "dead")
    clock = SystemClock()
    began = clock.monotonic()
    assert desk.write().reused is False
    assert clock.monotonic() - began > 1.5
    assert invoice(sandbox)[0] == 1


def test_a_crash_after_the_answer_arrived_loses_neither_answer_nor_its_cost(sandbox: SandboxServer, desk: Desk) -> None:
    """The process dies between keeping and settling: the next one settles and records it, and pays nothing."""

    def die() -> None:
        raise KeyboardInterrupt

    desk.after_put, record = die, desk.narrator._record
    desk.narrator._book = lambda *_: None  # type: ignore[method-assign]  # a dead process books nothing
    with pytest.raises(KeyboardInterrupt):
        desk.write()
    assert desk.rows == {}
    desk.after_put = lambda: None
    desk.narrator.close()
    desk.narrator = desk.open(record=record)
    answer = desk.write()
    assert answer.reused is True
    assert invoice(sandbox) == desk.ledger() == (1, answer.cost_usd)
    today = datetime.now(UTC).date()
    assert (desk.budget.spent(today), desk.budget.reserved(today)) == (answer.cost_usd, 0)


def test_a_kept_answer_that_cannot_be_read_is_bought_anew(sandbox: SandboxServer, desk: Desk) -> None:
    """A damaged file is no reason to fail."""
    desk.write()
    desk.kept = dict.fromkeys(desk.kept, b'{"call": 1}')
    assert desk.write().reused is False
    assert invoice(sandbox)[0] == 2


@pytest.mark.parametrize(
    ("fault", "fields", "kind", "sends", "paid"),
    [
        ("402", {}, FailureKind.QUOTA_DAY, 1, 0),
        ("402", {"retry_after": 1}, FailureKind.RATE, 3, 0),
        ("429_retry_after", {"retry_after": 0.1}, FailureKind.RATE, 3, 0),
        ("day_cap", {}, FailureKind.QUOTA_DAY, 1, 0),
        ("error_in_200", {}, FailureKind.TRANSIENT, 3, 0),
        ("500", {"endpoint": "chat", "status": 502}, FailureKind.TRANSIENT, 3, 0),
        ("html", {"endpoint": "chat"}, FailureKind.MALFORMED, 3, 0),
        ("malformed", {"endpoint": "chat"}, FailureKind.MALFORMED, 3, 3),
        ("empty_choices", {}, FailureKind.MALFORMED, 3, 0),
        ("refusal", {}, FailureKind.PERMANENT, 1, 1),
        ("401", {"endpoint": "chat"}, FailureKind.AUTH, 2, 0),
    ],
)
def test_each_failure_has_its_class_its_tries_and_its_price(  # noqa: PLR0917 - parameters of the table above
    sandbox: SandboxServer, desk: Desk, fault: str, fields: dict[str, Any], kind: FailureKind, sends: int, paid: int
) -> None:
    """One ticker fails, another is answered unless the failure is everyone's; a row for every request sent."""
    sandbox.fault(fault, symbols=["NVDA19"], **fields)
    error = desk.failure()
    assert (error.kind, error.attempts, error.subject) == (kind, sends, "NVDA19")
    assert len(sandbox.log(endpoint="chat")) == sends == len(desk.rows)
    assert {row.kind for row in desk.rows.values()} == {kind.value}
    assert invoice(sandbox)[0] == paid
    if fault != "malformed":  # a body cut in the middle tells no cost
        assert desk.ledger() == invoice(sandbox)
    assert not re.search("symbol|the day|format", error.next_step)
    if kind in {FailureKind.QUOTA_DAY, FailureKind.AUTH}:
        assert (desk.failure("DBS19").kind, desk.failure("DBS19").attempts) == (kind, 0)
    else:
        assert desk.write("DBS19").content["stance"]


def test_what_passes_is_tried_again(sandbox: SandboxServer, desk: Desk) -> None:
    """Two bad answers, then a good one; the bad one that was billed is in the books, at an unknown price."""
    sandbox.fault("malformed", endpoint="chat", count=1)
    sandbox.fault("error_in_200", after=1, count=1)
    assert desk.write().content["stance"]
    assert [row.outcome for row in desk.rows.values()] == ["failed", "failed", "answered"]
    assert [row.cost_usd is None for row in desk.rows.values()] == [True, False, False]
    assert invoice(sandbox)[0] == 2


@pytest.mark.parametrize(("fault", "cut"), [("truncated", True), ("missing_section", False)])
def test_the_same_fault_is_not_bought_again(sandbox: SandboxServer, desk: Desk, fault: str, *, cut: bool) -> None:
    """Cut short or of another shape: one call, in every book, and the answer is kept for who asked to judge."""
    sandbox.fault(fault, endpoint="chat", symbols=["NVDA19"])
    answer = desk.write()
    assert (answer.cut, answer.reused) == (cut, False)
    assert "momentum_and_volume" not in answer.content
    again = desk.write()
    assert (again.content, again.cut, again.reused) == (answer.content, cut, True)
    assert invoice(sandbox) == desk.ledger() == (1, answer.cost_usd)


def test_a_refused_key_ends_everyone_with_few_calls_and_is_shown_nowhere(
    sandbox: SandboxServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Twenty callers, two requests for leave, no call of the model; the key is in no message, log or row."""
    caplog.set_level(0)
    desk = Desk(sandbox.url, tmp_path, api_key="sk-bad5ecre7k3y")
    with ThreadPoolExecutor(20) as pool:
        errors = list(pool.map(lambda n: desk.failure(f"AA{n}19"), range(20)))
    assert {error.kind for error in errors} == {FailureKind.AUTH}
    assert sorted({error.attempts for error in errors}) == [0, 2]
    assert sandbox.stats()["by_endpoint"] == {"key": 2}
    assert "5ecre7k3y" not in caplog.text + str(errors) + str(desk.rows)
    desk.narrator.close()


def test_another_key_needs_no_restart(
    sandbox: SandboxServer, desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C15: live, in one process and by one resource object: a key that the service refuses, and then another one in the
    environment, which the next opening uses.
    """
    monkeypatch.setenv("STOCKS_UPSTREAM", "live")
    monkeypatch.setenv("STOCKS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("STOCKS_LLM_BASE_URL", f"{sandbox.url}/openrouter.ai/api/v1")
    resource = NarratorResource()

    def written() -> Answer:
        with resource.open(desk, desk.record) as narrator:
            return narrator.write(prompt(), call_id="e1/NVDA19", subject="NVDA19", execution_id="e1")

    monkeypatch.setenv("STOCKS_LLM_API_KEY", "sk-bad5ecre7k3y")
    with pytest.raises(UpstreamError) as refused:
        written()
    assert refused.value.kind is FailureKind.AUTH
    assert invoice(sandbox)[0] == 0
    monkeypatch.setenv("STOCKS_LLM_API_KEY", KEY)
    assert written().content["stance"]
    assert invoice(sandbox)[0] == 1


def test_a_key_without_credit_ends_everyone_with_one_call(sandbox: SandboxServer, tmp_path: Path) -> None:
    """Twenty callers, one question about the key, none of the model: nothing is left of its limit."""
    sandbox.fault("402")
    desk = Desk(sandbox.url, tmp_path)
    with ThreadPoolExecutor(20) as pool:
        errors = list(pool.map(lambda n: desk.failure(f"AA{n}19"), range(20)))
    assert {error.kind for error in errors} == {FailureKind.QUOTA_DAY}
    assert sandbox.stats()["by_endpoint"] == {"key": 1}
    assert not desk.rows
    desk.narrator.close()


def test_without_a_key_nothing_is_sent(sandbox: SandboxServer, tmp_path: Path) -> None:
    """The message names the setting."""
    desk = Desk(sandbox.url, tmp_path, api_key="")
    assert "STOCKS_LLM_API_KEY" in desk.failure().message
    assert sandbox.log() == []
    desk.narrator.close()


@pytest.mark.parametrize("wrong", ["sk-a b", "sk-a\n", "sk-ключ"])
def test_a_key_that_no_header_can_carry_is_refused_at_once(tmp_path: Path, wrong: str) -> None:
    """And not repeated in the message."""
    with pytest.raises(ValueError, match="STOCKS_LLM_API_KEY") as refused:
        Desk("http://127.0.0.1:9", tmp_path, api_key=wrong)
    assert wrong not in str(refused.value)


def test_an_unknown_model_is_nobodys_trouble_but_its_own(sandbox: SandboxServer, tmp_path: Path) -> None:
    """404 and 400 are permanent: one request."""
    for model in ("nobody/knows-it", "no-vendor"):
        desk = Desk(sandbox.url, tmp_path / model, model=model)
        assert (desk.failure().kind, desk.failure().attempts) == (FailureKind.PERMANENT, 1)
        desk.narrator.close()


def test_a_hung_call_ends_with_its_time(sandbox: SandboxServer, tmp_path: Path) -> None:
    """The vendor never answers: time-out, try again, give up within the budget; its cost is unknown and reckoned."""
    sandbox.fault("hang")
    desk = Desk(sandbox.url, tmp_path, timeout_s=0.3, policy=replace(QUICK, budget_s=0.8))
    clock = SystemClock()
    began = clock.monotonic()
    assert desk.failure().kind is FailureKind.TRANSIENT
    assert clock.monotonic() - began < 3
    assert {row.cost_usd for row in desk.rows.values()} == {None}
    today = datetime.now(UTC).date()
    assert desk.budget.spent(today) > 0
    assert desk.budget.reserved(today) == 0
    assert invoice(sandbox)[0] == 0
    desk.narrator.close()


def test_a_vendor_that_trickles_blanks_cannot_hold_a_call(tmp_path: Path) -> None:
    """A blank every tenth of a second keeps a connection alive for ever; the deadline is for the whole answer."""
    release = threading.Event()

    class Trickle(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(204)
            self.end_headers()

        def do_POST(self) -> None:
            self.send_response(200)
            self.end_headers()
            while not release.wait(0.1):
                self.wfile.write(b" ")

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Trickle) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        policy = replace(QUICK, attempts=1)
        desk = Desk(f"http://127.0.0.1:{server.server_port}", tmp_path, timeout_s=0.5, policy=policy)
        began = SystemClock().monotonic()
        assert desk.failure().kind is FailureKind.TRANSIENT
        assert SystemClock().monotonic() - began < 3
        release.set()
        server.shutdown()
        thread.join()
    desk.narrator.close()


def test_a_server_that_is_not_there_costs_nothing(tmp_path: Path) -> None:
    """Nothing was sent: nothing is reckoned."""
    desk = Desk("http://127.0.0.1:9", tmp_path, policy=replace(QUICK, attempts=2))
    assert desk.failure().kind is FailureKind.TRANSIENT
    assert desk.ledger() == (0, 0)
    assert desk.budget.spent(datetime.now(UTC).date()) == 0
    desk.narrator.close()


def test_the_budget_ends_the_calls_and_is_never_overrun(sandbox: SandboxServer, tmp_path: Path) -> None:
    """Thirty callers, money for some: the rest is pending with the setting's name, nothing is held afterwards."""
    cap = Decimal("0.0018")  # an answer costs some 0.0001 and may cost 0.0004
    desk = Desk(sandbox.url, tmp_path, cap=cap, max_tokens=600)
    sandbox._admin("POST", "latency", {"chat_s": [0.05, 0.2]})

    def one(number: int) -> Answer | UpstreamError:
        try:
            return desk.write(f"AA{number}19")
        except UpstreamError as error:
            return error

    with ThreadPoolExecutor(30) as pool:
        found = list(pool.map(one, range(30)))
    errors = [error for error in found if isinstance(error, UpstreamError)]
    assert 0 < len(errors) < 30
    assert {error.kind for error in errors} == {FailureKind.QUOTA_DAY}
    assert any("STOCKS_LLM_BUDGET_USD" in error.message for error in errors)
    assert all("raise STOCKS_LLM_BUDGET_USD, or retry after 00:00 UTC" in error.next_step for error in errors)
    today = datetime.now(UTC).date()
    assert desk.budget.spent(today) == desk.ledger()[1] == invoice(sandbox)[1] <= cap
    assert desk.budget.reserved(today) == 0
    desk.narrator.close()


def test_a_call_waits_for_money_for_as_long_as_others_can_hold_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own time-out and the lease of a call that began just before: slow calls in flight are not a spent budget."""
    given: dict[str, Any] = {}
    reserve = desk.budget.reserve
    monkeypatch.setattr(desk.budget, "reserve", lambda *args, **more: reserve(*args, **(given.update(more) or more)))
    desk.write()
    assert given["lease_s"] == 10.0 + 60.0
    assert given["wait_s"] == 10.0 + given["lease_s"]


def test_forty_calls_at_once_take_as_long_as_one(sandbox: SandboxServer, desk: Desk) -> None:
    """The client bounds nobody's concurrency, and its own work is small."""
    sandbox._admin("POST", "latency", {"chat_s": [1, 1]})
    clock = SystemClock()
    began = clock.monotonic()
    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda n: desk.write(f"AB{n}19"), range(40)))
    assert clock.monotonic() - began < 4
    assert len({answer.call_id for answer in answers}) == 40
    assert invoice(sandbox) == desk.ledger()

"""The model that writes: one prompt in, one answer out, no paid answer thrown away and none bought twice.

What belongs here: sending, the order in which an answer is kept, paid for and recorded, and knowing when to stop
asking. What does not: the prompt (domain/reports/prompt.py), reading an answer (narrator_answers.py), how many calls
run at once (the caller), trying again (http.py).

The order of one call: look for a kept answer of the very same question; claim the question, and look again, since who
had the claim before has perhaps bought the answer; reserve the worst case of the budget; send; keep the raw answer;
settle; record. A process may die at any of these points: after `keep` the next one finds the answer, settles and
records it under the ids of the call that bought it, and pays nothing. `record` must take the same `call_id` twice.
"""

import hashlib
import json
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from stocks_pipeline.clock import Clock
from stocks_pipeline.upstream.budget import Budget
from stocks_pipeline.upstream.claims import Claims
from stocks_pipeline.upstream.failures import UpstreamError
from stocks_pipeline.upstream.http import RetryPolicy, call
from stocks_pipeline.upstream.limits import Limiter
from stocks_pipeline.upstream.model_prices import PRICES, Price, price_of, worst_case
from stocks_pipeline.upstream.narrator_answers import Reply, Usage, read_content, read_reply
from stocks_pipeline.upstream.narrator_calls import Answer, AnswerStore, LlmCall, pack, unpack
from stocks_pipeline.upstream.narrator_stage import Stage, StageOver
from stocks_pipeline.upstream.narrator_wire import OPENROUTER, Wire, may_be_billed

__all__ = ["OPENROUTER", "Answer", "AnswerStore", "LlmCall", "Narrator", "Usage"]

_log = logging.getLogger(__name__)
DEFAULT_POLICY = RetryPolicy(attempts=3, budget_s=180.0, base_s=1.0, cap_s=20.0, rate_attempts=6, cool_down_s=2.0)
_LEASE_BEYOND_S = 60.0
_PROBE_S = 10.0


@dataclass(frozen=True)
class _Ask:
    """One question, its key among kept answers, and whom it is for."""

    messages: Sequence[Mapping[str, str]]
    key: str
    call_id: str
    execution_id: str
    subject: str
    worst_usd: Decimal


class Narrator:
    """The gateway. Safe for threads; one a process.

    Args:
        base_url: of an OpenAI-compatible server; OPENROUTER is the default of the platform.
        api_key: sent as a bearer token, shown nowhere.
        model: as the server names it.
        temperature: as the server takes it.
        schema: JSON schema of the answer; sent as a strict response format. Who asked checks what came.
        clock: for back-off, budgets, the ledger's times.
        limiter: charged once a request, before it is sent.
        store: keeps raw answers.
        budget: the day's cap; None: no cap.
        claims: so that of all who ask the same at once one pays and the others find its answer; None: each asks.
        record: takes one row for every request; the same row may come twice after a crash.
        policy: how often and how long one answer is tried for.
        timeout_s: longest wait for one whole answer.
        max_tokens: longest answer; also what the worst case is reckoned with.
        prices: by model, where the vendor does not say the cost.

    Raises:
        ValueError: a key that no header can carry, or a base URL that is none.
    """

    def __init__(  # noqa: PLR0913 - keyword-only, each a decision of the caller
        self,
        *,
        base_url: str,
        api_key: str,
        model: str,
        temperature: float,
        schema: Mapping[str, Any],
        clock: Clock,
        limiter: Limiter,
        store: AnswerStore,
        budget: Budget | None,
        claims: Claims | None,
        record: Callable[[LlmCall], None],
        policy: RetryPolicy = DEFAULT_POLICY,
        timeout_s: float = 90.0,
        max_tokens: int,
        prices: Mapping[str, Price] = PRICES,
    ) -> None:
        self.model = model
        self._schema, self._clock, self._limiter, self._policy = schema, clock, limiter, policy
        self._store, self._budget, self._claims, self._record = store, budget, claims, record
        self._price, self._max_tokens, self._timeout_s = price_of(model, prices), max_tokens, timeout_s
        self._settings = {"model": model, "temperature": temperature, "max_tokens": max_tokens}
        self._wire = Wire(base_url, api_key, self._settings, schema, clock)
        self._stage = Stage()

    def write(
        self,
        messages: Sequence[Mapping[str, str]],
        *,
        call_id: str,
        subject: str,
        execution_id: str = "",
        stop: threading.Event | None = None,
    ) -> Answer:
        """The model's answer to the messages, kept or new. `call_id` begins the id of each request that this sends.

        Raises:
            UpstreamError: the class says what to do. After AUTH and QUOTA_DAY everything later fails with the same
                kind and `attempts` 0, unsent: it is pending.
            Cancelled: `stop` was set while waiting.
        """
        ask = self._ask(messages, call_id, execution_id, subject)
        kept = self._kept(ask)
        if kept is not None:
            return kept
        with self._claims.hold(ask.key, call_id, stop=stop) if self._claims else nullcontext():
            return self._kept(ask) or self._buy(ask, stop)

    def _buy(self, ask: _Ask, stop: threading.Event | None) -> Answer:
        """The answer from the model. Raises as `write` does."""
        sends = 0

        def send(left_s: float) -> Answer:
            nonlocal sends
            self._stage.check()
            sends += 1
            return self._send(ask, left_s, stop)

        try:
            self._stage.begin(lambda: self._ask_for_leave(attempts=1, stop=stop))
            return call(send, policy=self._policy, limiter=self._limiter, clock=self._clock, stop=stop)
        except StageOver as over:
            raise replace(over.verdict, subject=ask.subject, attempts=sends) from over
        except UpstreamError as error:
            self._stage.failed(error)
            raise replace(error, subject=ask.subject) from error

    def answered(self, messages: Sequence[Mapping[str, str]]) -> bool:
        """Whether an answer to these messages is kept: `write` would send nothing and pay nothing."""
        return bool(self._store.get(self._ask(messages, "", "", "").key))

    def discard(self, answer: Answer) -> None:
        """Forget a kept answer that turned out to be of no use: the same question is asked anew."""
        self._store.put(answer.key, b"")

    def check(self) -> None:
        """Ask the server whether it takes the key; nothing is billed.

        Raises:
            UpstreamError: it does not, or cannot be reached.
        """
        self._ask_for_leave(attempts=self._policy.attempts)

    def close(self) -> None:
        """Let go of the connections."""
        self._wire.close()

    def _ask(self, messages: Sequence[Mapping[str, str]], call_id: str, execution_id: str, subject: str) -> _Ask:
        question = json.dumps([self._settings, list(messages), self._schema], sort_keys=True, ensure_ascii=False)
        key = hashlib.sha256(question.encode()).hexdigest()
        return _Ask(messages, key, call_id, execution_id, subject, worst_case(self._price, question, self._max_tokens))

    def _kept(self, ask: _Ask) -> Answer | None:
        """The kept answer to this question, if it is one; it is settled and recorded again, under its own ids."""
        value = self._store.get(ask.key)
        if not value:
            return None
        try:
            row, body = unpack(value)
        except (ValueError, KeyError, TypeError) as error:
            _log.warning("%s: a kept answer cannot be read and is bought anew: %s", ask.subject, type(error).__name__)
            return None
        reply = read_reply(body, ask.subject, now=self._clock.now())
        content = read_content(reply, ask.subject)
        self._book(row, ask.worst_usd)
        return Answer.of(content, reply, row, ask.key, reused=True)

    def _ask_for_leave(self, *, attempts: int, stop: threading.Event | None = None) -> None:
        call(
            lambda left_s: self._wire.probe(min(left_s, _PROBE_S)),
            policy=replace(self._policy, attempts=attempts, rate_attempts=attempts),
            limiter=self._limiter,
            clock=self._clock,
            stop=stop,
        )

    def _send(self, ask: _Ask, left_s: float, stop: threading.Event | None) -> Answer:
        """One request, all its books kept. Raises UpstreamError."""
        started = self._clock.now()
        timeout_s = min(left_s, self._timeout_s)
        row = LlmCall(
            f"{ask.call_id}@{started:%Y%m%dT%H%M%S.%f}", ask.execution_id, ask.subject, self.model, started,
            0.0, None, None, Decimal(0), "failed", None,
        )  # fmt: skip
        if self._budget is not None:
            lease_s = timeout_s + _LEASE_BEYOND_S  # what others hold now is settled or lapsed after so long
            self._budget.reserve(
                ask.worst_usd, day=started.date(), call_id=row.call_id, stop=stop,
                lease_s=lease_s, wait_s=timeout_s + lease_s,
            )  # fmt: skip
        began = self._clock.monotonic()  # not before: a wait for money is no time of the vendor's
        reply: Reply | None = None
        try:
            body = self._wire.send(ask.messages, ask.subject, timeout_s)
            reply = read_reply(body, ask.subject, now=self._clock.now())
            row = self._priced(row, reply)
            content = read_content(reply, ask.subject)
        except UpstreamError as error:
            row = replace(row, seconds=self._clock.monotonic() - began, kind=error.kind.value)
            if reply is None and may_be_billed(error):
                row = replace(row, cost_usd=None)
            self._book(row, ask.worst_usd)
            raise
        row = replace(row, seconds=self._clock.monotonic() - began, outcome="answered")
        try:
            self._store.put(ask.key, pack(row, body))
        finally:  # paid for, whether it could be kept or not
            self._book(row, ask.worst_usd)
        return Answer.of(content, reply, row, ask.key)

    def _priced(self, row: LlmCall, reply: Reply) -> LlmCall:
        """The row with the tokens and the cost that the vendor says, or that the price table makes of its tokens."""
        usage = reply.usage
        if usage is None:
            return replace(row, cost_usd=None if reply.choice else Decimal(0))
        cost = usage.cost_usd
        if cost is None:
            cost = self._price.cost(usage.prompt_tokens, usage.completion_tokens)
        return replace(row, prompt_tokens=usage.prompt_tokens, completion_tokens=usage.completion_tokens, cost_usd=cost)

    def _book(self, row: LlmCall, worst: Decimal) -> None:
        """Settle, then record. What may have cost something and is not known counts as the worst case."""
        booked = worst if row.cost_usd is None else row.cost_usd
        try:
            if self._budget is not None and booked:
                self._budget.settle(row.call_id, booked, day=row.started_at.date())
            elif self._budget is not None:
                self._budget.release(row.call_id)
        finally:  # a shared budget out of reach must not cost the ledger its row
            self._record(row)

"""Refusals of the second vendor that last: they cost credits, so they have an end that everyone hears of."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from stocks_pipeline.upstream.failures import FailureKind, UpstreamError
from stocks_pipeline.upstream.http import RetryPolicy
from stocks_pipeline.upstream.limits import Rate, open_limiter
from stocks_pipeline.upstream.twelve_data import SentCall, TwelveData
from stocks_pipeline_tests.fakes import FakeClock, Unlimited

SPAN: dict[str, Any] = {"start": date(2026, 1, 1), "end": date(2026, 1, 5)}
SPENT = (
    "You have run out of API credits for the current minute. 24 API credits were used, with the current limit being 8."
)
BATCHES = [tuple(f"S{batch}{number}" for number in range(8)) for batch in range(24)]


class Desk:
    """A gateway whose vendor answers from a list, the last answer for ever; and what it sent."""

    def __init__(self, *answers: httpx.Response, per_minute: int = 8) -> None:
        self.clock, self.sent, self.answers = FakeClock(), list[SentCall](), list(answers)
        self.gateway = TwelveData(
            base_url="http://vendor",
            api_key="0123456789abcdef",
            limiter=Unlimited(self.clock),
            clock=self.clock,
            policy=RetryPolicy(attempts=3),
            record=self.sent.append,
            credits_per_minute=per_minute,
        )
        self.gateway.close()
        self.gateway._client = httpx.Client(transport=httpx.MockTransport(self.answer))

    def answer(self, _request: httpx.Request) -> httpx.Response:
        said = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return httpx.Response(said.status_code, content=said.content)

    def failures(self) -> Iterator[UpstreamError]:
        """What a session of 188 symbols meets, batch by batch."""
        for batch in BATCHES:
            with pytest.raises(UpstreamError) as caught:
                self.gateway.daily(batch, **SPAN)
            yield caught.value


def refused(message: str = SPENT, status: int = 429) -> httpx.Response:
    return httpx.Response(status, json={"code": 429, "message": message, "status": "error"})


def test_a_refusal_that_lasts_ends_for_the_whole_session() -> None:
    """Somebody else spends the key's minutes: four requests, three minutes, then no batch spends a credit more."""
    desk = Desk(refused())
    began = desk.clock.time()
    errors = list(desk.failures())
    assert {error.kind for error in errors} == {FailureKind.RATE}
    assert all("refused everyone" in error.message for error in errors)
    assert sum(call.credits for call in desk.sent) == 4 * 8
    assert desk.clock.time() - began < 5 * 60
    assert [error.attempts for error in errors] == [4] + [0] * 23


def test_an_answer_in_between_starts_the_count_anew() -> None:
    """A minute that somebody else spent now and then is waited out each time."""
    bars = {name: {"values": [], "status": "ok"} for name in BATCHES[0]}
    well = httpx.Response(200, json=bars)
    desk = Desk(refused(), refused(), refused(), well, refused(), refused(), refused(), well)
    for _ in range(2):
        assert len(desk.gateway.daily(BATCHES[0], **SPAN)) == 8
    assert len(desk.sent) == 8


@pytest.mark.parametrize("status", [429, 200])
def test_a_key_of_a_smaller_plan_ends_at_once(status: int) -> None:
    """The refusal names 8 where the setting says 55: one request, and the setting with the value that fits."""
    desk = Desk(refused(status=status), per_minute=55)
    errors = list(desk.failures())
    assert len(desk.sent) == 1
    for error in errors:
        assert error.kind is FailureKind.QUOTA_DAY
        assert "set STOCKS_TWELVE_DATA_PLAN=basic8" in error.message
        assert "STOCKS_TWELVE_DATA_PLAN" in error.next_step


def test_a_limit_of_no_known_plan_names_the_setting_all_the_same() -> None:
    """A vendor's new plan is no reason to go on; a limit above ours is none to stop."""
    (error, *_) = Desk(refused(SPENT.replace("being 8", "being 7"))).failures()
    assert (error.kind, "set STOCKS_TWELVE_DATA_PLAN to its plan" in error.message) == (FailureKind.QUOTA_DAY, True)
    (error, *_) = Desk(refused(SPENT.replace("being 8", "being 55"))).failures()
    assert error.kind is FailureKind.RATE


def test_a_smaller_plan_told_by_symbol_keeps_the_answers_and_ends_the_rest() -> None:
    """Some symbols were answered before the credits ended: they are kept, and nothing more is sent."""
    spent = {"code": 429, "message": SPENT, "status": "error"}
    answers: dict[str, Any] = {name: {"values": [], "status": "ok"} for name in BATCHES[0][:4]}
    desk = Desk(httpx.Response(200, json=answers | dict.fromkeys(BATCHES[0][4:], spent)), per_minute=55)
    found = desk.gateway.daily(BATCHES[0], **SPAN)
    assert [isinstance(found[name], UpstreamError) for name in BATCHES[0]] == [False] * 4 + [True] * 4
    with pytest.raises(UpstreamError, match="STOCKS_TWELVE_DATA_PLAN"):
        desk.gateway.daily(BATCHES[1], **SPAN)
    assert len(desk.sent) == 1


def test_a_vendor_that_is_down_ends_for_the_whole_session() -> None:
    """D12: three batches in a row without an answer, the later ones tried once, and no other spends a credit."""
    desk = Desk(httpx.Response(503, text="try later"))
    errors = list(desk.failures())
    assert {error.kind for error in errors} == {FailureKind.TRANSIENT}
    assert sum(call.credits for call in desk.sent) == (3 + 1 + 1) * 8
    assert [error.attempts for error in errors] == [3, 1, 1] + [0] * 21
    assert all("(3 calls in a row)" in error.message for error in errors[2:])
    assert all("503" in error.message for error in errors)


def test_one_bad_batch_ends_nobody_else() -> None:
    """D12: a vendor that answers others is not down: each gets its tries again."""
    bars = {name: {"values": [], "status": "ok"} for name in BATCHES[0]}
    bad, well = httpx.Response(503, text="try later"), httpx.Response(200, json=bars)
    desk = Desk(bad, bad, bad, bad, well, bad, bad, well)
    for _ in range(2):
        with pytest.raises(UpstreamError):
            desk.gateway.daily(BATCHES[0], **SPAN)
    for _ in range(2):
        assert len(desk.gateway.daily(BATCHES[0], **SPAN)) == 8
    assert len(desk.sent) == 8


@pytest.mark.parametrize(
    ("error", "charged"),
    [
        (httpx.ConnectError("connection refused"), 0),
        (httpx.ConnectTimeout("nobody there"), 0),
        (httpx.ReadTimeout("no answer"), (3 + 1 + 1) * 8),
        (httpx.ReadError("reset"), (3 + 1 + 1) * 8),
    ],
)
def test_what_could_not_be_sent_costs_nothing(tmp_path: Path, error: httpx.HTTPError, charged: int) -> None:
    """D12: a refused connection spends no credit of the day and is no call; what may have arrived does and is."""
    desk = Desk(refused())

    def fails(_request: httpx.Request) -> httpx.Response:
        raise error

    limiter = open_limiter(
        str(tmp_path / "control.db"), "k", [Rate(8, 60.0)], clock=desk.clock, upstream="twelvedata", daily=800
    )
    desk.clock.advance(3_600)
    desk.gateway._client, desk.gateway._limiter = httpx.Client(transport=httpx.MockTransport(fails)), limiter
    assert {found.kind for found in desk.failures()} == {FailureKind.TRANSIENT}
    assert limiter.left_today() == 800 - charged
    assert sum(call.credits for call in desk.sent) == charged
    limiter.close()


def test_just_after_midnight_nothing_is_given_back(tmp_path: Path) -> None:
    """D12: the credits may be yesterday's, and a cap is never exceeded for a call that was not sent."""
    clock = FakeClock()
    limiter = open_limiter(str(tmp_path / "control.db"), "k", [], clock=clock, upstream="twelvedata", daily=10)
    limiter.acquire(8)
    limiter.give_back(8)
    assert limiter.left_today() == 2
    clock.advance(3_600)
    limiter.give_back(8)
    assert limiter.left_today() == 10
    limiter.close()

"""Reading the second vendor's answers: every class of failure by its text, bars by symbol, garbage refused."""

import json
import pickle
from datetime import date
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocks_pipeline.domain.schemas import EXTERNAL_BARS
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError
from stocks_pipeline.upstream.twelve_data_answers import Asked, NotInPlanError, Reply, minute_ends_in, read_answer
from stocks_pipeline_tests.sandbox_server import shared_data

MINUTE = 1_763_596_800.0  # 2025-11-20 00:00:00 UTC
DAY = date(2024, 11, 22)
BAR = {"datetime": "2024-11-22", "open": "1.5", "high": "2", "low": "1", "close": "1.75", "volume": "35462000"}
SPENT = "You have run out of API credits for the {}. 10 API credits were used, with the current limit being 8. Wait"


def asked(*symbols: str) -> Asked:
    return Asked({symbol: symbol.replace("-", ".") for symbol in symbols}, date(2024, 11, 1), DAY)


def reply(body: object, status: int = 200, at: float = MINUTE + 15, **headers: str) -> Reply:
    return Reply(status, headers, body if isinstance(body, bytes) else json.dumps(body).encode(), at)


def ok(symbol: str = "AAPL", *values: dict[str, Any]) -> dict[str, Any]:
    return {"meta": {"symbol": symbol}, "values": list(values or [BAR]), "status": "ok"}


def failed(code: int, message: str) -> dict[str, Any]:
    return {"code": code, "message": message, "status": "error"}


@pytest.mark.parametrize("style", ["status", "200"])
@pytest.mark.parametrize(
    ("code", "message", "kind", "wait_s"),
    [
        (429, SPENT.format("current minute"), FailureKind.RATE, 46.2),
        (429, SPENT.format("day"), FailureKind.QUOTA_DAY, 86_385.0),
        (401, "**apikey** parameter is incorrect or not specified.", FailureKind.AUTH, None),
        (500, "internal", FailureKind.TRANSIENT, None),
    ],
)
@pytest.mark.parametrize("symbols", [("AAPL",), ("AAPL", "MSFT")])
def test_a_refused_request_is_raised(  # noqa: PLR0917 - a table's columns
    symbols: tuple[str, ...], code: int, message: str, kind: FailureKind, wait_s: float | None, style: str
) -> None:
    """By the code in the body, whatever the HTTP status; the minute's wait ends with it, the day's at midnight UTC."""
    with pytest.raises(UpstreamError) as caught:
        read_answer(asked(*symbols), reply(failed(code, message), 200 if style == "200" else code))
    assert (caught.value.kind, caught.value.status) == (kind, code)
    assert caught.value.retry_after_s == (None if wait_s is None else pytest.approx(wait_s))


@pytest.mark.parametrize(
    ("code", "message", "gated"),
    [
        (404, "**symbol** or **figi** parameter is missing or invalid.", False),
        (400, "**symbol** not found: X. Please specify it correctly according to API Documentation.", False),
        (404, "This symbol is available starting with the Grow or Venture plan. Consider upgrading now at", True),
        (403, "This symbol is available starting with the Pro or Venture plan. Consider upgrading now at", True),
        (404, "**symbol** EUR is not available with your plan. You may select the appropriate plan at", True),
    ],
)
def test_what_no_retry_helps_is_told_by_symbol(code: int, message: str, gated: bool) -> None:  # noqa: FBT001 - a column
    """PERMANENT alone, in a batch, and for the request as a whole; a plan that is too small comes with the way out."""
    body = failed(code, message)
    alone = read_answer(asked("X"), reply(body, code))["X"]
    batch = read_answer(asked("AAPL", "X"), reply({"AAPL": ok(), "X": body}))
    whole = read_answer(asked("Y", "X"), reply(body, code))
    for error in (alone, batch["X"], whole["X"], whole["Y"]):
        assert (error.kind, error.status) == (FailureKind.PERMANENT, code)
        assert isinstance(error, NotInPlanError) is gated
        assert ("STOCKS_TWELVE_DATA_PLAN" in error.next_step) is gated
    assert batch["AAPL"].num_rows == 1


def test_the_next_step_names_the_plan_and_survives_a_worker() -> None:
    """Also after pickling, and with the number of tries."""
    text = "This symbol is available starting with the Grow or Venture plan. Consider upgrading now at https://x.y"
    error = read_answer(asked("X"), reply(failed(404, text)))["X"]
    again = pickle.loads(pickle.dumps(error.after(2)))  # noqa: S301 - our own bytes
    assert "take the Grow or Venture plan" in again.next_step
    assert again.attempts == 2


def test_bars_are_numbers_oldest_first() -> None:
    """Texts become numbers; what is no number becomes null; the order and the span are ours; repeats stay."""
    rows: list[dict[str, Any]] = [
        BAR,
        {**BAR, "datetime": "2024-11-21", "close": "NaN", "volume": ""},
        {**BAR, "datetime": "2024-11-21 00:00:00", "close": None},
        {**BAR, "datetime": "2024-11-23"},
        {**BAR, "datetime": "2024-10-31"},
    ]
    table = read_answer(asked("BRK-B"), reply(ok("BRK.B", *rows)))["BRK-B"]
    assert table.schema.equals(EXTERNAL_BARS)
    assert table["symbol"].to_pylist() == ["BRK-B"] * 3
    assert table["session"].to_pylist() == [date(2024, 11, 21), date(2024, 11, 21), DAY]
    assert table["close"].to_pylist() == [None, None, 1.75]
    assert table["volume"].to_pylist() == [None, 35_462_000, 35_462_000]


def test_no_bars_in_the_span_is_an_empty_table() -> None:
    """The vendor calls it a 400; it is an answer."""
    text = "No data is available on the specified dates. Try setting different start/end dates."
    for body, status in ((failed(400, text), 400), (failed(400, text), 200)):
        assert read_answer(asked("AAPL"), reply(body, status))["AAPL"].num_rows == 0
    assert read_answer(asked("AAPL", "B"), reply({"AAPL": failed(400, text), "B": ok("B")}))["AAPL"].num_rows == 0


def test_a_minute_that_ends_within_a_batch_defers_the_rest() -> None:
    """Some symbols answered, others out of credits: told by symbol; if all are, the request is."""
    spent = failed(429, SPENT.format("current minute"))
    found = read_answer(asked("AAPL", "B"), reply({"AAPL": ok(), "B": spent}))
    assert (found["AAPL"].num_rows, found["B"].kind) == (1, FailureKind.RATE)
    with pytest.raises(UpstreamError) as caught:
        read_answer(asked("AAPL", "B"), reply({"AAPL": spent, "B": spent}))
    assert caught.value.kind is FailureKind.RATE


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b"null", b"<html><head><title>502</title></head></html>", b"\xff", b'{"status":"error"}'],
)
def test_what_is_no_answer_is_malformed(body: bytes) -> None:
    """HTTP 200 with something else; never an empty success."""
    with pytest.raises(UpstreamError) as caught:
        read_answer(asked("AAPL", "B"), reply(body))
    assert caught.value.kind is FailureKind.MALFORMED


def test_a_page_of_a_proxy_goes_by_its_status() -> None:
    """503 is transient, a wall against robots a rate limit."""
    for status, kind in ((503, FailureKind.TRANSIENT), (403, FailureKind.RATE)):
        with pytest.raises(UpstreamError) as caught:
            read_answer(asked("AAPL"), reply(b"<html><title>wall</title></html>", status))
        assert caught.value.kind is kind


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {},
        {"values": {}},
        ok("MSFT"),
        {"meta": {"symbol": "AAPL"}, "values": [1], "status": "ok"},
        ok("AAPL", {**BAR, "close": "1,75"}),
        ok("AAPL", {**BAR, "datetime": "22/11/2024"}),
        ok("AAPL", {**BAR, "datetime": "2024-13-01"}),
        ok("AAPL", {**BAR, "volume": "1e40"}),
        ok("AAPL", {"datetime": "2024-11-22"}),
    ],
)
def test_one_garbled_symbol_does_not_spoil_the_others(answer: object) -> None:
    """MALFORMED for that symbol alone."""
    found = read_answer(asked("AAPL", "B"), reply({"AAPL": answer, "B": ok("B")}))
    assert (found["AAPL"].kind, found["AAPL"].subject) == (FailureKind.MALFORMED, "AAPL")
    assert found["B"].num_rows == 1


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*BAR, "code", "status", "meta", "values", "AAPL", "B", "message", "symbol"]), inner, max_size=4),  # noqa: E501 - one expression
    max_leaves=12,
)  # fmt: skip


@given(_JSON, st.sampled_from([200, 400, 404, 429, 500]), st.booleans())
def test_nothing_but_an_upstream_error_is_raised(body: object, status: int, alone: bool) -> None:  # noqa: FBT001 - drawn
    """Whatever arrives: every symbol has a table or an UpstreamError, or one is raised."""
    request = asked("AAPL") if alone else asked("AAPL", "B")
    try:
        found = read_answer(request, reply(body, status))
    except UpstreamError:
        return
    assert set(found) == set(request.symbols)
    assert all(isinstance(one, pa.Table | UpstreamError) for one in found.values())


@given(st.floats(0, 2e9), st.sampled_from([60.0, 1.0]))
def test_the_wait_ends_in_the_next_minute(at: float, minute_s: float) -> None:
    """Never in the same minute, never more than a minute and its margin away."""
    wait = minute_ends_in(at, minute_s)
    assert (at + wait) // minute_s == at // minute_s + 1
    assert wait <= minute_s * 1.02


@pytest.mark.parametrize("name", ["batch_time_series.json", "batch_error.json"])
def test_recorded_answers_are_understood(name: str) -> None:
    """Real bodies of 2024: bars by symbol, and a symbol that is not found inside a 200."""
    data = shared_data()
    file = None if data is None else data / "wire" / "twelvedata" / "marekskopal" / name
    if file is None or not file.is_file():
        pytest.skip("the recorded answers are not here")
    body = file.read_bytes()
    symbols = list(json.loads(body))
    found = read_answer(asked(*symbols), reply(body))
    assert found["AAPL"].to_pylist()[0] | {"symbol": ""} == {
        "symbol": "", "session": DAY, "open": 228.84, "high": 230.5, "low": 227.25, "close": 229.87,
        "volume": 35_462_000,
    }  # fmt: skip
    if "INVALID" in symbols:
        assert found["INVALID"].kind is FailureKind.PERMANENT

"""Reading a chat completion: content and cost, or the failure's class."""

import contextlib
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocks_pipeline.upstream.failures import FailureKind, UpstreamError
from stocks_pipeline.upstream.narrator_answers import error_of, is_spent, read_content, read_reply
from stocks_pipeline.upstream.narrator_calls import LlmCall, pack, unpack

NOW = datetime(2026, 11, 20, 6, tzinfo=UTC)
GOOD = {"stance": "BUY", "points": ["a"], "news": None}


def completion(content: object = GOOD, usage: object = None, **choice: Any) -> bytes:
    text = content if isinstance(content, str) or content is None else json.dumps(content)
    message = {"role": "assistant", "content": text, "refusal": None} | choice.pop("message", {})
    body = {"model": "m", "choices": [{"index": 0, "finish_reason": "stop", "message": message} | choice]}
    return json.dumps(body | ({"usage": usage} if usage is not None else {})).encode()


def content_of(body: bytes) -> Any:
    return read_content(read_reply(body, "NVDA19", now=NOW), "NVDA19")


def failure(body: bytes) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        content_of(body)
    return caught.value


def test_a_good_answer_is_read_with_or_without_a_fence() -> None:
    """Models without strict output put JSON into a code block."""
    assert content_of(completion()) == GOOD
    assert content_of(completion(f"```json\n{json.dumps(GOOD)}\n```")) == GOOD


@pytest.mark.parametrize(
    ("body", "content", "cut"),
    [
        (completion({"stance": "MAYBE"}), {"stance": "MAYBE"}, False),
        (completion([1]), [1], False),
        (completion("Sorry, {cut"), "Sorry, {cut", False),
        (completion('{"stance": "B', finish_reason="length"), '{"stance": "B', True),
        (completion(None, finish_reason="length"), "", True),
    ],
)
def test_whatever_was_written_is_handed_on(body: bytes, content: object, *, cut: bool) -> None:
    """Of another shape, no JSON, cut short: it was paid for, and who asked tells the model what is wrong with it."""
    assert (content_of(body), read_reply(body, "X", now=NOW).cut) == (content, cut)


def test_money_is_never_a_float() -> None:
    """0.00000735 stays what it is; a cost that is no amount is not known."""
    usage = {"prompt_tokens": 9, "completion_tokens": 10, "cost": 0.00000735}
    found = read_reply(completion(usage=usage), "X", now=NOW).usage
    assert found is not None
    assert (found.prompt_tokens, found.completion_tokens, found.cost_usd) == (9, 10, Decimal("0.00000735"))
    for wrong in (-1, "0.1", True, None):
        found = read_reply(completion(usage=usage | {"cost": wrong}), "X", now=NOW).usage
        assert found is not None
        assert found.cost_usd is None
    for bad in ({}, [], {"prompt_tokens": "9", "completion_tokens": 1}, {"prompt_tokens": -9, "completion_tokens": 1}):
        assert read_reply(completion(usage=bad), "X", now=NOW).usage is None


@pytest.mark.parametrize(
    ("body", "kind", "says"),
    [
        (b"", FailureKind.MALFORMED, "no JSON"),
        (b"<!DOCTYPE html><title>Bad gateway</title>", FailureKind.MALFORMED, "Bad gateway"),
        (b"[1]", FailureKind.MALFORMED, "a JSON list"),
        (b'{"choices": []}', FailureKind.MALFORMED, "without any choice"),
        (b'{"choices": null}', FailureKind.MALFORMED, "without any choice"),
        (b'{"choices": [null]}', FailureKind.MALFORMED, "without any choice"),
        (completion(None), FailureKind.MALFORMED, "without any text"),
        (completion("  "), FailureKind.MALFORMED, "without any text"),
        (completion(finish_reason="content_filter"), FailureKind.PERMANENT, "declines"),
        (completion(message={"refusal": "I will not"}), FailureKind.PERMANENT, "I will not"),
        (completion(error={"code": 502, "message": "broke off"}), FailureKind.TRANSIENT, "broke off"),
    ],
)
def test_each_unusable_answer_has_its_class(body: bytes, kind: FailureKind, says: str) -> None:
    """Where nothing was written it is MALFORMED; a refusal is final; the message says what is wrong."""
    error = failure(body)
    assert error.kind is kind
    assert says in error.message


def _error(code: object, message: str = "m", **more: Any) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, **more}}


@pytest.mark.parametrize(
    ("status", "headers", "body", "kind", "after"),
    [
        (401, {}, _error(401, "User not found."), FailureKind.AUTH, None),
        (402, {}, _error(402, "Insufficient credits"), FailureKind.QUOTA_DAY, None),
        (402, {"retry-after": "7"}, _error(402), FailureKind.RATE, 7.0),
        (402, {}, _error(402, metadata={"limit_source": "openrouter_in_flight_budget"}), FailureKind.RATE, None),
        (403, {}, _error(403, metadata={"reasons": ["x"]}), FailureKind.PERMANENT, None),
        (403, {}, _error(403), FailureKind.AUTH, None),
        (404, {}, _error(404, "No endpoints found"), FailureKind.PERMANENT, None),
        (400, {}, _error(400, "x is not a valid model ID"), FailureKind.PERMANENT, None),
        (429, {"retry-after": "3"}, _error(429), FailureKind.RATE, 3.0),
        (429, {}, _error(429, metadata={"retry_after_seconds": 11}), FailureKind.RATE, 11.0),
        (429, {}, _error("insufficient_quota", type="insufficient_quota"), FailureKind.QUOTA_DAY, None),
        (429, {}, _error(429, "Rate limit exceeded: free-models-per-day",
                         metadata={"headers": {"X-RateLimit-Reset": str(int(NOW.timestamp() * 1000) + 90_000)}}),
         FailureKind.QUOTA_DAY, 90.0),
        (502, {}, _error(502), FailureKind.TRANSIENT, None),
        (520, {}, "<html><title>Cloudflare</title></html>", FailureKind.TRANSIENT, None),
        (200, {}, _error(429, metadata={"retry_after_seconds": 2}), FailureKind.RATE, 2.0),
        (200, {}, _error(401), FailureKind.AUTH, None),
        (200, {}, _error("server_error"), FailureKind.TRANSIENT, None),
        (200, {}, _error(None), FailureKind.TRANSIENT, None),
        (200, {}, _error("rate_limit_exceeded"), FailureKind.RATE, None),
        (301, {}, "", FailureKind.MALFORMED, None),
    ],
)  # fmt: skip
def test_each_error_has_its_class(
    status: int, headers: dict[str, str], body: object, kind: FailureKind, after: float | None
) -> None:
    """With its own status or inside HTTP 200, and how long the vendor asks us to wait."""
    error = error_of(status, headers, body, "NVDA19", now=NOW)
    assert (error.kind, error.retry_after_s) == (kind, after)


def test_an_error_inside_a_good_status_says_so() -> None:
    """So that nobody looks for a status in the vendor's log."""
    error = failure(json.dumps(_error(502, "Provider returned error")).encode())
    assert "inside HTTP 200" in error.message
    assert (error.kind, error.status) == (FailureKind.TRANSIENT, 502)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["choices", "message", "content", "error", "code", "metadata", "usage", "stance"]), inner
        )
    ),
    max_leaves=12,
)


@given(found=JSON, raw=st.binary(max_size=60))
def test_no_body_ends_in_anything_but_content_or_a_classified_failure(found: object, raw: bytes) -> None:
    """Any JSON of any shape, and any bytes."""
    for body in (json.dumps(found).encode(), raw, completion(found if isinstance(found, dict) else "x")):
        with contextlib.suppress(UpstreamError):
            content_of(body)


def test_a_kept_answer_comes_back_as_it_was() -> None:
    """Row and raw bytes, also bytes that are no text; damaged ones are refused."""
    row = LlmCall("c", "e", "s", "m", NOW, 1.5, 9, 10, Decimal("0.00000735"), "answered", None)
    for body in (b'{"a": 1}', b"\xff\xfe \x00", "ก".encode()):
        assert unpack(pack(row, body)) == (row, body)
    for damaged in (b"", b"{}", b'{"call": 1, "body": ""}', b'{"call": {"call_id": "c"}, "body": ""}', b"[]"):
        with pytest.raises((ValueError, KeyError, TypeError)):
            unpack(damaged)


@pytest.mark.parametrize(
    ("body", "spent"),
    [
        (b'{"data": {"limit_remaining": 0}}', True),
        (b'{"data": {"limit_remaining": -0.2}}', True),
        (b'{"data": {"limit_remaining": 0.01}}', False),
        (b'{"data": {"limit_remaining": null}}', False),
        (b'{"data": {"limit_remaining": false}}', False),
        (b'{"data": []}', False),
        (b"<html>", False),
    ],
)
def test_a_key_is_spent_only_where_the_vendor_says_so(body: bytes, *, spent: bool) -> None:
    """Nothing left of a limit; a key without one, and a body that says something else, are no reason to stop."""
    assert is_spent(body) is spent

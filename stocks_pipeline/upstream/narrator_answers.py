"""One answer of a chat-completions server, read: the model's JSON and what it cost, or which failure it is.

What belongs here: bodies and statuses of OpenAI-compatible servers, OpenRouter's own among them. What does not: sending
(narrator.py), whether an answer has the shape that was asked for (domain/reports/answer.py) and whether a text is true
(domain/reports/verifier.py). Numbers stay Decimal: money is never a float.
Formats: recorded answers of 2026; openrouter.ai/docs/errors: once the model has started, an error comes with HTTP 200.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeGuard

from stocks_pipeline.upstream.budget import UPSTREAM
from stocks_pipeline.upstream.failures import MAX_RETRY_AFTER_S, FailureKind, UpstreamError, from_status

_OK, _PAYMENT, _FORBIDDEN, _TOO_MANY = 200, 402, 403, 429
_DAY_WORDS = ("per-day", "per day", "insufficient_quota")
_FENCE = re.compile(r"\A\s*```(?:json)?\s*(.*?)\s*```\s*\Z", re.DOTALL)
_ERRORS_START = 400


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens, and US dollars where the vendor says them."""

    prompt_tokens: int
    completion_tokens: int
    cost_usd: Decimal | None


@dataclass(frozen=True, slots=True)
class Reply:
    """A body of HTTP 200 that is a chat completion: who answered, what it cost, and the choice, not yet judged."""

    model: str
    usage: Usage | None
    choice: Mapping[str, Any] | None

    @property
    def cut(self) -> bool:
        """The model had more to say than it may."""
        return self.choice is not None and self.choice.get("finish_reason") == "length"


def read_reply(body: bytes, subject: str, *, now: datetime) -> Reply:
    """The completion in a body of HTTP 200.

    Raises:
        UpstreamError: no JSON object (MALFORMED), or an error instead of a completion, by its own class.
    """
    try:
        found = json.loads(body, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        refusal = from_status(UPSTREAM, subject, _OK, {}, body[:2000].decode("utf-8", "replace"))
        raise replace(refusal, message=f"no JSON ({type(error).__name__}): {refusal.message}") from error
    if not isinstance(found, dict):
        raise _malformed(subject, f"a JSON {type(found).__name__} instead of a completion")
    if found.get("error"):
        raise error_of(_OK, {}, found, subject, now=now)
    choices = found.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    choice = first if isinstance(first, dict) else None
    return Reply(str(found.get("model") or ""), _usage(found.get("usage")), choice)


def read_content(reply: Reply, subject: str) -> Any:
    """What the model wrote: its JSON, or the text where it is none or cut short.

    It was asked and has answered, so the very same question again would buy the same fault: whatever is wrong with the
    shape is for the caller to tell the model.

    Raises:
        UpstreamError: MALFORMED where nothing was written, PERMANENT where the model or its filter declines.
    """
    if reply.choice is None:
        raise _malformed(subject, "an answer without any choice")
    if reply.choice.get("error"):
        raise error_of(_OK, {}, {"error": reply.choice["error"]}, subject, now=None)
    message = reply.choice.get("message")
    finish, message = reply.choice.get("finish_reason"), message if isinstance(message, dict) else {}
    if message.get("refusal") or finish == "content_filter":
        said = message.get("refusal") or "its filter removed the answer"
        raise UpstreamError(FailureKind.PERMANENT, UPSTREAM, subject, f"the model declines: {said}", _OK)
    text = message.get("content")
    if reply.cut:
        return text if isinstance(text, str) else ""
    if not isinstance(text, str) or not text.strip():
        raise _malformed(subject, "an answer without any text")
    fenced = _FENCE.match(text)
    try:
        return json.loads(fenced[1] if fenced else text)
    except (ValueError, RecursionError):
        return text


def error_of(
    status: int, headers: Mapping[str, str], body: object, subject: str, *, now: datetime | None
) -> UpstreamError:
    """The failure that an error body stands for, whether it came with its own status or with HTTP 200.

    `body` is the decoded JSON, or the text where it is none.
    """
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return from_status(UPSTREAM, subject, status, headers, str(error or body or ""), now=now)
    metadata = error.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    code = status if status >= _ERRORS_START else _code(error.get("code"))
    text = f"{error.get('message')} {metadata.get('raw') or ''}".strip()
    found = from_status(UPSTREAM, subject, code, headers, text, now=now)
    asked = metadata.get("retry_after_seconds")
    if found.retry_after_s is None and isinstance(asked, int | float | Decimal) and asked >= 0:
        found = replace(found, retry_after_s=min(float(asked), MAX_RETRY_AFTER_S))
    if status == _OK:
        found = replace(found, message=f"an error inside HTTP 200: {found.message}")
    return _special(found, code, error, metadata, now)


def is_spent(body: bytes) -> bool:
    """Whether what OpenRouter tells of a key (`/key`) says that nothing is left of its limit; a key may have none."""
    try:
        left = json.loads(body)["data"]["limit_remaining"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return False
    return isinstance(left, int | float) and not isinstance(left, bool) and left <= 0


def _special(
    found: UpstreamError, code: int, error: Mapping[str, Any], metadata: Mapping[str, Any], now: datetime | None
) -> UpstreamError:
    """What the number alone does not say: a day's cap, a budget in flight, a text that a filter refused."""
    words = f"{error.get('message')} {error.get('code')} {error.get('type')}".lower()
    if code == _TOO_MANY and any(word in words for word in _DAY_WORDS):
        return replace(found, kind=FailureKind.QUOTA_DAY, retry_after_s=_reset_s(metadata, now))
    if code == _PAYMENT and metadata.get("limit_source") == "openrouter_in_flight_budget":
        return replace(found, kind=FailureKind.RATE)
    if code == _FORBIDDEN and ("reasons" in metadata or "flagged_input" in metadata):
        return replace(found, kind=FailureKind.PERMANENT)
    return found


def _reset_s(metadata: Mapping[str, Any], now: datetime | None) -> float | None:
    """Seconds until the day's cap is lifted; OpenRouter says when in milliseconds since the epoch."""
    headers = metadata.get("headers")
    reset = str(headers.get("X-RateLimit-Reset", "")) if isinstance(headers, dict) else ""
    if now is None or not re.fullmatch(r"\d{1,15}", reset):
        return None
    return max(0.0, int(reset) / 1000 - now.timestamp())


def _code(code: object) -> int:
    """The status an error inside HTTP 200 would have had; unknown ones are the provider's trouble."""
    text = str(code)
    return int(text) if re.fullmatch(r"[45]\d\d", text) else _TOO_MANY if text == "rate_limit_exceeded" else 502


def _usage(found: object) -> Usage | None:
    if not isinstance(found, dict):
        return None
    asked, said, cost = (found.get(name) for name in ("prompt_tokens", "completion_tokens", "cost"))
    if not (_is_count(asked) and _is_count(said)):
        return None
    priced = Decimal(cost) if isinstance(cost, int | Decimal) and not isinstance(cost, bool) else None
    return Usage(asked, said, priced if priced is not None and priced.is_finite() and priced >= 0 else None)


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _malformed(subject: str, message: str) -> UpstreamError:
    return UpstreamError(FailureKind.MALFORMED, UPSTREAM, subject, message, _OK)

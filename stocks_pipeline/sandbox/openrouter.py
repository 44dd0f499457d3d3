"""A model behind OpenRouter's chat completions, with usage, cost and its ways of failing.

What belongs here: the paths, bodies and errors on the wire. What does not: the text (chat_writer.py) and the bill
(invoice.py). Formats: recorded answers of 2026 and openrouter.ai/docs, errors included: once the model has started an
error comes with HTTP 200.

Any key `sk-...` is accepted, except one that begins with `sk-bad`.
"""

import math
from typing import Any

import orjson
from starlette.responses import Response
from starlette.routing import Route

from stocks_pipeline.sandbox import chat_writer
from stocks_pipeline.sandbox.chance import number
from stocks_pipeline.sandbox.faults import Fault
from stocks_pipeline.sandbox.invoice import Line, price
from stocks_pipeline.sandbox.world import Call, World

HOSTS = ("openrouter.ai",)
_CREDIT_USD = 100.0
_CHARACTERS_PER_TOKEN = 4
_PAGE = "<!DOCTYPE html><html><head><title>openrouter.ai | 502: Bad gateway</title></head><body></body></html>"
_REFUSAL = "I'm sorry, but I can't help with that request."
_DAY_CAP = "Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 free model requests per day"
_DAY_MS = 86_400_000
_FAULTS = ("429_retry_after", "429", "day_cap", "500", "html")


def routes(world: World) -> list[Route]:
    """Chat completions, and the two paths that show what is left of the credit."""
    return [
        world.route("/api/v1/chat/completions", "chat", lambda call: _chat(world, call), ("POST",), subjects),
        world.route("/api/v1/key", "key", lambda call: _refused(call) or _key(world, call)),
        world.route("/api/v1/credits", "credits", lambda call: _failure(world, call) or _credits(world)),
    ]


def subjects(body: bytes) -> tuple[str, ...]:
    """The ticker that a request's prompt is about, by all its names."""
    request = _parsed(body)
    return chat_writer.read_prompt(request["messages"]).names if request else ()


def _parsed(body: bytes) -> dict[str, Any] | None:
    """The request, if it has messages."""
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    messages = request.get("messages") if isinstance(request, dict) else None
    good = isinstance(messages, list) and bool(messages) and all(isinstance(message, dict) for message in messages)
    return request if good else None


def _chat(world: World, call: Call) -> Response:
    failure = _failure(world, call)
    if failure is not None:
        return failure
    request = _parsed(call.body)
    if request is None:
        return _error(400, 'Input required: specify "messages"')
    model = str(request.get("model", ""))
    if "/" not in model:
        return _error(400, f"{model} is not a valid model ID")
    if model.startswith("nobody/"):
        return _error(404, f"No endpoints found for {model}.")
    if call.fault("error_in_200"):
        return _json(_provider_error(502, {"raw": "upstream connect error", "provider_name": "OpenAI"}))
    return _answer(world, call, request, model)


def _answer(world: World, call: Call, request: dict[str, Any], model: str) -> Response:
    """The model wrote something: it is billed."""
    prompt = chat_writer.read_prompt(request["messages"])
    ident = f"gen-{int(world.clock.time())}-{number(world.config.seed, call.symbol, world.invoice.calls):016x}"
    shell = {"id": ident, "object": "chat.completion", "created": int(world.clock.time()), "model": model}
    shell["provider"] = "Sandbox"
    if call.fault("empty_choices"):
        return _json({**shell, "choices": [], "usage": _usage(model, 0, 0)})
    text = orjson.dumps(chat_writer.write(prompt, world.config.seed, [fault.name for fault in call.faults])).decode()
    longest = request.get("max_completion_tokens") or request.get("max_tokens") or math.inf
    finish = "stop"
    if call.fault("truncated"):
        text, finish = text[: len(text) // 2], "length"
    elif _tokens(text) > longest:
        text, finish = text[: int(longest) * _CHARACTERS_PER_TOKEN], "length"
    refused = call.fault("refusal") is not None
    message = {"role": "assistant", "content": None if refused else text, "refusal": _REFUSAL if refused else None}
    asked = _tokens("".join(str(part.get("content")) for part in request["messages"]))
    usage = _usage(model, asked, _tokens(_REFUSAL if refused else text))
    choice = {"index": 0, "logprobs": None, "finish_reason": finish, "native_finish_reason": finish, "message": message}
    world.invoice.bill(
        Line(ident, world.clock.time(), call.symbol, model, asked, usage["completion_tokens"],
             str(price(model, asked, usage["completion_tokens"])))
    )  # fmt: skip
    return _json({**shell, "choices": [choice], "usage": usage}, fault=call.fault("malformed"))


def _tokens(text: str) -> int:
    return math.ceil(len(text) / _CHARACTERS_PER_TOKEN)


def _usage(model: str, prompt_tokens: int, completion_tokens: int) -> dict[str, Any]:
    cost = float(price(model, prompt_tokens, completion_tokens))
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
        "cost": cost,
        "is_byok": False,
        "prompt_tokens_details": {"cached_tokens": 0},
        "cost_details": {"upstream_inference_cost": cost},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }


def _failure(world: World, call: Call) -> Response | None:
    """A refusal before any model has started: the key's, then a fault's."""
    fault = call.fault("402", *_FAULTS)
    return _refused(call) or (None if fault is None else _refusal(world, fault))


def _refused(call: Call) -> Response | None:
    """What a wrong key gets."""
    scheme, _, key = call.request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        return _error(401, "No auth credentials found")
    if not key.startswith("sk-") or key.startswith("sk-bad") or call.fault("401"):
        return _error(401, "User not found.")
    return None


def _refusal(world: World, fault: Fault) -> Response:
    if fault.name == "402":
        return _no_credit(fault)
    if fault.name == "day_cap":
        reset = (int(world.clock.time() * 1000) // _DAY_MS + 1) * _DAY_MS
        headers = {"X-RateLimit-Limit": "50", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(reset)}
        return _error(429, _DAY_CAP, {"headers": headers, "provider_name": None})
    if fault.name in {"429", "429_retry_after"}:
        after = fault.param("retry_after", 0 if fault.name == "429" else 1)
        raw = "the model is temporarily rate-limited upstream. Please retry shortly."
        metadata: dict[str, Any] = {
            "raw": raw,
            "provider_name": "Sandbox",
            "limit_source": "upstream_provider_shared_pool",
        }
        if after:
            metadata["retry_after_seconds"] = after
        return _json(_provider_error(429, metadata), 429, {"retry-after": f"{after:g}"} if after else {})
    if fault.name == "html":
        return Response(_PAGE, int(fault.param("status", 200)), media_type="text/html")
    status = int(fault.param("status", 500))
    return _json(_provider_error(status, {"raw": "upstream connect error", "provider_name": "Sandbox"}), status)


def _no_credit(fault: Fault) -> Response:
    after = fault.param("retry_after", 0)
    if after:
        message = "This request requires more credits than are left while other requests are in flight."
        return _error(402, message, {"limit_source": "openrouter_in_flight_budget"}, {"retry-after": f"{after:g}"})
    message = "Insufficient credits. Add more using https://openrouter.ai/settings/credits"
    return _error(402, message, {"limit_source": "openrouter_credits"})


def _provider_error(code: int, metadata: dict[str, Any]) -> dict[str, Any]:
    return {"error": {"message": "Provider returned error", "code": code, "metadata": metadata}, "user_id": "user_sb"}


def _error(
    code: int, message: str, metadata: dict[str, Any] | None = None, headers: dict[str, str] | None = None
) -> Response:
    error = {"message": message, "code": code} | ({"metadata": metadata} if metadata else {})
    return _json({"error": error}, code, headers)


def _key(world: World, call: Call) -> Response:
    """What is left of the key's limit. Nothing is billed here, so a key without credit is told that, not refused."""
    fault = call.fault("402", *_FAULTS)
    if fault is not None and fault.name != "402":
        return _refusal(world, fault)
    spent = fault is not None and not fault.param("retry_after", 0)
    used = _CREDIT_USD if spent else float(world.invoice.cost)
    data = {"label": "sk-or-v1-sand...box", "usage": used, "limit": _CREDIT_USD, "limit_remaining": _CREDIT_USD - used}
    return _json({"data": {**data, "is_free_tier": False, "rate_limit": {"requests": -1, "interval": "10s"}}})


def _credits(world: World) -> Response:
    return _json({"data": {"total_credits": _CREDIT_USD, "total_usage": float(world.invoice.cost)}})


def _json(
    body: object, status: int = 200, headers: dict[str, str] | None = None, *, fault: Fault | None = None
) -> Response:
    """A JSON answer; cut in the middle if the fault is `malformed`."""
    content = orjson.dumps(body)
    return Response(
        content if fault is None else content[: len(content) // 2], status, headers, media_type="application/json"
    )

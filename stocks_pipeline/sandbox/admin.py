"""The sandbox's own paths, under /_admin/: health, log, counts, invoice, credits, recording, faults, date, latency.

What belongs here: reading and changing the running world over HTTP, for tests, benchmarks and people. What does not:
anything that an upstream has. Answers are JSON; a request that cannot be met is a 400 that names the field.
"""

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from stocks_pipeline.sandbox.faults import FaultError, fault_from
from stocks_pipeline.sandbox.world import World

PREFIX = "/_admin/"
_PAGE = 10_000


def routes(world: World) -> list[Route]:
    """All admin paths."""
    faults = _Faults(world)
    return [
        Route("/_admin/health", _get(lambda _: _health(world))),
        Route("/_admin/recording", _get(lambda _: world.market.recording())),
        Route("/_admin/log", _get(lambda request: _log(world, request))),
        Route("/_admin/stats", _get(lambda _: world.log.stats())),
        Route("/_admin/invoice", _get(lambda _: world.invoice.to_json())),
        Route("/_admin/credits", _get(lambda _: world.credits.to_json(world.clock.time()))),
        Route("/_admin/faults", faults.show, methods=["GET"]),
        Route("/_admin/faults", faults.add, methods=["POST"]),
        Route("/_admin/faults", faults.clear, methods=["DELETE"]),
        Route("/_admin/today", _post(lambda body: _today(world, body)), methods=["POST"]),
        Route("/_admin/latency", _post(lambda body: _latency(world, body)), methods=["POST"]),
        Route("/_admin/reset", _post(lambda _: _reset(world)), methods=["POST"]),
    ]


class _Faults:
    """The faults in force as a resource."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def show(self, request: Request) -> Response:
        del request
        return _json({"faults": self._world.faults.to_json()})

    async def add(self, request: Request) -> Response:
        """One fault or a list; all of them or, if one is impossible, none."""
        try:
            body = await _body(request)
            faults = [fault_from(item) for item in (body if isinstance(body, list) else [body])]
        except FaultError as error:
            return _refused(error)
        self._world.faults.add(faults, self._world.clock.monotonic())
        return await self.show(request)

    async def clear(self, request: Request) -> Response:
        self._world.faults.clear()
        return await self.show(request)


def _health(world: World) -> dict[str, Any]:
    config = world.config
    return {
        "status": "ok",
        "market": world.market.kind,
        "seed": config.seed,
        "today": world.today,
        "latency_ms": world.latency_ms,
        "chat_latency_s": world.spans["chat"],
        "news_latency_s": world.spans["news"],
        "time_scale": world.time_scale,
    }


def _log(world: World, request: Request) -> dict[str, Any]:
    """Records from `since` on, at most `limit` (10,000); `next` is the `since` to go on with."""
    since, limit = (_whole(request, name, default) for name, default in (("since", 0), ("limit", _PAGE)))
    records = world.log.since(since, max(1, min(limit, _PAGE)))
    return {"records": records, "next": records[-1]["index"] + 1 if records else since}


def _today(world: World, body: Any) -> dict[str, Any]:
    """`{"today": "2026-11-20"}`, or null for the real date."""
    text = body.get("today") if isinstance(body, dict) else body
    try:
        world.today = None if text is None else date.fromisoformat(str(text))
    except ValueError:
        raise FaultError("today", f"must be YYYY-MM-DD or null, not {text!r}") from None
    return _health(world)


def _latency(world: World, body: Any) -> dict[str, Any]:
    """`{"mean_ms": 200, "chat_s": [8, 12], "news_s": [3, 7], "scale": 0.1}`, any of them; the others stay."""
    known = {"mean_ms", "chat_s", "news_s", "scale"}
    if not isinstance(body, dict) or not body or set(body) - known:
        raise FaultError("mean_ms", f"give one or more of {', '.join(sorted(known))}, not {body!r}")
    for name in ("mean_ms", "scale"):
        if name in body and not _is_amount(body[name]):
            raise FaultError(name, f"must be a number, 0 or more, not {body[name]!r}")
    spans = {name.removesuffix("_s"): _span(name, body[name]) for name in ("chat_s", "news_s") if name in body}
    world.spans = {**world.spans, **spans}
    world.latency_ms = float(body.get("mean_ms", world.latency_ms))
    world.time_scale = float(body.get("scale", world.time_scale))
    return _health(world)


def _span(name: str, value: Any) -> tuple[float, float]:
    two = isinstance(value, list) and len(value) == 2 and all(map(_is_amount, value))  # noqa: PLR2004 - low and high
    if not two or value[0] > value[1]:
        raise FaultError(name, f"must be [shortest, longest] in seconds, not {value!r}")
    return float(value[0]), float(value[1])


def _is_amount(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _reset(world: World) -> dict[str, Any]:
    world.reset()
    return _health(world)


def _get(answer: Callable[[Request], Any]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            return _json(answer(request))
        except FaultError as error:
            return _refused(error)

    return endpoint


def _post(answer: Callable[[Any], Any]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            return _json(answer(await _body(request)))
        except FaultError as error:
            return _refused(error)

    return endpoint


async def _body(request: Request) -> Any:
    content = await request.body()
    try:
        return orjson.loads(content) if content else None
    except orjson.JSONDecodeError as error:
        raise FaultError("body", f"is no JSON: {error}") from None


def _whole(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, str(default))
    if not text.isdecimal():
        raise FaultError(name, f"must be a whole number, 0 or more, not {text!r}")
    return int(text)


def _json(body: Any) -> Response:
    return Response(orjson.dumps(body), media_type="application/json")


def _refused(error: FaultError) -> Response:
    return Response(orjson.dumps({"error": str(error), "field": error.field}), 400, media_type="application/json")

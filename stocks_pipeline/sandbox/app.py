"""The sandbox as one ASGI application: which vendor answers for which host.

What belongs here: the table of vendors and finding the upstream's host in a request. What does not: what any of them
says. A vendor is a module with `HOSTS` and `routes(world) -> list[Route]`; adding one is adding it to VENDORS.

A client reaches `https://HOST/PATH` either as `{base}/PATH` with the header `X-Upstream-Host: HOST`, or as
`{base}/HOST/PATH`. A bare `{base}/PATH` works where one vendor only has such a path.
"""

from collections.abc import Callable
from typing import Protocol

import orjson
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from stocks_pipeline.sandbox import admin, asx, openrouter, rss, twelve_data, yahoo
from stocks_pipeline.sandbox.config import SandboxConfig
from stocks_pipeline.sandbox.world import Call, World

_HEADER = b"x-upstream-host"


class Vendor(Protocol):
    """A module that plays one upstream."""

    @property
    def HOSTS(self) -> tuple[str, ...]:  # noqa: N802 - a constant of the module
        """The host names it answers for."""
        ...

    @property
    def routes(self) -> Callable[[World], list[Route]]:
        """Its paths, made with `world.route`."""
        ...


VENDORS: tuple[Vendor, ...] = (yahoo, asx, openrouter, rss, twelve_data)


class Sandbox:
    """The application: the admin paths, then a router for each upstream host."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._admin = _router(world, admin.routes(world))
        self._hosts: dict[str, ASGIApp] = {}
        everything: list[Route] = []
        for vendor in VENDORS:
            routes = vendor.routes(world)
            everything += routes
            self._hosts |= dict.fromkeys(vendor.HOSTS, _router(world, routes))
        self._any = _router(world, everything)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._any(scope, receive, send)
            return
        path = scope["path"]
        if path.startswith(admin.PREFIX):
            await self._admin(scope, receive, send)
            return
        host = _asked_host(scope)
        first, _, rest = path[1:].partition("/")
        if not host and first in self._hosts:
            host, scope["path"], scope["raw_path"] = first, f"/{rest}", None
        scope["upstream_host"] = host
        router = self._hosts.get(host) if host else self._any
        await (router or _no_such_host(host))(scope, receive, send)


def create_app(config: SandboxConfig) -> Sandbox:
    """A sandbox in its initial state."""
    return Sandbox(World(config))


def _asked_host(scope: Scope) -> str:
    return next((value.decode("latin-1").lower() for name, value in scope["headers"] if name == _HEADER), "")


def _router(world: World, routes: list[Route]) -> Router:
    listed: list[BaseRoute] = [*routes, world.route("/{rest:path}", "unplayed", _unplayed, ("GET", "POST"))]
    return Router(listed, redirect_slashes=False)


def _unplayed(call: Call) -> Response:
    """A path that the sandbox does not play: logged like any other, so that nobody wonders."""
    shown = call.request.scope["path"]
    return _not_found(f"the sandbox does not play {call.host or 'any host'} {shown}")


def _no_such_host(host: str) -> ASGIApp:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await _not_found(f"the sandbox does not play the host {host!r}")(scope, receive, send)

    return answer


def _not_found(message: str) -> Response:
    return Response(orjson.dumps({"error": message}), 404, media_type="application/json")

"""The running sandbox: its market, date, faults, latency and log, and every call's way through them.

What belongs here: `World`, which vendors are played in, and `World.route`, which turns a vendor's handler into a route
that waits, fails and is logged like a real one. What does not: what any vendor says (yahoo.py, asx.py).
"""

import asyncio
import contextlib
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from datetime import date

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from stocks_pipeline.clock import Clock, SystemClock
from stocks_pipeline.sandbox.chance import chance
from stocks_pipeline.sandbox.config import SandboxConfig, Span
from stocks_pipeline.sandbox.credits import Meter
from stocks_pipeline.sandbox.exchanges import Exchange
from stocks_pipeline.sandbox.faultbook import FaultBook
from stocks_pipeline.sandbox.faults import Fault
from stocks_pipeline.sandbox.invoice import Invoice
from stocks_pipeline.sandbox.log import Record, RequestLog
from stocks_pipeline.sandbox.market import Market, SimulatedMarket
from stocks_pipeline.sandbox.second_source import SecondSource

_LONGEST_HOLD_S = 120.0
_HUNG_UP = 0
MARKET_HEADER = "x-sandbox-market"
"""In every answer of an upstream: whether its market is simulated or replayed."""


@dataclass
class Call:
    """One request of an upstream: who asks what, and the faults that its handler has to work into the answer.

    `body` is read only where the route says what its body is about.
    """

    request: Request
    host: str
    endpoint: str
    symbol: str
    faults: list[Fault] = field(default_factory=list)
    body: bytes = b""

    def fault(self, *names: str) -> Fault | None:
        """The first fault in force of these names."""
        return next((fault for fault in self.faults if fault.name in names), None)


Handler = Callable[[Call], Response]
Namer = Callable[[bytes], tuple[str, ...]]
"""The names of what a request's body asks about, the one to log first; empty where it says nothing."""


class World:
    """What all vendors of one sandbox share."""

    def __init__(self, config: SandboxConfig, clock: Clock | None = None) -> None:
        self.config = config
        self.clock = clock or SystemClock()
        self.market: Market = _market(config)
        self.second_source = SecondSource(config.seed, self.market, config.replay)
        self.credits = Meter(config.credits)
        self.log = RequestLog(config.log_size)
        self.invoice = Invoice()
        self.faults = FaultBook(config.seed)
        self.today: date | None = None
        self.latency_ms = 0.0
        self.spans: Mapping[str, Span] = {}
        self.time_scale = 1.0
        self._closing = asyncio.Event()
        self.reset()

    def close(self) -> None:
        """Let go of every call that is being kept waiting: the server is ending."""
        self._closing.set()

    def reset(self) -> None:
        """Back to the start: the configured faults, date and latency, an empty log."""
        self.faults.clear()
        self.faults.add(self.config.faults, self.clock.monotonic())
        self.today = self.config.today
        self.latency_ms = self.config.latency_ms
        self.spans = {"chat": self.config.chat_latency_s, "news": self.config.news_latency_s}
        self.time_scale = self.config.time_scale
        self.log.reset()
        self.invoice.reset()
        self.credits.reset()

    def now(self, exchange: Exchange) -> int:
        """The world's instant, unix seconds: the end of `today` on the exchange's clock, or the real one."""
        return int(self.clock.time()) if self.today is None else exchange.end_of(self.today)

    def route(  # noqa: PLR0913 - what a path is, each a name at the call
        self,
        path: str,
        endpoint: str,
        handler: Handler,
        methods: tuple[str, ...] = ("GET",),
        names: Namer | None = None,
        *,
        by_symbol: Container[str] = (),
    ) -> Route:
        """A route of a vendor: the handler behind latency, faults and the log.

        The handler finds faults of the call (`429`, `500`, `malformed`, `html`) and of the data in `call.faults`;
        `slow`, `timeout` and `hang` look alike everywhere and are dealt with here. With `names` the body decides whom
        faults strike, and a client that hangs up while it waits is not answered: the handler does not run. Faults
        named in `by_symbol` are left to the handler, which adds to `call.faults` what it found for each symbol.
        """

        async def answer(request: Request) -> Response:
            return await self._answer(request, endpoint, handler, names, by_symbol)

        return Route(path, answer, methods=list(methods))

    async def _answer(
        self, request: Request, endpoint: str, handler: Handler, names: Namer | None, by_symbol: Container[str]
    ) -> Response:
        body = await request.body() if names else b""
        symbol, *aliases = (names(body) if names else ()) or _symbols_in_url(request)
        call = Call(request, request.scope.get("upstream_host", ""), endpoint, symbol, body=body)
        record = self.log.open(self.clock.time(), call.host, _shown(request), endpoint, symbol)
        began = self.clock.monotonic()
        status = 500  # what the server makes of an exception
        try:
            call.faults = self.faults.strike(call.host, endpoint, symbol, began, aliases, never=by_symbol)
            record.fault = _named(call.faults)
            if await self._is_left_alone(call, record, listens=names is not None):
                status = _HUNG_UP
                return Response(status_code=504)  # to a client that hung up, or after the longest hold
            response = handler(call)
            response.headers[MARKET_HEADER] = self.market.kind
            record.fault = _named(call.faults)
            status = response.status_code
        finally:
            self.log.close(record, status, self.clock.monotonic() - began)
        return response

    async def _is_left_alone(self, call: Call, record: Record, *, listens: bool) -> bool:
        """Let the time pass that the call takes; True if it ends there, unanswered."""
        seconds = self._latency_s(record) + sum(
            fault.param("seconds", 5.0) for fault in call.faults if fault.name == "slow"
        )
        if listens and (await self._hold(call.request, seconds) or await call.request.is_disconnected()):
            return True
        if seconds and not listens:
            await self._pause(seconds)
        silent = call.fault("timeout", "hang")
        if silent is None:
            return False
        await self._hold(call.request, silent.param("seconds", _LONGEST_HOLD_S))
        return True

    def _latency_s(self, record: Record) -> float:
        """The same symbol always takes its own time from the endpoint's span; the mean's jitter differs each time."""
        low, high = self.spans.get(record.endpoint, (0.0, 0.0))
        own = low + (high - low) * chance(self.config.seed, "span", record.endpoint, record.symbol)
        jitter = 0.5 + chance(self.config.seed, "latency", record.symbol, record.index)
        return own * self.time_scale + self.latency_ms * jitter / 1000

    async def _pause(self, seconds: float) -> None:
        """Wait, but not beyond the end of the server."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()

    async def _hold(self, request: Request, seconds: float) -> bool:
        """Say nothing until the client hangs up, or for so long, or until the server ends; whether it hung up."""
        ends = [asyncio.ensure_future(_hung_up(request)), asyncio.ensure_future(self._closing.wait())]
        try:
            await asyncio.wait(ends, timeout=min(seconds, _LONGEST_HOLD_S), return_when=asyncio.FIRST_COMPLETED)
            return ends[0].done()
        finally:
            for end in ends:
                end.cancel()


async def _hung_up(request: Request) -> bool:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    return True


def _symbols_in_url(request: Request) -> tuple[str, ...]:
    """What the URL asks about; a comma list is one thing, with its symbols as further names."""
    asked = request.query_params
    found = request.path_params.get("symbol") or asked.get("symbols") or asked.get("s")
    listed = "" if found else asked.get("symbol", "")
    return (found or listed, *(listed.split(",") if "," in listed else ()))


def _named(faults: list[Fault]) -> str:
    return "+".join(dict.fromkeys(fault.name for fault in faults))


def _shown(request: Request) -> str:
    query = request.scope["query_string"].decode("latin-1")
    return f"{request.scope['path']}?{query}" if query else str(request.scope["path"])


def _market(config: SandboxConfig) -> Market:
    if config.replay is not None:
        from stocks_pipeline.sandbox.replay import ReplayMarket

        return ReplayMarket(config.replay)
    return SimulatedMarket(config.seed, companies=config.companies, unknown_share=config.unknown_share)

"""Twelve Data: daily series, quotes and usage, with its plan's limits and its ways of saying no.

What belongs here: paths, bodies, headers and errors on the wire. What does not: the numbers (second_source.py) and who
is out of credits (credits.py). Formats: recorded answers of 2024, the vendor's OpenAPI of 2026, error texts as clients
quote them. Numbers are texts, the newest bar comes first, and a batch is an object by symbol in which each may fail on
its own. JSON and daily bars only. Any key is good, in the header or the query, but for one that begins with `bad`.
"""

import math
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import orjson
from starlette.responses import Response
from starlette.routing import Route

from stocks_pipeline.sandbox.credits import Refusal
from stocks_pipeline.sandbox.exchanges import EXCHANGES, exchange_of
from stocks_pipeline.sandbox.faults import BY_SYMBOL
from stocks_pipeline.sandbox.second_source import ADJUSTMENTS, Bars, spoil
from stocks_pipeline.sandbox.world import Call, World

HOSTS = ("api.twelvedata.com",)
_INTERVALS = "1min, 5min, 15min, 30min, 45min, 1h, 2h, 4h, 8h, 1day, 1week, 1month"
_DEFAULT_SIZE, _LARGEST_SIZE, _LARGEST_BATCH, _YEAR = 30, 5000, 120, 252
_PRICING = "https://twelvedata.com/pricing"
_NO_KEY = (
    "**apikey** parameter is incorrect or not specified. You can get your free API key instantly following this link: "
    f"{_PRICING}. If you believe that everything is correct, you can contact us at "
    "https://twelvedata.com/contact/customer"
)
_MISSING = "**symbol** or **figi** parameter is missing or invalid. Please provide a valid symbol according to API documentation"  # noqa: E501 - one text
_NOT_FOUND = "**symbol** not found: {}. Please specify it correctly according to API Documentation."
_GATED = f"This symbol is available starting with the {{}} plan. Consider upgrading now at {_PRICING}"
_NO_DATA = "No data is available on the specified dates. Try setting different start/end dates."
_PRO = frozenset({"XHKG", "XBKK", "XSTC", "XTAI"})
_PAGE = "<!DOCTYPE html><html><head><title>api.twelvedata.com | 502: Bad gateway</title></head><body></body></html>"
Answer = dict[str, Any]


def routes(world: World) -> list[Route]:
    """Series and quotes, which take comma lists, and the usage."""

    def metered(call: Call, one: Callable[[World, Call, str], Answer]) -> Response:
        return _refusal(world, call) or _listed(world, call, one)

    return [
        world.route("/time_series", "time_series", lambda call: metered(call, _series), by_symbol=BY_SYMBOL),
        world.route("/quote", "external_quote", lambda call: metered(call, _quote), by_symbol=BY_SYMBOL),
        world.route("/api_usage", "api_usage", lambda call: _refusal(world, call) or _usage(world)),
    ]


def _refusal(world: World, call: Call) -> Response | None:
    """A refusal before anything is looked at: the key's, then a fault's."""
    scheme, _, key = call.request.headers.get("authorization", "").partition(" ")
    key = key.strip() if scheme.lower() == "apikey" else call.request.query_params.get("apikey", "")
    if not key or key.startswith("bad") or call.fault("401"):
        return _error(world, 401, _NO_KEY)
    plan, now = world.config.credits, world.clock.time()
    if call.fault("429"):
        return _error(world, 429, Refusal("minute", plan.per_minute + 2, plan.per_minute).text)
    if call.fault("day_cap"):
        return _error(world, 429, Refusal("day", world.credits.used_day(now) + 1, plan.per_day or 800).text)
    fault = call.fault("500", "html")
    if fault is None:
        return None
    if fault.name == "html":
        return Response(_PAGE, int(fault.param("status", 200)), media_type="text/html")
    status = int(fault.param("status", 500))
    return _json(world, _failed(status, "Internal error. Please contact support."), status)


def _listed(world: World, call: Call, one: Callable[[World, Call, str], Answer]) -> Response:
    """One symbol's answer, or an object of several; charged by the symbol that was answered."""
    symbols = [symbol for symbol in call.request.query_params.get("symbol", "").split(",") if symbol]
    if not symbols:
        return _error(world, 404, _MISSING)
    if len(symbols) > _LARGEST_BATCH:
        return _error(world, 414, f"The **symbol** parameter is too long: at most {_LARGEST_BATCH} symbols")
    now = world.clock.time()
    refused = world.credits.refusal(now, len(symbols))
    if refused is not None:
        return _error(world, 429, refused.text)
    answers = {symbol: one(world, call, symbol) for symbol in symbols}
    good = sum(answer.get("status") != "error" for answer in answers.values())
    world.credits.charge(now, good)
    cut = call.fault("malformed") is not None
    if len(symbols) > 1:
        response = _json(world, answers, charged=good, cut=cut, at=now)
        response.headers["Is_batch"] = "true"
        return response
    answer = answers[symbols[0]]
    status = 200 if good or world.config.errors_in_200 else int(answer["code"])
    return _json(world, answer, status, charged=good, cut=cut, at=now)


def _bars(world: World, call: Call, asked: str, adjust: str) -> Bars | Answer:
    """The bars of a symbol as this vendor has them, or why there are none."""
    symbol = _first_vendors(asked, call.request.query_params)
    exchange = exchange_of(symbol)
    now_s = world.clock.monotonic()
    faults = world.faults.strike(call.host, call.endpoint, asked, now_s, only=BY_SYMBOL)
    call.faults += faults
    names = {fault.name for fault in faults}
    if exchange is not None and ((exchange.suffix and world.config.credits.is_basic) or "plan" in names):
        return _failed(404, _GATED.format("Pro or Venture" if exchange.mic in _PRO else "Grow or Venture"))
    found = (
        None
        if exchange is None or "unknown" in names
        else world.second_source.bars(symbol, world.now(exchange), adjust)
    )
    if found is None:
        batch = "," in call.request.query_params.get("symbol", "")
        return _failed(400, _NOT_FOUND.format(asked)) if batch else _failed(404, _MISSING)
    return spoil(found, faults, world.config.seed)


def _first_vendors(asked: str, query: Any) -> str:
    """The symbol as the first vendor writes it: BRK.B is BRK-B there, BHP with mic_code=XASX is BHP.AX."""
    wanted = query.get("mic_code") or query.get("exchange")
    for exchange in EXCHANGES:
        if exchange.suffix and wanted in {exchange.mic, exchange.code}:
            return f"{asked}.{exchange.suffix}"
    return asked if exchange_of(asked) else asked.replace(".", "-")


def _series(world: World, call: Call, asked: str) -> Answer:
    query = call.request.query_params
    wrong = _objection(query)
    if wrong:
        return _failed(400, wrong)
    start, end, size = _span(query)
    bars = _bars(world, call, asked, query.get("adjust", "splits"))
    if not isinstance(bars, Bars):
        return bars
    part = bars.between(start, end).take(slice(-size, None))
    if not len(part.days):
        return _failed(400, _NO_DATA)
    values = _values(part)
    meta = {
        "symbol": asked,
        "interval": "1day",
        "currency": part.currency,
        "exchange_timezone": part.tz,
        "exchange": part.exchange,
        "mic_code": part.mic,
        "type": "Common Stock",
    }
    oldest_first = query.get("order", "desc").lower() == "asc"
    return {"meta": meta, "values": values if oldest_first else values[::-1], "status": "ok"}


def _objection(query: Any) -> str:
    """What is wrong with the parameters; empty for nothing."""
    interval, adjust = query.get("interval", ""), query.get("adjust", "splits")
    if interval != "1day":
        return f"Invalid **interval** provided: {interval}. Supported intervals: {_INTERVALS}"
    if adjust not in ADJUSTMENTS:
        return f"Invalid **adjust** provided: {adjust}. Supported values: {', '.join(ADJUSTMENTS)}"
    try:
        size = _span(query)[2]
    except ValueError:
        return "Invalid **start_date**, **end_date** or **outputsize** provided."
    return "" if 1 <= size <= _LARGEST_SIZE else f"Invalid **outputsize** provided: {size}."


def _span(query: Any) -> tuple[date | None, date | None, int]:
    """First and last date, and the most bars."""
    start, end = (_date(query.get(name)) for name in ("start_date", "end_date"))
    return start, end, int(query.get("outputsize", _LARGEST_SIZE if start or end else _DEFAULT_SIZE))


def _date(text: str | None) -> date | None:
    return datetime.fromisoformat(text).date() if text else None


def _values(bars: Bars) -> list[dict[str, str]]:
    """Rows of texts, oldest first."""
    columns = [map(_price, getattr(bars, name).tolist()) for name in ("open", "high", "low", "close")]
    names = ("datetime", "open", "high", "low", "close", "volume")
    rows = zip(bars.days.astype(str).tolist(), *columns, map(str, bars.volume.tolist()), strict=True)
    return [dict(zip(names, row, strict=True)) for row in rows]


def _price(value: float) -> str:
    return "NaN" if math.isnan(value) else f"{value:.5f}"


def _quote(world: World, call: Call, asked: str) -> Answer:
    bars = _bars(world, call, asked, "splits")
    if not isinstance(bars, Bars) or not len(bars.days):
        return _failed(400, _NO_DATA) if isinstance(bars, Bars) else bars
    row, year = _values(bars.take(slice(-1, None)))[0], bars.take(slice(-_YEAR, None))
    close, before = float(bars.close[-1]), float(bars.close[max(0, len(bars.close) - 2)])
    low, high = float(year.low.min()), float(year.high.max())
    return {
        "symbol": asked,
        "name": bars.name,
        "exchange": bars.exchange,
        "mic_code": bars.mic,
        "currency": bars.currency,
        "timestamp": bars.newest_ts,
        **row,
        "previous_close": _price(before),
        "change": _price(close - before),
        "percent_change": _price((close / before - 1) * 100),
        "average_volume": str(int(year.volume.mean())),
        "is_market_open": False,
        "fifty_two_week": {"low": _price(low), "high": _price(high), "range": f"{low:.6f} - {high:.6f}"},
    }


def _usage(world: World) -> Response:
    now, plan = world.clock.time(), world.config.credits
    refused = world.credits.refusal(now, 1)
    if refused is not None:
        return _error(world, 429, refused.text)
    world.credits.charge(now, 1)
    body: Answer = {
        "timestamp": f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d %H:%M:%S}",
        "current_usage": world.credits.used_minute(now),
        "plan_limit": plan.per_minute,
    }
    if plan.per_day is not None:
        body |= {"daily_usage": world.credits.used_day(now), "plan_daily_limit": plan.per_day}
    return _json(world, {**body, "plan_category": "basic" if plan.is_basic else "grow"}, charged=1)


def _failed(code: int, message: str) -> Answer:
    return {"code": code, "message": message, "status": "error"}


def _error(world: World, code: int, message: str) -> Response:
    return _json(world, _failed(code, message), 200 if world.config.errors_in_200 else code)


def _json(  # noqa: PLR0913 - keyword-only, each a part of an answer
    world: World, body: Answer, status: int = 200, *, charged: int = 0, cut: bool = False, at: float | None = None
) -> Response:
    """A JSON answer with the credits of `at` (now) in its headers; cut in the middle if asked for."""
    used = world.credits.used_minute(world.clock.time() if at is None else at)
    headers = {
        "api-credits-used": str(used),
        "api-credits-left": str(max(0, world.config.credits.per_minute - used)),
        "api-credits-request": str(charged),
    }
    content = orjson.dumps(body)
    return Response(content[: len(content) // 2] if cut else content, status, headers, "application/json")

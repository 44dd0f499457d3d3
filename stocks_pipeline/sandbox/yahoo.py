"""Yahoo Finance's charts, cookie, crumb and consent, as recorded from its five hosts.

What belongs here: the routes and bodies that daily bars need. What does not: quotes and company facts
(yahoo_quotes.py), which bars there are (market.py, replay.py, window.py). Formats: recorded responses of 2025 and,
for errors, the texts that several clients test against.
"""

from typing import Any

import numpy as np
import orjson
from starlette.responses import Response
from starlette.routing import Route

from stocks_pipeline.sandbox.exchanges import exchange_of
from stocks_pipeline.sandbox.faults import Fault
from stocks_pipeline.sandbox.series import Dividend, Series, Split
from stocks_pipeline.sandbox.window import VALID_RANGES, Window, between, named, spoil_series, spoil_window
from stocks_pipeline.sandbox.world import Call, World

HOSTS = ("query1.finance.yahoo.com", "query2.finance.yahoo.com", "fc.yahoo.com", "finance.yahoo.com",
         "guce.yahoo.com", "consent.yahoo.com")  # fmt: skip
CRUMB = "sAndb0xCrum"
_JSON = "application/json;charset=utf-8"
_HEADERS = {
    "cache-control": "public, max-age=10, stale-while-revalidate=20",
    "server": "ATS",
    "vary": "Origin,Accept-Encoding",
}
_PAGE = "<!DOCTYPE html><html><head><title>Yahoo</title></head><body><h1>{}</h1></body></html>"
_NO_DATA = "No data found, symbol may be delisted"
_YEAR_S = 365 * 86_400
_LAST_INSTANT = 2**40


def routes(world: World) -> list[Route]:
    """Every path of Yahoo's that the sandbox plays, quotes included."""
    from stocks_pipeline.sandbox import yahoo_quotes

    return [
        world.route("/v8/finance/chart/{symbol:path}", "chart", lambda call: _chart(world, call)),
        world.route("/v1/test/getcrumb", "crumb", lambda call: call_failure(call) or _text(CRUMB)),
        world.route("/", "cookie", lambda call: call_failure(call) or _cookie()),
        world.route("/consent", "consent", _consent),
        world.route("/v2/collectConsent", "consent", _consent, ("GET", "POST")),
        world.route("/copyConsent", "consent", _consent),
        *yahoo_quotes.routes(world),
    ]


def call_failure(call: Call) -> Response | None:
    """How Yahoo fails, where a fault of the call says so."""
    fault = call.fault("429", "500", "html")
    if fault is None:
        return None
    if fault.name == "429":
        after = fault.param("retry_after", 0)
        headers = {"retry-after": f"{after:g}"} if after else {}
        return Response("Edge: Too Many Requests", 429, headers, "text/plain")
    status = int(fault.param("status", 500 if fault.name == "500" else 200))
    return Response(_PAGE.format("Will be right back"), status, media_type="text/html")


def json_response(body: object, status: int = 200, *, fault: Fault | None = None) -> Response:
    """A JSON answer with Yahoo's headers; cut in the middle if the fault is `malformed`."""
    content = orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)
    if fault is not None:
        content = content[: len(content) // 2]
    return Response(content, status, _HEADERS, _JSON)


def known_series(world: World, symbol: str) -> Series | None:
    """The symbol as of the world's now; None if Yahoo does not know it."""
    exchange = exchange_of(symbol)
    return None if exchange is None else world.market.series(symbol, world.now(exchange))


def _text(text: str) -> Response:
    return Response(
        text, 200, {"cache-control": "private, max-age=60, stale-while-revalidate=30"}, "text/plain;charset=utf-8"
    )


def _cookie() -> Response:
    """The real host answers 404 too: only the cookie matters."""
    cookie = f"A3=d=AQABBSANDBOX&S=AQAAA; Max-Age={_YEAR_S}; Domain=.yahoo.com; Path=/; SameSite=None; Secure; HttpOnly"
    return Response(_PAGE.format("Not Found"), 404, {"set-cookie": cookie}, "text/html")


def _consent(call: Call) -> Response:
    """A page without a CSRF token: the client then goes on with its cookie, as it does outside Europe."""
    return call_failure(call) or Response(_PAGE.format("Yahoo"), 200, media_type="text/html")


def _error(status: int, code: str, description: str) -> Response:
    return json_response({"chart": {"result": None, "error": {"code": code, "description": description}}}, status)


def _chart(world: World, call: Call) -> Response:
    failure = call_failure(call)
    if failure is not None:
        return failure
    gone = call.fault("unknown", "delisted")
    if gone is not None and not (gone.name == "delisted" and gone.param("days", 0)):
        return _error(404, "Not Found", _NO_DATA)
    series = known_series(world, call.symbol)
    if series is None:
        return _error(404, "Not Found", world.market.unknown)
    series = spoil_series(series, call.faults)
    window = _window(series, call, world.now(series.exchange))
    if isinstance(window, Response):
        return window
    window = spoil_window(window, call.faults)
    interval = call.request.query_params.get("interval", "1d")
    if interval != "1d":
        return _error(400, "Bad Request", f"Invalid input - interval={interval}: the sandbox has daily bars only")
    now = world.now(series.exchange)
    result = {"meta": _meta(window, now, call.request.query_params.get("range", "")), **_bars(window)}
    events = _events(window, call.request.query_params.get("events", ""))
    if events:
        result["events"] = events
    return json_response({"chart": {"result": [result], "error": None}}, fault=call.fault("malformed"))


def _window(series: Series, call: Call, now: int) -> Window | Response:
    """The bars that were asked for, or Yahoo's refusal."""
    asked = call.request.query_params
    if "period1" not in asked and "period2" not in asked:
        name = asked.get("range", "1d")
        return (
            named(series, name, now)
            if name in VALID_RANGES
            else _error(422, "Unprocessable Entity", f"Invalid range={name}")
        )
    try:
        start, end = (
            _instant(asked.get(name, default)) for name, default in (("period1", "0"), ("period2", str(now + 1)))
        )
    except ValueError:
        return _error(400, "Bad Request", "Invalid input - period1 and period2 must be unix seconds")
    if start >= end:
        return _error(
            400,
            "Bad Request",
            f"Invalid input - start date cannot be after end date. startDate = {start}, endDate = {end}",
        )
    if len(series.ts) and end <= series.ts[0]:
        return _error(400, "Bad Request", f"Data doesn't exist for startDate = {start}, endDate = {end}")
    return between(series, start, end)


def _instant(text: str) -> int:
    """Unix seconds; ValueError if they are none or beyond every calendar."""
    ts = int(text)
    if abs(ts) > _LAST_INSTANT:
        raise ValueError(text)
    return ts


def _bars(window: Window) -> dict[str, Any]:
    """Timestamps and indicators; without a bar there is no `timestamp` and the indicators are empty."""
    if not window.bars:
        return {"indicators": {"quote": [{}], "adjclose": [{}]}}
    series, part = window.series, slice(window.first, window.last)
    columns: dict[str, Any] = {name: getattr(series, name)[part] for name in ("high", "low", "open", "close", "volume")}
    adjusted: Any = series.adj_close[part]
    if window.last_is_null:
        columns = {name: [*column[:-1].tolist(), None] for name, column in columns.items()}
        adjusted = [*adjusted[:-1].tolist(), None]
    return {"timestamp": series.ts[part], "indicators": {"quote": [columns], "adjclose": [{"adjclose": adjusted}]}}


def _events(window: Window, wanted: str) -> dict[str, Any]:
    """The events asked for, by timestamp as text; no key where there is none."""
    dividends, splits = window.events()
    found: dict[str, Any] = {}
    if dividends and "div" in wanted:
        found["dividends"] = {str(paid.ts): _dividend(paid) for paid in dividends}
    if splits and "split" in wanted:
        found["splits"] = {str(split.ts): _split(split) for split in splits}
    return found


def _dividend(paid: Dividend) -> dict[str, Any]:
    return {"amount": paid.amount, "date": paid.ts}


def _split(split: Split) -> dict[str, Any]:
    new, old = split.ratio.numerator, split.ratio.denominator
    return {"date": split.ts, "numerator": new, "denominator": old, "splitRatio": f"{new}:{old}"}


def _meta(window: Window, now: int, asked_range: str) -> dict[str, Any]:
    """The facts beside the bars. `gmtoffset` and `timezone` are those of now, whatever the bars' dates."""
    series = window.series
    exchange, last = series.exchange, len(series.ts) - 1
    year = slice(int(np.searchsorted(series.ts, now - _YEAR_S)), None)
    found = {
        "currency": exchange.currency,
        "symbol": series.symbol,
        "exchangeName": exchange.code,
        "fullExchangeName": exchange.label,
        "instrumentType": series.kind,
        "firstTradeDate": series.ts[0] if last >= 0 else None,
        "hasPrePostMarketData": False,
        "gmtoffset": exchange.gmtoffset(now),
        "timezone": exchange.zone_name(now),
        "exchangeTimezoneName": exchange.tz,
        "longName": series.name,
        "shortName": series.name,
        "priceHint": 2 if last >= 0 and series.close[last] >= 1 else 4,
        "currentTradingPeriod": _trading_period(series, now),
        "dataGranularity": "1d",
        "range": asked_range,
        "validRanges": VALID_RANGES,
    }
    if last >= 0:
        found |= {
            "regularMarketTime": min(now, exchange.local(exchange.day_of(series.ts[last]), exchange.closes)),
            "regularMarketPrice": series.close[last],
            "fiftyTwoWeekHigh": series.high[year].max(initial=series.high[last]),
            "fiftyTwoWeekLow": series.low[year].min(initial=series.low[last]),
            "regularMarketDayHigh": series.high[last],
            "regularMarketDayLow": series.low[last],
            "regularMarketVolume": series.volume[last],
            "chartPreviousClose": series.close[max(0, min(window.first, last + 1) - 1)],
        }
    return found


def _trading_period(series: Series, now: int) -> dict[str, Any]:
    exchange = series.exchange
    day = exchange.day_of(series.ts[-1] if len(series.ts) else now)
    opens, closes = exchange.open_ts(day), exchange.local(day, exchange.closes)
    zone = {"timezone": exchange.zone_name(now), "gmtoffset": exchange.gmtoffset(now)}
    return {
        "pre": {"start": opens - 3 * 3600, "end": opens, **zone},
        "regular": {"start": opens, "end": closes, **zone},
        "post": {"start": closes, "end": closes + 3600, **zone},
    }

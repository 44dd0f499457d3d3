"""Yahoo's quotes and company facts: just enough for `Ticker.info` and the error paths of `Ticker.history`.

What belongs here: /v7 quote, /v10 quoteSummary and the fundamentals time series. What does not: charts (yahoo.py).
All need the crumb. The company facts are invented, but the same for the same symbol.
"""

from collections.abc import Callable
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from stocks_pipeline.sandbox.chance import chance
from stocks_pipeline.sandbox.series import Series
from stocks_pipeline.sandbox.world import Call, World
from stocks_pipeline.sandbox.yahoo import CRUMB, call_failure, json_response, known_series

_TRADES = (
    ("Basic Materials", "Gold"), ("Energy", "Oil & Gas Integrated"), ("Financial Services", "Banks - Regional"),
    ("Healthcare", "Medical Devices"), ("Industrials", "Airlines"), ("Technology", "Semiconductors"),
)  # fmt: skip
_YEAR_S = 365 * 86_400


def routes(world: World) -> list[Route]:
    """The paths of this module, for yahoo.routes."""
    return [
        world.route("/v7/finance/quote", "quote", _with_crumb(world, _quote)),
        world.route("/v10/finance/quoteSummary/{symbol:path}", "summary", _with_crumb(world, _summary)),
        world.route(
            "/ws/fundamentals-timeseries/v1/finance/timeseries/{symbol:path}",
            "timeseries",
            _with_crumb(world, _timeseries),
        ),
    ]


def _with_crumb(world: World, handler: Callable[[World, Call], Response]) -> Callable[[Call], Response]:
    """Refuse calls without the crumb, as these paths do and charts do not."""

    def answer(call: Call) -> Response:
        failure = call_failure(call)
        if failure is not None:
            return failure
        if call.request.query_params.get("crumb") != CRUMB:
            error = {"code": "Unauthorized", "description": "Invalid Crumb"}
            return json_response({"finance": {"result": None, "error": error}}, 401)
        return handler(world, call)

    return answer


def _quote(world: World, call: Call) -> Response:
    """An unknown symbol is left out, without an error."""
    asked = [symbol for symbol in call.request.query_params.get("symbols", "").split(",") if symbol]
    unknown = call.fault("unknown", "empty") is not None
    found = [] if unknown else [series for symbol in asked if (series := known_series(world, symbol))]
    body = {"quoteResponse": {"result": [_quote_of(series) for series in found], "error": None}}
    return json_response(body, fault=call.fault("malformed"))


def _quote_of(series: Series) -> dict[str, Any]:
    exchange, before = series.exchange, series.close[max(0, len(series.close) - 2)]
    return {
        "language": "en-US",
        "region": "US",
        "quoteType": series.kind,
        "symbol": series.symbol,
        "shortName": series.name,
        "longName": series.name,
        "currency": exchange.currency,
        "exchange": exchange.code,
        "fullExchangeName": exchange.label,
        "exchangeTimezoneName": exchange.tz,
        "regularMarketPrice": series.close[-1],
        "regularMarketPreviousClose": before,
        "regularMarketVolume": series.volume[-1],
        "regularMarketTime": series.ts[-1],
        "marketState": "CLOSED",
    }


def _summary(world: World, call: Call) -> Response:
    """The modules that were asked for and that the sandbox has."""
    series = None if call.fault("unknown") else known_series(world, call.symbol)
    if series is None:
        error = {"code": "Not Found", "description": f"Quote not found for ticker symbol: {call.symbol}"}
        return json_response({"quoteSummary": {"result": None, "error": error}}, 404)
    modules = _modules(world.config.seed, series)
    asked = call.request.query_params.get("modules", "").split(",")
    result = {name: modules[name] for name in asked if name in modules}
    return json_response({"quoteSummary": {"result": [result], "error": None}}, fault=call.fault("malformed"))


def _modules(seed: int, series: Series) -> dict[str, dict[str, Any]]:
    """Every module of quoteSummary that the sandbox has."""
    return {**_descriptions(seed, series), **_figures(seed, series)}


def _descriptions(seed: int, series: Series) -> dict[str, dict[str, Any]]:
    sector, industry = _TRADES[int(chance(seed, series.symbol, "sector") * len(_TRADES))]
    return {
        "quoteType": {
            "exchange": series.exchange.code,
            "quoteType": series.kind,
            "symbol": series.symbol,
            "longName": series.name,
            "shortName": series.name,
            "timeZoneFullName": series.exchange.tz,
        },
        "assetProfile": {
            "sector": sector,
            "industry": industry,
            "fullTimeEmployees": int(40_000 * chance(seed, series.symbol, "staff")),
            "longBusinessSummary": f"{series.name} is a company of the sandbox; nothing about it is true.",
        },
    }


def _figures(seed: int, series: Series) -> dict[str, dict[str, Any]]:
    def drawn(name: str, low: float, high: float) -> float:
        return round(low + (high - low) * chance(seed, series.symbol, name), 4)

    price, currency = float(series.close[-1]), series.exchange.currency
    shares = int(drawn("shares", 5e6, 3e9))
    earned = round(price / drawn("pe", 6, 40), 4)
    paid = round(sum(paid.amount for paid in series.dividends if paid.ts > series.ts[-1] - _YEAR_S), 4)
    # As recorded: no dividend is no field, and the yield is a share of the price, not a percentage.
    dividend = {"dividendRate": paid, "dividendYield": round(paid / price, 4)} if paid and price else {}
    return {
        "summaryDetail": {
            "previousClose": series.close[max(0, len(series.close) - 2)],
            "beta": drawn("beta", 0.3, 2.0),
            "trailingPE": round(price / earned, 4) if earned else None,
            "forwardPE": round(price / earned * drawn("hope", 0.7, 1.1), 4) if earned else None,
            **dividend,
            "marketCap": int(shares * price),
            "fiftyTwoWeekHigh": series.high[-252:].max(),
            "fiftyTwoWeekLow": series.low[-252:].min(),
            "currency": currency,
        },
        "financialData": {
            "currentPrice": price,
            "totalRevenue": int(shares * price * drawn("sales", 0.2, 3.0)),
            "profitMargins": drawn("margin", -0.3, 0.4),
            "revenueGrowth": drawn("growth", -0.3, 0.6),
            "earningsGrowth": drawn("earnings", -0.5, 0.9),
            "returnOnEquity": drawn("roe", -0.2, 0.5),
            "financialCurrency": currency,
        },
        "defaultKeyStatistics": {
            "trailingEps": earned,
            "sharesOutstanding": shares,
            "priceToBook": drawn("pb", 0.4, 9.0),
        },
    }


def _timeseries(world: World, call: Call) -> Response:
    """Always without values, as it is for most companies outside the US."""
    del world
    kinds = call.request.query_params.get("type", "").split(",")
    result = [{"meta": {"symbol": [call.symbol], "type": [kind]}} for kind in kinds]
    return json_response({"timeseries": {"result": result, "error": None}}, fault=call.fault("malformed"))

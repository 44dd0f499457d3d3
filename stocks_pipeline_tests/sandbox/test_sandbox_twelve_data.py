"""The second price vendor as the sandbox plays it: formats, credits, refusals, and disagreements on purpose."""

import asyncio
import json
from collections.abc import Sequence
from datetime import date
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocks_pipeline.sandbox.app import Sandbox
from stocks_pipeline.sandbox.config import SandboxConfig
from stocks_pipeline.sandbox.credits import CreditPlan, Meter, worst_window
from stocks_pipeline.sandbox.faults import parse_fault
from stocks_pipeline.sandbox.world import World
from stocks_pipeline_tests.fakes import FakeClock
from stocks_pipeline_tests.sandbox_server import TODAY, shared_data

MINUTE = 1_763_596_800.0
HOST = "http://sandbox/api.twelvedata.com"
KEY = {"authorization": "apikey 0123456789abcdef"}
ROOMY = CreditPlan(per_minute=10_000)
PAID = CreditPlan(per_minute=10_000, per_day=None)


class Vendor:
    """A sandbox in this process, on a clock that tests move."""

    def __init__(self, *faults: str, plan: CreditPlan = ROOMY, **config: Any) -> None:
        self.clock = FakeClock(MINUTE)
        settings = {"today": TODAY, "credits": plan, "companies": 50, **config}
        self.world = World(SandboxConfig(faults=tuple(map(parse_fault, faults)), **settings), self.clock)
        self.app = Sandbox(self.world)

    def get(self, path: str, headers: dict[str, str] | None = None, **query: object) -> httpx.Response:
        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app=self.app)) as client:
                return await client.get(
                    path if path.startswith("http") else f"{HOST}/{path}",
                    params={k: str(v) for k, v in query.items()} or None,  # an empty one would cut off the path's own
                    headers=KEY if headers is None else headers,
                )

        return asyncio.run(ask())

    def series(self, symbol: str = "AAPL", **query: object) -> httpx.Response:
        return self.get("time_series", KEY, symbol=symbol, **{"interval": "1day", "outputsize": 20, **query})

    def closes(self, symbol: str = "AAPL", **query: object) -> dict[str, float]:
        """Closes by date, oldest first."""
        rows = self.series(symbol, **query).json()["values"]
        return {row["datetime"]: float(row["close"]) for row in reversed(rows)}


def yahoo_closes(vendor: Vendor, symbol: str = "AAPL", bars: int = 20) -> list[float]:
    found = vendor.get(f"http://sandbox/query2.finance.yahoo.com/v8/finance/chart/{symbol}?range=3mo&interval=1d")
    closes: list[float] = found.json()["chart"]["result"][0]["indicators"]["quote"][0]["close"]
    return closes[-bars:]


def test_a_series_is_texts_newest_first() -> None:
    """All numbers are texts, daily datetimes are dates, the newest bar comes first."""
    answer = Vendor().series(outputsize=3)
    body = answer.json()
    assert (answer.status_code, body["status"], len(body["values"])) == (200, "ok", 3)
    assert body["meta"]["mic_code"] == "XNGS"
    assert [row["datetime"] for row in body["values"]] == ["2026-11-20", "2026-11-19", "2026-11-18"]
    assert all(isinstance(value, str) for row in body["values"] for value in row.values())
    assert "is_batch" not in answer.headers


def test_the_span_and_the_order_are_obeyed() -> None:
    """Both dates are inclusive; `asc` is oldest first; the default size without dates is 30."""
    vendor = Vendor()
    body = vendor.series(outputsize=5000, start_date="2026-11-16", end_date="2026-11-18 00:00:00", order="asc").json()
    assert [row["datetime"] for row in body["values"]] == ["2026-11-16", "2026-11-17", "2026-11-18"]
    assert len(vendor.get("time_series", symbol="AAPL", interval="1day").json()["values"]) == 30


def test_a_batch_fails_by_symbol_inside_200() -> None:
    """An object by the requested symbols, marked by a header; only those answered are charged."""
    answer = Vendor().series("AAPL,toolong,BHP.AX")
    body = answer.json()
    assert (answer.status_code, answer.headers["is_batch"], answer.headers["api-credits-request"]) == (200, "true", "1")
    assert list(body) == ["AAPL", "toolong", "BHP.AX"]
    assert body["AAPL"]["status"] == "ok"
    unknown = "**symbol** not found: toolong. Please specify it correctly according to API Documentation."
    assert body["toolong"] == {"code": 400, "message": unknown, "status": "error"}
    assert body["BHP.AX"]["message"].startswith("This symbol is available starting with the Grow or Venture plan.")


@pytest.mark.parametrize("in_200", [False, True])
@pytest.mark.parametrize(
    ("fault", "query", "code", "text"),
    [
        ("", {"symbol": "toolong"}, 404, "**symbol** or **figi** parameter is missing or invalid"),
        ("", {"start_date": "2026-11-14", "end_date": "2026-11-15"}, 400, "No data is available on the specified"),
        ("", {"interval": "0.99min"}, 400, "Invalid **interval** provided: 0.99min."),
        ("", {"symbol": "0700.HK"}, 404, "This symbol is available starting with the Pro or Venture plan."),
        ("429,endpoint=time_series", {}, 429, "You have run out of API credits for the current minute."),
        ("day_cap,endpoint=time_series", {}, 429, "You have run out of API credits for the day."),
        ("401,endpoint=time_series", {}, 401, "**apikey** parameter is incorrect or not specified."),
    ],
)
def test_refusals_come_in_both_styles(fault: str, query: dict[str, str], code: int, text: str, *, in_200: bool) -> None:
    """The body is the same; the HTTP status is the code's or 200."""
    answer = Vendor(*filter(None, [fault]), errors_in_200=in_200).series(**{"symbol": "AAPL", **query})
    assert answer.status_code == (200 if in_200 else code)
    assert (answer.json()["code"], answer.json()["status"]) == (code, "error")
    assert answer.json()["message"].startswith(text)


def test_the_key_may_stand_in_either_place() -> None:
    """Header or query; none, an empty one or one that begins with bad is a 401."""
    vendor = Vendor()
    assert vendor.get("quote", {}, symbol="AAPL", apikey="demo").status_code == 200
    for headers in (
        {},
        {"authorization": "apikey bad1"},
        {"authorization": "Bearer good"},
        {"authorization": "apikey"},
    ):
        assert vendor.get("quote", headers, symbol="AAPL").status_code == 401


def test_a_minute_of_the_clock_holds_eight_credits() -> None:
    """The ninth is refused with what it would have come to; the next minute of the clock is fresh."""
    vendor = Vendor(plan=CreditPlan())
    vendor.clock.advance(50)
    first = vendor.series("A,B,C,D,E,F,G")
    assert (first.headers["api-credits-used"], first.headers["api-credits-left"]) == ("7", "1")
    refused = vendor.series("A,B,C")
    assert refused.status_code == 429
    assert "10 API credits were used, with the current limit being 8." in refused.json()["message"]
    vendor.clock.advance(10)
    assert vendor.series("A,B,C,D,E,F,G,H").status_code == 200
    shown = vendor.get("http://sandbox/_admin/credits").json()
    assert (shown["used"], shown["worst_minute"], shown["worst_window"], shown["refused_minute"]) == (15, 8, 15, 1)


def test_a_batch_beyond_the_minute_is_refused_whole_on_a_fresh_minute() -> None:
    """As probed live: 12 symbols under a limit of 8."""
    refused = Vendor(plan=CreditPlan()).series(",".join("ABCDEFGHIJKL"))
    assert refused.status_code == 429
    text = "You have run out of API credits for the current minute. 12 API credits were used, with the current limit"
    assert refused.json()["message"].startswith(f"{text} being 8.")


def test_the_day_holds_eight_hundred_credits() -> None:
    """The day is looked at first, and begins anew at 00:00 UTC."""
    vendor = Vendor(plan=CreditPlan(per_minute=500))
    batch = ",".join(f"{a}{b}" for a in "ABCDEFGHIJ" for b in "ABCDEFGHIJ")
    for _ in range(8):
        assert vendor.series(batch).status_code == 200
        vendor.clock.advance(60)
    assert vendor.series().json()["message"].startswith("You have run out of API credits for the day. 801 API")
    vendor.clock.advance(86_400)
    assert vendor.series().status_code == 200


def test_usage_is_told_and_costs_a_credit() -> None:
    """The free plan also tells the day; a paid one does not."""
    assert Vendor(plan=CreditPlan()).get("api_usage").json() == {
        "timestamp": "2025-11-20 00:00:00",
        "current_usage": 1,
        "plan_limit": 8,
        "daily_usage": 1,
        "plan_daily_limit": 800,
        "plan_category": "basic",
    }
    assert "daily_usage" not in Vendor(plan=PAID).get("api_usage").json()


def test_a_paid_plan_covers_other_exchanges() -> None:
    """BHP with mic_code=XASX is the one in Sydney, in its currency; BRK.B is known by its own name."""
    vendor = Vendor(plan=PAID)
    assert vendor.series("BHP", mic_code="XASX").json()["meta"]["currency"] == "AUD"
    assert vendor.series("BRK.B").json()["status"] == "ok"


@given(st.lists(st.tuples(st.floats(0, 300), st.integers(1, 8)), max_size=60), st.booleans(), st.booleans())
def test_no_minute_ever_holds_more_than_the_plan(
    asked: Sequence[tuple[float, int]],
    any_window: bool,  # noqa: FBT001 - drawn
    counts_refused: bool,  # noqa: FBT001 - drawn
) -> None:
    """Whatever is asked, what is granted fits every minute; with `any_window` wherever it starts."""
    meter = Meter(CreditPlan(8, 100, 60.0, any_window=any_window, counts_refused=counts_refused))
    granted = []
    for at, credits_ in sorted(asked):
        if meter.refusal(at, credits_) is None:
            meter.charge(at, credits_)
            granted.append((at, credits_))
    minutes = {int(at // 60) for at, _ in granted}
    assert all(sum(c for at, c in granted if int(at // 60) == minute) <= 8 for minute in minutes)
    assert sum(credits_ for _, credits_ in granted) <= 100
    worst = max((sum(c for at, c in granted if since - 60 < at <= since) for since, _ in granted), default=0)
    assert worst_window(granted, 60.0) == worst
    assert not any_window or worst <= 8


def test_both_vendors_agree_but_for_rounding() -> None:
    """The same market seen twice: closes differ, by at most half a cent and the last digit, the same each time."""
    vendor = Vendor()
    theirs, ours = list(vendor.closes("MSFT").values()), yahoo_closes(vendor, "MSFT")
    assert theirs != ours
    assert max(abs(a - b) for a, b in zip(theirs, ours, strict=True)) <= 0.005 + 1e-4
    assert theirs == list(Vendor().closes("MSFT").values())


def _ratios(fault: str) -> list[float]:
    """Closes with the fault over those without, by bar."""
    vendor = Vendor(fault)
    good, bad = Vendor().closes(), vendor.closes()
    assert yahoo_closes(vendor) == yahoo_closes(Vendor())
    assert vendor.world.log.since(0, 1)[0]["fault"] == fault.partition(",")[0]
    return [round(bad[day] / good[day], 3) for day in good if day in bad]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("dividend_basis,days=5", [0.97] * 15 + [1.0] * 5),
        ("split_basis", [4.0] * 15 + [1.0] * 5),
        ("x100,endpoint=time_series", [1.0] * 19 + [100.0]),
        ("one_off,days_ago=2", [1.0] * 17 + [1.05] + [1.0] * 2),
        ("stale,endpoint=time_series", [1.0] * 17),
        ("missing_day,endpoint=time_series", [1.0] * 19),
    ],
)
def test_disagreements_strike_this_vendor_only(fault: str, expected: list[float]) -> None:
    """Each has its shape in the closes of the newest twenty sessions; Yahoo's stay as they are."""
    assert _ratios(fault)[-len(expected) :] == expected


def test_the_other_disagreements_show_themselves() -> None:
    """A bar on a day without a session, a close that is none, another security in another currency."""
    saturday = set(Vendor("extra_day").closes()) - set(Vendor().closes())
    assert [date.fromisoformat(day).weekday() for day in saturday] == [5]
    assert Vendor("nan_close").series().json()["values"][0]["close"] == "NaN"
    other = Vendor("wrong_listing").series().json()
    assert (other["meta"]["currency"], other["meta"]["exchange"]) == ("CAD", "TSX")
    assert len(set(_ratios("wrong_listing"))) > 10
    assert Vendor("plan").series().json()["code"] == 404


def test_a_fault_strikes_its_symbol_inside_a_batch() -> None:
    """Data faults go by the symbol, call faults by the request that holds it."""
    vendor = Vendor("one_off,symbols=MSFT", "429,endpoint=time_series,symbols=AAPL,count=1")
    assert vendor.series("AAPL,MSFT").status_code == 429
    batch = vendor.series("AAPL,MSFT").json()
    good = Vendor().series("AAPL,MSFT").json()
    assert batch["AAPL"] == good["AAPL"]
    assert batch["MSFT"] != good["MSFT"]
    assert [fault["struck"] for fault in vendor.world.faults.to_json()] == [1, 1]


def test_a_replay_shows_the_second_vendors_own_recording() -> None:
    """188 symbols as recorded, hidden beyond the day, differing from Yahoo's dividend-adjusted ones."""
    data = shared_data()
    if data is None or not (data / "replay" / "twelve_data_us.parquet").is_file():
        pytest.skip("the recorded data are not here")
    vendor = Vendor(replay=data / "replay", today=date(2026, 1, 5))
    closes = vendor.closes("AAPL", outputsize=5000)
    assert list(closes)[-1] == "2026-01-05"
    theirs, ours = list(closes.values())[-20:], yahoo_closes(vendor)
    assert max(abs(a / b - 1) for a, b in zip(theirs, ours, strict=True)) < 0.02
    assert vendor.series("ZZZZ").json()["code"] == 404


def test_options_reach_the_vendor() -> None:
    """The command line's plan, window and style of errors are those of the server; bodies stay JSON."""
    from stocks_pipeline_tests.sandbox_server import SandboxServer

    options = "--credits-per-minute 2 --credits-per-day 0 --credit-minute-s 0.5 --credit-window any --errors-in-200"
    with SandboxServer("--today", TODAY.isoformat(), "--companies", "50", *options.split()) as server:
        status, _, body = server.get("/time_series?symbol=A,B,C&interval=1day&apikey=x", host="api.twelvedata.com")
        assert (status, json.loads(body)["code"]) == (200, 429)
        assert "limit being 2" in json.loads(body)["message"]

"""The part of `stocks demo` that holds the us prices against a second vendor, which differs on purpose.

What belongs here: what is spoilt for the show, and what the session made of it. What does not: a session
(validate.py), how it is shown (show_validation.py), and what a fault does, which is the sandbox's.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from stocks_pipeline.cli import desk, sandbox_process
from stocks_pipeline.cli.output import Exit, print_table, say
from stocks_pipeline.settings import Settings
from stocks_pipeline.storage.validation_keys import SessionPlace

if TYPE_CHECKING:
    from stocks_pipeline.cli.day_report import DayReport
    from stocks_pipeline.cli.show_validation import SessionView
    from stocks_pipeline.storage.lake import Lake

MARKET = "us"
LOOKBACK_DAYS = 40
"""Calendar days that are fetched and compared: enough to see a dividend."""

PAID_WITHIN = timedelta(days=25)
SEEN = 0.022
"""A dividend of this share of the price shows: the session forgives 2 %."""

SPOILT = {
    "dividend_basis": "adjusted for dividends as well",
    "split_basis": "a split is not applied",
    "x100": "the newest price is in cents",
    "one_off": "one close is 5 % too high",
    "wrong_listing": "another security of that symbol",
    "stale": "bars end three sessions ago",
    "plan": "not available on this plan",
}
"""What the second vendor gets wrong in the demo: faults of the sandbox, and what they mean."""


@dataclass(frozen=True)
class Checked:
    """What became of the part. `report` is that of the session; without one, of the prices.

    `spoilt`: what is wrong at the second vendor on purpose, by symbol; `credits`: that vendor's own count of them.
    """

    report: "SessionView | DayReport"
    seconds: float
    code: Exit
    spoilt: Mapping[str, str] = field(default_factory=dict)
    credits: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """For `--json`."""
        ended = {"spoilt": self.spoilt, "credits": self.credits, "exit": self.code.name.lower()}
        return {**self.report.to_dict(), **ended, "seconds": round(self.seconds, 1)}


def checked(found: Settings, day: date, *, spoil: bool, as_json: bool) -> Checked:
    """Fetch the prices of the strategies' symbols, spoil some of the second vendor's, and hold a session on them."""
    from stocks_pipeline.cli.run import Ask, day_outcome, print_failures
    from stocks_pipeline.clock import SystemClock

    clock = SystemClock()
    began = clock.monotonic()
    ask = Ask(day, lookback_days=LOOKBACK_DAYS)
    prices = day_outcome(found, desk.market_named(MARKET), ask, quiet=as_json, triggered_by="stocks demo")
    if prices.code not in {Exit.OK, Exit.PARTIAL}:
        if prices.done and not as_json:
            print_failures(found, prices.done)
        return Checked(prices.report, clock.monotonic() - began, prices.code)
    lake = desk.lake_of(found)
    spoilt = choose(planned(lake, day), paid(lake, day)) if spoil else {}
    if not as_json:
        _announce(found, len(planned(lake, day)), spoilt)
    made = _session(found, day, spoilt, as_json=as_json) or Checked(prices.report, 0.0, Exit.FAILURE)
    return dataclasses.replace(made, seconds=clock.monotonic() - began)


def _session(found: Settings, day: date, spoilt: Mapping[str, str], *, as_json: bool) -> Checked | None:
    """The session while the second vendor is spoilt, told when it is over; None where it could not be opened."""
    from stocks_pipeline.cli.show_validation import SessionView
    from stocks_pipeline.cli.validate import Ask, tell, validated

    before = sandbox_process.credits_of(found)
    faults = [{"name": name, "symbols": [symbol], "endpoint": "time_series"} for symbol, name in spoilt.items()]
    ask = Ask(day, lookback_days=LOOKBACK_DAYS, anew=_another_stands(desk.lake_of(found), day))
    with sandbox_process.spoilt(found, faults):
        outcome = validated(found, ask, quiet=as_json)
    if not as_json:
        tell(found, day, outcome, as_json=False)
    if outcome.place is None:
        return None
    after = sandbox_process.credits_of(found)
    view = SessionView.of(desk.lake_of(found), outcome.place)
    code = view.exit_code() if outcome.whole else Exit.INTERRUPTED
    told = ("per_minute", "minute_s", "worst_minute")
    counted = {name: after[name] for name in told} | {
        name: after[name] - before[name] for name in ("used", "calls", "refused_minute")
    }
    made = Checked(view, 0.0, code, spoilt, counted)
    if not as_json and outcome.whole:
        _tell(made)
    return made


def _another_stands(lake: "Lake", day: date) -> bool:
    """Whether the day has a session that somebody opened about something else: the demo's replaces it."""
    from stocks_pipeline.clock import SystemClock
    from stocks_pipeline.defs.us.session_book import OtherSessionError, SessionBook
    from stocks_pipeline.domain.validation_types import Profile

    book = SessionBook(lake, SessionPlace(MARKET, day), SystemClock())
    try:
        book.standing(planned(lake, day), lookback_days=LOOKBACK_DAYS, profile=Profile.STANDARD)
    except OtherSessionError:
        return True
    return False


def planned(lake: "Lake", day: date) -> Sequence[str]:
    """The symbols of the day."""
    from stocks_pipeline.defs.listing import stored_plan

    plan = stored_plan(lake, MARKET, day)
    return plan.symbols if plan else ()


def paid(lake: "Lake", day: date) -> list[str]:
    """Symbols whose dividend of late is too large to pass unseen, the dearest first: their bars repeat least."""
    import pyarrow.compute as pc

    from stocks_pipeline.storage import layout
    from stocks_pipeline.storage.tables import read_table

    recent = pc.field("session") > day - PAID_WITHIN
    seen = pc.field("dividend") > pc.field("close") * SEEN
    tables = [read_table(lake, key).filter(recent & seen) for key in lake.list(layout.raw_prefix(MARKET, day))]
    rows = [row for table in tables for row in table.select(["close", "symbol"]).to_pylist()]
    return [row["symbol"] for row in sorted(rows, key=lambda row: (-row["close"], row["symbol"]))]


def choose(symbols: Sequence[str], payers: Sequence[str]) -> dict[str, str]:
    """Which symbol is spoilt in which way: spread over the list, so that most batches have one."""
    chosen = dict.fromkeys(payers[:1], "dividend_basis")
    free = [symbol for symbol in symbols if symbol not in chosen]
    others = [name for name in SPOILT if name != "dividend_basis"]
    step = max(1, len(free) // len(others))
    return chosen | dict(zip(free[step // 2 :: step], others, strict=False))


def _announce(found: Settings, count: int, spoilt: Mapping[str, str]) -> None:
    """What will be seen, and that the clock is not a real one."""
    from stocks_pipeline.domain.plans import plan_named

    plan, minute_s = plan_named(found.second_vendor.plan), found.second_vendor.minute_s
    say(
        f"\nA second vendor, Twelve Data as the sandbox plays it, is asked about the same {count} symbols.",
        style="bold",
    )
    wait = (plan.windows(count) - 1) * minute_s
    say(
        f"Its plan {plan.name} allows {plan.credits_per_minute} credits a minute, one a symbol. A minute lasts "
        f"{minute_s:.0f} s here (STOCKS_CREDIT_MINUTE), so this takes {wait:.0f} s where the real vendor takes "
        f"{plan.floor_s(count) / 60:.0f} min."
    )
    if spoilt:
        say(f"{len(spoilt)} symbols are wrong there on purpose; the session does not know which.")


def _tell(made: Checked) -> None:
    """What was spoilt beside what was found, and whether the limit was kept."""
    from stocks_pipeline.cli.show_validation import SessionView, row_of

    counted = made.credits
    if isinstance(made.report, SessionView) and made.spoilt:
        found = {result.symbol: row_of(result) for result in made.report.results}
        rows = [
            {
                "symbol": symbol,
                "wrong on purpose": SPOILT[name],
                "verdict": found[symbol]["status"] if symbol in found else None,
                "likely cause": found[symbol]["cause"] if symbol in found else None,
            }
            for symbol, name in made.spoilt.items()
        ]
        say("")
        print_table("What was wrong on purpose, and what was made of it", rows)
    say(
        f"Credits by the vendor's own count: {counted['used']} in {counted['calls']} calls, at most "
        f"{counted['worst_minute']} in one of its minutes ({counted['per_minute']} allowed), "
        f"{counted['refused_minute']} calls refused. On a second run, what has a verdict is not asked again."
    )
    say(
        "Where to look: us/validation_results and us/validation_summary with their checks in the UI, "
        "validation_sessions and validation_results in SQL."
    )

"""`stocks demo`: the first minute of a newcomer, offline.

What belongs here: which parts run, on which day, and what to try next. What does not: running a day (run.py) or a
morning (run_morning.py), the part that checks (demo_validation.py), what a recording holds (demo_recording.py), the
servers (dev.py).
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from stocks_pipeline.cli import desk, sandbox_process
from stocks_pipeline.cli.demo_recording import RECENT, notes, recorded
from stocks_pipeline.cli.output import Exit, fail, print_json, print_next, print_table, say
from stocks_pipeline.settings import Settings

if TYPE_CHECKING:
    from stocks_pipeline.cli.run import DayOutcome
    from stocks_pipeline.cli.run_morning import MorningOutcome

LATENCY_MS = 100
"""What one call to the demo's sandbox takes on average, as a real vendor's would."""
MINUTE_S = 2.0
"""A minute of the second vendor's in the demo's sandbox, in seconds: its credits come back thirty times as fast."""
SLACK = 1.05
REAL_MINUTE_S = 60.0
PACE = (
    *("--latency-ms", str(LATENCY_MS), "--news-latency", "0.2-0.5", "--chat-latency", "0.5-1.0"),
    *("--credit-minute-s", str(MINUTE_S)),
)
"""The model and the news feed are a tenth as slow as real ones: a demo shows what happens, not how long it takes."""
PARTS = {"asx": "One ASX day", "dr": "one morning of reports", "us": "one check of US prices by a second vendor"}
DEMO = "stocks demo"


class Made(Protocol):
    """What became of one part."""

    @property
    def code(self) -> Exit: ...

    @property
    def seconds(self) -> float: ...

    @property
    def report(self) -> Any: ...  # says a headline()

    def to_dict(self) -> dict[str, Any]: ...


def demo_settings(replay: str | None) -> Settings:
    """The demo's desk: sandbox only, and a replayed market in a home of its own so that worlds never mix."""
    found = desk.settings()
    if found.upstream == "live":
        fail("STOCKS_UPSTREAM: the demo runs offline; unset it, or use `stocks run asx` for live data", Exit.USAGE)
    if replay is None:
        return found
    if not list(Path(replay).glob("*.parquet")):
        fail(f"--replay: {replay!r} holds no .parquet files; see the README for the columns", Exit.USAGE)
    home = found.home.parent / "replay" if found.home.name == "sandbox" else found.home
    return dataclasses.replace(
        found, home=home, dagster_home=home / "dagster", lake=str(home / "lake"), control_db=home / "control.db"
    )


def run_demo(day_text: str | None, replay: str | None, only: str | None, *, as_json: bool) -> Exit:
    """An ASX day, a morning of reports and a validation session through Dagster, then a table and things to try."""
    if only not in {None, *PARTS}:
        fail(f"--only: {only!r}; valid: {', '.join(PARTS)}", Exit.USAGE)
    usual, found = desk.settings().home, demo_settings(replay)
    days = _days(day_text, [part for part in PARTS if only in {None, part}])
    if not as_json:
        world = "replayed real data" if replay else "a simulated market"
        say(f"{_and([PARTS[part] for part in days])}, {max(days.values())}, from {world}, in {found.home}")
    with sandbox_process.running(found, replay=replay, today=max(days.values()), more=PACE):
        skipped = {part: why for part, day in days.items() if (why := _why_not(found, replay, part, day))}
        wanted = {part: day for part, day in days.items() if part not in skipped}
        parts = dict(_made(found, wanted, replay, as_json=as_json))
        told = notes(found, parts) if replay else []
    if as_json:
        print_json({**{name: made.to_dict() for name, made in parts.items()}, "skipped": skipped, "recording": told})
        return _ended(parts)
    for part, why in skipped.items():
        say(f"{part.upper()} is skipped: {why}", style="yellow")
    if parts and _goes_on(parts):
        say("")
        print_table("The demo", [_row(name, made) for name, made in parts.items()], note="\n".join(told) or None)
        home = "" if found.home == usual else f"STOCKS_HOME={found.home} "
        print_next(_things_to_try(home, parts, days, replay))
    return _ended(parts)


def on_the_sandboxs_clock(found: Settings) -> Settings:
    """The same desk with the minute of the sandbox that answers: its credits come back no sooner than that.

    A call that is a tenth of a second late or early matters thirty times as much in a scaled minute, so ours is longer.
    """
    if found.upstream == "live":
        return found
    minute_s = float(sandbox_process.credits_of(found)["minute_s"])
    minute_s *= SLACK if minute_s < REAL_MINUTE_S else 1
    return dataclasses.replace(found, second_vendor=dataclasses.replace(found.second_vendor, minute_s=minute_s))


def _made(
    found: Settings, days: Mapping[str, date], replay: str | None, *, as_json: bool
) -> Iterator[tuple[str, Made]]:
    """The parts one after the other, each told when it is over; none after a Ctrl-C."""
    from stocks_pipeline.cli.demo_validation import checked

    for part, day in days.items():
        made: Made
        if part == "us":
            recorded = replay is not None and any(Path(replay).glob("twelve_data_*.parquet"))
            made = checked(on_the_sandboxs_clock(found), day, spoil=not recorded, as_json=as_json)
        else:
            made = (_asx if part == "asx" else _dr)(found, day, as_json=as_json)
        yield part, made
        if made.code is Exit.INTERRUPTED:
            return


def _days(text: str | None, wanted: Sequence[str]) -> dict[str, date]:
    """The day of each part: that of the first, so that the sandbox has one date; New York may close later."""
    from stocks_pipeline.cli.mornings import morning_named

    first = morning_named(text) if wanted[0] == "dr" else desk.session_named(text, desk.market_named(wanted[0]))
    us = desk.market_named("us")
    meant = {"asx": first, "dr": first, "us": desk.newest_session(us, first)}
    return {part: meant[part] for part in wanted}


def _why_not(found: Settings, replay: str | None, part: str, day: date) -> str | None:
    """Why a part cannot be run here; None where it can."""
    if part == "dr":
        return why_no_morning(found, replay, day)
    if part == "us":
        return why_no_check(found, replay, day)
    return None


def _asx(found: Settings, day: date, *, as_json: bool) -> "DayOutcome":
    from stocks_pipeline.cli.run import Ask, day_outcome, tell_day

    outcome = day_outcome(found, desk.market_named("asx"), Ask(day), quiet=as_json, triggered_by=DEMO)
    if not as_json:
        tell_day(found, outcome, as_json=False, steps=False)
    return outcome


def _dr(found: Settings, day: date, *, as_json: bool) -> "MorningOutcome":
    from stocks_pipeline.cli.mornings import MorningAsk
    from stocks_pipeline.cli.run_morning import morning_outcome, tell

    outcome = morning_outcome(found, MorningAsk(day), quiet=as_json, triggered_by=DEMO)
    if not as_json:
        tell(found, outcome, as_json=False, steps=False)
    return outcome


def why_no_morning(found: Settings, replay: str | None, day: date) -> str | None:
    """Why the recording holds nothing for the morning; None where it does, and in the simulated market."""
    from stocks_pipeline.cli.mornings import followed

    if replay is None or recorded(replay, [ticker.yahoo for ticker in followed(found) if ticker.active], day):
        return None
    return f"{replay} holds no bars of the receipts in the {RECENT.days} days before {day}"


def why_no_check(found: Settings, replay: str | None, day: date) -> str | None:
    """Why there is no check by the second vendor: nothing recorded, or a sandbox whose minutes are real ones."""
    from stocks_pipeline.upstream.strategy_files import StrategyFiles

    minute_s = on_the_sandboxs_clock(found).second_vendor.minute_s
    if minute_s > MINUTE_S * SLACK:
        commands = f"stocks run us --date {day} ; stocks validate --date {day}"
        return (
            f"the sandbox at {found.sandbox_url} was there before and its minute lasts {minute_s:.0f} s. "
            f"End it and try again, or take the time: {commands}"
        )
    if replay is None:
        return None
    symbols = [company.code for company in StrategyFiles(found.strategies).fetch().listing.companies]
    if recorded(replay, symbols, day + timedelta(days=1)):
        return None
    return f"{replay} holds no bars of the strategies' symbols in the {RECENT.days} days up to {day}"


def _and(texts: Sequence[str]) -> str:
    return f"{', '.join(texts[:-1])} and {texts[-1]}" if len(texts) > 1 else texts[0]


def _goes_on(parts: Mapping[str, Made]) -> bool:
    return all(made.code is not Exit.INTERRUPTED for made in parts.values())


def _ended(parts: Mapping[str, Made]) -> Exit:
    """A demo that shows failed symbols truthfully has worked; only one of which nothing is there has failed."""
    codes = [made.code for made in parts.values()]
    if Exit.INTERRUPTED in codes:
        return Exit.INTERRUPTED
    return Exit.OK if {Exit.OK, Exit.PARTIAL} & set(codes) else Exit.FAILURE


def _row(name: str, made: Made) -> dict[str, object]:
    return {"part": name, "came to": made.report.headline(), "seconds": round(made.seconds, 1)}


def _things_to_try(
    home: str, parts: Mapping[str, Made], days: Mapping[str, date], replay: str | None
) -> list[tuple[str, str]]:
    from stocks_pipeline.cli.run_morning import MorningOutcome, example

    morning = parts.get("dr")
    name = example(morning.report) if isinstance(morning, MorningOutcome) else None
    stocks = f"{home}.venv/bin/stocks"
    steps = [("see it in the Dagster UI", f"make dev{f' REPLAY={replay}' if replay else ''}")]
    steps += [("read a report", f"{stocks} report {name}")] if name else []
    if "us" in parts:
        steps += [("see who differs, and why", f"{stocks} validation results --date {days['us']}")]
    steps += [("ask the data", f'{stocks} sql "{_query(days["asx"])}"')] if "asx" in parts else []
    return [*steps, ("break it on purpose, then heal it", "see “When something fails” in README.md")]


def _query(day: date) -> str:
    """The day's most traded companies: a query to copy, printed and not run."""
    turnover = "close * volume DESC"
    return f"SELECT symbol, close FROM daily_prices WHERE session = '{day}' ORDER BY {turnover} LIMIT 10"  # noqa: S608

"""`stocks retry`: exactly the failed and missing partitions of one day, then the merge again.

What belongs here: choosing what to retry, and saying what became of it. What does not: running stages (foreground.py).

One run over the span from the first to the last bad batch, narrowed to the bad ones by the run config `batches`. A
run without that would also ask again for symbols of good batches, and one run a batch would cost two seconds each. The
good batches in the span keep their colour: a run that succeeds leaves them alone, one that fails logs them again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from stocks_pipeline.cli.cooling import wait_for
from stocks_pipeline.cli.desk import open_instance, session_named
from stocks_pipeline.cli.output import Exit, fail, print_json, print_next, say
from stocks_pipeline.cli.run import foreground, print_failures, stages_of, usable_lake
from stocks_pipeline.wording import counted

if TYPE_CHECKING:
    import dagster as dg

    from stocks_pipeline.cli.day_report import DayReport
    from stocks_pipeline.cli.foreground import DayResult, Foreground
    from stocks_pipeline.defs.market import Market
    from stocks_pipeline.settings import Settings

DAYS_NAMED = 5


@dataclass(frozen=True)
class Chosen:
    """The batches of one day that a retry is about, by why."""

    failed: tuple[int, ...]
    missing: tuple[int, ...]
    pending: tuple[int, ...] = ()
    """Stored, but another call may bring more of their symbols; only with `--pending`."""
    lacking: tuple[int, ...] = ()
    """With symbols that were answered without the session's bar, good ones or not; only with `--pending`."""

    @property
    def bad(self) -> list[int]:
        """Those that a retry is to heal, in order. A bar that does not come although it is asked for is no failure."""
        return sorted({*self.failed, *self.missing, *self.pending})

    @property
    def batches(self) -> list[int]:
        """All of them, in order."""
        return sorted({*self.bad, *self.lacking})


def asset_named(name: str) -> "Market":
    """The market whose prices are to be retried, or a usage error listing what can be."""
    from stocks_pipeline.cli.retry_morning import ASSETS
    from stocks_pipeline.definitions import MARKETS

    valid = {f"{market.name}/raw_prices": market for market in MARKETS.values()}
    if name not in valid:
        fail(
            f"ASSET: {name!r} cannot be retried; valid: {', '.join([*sorted(valid), *ASSETS])}. "
            "The other stages are one partition a day: `stocks run asx --date D` does what is missing of them",
            Exit.USAGE,
        )
    return valid[name]


def retry_day(found: "Settings", market: "Market", day: date | None, *, pending: bool, as_json: bool) -> Exit:
    """Retry the bad batches of the day, or of the newest that was split, merge again, print what was healed; nothing to
    retry is well.
    """
    from stocks_pipeline.cli.day_report import day_report
    from stocks_pipeline.defs.operations.dead_runs import reap

    with open_instance(found) as instance:
        lake = usable_lake(found)
        day = _split_day(instance, market, day)
        reap(instance)
        before = day_report(instance, market, lake, day)
        chosen = choose_batches(instance, market, before, pending=pending)
        if not chosen.batches:
            return _nothing(before, pending=pending, as_json=as_json)
        wait_for(found, "yahoo", found.yahoo_rate, quiet=as_json)
        expect = {"raw_prices": len(chosen.batches)}
        with foreground(instance, market, "stocks retry", quiet=as_json, expect=expect) as desk:
            done = run_again(desk, day, chosen, lookback_days=lookback_of(before, chosen.batches))
        after = day_report(instance, market, lake, day)
        left = choose_batches(instance, market, after, pending=pending).bad
    healed = [n for n in chosen.bad if n not in left]
    code = exit_code(done, chosen.bad, left)
    print_failures(found, done)
    if as_json:
        counts = {"asked": chosen.batches, "healed": healed, "left": [n for n in left if n in chosen.batches]}
        print_json({**counts, "day": after.to_dict(), "stages": stages_of(done), "exit": code.name.lower()})
    else:
        say(_sentence(market, day, chosen, healed))
        if chosen.lacking:
            say(_bars_sentence(before, after))
        say(after.headline(), style="bold")
        if steps := after.next_steps():
            print_next(steps, title="What to do")
    return code


def choose_batches(instance: "dg.DagsterInstance", market: "Market", report: "DayReport", *, pending: bool) -> Chosen:
    """Red batches, and those that were never fetched or whose file is gone from the lake."""
    from stocks_pipeline.defs.operations.standing import left_behind
    from stocks_pipeline.partitions import parse_batch_key

    behind = {parse_batch_key(k)[1]: state for k, state in left_behind(instance, market, [report.date]).items()}
    planned = range(report.batches or 0)  # the lake's plan decides which batches there are
    running = set(report.batches_running)
    failed = tuple(n for n in planned if behind.get(n) == "failed")
    gone = tuple(
        n
        for n in planned
        if n not in failed and n not in running and (behind.get(n) == "missing" or n in report.batches_missing)
    )
    if not pending:
        return Chosen(failed, gone)
    waiting, lacking = (
        tuple(n for n in numbers if n not in running) for numbers in (report.batches_pending, report.batches_lacking)
    )
    return Chosen(failed, gone, waiting, lacking)


def lookback_of(report: "DayReport", batches: Sequence[int]) -> int | None:
    """The lookback of what is stored, so that a retry asks for no settled symbol again; None: the default.

    The shortest among the batches themselves, for batches without a file the longest of the day.
    """
    own = [report.lookbacks[n] for n in batches if n in report.lookbacks]
    return min(own) if own else max(report.lookbacks.values(), default=None)


def run_again(desk: "Foreground", day: date, chosen: Chosen, *, lookback_days: int | None) -> "DayResult":
    """One run for the batches, one for the merge."""
    from stocks_pipeline.cli.foreground import DayResult
    from stocks_pipeline.defs.chain import batch_range_tags, prices_config

    batches, lacking = chosen.batches, bool(chosen.lacking)
    config = prices_config(desk.market.name, batches=batches, lookback_days=lookback_days, lacking=lacking)
    done = DayResult(day)
    done.stages.append(desk.stage("prices", batch_range_tags(day, batches), config))
    done.stages.append(desk.stage("daily_prices", {"dagster/partition": day.isoformat()}))
    return done


def exit_code(done: "DayResult", bad: Sequence[int], left: Sequence[int]) -> Exit:
    """Failure when nothing of what was bad was healed or the day has no table, partial when something is left."""
    daily = done.stage("daily_prices")
    if daily is None or not daily.success or (bad and set(bad) <= set(left)):
        return Exit.FAILURE
    return Exit.PARTIAL if left else Exit.OK


def _split_day(instance: "dg.DagsterInstance", market: "Market", day: date | None) -> date:
    from stocks_pipeline.defs.operations.standing import split_days

    days = split_days(instance, market)
    day = day or (date.fromisoformat(days[-1]) if days else session_named(None, market))
    if day.isoformat() not in days:
        known = ", ".join(reversed(days[-DAYS_NAMED:])) or "none yet"
        fail(
            f"--date: {day} was never split into batches; newest days that were: {known}. "
            f"Fetch it with: stocks run {market.name} --date {day}",
            Exit.USAGE,
        )
    return day


def _nothing(report: "DayReport", *, pending: bool, as_json: bool) -> Exit:
    if as_json:
        print_json({"asked": [], "healed": [], "left": [], "day": report.to_dict(), "stages": [], "exit": "ok"})
        return Exit.OK
    what = "is failed or missing, has symbols that may come or lacks a bar" if pending else "is failed or missing"
    say(f"Nothing to retry: no batch of {report.market.upper()} {report.date} {what}.")
    say(report.headline(), style="bold")
    if steps := report.next_steps():
        print_next(steps, title="What to do")
    return Exit.OK


def _sentence(market: "Market", day: date, chosen: Chosen, healed: Sequence[int]) -> str:
    kinds = {"failed": chosen.failed, "missing": chosen.missing, "pending": chosen.pending}
    parts = [counted(len(numbers), f"{word} batch") for word, numbers in kinds.items() if numbers]
    if short := set(chosen.lacking).difference(chosen.bad):
        parts.append(f"{counted(len(short), 'batch')} that {'lacks' if len(short) == 1 else 'lack'} bars")
    what = ", ".join(parts)
    left = [n for n in chosen.bad if n not in healed]
    names = f"; healed: {', '.join(map(str, healed)) or 'none'}" if chosen.bad else ""
    rest = f"; still bad: {', '.join(map(str, left))}" if left else ""
    return f"{market.key('raw_prices').to_user_string()} {day}: retried {what}{names}{rest}."


def _bars_sentence(before: "DayReport", after: "DayReport") -> str:
    """What became of the symbols that lacked the session's bar."""
    came = before.symbols_lacking - after.symbols_lacking
    rest = after.symbols_lacking
    told = f"{counted(rest, 'symbol')} still {'lacks' if rest == 1 else 'lack'} one: not traded, or the vendor has none"
    return f"{counted(came, 'bar')} of {before.date} came{f'; {told}' if rest else ''}."

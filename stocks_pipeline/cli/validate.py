"""`stocks validate` and `stocks validation retry`: a session in the foreground, with progress.

What belongs here: from arguments to the three stages, progress, and the exit code. What does not: the stages
(defs/us/validation.py) and how a session is shown (show_validation.py).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from stocks_pipeline.cli import desk
from stocks_pipeline.cli.output import Exit, complain, errors, fail, print_json, say

if TYPE_CHECKING:
    import dagster as dg

    from stocks_pipeline.cli.foreground import StageResult, Stages
    from stocks_pipeline.domain.validation_session import Session
    from stocks_pipeline.settings import Settings
    from stocks_pipeline.storage.lake import Lake

MARKET = "us"
TRIGGERED_BY = "stocks validate"


@dataclass(frozen=True)
class Ask:
    """What a person asked of one session."""

    day: date
    symbols: tuple[str, ...] = ()
    lookback_days: int = 5
    profile: str = "standard"
    anew: bool = False

    def config(self) -> dict[str, Any]:
        """The run config of the session."""
        fields = {"lookback_days": self.lookback_days, "profile": self.profile, "anew": self.anew}
        return {"ops": {"us__validation_batches": {"config": {**fields, "symbols": list(self.symbols)}}}}


@dataclass
class Outcome:
    """What became of it."""

    stages: list["StageResult"] = field(default_factory=list)
    session: "Session | None" = None
    whole: bool = False
    """False after Ctrl-C."""


def asked(symbols: Sequence[str] | None, day: str | None, lookback_days: int, profile: str, *, anew: bool) -> Ask:
    """The arguments, checked."""
    if profile not in {"standard", "strict"}:
        fail(f"--profile: {profile!r} is none; valid: standard, strict", Exit.USAGE)
    names = tuple(part.upper() for text in symbols or () for part in text.replace(",", " ").split())
    return Ask(day_named(day), names, lookback_days, profile, anew)


def day_named(text: str | None) -> date:
    """The session that `--date` means; without one, the newest that has closed in New York."""
    return desk.session_named(text, desk.market_named(MARKET))


def run_validation(ask: Ask, as_json: bool) -> Exit:  # noqa: FBT001 - the caller's one flag
    """Open the session, check its batches, sum it up, print what it came to."""
    found = desk.settings()
    return tell(found, ask.day, validated(found, ask, quiet=as_json), as_json=as_json)


def validated(found: "Settings", ask: Ask, *, quiet: bool) -> Outcome:
    """Open the session, check its batches, sum it up; a failure or Ctrl-C is an outcome, not an exception."""
    _refuse_early(desk.lake_of(found), ask)
    outcome = Outcome()
    with desk.open_instance(found) as instance, suppress(KeyboardInterrupt), _stages(instance, quiet) as stages:
        outcome.stages.append(stages.stage("validation_session", {"dagster/partition": str(ask.day)}, ask.config()))
        if outcome.stages[-1].success:
            outcome.session = session_of(desk.lake_of(found), ask.day)
            if not quiet:
                _announce(outcome.session)
            _check(stages, ask.day, range(outcome.session.total_batches), outcome)
        outcome.whole = True
    return outcome


def retry_validation(day_text: str | None, *, as_json: bool) -> Exit:
    """Try again what is open of the day's session."""
    found, day = desk.settings(), day_named(day_text)
    lake = desk.lake_of(found)
    session = session_of(lake, day)
    numbers = open_batches(lake, day, session)
    outcome = Outcome(session=session)
    if not numbers:
        if not as_json:
            say(f"Nothing to retry: no batch of {day} failed or waits.")
        outcome.whole = True
        return tell(found, day, outcome, as_json=as_json)
    symbols = sum(len(b.symbols) for b in session.batches if b.batch_number in numbers)
    with (
        desk.open_instance(found) as instance,
        suppress(KeyboardInterrupt),
        _stages(instance, as_json, (len(numbers), symbols)) as stages,
    ):
        _check(stages, day, numbers, outcome)
        outcome.whole = True
    return tell(found, day, outcome, as_json=as_json)


def session_of(lake: "Lake", day: date) -> "Session":
    """The day's session, or the end of the command."""
    from stocks_pipeline.clock import SystemClock
    from stocks_pipeline.defs.us.session_book import SessionBook

    session = SessionBook(lake, MARKET, day, SystemClock()).get()
    if session is None:
        fail(f"--date: {day} has no validation session; open one with: stocks validate --date {day}", Exit.USAGE)
    return session


def open_batches(lake: "Lake", day: date, session: "Session") -> list[int]:
    """Those that failed or wait, those a dead run left, and those with symbols that were put off."""
    from stocks_pipeline.defs.us.checking import stored_results
    from stocks_pipeline.domain.validation_session import State
    from stocks_pipeline.domain.validation_types import Status

    results = stored_results(lake, MARKET, day, session)
    return [
        batch.batch_number
        for batch in session.batches
        if batch.status is not State.COMPLETED
        or any(result.status is Status.DEFERRED for result in results.get(batch.batch_number, ()))
    ]


def _check(stages: "Stages", day: date, numbers: Sequence[int], outcome: Outcome) -> None:
    """The results of these batches, then the sum."""
    from stocks_pipeline.defs.chain import batch_range_tags, gapless

    for run in gapless(list(numbers)):
        outcome.stages.append(stages.stage("validation_results", batch_range_tags(day, run)))
    outcome.stages.append(stages.stage("validation_summary", {"dagster/partition": str(day)}))


def _refuse_early(lake: "Lake", ask: Ask) -> None:
    """What is wrong with the question, before anything is recorded.

    Raises:
        SelectionError: a symbol that the day does not have.
    """
    from stocks_pipeline.clock import SystemClock
    from stocks_pipeline.defs.listing import stored_plan
    from stocks_pipeline.defs.selection import choose
    from stocks_pipeline.defs.us.session_book import OtherSessionError, SessionBook
    from stocks_pipeline.domain.validation_types import Profile

    plan = stored_plan(lake, MARKET, ask.day)
    if plan is None:
        fail(f"{ask.day} has no us prices yet; fetch them with: stocks run us --date {ask.day}", Exit.FAILURE)
    chosen, profile = choose(plan.symbols, None, ask.symbols), Profile(ask.profile)
    if not ask.anew:
        book = SessionBook(lake, MARKET, ask.day, SystemClock())
        try:
            book.standing(chosen, lookback_days=ask.lookback_days, profile=profile)
        except OtherSessionError as error:
            fail(str(error), Exit.USAGE)


def _announce(session: "Session") -> None:
    """The seed's five keys, as a person reads them and as a program finds them."""
    say("  ".join(f"{name}={value}" for name, value in session.trigger_response().items()))


@contextmanager
def _stages(
    instance: "dg.DagsterInstance",
    quiet: bool,  # noqa: FBT001 - whether anything is shown
    expect: tuple[int, int] | None = None,
) -> Iterator["Stages"]:
    """What runs the stages; `expect`: batches and symbols, where no session will be opened to tell."""
    from stocks_pipeline.cli.foreground import Stages
    from stocks_pipeline.cli.mornings import Mornings
    from stocks_pipeline.cli.validation_progress import watching
    from stocks_pipeline.clock import SystemClock
    from stocks_pipeline.definitions import defs
    from stocks_pipeline.defs.operations.dead_runs import reap

    reap(instance)
    repository = defs().get_repository_def()
    with watching(errors, quiet=quiet) as watch:
        if expect:
            watch.expect(*expect)
        yield Stages(instance, repository, Mornings(MARKET), SystemClock(), TRIGGERED_BY, watch)


def tell(found: "Settings", day: date, outcome: Outcome, *, as_json: bool) -> Exit:
    """Failures on standard error, then one document or the table; the exit code."""
    from stocks_pipeline.cli.foreground import DayResult
    from stocks_pipeline.cli.run import print_failures, stages_of
    from stocks_pipeline.cli.show_validation import SessionView

    print_failures(found, DayResult(day, outcome.stages))
    if outcome.session is None:
        return Exit.FAILURE
    view = SessionView.of(desk.lake_of(found), day)
    code = view.exit_code() if outcome.whole else Exit.INTERRUPTED
    if as_json:
        stages = stages_of(DayResult(day, outcome.stages))
        print_json(
            {
                "trigger": outcome.session.trigger_response(),
                **view.to_dict(),
                "stages": stages,
                "exit": code.name.lower(),
            }
        )
        return code
    if not outcome.whole:
        complain("interrupted. The verdicts that are stored stay; the same command goes on from there")
    view.show()
    return code

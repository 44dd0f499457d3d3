"""`stocks validate` and `stocks validation retry`: a session in the foreground, with progress.

What belongs here: from arguments to the stages, progress, and the exit code. What does not: the stages
(defs/us/validation.py, adhoc.py), which session is meant (validation_choice.py), what is refused before
(validation_refusals.py) and how one is shown (show_validation.py).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from stocks_pipeline.cli import desk
from stocks_pipeline.cli.output import Exit, complain, errors, fail, print_json, refuse_choice, say, say_above
from stocks_pipeline.cli.validation_choice import MARKET, chosen, session_at, session_day
from stocks_pipeline.cli.validation_refusals import refuse_question, refuse_settings, refuse_spent_day
from stocks_pipeline.storage.validation_keys import SessionPlace

if TYPE_CHECKING:
    import dagster as dg

    from stocks_pipeline.cli.foreground import StageResult, Stages
    from stocks_pipeline.cli.validation_progress import Watcher
    from stocks_pipeline.domain.validation_session import Session
    from stocks_pipeline.settings import Settings
    from stocks_pipeline.storage.lake import Lake

TRIGGERED_BY = "stocks validate"
PROFILES = ("standard", "strict")


@dataclass(frozen=True)
class Ask:
    """What a person asked of one session. `beside`: a session of its own, which is not the day's."""

    day: date
    symbols: tuple[str, ...] = ()
    lookback_days: int = 5
    profile: str = "standard"
    anew: bool = False
    beside: bool = False

    def config(self) -> dict[str, Any]:
        """The run config of the session."""
        fields: dict[str, Any] = {"lookback_days": self.lookback_days, "profile": self.profile}
        if self.beside:
            return _config("validation_adhoc", {**fields, "symbols": list(self.symbols), "date": str(self.day)})
        return _config("validation_batches", {**fields, "anew": self.anew})


@dataclass
class Outcome:
    """What became of it."""

    stages: list["StageResult"] = field(default_factory=list)
    place: SessionPlace | None = None
    whole: bool = False
    """False after Ctrl-C."""


def asked(  # noqa: PLR0913 - the command's arguments, one each
    symbols: Sequence[str] | None, day: str | None, lookback_days: int, profile: str, *, anew: bool, beside: bool
) -> Ask:
    """The arguments, checked. Given symbols make a session beside the day's own."""
    if profile not in PROFILES:
        refuse_choice("--profile", profile, PROFILES)
    names = tuple(part.upper() for text in symbols or () for part in text.replace(",", " ").split())
    if symbols and not names:
        fail("SYMBOL: given, but empty; leave it out for every symbol of the day", Exit.USAGE)
    if anew and (names or beside):
        fail("--anew replaces the day's own session, of every symbol; one beside it is new every time", Exit.USAGE)
    return Ask(session_day(day), names, lookback_days, profile, anew, beside or bool(names))


def run_validation(ask: Ask, as_json: bool) -> Exit:  # noqa: FBT001 - the caller's one flag
    """Open the session, check its batches, sum it up, print what it came to."""
    found = desk.settings()
    return tell(found, ask.day, validated(found, ask, quiet=as_json), as_json=as_json)


def validated(found: "Settings", ask: Ask, *, quiet: bool) -> Outcome:
    """Open the session, check its batches, sum it up; a failure or Ctrl-C is an outcome, not an exception."""
    lake = desk.begun_lake(found, MARKET)
    refuse_question(lake, ask)
    refuse_settings(lake, SessionPlace(MARKET, ask.day))
    refuse_spent_day(lake, ask)
    outcome = Outcome()
    with desk.open_instance(found) as instance, _stages(instance, lake, ask.day, quiet) as (stages, watch):
        with suppress(KeyboardInterrupt):
            if ask.beside:
                outcome.stages.append(stages.stage("validation_adhoc", {}, ask.config()))
            else:
                _days_own(stages, lake, ask, outcome, quiet=quiet)
            outcome.whole = True
        if ask.beside and watch.session_id:
            outcome.place = SessionPlace(MARKET, ask.day, watch.session_id)
    return outcome


def _days_own(stages: "Stages", lake: "Lake", ask: Ask, outcome: Outcome, *, quiet: bool) -> None:
    place = SessionPlace(MARKET, ask.day)
    outcome.stages.append(stages.stage("validation_session", {"dagster/partition": str(ask.day)}, ask.config()))
    if outcome.stages[-1].success:
        outcome.place, session = place, session_at(lake, place)
        if not quiet:
            _announce(session)
        _check(stages, ask.day, range(session.total_batches), outcome)


def retry_validation(day_text: str | None, session_text: str | None, *, as_json: bool) -> Exit:
    """Try again what is open of a session: the day's own, or the one of that id."""
    from stocks_pipeline.defs.us.checking import open_batches

    found = desk.settings()
    lake = desk.begun_lake(found, MARKET)
    place = chosen(lake, day_text, session_text)
    session = session_at(lake, place)
    numbers = open_batches(lake, place, session)
    outcome = Outcome(place=place)
    if not numbers:
        if not as_json:
            say(f"Nothing to retry: every symbol of {session.session_id} was checked.")
        outcome.whole = True
        return tell(found, place.day, outcome, as_json=as_json)
    refuse_settings(lake, place)
    symbols = sum(len(b.symbols) for b in session.batches if b.batch_number in numbers)
    with (
        desk.open_instance(found) as instance,
        suppress(KeyboardInterrupt),
        _stages(instance, lake, place.day, as_json) as (stages, watch),
    ):
        watch.place = place
        watch.expect(len(numbers), symbols)
        if place.adhoc:
            config = _config("validation_adhoc", {"date": str(place.day), "session": place.adhoc})
            outcome.stages.append(stages.stage("validation_adhoc", {}, config))
        else:
            _check(stages, place.day, numbers, outcome)
        outcome.whole = True
    return tell(found, place.day, outcome, as_json=as_json)


def _config(asset: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {"ops": {f"us__{asset}": {"config": fields}}}


def _check(stages: "Stages", day: date, numbers: Sequence[int], outcome: Outcome) -> None:
    """The results of these batches of the day's own session, then the sum."""
    from stocks_pipeline.defs.chain import batch_range_tags, gapless

    for run in gapless(list(numbers)):
        outcome.stages.append(stages.stage("validation_results", batch_range_tags(day, run)))
    outcome.stages.append(stages.stage("validation_summary", {"dagster/partition": str(day)}))


def _announce(session: "Session") -> None:
    """The seed's five keys, as a person reads them and as a program finds them."""
    say_above("  ".join(f"{name}={value}" for name, value in session.trigger_response().items()))


@contextmanager
def _stages(
    instance: "dg.DagsterInstance",
    lake: "Lake",
    day: date,
    quiet: bool,  # noqa: FBT001 - whether anything is shown
) -> Iterator[tuple["Stages", "Watcher"]]:
    """What runs the stages, and what watches them; dead runs and their sessions are ended first."""
    from stocks_pipeline.cli.foreground import Stages
    from stocks_pipeline.cli.mornings import Mornings
    from stocks_pipeline.cli.validation_progress import watching
    from stocks_pipeline.clock import SystemClock
    from stocks_pipeline.definitions import defs
    from stocks_pipeline.defs.chain import MEMORY_S
    from stocks_pipeline.defs.operations.dead_runs import reap
    from stocks_pipeline.defs.us.at_work import FOLLOWS
    from stocks_pipeline.defs.us.reaping import reap_sessions

    clock = SystemClock()
    reap(instance)
    reap_sessions(instance, lake, clock, clock.time() - MEMORY_S)
    repository = defs().get_repository_def()
    with watching(errors, lake, day, quiet=quiet) as watch:

        def seen(entry: "dg.EventLogEntry") -> None:
            if FOLLOWS in entry.user_message:
                complain(entry.user_message)
            watch(entry)

        yield Stages(instance, repository, Mornings(MARKET), clock, TRIGGERED_BY, seen), watch


def tell(found: "Settings", day: date, outcome: Outcome, *, as_json: bool) -> Exit:
    """Failures on standard error, then one document or the table; the exit code."""
    from stocks_pipeline.cli.foreground import DayResult
    from stocks_pipeline.cli.run import print_failures, stages_of
    from stocks_pipeline.cli.show_validation import SessionView

    done = DayResult(day, outcome.stages)
    print_failures(found, done)
    if outcome.place is None:
        return Exit.FAILURE
    lake = desk.lake_of(found)
    view = SessionView.of(lake, outcome.place)
    code = view.exit_code() if outcome.whole else Exit.INTERRUPTED
    if as_json:
        trigger = session_at(lake, outcome.place).trigger_response()
        print_json({"trigger": trigger, **view.to_dict(), "stages": stages_of(done), "exit": code.name.lower()})
        return code
    if not outcome.whole:
        complain("interrupted. The verdicts that are stored stay; the command below continues")
    view.show()
    return code

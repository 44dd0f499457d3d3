"""`stocks precompute`: reports only, of what is stored, and the seed's answer about the execution.

What belongs here: choosing tickers that have data, and that answer. What does not: running (run_morning.py).
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from stocks_pipeline.cli import mornings
from stocks_pipeline.cli.cooling import announce
from stocks_pipeline.cli.desk import enter, open_instance
from stocks_pipeline.cli.output import Exit, complain, fail, print_json
from stocks_pipeline.cli.run_morning import MorningOutcome, Plan, carry_out, require_key
from stocks_pipeline.wording import counted

if TYPE_CHECKING:
    from stocks_pipeline.cli.mornings import MorningAsk
    from stocks_pipeline.settings import Settings

SOURCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
TRIGGERED_BY = "stocks precompute"
NAMED = 5


def run_precompute(found: "Settings", ask: "MorningAsk", source: str) -> Exit:
    """Write the reports, print the answer as JSON."""
    from stocks_pipeline.cli.foreground import DayResult
    from stocks_pipeline.cli.run import print_failures

    if not SOURCE.fullmatch(source):
        fail(f"--source: {source!r}; valid: up to 40 letters, digits, dots, dashes, such as manual-test", Exit.USAGE)
    require_key(found)
    ready, without = ready_tickers(found, ask)
    asked = [*ready, *without]
    rewrite = asked if ask.rewrite else ()
    plan = Plan(ask.day, asked, (), asked, rewrite=rewrite, source=source, kind="precompute", tags=ask.tags())
    announce(found, "model", found.llm.concurrency)
    with open_instance(found) as instance:
        outcome = carry_out(found, instance, plan, quiet=False, triggered_by=TRIGGERED_BY)
    print_failures(found, DayResult(ask.day, outcome.stages))
    if without:
        verb = "has" if len(without) == 1 else "have"
        complain(f"{counted(len(without), 'ticker')} {verb} no data of {ask.day}: {shortened(without)}")
    print_json(answer(outcome, ask, source, without))
    return outcome.code


def ready_tickers(found: "Settings", ask: "MorningAsk") -> tuple[list[str], list[str]]:
    """The tickers to write, and those that were asked for and have no data.

    With a limit, the first of the list that have data; only where those are fewer, the first of the others are a gap.
    Ends the command when there is nothing to write, or when a ticker that was named has no data.
    """
    from stocks_pipeline.cli.run import usable_lake

    enter(found)
    everyone = mornings.choose(mornings.followed(found), mornings.MorningAsk(ask.day, None, ask.names))
    ready = mornings.with_data(usable_lake(found), ask.day, everyone)
    without = [name for name in everyone if name not in ready]
    if not ready or (ask.names and without):
        names = f" --tickers {','.join(without)}" if ask.names else ""
        fail(
            f"no data of {ask.day} are stored for {shortened(without)}; nothing was asked of the model. "
            f"Fetch them first: stocks run dr --no-reports --date {ask.day}{names}",
            Exit.FAILURE,
        )
    if ask.limit is None:
        return ready, without
    return ready[: ask.limit], without[: max(0, ask.limit - len(ready))]


def answer(outcome: MorningOutcome, ask: "MorningAsk", source: str, without: Sequence[str]) -> dict[str, Any]:
    """The seed's response: `statusCode` and `body`; `execution_arn` is the id of the (first) run."""
    report = outcome.report
    runs = [stage.run_id for stage in outcome.stages if stage.stage == "reports"]
    code = outcome.code
    ended = "failed" if code is Exit.FAILURE else "interrupted" if code is Exit.INTERRUPTED else "completed"
    message = f"Precompute workflow {ended}: {report.progress()}"
    return {
        "statusCode": 500 if ended == "failed" else 200,
        "body": {
            "message": message,
            "execution_arn": next(iter(runs), None),
            "execution_name": outcome.execution_name,
            "workflow_input": {
                "limit": ask.limit,
                "triggered_at": outcome.triggered_at,
                "triggered_by": TRIGGERED_BY,
                "source": source,
                "description": ask.description,
            },
        },
        "run_ids": runs,
        "without_data": list(without),
        "result": outcome.to_dict(),
    }


def shortened(names: Sequence[str]) -> str:
    """The first few names."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"

"""What `stocks validate` refuses before anything is recorded, asked or replaced.

What belongs here: the question and the settings, held against what there is. What does not: the arguments' form and
running anything (validate.py).
"""

from typing import TYPE_CHECKING

from stocks_pipeline.cli.output import Exit, fail
from stocks_pipeline.cli.validation_choice import MARKET
from stocks_pipeline.storage.validation_keys import SessionPlace

if TYPE_CHECKING:
    from stocks_pipeline.cli.validate import Ask
    from stocks_pipeline.storage.lake import Lake


def refuse_question(lake: "Lake", ask: "Ask") -> None:
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
    symbols, profile = choose(plan.symbols, None, ask.symbols), Profile(ask.profile)
    if not ask.anew and not ask.beside:
        book = SessionBook(lake, SessionPlace(MARKET, ask.day), SystemClock())
        try:
            book.standing(symbols, lookback_days=ask.lookback_days, profile=profile)
        except OtherSessionError as error:
            fail(str(error), Exit.USAGE)


def refuse_settings(lake: "Lake", place: SessionPlace) -> None:
    """What is wrong with the vendor's key, its plan or the limits, before a session is opened or replaced in vain.

    Raises:
        SettingError: live without a key, or a plan that does not exist.
        StoreError: the limits cannot be kept.
    """
    from stocks_pipeline.defs.resources import TwelveDataResource
    from stocks_pipeline.upstream.failures import RETRYABLE, UpstreamError

    try:
        with TwelveDataResource().open(lake, place):
            pass
    except UpstreamError as error:  # the limits' database
        fail(str(error), Exit.FAILURE if error.kind in RETRYABLE else Exit.USAGE)
    except ValueError as error:
        fail(str(error), Exit.USAGE)


def refuse_spent_day(lake: "Lake", ask: "Ask") -> None:
    """A session that stands is not given up for one that today's credits cannot bring."""
    from stocks_pipeline.defs.listing import stored_plan
    from stocks_pipeline.defs.resources import TwelveDataResource
    from stocks_pipeline.domain.plans import plan_named
    from stocks_pipeline.settings import Settings

    if not ask.anew or not lake.exists(SessionPlace(MARKET, ask.day).record):
        return
    most, left = plan_named(Settings.load().second_vendor.plan).credits_per_day, TwelveDataResource().left_today()
    plan = stored_plan(lake, MARKET, ask.day)
    need = len(plan.symbols) if plan else 0
    if most is not None and left is not None and left < min(need, most):
        said = f"{left} of {most} credits are left today, {need} are needed: try after 00:00 UTC"
        fail(f"--anew: {said}. The session that stands is kept", Exit.FAILURE)

"""The telling of one report: asking the model, reading its answer, filling in the facts, verifying, asking once more.

What belongs here: `Telling`. What does not: the parts it calls (domain/reports/, upstream/narrator.py) and what becomes
of the text (writing.py).
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from stocks_pipeline.domain.jobs import Job
from stocks_pipeline.domain.reports.answer import Flaw, read_answer
from stocks_pipeline.domain.reports.facts import FactSheet
from stocks_pipeline.domain.reports.payload import Costs
from stocks_pipeline.domain.reports.placeholders import Narrative, inject
from stocks_pipeline.domain.reports.prompt import correction, messages, place_of
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError

if TYPE_CHECKING:
    from stocks_pipeline.domain.reports.verifier import Verdict
    from stocks_pipeline.upstream.narrator import Answer

TRIES = 2
"""Answers asked for: the first, and one more that is told the findings, whatever was wrong: shape, length or truth."""

SHOWN = 3  # findings that the failure's message quotes
CUT_SHOWN = 200  # characters of an answer cut short that the model sees again
CUT = Flaw.of(
    "length", "answer", "finish_reason length", "it is cut short, longer than allowed: say the same in half the words"
)


class CutShortError(UpstreamError):
    """The last answer, too, ended where it was as long as it may be."""

    @property
    def next_step(self) -> str:
        return "The answer did not fit STOCKS_LLM_MAX_TOKENS: raise it, then retry."


class Model(Protocol):
    """What `upstream.narrator.Narrator` offers, as far as a report needs it."""

    def write(
        self,
        messages: Sequence[Mapping[str, str]],
        *,
        call_id: str,
        subject: str,
        execution_id: str = "",
        stop: threading.Event | None = None,
    ) -> "Answer": ...

    def answered(self, messages: Sequence[Mapping[str, str]]) -> bool: ...

    def discard(self, answer: "Answer") -> None: ...


@dataclass
class Telling:
    """The telling of one report: asking, reading, filling in, verifying, and asking once more."""

    model: Model
    job: Job
    sheet: FactSheet
    check: Callable[[Narrative], "Verdict"]
    language: str = "en"
    answers: list["Answer"] = field(default_factory=list)

    def narrate(self, stop: threading.Event) -> None:
        """Sets `narrative` and `verdict`.

        Raises:
            UpstreamError: the model's failure, or MALFORMED when both answers were refused; both are forgotten then,
                so that a retry asks anew.
        """
        asked = messages(self.sheet, language=self.language)
        problems: Sequence[Any] = ()
        for number in range(1, TRIES + 1):
            answer = self.model.write(
                asked,
                call_id=f"{self.job.job_id}-{self.job.attempts}-{number}",
                subject=self.job.ticker,
                execution_id=self.job.execution_id,
                stop=stop,
            )
            self.answers.append(answer)
            problems = self._read(answer)
            if not problems:
                return
            asked = correction(asked, answer.content[:CUT_SHOWN] if answer.cut else answer.content, problems)
        for answer in self.answers:
            self.model.discard(answer)
        raise self._refused(problems)

    def _refused(self, problems: Sequence[Any]) -> UpstreamError:
        shown = "; ".join(f"{place_of(one)}: {one.text!r}: {one.why}" for one in problems[:SHOWN])
        said = f"refused {TRIES} times; what is wrong with the last answer ({len(problems)}): {shown}"
        cut = self.answers[-1].cut
        if cut:
            said = (
                f"{TRIES} answers of no use, the last one cut short (finish_reason length): it needs more tokens than "
                "STOCKS_LLM_MAX_TOKENS allows"
            )
        made = CutShortError if cut else UpstreamError
        return made(FailureKind.MALFORMED, "model", self.job.ticker, said, attempts=TRIES)

    def _read(self, answer: "Answer") -> Sequence[Any]:
        """What is wrong with the answer; nothing, and it has become the narrative.

        Doubts alone ask for no second answer; beside a finding they are told with it.
        """
        if answer.cut:
            return (CUT,)
        draft, flaws = read_answer(answer.content, has_news="news_1" in self.sheet.facts)
        if draft is None:
            return flaws
        narrative, flaws = inject(draft, self.sheet, language=self.language)
        if narrative is None:
            return flaws
        verdict = self.check(narrative)
        if not verdict.passed:
            return (*verdict.findings, *verdict.doubts)
        self.narrative, self.verdict = narrative, verdict
        return ()

    @property
    def tries(self) -> int:
        return len(self.answers)

    def costs(self) -> Costs:
        """What the report cost; an answer that was kept from before cost this report nothing more, and is counted."""
        known = [a.cost_usd for a in self.answers]
        usage = [a.usage for a in self.answers if a.usage]
        return Costs(
            model=self.answers[-1].model,
            calls=len(self.answers),
            prompt_tokens=sum(u.prompt_tokens for u in usage),
            completion_tokens=sum(u.completion_tokens for u in usage),
            usd=None if any(cost is None for cost in known) else sum((c for c in known if c is not None), Decimal(0)),
        )

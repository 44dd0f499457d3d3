"""The one failure that a fan-out step ends with when a partition is missing.

What belongs here: counting, classing and wording what went wrong. What does not: the events of partitions and checks
(fanout_log.py), or deciding what an upstream's answer means (upstream/failures.py does).
"""

import textwrap
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import dagster as dg

from stocks_pipeline.markup import code_block, escape
from stocks_pipeline.upstream.failures import RETRYABLE, FailureKind, UpstreamError, redact

TABLE_ROWS = 200  # of the failure table; the rest is counted
SHOWN = 300  # characters of the first partition's message in that line
NAMED = 5  # partitions in the one-line description of the failure
ENDS_STAGE = frozenset({FailureKind.AUTH, FailureKind.QUOTA_DAY})  # every further call would fail alike


@dataclass(frozen=True, slots=True)
class Trouble:
    """One partition that is not made, as one row of the failure table."""

    key: str
    kind: str
    message: str
    attempts: int
    next_step: str

    def row(self) -> str:
        """The Markdown row, of five columns whatever the vendor says."""
        cells = (self.key, self.kind, self.message, str(self.attempts), self.next_step)
        return "| " + " | ".join(escape(cell) for cell in cells) + " |"


class Troubles:
    """The failures of one run. Holds text only: an exception would keep its frames, and with them whole tables."""

    def __init__(self, describe: Callable[[Exception], UpstreamError | None]) -> None:
        self._describe = describe
        self._rows: list[Trouble] = []
        self._retryable = False
        self._why_stopped = "the run was stopped"
        self._first_bug = ""

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, key: str, error: Exception) -> bool:
        """Take down one failure; true when it ends the stage because every further call would fail alike."""
        known = error if isinstance(error, UpstreamError) else self._describe(error)
        if known is None:
            self._first_bug = self._first_bug or _redacted_traceback(error)
            message = redact(f"{type(error).__name__}: {error}")
            self._rows.append(Trouble(key, "bug", message, 1, "Ours to fix: the traceback is beside this table."))
            return False
        self._rows.append(Trouble(key, known.kind, known.message, known.attempts, known.next_step))
        self._retryable |= known.kind in RETRYABLE
        if known.kind in ENDS_STAGE:
            self._why_stopped = f"{key} stopped the stage: {known.message}"
        return known.kind in ENDS_STAGE

    def failure(self, total: int, untried: Iterable[str], reused: int) -> dg.Failure | None:
        """The run's one failure, or None when every partition is made."""
        waiting = [Trouble(key, "not tried", self._why_stopped, 0, "Retry it.") for key in untried]
        bad = [*self._rows, *waiting]
        if not bad:
            return None
        named = ", ".join(f"{trouble.key} ({trouble.kind})" for trouble in bad[:NAMED])
        metadata: dict[str, Any] = {
            "failures": dg.MetadataValue.md(_table(bad)),
            "made": total - len(bad),
            "reused": reused,
            "failed": len(self._rows),
            "not_tried": len(waiting),
        }
        if self._first_bug:
            metadata["first_bug"] = dg.MetadataValue.md(code_block(self._first_bug))
        return dg.Failure(
            f"{len(bad)} of {total} partition{'s' * (total > 1)} not made: {named}{', …' if len(bad) > NAMED else ''}; "
            f"{bad[0].key}: {textwrap.shorten(bad[0].message, SHOWN, placeholder=' …')}",
            metadata,
            allow_retries=self._retryable,
        )


def _table(troubles: list[Trouble]) -> str:
    head = ["| partition | class | message | attempts | next step |", "|---|---|---|---|---|"]
    rows = [trouble.row() for trouble in troubles[:TABLE_ROWS]]
    rest = len(troubles) - len(rows)
    return "\n".join(head + rows + ([f"\n… and {rest} more."] if rest else []))


def _redacted_traceback(error: Exception) -> str:
    lines = "".join(traceback.format_exception(error)).splitlines()[-40:]
    return "\n".join(line[: len(line) - len(line.lstrip())] + redact(line) for line in lines)

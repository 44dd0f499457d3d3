"""What a comparison with a second vendor says: statuses, causes, issues and the result of one symbol, with their JSON.

What belongs here: the types that the rules, the causes, the assets and the commands share. What does not: the rules
(validation_rules.py), how a cause is recognised (validation_causes.py) and the session (validation_session.py).
Everything here is importable from validation.py, which is where others should take it from.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """What became of a symbol. ERROR and DEFERRED mean *could not check*: never passed, never failed."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    DEFERRED = "deferred"

    @property
    def checked(self) -> bool:
        """Whether there is a verdict at all."""
        return self in {Status.PASSED, Status.FAILED}


class Profile(StrEnum):
    """Which rules hold: the seed's three, or every column of every session."""

    STANDARD = "standard"
    STRICT = "strict"


class Cause(StrEnum):
    """The likely reason of a disagreement; the texts are in `SAYS`."""

    DIVIDEND_BASIS = "dividend_basis"
    SPLIT_BASIS = "split_basis"
    UNIT_X100 = "unit_x100"
    STALE = "stale"
    MISSING_SESSION = "missing_session"
    EXTRA_SESSION = "extra_session"
    DUPLICATE = "duplicate"
    WRONG_LISTING = "wrong_listing"
    ONE_OFF = "one_off"
    VOLUME_REVISION = "volume_revision"
    REAL = "real"
    NO_OVERLAP = "no_overlap"
    NO_DATA = "no_data"

    @property
    def harmless(self) -> bool:
        """Whether the prices themselves are right on both sides; only one of them is adjusted for dividends."""
        return self is Cause.DIVIDEND_BASIS

    @property
    def rank(self) -> int:
        """How grave: 0 a session or price is wrong, 1 only a volume differs a little, 2 harmless."""
        return 2 if self.harmless else int(self is Cause.VOLUME_REVISION)


NEXT_STEP: dict[Cause, str] = {
    Cause.DIVIDEND_BASIS: "No price is wrong: one side is adjusted for dividends. Store the unadjusted close.",
    Cause.SPLIT_BASIS: "Fetch the symbol's whole history again: a split is applied on one side only.",
    Cause.UNIT_X100: "Look up the symbol's currency: one side counts in cents. Fetch it again if that is ours.",
    Cause.STALE: "Fetch the newest sessions again: bars are old or repeat the session before.",
    Cause.MISSING_SESSION: "Fetch the missing sessions again.",
    Cause.EXTRA_SESSION: "Look at the extra sessions: the exchange was closed that day.",
    Cause.DUPLICATE: "Materialize the day again: a session is stored more than once.",
    Cause.WRONG_LISTING: "Compare exchange and currency of the symbol at both vendors: these are two securities.",
    Cause.ONE_OFF: "Fetch that session again; if it stays, look it up at the exchange.",
    Cause.VOLUME_REVISION: "No price differs: one vendor counted volume anew. Fetch the sessions again if it matters.",
    Cause.REAL: "Look the sessions up at a third source: nothing known explains the difference.",
    Cause.NO_OVERLAP: "Compare the dates of both sides: they have no session in common.",
    Cause.NO_DATA: "Fetch the symbol again, or take it off the list if it no longer trades.",
}
"""What a person does about each cause, in one sentence; `Issue.next_step` says it."""

_ENDED = "Take the symbol off the list if it no longer trades; if it does, it has another name now."
_THEIRS = "Nothing of ours: the other vendor's bars are in doubt. Look once at a third source, then leave it."


_THEIR_BASIS = "Nothing to do: the other vendor's closes are adjusted for dividends."


@dataclass(frozen=True)
class Issue:
    """One rule that did not hold, why probably, and on which sessions.

    `rule` is one of freshness, completeness, accuracy, duplicates, extra_days, volume, ohlc, no_overlap, no_data.
    `evidence["side"]` says whose bars are in doubt: "ours", "theirs" or "both". An issue that leaves a question open
    rather than showing a fault of ours has `evidence["could_not_check"] == 1`.
    """

    rule: str
    cause: Cause
    message: str
    sessions: tuple[date, ...] = ()
    evidence: dict[str, int | float | str] = field(default_factory=dict)

    @property
    def could_not_check(self) -> bool:
        """Whether this leaves a question open instead of showing a fault."""
        return self.evidence.get("could_not_check") == 1

    @property
    def side(self) -> str:
        """Whose bars are in doubt: ours, theirs or both."""
        return str(self.evidence.get("side", "both"))

    @property
    def next_step(self) -> str:
        """What a person does; to fetch ours again helps neither where theirs are in doubt nor where both have ended."""
        if self.side == "both" and self.could_not_check and self.cause in {Cause.NO_DATA, Cause.STALE}:
            return _ENDED
        if self.side != "theirs":
            return NEXT_STEP[self.cause]
        return _THEIR_BASIS if self.cause.harmless else _THEIRS

    @property
    def order(self) -> tuple[bool, int]:
        """What sorts issues: a fault before an open question, a price before a volume, what is harmless last."""
        return self.could_not_check, self.cause.rank

    def to_record(self) -> dict[str, Any]:
        """The issue as JSON holds it; sessions are ISO dates."""
        return {
            "rule": self.rule,
            "cause": self.cause.value,
            "message": self.message,
            "sessions": [day.isoformat() for day in self.sessions],
            "evidence": dict(self.evidence),
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Issue":
        """The issue that `to_record` wrote.

        Raises:
            KeyError: a field is missing.
            ValueError: a cause or a date that does not exist.
        """
        sessions = tuple(date.fromisoformat(day) for day in record["sessions"])
        return cls(record["rule"], Cause(record["cause"]), record["message"], sessions, dict(record["evidence"]))


@dataclass(frozen=True)
class SymbolResult:
    """The verdict on one symbol. `rows_checked`: sessions whose close was compared on both sides."""

    symbol: str
    status: Status
    issues: tuple[Issue, ...]
    rows_checked: int
    external_source: str
    message: str = ""

    @property
    def gravest(self) -> Issue | None:
        """The issue that the message is of; None where there is none."""
        return next((issue for issue in self.issues if issue.message == self.message), next(iter(self.issues), None))

    @property
    def harmless(self) -> bool:
        """Whether it failed only by differences that no wrong price is behind."""
        return self.status is Status.FAILED and all(i.cause.harmless or i.could_not_check for i in self.issues)

    def to_record(self, session_id: str, validated_at: datetime) -> dict[str, Any]:
        """The seed's record of a result, with `status` beside `passed`, which is None where nothing was checked."""
        return {
            "session_id": session_id,
            "symbol": self.symbol,
            "passed": self.status is Status.PASSED if self.status.checked else None,
            "status": self.status.value,
            "issues": [issue.to_record() for issue in self.issues],
            "rows_checked": self.rows_checked,
            "external_source": self.external_source,
            "validated_at": validated_at.astimezone(UTC).isoformat(),
            "message": self.message,
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "SymbolResult":
        """The result in a record that `to_record` wrote.

        Raises:
            KeyError: a field is missing.
            ValueError: a status, cause or date that does not exist.
        """
        return cls(
            record["symbol"],
            Status(record["status"]),
            tuple(Issue.from_record(issue) for issue in record["issues"]),
            record["rows_checked"],
            record["external_source"],
            record["message"],
        )


def could_not_check(symbol: str, source: str, message: str, *, deferred: bool = False) -> SymbolResult:
    """The result of a symbol whose second opinion never came: ERROR, or DEFERRED where a later try is planned."""
    return SymbolResult(symbol, Status.DEFERRED if deferred else Status.ERROR, (), 0, source, message)

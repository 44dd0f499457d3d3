"""Symbols of a session that wait for their verdict: why, and what brings it, in words.

What belongs here: `waits_of`, and what a written failure means for a person. What does not: counting and showing
verdicts (summing.py, verdicts.py), and when another run starts by itself (going_on.py).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import dagster as dg

from stocks_pipeline.domain.validation_session import Session, State
from stocks_pipeline.domain.validation_types import Status, SymbolResult
from stocks_pipeline.storage.validation_keys import SessionPlace
from stocks_pipeline.upstream.failures import WRITTEN, FailureKind

if TYPE_CHECKING:
    from stocks_pipeline.defs.us.session_book import SessionBook

NOT_ASKED: Final = "not asked yet"
_SUBJECT: Final = re.compile(r"twelvedata(?: [^:]*)?: ", re.DOTALL)
_SETTING: Final = re.compile(r"set (STOCKS_[A-Z_]+(?:=\w+)?)")
_ENDS: Final = frozenset({FailureKind.AUTH, FailureKind.QUOTA_DAY})
"""After these nothing more is asked, so that whatever is pending waits for the same reason."""


@dataclass(frozen=True)
class Wait:
    """Symbols that wait for one reason. `why` continues "8 symbols wait: …", `step` is a sentence of its own."""

    symbols: tuple[str, ...]
    why: str
    step: str


def which(place: SessionPlace) -> str:
    """The options of `stocks validation` that choose this session."""
    return f"--session {place.adhoc.removeprefix('session-')[:8]}" if place.adhoc else f"--date {place.day}"


def waits_of(place: SessionPlace, session: Session, results: Iterable[SymbolResult]) -> tuple[Wait, ...]:
    """Who waits, by reason, the most symbols first. What ended the newest run comes before what failed earlier."""
    had = {result.symbol: result for result in results}
    put_back = (batch.error_message for batch in session.batches if batch.status is State.PENDING)
    stopped = next(filter(_ends, put_back), None)
    texts: dict[str, list[str]] = {}
    for batch in session.batches:
        for symbol in batch.symbols:
            if symbol not in had:
                texts.setdefault(stopped or batch.error_message or "", []).append(symbol)
            elif had[symbol].status is Status.DEFERRED:
                texts.setdefault(had[symbol].message, []).append(symbol)
    return grouped(place, texts)


def deferred(place: SessionPlace, results: Iterable[SymbolResult]) -> tuple[Wait, ...]:
    """Those among the results of a batch."""
    texts: dict[str, list[str]] = {}
    for result in results:
        if result.status is Status.DEFERRED:
            texts.setdefault(result.message, []).append(result.symbol)
    return grouped(place, texts)


def grouped(place: SessionPlace, texts: Mapping[str, list[str]]) -> tuple[Wait, ...]:
    """By what the written reasons mean; `texts` has the symbols of each."""
    found: dict[tuple[str, str], list[str]] = {}
    for text, symbols in texts.items():
        found.setdefault(meaning(place, text), []).extend(symbols)
    made = [Wait(tuple(symbols), why, step) for (why, step), symbols in found.items()]
    return tuple(sorted(made, key=lambda wait: -len(wait.symbols)))


def meaning(place: SessionPlace, text: str) -> tuple[str, str]:
    """Of a reason as it is written in a session's record or a result: why, and what to do."""
    retry = f"stocks validation retry {which(place)}"
    written = WRITTEN.fullmatch(text)
    kind, why = (written["kind"], written["what"]) if written else ("", text)
    setting = _SETTING.search(why)
    why = _SUBJECT.sub("", why, count=1).partition(". ")[0] or NOT_ASKED
    if why.startswith("limits: "):
        return why, f"Mend that, then: {retry}"
    if kind == FailureKind.QUOTA_DAY and setting:
        return why.partition(": set ")[0], f"Set {setting[1]}, then: {retry}"
    refused = "no key is set" if why.startswith("no key") else f"the vendor refuses the key ({why})"
    silent = f"the vendor does not answer ({why})", f"When it answers again: {retry}"
    known = {
        FailureKind.QUOTA_DAY: (
            "the day's credits are spent",
            f"After 00:00 UTC it goes on by itself (the chain), or: {retry}",
        ),
        FailureKind.AUTH: (refused, f"Set STOCKS_TWELVE_DATA_API_KEY, then: {retry}"),
        FailureKind.RATE: (why, f"Somebody else may use the key. In some minutes: {retry}"),
        FailureKind.TRANSIENT: silent,
        FailureKind.MALFORMED: silent,
    }
    return (
        known[FailureKind(kind)] if kind in known else (why, f"Then: {retry}" if "stocks " in why else f"Run: {retry}")
    )


def first_step(place: SessionPlace, waits: Iterable[Wait]) -> str:
    """What brings the most of them their verdict."""
    return next((wait.step for wait in waits), f"Look at: stocks validation status {which(place)}")


@contextmanager
def step_told(book: "SessionBook") -> Iterator[None]:
    """A failure of a run inside says, as `next_step`, what a person does about this session."""
    try:
        yield
    except dg.Failure as failure:
        from stocks_pipeline.defs.us.checking import stored_results

        session = book.get()
        if session is None or "next_step" in failure.metadata:
            raise
        found = stored_results(book.lake, book.place, session).values()
        waits = waits_of(book.place, session, [result for batch in found for result in batch])
        step = dg.MetadataValue.text(first_step(book.place, waits))
        raise dg.Failure(
            failure.description, {**failure.metadata, "next_step": step}, allow_retries=failure.allow_retries
        ) from failure


def _ends(text: str | None) -> bool:
    written = WRITTEN.fullmatch(text or "")
    return bool(written and written["kind"] in _ENDS)

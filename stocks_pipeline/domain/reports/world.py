"""Which world a report is about: the real one, or the sandbox's, and what a reader is told of it.

What belongs here: the note of a simulated or replayed report, who wrote it and what it cost, each as all forms of a
report say it. What does not: who knows where data come from (the gateway writes the bars' `source`, the settings say
whether model and news are the sandbox's).
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from stocks_pipeline.domain.schemas import REPLAYED, SIMULATED

ADJUSTED = (
    "The recording shows no dividend and no split, so its prices may be adjusted already: a close shown may not be the "
    "price that traded."
)
_YEAR = timedelta(days=365)


def world_of(bars: Any, *, played: bool) -> dict[str, Any]:
    """What the payload keeps of it. `bars` are schemas.PRICES rows; `played`: model and news are the sandbox's."""
    sources = sorted(set(bars.column("source").to_pylist()) - {None})
    return {"prices": sources, "played": played, "adjusted": REPLAYED in sources and _no_events(bars)}


def world_note(payload: Mapping[str, Any]) -> str:
    """One line for every form of a report; empty where all of it is real."""
    world = payload.get("world") or {}
    sources, played = world.get("prices", []), world.get("played", False)
    theirs = "headlines and model answers" if played else ""
    if SIMULATED in sources:
        theirs = f"prices, {theirs}" if theirs else "prices"
    parts = ["the prices are real, recorded ones"] if REPLAYED in sources else []
    parts += [f"{theirs} come from the sandbox"] if theirs else []
    parts += ["nothing was paid"] if played else []
    if not parts:
        return ""
    return f"Simulated: {'; '.join(parts)}." + (f" {ADJUSTED}" if world.get("adjusted") else "")


def writer_of(payload: Mapping[str, Any]) -> str:
    """The model that wrote it, or who played it."""
    model: str = payload["model"] or "an unnamed model"
    return f"the sandbox in the place of {model}" if _played(payload) else model


def cost_of(payload: Mapping[str, Any]) -> str:
    """What was paid for it; in the sandbox what a real model would have cost."""
    usd = payload["api_costs"]["usd"]
    if usd is None:
        return "at a cost the provider did not tell"
    return f"nothing paid, a real model would have cost {usd} USD" if _played(payload) else f"{usd} USD"


def _played(payload: Mapping[str, Any]) -> bool:
    return bool((payload.get("world") or {}).get("played"))


def _no_events(bars: Any) -> bool:
    """Over a year of bars without any event, and no close that differs from the adjusted one."""
    days = bars.column("session").to_pylist()
    if not days or max(days) - min(days) <= _YEAR:
        return False
    if any(any(bars.column(name).to_pylist()) for name in ("dividend", "split")):
        return False
    return bool(bars.column("close").to_pylist() == bars.column("adj_close").to_pylist())

"""What a clause would have to be refused for: the same words beside facts that are other than they are.

What belongs here: a few other worlds made from the recomputed values, and where in a sentence any of them would be
contradicted. What does not: which words need to be checked at all (verifier_plain.py).

A rule that finds nothing has either judged a word and found it true, or has never looked at it: no rule says which. So
the rules are asked again in worlds where every value is turned round, is very large, is very small, or is missing.
Words that no world contradicts were not checked by anybody, and a reader should know that.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from stocks_pipeline.domain.reports.verifier_direction import directions
from stocks_pipeline.domain.reports.verifier_display import Known
from stocks_pipeline.domain.reports.verifier_feats import feats
from stocks_pipeline.domain.reports.verifier_levels import levels
from stocks_pipeline.domain.reports.verifier_sentences import Sentence
from stocks_pipeline.domain.reports.verifier_shapes import Shapes
from stocks_pipeline.domain.reports.verifier_sheet import UNITS
from stocks_pipeline.domain.reports.verifier_sizes import sizes
from stocks_pipeline.domain.reports.verifier_spans import Problem, Span
from stocks_pipeline.domain.reports.verifier_tone import tones
from stocks_pipeline.domain.reports.verifier_untold import untold

_LEVELS = frozenset(
    {"previous_close", "sma_20", "sma_50", "sma_200", "bollinger_upper", "bollinger_middle", "bollinger_lower"}
    | {"vwap_20", "high_52w", "low_52w"}
)  # fmt: skip
_SIGNED = frozenset({"macd", "macd_histogram"})
_RANKS = frozenset({"rsi_14", "rsi_percentile", "volume_percentile", "atr_percentile", "return_percentile"})
_MIDDLE = 50.0
_TURNED = {
    "volatility_30d": (35.0, 5.0, 120.0),
    "dividend_yield_12m": (2.5, 0.1, 12.0),
    "drawdown": (-9.0, -50.0, -0.1),
}
"""A middle, and what stands for a value above it and below it in the world that is turned round."""


class World:
    """Facts that are not so. `known` as the rules take it; `shown` is how a value of it reads."""

    def __init__(self, known: Mapping[str, Known], factor: float) -> None:
        self.known = {name: _moved(name, fact, known, factor) for name, fact in known.items()}
        self._factor = factor

    def shown(self, span: Span) -> Span:
        """The span with the sign and the size that its value has here; its place in the text stays."""
        if UNITS.get(span.fact) not in {"percent", "price", "index"} or not _is_signed(span.fact):
            return span
        falls = span.text.startswith("-") != (self._factor < 0)
        size = "0.01" if abs(self._factor) < 1 else "77.00"
        return replace(span, text=f"{'-' if falls else '+'}{size}%")


def other_worlds(known: Mapping[str, Known]) -> tuple[World, ...]:
    """Turned round, very large, very small; and one in which nothing is known."""
    return (World(known, -1.0), World(known, 40.0), World(known, 0.001), World({}, 1.0))


def judged_in(sentence: Sentence, worlds: tuple[World, ...]) -> Iterator[tuple[int, int]]:
    """The stretches of the sentence to which a rule would object in some other world: begin and end in its text."""
    for world in worlds:
        for problem in _objections(sentence, world):
            begin = problem.at - sentence.start
            yield begin, begin + len(problem.text)


def _objections(sentence: Sentence, world: World) -> list[Problem]:
    there = replace(sentence, spans=tuple(world.shown(span) for span in sentence.spans))
    known = world.known
    found = [*directions([there], UNITS, known), *untold([there], UNITS, known), *levels([there], known)]
    return [*found, *sizes([there], known), *tones([there], known, None), *feats([there], known, _NOTHING)]


def _is_signed(name: str) -> bool:
    return name in _SIGNED or name.startswith(("return_", "close_vs_")) or name.endswith("_correlation")


def _moved(name: str, fact: Known, known: Mapping[str, Known], factor: float) -> Known:
    value = fact.value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return fact
    if name in _TURNED:
        middle, above, below = _TURNED[name]
        return Known(above if (value >= middle) == (factor < 0) else below)
    if name in _RANKS:
        gap = (value - _MIDDLE) * factor if factor <= 1 else (100.0 if value >= _MIDDLE else -100.0)
        return Known(min(max(_MIDDLE + gap, 0.0), 100.0))
    if name in _LEVELS:
        return Known(_level(value, known.get("close"), factor))
    if name in {"volume_ratio", "volume_sma_20"}:
        return Known(_volume(name, known, factor) or value)
    return Known(_signed(name, value, known, factor))


def _level(value: float, close: Known | None, factor: float) -> float:
    """The close stays; the level lies so much further from it, or on its other side."""
    if close is None or not isinstance(close.value, int | float) or not value:
        return value
    return close.value / max(1 + (close.value / value - 1) * factor, 0.02)


def _signed(name: str, value: float, known: Mapping[str, Known], factor: float) -> float:
    """Signed values times the factor; the signal line so that it still belongs to MACD and histogram."""
    if name != "macd_signal":
        return value * factor if _is_signed(name) else value
    macd, gap = (known[other].value if other in known else None for other in ("macd", "macd_histogram"))
    if isinstance(macd, int | float) and isinstance(gap, int | float):
        return (macd - gap) * factor
    return value * factor


def _volume(name: str, known: Mapping[str, Known], factor: float) -> float | None:
    """The newest volume stays; what is usual moves, and the ratio with it."""
    newest, ratio = known.get("volume"), known.get("volume_ratio")
    if not ratio or not isinstance(ratio.value, int | float) or ratio.value <= 0:
        return None
    turned = 1 / ratio.value if factor < 0 else ratio.value ** (factor if factor < 1 else 9.0)
    if name == "volume_ratio":
        return float(turned)
    return float(newest.value / turned) if newest and isinstance(newest.value, int | float) else None


class _Nothing(Shapes):
    """Bars that did nothing: every record, crossing and run is untrue of them."""

    def __init__(self) -> None:
        """No bars."""

    def is_extreme(self, metric: str, *, top: bool, horizon: str) -> bool | None:  # noqa: ARG002 - the same for all
        return None

    def since_crossing(self, one: str, other: str) -> tuple[int, bool] | None:  # noqa: ARG002 - as above
        return None

    def run(self) -> int:
        return 0


_NOTHING = _Nothing()

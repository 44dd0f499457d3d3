"""One sentence before the verifier: facts of a known ticker, and what the rules of sentences say of it.

What belongs here: the facts and the bars behind them. What does not: the sentences (test_verifier_context.py,
test_verifier_words.py).
"""

import re
from collections.abc import Sequence
from datetime import date

import numpy as np

from stocks_pipeline.domain.reports.verifier_context import claims
from stocks_pipeline.domain.reports.verifier_direction import directions
from stocks_pipeline.domain.reports.verifier_display import Known
from stocks_pipeline.domain.reports.verifier_events import events
from stocks_pipeline.domain.reports.verifier_feats import feats
from stocks_pipeline.domain.reports.verifier_levels import levels
from stocks_pipeline.domain.reports.verifier_periods import periods
from stocks_pipeline.domain.reports.verifier_plain import doubts
from stocks_pipeline.domain.reports.verifier_sentences import sentences
from stocks_pipeline.domain.reports.verifier_series import Bars
from stocks_pipeline.domain.reports.verifier_shapes import Shapes
from stocks_pipeline.domain.reports.verifier_sheet import UNITS
from stocks_pipeline.domain.reports.verifier_sizes import sizes
from stocks_pipeline.domain.reports.verifier_spans import Problem, Span, edge_problems, mask
from stocks_pipeline.domain.reports.verifier_tokens import unresolved
from stocks_pipeline.domain.reports.verifier_tone import tones
from stocks_pipeline.domain.reports.verifier_untold import untold
from stocks_pipeline.domain.reports.verifier_worlds import judged_in, other_worlds

KNOWN = {
    "close": Known(110.0),
    "previous_close": Known(112.0),
    "sma_20": Known(100.0),
    "sma_50": Known(105.0),
    "sma_200": Known(120.0),
    "return_1d": Known(-1.79),
    "return_1w": Known(2.5),
    "return_1m": Known(0.0),
    "close_vs_sma_200": Known(-8.33),
    "macd": Known(1.0),
    "macd_signal": Known(1.5),
    "macd_histogram": Known(-0.5),
    "rsi_14": Known(75.0),
    "volume": Known(900),
    "volume_sma_20": Known(1000),
    "volume_ratio": Known(0.9),
    "bollinger_upper": Known(115.0),
    "bollinger_lower": Known(85.0),
    "high_52w": Known(130.0),
    "low_52w": Known(80.0),
    "atr_percent": Known(2.0),
    "atr_percentile": Known(88.0),
    "peer_1_correlation": Known(-0.6),
    "drawdown": Known(-15.4),
    "volatility_30d": Known(30.0),
    "vwap_20": Known(108.0),
    "atr_14": Known(2.2),
    "dividend_yield_12m": Known(3.0),
    "news_1": Known("Board cuts dividend after profit warning"),
    "news_2": Known("Why the shares moved"),
    "company_name": Known("Acme"),
    "return_3m": Known(3.76),
    "return_1y": Known(12.0),
}
TEXTS = {
    "percent": "{:+.2f}%",
    "level": "{:.1f}%",
    "price": "{:.2f} THB",
    "shares": "{:,} shares",
    "ratio": "{:.2f}x",
    "index": "{:.1f}",
}
HEAD = "x\n"


def shown(fact: str, values: dict[str, Known]) -> str:
    """A fact as a report shows it."""
    if fact not in values:
        return {"date": "14 March 2024", "text": "ABC19"}.get(UNITS[fact], "1.0")
    value = values[fact].value
    if UNITS[fact] in {"text", "date"}:
        return str(value)
    return "0.00%" if value == 0.0 else TEXTS[UNITS[fact]].format(value)


def shapes(closes: Sequence[float]) -> Shapes:
    """Bars of one session a day up to the good day, high and low a little off the close, volume rising by the day."""
    close = np.array(closes, dtype=np.float64)
    day = np.arange(len(close)) + (date(2024, 3, 14) - date(1970, 1, 1)).days - len(close) + 1
    volume = 1000.0 + np.arange(len(close))
    nothing = np.zeros(len(close))
    return Shapes(
        Bars(day, close * 1.01, close * 0.99, close, volume, day, nothing, frozenset({"X"}), frozenset({"THB"}))
    )


QUIET = tuple(110 + 20 * np.cos(np.arange(400) / 60) - np.where(np.arange(400) == 399, 0.01, 0.0))
"""Closes in long waves: the newest is in the middle of everything."""


def problems(template: str, known: dict[str, Known] | None = None, closes: Sequence[float] = QUIET) -> list[Problem]:
    """What the verifier says of one sentence whose {facts} are shown rightly, apart from values and layout."""
    values, text, spans = KNOWN | (known or {}), HEAD, []
    for at, part in enumerate(re.split(r"\{(\w+)\}", template)):
        if at % 2:
            spans.append(Span(len(text), len(text) + len(shown(part, values)), part, shown(part, values)))
        text += shown(part, values) if at % 2 else part
    masked = mask(text, spans)
    found = list(sentences(masked, spans))
    worlds = other_worlds(values)
    numeric = [span for span in spans if UNITS[span.fact] not in {"text", "date"}]
    return [
        *claims(found, UNITS, values),
        *directions(found, UNITS, values),
        *periods(found, UNITS),
        *doubts(found, text, lambda sentence: judged_in(sentence, worlds)),
        *sizes(found, values),
        *tones(found, values, None),
        *untold(found, UNITS, values),
        *levels(found, values),
        *feats(found, values, shapes(closes)),
        *events(found, values),
        *(one for span in numeric for one in edge_problems(masked, span, numeric=True)),
        *unresolved(masked, "th" if re.search("[\u0e01-\u0e4e]", template) else "en", ()),
    ]

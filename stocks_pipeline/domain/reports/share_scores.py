"""What a reader is told about the share itself, 0 to 10, from the facts alone.

What belongs here: technical, momentum, liquidity, selling pressure, uncertainty, and where company data exist
fundamental and valuation. What does not: the quality of the text (scores.py).

| score | of what |
|---|---|
| technical | trend 50: close against SMA 20, 50, 200, from -5, -10, -20 % (0) to +5, +10, +20 % (10), their mean; |
| | momentum 30: RSI 14 from 30 (0) to 70 (10); MACD 20: histogram from -0.5 (0) to +0.5 (10) of the ATR |
| momentum | returns of 1 week 25, 1 month 35, 3 months 40, each from -2 (0) to +2 (10) of its usual swing, which is |
| | volatility_30d × √(sessions / 252) with 5, 21 and 63 sessions |
| liquidity | volume ratio 60: from 0x (0) to 2x (10); volume percentile 40 |
| selling_pressure | close against VWAP 20: below -3 % 9, below -1 % 7, to +1 % 5, to +3 % 3, above 1; high is bad |
| uncertainty | tanh(0.5493 × x / 0.00075) × 10, x = |close / VWAP 20 - 1| × volume ratio × ATR / close; high is bad. |
| | 0.5493 is artanh(0.5), so a 3 % distance at usual volume with an ATR of 2.5 % is the middle, 5; none is 0, and it |
| | comes near 10. Absent where nothing was traded (a price that nobody paid is not certain) and below 100 sessions, |
| | as the MACD is. (The original's 50 × (1 + tanh) of a number that is never negative could not be below its middle.) |
| fundamental | valuation 30: trailing P/E from 40 (0) to 10 (10); growth 30: revenue and earnings from -10 to +30 %; |
| | profitability 40: margin from 0 to 25 %, return on equity from 0 to 30 % |
| valuation | trailing P/E 40, forward P/E 20, both from 40 to 10; price to book 40 from 8 to 1 |
"""

import math
from collections.abc import Mapping

from stocks_pipeline.domain.reports.fact_labels import label, labels
from stocks_pipeline.domain.reports.fact_units import FactSheet
from stocks_pipeline.domain.reports.weighing import Part, Score, mean, part, scaled, weighed

_TREND = {"close_vs_sma_20": 5.0, "close_vs_sma_50": 10.0, "close_vs_sma_200": 20.0}
_SWINGS = {"return_1w": (5, 25.0), "return_1m": (21, 35.0), "return_3m": (63, 40.0)}
_PRESSURE = ((-3.0, 9.0), (-1.0, 7.0), (1.0, 5.0), (3.0, 3.0))
_MIDDLE = 0.00075
_NEUTRAL_RSI = 50.0


def share_scores(sheet: FactSheet) -> dict[str, Score]:
    """By name; a score without data is there with its reason."""
    known = _Known(sheet)
    made = [_technical(known), _momentum(known), _liquidity(known), _selling_pressure(known), _uncertainty(known)]
    made += [_fundamental(known), _valuation(known)]
    return {score.name: score for score in made}


def signals(sheet: FactSheet) -> dict[str, float]:
    """What points up (1.0), down (-1.0) or nowhere (0.0): trends, returns, MACD and RSI, as far as they are known."""
    known = _Known(sheet)
    signed = {name: known.get(name) for name in (*_TREND, "return_1m", "return_3m", "macd_histogram")}
    rsi = known.get("rsi_14")
    signed["rsi_14"] = None if rsi is None else rsi - _NEUTRAL_RSI
    return {name: math.copysign(1.0, value) if value else 0.0 for name, value in signed.items() if value is not None}


class _Known:
    """The numbers of a sheet."""

    def __init__(self, sheet: FactSheet) -> None:
        self._facts: Mapping[str, object] = {name: fact.value for name, fact in sheet.facts.items()}
        self._absent = sheet.absent

    def get(self, name: str) -> float | None:
        """The number of a fact, None where the sheet has none."""
        value = self._facts.get(name)
        return float(value) if isinstance(value, int | float) else None

    def why_not(self, *names: str) -> str:
        """Why these are missing, in one line; empty if none is."""
        lacking: dict[str, list[str]] = {}
        for name in names:
            if self.get(name) is None:
                lacking.setdefault(self._absent.get(name, "not in the sheet"), []).append(name)
        return "; ".join(f"no {labels(missing)} ({reason})" for reason, missing in lacking.items())

    def linear(self, name: str, title: str, weight: float, bounds: tuple[float, float]) -> Part:
        """A part that is one fact between its worst and its best."""
        value = self.get(name)
        if value is None:
            return part(title, None, weight, self.why_not(name))
        told = f"{label(name)} {value:.4g}, from {bounds[0]:g} to {bounds[1]:g}"
        return part(title, scaled(value, *bounds), weight, told)


def _technical(known: _Known) -> Score:
    each = {name: known.get(name) for name in _TREND}
    marks = [scaled(value, -_TREND[name], _TREND[name]) for name, value in each.items() if value is not None]
    told = ", ".join(f"{label(name)} {value:+.4g} %" for name, value in each.items() if value is not None)
    histogram, atr = known.get("macd_histogram"), known.get("atr_14")
    if histogram is None or not atr:
        macd = part("MACD", None, 20, known.why_not("macd_histogram", "atr_14") or "the ATR is 0")
    else:
        macd = part("MACD", scaled(histogram / atr, -0.5, 0.5), 20, f"histogram {histogram / atr:+.4g} of the ATR")
    trend = part("trend", mean(marks), 50, told or known.why_not(*_TREND))
    return weighed("technical", (trend, known.linear("rsi_14", "momentum", 30, (30, 70)), macd))


def _momentum(known: _Known) -> Score:
    volatility = known.get("volatility_30d")
    parts = []
    for name, (sessions, weight) in _SWINGS.items():
        moved = known.get(name)
        if moved is None or not volatility:
            why = known.why_not(name, "volatility_30d") or "the price has not moved"
            parts.append(part(label(name), None, weight, why))
            continue
        swings = moved / (volatility * math.sqrt(sessions / 252))
        parts.append(part(label(name), scaled(swings, -2, 2), weight, f"{swings:+.4g} of its usual swing"))
    return weighed("momentum", parts)


def _liquidity(known: _Known) -> Score:
    ratio = known.linear("volume_ratio", "volume ratio", 60, (0, 2))
    return weighed("liquidity", (ratio, known.linear("volume_percentile", "volume percentile", 40, (0, 100))))


def _distance(known: _Known) -> float | None:
    """The close against VWAP 20, in percent."""
    close, vwap = known.get("close"), known.get("vwap_20")
    return None if close is None or not vwap else (close / vwap - 1) * 100


def _selling_pressure(known: _Known) -> Score:
    distance = _distance(known)
    if distance is None:
        one = part("close against VWAP", None, 100, known.why_not("close", "vwap_20"))
    else:
        mark = next((mark for bound, mark in _PRESSURE if distance < bound), 1.0)
        one = part("close against VWAP", mark, 100, f"{distance:+.4g} %")
    return weighed("selling_pressure", (one,), better="low")


def _uncertainty(known: _Known) -> Score:
    distance, ratio, swing = _distance(known), known.get("volume_ratio"), known.get("atr_percent")
    if distance is None or not ratio or swing is None or known.get("macd") is None:
        why = known.why_not("close", "vwap_20", "volume_ratio", "atr_percent", "macd") or "no share was traded"
        return weighed("uncertainty", (part("distance × volume × range", None, 100, why),), better="low")
    unrest = abs(distance) / 100 * ratio * swing / 100
    told = f"|{distance:+.4g} %| × {ratio:.4g} × {swing:.4g} % = {unrest:.3g}, "
    told += (
        "of the close against VWAP 20, volume against usual and ATR of that session; not the volatility of 30 sessions"
    )
    value = 10 * math.tanh(math.atanh(0.5) * unrest / _MIDDLE)
    return weighed("uncertainty", (part("distance × volume × range", value, 100, told),), better="low")


def _fundamental(known: _Known) -> Score:
    growth = _together(known, "growth", 30, {"revenue_growth": (-10, 30), "earnings_growth": (-10, 30)})
    profit = _together(known, "profitability", 40, {"profit_margin": (0, 25), "return_on_equity": (0, 30)})
    return weighed("fundamental", (known.linear("trailing_pe", "valuation", 30, (40, 10)), growth, profit))


def _together(known: _Known, title: str, weight: float, bounds: Mapping[str, tuple[float, float]]) -> Part:
    """The mean of several facts as one part."""
    each = {name: known.get(name) for name in bounds}
    marks = [scaled(value, *bounds[name]) for name, value in each.items() if value is not None]
    told = ", ".join(f"{label(name)} {value:+.4g} %" for name, value in each.items() if value is not None)
    return part(title, mean(marks), weight, told or known.why_not(*bounds))


def _valuation(known: _Known) -> Score:
    return weighed(
        "valuation",
        (
            known.linear("trailing_pe", "trailing P/E", 40, (40, 10)),
            known.linear("forward_pe", "forward P/E", 20, (40, 10)),
            known.linear("price_to_book", "price to book", 40, (8, 1)),
        ),
    )

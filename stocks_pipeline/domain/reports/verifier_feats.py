"""Feats a sentence claims without a value: records, new highs, crossings, runs of days, who did better.

What belongs here: the words, and what the bars must have done for them. What does not: what the bars did
(verifier_shapes.py), words for a level (verifier_levels.py).

A feat is judged by the newest session. What reaches further than the stored year, and what is compared with a market,
a sector or other companies, nothing stored can show: it is refused.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from stocks_pipeline.domain.reports.verifier_claims import ideas_in
from stocks_pipeline.domain.reports.verifier_display import Known
from stocks_pipeline.domain.reports.verifier_feat_words import (
    AMONG,
    AT,
    BAD,
    CROSS,
    DAY,
    FAR,
    FEW,
    HORIZON,
    JUST,
    LEAST,
    LINES,
    LOWEST,
    METRICS,
    MOST,
    NEAR,
    NEW,
    OTHERS,
    PEER_FIRST,
    PERCENTILES,
    RECENT,
    RUN,
    SET,
    STANDS,
    UNKNOWABLE,
)
from stocks_pipeline.domain.reports.verifier_sentences import Sentence, stated
from stocks_pipeline.domain.reports.verifier_shapes import Shapes
from stocks_pipeline.domain.reports.verifier_spans import Problem
from stocks_pipeline.domain.reports.verifier_turns import MAYBE


def feats(found: Sequence[Sentence], known: Mapping[str, Known], shapes: Shapes) -> list[Problem]:
    """Every claimed feat that the bars do not show."""
    problems: list[Problem] = []
    for sentence in found:
        problems += _unknowable(sentence)
        problems += [*_new(sentence, shapes), *_most(sentence, known, shapes), *_standing(sentence, known, shapes)]
        problems += [*_dated(sentence, known), *_crossings(sentence, shapes)]
        problems += _runs(sentence, shapes)
        problems += _closest(sentence)
    return problems


def _problem(sentence: Sentence, match: re.Match[str], why: str) -> Problem:
    word = " ".join(match[0].replace("\ue000", "\u2026").split())[:80]
    return Problem("claim", sentence.start + match.start(), word, f"{word!r}: {why}")


def _unknowable(sentence: Sentence) -> Iterator[Problem]:
    for pattern, why in (
        (UNKNOWABLE, "the stored year cannot show a record; leave it out"),
        (OTHERS, "no market, sector or other company is stored to compare with; leave it out"),
    ):
        for match in pattern.finditer(sentence.text):
            begin, end = sentence.clause(match.start())
            if not MAYBE.search(sentence.text, begin, end):
                yield _problem(sentence, match, why)


def _horizon(text: str) -> str | None:
    return next((name for name, pattern in HORIZON.items() if re.search(pattern, text)), None)


def _new(sentence: Sentence, shapes: Shapes) -> Iterator[Problem]:
    """A claim such as "a fresh low for the year": of RSI or volume where they are spoken of, else of the price."""
    for match in NEW.finditer(sentence.text):
        lead = sentence.text[: match.start()]
        metric = next((name for name in ("rsi", "volume") if METRICS[name].search(lead)), "price")
        horizon = _horizon(f"{match['before'] or ''} {match['tail']}") or "month"
        if stated(sentence, match.start()):
            yield from _judged(sentence, match, shapes, metric, horizon, top=match["end"] not in LOWEST)


def _most(sentence: Sentence, known: Mapping[str, Known], shapes: Shapes) -> Iterator[Problem]:
    """Claims such as "the highest of the year"; beside the yearly high or low itself it is that value's name."""
    named = any(span.fact.startswith(("high_52w", "low_52w")) for span in sentence.spans)
    for match in MOST.finditer(sentence.text):
        horizon = _horizon(match["tail"])
        if horizon is None or not stated(sentence, match.start()):
            continue
        metric = "return" if DAY.match(match["tail"]) else ""
        for text in (match["tail"], sentence.text[: match.start()]):
            metric = metric or next((name for name, pattern in METRICS.items() if pattern.search(text)), "")
        top = match["word"] not in LOWEST
        if metric == "return":
            top = top and match["word"] != "worst" and not BAD.search(match["tail"])
        if AMONG.search(sentence.text, 0, match.start()):
            yield from _among(sentence, match, known.get(PERCENTILES.get(metric, "")), top=top)
        elif not (named and metric in {"", "price", "close"}):
            yield from _judged(sentence, match, shapes, metric or "price", horizon, top=top)


def _among(sentence: Sentence, match: re.Match[str], rank: Known | None, *, top: bool) -> Iterator[Problem]:
    """Claims such as "among the weakest of the year": by the value's own percentile."""
    value = rank.value if rank and isinstance(rank.value, float) else None
    if value is None or (value < 100 - FEW if top else value > FEW):
        shown = "there is no percentile" if value is None else f"its percentile is {value:.1f} %"
        yield _problem(sentence, match, f"{shown}; among the extremes are {FEW:g} % at either end")


def _judged(  # noqa: PLR0913 - a claim, and what it is of
    sentence: Sentence, match: re.Match[str], shapes: Shapes, metric: str, horizon: str, *, top: bool
) -> Iterator[Problem]:
    if shapes.is_extreme(metric, top=top, horizon=horizon) is not True:
        end = "highest" if top else "lowest"
        yield _problem(sentence, match, f"the stored {metric} of the newest session is not the {end} of the {horizon}")


def _standing(sentence: Sentence, known: Mapping[str, Known], shapes: Shapes) -> Iterator[Problem]:
    """Where the close stands to its high and low: "trades at its yearly high", "far below"."""
    for match in STANDS.finditer(sentence.text):
        if not match["how"] or not stated(sentence, match.start()):
            continue
        top, horizon = match["end"] in {"high", "peak"}, _horizon(match["before"])
        far = match["how"].startswith(("far", "well", "a long"))
        if horizon != "year":
            if horizon and not far:
                yield from _judged(sentence, match, shapes, "price", horizon, top=top)
            continue
        limit, close = known.get("high_52w" if top else "low_52w"), known.get("close")
        if not limit or not close or not isinstance(limit.value, float) or not isinstance(close.value, float):
            yield _problem(sentence, match, "the stored rows do not reach over a year")
            continue
        away = abs(close.value / limit.value - 1) * 100
        if (away < FAR) if far else (away > (AT if match["how"] in {"at", "nearly at"} else NEAR)):
            yield _problem(sentence, match, f"the close of {close.value:g} is {away:.1f} % from {limit.value:g}")


def _dated(sentence: Sentence, known: Mapping[str, Known]) -> Iterator[Problem]:
    """A yearly high or low said to be of the newest session, by its date: "on {session} the yearly high was set"."""
    shown = {span.fact for span in sentence.spans}
    if "session" not in shown or shown & {"high_52w_date", "low_52w_date"}:
        return
    for match in SET.finditer(sentence.text):
        name = "high_52w_date" if (match["end"] or match["end2"]) in {"high", "peak"} else "low_52w_date"
        day, session = known.get(name), known.get("session")
        if stated(sentence, match.start()) and (not day or not session or day.value != session.value):
            yield _problem(sentence, match, f"{name} is {day.value if day else 'absent'}, not the newest session")


def _crossings(sentence: Sentence, shapes: Shapes) -> Iterator[Problem]:
    for match in CROSS.finditer(sentence.text):
        begin, end = sentence.clause(match.start())
        pair = _crossed(match, sentence.text[begin : match.start()], sentence.text[match.end() : end])
        if pair is None or not stated(sentence, match.start()):
            continue
        one, other, up = pair
        just = re.search(r"\b(?:just|fresh|freshly|today|this session|newly)\b", sentence.text[begin:end])
        last = shapes.since_crossing(one, other)
        if last is None:
            yield _problem(sentence, match, f"{one} never crossed {other} in the stored bars")
        elif last[1] != up or last[0] >= (JUST if just else RECENT):
            way = "up" if last[1] else "down"
            why = f"{one} last crossed {other} {way}wards, {last[0]} sessions before the newest"
            yield _problem(sentence, match, why)


def _crossed(match: re.Match[str], left: str, right: str) -> tuple[str, str, bool] | None:
    """Which line crossed which, and whether upwards; None where the words name no line."""
    if match["golden"] or match["death"]:
        return "sma_50", "sma_200", bool(match["golden"])
    up = bool(match["up"] or match["up2"] or match["bull"])
    if match["bull"] or match["bear"]:
        spoken = f"{left} {right}"
        return ("macd", "macd_signal", up) if "macd" in spoken or "signal" in spoken else None
    other = _line(right)
    one = _line(left) or "close"
    if one == "macd" and other == "macd":
        other = "macd_signal"
    return (one, other, up) if other and other != one else None


def _line(text: str) -> str | None:
    said = {idea for _, idea in ideas_in(text)}
    return next(
        (fact for idea, fact in LINES if idea in said and ("average" in said or not fact.startswith("sma"))), None
    )


def _runs(sentence: Sentence, shapes: Shapes) -> Iterator[Problem]:
    for match in RUN.finditer(sentence.text):
        if not stated(sentence, match.start()) or match[0] == "running":
            continue
        begin, end = sentence.clause(match.start())
        clause, run = sentence.text[begin:end], shapes.run()
        down = re.search(r"\b(?:los(?:ing|ses|s)|fell|fall\w*|lower|down|drop\w*|declin\w*)\b", clause)
        if re.search(r"\b(?:weeks?|months?|years?|quarters?)\b", clause) or (run > -LEAST if down else run < LEAST):
            yield _problem(sentence, match, f"the newest closes are a run of {run} (below 0: falling)")


def _closest(sentence: Sentence) -> Iterator[Problem]:
    """The closest peer is the one with the strongest correlation: peer_1."""
    for match in PEER_FIRST.finditer(sentence.text):
        at = sentence.start + match.start()
        peers = [span for span in sentence.spans if re.fullmatch(r"peer_\d", span.fact)]
        near = min(peers, key=lambda span: abs(span.start - at), default=None)
        if near and near.fact != "peer_1":
            yield _problem(sentence, match, f"{near.text} is {near.fact}; the closest is peer_1")

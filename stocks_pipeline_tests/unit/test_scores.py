import json
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stocks_pipeline.domain.reports.fact_units import Fact, FactSheet, Unit
from stocks_pipeline.domain.reports.facts import build_facts
from stocks_pipeline.domain.reports.faithfulness import sentences
from stocks_pipeline.domain.reports.placeholders import Narrative, inject
from stocks_pipeline.domain.reports.scores import explained, present, score_report
from stocks_pipeline.domain.reports.share_scores import share_scores, signals
from stocks_pipeline.domain.reports.weighing import Score, part, scaled, weighed
from stocks_pipeline_tests.report_cases import SESSION, TICKER, Problem, Verdict, draft, fact, sheet, walk

QUALITY = ("faithfulness", "completeness", "reasoning", "compliance", "consistency", "overall")
SHARE = ("technical", "momentum", "liquidity", "selling_pressure", "uncertainty", "fundamental", "valuation")


def _narrative(known: FactSheet | None = None, **changes: object) -> Narrative:
    narrative, flaws = inject(draft(**changes), known or sheet())
    assert narrative is not None, flaws
    return narrative


def _with(*facts: Fact) -> dict[str, Score]:
    """The share's scores of a sheet of these facts alone."""
    return share_scores(FactSheet(TICKER, sheet().as_of, "USD", {one.name: one for one in facts}, {}, ()))


def _percent(**values: float) -> list[Fact]:
    return [fact(name, value, Unit.PERCENT) for name, value in values.items()]


# --- weighing


def test_an_unknown_part_gives_its_weight_to_the_others() -> None:
    """The mean is over the known parts, and the unknown one is still listed with its reason."""
    score = weighed("s", (part("a", 8, 60, "seen"), part("b", None, 40, "too short")))
    assert (score.value, score.reason) == (8.0, "")
    assert [one.value for one in score.parts] == [8.0, None]


def test_with_less_than_half_known_there_is_no_score() -> None:
    """A score of a minority of its parts would be about something else; the reason names what lacks."""
    score = weighed("s", (part("a", 8, 40, "seen"), part("b", None, 60, "too short")))
    assert (score.value, score.reason) == (None, "b: too short")


def test_every_part_can_be_demanded() -> None:
    """The overall score is absent where one of its parts is."""
    assert weighed("s", (part("a", 8, 90, ""), part("b", None, 10, "gone")), every=True).value is None


@settings(deadline=None)
@given(st.floats(-1e6, 1e6))
def test_a_scale_is_held_to_its_ends(value: float) -> None:
    """0 to 10, both ends reached, and it can run downwards."""
    assert 0 <= scaled(value, -3, 5) <= 10
    assert scaled(value, 5, -3) == pytest.approx(10 - scaled(value, -3, 5))


# --- quality


def test_a_good_report_scores_high_and_every_score_is_explained() -> None:
    """All six exist, each value is the weighted mean of its known parts."""
    scores = score_report(_narrative(), sheet(), Verdict())
    for name in QUALITY:
        score = scores[name]
        known = [one for one in score.parts if one.value is not None]
        weight = sum(one.weight for one in known)
        assert score.value == pytest.approx(sum((one.value or 0) * one.weight for one in known) / weight, abs=0.06)
        assert all(one.why for one in score.parts)
    assert scores["faithfulness"].value == 10
    assert (scores["overall"].value or 0) > 7


def test_a_refused_number_costs_faithfulness() -> None:
    """A finding on a span takes that value away, one outside every span adds one that does not stand."""
    narrative = _narrative()
    close = next(one for one in narrative.evidence if one.fact == "close")
    on_span = score_report(narrative, sheet(), Verdict(False, (Problem("value", close.start),)))["faithfulness"]
    astray = score_report(narrative, sheet(), Verdict(False, (Problem("unresolved", len(narrative.text)),)))
    values = len(narrative.evidence)
    assert on_span.parts[2].why == f"{values - 1} of {values} stand"
    assert astray["faithfulness"].parts[2].why == f"{values} of {values + 1} stand"
    assert (on_span.value or 10) < 10


def test_sentences_without_a_value_cost_faithfulness() -> None:
    """A text that says much and shows little is less faithful, and the score tells how many sentences show a value."""
    chatty = "The picture is calm. The trend is firm. The tone is calm. The close of {close} is a price."
    full = score_report(_narrative(), sheet(), Verdict())["faithfulness"]
    thin = score_report(_narrative(price_and_trend=chatty), sheet(), Verdict())["faithfulness"]
    assert (full.value or 0) - (thin.value or 10) > 0.5
    assert full.parts[0].why.startswith("5 of 5 sentences show a verified value")
    assert thin.parts[0].why.startswith("5 of 8 sentences show a verified value")


def test_a_full_stop_inside_a_value_ends_no_sentence() -> None:
    """Decimals and quoted headlines are one value; a name alone anchors nothing."""
    headline = fact("news_1", "Up 3.5 percent. Who sold? Nobody.", Unit.TEXT)
    narrative = _narrative(sheet([headline]), price_and_trend='It reads "{news_1}" today. {ticker} rests.')
    facts = [[one.fact for one in inside] for inside in sentences(narrative)]
    assert facts[2:4] == [["news_1"], ["ticker"]]


def test_a_doubt_costs_a_little_faithfulness_and_nothing_else() -> None:
    """A sentence that nothing stored confirms lowers faithfulness; it contradicts nothing and is no fault of format."""
    good = score_report(_narrative(), sheet(), Verdict())
    doubted = score_report(_narrative(), sheet(), Verdict(doubts=(Problem("doubt", 80),)))
    assert (doubted["faithfulness"].value or 10) < (good["faithfulness"].value or 0)
    assert doubted["faithfulness"].parts[1].why == "1 sentences not verified"
    for name in ("consistency", "compliance"):
        assert doubted[name].value == good[name].value


def test_nothing_checked_is_no_faith() -> None:
    """A verifier that found no number gives no faithfulness, hence no overall score: never a full mark or a 5."""
    scores = score_report(_narrative(), sheet(), Verdict(numbers_checked=0))
    assert scores["faithfulness"].value is None
    assert scores["overall"].value is None
    assert "no number to check" in scores["overall"].reason


def test_a_contradiction_costs_consistency() -> None:
    """A sentence that says up where the value is down lowers consistency and faithfulness a little, not format."""
    good = score_report(_narrative(), sheet(), Verdict())
    bad = score_report(_narrative(), sheet(), Verdict(False, (Problem("direction", 80),)))
    assert (bad["consistency"].value or 0) < (good["consistency"].value or 0)
    assert bad["compliance"].value == good["compliance"].value


def test_a_stance_against_the_signals_is_poor_reasoning() -> None:
    """With every signal up, BUY reasons better than HOLD, and HOLD better than SELL."""
    buy, hold, sell = (
        score_report(_narrative(stance=name), sheet(), Verdict())["reasoning"].value or 0
        for name in ("BUY", "HOLD", "SELL")
    )
    assert buy > hold > sell


def test_a_stance_against_all_signals_is_worth_five_at_most() -> None:
    """Where every signal points up, SELL is held to 5 and told why; not HOLD or BUY, nor SELL where one is down."""
    sold = score_report(_narrative(stance="SELL"), sheet(), Verdict())["overall"]
    assert sold.value == 5
    assert sold.parts[-1].why == "SELL, and all 6 signals point up"
    mixed = sheet([fact("return_1m", -1.0, Unit.PERCENT)])
    for stance, known in (("BUY", sheet()), ("HOLD", sheet()), ("SELL", mixed)):
        overall = score_report(_narrative(known, stance=stance), known, Verdict())["overall"]
        assert "at most" not in [one.name for one in overall.parts]
        assert overall.value != 5


def test_the_stance_counts_in_the_overall_score() -> None:
    """Consistency has a weight of its own; with too few signals to judge by, the others have it and say so."""
    hold, buy = (
        score_report(_narrative(stance=name), sheet(), Verdict())["overall"].value or 0 for name in ("HOLD", "BUY")
    )
    assert buy - hold >= 1
    few = sheet(without=["close_vs_sma_50", "return_1m", "return_3m", "rsi_14"])
    narrative = _narrative(few, key_takeaways=("The close was {close}.",) * 2)
    scores = score_report(narrative, few, Verdict())
    assert scores["consistency"].value is None
    assert "only 2 signals are known" in scores["overall"].parts[1].why
    assert scores["overall"].value is not None


def test_completeness_asks_only_for_what_there_is() -> None:
    """A subject without data is no gap of the text; one with data that it leaves out is, and it is named. What the bars
    could not give is a part of its own, and named as well.
    """
    score = score_report(_narrative(), sheet(absent={}), Verdict())["completeness"]
    assert score.value == 10
    short = score_report(_narrative(), sheet(), Verdict())["completeness"]
    assert (short.value or 10) < 10
    assert short.parts[2].why == "not in the data, and said so: long-term average (200 sessions)"
    yearly = sheet([fact("high_52w", 97.35, Unit.PRICE)])
    assert "range of the year" in score_report(_narrative(yearly), yearly, Verdict())["completeness"].parts[1].why


def test_thai_is_read_by_its_letters() -> None:
    """English words in a Thai report cost the language part; length is not judged by spaces there."""
    narrative = _narrative()
    parts = {one.name: one for one in score_report(narrative, sheet(), Verdict(), language="th")["compliance"].parts}
    assert parts["language"].value == 0
    assert parts["length"].value is None


# --- the share


def test_a_score_without_data_is_absent() -> None:
    """Nothing known: every score of the share is None with a reason, and none reaches the reader."""
    scores = _with()
    assert set(scores) == set(SHARE)
    assert all(score.value is None and score.reason for score in scores.values())
    assert present(scores) == {}


def test_uncertainty_uses_its_whole_range() -> None:
    """0 at the VWAP, 5 at its documented middle, near 10 in turmoil: the zones below the middle can be reached."""

    def of(close: float, ratio: float, swing: float) -> float | None:
        return _with(
            fact("close", close, Unit.PRICE),
            fact("vwap_20", 100.0, Unit.PRICE),
            fact("volume_ratio", ratio, Unit.RATIO),
            fact("atr_percent", swing, Unit.LEVEL),
            fact("macd", 0.5, Unit.PRICE),
        )["uncertainty"].value

    assert of(100.0, 1.0, 2.5) == 0
    assert of(101.0, 1.0, 1.5) == pytest.approx(1.1)
    assert of(103.0, 1.0, 2.5) == 5
    assert of(97.0, 1.0, 2.5) == 5
    assert of(115.0, 3.0, 6.0) == 10


def test_uncertainty_is_absent_where_nothing_was_traded_or_little_is_stored() -> None:
    """Not 0.0, which reads as certainty: missing, with the reason, where the reader's scores are shown."""

    def of(count: int, **columns: Any) -> Score:
        bars = walk(count, **columns)
        return share_scores(build_facts(TICKER, bars, {}, {}, (), as_of=SESSION, source="s"))["uncertainty"]

    idle = of(250, volume=[1000] * 249 + [0])
    young = of(99)
    assert (idle.value, idle.reason) == (None, "distance × volume × range: no share was traded")
    assert young.value is None
    assert "needs 100 sessions, 99 are stored" in young.reason
    assert of(100).value is not None
    assert "uncertainty" not in present({"uncertainty": idle})


@pytest.mark.parametrize(
    ("close", "value"), [(96.0, 9), (98.0, 7), (99.5, 5), (100.5, 5), (101.5, 3), (103.0, 1), (110.0, 1)]
)
def test_selling_pressure_by_the_distance_to_vwap(close: float, value: float) -> None:
    """The steps at 1 % and 3 % to either side; far below the VWAP is pressure, and high is bad."""
    score = _with(fact("close", close, Unit.PRICE), fact("vwap_20", 100.0, Unit.PRICE))["selling_pressure"]
    assert (score.value, score.better) == (value, "low")


def test_technical_weighs_trend_momentum_and_macd() -> None:
    """50, 30 and 20, each on its documented scale."""
    score = _with(
        *_percent(close_vs_sma_20=5.0, close_vs_sma_50=0.0, close_vs_sma_200=-20.0),
        fact("rsi_14", 70.0, Unit.INDEX),
        fact("macd_histogram", -1.0, Unit.PRICE),
        fact("atr_14", 2.0, Unit.PRICE),
    )["technical"]
    assert [one.value for one in score.parts] == [5, 10, 0]
    assert score.value == pytest.approx(5.5)


def test_a_short_history_has_fewer_parts() -> None:
    """Without SMA 200 the trend is the mean of the others; without all averages technical has no score."""
    assert _with(*_percent(close_vs_sma_20=5.0))["technical"].parts[0].value == 10
    assert _with(fact("rsi_14", 70.0, Unit.INDEX))["technical"].value is None


def test_momentum_is_measured_in_usual_swings() -> None:
    """The same return is strong for a calm share and ordinary for a wild one; a price that never moved has none."""
    moved = _percent(return_1w=5.0, return_1m=5.0, return_3m=5.0)
    calm, wild, still = (
        _with(*moved, fact("volatility_30d", volatility, Unit.LEVEL))["momentum"].value
        for volatility in (10.0, 80.0, 0.0)
    )
    assert still is None
    assert (calm or 0) > (wild or 0) > 5


def test_liquidity_and_company_scores() -> None:
    """Ratio 60 and percentile 40; fundamental and valuation come from company facts only, each on its scale."""
    scores = _with(
        fact("volume_ratio", 1.0, Unit.RATIO),
        fact("volume_percentile", 100.0, Unit.LEVEL),
        fact("trailing_pe", 10.0, Unit.RATIO),
        fact("price_to_book", 8.0, Unit.RATIO),
        *_percent(revenue_growth=30.0, profit_margin=0.0),
    )
    assert scores["liquidity"].value == 7
    assert scores["fundamental"].value == 6
    assert scores["valuation"].value == 5


def test_signals_are_signs() -> None:
    """Up, down or nowhere, only of what is known."""
    known = sheet(without=["close_vs_sma_50"])
    assert signals(known)["return_1m"] == 1
    assert "close_vs_sma_50" not in signals(known)
    assert signals(sheet([fact("rsi_14", 50.0, Unit.INDEX)]))["rsi_14"] == 0


def test_scores_are_json() -> None:
    """Values for the reader, and the whole explanation beside them, both plain JSON and the same each time."""
    scores = score_report(_narrative(), sheet(), Verdict())
    assert set(present(scores)) == {*QUALITY, *SHARE} - {"fundamental", "valuation"}
    told = explained(scores)
    assert json.loads(json.dumps(told, allow_nan=False)) == json.loads(json.dumps(told))
    assert told["technical"]["parts"][0] == asdict(scores["technical"].parts[0])
    assert told == explained(score_report(_narrative(), sheet(), Verdict()))

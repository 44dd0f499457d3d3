import re

from stocks_pipeline.domain.reports.fact_catalogue import CATALOGUE
from stocks_pipeline.domain.reports.fact_labels import LABELS, LEGEND, in_words, label


def test_every_fact_has_a_name_for_people() -> None:
    """No reader meets a field's name: each fact has words of its own, which no other has."""
    assert set(LABELS) == {*CATALOGUE, "bars_without_close"}
    assert len(set(LABELS.values())) == len(LABELS)
    assert not [words for words in LABELS.values() if "_" in words]
    assert label("of_another_version") == "of another version"


def test_formulas_are_shown_without_field_names() -> None:
    """Where a formula names another fact, a reader sees its label."""
    assert in_words(CATALOGUE["macd_histogram"].formula) == "macd minus MACD signal line"
    assert not [name for name, entry in CATALOGUE.items() if "_" in in_words(entry.formula)]


def test_the_legend_tells_the_spans_of_the_formulas() -> None:
    """What a reader is told of spans is what is computed."""
    for said, fact, formula in (
        (r"short (\d+)", "sma_20", r"last (\d+) closes"),
        (r"medium (\d+)", "sma_50", r"last (\d+) closes"),
        (r"long (\d+)", "sma_200", r"last (\d+) closes"),
        (r"bands (\d+)", "vwap_20", r"last (\d+) sessions"),
        (r"bands (\d+)", "volume_sma_20", r"last (\d+) sessions"),
        (r"bands (\d+)", "bollinger_upper", r"last (\d+) closes"),
        (r"ATR (\d+)", "rsi_14", r"over (\d+) sessions"),
        (r"ATR (\d+)", "atr_14", r"over (\d+) sessions"),
        (r"MACD (\d+)", "macd", r"EMA (\d+) minus"),
        (r"12, (\d+) and", "macd", r"minus EMA (\d+)"),
        (r"26 and (\d+)", "macd_signal", r"EMA (\d+) of"),
        (r"volatility from (\d+)", "volatility_30d", r"last (\d+) log"),
        (r"percentiles of (\d+)", "rsi_percentile", r"last (\d+) sessions"),
        (r"past months: (\d+)", "return_3m", r"(\d+) months earlier"),
        (r"peers by (\d+)-month", "peer_1", r"(\d+) months"),
    ):
        told, computed = re.search(said, LEGEND), re.search(formula, CATALOGUE[fact].formula)
        assert told, said
        assert computed, fact
        assert told[1] == computed[1], fact

"""The stand-ins of a morning: they answer as scripted, count what they were asked, and keep answers as the real do."""

import threading
from datetime import date

import pytest

from stocks_pipeline.defs.dr.keeping import KeptAnswers
from stocks_pipeline.storage.lake import open_lake
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError
from stocks_pipeline.upstream.yahoo_bars import Window
from stocks_pipeline_tests.morning_desk import (
    NEWS_LINE,
    CannedCompany,
    CannedModel,
    CannedNews,
    down,
    good_answer,
    headline,
    waves,
)

ASK = [{"role": "user", "content": "close: 1"}]


def test_a_canned_model_keeps_its_answers_and_forgets_them_when_told(tmp_path: object) -> None:
    """The same question is answered once; discarded, it is asked anew; a scripted failure is raised."""
    model = CannedModel(lambda subject, number: down(subject) if number == 2 else None)
    stop = threading.Event()
    with model.open(KeptAnswers(open_lake(str(tmp_path))), lambda _: None) as opened:
        assert opened.answered(ASK) is False
        first = opened.write(ASK, call_id="a", subject="X", execution_id="e", stop=stop)
        assert opened.answered(ASK) is True
        again = opened.write(ASK, call_id="b", subject="X", execution_id="e", stop=stop)
        assert (first.reused, again.reused, model.subjects) == (False, True, ["X"])
        opened.discard(first)
        assert opened.write(ASK, call_id="c", subject="X", execution_id="e", stop=stop).reused is False
        with pytest.raises(UpstreamError):
            opened.write([*ASK, *ASK], call_id="d", subject="X", execution_id="e", stop=stop)


def test_a_good_answer_speaks_of_news_where_there_is_some() -> None:
    """The prompt decides."""
    assert good_answer(ASK)["news"] is None
    assert good_answer([{"role": "user", "content": "news_1: x\nnews_1_date: y"}])["news"] == NEWS_LINE


def test_canned_news_and_companies_answer_or_fail_as_told() -> None:
    """By Yahoo's name; nothing is known of others."""
    item, failure = headline("NVDA"), down("NVDA", FailureKind.RATE)
    with CannedNews({"NVDA": [item, item], "X": failure}).open() as news:
        assert news.headlines("NVDA", limit=1) == (item,)
        assert news.headlines("D05.SI") == ()
        with pytest.raises(UpstreamError):
            news.headlines("X")
        assert news.asked == ["NVDA", "D05.SI", "X"]
    with CannedCompany({"NVDA": {"beta": 1.0}, "X": failure}).open(str) as company:
        assert (company.company("NVDA"), company.company("D05.SI")) == ({"beta": 1.0}, {})
        with pytest.raises(UpstreamError):
            company.company("X")


def test_waves_are_healthy_bars_on_the_sessions_of_their_exchange() -> None:
    """Low ≤ open, close ≤ high; Thanksgiving is a session in Singapore only; two symbols never agree."""
    window = Window(date(2025, 11, 24), date(2025, 11, 28))
    nasdaq, singapore = waves("NVDA", window).table.to_pylist(), waves("D05.SI", window).table.to_pylist()
    assert (len(nasdaq), len(singapore)) == (4, 5)
    assert all(r["low"] <= min(r["open"], r["close"]) <= max(r["open"], r["close"]) <= r["high"] for r in nasdaq)
    assert nasdaq[0]["close"] != singapore[0]["close"]

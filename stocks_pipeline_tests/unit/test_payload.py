import base64
import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from stocks_pipeline.domain.news import NewsItem
from stocks_pipeline.domain.reports.answer import read_answer
from stocks_pipeline.domain.reports.fact_labels import LABELS, LEGEND
from stocks_pipeline.domain.reports.fact_units import FactSheet, Unit
from stocks_pipeline.domain.reports.facts import build_facts
from stocks_pipeline.domain.reports.page import KEY_FACTS, page_of, sections_of
from stocks_pipeline.domain.reports.payload import build_payload, markdown, payload_json
from stocks_pipeline.domain.reports.placeholders import Narrative, inject
from stocks_pipeline.domain.reports.prompt import messages
from stocks_pipeline.domain.reports.scores import score_report
from stocks_pipeline.domain.reports.verifier import verify
from stocks_pipeline.domain.reports.world import world_of
from stocks_pipeline.domain.tickers import Ticker, packaged_tickers
from stocks_pipeline.sandbox.chat_writer import read_prompt, write
from stocks_pipeline_tests.report_cases import (
    COSTS,
    EXECUTION,
    SESSION,
    TICKER,
    TIMINGS,
    Problem,
    Verdict,
    draft,
    fact,
    has_replay,
    recorded,
    sheet,
    walk,
)

NEWS = NewsItem("n-1", "Chips rise", "A paper", "https://news.example/a", datetime(2024, 3, 14, 3, tzinfo=UTC))


def _payload(known: FactSheet | None = None, verdict: Verdict | None = None, **changes: Any) -> dict[str, Any]:
    known, verdict = known or sheet(), verdict or Verdict()
    narrative, flaws = (changes["narrative"], ()) if "narrative" in changes else inject(draft(), known)
    assert narrative is not None, flaws
    given: dict[str, Any] = {
        "sheet": known,
        "narrative": narrative,
        "verdict": verdict,
        "scores": score_report(narrative, known, verdict),
        "chart_png": b"\x89PNG",
        "news": (NEWS,),
        "timings": TIMINGS,
        "costs": COSTS,
        "execution": EXECUTION,
    }
    return build_payload(**{**given, **changes})


def test_the_seeds_keys_are_there() -> None:
    """narrative_report, chart_base64, user_facing_scores, timing_metrics with its four steps, api_costs; and ours."""
    payload = json.loads(payload_json(_payload()))
    assert payload["narrative_report"].startswith("**NVDA19 — NVIDIA Corporation**")
    assert base64.b64decode(payload["chart_base64"]) == b"\x89PNG"
    assert payload["user_facing_scores"]["faithfulness"] == 10.0
    assert payload["timing_metrics"] == {"fetch_data": 1.235, "news": 2.0, "ai_analysis": 3.0, "chart": 0.05}
    assert payload["api_costs"]["usd"] == "0.0065"
    assert (payload["ticker"], payload["session"], payload["stance"]) == ("NVDA19", "2024-03-14", "BUY")
    assert payload["generated_at"] == "2024-03-15T05:21:00+00:00"
    assert {"company_name", "execution_id", "model", "evidence", "verdict", "facts", "news_items"} <= set(payload)


def test_the_same_input_gives_the_same_bytes() -> None:
    """Nothing in the payload depends on chance or on a clock."""
    assert payload_json(_payload()) == payload_json(_payload())


def test_evidence_still_fits_after_storage() -> None:
    """The spans index the stored text as they did the fresh one, and the sheet reads back as it was."""
    payload = json.loads(payload_json(_payload()))
    for one in payload["evidence"]:
        assert payload["narrative_report"][one["start"] : one["end"]] == one["text"]
    assert FactSheet.from_dict(payload["facts"]) == sheet()


def test_what_is_unknown_is_null() -> None:
    """A step not taken and a price not told are null: never 0."""
    costs, timings = replace(COSTS, usd=None), replace(TIMINGS, news=None)
    payload = _payload(costs=costs, timings=timings)
    assert payload["api_costs"]["usd"] is None
    assert payload["timing_metrics"]["news"] is None
    assert "fundamental" not in payload["user_facing_scores"]
    assert payload["score_parts"]["fundamental"]["reason"]
    assert "at a cost the provider did not tell" in markdown(payload)


def test_money_is_text_without_exponent() -> None:
    """A tiny price is written out, so that no reader rounds it."""
    assert _payload(costs=replace(COSTS, usd=Decimal("1E-7")))["api_costs"]["usd"] == "0.0000001"


def test_findings_and_doubts_are_kept() -> None:
    """A verdict's findings and doubts are stored with their place and reason."""
    doubt = Problem("doubt", 9, "It hums.", "no value")
    verdict = Verdict(passed=False, findings=(Problem("value", 7, "8", "is 9"),), doubts=(doubt,))
    assert _payload(verdict=verdict)["verdict"] == {
        "passed": False,
        "numbers_checked": 10,
        "findings": [{"kind": "value", "at": 7, "text": "8", "why": "is 9"}],
        "doubts": [{"kind": "doubt", "at": 9, "text": "It hums.", "why": "no value"}],
    }


def test_markdown_lists_what_is_not_verified() -> None:
    """A reader sees each doubtful sentence under a heading of its own, and no heading where there is none."""
    doubted = markdown(_payload(verdict=Verdict(doubts=(Problem("doubt", 9, "It hums.", "no value"),))))
    assert "## Not verified" in doubted
    assert "\n- It hums.\n" in doubted
    assert "Not verified" not in markdown(_payload())


def test_a_number_that_is_none_is_refused() -> None:
    """NaN is no JSON, and no payload has one."""
    with pytest.raises(ValueError, match="JSON"):
        payload_json({**_payload(), "x": float("nan")})


def test_markdown_tells_scores_and_sources() -> None:
    """The text, then each score with its parts, then where every quoted fact comes from; one row each."""
    text = markdown(_payload(), chart="NVDA19.png")
    assert "![Price chart](NVDA19.png)" in text
    assert "| uncertainty of the newest session, better low |" in text
    assert "| fundamental | – |" in text
    rows = text.split("| how | from |\n|---|---|---|---|---|\n")[1].split("\n\n")[0].split("\n")
    assert len(rows) == len({one["fact"] for one in _payload()["evidence"]})
    assert "| close | 87.90 USD | 14 March 2024 | as tested |" in text
    assert "0.0065 USD" in text


def test_a_hostile_name_stays_one_cell() -> None:
    """A fact's text with bars and markup cannot break the table or become a link."""
    hostile = fact("company_name", "Evil | [x](http://e.example) <b>", Unit.TEXT)
    text = markdown(_payload(sheet([hostile])))
    row = next(line for line in text.split("\n") if line.startswith("| company |"))
    assert r"Evil \| \[x\](http\://e.example) \<b\>" in row


def test_the_page_reads_the_payload() -> None:
    """Sections and points as plain text, key facts as displayed, a dash where the sheet has none."""
    page = page_of(json.loads(payload_json(_payload())))
    assert [section.title for section in page.sections][:2] == ["Key takeaways", "Price and trend"]
    assert page.sections[0].points[1] == "The RSI of 63.5 is neutral."
    assert dict(page.key_facts)["Close"] == "87.90 USD"
    assert dict(page.key_facts)["One year"] == "–"
    assert len(page.key_facts) == len(KEY_FACTS)
    assert "15 March 2024, 05:21 UTC" in page.footer


def test_a_currency_that_is_not_the_lists_is_told_on_the_page() -> None:
    """Page and Markdown name both currencies; where they agree, neither says a word about it."""
    agreed = _payload()
    other = _payload(replace(sheet(), ticker=replace(TICKER, currency="SGD")))
    said = "Mind the currency: the ticker list says SGD, the bars are in USD, and so is every price here."
    assert said in page_of(other).footer
    assert said in markdown(other)
    assert page_of(other).session.startswith("Nasdaq · USD · session of ")
    assert "Mind the currency" not in page_of(agreed).footer + markdown(agreed)


def test_news_that_could_not_be_had_are_told_on_the_page() -> None:
    """Markdown and footer say why, a stranger's words escaped and the footer's cut; without an error neither does."""
    lacking = {**_payload(), "news_error": "news NVDA: 503 <b>try later</b> [transient, 3 tries]"}
    assert r"News could not be had: news NVDA: 503 \<b\>try later\</b\> \[transient, 3 tries\]." in markdown(lacking)
    assert page_of(lacking).footer.startswith(f"News could not be had: {lacking['news_error']}. Written ")
    endless = page_of({**lacking, "news_error": "x" * 4000}).footer
    assert len(endless) < 400
    assert "could not be had" not in page_of(_payload()).footer + markdown(_payload())


def test_sections_are_read_back_without_escapes() -> None:
    """Markdown's backslashes are for Markdown; the page shows the text."""
    [section] = sections_of("**X**\n\n## News\n\nA \\*star\\* \\<b\\>\n- point\n")
    assert section.paragraphs == ("A *star* <b>",)
    assert section.points == ("point",)


def test_what_is_not_in_the_data_is_said_in_plain_words() -> None:
    """Every absent fact of a short history is named, grouped by its reason, on the page as in the Markdown; by labels
    and with the date written out, never by a field's name.
    """
    known = build_facts(
        TICKER, walk(120), {}, {}, (), as_of=SESSION, source="s", no_company="not asked for: it is past"
    )
    narrative, flaws = inject(draft(), known)
    assert narrative is not None, flaws
    payload = _payload(known, narrative=narrative)
    text = markdown(payload)
    [section] = [section for section in page_of(payload).sections if section.title == "Not in these data"]
    for told in (text.partition("## Not in these data")[2].partition("\n## ")[0], "\n".join(section.points)):
        for name in known.absent:
            assert (
                name.endswith("_date") or name == "news_1" or LABELS[name].removesuffix(" 1").lower() in told.lower()
            ), name
        assert not [name for name in known.absent if "_" in name and name in told]
        assert "needs a year of bars, they begin on 29 September 2023" in told
        assert "return on equity: not asked for: it is past." in told


def test_a_whole_sheet_has_no_section_of_gaps() -> None:
    """Where nothing is absent but the news, nobody is told of gaps."""
    whole = _payload(sheet(absent={"news_1": "no news item"}))
    assert "Not in these data" not in markdown(whole)
    assert "Not in these data" not in [section.title for section in page_of(whole).sections]


def test_the_spans_are_told_in_every_form() -> None:
    """What short, medium and long mean stands in Markdown and on the page."""
    assert LEGEND in markdown(_payload())
    assert page_of(_payload()).legend == LEGEND


@pytest.mark.parametrize(
    ("source", "played", "note"),
    [
        ("yahoo", False, ""),
        (
            "yahoo-sandbox",
            True,
            "Simulated: prices, headlines and model answers come from the sandbox; nothing was paid.",
        ),
        (
            "yahoo-replay",
            True,
            (
                "Simulated: the prices are real, recorded ones; headlines and model answers come from the sandbox; "
                "nothing was paid."
            ),
        ),
        ("yahoo-sandbox", False, "Simulated: prices come from the sandbox."),
    ],
)
def test_a_simulated_report_says_so_in_every_form(source: str, played: bool, note: str) -> None:  # noqa: FBT001
    """Markdown, page and PDF footer say what is simulated, who wrote it and that nothing was paid; a real report none
    of it.
    """
    payload = _payload() | {"world": world_of(walk(250, source=[source] * 250), played=played)}
    page, text = page_of(payload), markdown(payload)
    assert page.world == note
    assert page.footer.startswith(note)
    assert note in text
    assert ("imulated" in text) == bool(note)
    assert ("by the sandbox in the place of vendor/model, nothing paid" in text) == played
    assert ("by the sandbox in the place of vendor/model;" in page.footer) == played
    assert "would have cost 0.0065 USD" in text if played else "vendor/model, 0.0065 USD" in text


def test_a_recording_without_events_is_not_taken_for_traded_prices() -> None:
    """Replayed bars over more than a year with no dividend, no split and close = adj_close: a close shown may never
    have been traded, and the report says so; not for other bars.
    """
    replayed = {"source": ["yahoo-replay"] * 300}
    paid = [0.5] + [0.0] * 299
    apart = [1.0] * 300
    for columns, count, told in (
        (replayed, 300, True),
        ({"source": ["yahoo-replay"] * 200}, 200, False),
        (replayed | {"dividend": paid}, 300, False),
        (replayed | {"split": paid}, 300, False),
        (replayed | {"adj_close": apart}, 300, False),
        ({}, 300, False),
    ):
        payload = _payload() | {"world": world_of(walk(count, **columns), played=True)}
        assert ("may not be the price that traded" in markdown(payload)) is told


@pytest.mark.skipif(not has_replay(), reason="the recorded prices (STOCKS_SHARED_DATA) are not on this machine")
def test_the_recorded_day_is_written_for_every_ticker_that_has_one() -> None:
    """Facts of real bars, the sandbox's model, injection, verifier, payload: 40 of 46 tickers, six have no session."""
    written, empty = [], []
    for ticker in packaged_tickers():
        bars = recorded(ticker)
        if not bars.num_rows:
            empty.append(ticker.dr)
            continue
        narrative, known, verdict = _verified(ticker, bars)
        assert verdict.passed, (ticker.dr, verdict.findings)
        written.append(payload_json(_payload(known, verdict, narrative=narrative)))
    assert (len(written), len(empty)) == (40, 6)


@pytest.mark.parametrize("name", ["E*TRADE Group_A", "S&P 500 [Dist] #1", "Foo ~ Bar | Baz", "AT&T Inc."])
def test_the_verifier_reads_an_escaped_name(name: str) -> None:
    """The writer escapes Markdown's marks, the verifier undoes that by itself: such a name refuses no report."""
    _, _, verdict = _verified(replace(TICKER, name=name), walk(250))
    assert verdict.passed, verdict.findings


def _verified(ticker: Ticker, bars: Any) -> tuple[Narrative, FactSheet, Any]:
    """What the sandbox's model writes about bars, and what the verifier says of it."""
    known = build_facts(ticker, bars, {}, {}, (NEWS,), as_of=SESSION, source="dr/ticker-data/x.parquet")
    made, flaws = read_answer(write(read_prompt(messages(known)), 7), has_news=True)
    assert made is not None, (ticker.dr, flaws)
    narrative, flaws = inject(made, known)
    assert narrative is not None, (ticker.dr, flaws)
    return narrative, known, verify(narrative.text, narrative.evidence, known.to_dict(), bars, {}, {}, (NEWS,))

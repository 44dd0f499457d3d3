import pytest

from stocks_pipeline.domain.reports.verifier_display import Known
from stocks_pipeline.domain.reports.verifier_layout import layout, stance_of
from stocks_pipeline.domain.reports.verifier_spans import Problem, Span, mask
from stocks_pipeline_tests.verifier_sentence import problems


@pytest.mark.parametrize(
    "template",
    [
        "The close was {close}, above its short-term average of {sma_20}.",
        "At {close}, the price is below its long-term average of {sma_200}.",
        "The price fell from {previous_close} to {close}.",
        "With the RSI at {rsi_14}, the stock is in overbought territory.",
        "Support lies at the short-term average of {sma_20}; resistance lies at the long-term average of {sma_200}.",
        "The yearly high of {high_52w} remains out of reach, as the close of {close} is well below it.",
        "Failure to hold above the short-term average of {sma_20} could invite selling.",
        "Volume of {volume} was lighter than its average of {volume_sma_20}, for a volume ratio of {volume_ratio}.",
        "Averages: short {sma_20}, medium {sma_50}, long {sma_200}.",
        "Returns were {return_1w} over the week and {return_1d} on the day.",
        "The shares fell {return_1d} on the day but gained {return_1w} over the week.",
        "The MACD of {macd} is below its signal line of {macd_signal}.",
        "Volume of {volume} was below its average of {volume_sma_20}.",
        "Average volume is {volume_sma_20}.",
        "The year's high is {high_52w}, set on {high_52w_date}, and its low {low_52w}.",
        "The daily range is {atr_percent}, in the {atr_percentile} percentile of its own year.",
        "The RSI at {rsi_14} is overbought.",
        "The RSI at {rsi_14} is not oversold.",
        "A close below {sma_50}, the medium-term average, would hurt.",
        "If it drops under the short-term average of {sma_20}, the price might fall.",
        "{peer_1} is a peer with a negative correlation of {peer_1_correlation}.",
        "“{news_1}” was published on {news_1_date}.",
        "The price is {close_vs_sma_200} below its long-term average.",
        "The month was flat, with a monthly return of {return_1m}.",
        "Bands run from {bollinger_lower} to {bollinger_upper}.",
    ],
)
def test_true_sentences_pass(template: str) -> None:
    """Values called by their names, in directions that their numbers have, pass."""
    assert problems(template) == []


@pytest.mark.parametrize(
    ("template", "kind"),
    [
        ("The close was {sma_20}, above its short-term average of {close}.", "claim"),
        ("Averages: short {sma_50}, medium {sma_20}, long {sma_200}.", "claim"),
        ("Returns were {return_1d} over the week and {return_1w} on the day.", "claim"),
        ("The year's high is {low_52w} and its low {high_52w}.", "claim"),
        ("The year's high was set on {low_52w_date}.", "claim"),
        ("Volume was {volume_sma_20} against an average of {volume}.", "claim"),
        ("The MACD is {macd_signal} and its signal line {macd}.", "claim"),
        ("The daily range is {atr_percentile}, in the {atr_percent} percentile of its own year.", "claim"),
        ("Bands run from {bollinger_upper} to {bollinger_lower}.", "claim"),
        ("It stands at {close}.", "claim"),
        ("The average is {sma_20}.", "claim"),
        ("{peer_2} is a peer with a correlation of {peer_1_correlation}.", "claim"),
        ("“{news_2}” was published on {news_1_date}.", "claim"),
        ("The shares rose {return_1d} on the day.", "direction"),
        ("The shares fell {return_1w} over the week.", "direction"),
        ("The shares rose {return_1m} over the month.", "direction"),
        ("The week was flat, with a weekly return of {return_1w}.", "direction"),
        ("The close of {close} is below its short-term average of {sma_20}.", "direction"),
        ("The price is above its long-term average.", "direction"),
        ("It trades {close_vs_sma_200} above its long-term average.", "direction"),
        ("The MACD of {macd} is above its signal line of {macd_signal}.", "direction"),
        ("A positive histogram of {macd_histogram} helps the MACD.", "direction"),
        ("Volume was above its average of {volume_sma_20}.", "direction"),
        ("The RSI at {rsi_14} is oversold.", "direction"),
        ("The price rose to {close} from {previous_close}.", "direction"),
        ("The close of {close} topped the previous close of {previous_close}.", "direction"),
        ("Volume was heavier than average, with a volume ratio of {volume_ratio}.", "direction"),
        ("The stock broke above its long-term average of {sma_200}.", "direction"),
        ("The previous close was {close}.", "claim"),
        ("The RSI is not overbought.", "direction"),
        ("{peer_1} is a peer with a positive correlation of {peer_1_correlation}.", "direction"),
        ("The short-term average of {sma_20} is above the medium-term average of {sma_50}.", "direction"),
    ],
)
def test_false_sentences_are_refused(template: str, kind: str) -> None:
    """A right number under another name, or in a direction it does not have, is refused."""
    assert kind in {problem.kind for problem in problems(template)}


@pytest.mark.parametrize(
    ("template", "kind"),
    [
        ("ราคาปิดที่ {close} สูงกว่า เส้นค่าเฉลี่ย ระยะสั้น ที่ {sma_20}", None),
        ("สัปดาห์นี้เพิ่มขึ้น {return_1w}", None),
        ("สัปดาห์นี้ลดลง {return_1w}", "direction"),
        ("จุดสูงสุด {low_52w}", "claim"),
        ("ปริมาณการซื้อขาย {volume}", None),
    ],
)
def test_thai_sentences(template: str, kind: str | None) -> None:
    """Thai names and directions are read as English ones are."""
    found = {problem.kind for problem in problems(template)}
    assert found == ({kind} if kind else set())


BODY = "".join(
    f"\n## {name}\n\nCalm words.\n"
    for name in ("Key takeaways", "Price and trend", "Momentum and volume", "Risks to watch")
)


def page(body: str = BODY, line: str = "**DBS19 — DBS Group** · 14 March 2024 · HOLD") -> list[Problem]:
    text = f"{line}\n{body}"
    spans = []
    for fact, value in (("ticker", "DBS19"), ("company_name", "DBS Group"), ("session", "14 March 2024")):
        at = text.find(value)
        if at >= 0:
            spans.append(Span(at, at + len(value), fact, value))
    from datetime import date

    known = {"ticker": Known("DBS19"), "company_name": Known("DBS Group"), "session": Known(date(2024, 3, 14))}
    return layout(mask(text, spans), spans, known)


def test_a_whole_page_passes() -> None:
    """First line and four sections, no news: the smallest report."""
    assert page() == []


@pytest.mark.parametrize(
    "body",
    [
        BODY.replace("## Price and trend\n\nCalm words.", "## Price and trend\n"),
        BODY.replace("\n## Momentum and volume\n\nCalm words.\n", ""),
        BODY.replace("## Risks", "### Risks"),
        BODY + BODY,
        BODY + "\n## News\n\nNone.\n",
        BODY + "\n## Extra\n\nWords.\n",
        "words\n" + BODY,
        "",
    ],
)
def test_sections_must_be_right(body: str) -> None:
    """A section that is empty, missing, doubled, unknown or of another level is refused; so is news without news."""
    assert "section" in {problem.kind for problem in page(body)}


@pytest.mark.parametrize(
    "line",
    [
        "**DBS19 — DBS Group** · 14 March 2024 · STRONG BUY",
        "**DBS19 — DBS Group** · 14 March 2024",
        "DBS19 — DBS Group · 14 March 2024 · BUY",
        "**DBS Group — DBS19** · 14 March 2024 · BUY",
        "**DBS19 — DBS Groups** · 14 March 2024 · BUY",
        "",
    ],
)
def test_the_first_line_must_be_right(line: str) -> None:
    """Form, order and stance of the first line are fixed."""
    assert page(line=line)


@pytest.mark.parametrize(
    "said", ["We rate it a buy.", "Our stance is SELL.", "The verdict: sell.", "Investors recommend buying."]
)
def test_another_stance_is_refused(said: str) -> None:
    """A HOLD report may not speak of buying or selling as its verdict."""
    assert "stance" in {problem.kind for problem in page(BODY.replace("Calm words.", said, 1))}


@pytest.mark.parametrize(
    "said",
    [
        "A sell-off may follow.",
        "Buyers hold back.",
        "Our stance is HOLD.",
        "We keep it a hold.",
        "Selling pressure is low.",
    ],
)
def test_talk_of_buyers_is_no_stance(said: str) -> None:
    """Words about the market's buying and selling are no verdict."""
    assert page(BODY.replace("Calm words.", said, 1)) == []


def test_stance_is_read_from_the_first_line_only() -> None:
    """stance_of gives the stance of a right first line, else None."""
    assert stance_of("BUY") is None

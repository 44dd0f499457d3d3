"""Claims made in words: each of these passed once although false, or stands for a kind that did."""

import numpy as np
import pytest

from stocks_pipeline.domain.reports.verifier_display import Known
from stocks_pipeline.domain.reports.verifier_spans import MASK
from stocks_pipeline.domain.reports.verifier_stance import stances
from stocks_pipeline_tests.verifier_sentence import HEAD, KNOWN, problems, shapes

BUSY = {"volume_ratio": Known(1.53), "volume": Known(1530), "rsi_14": Known(55.0), "peer_1_correlation": Known(0.68)}
RISING, FALLING = tuple(np.linspace(50, 150, 400)), tuple(np.linspace(150, 50, 400))
CROSSING = (*np.linspace(100, 80, 340), *np.linspace(80, 105, 50))
"""A long fall, then a rise: the medium average crosses the long one in the last sessions."""


@pytest.mark.parametrize(
    "template",
    [
        "Over the past few months the return is {return_3m}, a loss for holders.",
        "A return of {return_3m} over the past few months leaves holders with a loss.",
        "A return of {return_3m} over the past few months shows that sellers had the upper hand.",
        "The shares closed at {close} on {session}, a daily return of {return_1d} and a step up.",
        "Over the past month the return is {return_1m}, so the price soared.",
        "The price plunged, a yearly return of {return_1y}.",
        "The weekly return of {return_1w} wiped out savings.",
        "Over the past year the return is {return_1y}, which punished patience.",
        "The monthly return of {return_1m} was a gain.",
        "The yearly return of {return_1y} is flat.",
        "The price trades below its long-term average by a premium of {close_vs_sma_200}.",
        "The shares rose to a close of {close} on {session}.",
        "Shares fell over the past year.",
        "Holders lost money over the past year.",
        "The price rose in the session.",
        "{company_name} tumbled over the past year.",
        "ราคาลดลงในปี",
        "ผลตอบแทนในรอบปี {return_1y} ขาดทุน",
    ],
)
def test_directions_anywhere_in_the_sentence(template: str) -> None:
    """A word of direction contradicts its value also behind it, after a cut, or with no value at all."""
    assert "direction" in {problem.kind for problem in problems(template)}


@pytest.mark.parametrize(
    "template",
    [
        "Over the past few months the return is {return_3m}, a gain for holders.",
        "Over the past month the return is {return_1m}, so the price went nowhere.",
        "The weekly gain of {return_1w} was partly given back with the daily loss of {return_1d}.",
        "The shares fell to a close of {close} on {session}.",
        "The shares rose to a close of {close} over the past year.",
        "The shares fell on the day, yet they rose over the past year.",
        "The weekly return is {return_1w}, and a loss of {return_1d} came on the day.",
        "The shares fell below their long-term average.",
        "{company_name} could fall over the past year's range.",
    ],
)
def test_true_directions_pass(template: str) -> None:
    """The same words where they are true, or where they state nothing."""
    assert problems(template) == []


@pytest.mark.parametrize(
    "template",
    [
        "Trading was quieter than usual, with a volume ratio of {volume_ratio}.",
        "Trading was quiet, with a volume ratio of {volume_ratio}.",
        "Trading was about as busy as usual, with a volume ratio of {volume_ratio}.",
        "Volume came to {volume}, far thinner than usual.",
        "Returns ran opposite to those of the peer {peer_1}, with a correlation of {peer_1_correlation}.",
        "The RSI of {rsi_14} is close to oversold.",
        "The RSI of {rsi_14} is bearish and overheated.",
        "Annualised volatility of {volatility_30d} is extreme for a share.",
        "The price is in a downtrend, above its short-term average of {sma_20}.",
        "The closest peer is {peer_2}.",
    ],
)
def test_levels_that_the_values_contradict(template: str) -> None:
    """Comparisons with the usual, zones and plain adjectives are held against the value."""
    uptrend = {f"close_vs_sma_{span}": Known(5.0) for span in (20, 50, 200)}
    assert problems(template, BUSY | uptrend)


@pytest.mark.parametrize(
    "template",
    [
        "Trading was busier than usual, with a volume ratio of {volume_ratio}.",
        "Returns moved with those of the peer {peer_1}, with a correlation of {peer_1_correlation}.",
        "The RSI of {rsi_14} is neutral, neither overbought nor oversold.",
        "Annualised volatility of {volatility_30d} is moderate.",
        "The closest peer is {peer_1}.",
        "In light of the volume of {volume}, buyers may return.",
        "Quiet trading could return.",
    ],
)
def test_levels_that_the_values_allow(template: str) -> None:
    """The same words where they are true."""
    assert problems(template, BUSY) == []


@pytest.mark.parametrize(
    "template",
    [
        "The shares stand at a record high.",
        "The share price has never been this dear.",
        "It was the best month in years.",
        "The close of {close} is a fresh low for the year.",
        "The shares set a new yearly high of {high_52w} in this session.",
        "The closing price was {close}, the highest of the year.",
        "The RSI of {rsi_14} is its highest reading of the past year.",
        "The price trades at its yearly high.",
        "A golden cross of the averages has just formed.",
        "The MACD of {macd} has crossed above its signal line.",
        "The price rose for the umpteenth time, session after session.",
        "The yearly return of {return_1y} is ahead of the market.",
        "It is the cheapest share of the sector.",
        "ราคาหุ้นทำสถิติสูงสุดตลอดกาล",
    ],
)
def test_feats_that_the_bars_do_not_show(template: str) -> None:
    """Records, new highs, crossings, runs and comparisons with others need bars that show them."""
    assert "claim" in {problem.kind for problem in problems(template)}


@pytest.mark.parametrize(
    ("template", "closes"),
    [
        ("The shares set a new high for the year.", RISING),
        ("It was the highest close of the year.", RISING),
        ("The shares set a fresh low for the month.", FALLING),
        ("A golden cross has formed.", CROSSING),
        ("The price crossed above its medium-term average.", (*CROSSING[:340], *np.linspace(80, 108, 12))),
        ("The price closed lower, a losing streak.", FALLING),
        ("The drawdown from the highest close of the year is {drawdown}.", RISING),
        ("A new high for the year would help.", FALLING),
    ],
)
def test_feats_that_the_bars_show(template: str, closes: tuple[float, ...]) -> None:
    """The same words where the bars did it, or where they state nothing."""
    assert problems(template, closes=closes) == []


def test_a_short_history_shows_no_feat_of_the_year() -> None:
    """Where the bars do not reach back over a year, nothing is the highest of the year."""
    assert shapes(RISING).is_extreme("price", top=True, horizon="year") is True
    assert shapes(RISING[-50:]).is_extreme("price", top=True, horizon="year") is None


@pytest.mark.parametrize(
    "template",
    [
        "Daily volatility of {volatility_30d} is moderate.",
        "Within the month it traded between a low of {low_52w} and a high of {high_52w}.",
        "Its weekly range runs from a low of {low_52w} to a high of {high_52w}.",
        "The volume-weighted average price of the year is {vwap_20}.",
        "The volume-weighted average price of this session is {vwap_20}.",
        "Average daily volume came to {volume}.",
        "The weekly RSI is {rsi_14}.",
        "The opening price was {close}.",
        "The daily range is {atr_percent}, in the {atr_percentile} percentile of its own month.",
        "A return of {return_1y} came over the past month.",
    ],
)
def test_spans_of_time_that_do_not_fit(template: str) -> None:
    """A value named as of another span of time, or of another kind, is refused."""
    assert "claim" in {problem.kind for problem in problems(template)}


@pytest.mark.parametrize(
    "template",
    [
        "The RSI of {rsi_14} points is high.",
        "Volume came to {volume} lots.",
        "Volume came to {volume} million.",
        "The closing price of {close} each is fair.",
        "The closing price is {close}-points.",
        "The price costs a buck.",
        "It was a single-digit gain.",
        "The price is firm [a].",
        "The price is firm (a).",
        "The price is firm†.",
        "The price is *firm*.",
        "See https://evil.example/x.",
        "See www.evil.example.",
        "More at evil.com.",
        "Write to a@b.co.",
    ],
)
def test_units_marks_and_addresses(template: str) -> None:
    """A unit behind a value, vague units, footnotes, emphasis and addresses are refused."""
    assert {problem.kind for problem in problems(template)} & {"span", "unresolved", "markup"}


@pytest.mark.parametrize(
    "template",
    [
        "The group is being courted by a larger competitor.",
        "A new boss took the helm.",
        "A mine was flooded.",
        "Big funds have been piling in.",
        "It is the darling of the exchange.",
        "Head for the door.",
        "{company_name} faces a boycott.",
        "A return of {return_3m} came over the past few months, a bloodbath.",
        "The listing will move abroad.",
        "The combination of weak momentum and a narrow range argues for caution.",
        "The close of {close} came after a fleet order.",
        "The close of {close} formed a doji.",
        "The headline {news_1} lifted the shares.",
        "The MACD of {macd} just overtook its rivals.",
    ],
)
def test_words_out_of_the_lexicon_are_doubted(template: str) -> None:
    """A word of no list, beside a value or not, or a claim that no rule judges: a doubt, told whole, no finding."""
    doubts = [problem for problem in problems(template) if problem.kind == "doubt"]
    assert len(doubts) == 1
    assert doubts[0].text.endswith(".")


@pytest.mark.parametrize(
    "template",
    [
        "Momentum has cooled, but the picture remains constructive.",
        "The absence of a longer history limits the analysis.",
        "A boycott could hurt the shares.",
        "The headline {news_1} speaks of a boycott.",
        "Nothing in these data calls for a decision.",
        "Investors' confidence isn't certain, and swings may widen.",
    ],
)
def test_plain_market_words_need_no_value(template: str) -> None:
    """A calm description, what might be, and what stands beside a headline pass."""
    assert problems(template) == []


EVENTS = [
    "The board has accepted a takeover bid.",
    "The dividend was cut.",
    "The chief executive resigned after the close.",
    "Analysts downgraded the shares.",
    "A lawsuit was filed.",
    "Earnings beat expectations.",
    "The company posted a record profit.",
    "The company won an order.",
    "The firm opened a shop.",
    "{company_name} has promised growth.",
    "The shares go ex-dividend.",
    "Inflation is rising.",
    "No takeover is planned.",
    "Hedge funds bought.",
    "บริษัทถูกปรับ",
    "ผู้บริหารลาออก",
]


@pytest.mark.parametrize("template", EVENTS)
def test_invented_events_are_refused(template: str) -> None:
    """An event that no stored headline tells of may not be told, nor denied."""
    assert "event" in {problem.kind for problem in problems(template)}


@pytest.mark.parametrize(
    "template",
    [
        "The headline {news_1}, published on {news_1_date}, tells of a dividend cut.",
        "A takeover could change the picture.",
        "The company trades on the exchange and has a dividend yield of {dividend_yield_12m}.",
        "{company_name} has moved little.",
    ],
)
def test_events_that_a_headline_tells_of_pass(template: str) -> None:
    """Beside a headline of its kind an event may be told, and what might happen is no event."""
    assert not [problem for problem in problems(template) if problem.kind == "event"]


def test_another_headline_excuses_no_event() -> None:
    """The headline beside it must tell of the event's kind."""
    assert "event" in {problem.kind for problem in problems("The news {news_2} shows a dividend cut.")}


@pytest.mark.parametrize(
    "said",
    [
        "Sell now.",
        "Time to sell.",
        "Avoid these shares.",
        "Accumulate on weakness.",
        "We see every reason to buy more.",
        "Investors would be wise to get out of these shares now.",
        "Exit.",
        "Outperform.",
        "Our advice: sell everything.",
        "Buyers should sell.",
        "This is no time to hold.",
        "แนะนำซื้อ",
        "ขายทันที",
        "คำแนะนำ: ขาย",
        "A rise is guaranteed.",
        "It is a sure thing.",
    ],
)
def test_calls_against_the_stance(said: str) -> None:
    """A HOLD report may not call for anything else, in any wording of the tables, and promises nothing."""
    assert stances(f"{HEAD}Calm. {said}\n", "HOLD")


@pytest.mark.parametrize(
    ("said", "stance"),
    [
        ("Accumulate on weakness.", "BUY"),
        ("Avoid these shares.", "SELL"),
        ("It is no time to buy.", "HOLD"),
        ("Selling pressure is high, and short-term buyers hold back.", "HOLD"),
        ("Hold above the short-term average would help.", "BUY"),
        ("Avoid reading too much into it.", "HOLD"),
        ("Signals point to selling pressure.", "HOLD"),
        (f"The sell-off left {MASK}.", "BUY"),
        ("ปริมาณการซื้อขายลดลง", "HOLD"),
    ],
)
def test_what_is_no_call_against_the_stance(said: str, stance: str) -> None:
    """Calls that fit the stance, and talk of the market's buying and selling, pass."""
    assert stances(f"{HEAD}Calm. {said}\n", stance) == []


def test_findings_name_word_and_fact() -> None:
    """A finding holds the word and the value it contradicts."""
    found = problems("Trading was quieter than usual, with a volume ratio of {volume_ratio}.", BUSY)
    assert any("quieter than usual" in p.why and "volume_ratio is 1.53" in p.why for p in found)
    assert KNOWN["volume_ratio"].value == 0.9

"""What the sandbox's model can say in English: sentences by section, each with the facts it needs.

What belongs here: the sentences. What does not: which of them are said (chat_writer.py), and Thai (chat_lines_th.py).
They keep to the rules that every prompt of ours sets: values only as {placeholders}, no digit, no number word, a word
for what the value is in the same sentence, and a direction only where the facts have one. What a takeaway says is not
said again below it.
"""

from stocks_pipeline.sandbox.chat_phrases import Line, Phrases
from stocks_pipeline.sandbox.chat_why import WHY


def _vs_average(length: str, words: str) -> Line:
    average, gap = f"sma_{length}", f"close_vs_sma_{length}"
    return Line(
        (average, gap),
        {
            "up": (
                f"The price stands above its {words} moving average of {{{average}}}, a gap of {{{gap}}}.",
                f"The price trades above the {words} moving average of {{{average}}}, by {{{gap}}}.",
            ),
            "down": (
                f"The price stands below its {words} moving average of {{{average}}}, a gap of {{{gap}}}.",
                f"The price trades below the {words} moving average of {{{average}}}, by {{{gap}}}.",
            ),
        },
        by=gap,
    )


def _return(fact: str, span: str) -> Line:
    return Line(
        (fact,),
        {
            "up": (
                f"Over the past {span} the return is {{{fact}}}, a gain for holders.",
                f"A return of {{{fact}}} over the past {span} leaves holders with a gain.",
            ),
            "down": (
                f"Over the past {span} the return is {{{fact}}}, a loss for holders.",
                f"A return of {{{fact}}} over the past {span} leaves holders with a loss.",
            ),
            "flat": (f"Over the past {span} the return is {{{fact}}}, so the price is back where it was.",),
        },
        by=fact,
    )


CLOSE = Line(
    ("close", "session", "return_1d"),
    {
        "up": (
            "The shares rose to a close of {close} on {session}, a daily return of {return_1d}.",
            "On {session} the closing price was {close}, up with a daily return of {return_1d}.",
        ),
        "down": (
            "The shares fell to a close of {close} on {session}, a daily return of {return_1d}.",
            "On {session} the closing price was {close}, down with a daily return of {return_1d}.",
        ),
        "flat": ("The shares closed at {close} on {session}, a daily return of {return_1d}: unchanged.",),
    },
    by="return_1d",
)
CLOSE_ONLY = Line(
    ("close", "session"),
    {"any": ("The shares closed at {close} on {session}.", "On {session} the closing price was {close}.")},
)
PREVIOUS = Line(
    ("previous_close",),
    {"any": ("The previous close was {previous_close}.",)},
)
MONTH, QUARTER_YEAR, YEAR = (
    _return("return_1m", "month"),
    _return("return_3m", "few months"),
    _return("return_1y", "year"),
)
SHORT, MEDIUM, LONG = _vs_average("20", "short"), _vs_average("50", "medium"), _vs_average("200", "long")
RANGE = Line(
    ("low_52w", "high_52w"),
    {
        "any": (
            "Its yearly range runs from a low of {low_52w} to a high of {high_52w}.",
            "Within the year it traded between a low of {low_52w} and a high of {high_52w}.",
        )
    },
)
BANDS = Line(
    ("bollinger_lower", "bollinger_upper"),
    {
        "any": (
            "The lower Bollinger band lies at {bollinger_lower} and the upper Bollinger band at {bollinger_upper}.",
            "Usual moves stay between the lower band of {bollinger_lower} and the upper band of {bollinger_upper}.",
        )
    },
)
VWAP = Line(
    ("vwap_20",),
    {"any": ("The volume-weighted average price (VWAP) of the recent sessions is {vwap_20}.",)},
)
RSI = Line(
    ("rsi_14",),
    {
        "high": ("The RSI of {rsi_14} is in overbought territory, so buyers may tire.",),
        "low": ("The RSI of {rsi_14} is in oversold territory, so sellers may tire.",),
        "mid": (
            "The RSI of {rsi_14} is neither overbought nor oversold.",
            "With an RSI of {rsi_14} the price is neither overbought nor oversold.",
        ),
    },
    by="rsi_14",
    band=(30, 70),
)
RSI_RANK = Line(
    ("rsi_percentile",),
    {"any": ("Of the RSI readings of its own year, {rsi_percentile} are no higher than the newest.",)},
)
MACD = Line(
    ("macd", "macd_signal", "macd_histogram"),
    {
        "up": ("The MACD of {macd} is above its signal line of {macd_signal}, with a histogram of {macd_histogram}.",),
        "down": (
            "The MACD of {macd} is below its signal line of {macd_signal}, with a histogram of {macd_histogram}.",
        ),
    },
    by="macd_histogram",
)
VOLUME = Line(
    ("volume", "volume_sma_20"),
    {
        "any": (
            "Volume was {volume} against an average volume of {volume_sma_20}.",
            "Volume came to {volume}, where the average volume is {volume_sma_20}.",
        )
    },
)
TURNOUT = Line(
    ("volume_ratio",),
    {
        "high": ("Trading was busier than usual, with a volume ratio of {volume_ratio}.",),
        "low": ("Trading was quieter than usual, with a volume ratio of {volume_ratio}.",),
        "mid": ("Trading was about as busy as usual, with a volume ratio of {volume_ratio}.",),
    },
    by="volume_ratio",
    band=(0.8, 1.2),
)
ATR = Line(
    ("atr_14", "atr_percent"),
    {
        "any": (
            "The average true range (ATR) is {atr_14}, or {atr_percent} of the price.",
            "A usual session moves by an ATR of {atr_14}, or {atr_percent} of the price.",
        )
    },
)
VOLATILITY = Line(
    ("volatility_30d",),
    {
        "high": ("Annualised volatility of {volatility_30d} is considerable, so position sizes matter.",),
        "mid": ("Annualised volatility of {volatility_30d} is moderate.",),
        "low": ("Annualised volatility of {volatility_30d} is modest.",),
    },
    by="volatility_30d",
    band=(20, 35),
)
DRAWDOWN = Line(
    ("drawdown",),
    {
        "down": (
            "The drawdown from the peak close of the year is {drawdown}; a deeper slide would test patience.",
            "A drawdown of {drawdown} from the peak close of the year shows how far the price can retreat.",
        ),
        "flat": ("The drawdown is {drawdown}: the price is at its highest close of the year.",),
    },
    by="drawdown",
)
BREAKDOWN = Line(
    ("sma_50",),
    {
        "any": (
            "A close on the wrong side of the medium moving average of {sma_50} would change the picture.",
            "The picture could turn if the price closed on the other side of its medium moving average of {sma_50}.",
        )
    },
)
PEER = Line(
    ("peer_1", "peer_1_correlation"),
    {
        "high": ("Returns moved with those of the peer {peer_1}, with a correlation of {peer_1_correlation}.",),
        "mid": (
            "Among peers, {peer_1} has a correlation of {peer_1_correlation}, which is loose.",
            "The peer {peer_1} has a correlation of {peer_1_correlation}, a loose tie.",
        ),
        "low": ("Returns ran opposite to those of the peer {peer_1}, with a correlation of {peer_1_correlation}.",),
    },
    by="peer_1_correlation",
    band=(-0.6, 0.6),
)
DIVIDEND = Line(
    ("dividend_yield_12m",),
    {"any": ("The dividends of the past year come to a dividend yield of {dividend_yield_12m}.",)},
)
THIN = Line((), {"any": ("The stored history is too short for some indicators, which are left out here.",)})
UNDECIDED = Line((), {"any": ("Nothing in these data calls for a decision.",)})
NO_TREND = Line((), {"any": ("A trend takes a longer history than what is stored.",)})
NO_MOMENTUM = Line((), {"any": ("Momentum takes a longer history than what is stored.",)})
GENERAL = Line(
    (),
    {
        "any": (
            "Market moves that nothing in these data announces remain possible at any time.",
            "So short a history could hide how far the price may swing.",
        )
    },
)
HEADLINES = tuple(
    Line(
        (f"news_{at}", f"news_{at}_date"),
        {
            "any": (
                f'A headline published on {{news_{at}_date}} reads "{{news_{at}}}".',
                f'Among the news published on {{news_{at}_date}} is the headline "{{news_{at}}}".',
            )
        },
    )
    for at in range(1, 4)
)
NO_INFERENCE = Line((), {"any": ("Headlines are quoted as they were published and are not evidence of value.",)})

ENGLISH = Phrases(
    takeaways=(CLOSE, QUARTER_YEAR, LONG, RSI),
    why=WHY,
    close_only=CLOSE_ONLY,
    thin=THIN,
    undecided=UNDECIDED,
    trend=(PREVIOUS, SHORT, MEDIUM, LONG, MONTH, QUARTER_YEAR, YEAR, RANGE, BANDS, VWAP, DIVIDEND, PEER),
    no_trend=NO_TREND,
    momentum=(RSI, RSI_RANK, MACD, VOLUME, TURNOUT, ATR),
    no_momentum=NO_MOMENTUM,
    risks=(VOLATILITY, DRAWDOWN, BREAKDOWN),
    general=GENERAL,
    headlines=HEADLINES,
    no_inference=NO_INFERENCE,
)

"""The words of feats: records, new highs, superlatives, crossings, runs of days, who did better.

What belongs here: the tables and their patterns. What does not: what must be true for them (verifier_feats.py).
"""

import re

from stocks_pipeline.domain.reports.verifier_words import split

AT, NEAR, FAR = 2.0, 10.0, 5.0
"""Percent from a high within which a price is at it, is near it, and beyond which it may be far from it."""
FEW = 20.0
"""Percent of a year's readings that are among its highest, and among its lowest."""
LEAST = 2
"""Sessions of a run."""
RECENT, JUST = 20, 5
"""Sessions within which a line "has crossed" another, and "has just crossed" it."""
_THING = (
    "highs?|lows?|levels?|peaks?|closes?|closing|price|volumes?|turnover|gains?|loss|losses|profits?|run|rally|drop|"
    "fall|rise|"
    "day|week|month|year|quarter|revenues?|earnings|sales|territory|pace|activity|trading"
)
UNKNOWABLE = re.compile(
    rf"\b(?:all[- ]time|lifetime|historic(?:al)?|multi-?year|record(?:-breaking|-setting)?)[- ](?:{_THING})\b"
    r"|\b(?:a|new|fresh|another|set an? [\w-]+) record\b(?! of\b)"
    r"|\bnever (?:been|closed|traded|stood|risen|fallen|before|so|seen|gone|cost)\b|\b(?:unprecedented|of all time)\b"
    r"|\b(?:[a-z]{3,}est|best|worst|most [a-z]+|least [a-z]+)\b[^,;.]*?"
    r"\b(?:ever|on record|in (?:its |the )?history|in years|for years|in (?:living )?memory|in (?:a )?(?:long )?time"
    r"|since (?:its |the )?(?:listing|ipo|founding|inception|pandemic|crisis|debut))\b"
    r"|ตลอดกาล|เป็นประวัติการณ์|ทำสถิติ|นิวไฮ|นิวโลว์"
)
OTHERS = re.compile(
    r"\b(?:out-?perform\w*|under-?perform\w*|out-?pac(?:es?|ed|ing)|beat(?:s|ing|en)?|lag(?:s|ged|ging)?|trail(?:s|"
    r"ed|ing)?|"
    r"ahead of|behind|better than|worse than|faster than|slower than|stronger than|weaker than|cheaper than|"
    r"dearer than|"
    r"in line with)\s+(?:those of |that of |the |its |their |most |other |many |all |broader |wider |overall |local |"
    r"whole |rest of the )*"
    r"(?:market|index|indices|indexes|benchmarks?|sector|industry|peers|rivals|competitors|competition|stocks|shares|"
    r"companies|names|banks|deposits|bonds|inflation)\b"
    r"|\b(?:[a-z]{3,}est|best|worst|most [a-z]+|least [a-z]+)\b[^,;.]*?"
    r"\b(?:of (?:all|any|the (?:whole )?(?:sector|market|group|index|exchange))|among (?:its |the |all )?(?:peers|"
    r"shares|rivals|"
    r"stocks|companies)|in (?:its|the) (?:sector|industry|market|index|country|world|region|peer group))\b"
    r"|\b(?:out-?performed|under-?performed|out-?performing|under-?performing)\b(?=[\s.,;]*$|[.,;])"
)
NEW = re.compile(
    r"\b(?:new|fresh|another|renewed)\s+(?:(?P<before>[\w'\u2019-]+)\s+)??(?:closing |intraday )?(?P<end>highs?|"
    r"lows?|peaks?|troughs?|bottoms?)\b"
    r"(?P<tail>[^,;.]*)"
)
STANDS = re.compile(
    r"\b(?:trad\w+|stands?|stood|sits?|sat|closed|is|was|are|ended|finished|priced|hovers?|hovered|remains?|remained|"
    r"hit|touched)"
    r" (?:right |just |very |still |back |now )?(?P<how>at|near|nearly at|close to|around|just below|just above|"
    r"not far (?:from|below)|"
    r"within reach of|far below|far above|well below|well above|a long way from)?\s*(?:its|the|a|an) "
    r"(?P<before>yearly|annual|year's|monthly|weekly|month's|week's) (?:closing )?(?P<end>high|low|peak|trough)\b"
)
MOST = re.compile(
    r"(?<!from )(?<!below )"
    r"(?<!above )(?<!under )(?<!than )(?<!off )(?<!sight of )(?<!reach of )(?<!close to )(?<!near )"
    r"\b(?:the|its|their|this) "
    r"(?P<word>highest|lowest|best|worst|strongest|weakest|biggest|largest|smallest|heaviest|busiest|thinnest|quietest|"
    r"lightest|steepest|sharpest|deepest|dearest|cheapest|calmest|wildest)\b(?P<tail>[^,;.]*)"
)
AMONG = re.compile(r"\b(?:among|amongst|one of|some of|belong(?:s|ed|ing)? to)\s*$")
"""The end of a text after which a superlative is shared."""
LOWEST = split(
    "lowest weakest smallest thinnest quietest lightest cheapest calmest low lows trough troughs bottom bottoms"
)
BAD = re.compile(r"\b(?:loss|losses|drop|drops|fall|falls|decline|slide|slump|setback|retreat)\b")
HORIZON = {
    "year": r"\b(?:year|years|yearly|annual|annually|year's)\b|ปี",
    "months": r"\b(?:months|quarter|quarterly|quarter's)\b",
    "month": r"\b(?:month|monthly|month's|weeks)\b|เดือน",
    "week": r"\b(?:week|weekly|week's)\b|สัปดาห์",
    "day": r"\b(?:day|daily|session|session's|today)\b|วัน",
}
METRICS = {
    "rsi": re.compile(r"\brsi\b|relative[- ]strength"),
    "volume": re.compile(r"\b(?:volumes?|turnover|trading|activity)\b"),
    "range": re.compile(r"\b(?:range|atr|swings?)\b"),
    "return": re.compile(r"\b(?:gain|loss|losses|drop|fall|rise|decline|move|return|slide|jump|advance)\b"),
    "close": re.compile(r"\bclos(?:e|es|ing)\b"),
    "price": re.compile(r"\b(?:price|close|closed|closing|shares?|stock|level)\b|\ue000"),
}
"""What a superlative may be of, and the words that say so."""
PERCENTILES = {
    name: f"{fact}_percentile" for name, fact in (("rsi",) * 2, ("volume",) * 2, ("return",) * 2, ("range", "atr"))
}
"""The fact that ranks a newest value within its own year."""
DAY = re.compile(r"\s*(?:day|session)\b")
CROSS = re.compile(
    r"\b(?:(?P<golden>golden cross)|(?P<death>death cross)|(?P<bull>bullish (?:cross\w*))|"
    r"(?P<bear>bearish (?:cross\w*))"
    r"|(?:cross|crosses|crossed|crossing|broke|broken|breaks|breaking|pushed|punched|moved back|"
    r"climbed back) (?:back )?"
    r"(?:(?P<up>above|over|through)|(?P<down>below|under|beneath))"
    r"|(?P<up2>reclaimed|reclaims|regained|regains|recaptured)|(?P<down2>breached|surrendered|gave up))\b"
)
RUN = re.compile(
    r"\b(?:in a row|in succession|on the trot|running|straight (?:days|sessions|gains|losses|rises|falls|session|day|"
    r"gain|loss|rise|fall)|"
    r"consecutive\b[\w -]*|(?:winning|losing) (?:streak|run)|day after day|session after session)\b"
)
PEER_FIRST = re.compile(
    r"\b(?:closest|nearest|strongest|tightest) (?:\w+ )?peer\b|\bpeer (?:it|they) (?:follows|moves with) most\b"
)
LINES = (("short", "sma_20"), ("medium", "sma_50"), ("long", "sma_200"), ("signal", "macd_signal"), ("macd", "macd"))
SET = re.compile(
    r"\b(?:(?P<end>high|low|peak|trough) (?:was|has been|came|dates?) (?:set|reached|hit|made|marked|touched|from)?"
    r"|(?:set|reached|hit|touched|made|marked) (?:its|a|the) (?:yearly |annual |year's )?(?P<end2>high|low|peak|"
    r"trough))\b"
)

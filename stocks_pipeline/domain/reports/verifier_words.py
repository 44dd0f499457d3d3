"""The verifier's vocabulary: words that state a number, a unit, a date or a symbol, in English and Thai.

What belongs here: word tables and the short list of harmless idioms, each with its reason. What does not: walking a
text (verifier_tokens.py), which words a fact needs beside it (verifier_claims.py).

Deliberately not numbers: a, an, both, either, neither, single, once, few, several, many, most, times, quarterly. They
count, but vaguely or grammatically, and no fact of a sheet could stand for them.
"""

import re


def split(text: str) -> frozenset[str]:
    """The words of a text as a set: a table reads best as one."""
    return frozenset(text.split())


_UNITS = "zero nil nought naught one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
_TEENS = "fifteen sixteen seventeen eighteen nineteen twenty thirty forty fourty fifty sixty seventy eighty ninety"
_ORDINALS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth thirtieth fortieth fiftieth sixtieth seventieth eightieth "
    "ninetieth hundredth thousandth millionth"
)
_SCALES = "hundred thousand million billion trillion quadrillion bn mn tn lakh crore dozen myriad googol"
_PARTS = "half halves halve halved halving quarter thirds fourths fifths sixths sevenths eighths ninths tenths"
_TIMES = (
    "twice thrice double doubled doubles doubling triple tripled triples tripling treble trebled quadruple quadrupled "
    "quintuple quintupled tenfold twofold threefold fourfold fivefold sixfold sevenfold eightfold ninefold hundredfold "
    "couple pair trio quartet decade century fortnight millennium"
)
_HINTS = "digit digits umpteen umpteenth nth"
_NUMBER_WORDS = split(f"{_UNITS} {_TEENS} {_ORDINALS} {_SCALES} {_PARTS} {_TIMES} {_HINTS}")
_PLURALS = split(
    "ones twos threes fours fives sixes sevens eights nines tens elevens twelves twenties thirties forties fifties "
    "sixties seventies eighties nineties hundreds thousands millions billions trillions dozens quarters couples pairs "
    "decades centuries fortnights seconds zeros zeroes doubles halfs"
)
NUMBER_WORDS = _NUMBER_WORDS | _PLURALS
"""Also found as parts of a hyphenated or run-together word: twenty-one, fiftyfive, two-day."""

_COMPOSITE = "|".join(sorted(_NUMBER_WORDS - {"mn", "tn", "bn", "second", "one", "ten", "nil"}, key=len)[::-1])
RUN_TOGETHER = re.compile(
    rf"(?:{_COMPOSITE})(?:(?:and)?(?:{_COMPOSITE}|one|ten))+(?:s|th|fold)?|(?:{_COMPOSITE}|one|ten)(?:fold|ish|some|"
    rf"odd)"
)
"""fullmatch of a lower-case word: number words written without a space between them, or with an ending."""

IDIOMS = re.compile(
    r"\b(?:no[ -]one|one another|(?:on )?the one hand|at first(?: glance| sight)?|first of all|second[- ]guess\w*"
    r"|one of (?:the|its|their|those)|(?:[a-z]+-term|other|former|latter) one"
    r"|(?:below|above|near|around) (?:the )?zero(?= line|[,.;])"
    r"|in the first place|third part(?:y|ies)|back to square one)\b"
)
"""Lower-case phrases whose number words state nothing; removed before the search. No other exception exists."""

UNIT_WORDS = split(
    "percent percents pct pc percentage percentages pp ppt bp bps pips pip dollar dollars cent cents baht satang yen "
    "euro euros pound pounds sterling pence penny dong yuan renminbi rmb ringgit rupee rupees rupiah peso pesos franc "
    "francs krone krona shekel rouble ruble buck bucks quid greenback greenbacks"
)
"""Refused outside a span: the span carries the unit."""
UNIT_PHRASES = re.compile(r"\b(?:per cent|basis points?|percentage points?|pocket change|scores? of|baker['\u2019]s)\b")
UNITS_AFTER = re.compile(
    r"[ \u00a0\u202f-]{0,2}\b(?:percent|percentage|points?(?! (?:to|towards?|at|out|in)\b[^.,;\ue000]*[.,;])|pts|"
    r"ticks?|times|fold|x|"
    r"shares?|lots?|contracts|units|"
    r"thousands?|"
    r"millions?|billions?|k|m|b|bn|mn|tn|mm|won|rand|real|bucks?|days|weeks|months|years|sessions|bars|thb|usd|each|"
    r"apiece)\b"
    r"|[ ]?(?:จุด(?!สูง|ต่ำ)|ล็อต|เท่า|หุ้น|วัน(?!ที่|ก่อน|นี้)|เดือน|ปี)"
)
"""Refused as the word right behind a number: it would give the number another unit."""

MONTHS = split("january february april june july august september october november december")
"""March and May are also verbs: those count only with a capital."""
CAPITAL_DATES = split(
    "March May Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec Mon Tue Tues Wed Weds Thu Thur Thurs Fri Sat Sun "
    "MARCH MAY"
)
WEEKDAYS = split("monday tuesday wednesday thursday friday saturday sunday")
DAY_WORDS = WEEKDAYS | frozenset(f"{day}s" for day in WEEKDAYS)
OTHER_DATES = split(
    "christmas easter thanksgiving halloween songkran ramadan diwali tet michaelmas millennium midnight noon"
)

ACRONYMS = split("RSI MACD SMA ATR VWAP BUY SELL HOLD")
"""Upper-case words a report may use outside a span; any other could be a ticker or a currency."""
PROPER = split("Bollinger Wilder Relative Strength Index Average True Range I")
"""Capitalised words allowed in the middle of a sentence; any other could be a company."""

_THAI_NUMBERS = (
    r"ศูนย์(?!กลาง|รวม|การ|ข้อมูล|บริการ)|หนึ่ง|เอ็ด|สอง|สาม(?!ารถ|ัคคี|ัญ|ี)|สี่|ห้า(?!ม|ง|ว)|หก(?!ล้ม)|เจ็ด"
    r"|แปด(?!เปื้อน)|เก้า(?!อี้)|สิบ|ร้อย|(?<!สัม)(?<!ผูก)(?<!เกี่ยว)(?<!พัว)พัน(?!ธ|ผูก)|หมื่น|แสน(?!สาหัส)|"
    r"ล้าน(?!นา)|โหล|ครึ่ง|เท่าตัว"
)
_THAI_UNITS = r"เปอร์เซ็นต์|เปอร์เซนต์|ร้อยละ|บาท|สตางค์|ดอลลาร์|เหรียญ|เยน|ยูโร|หยวน|ริงกิต|ปอนด์"
_THAI_DATES = (
    r"มกราคม|กุมภาพันธ์|มีนาคม|เมษายน|พฤษภาคม|มิถุนายน|กรกฎาคม|สิงหาคม|กันยายน|ตุลาคม|พฤศจิกายน|ธันวาคม|ม\.ค\.|"
    r"ก\.พ\.|มี\.ค\."
    r"|เม\.ย\.|พ\.ค\.|มิ\.ย\.|ก\.ค\.|ส\.ค\.|ก\.ย\.|ต\.ค\.|พ\.ย\.|ธ\.ค\.|วันจันทร์|วันอังคาร|วันพุธ|วันพฤหัส|วันศุกร์|"
    r"วันเสาร์|วันอาทิตย์|ไตรมาส"
)
THAI = re.compile(f"(?P<unit>{_THAI_UNITS})|(?P<date>{_THAI_DATES})|(?P<number>{_THAI_NUMBERS})")
"""Thai is written without spaces, so words are found by their letters, unless the letters before or after make another
word of them (สามารถ, can; หุ้นสามัญ, ordinary share; พันธบัตร, bond; สัมพันธ์, relation; ห้าม, forbid)."""

"""What a sentence must say beside a value, by fact: the verifier's own table, independent of the sheet's claims.

What belongs here: ideas, the phrases that express them in English and Thai, and which ideas each fact needs. What does
not: matching them to spans (verifier_context.py).

A phrase is matched longest first and consumed, so "previous close" is not also a close, nor "volume-weighted average
price" an average.
"""

import re
from dataclasses import dataclass

PHRASES: dict[str, str] = {
    "close": (
        "close|closed|closes|closing|price|prices|priced|trading|trades|traded|settled|settles|ended|ends|"
        "finished|share price|closing price|changed hands at|last trade|ราคาปิด|ปิดที่|ราคา|ปิดตลาด|"
        "ซื้อขายที่"
    ),
    "previous": (
        "previous|previously|previous close|prior close|previous session|prior session|day before|"
        "session before|previous day|prior day|last close|earlier close|close before|preceding close|"
        "preceding session|yesterday|ปิดก่อนหน้า|วันก่อนหน้า|ราคาปิดก่อนหน้า|วันก่อน"
    ),
    "average": ("average|averages|moving average|moving averages|mean|sma|trend line|trendline|เส้นค่าเฉลี่ย|ค่าเฉลี่ย|เฉลี่ย"),
    "short": (
        "short|shorter|shortest|short-term|shorter-term|short-run|near-term|fast|faster|monthly|month's|"
        "last month|past month|one-month|ระยะสั้น"
    ),
    "medium": "medium|medium-term|intermediate|intermediate-term|mid-term|middle-term|mid-range|ระยะกลาง",
    "long": "long|longer|longest|long-term|longer-term|long-run|slow|slower|slowest|ระยะยาว",
    "rsi": "rsi|relative strength|relative strength index|relative-strength|ดัชนีกำลังสัมพัทธ์",
    "macd": "macd|macd line|convergence|convergence line",
    "signal": "signal|signal line|trigger line|เส้นสัญญาณ",
    "histogram": "histogram|ฮิสโตแกรม",
    "upper": "upper|upper band|upper bollinger|upper bollinger band|top band|กรอบบน|ขอบบน",
    "centre": (
        "middle band|mid band|middle bollinger|middle bollinger band|centre line|middle line|middle|กรอบกลาง|เส้นกลาง"
    ),
    "under": "lower band|lower bollinger|lower bollinger band|bottom band|กรอบล่าง|ขอบล่าง",
    "band": "band|bands|bollinger|bollinger band|bollinger bands|กรอบ",
    "range": "atr|true range|average true range|daily range|range|typical range|ช่วงการแกว่ง|พิสัย",
    "span": "year's range|yearly range|annual range|range of the year|trading range|ช่วงราคา",
    "weighted": (
        "vwap|volume-weighted|volume weighted|volume-weighted average|volume-weighted average price|"
        "volume weighted average price|volume-weighted price|ถ่วงน้ำหนักปริมาณ"
    ),
    "volume": (
        "volume|volumes|turnover|shares traded|liquidity|traded volume|trading volume|"
        "shares changed hands|shares changing hands|ปริมาณการซื้อขาย|ปริมาณ|มูลค่าการซื้อขาย|สภาพคล่อง"
    ),
    "usual": "usual|normal|typical|norm|ปกติ",
    "high": (
        "high|highs|peak|peaks|highest|highest price|highest level|highest point|"
        "year's high|year high|yearly high|จุดสูงสุด|สูงสุด"
    ),
    "low": (
        "low|lows|trough|troughs|lowest|lowest price|lowest level|lowest point|"
        "year's low|year low|yearly low|จุดต่ำสุด|ต่ำสุด"
    ),
    "summit": "highest close|highest closing price|highest closing level",
    "drawdown": "drawdown|draw-down|decline from|retreat from|ย่อตัวจาก",
    "volatility": "volatility|volatile|swings|swing|annualised volatility|annualized volatility|ความผันผวน|ผันผวน",
    "rank": (
        "percentile|percentiles|own year|past year|readings|sessions|days|its year|of the year|"
        "year's readings|rank|ranks|เปอร์เซ็นไทล์|ของปี|ในรอบปี"
    ),
    "return": (
        "return|returned|returns|rose|risen|fell|fallen|gained|lost|gain|gains|loss|losses|change|changed|"
        "changes|advanced|advance|declined|decline|move|moved|moves|performance|unchanged|slipped|climbed|"
        "dropped|drop|up|down|ผลตอบแทน|เพิ่มขึ้น|ลดลง|ปรับตัว|เปลี่ยนแปลง"
    ),
    "day": "day|daily|day's|session|session's|today|today's|on the day|overnight|วัน|รายวัน",
    "week": "week|weekly|week's|สัปดาห์",
    "month": "month|monthly|month's|last month|past month|one-month|เดือน",
    "months": "months|months'|quarter|หลายเดือน|ไตรมาส",
    "year": "year|yearly|annual|annually|year's|past year|twelve-month|ปี|รอบปี",
    "dividend": "dividend|dividends|yield|yields|payout|payouts|เงินปันผล|ปันผล",
    "peer": (
        "peer|peers|correlation|correlations|correlated|correlates|moves with|moved with|alongside|"
        "together|against|in step|closest|tracks|สหสัมพันธ์|สัมพันธ์|เคลื่อนไหวตาม"
    ),
    "capital": ("market cap|market capitalisation|market capitalization|market value|valued|มูลค่าตลาด|มูลค่าหลักทรัพย์"),
    "earnings": "earnings|p/e|pe ratio|price-earnings|price-to-earnings|กำไร",
    "forward": "forward|expected|estimated|next year's|coming year's|คาดการณ์|ล่วงหน้า",
    "growth": "growth|grew|grow|growing|shrank|increase|increased|เติบโต",
    "book": "book|book value|price-to-book|มูลค่าทางบัญชี",
    "beta": "beta|เบต้า",
    "revenue": "revenue|revenues|sales|รายได้|ยอดขาย",
    "margin": "margin|margins|profit margin|อัตรากำไร",
    "equity": "return on equity|equity|ผลตอบแทนต่อส่วน",
    "news": "news|headline|headlines|published|dated|reported|appeared|story|stories|wrote|writes|ข่าว|เผยแพร่|รายงาน",
    "session": "session|day|dated|as of|close|closed|closing|วันที่|ณ",
    "place": "exchange|listed|listing|trades|traded|market|on|ตลาด|จดทะเบียน",
    "trade": "sector|industry|company|business|name|กลุ่ม|อุตสาหกรรม",
}
"""Idea → its phrases, separated by bars."""


@dataclass(frozen=True)
class Claim:
    """What a fact needs: `near` beside it, all of `also` in its sentence. `weak` phrases serve in place of `near`.

    `weak` ideas are too common to give a value to another fact ("from", "to").
    """

    near: tuple[str, ...]
    also: tuple[str, ...] = ()
    weak: tuple[str, ...] = ()
    family: str = ""


def _horizons(near_of: str) -> dict[str, Claim]:
    spans = {"20": "short", "50": "medium", "200": "long"}
    return {f"{near_of}_{span}": Claim((idea,), ("average",), family=near_of) for span, idea in spans.items()}


def _peers() -> dict[str, Claim]:
    return {f"peer_{n}{part}": Claim(("peer",)) for n in range(1, 6) for part in ("", "_correlation")}


CLAIMS: dict[str, Claim] = {
    "session": Claim(("session",), weak=("on", "data", "at", "until", "by")),
    "close": Claim(("close",), weak=("share", "shares", "stock", "หุ้น"), family="close"),
    "previous_close": Claim(("previous",), weak=("from", "before", "after", "against", "จาก"), family="close"),
    "return_1d": Claim(("day",), family="return"),
    "return_1w": Claim(("week",), family="return"),
    "return_1m": Claim(("month",), family="return"),
    "return_3m": Claim(("months",), family="return"),
    "return_1y": Claim(("year",), family="return"),
    **_horizons("sma"),
    **_horizons("close_vs_sma"),
    "rsi_14": Claim(("rsi",)),
    "macd": Claim(("macd",)),
    "macd_signal": Claim(("signal",)),
    "macd_histogram": Claim(("histogram",)),
    "bollinger_upper": Claim(("upper",), weak=("band",)),
    "bollinger_middle": Claim(("centre",), weak=("band",)),
    "bollinger_lower": Claim(("under",), weak=("band",)),
    "atr_14": Claim(("range",)),
    "atr_percent": Claim(("range",)),
    "vwap_20": Claim(("weighted",)),
    "volume": Claim(("volume",)),
    "volume_sma_20": Claim(("average", "usual"), ("volume",)),
    "volume_ratio": Claim(("volume",)),
    "high_52w": Claim(("high",), weak=("span",)),
    "low_52w": Claim(("low",), weak=("span",)),
    "high_52w_date": Claim(("high",)),
    "low_52w_date": Claim(("low",)),
    "drawdown": Claim(("drawdown", "high", "summit")),
    "volatility_30d": Claim(("volatility",)),
    "rsi_percentile": Claim(("rsi",), ("rank",)),
    "volume_percentile": Claim(("volume",), ("rank",)),
    "atr_percentile": Claim(("range",), ("rank",)),
    "return_percentile": Claim(("return",), ("rank",)),
    "dividend_yield_12m": Claim(("dividend",)),
    **_peers(),
    "exchange": Claim(("place",)),
    "sector": Claim(("trade",)),
    **{f"news_{n}_date": Claim(("news",)) for n in range(1, 6)},
    "market_cap": Claim(("capital",)),
    "trailing_pe": Claim(("earnings",)),
    "forward_pe": Claim(("forward",), ("earnings",)),
    "price_to_book": Claim(("book",)),
    "beta": Claim(("beta",)),
    "revenue_growth": Claim(("revenue",)),
    "earnings_growth": Claim(("earnings",)),
    "profit_margin": Claim(("margin",)),
    "return_on_equity": Claim(("equity",)),
}
"""Facts not named here (ticker, yahoo_symbol, company_name, news_1…) may stand anywhere."""


def _ideas() -> dict[str, frozenset[str]]:
    ideas: dict[str, set[str]] = {}
    for idea, text in PHRASES.items():
        for phrase in text.split("|"):
            ideas.setdefault(phrase, set()).add(idea)
    for claim in CLAIMS.values():
        for word in claim.weak:
            if word not in PHRASES:
                ideas.setdefault(word, set()).add(word)
    return {phrase: frozenset(names) for phrase, names in ideas.items()}


IDEAS = _ideas()
"""Phrase → the ideas it expresses."""
_BY_LENGTH = sorted(IDEAS, key=len, reverse=True)
_LATIN = "|".join(re.escape(phrase) for phrase in _BY_LENGTH if phrase.isascii())
_THAI = "|".join(re.escape(phrase) for phrase in _BY_LENGTH if not phrase.isascii())
_PATTERN = re.compile(rf"(?<![\w-])(?:{_LATIN})(?!\w|-\w)|(?:{_THAI})")


def ideas_in(text: str) -> list[tuple[int, str]]:
    """Every idea a lower-case text expresses, with where, in order."""
    return [(match.start(), idea) for match in _PATTERN.finditer(text) for idea in IDEAS[match[0]]]


def advice(fact: str) -> str:
    """What to write beside a fact, for a finding."""
    claim = CLAIMS[fact]
    words = [phrase for idea in claim.near for phrase in PHRASES[idea].split("|")[:6]]
    parts = [f"name it right beside it with one of: {', '.join(words)}"]
    parts += [f"and say {' or '.join(PHRASES[idea].split('|')[:3])} in the sentence" for idea in claim.also]
    return "; ".join(parts)

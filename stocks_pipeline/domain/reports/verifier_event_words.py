"""Words that tell of events: deals, results, people, courts, ratings, the world outside; in English and Thai.

What belongs here: the table, by kind of event, and the closed list of verbs a company may have. What does not: when an
event may be told (verifier_events.py).

Prices, volumes and the company's stored ratios are told in words that are not here. A word that is an event only beside
another (a dividend *cut*) stands with it.
"""

import re

from stocks_pipeline.domain.reports.verifier_words import split

_CHANGED = (
    "cut|cuts|cutting|slashed|slashes|suspended|suspends|scrapped|omitted|cancelled|raised|raises|lifted|lifts|hiked|"
    "boosted|"
    "increased|declared|declares|announced|resumed|restored|halved|doubled|reduced|approved|skipped|initiated|"
    "paid out|axed"
)
EVENTS: dict[str, str] = {
    "deal": (
        r"take-?overs?|taken over|take over|takes over|taking over|took over|mergers?|merg(?:e|es|ed|ing) with|"
        r"acqui(?:re|res|red|ring|sitions?|rers?)|"
        r"buy-?outs?|bought out|(?:a|the|its|takeover|rival|hostile) (?:bid|offer)\b|tender offer|suitors?|delist\w*|"
        r"spin-?offs?|spun off|"
        r"going private|stakes?|asset sale|divestments?|divested|"
        r"เทกโอเวอร์|ควบรวม|ซื้อกิจการ|เข้าถือหุ้น|ขายกิจการ"
    ),
    "dividend": (
        rf"dividends?(?: payout)? (?:was |is |were |has been |have been |had been |being )?(?:{_CHANGED})|"
        rf"(?:{_CHANGED}) (?:its |the |their |a )?(?:interim |final |special |yearly |annual )?"
        r"(?:dividends?|payouts?)|dividend (?:cut|hike|increase|rise|suspension|holiday|boost)s?|ex-?dividend|"
        r"special dividend|payout cut|"
        r"ลดเงินปันผล|งดจ่ายปันผล|ประกาศจ่ายปันผล|เพิ่มเงินปันผล|ขึ้นเครื่องหมาย"
    ),
    "capital": (
        r"buy-?backs?|bought back|repurchas\w+|rights issue|share issue|issu(?:ed|es|ing) (?:new )?(?:shares|stock|"
        r"bonds|debt)|new shares|capital raising|"
        r"capital increase|raised capital|placement|placed shares|dilut\w+|(?:stock|share|reverse) splits?|"
        r"split (?:its|the) (?:stock|shares)|(?:was|were|is|been) split|after the split|"
        r"before the split|bond issue|refinanc\w+|refunding|debt load|เพิ่มทุน|แตกพาร์|ซื้อหุ้นคืน|หุ้นกู้"
    ),
    "people": (
        r"ceos?|cfos?|coo|chief executive|chief financial|chief|chairman|chairwoman|chairperson|founders?|"
        r"managing director|directors?|"
        r"executives?|management|the board|board(?:room)?|resign\w*|stepp(?:ed|ing) down|steps down|ousted|sacked|"
        r"appoint\w+|successor|succession|"
        r"retires?|retired|departure|left the company|insiders?|ลาออก|ผู้บริหาร|กรรมการ|ซีอีโอ|แต่งตั้ง|ประธาน"
    ),
    "rating": (
        r"downgrad\w+|upgrad\w+|analysts?|brokers?|brokerages?|price targets?|target price|rating agenc\w+|"
        r"credit rating|initiated coverage|"
        r"(?:analyst|broker|research)\w*(?:'s)? coverage|(?:start|resum|drop)\w* coverage|consensus|"
        r"wall street|experts?|strategists?|economists?|researchers?|commentators?|forecasters|"
        r"observers|"
        r"นักวิเคราะห์|โบรกเกอร์|ราคาเป้าหมาย|ปรับลดคำแนะนำ|ปรับเพิ่มคำแนะนำ|ปรับลดอันดับ"
    ),
    "law": (
        r"lawsuits?|law suit|sued|sues|suing|litigation|courts?|judges|(?:a|the) judge|jury|prosecutors?|regulators?|"
        r"regulatory|watchdog|probes?|probed|"
        r"investigat\w+|(?:was|is|been|were) fined|fined|fines|a fine\b(?! balance| line)|penalt(?:y|ies)|antitrust|"
        r"fraud\w*|scandals?|sanctions?|sanctioned|recall(?:s|ed)?|"
        r"banned|indict\w+|charged with|embezzle\w+|bribe\w*|corruption|insider trading|whistle-?blow\w*|"
        r"verdict against|arrest\w*|"
        r"money laundering|raided|seized|subpoena\w*|police|ถูกปรับ|ฟ้อง|คดี|สอบสวน|ทุจริต|ก\.ล\.ต|ศาล"
    ),
    "results": (
        r"(?:beat|beats|beating|missed|misses|missing|topped|exceeded|smashed|met|surpassed|fell short of|ahead of|"
        r"above|below) (?:all |the |its |market |analyst |profit |earnings )*"
        r"(?:expectations|estimates|forecasts?|guidance|targets?|hopes)|earnings (?:beat|miss|surprise|report|call|"
        r"season|release|announcement|warning|growth stalled)|"
        r"profit warning|guidance|outlook (?:was|is|has been) (?:raised|cut|lowered|lifted)|(?:report(?:s|ed)?|"
        r"post(?:s|ed)?|books?|booked|unveil\w*|deliver(?:s|ed)?) (?:\w+ ){0,3}?(?:profits?|loss|losses|earnings|"
        r"results?|"
        r"revenues?|sales|figures|numbers|quarter)|(?:quarterly|annual|interim|half-year|full-year|"
        r"yearly) (?:results?|profits?|earnings|loss|report|accounts)|results (?:were|was|beat|came|are|showed|"
        r"disappointed|impressed|due)|"
        r"strong results|weak results|profits? (?:rose|fell|jumped|surged|soared|plunged|slumped|grew|declined|"
        r"dropped|collapsed|warning)|record (?:profits?|earnings|revenues?|sales)|"
        r"swung to (?:a )?(?:profit|loss)|write-?downs?|impairments?|restated|accounting|auditors?|"
        r"ประกาศผลประกอบการ|ผลประกอบการ|กำไรสุทธิ|กำไร(?:เพิ่มขึ้น|ลดลง|ต่ำกว่าคาด|สูงกว่าคาด)"
    ),
    "business": (
        r"contracts?|(?:a|the|its|new|major) deals?|deals? with|partnerships?|partnered|joint venture|launch(?:es|ed|"
        r"ing)?|new products?|product line|patents?|lay-?offs?|laid off|"
        r"job cuts|strikes?\b(?! a\b)|plants?|factor(?:y|ies)|closures?|shut down|cyber-?attack\w*|hack(?:ed|ers?|"
        r"ing)?|outages?|data breach|bankrupt\w*|insolven\w*|default(?:s|ed)?|"
        r"restructur\w+|bail-?outs?|licen[cs]es?|orders? (?:from|worth|won)|won (?:a|an|the) (?:\w+ )?(?:order|"
        r"contract|tender|case)|customers?|clients?|suppliers?|workers|staff|unions?|expansion|expand(?:s|ed) into|"
        r"subsidiar(?:y|ies)|parent company|parent|affiliates?|sister company|owned by|ownership|acquirer|"
        r"breakthrough|clinical|trial results|approval|approved|drug|"
        r"shortages?|supply chain|explosion|accident|blaze|storm damage|fire at|"
        r"ล้มละลาย|ผิดนัดชำระ|ปิดโรงงาน|เลิกจ้าง|เปิดตัว|ลงนาม|ได้งาน|ปรับโครงสร้าง|เรียกคืนสินค้า|สัมปทาน"
    ),
    "world": (
        r"interest rates?|rate (?:cut|hike|rise|decision)s?|inflation|central banks?|monetary|fed\b|tariffs?|"
        r"elections?|(?<!tug of )wars?|pandemic|recession|government|"
        r"ministers?|parliament|budget|subsid(?:y|ies)|tax(?:es)? (?:cut|rise|bill)?|trade (?:war|dispute|tension)s?|"
        r"geopolitic\w*|oil prices?|commodity prices|currency crisis|stimulus|"
        r"earthquake|flood(?:s|ing)?|drought|typhoon|covid|virus|bond yields|treasur(?:y|ies)|economy|economic|gdp|"
        r"ดอกเบี้ย|เงินเฟ้อ|ธนาคารกลาง|สงคราม|เลือกตั้ง|เศรษฐกิจ"
    ),
    "flows": (
        r"short[- ]sell\w*|short interest|hedge funds?|institutions?|institutional|foreign (?:investors?|funds?|"
        r"buying|selling)|foreigners|inflows?|outflows?|"
        r"index inclusion|(?:added|joins?|joined|dropped|removed) (?:to|from )?(?:the )?(?:index|benchmark)|"
        r"block trades?|short squeeze|margin calls?|"
        r"retail (?:investors?|traders?|crowd)|speculators?|activists?|whales?|pension funds?|sovereign fund|"
        r"นักลงทุนต่างชาติ|กองทุน"
    ),
    "moment": (
        r"after[- ]hours|pre-?market|right now|at this moment|real[- ]time|tomorrow|next (?:week|month|year|session)|"
        r"tonight|this (?:morning|afternoon|evening)|"
        r"on (?:a|the) holiday|a holiday\b|trading halt\w*|halted|suspended from trading|suspension|circuit breaker|"
        r"limit[- ](?:up|down)|พรุ่งนี้|หยุดพักการซื้อขาย"
    ),
    "report": (
        r"announc(?:ed|ement|ements|ing)|unveiled|"
        r"confirmed(?! (?:reversal|uptrend|downtrend|trend|break\w*|signal|move|turn|change|recovery|base)\b)|"
        r"disclosed|warned|revealed|declared|filed|filings?|agreed|"
        r"signed|denied|rumou?rs?|rumou?red|"
        r"speculation|reportedly|allegedly|according to|sources say|media|press|ข่าวลือ|ประกาศว่า|แถลง"
    ),
}
"""Kind of event → the words that tell of one."""

_ASCII = re.compile(r"^[\x00-\x7f]+$")


def _pattern() -> re.Pattern[str]:
    groups = []
    for kind, table in EVENTS.items():
        parts = _alternatives(table)
        latin = "|".join(part for part in parts if _ASCII.match(part))
        thai = "|".join(part for part in parts if not _ASCII.match(part))
        groups.append(rf"(?P<{kind}>(?<![\w-])(?:{latin})(?![\w-]){f'|(?:{thai})' if thai else ''})")
    return re.compile("|".join(groups))


def _alternatives(table: str) -> list[str]:
    """A table's alternatives; a bar inside brackets parts none."""
    parts, depth, last = [], 0, 0
    for at, char in enumerate(table):
        depth += (char == "(") - (char == ")")
        if char == "|" and not depth:
            parts.append(table[last:at])
            last = at + 1
    return [*parts, table[last:]]


EVENT = _pattern()
"""Any event word of a lower-case text; `lastgroup` is its kind."""

AGENT = re.compile(
    r"\b(?:the|this|that) (?:company|firm|group|business|issuer|corporation|enterprise|bank|maker|lender|producer|"
    r"retailer)\s+"
    r"(?:(?:has|have|had|is|was|also|just|recently|already|still|now|then|newly) )*(?P<verb>[a-z]+)|"
    r"(?P<name>\ue000)\s+(?:(?:has|had|have|also|just|recently|already) )+(?P<verb2>[a-z]+(?:ed|ought|old|on|ot|ade|"
    r"aid))\b"
)
"""The company as the doer of something."""
DOES = split(
    "is was are were be been a an the no not its in on at below above with within between near far close well "
    "priced has have had trades traded trading belongs belonged closed closes ended ends finished finishes rose "
    "risen rises fell fallen falls gained gains lost loses climbed climbs dropped drops declined declines advanced "
    "advances moved moves slipped slips remained remains stayed stays sits sat stands stood shows showed shown "
    "looks looked ranks ranked pays paid yields yielded offers returned returns carries carried earns changed "
    "settled listed valued rallied recovered retreated seems appears keeps kept held holds started spent done seen "
    "underperformed outperformed unchanged down up soared plunged jumped tumbled surged slumped sank rebounded grew "
    "shrank little only more less currently expensive cheap profitable volatile itself named called known said "
    "under over "
)
"""The verbs and what may follow a verb of being: what bars and ratios can show of a company."""

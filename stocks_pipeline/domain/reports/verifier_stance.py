"""What a report tells its reader to do: it may not be other than the stance of its first line, nor promise anything.

What belongs here: verdicts, calls to act and promises, in English and Thai. What does not: the first line's form
(verifier_layout.py).

Talk of the market's buying and selling ("selling pressure", "buyers hold back", "a sell-off") is no stance.
"""

import re

from stocks_pipeline.domain.reports.verifier_spans import Problem

_BUY = (
    "buy|buying|accumulate|accumulating|overweight|outperform|add to|adding to|load up|scoop up|snap up|go long|get in|"
    "top up|pile in|invest in"
)
_SELL = (
    "sell|selling|avoid|avoiding|exit|exiting|underweight|underperform|reduce|reducing|trim|trimming|dump|dumping|"
    "offload|"
    "unload|get out|bail out|take profits?|taking profits?|lock in|cash in|cut losses|short|go short|shorting|"
    "stay away|steer clear|walk away|divest|liquidate"
)
_HOLD = "hold|holding|keep|stay put|sit tight|stand pat"
_SIDES = {"BUY": _BUY, "SELL": _SELL, "HOLD": _HOLD}
_ACT = rf"(?:{_BUY}|{_SELL}|{_HOLD})"
_LINK = (
    r"\b(?:stance|rating|rated|rate|rates|recommend\w*|call|verdict|view|conclusion|advice|clear|strong|outright|is|"
    r"as|remains?|"
    r"stays?)\b(?:\s+(?:is|of|on|it|to|the|a|an|shares|stock|remains|stays|still|as|at|that|"
    r"investors))*\s*[:\u2014-]?\s*(?:a\s+)?"
)
_NO_ACT = (
    r"(?![- ](?:off|offs|side|pressure|signals?|steady|up|above|below|near|interest|in|orders?|into|tone|case|trend|"
    r"mood|"
    r"divergence|momentum|market|bias|cross\w*|setup)\b|-\w)"
)
_VERDICT = re.compile(
    rf"{_LINK}(?P<act>buy|buying|sell|selling|hold|holding|overweight|underweight|outperform|underperform|accumulate|"
    rf"avoid|"
    rf"reduce)\b{_NO_ACT}"
)
_ADVISED = re.compile(
    r"\b(?:(?:investors|holders|shareholders|readers|buyers|sellers|traders|everyone|everybody|anyone|one|you|we|"
    r"they|owners)"
    r" (?:should|must|may want to|might want to|ought to|had better|would (?:be wise|do well) to|need to|"
    r"are advised to|"
    r"are urged to|(?:would )?prefer to)"
    r"|(?:reasons?|time|moment|chance|opportunity|wise|best|better|sensible|prudent|smart|right|safe|safer|advisable|"
    r"excuse) (?:is )?(?:to|for)(?: you to| holders to| investors to)?|time for|we would|i would|let us|let's)"
    rf" (?:now |still |simply |just |be )?(?P<act>{_ACT})\b{_NO_ACT}"
)
_ORDERED = re.compile(
    r"(?:(?<=^)|(?<=[.!?:;] )|(?<=\n)|(?<=\n- ))(?:please |now |so |then |just |simply |and |always |do )?"
    r"(?P<act>buy|sell|accumulate|exit|dump|offload|unload|load up|go long|go short|get out|get in|take profits?|"
    r"cut losses|"
    r"stay away|steer clear|sit tight|stay put|lock in|scoop up|snap up|bail out|trim|reduce|liquidate|divest|"
    r"outperform|"
    r"overweight|underweight|underperform|hold|keep|add to|avoid|short)"
    r"(?=\s*[.!\n]|$|\s+(?:now|today|here|this|these|those|the|your|all|any|everything|more|on|it|them|into|before|"
    r"positions?|"
    r"holdings?|exposure|shares?|stock|immediately|at once|while|weakness|strength|dips?|rallies|again|tight|out|"
    r"half|some|\ue000))"
)
_NO_ORDER = re.compile(r"(?:avoid|keep|hold|reduce|trim) (?:reading|in mind|the risk|risk|watch|an eye|the view)")
_WHOLE = re.compile(r"\b(BUY|SELL|HOLD)\b")
_PROMISE = re.compile(
    r"\b(?:guarantee\w*|risk-free|riskless|without (?:any )?risk|no risk|sure (?:win|thing|bet)|surefire|"
    r"cannot (?:lose|fail|go wrong)|"
    r"can['\u2019]t (?:lose|fail|go wrong)|cannot but rise|certain to|bound to|sure to|no[- ]brainer|easy money|"
    r"free money|"
    r"must[- ](?:buy|own|have)|will (?:surely|certainly|definitely|undoubtedly)\b)|รับประกัน|การันตี|กำไรแน่นอน|"
    r"ไม่มีความเสี่ยง"
)
_THAI = re.compile(
    r"(?:แนะนำ(?:ให้)?|คำแนะนำ\s*:?\s*(?:คือ)?|ควร(?:จะ)?|ต้อง|น่า|จังหวะ|โอกาส|เวลา|ให้|รีบ)\s*(?P<act>เข้าซื้อ|"
    r"ซื้อ(?!ขาย)|สะสม|ขาย|ถือ|หลีกเลี่ยง)"
    r"|(?P<now>เข้าซื้อ|ซื้อ|(?<!ซื้อ)ขาย)(?:ทันที|เลย|ตอนนี้|ด่วน|ออกไป|ทิ้ง|ให้หมด)|(?P<plain>ทยอยสะสม|ทยอยซื้อ|"
    r"ทยอยขาย|หลีกเลี่ยงหุ้น|ขายทำกำไร)"
)
_THAI_BUY, _THAI_HOLD = ("ซื้อ", "สะสม"), ("ถือ",)
_DENIED = re.compile(r"\b(?:no|not|never|hardly|don['\u2019]t|little|without)\b[\w\s'\u2019]{0,24}$")


def stances(masked: str, stance: str | None) -> list[Problem]:
    """Verdicts and calls in the body that are not the stance, and every promise; none where there is no stance."""
    if stance is None:
        return []
    start = masked.find("\n") + 1
    body = masked[start:] if start else ""
    lower = body.lower() if len(body.lower()) == len(body) else body
    found = {match.start(1): match[1] for match in _WHOLE.finditer(body) if match[1] != stance}
    for pattern in (_VERDICT, _ADVISED, _ORDERED):
        for match in pattern.finditer(lower):
            if _NO_ORDER.match(lower, match.start("act")):
                continue
            denied = _DENIED.search(lower, max(0, match.start() - 30), match.start("act")) is not None
            if (_side(match["act"]) == stance) == denied:
                found[match.start("act")] = match["act"]
    for match in _THAI.finditer(body):
        word = match["act"] or match["now"] or match["plain"]
        if _thai_side(word) != stance:
            found[match.start()] = match[0]
    problems = [
        Problem("stance", start + at, word, f"the stance is {stance}; the text says {word!r}")
        for at, word in sorted(found.items())
    ]
    return problems + [
        Problem("stance", start + match.start(), match[0], f"{match[0]!r} promises; a report promises nothing")
        for match in _PROMISE.finditer(lower)
    ]


def _side(word: str) -> str:
    return next(side for side, words in _SIDES.items() if re.fullmatch(words, word))


def _thai_side(word: str) -> str:
    return "BUY" if any(part in word for part in _THAI_BUY) else "HOLD" if word in _THAI_HOLD else "SELL"

"""Ways to make a good report false in words alone: every value stays as it was.

What belongs here: directions, gains and losses, spans of time, comparisons, levels, feats, calls, events, unit words.
What does not: damage to values and evidence (report_mutations.py). Each is false of the report it is put into. Who
chose the words knew the verifier's tables, so the rate says that the rules hold, not what an unknown liar could do.
"""

import random
import re
from collections.abc import Sequence
from typing import Any

from stocks_pipeline_tests.report_corpus import Report
from stocks_pipeline_tests.report_mutations import Edit, Mutation, edited

UPS = ("rose", "gained", "climbed", "advanced", "soared", "jumped", "surged", "rallied", "increased")
DOWNS = ("fell", "lost", "declined", "plunged", "dropped", "tumbled", "sank", "slumped", "slid", "decreased")
GAINS = ("gain", "rise", "windfall", "step up", "reward", "surge")
LOSSES = ("loss", "decline", "setback", "step down", "slump", "plunge")
SPOKEN_UP = (
    "a gain for holders",
    "a welcome rise",
    "so the price soared",
    "with buyers in control as it climbed",
    "a step up",
)
SPOKEN_DOWN = (
    "a loss for holders",
    "a painful decline",
    "so the price plunged",
    "which wiped out savings",
    "a step down",
)
_SWAPS: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (UPS, DOWNS),
    (GAINS, LOSSES),
    (("above",), ("below", "beneath")),
    (("up",), ("down",)),
    (("positive",), ("negative",)),
    (("grew",), ("shrank", "contracted")),
)
OTHERS: dict[str, tuple[str, ...]] = {
    "week": ("month", "year"), "month": ("week", "year"), "year": ("week", "month"), "months": ("week", "year"),
    "weekly": ("monthly", "yearly"), "monthly": ("weekly", "yearly"), "yearly": ("weekly", "monthly"),
    "daily": ("weekly", "yearly"), "annualised": ("daily", "weekly", "monthly"), "year's": ("week's", "month's"),
}  # fmt: skip
_TIMED = re.compile(r"return_(1w|1m|3m|1y|1d)|high_52w|low_52w|volatility_30d|drawdown")
BUSY = (
    "busier than usual",
    "heavier than normal",
    "livelier than usual",
    "brisker than average",
    "more active than usual",
)
QUIET = (
    "quieter than usual",
    "thinner than normal",
    "lighter than usual",
    "more subdued than average",
    "sleepier than usual",
)
RECORDS = (
    "The shares stand at a record high.",
    "This is an all-time high.",
    "The price has never been higher.",
    "It was the best month in years.",
    "The shares outperformed the market.",
    "It is the worst performer of the sector.",
    "It was the strongest session ever.",
    "The price hit a lifetime low.",
    "Its returns beat those of its rivals and the index.",
    "The share lagged its peers.",
)
CALLS = {
    "BUY": ("Sell now.", "It is time to sell.", "Avoid these shares.", "Investors should exit.", "Take profits.",
            "Our advice is to sell.", "Holders should reduce positions.", "Dump the stock.", "Stay away."),
    "SELL": ("Buy now.", "Accumulate on weakness.", "This is a good time to buy.", "Investors should buy.",
             "We see every reason to buy more.", "Load up.", "Our rating is buy.", "Add to positions."),
    "HOLD": ("Sell now.", "Buy now.", "Accumulate on weakness.", "Avoid the stock.", "It is a strong buy.",
             "Readers ought to sell.", "Exit.", "We recommend buying.", "It would be wise to sell."),
}  # fmt: skip
EVENTS = (
    "The board accepted a takeover bid.", "A merger was announced.", "The dividend was cut.",
    "The company raised its dividend.", "The chief executive resigned.", "A new chairman was appointed.",
    "Analysts downgraded the shares.", "A broker raised its price target.", "A lawsuit was filed.",
    "Regulators opened an investigation.", "The company was fined.", "Earnings beat expectations.",
    "Quarterly profit missed forecasts.", "The company posted record profits.", "Revenue guidance was raised.",
    "A large contract was won.", "The company launched a product.", "A factory closed.",
    "Workers went on strike.", "The firm filed for bankruptcy.", "A share buyback began.",
    "The company issued new shares.", "The stock was split.", "Insiders sold.",
    "Foreign investors bought heavily.", "Short sellers were squeezed.", "The central bank raised rates.",
    "Inflation hurt demand.", "New tariffs weigh on exports.", "A data breach was disclosed.",
    "A product recall began.", "The shares go ex-dividend tomorrow.", "The company acquired a rival.",
    "Management warned of weak demand.", "The regulator approved a drug.", "A rights issue is under way.",
    "Trading was halted.", "The auditor quit.", "A partnership was signed.", "The unit was spun off.",
)  # fmt: skip
UNITS = (" points", " lots", " million", " contracts", " ticks", "-points", " percent", " times", " thousand", " each")
LOOSE = ("a buck", "bucks", "single-digit", "umpteen", "[a]", "(b)", "at www.pump.example", "at pump.io", "x@pump.io")


def _told(report: Report) -> int:
    """Where the risks begin, whose sentences speak of what might be."""
    return report.text.find("## Risks")


def _sentences(report: Report) -> list[tuple[int, int]]:
    body, until = report.text.find("\n") + 1, _told(report)
    ends = [m.end() for m in re.finditer(r"[.]+(?=\s)|\n", report.text[:until])]
    return [(max(a, body), b) for a, b in zip([0, *ends], ends, strict=False) if b > body]


def _facts(report: Report, start: int, end: int) -> list[dict[str, Any]]:
    return [e for e in report.evidence if start <= int(e["start"]) < end]


def _outside(report: Report, pattern: str) -> list[re.Match[str]]:
    """Matches of the prose before the risks, outside every span."""
    body = report.text.find("\n")
    found = re.finditer(pattern, report.text[: _told(report)])
    inside = [(e["start"], e["end"]) for e in report.evidence]
    return [m for m in found if m.start() > body and not any(a < m.end() and m.start() < b for a, b in inside)]


def _replaced(report: Report, match: re.Match[str], new: str) -> Report:
    new = new.capitalize() if match[0][0].isupper() else new
    return edited(report, Edit(match.start(), match.end(), new))


def _added(report: Report, rng: random.Random, said: str) -> Report:
    """The report with one more sentence at the end of a section that states what is."""
    heading = rng.choice(["\n\n## Momentum", "\n\n## Risks"])
    at = report.text.find(heading)
    return edited(report, Edit(at, at, f" {said}"))


def _number(report: Report, fact: str) -> float | None:
    found = report.sheet["facts"].get(fact)
    return None if found is None else float(found["value"])


def direction_word(report: Report, rng: random.Random) -> Report | None:
    """A word of direction turned into one of the other side, beside a value that has a sign."""
    choices = []
    for start, end in _sentences(report):
        signed = [e for e in _facts(report, start, end) if str(e["text"])[0] in "+-" and "%" in str(e["text"])]
        choices += [(m, swap) for m, swap in _swappable(report) if signed and start <= m.start() < end]
    if not choices:
        return None
    match, words = rng.choice(choices)
    return _replaced(report, match, rng.choice(words))


def _swappable(report: Report) -> list[tuple[re.Match[str], tuple[str, ...]]]:
    found = []
    for one, other in _SWAPS:
        for words, opposite in ((one, other), (other, one)):
            found += [(m, opposite) for m in _outside(report, rf"\b(?:{'|'.join(words)})\b(?! to\b)")]
    return found


def gain_loss(report: Report, rng: random.Random) -> Report | None:
    """A return called the other thing behind it."""
    places = []
    for start, end in _sentences(report):
        values = _facts(report, start, end)
        if values and re.fullmatch(r"return_(1d|1w|1m|3m|1y)", str(values[-1]["fact"])):
            shown, stop = str(values[-1]["text"]), report.text.rfind(".", start, end)
            if shown[0] in "+-" and stop > int(values[-1]["start"]):
                places.append((stop, shown[0] == "+"))
    if not places:
        return None
    at, up = rng.choice(places)
    return edited(report, Edit(at, at, f", {rng.choice(SPOKEN_DOWN if up else SPOKEN_UP)}"))


def period_word(report: Report, rng: random.Random) -> Report | None:
    """A span of time beside a value that is of another one."""
    choices = []
    for start, end in _sentences(report):
        if any(_TIMED.fullmatch(str(e["fact"])) for e in _facts(report, start, end)):
            found = _outside(report, rf"\b(?:{'|'.join(sorted(OTHERS, key=len, reverse=True))})\b(?!'s|-)")
            choices += [m for m in found if start <= m.start() < end]
    if not choices:
        return None
    match = rng.choice(choices)
    return _replaced(report, match, rng.choice(OTHERS[match[0].lower()]))


def comparison_word(report: Report, rng: random.Random) -> Report | None:
    """Busy for quiet, with for against."""
    peers = _outside(
        report, r"moved with those|ran opposite to those|moves alongside it|moves against it|moves apart from it"
    )
    if peers and rng.random() < 0.3:
        match = rng.choice(peers)
        new = {"moved": "ran opposite to those", "ran": "moved in step with those"}.get(match[0].split()[0])
        return _replaced(
            report, match, new or ("moves against it" if "alongside" in match[0] else "moves in step with it")
        )
    ratio = _number(report, "volume_ratio")
    if ratio is None or abs(ratio - 1) < 0.02:
        return None
    words = QUIET if ratio > 1 else BUSY
    return _added(report, rng, f"Trading was {rng.choice(words)}.")


def level_word(report: Report, rng: random.Random) -> Report | None:
    """A level that the value does not have."""
    rsi, swing = _number(report, "rsi_14"), _number(report, "volatility_30d")
    said = []
    if rsi is not None:
        said += (
            ["The RSI is overbought.", "Momentum by the RSI looks overheated."]
            if rsi < 55
            else ["The RSI is oversold."]
        )
        said += (
            ["The RSI is neutral.", "The RSI is balanced."]
            if not 25 < rsi < 75
            else ["The RSI is not far from oversold."][:0]
        )
        said += ["The RSI is close to oversold."] if rsi > 45 else []
    if swing is not None:
        said += ["Volatility is extreme."] if swing < 45 else ["Volatility is modest.", "Volatility is very low."]
    return _added(report, rng, rng.choice(said)) if said else None


def feat(report: Report, rng: random.Random) -> Report | None:
    """A record, or a new high or low that the newest close is far from."""
    said = list(RECORDS)
    closes = [row for row in _closes(report) if row]
    if len(closes) > 40:
        low, high, now = min(closes[-15:]), max(closes[-15:]), closes[-1]
        said += (
            ["The close is a fresh low for the year.", "It is the lowest close of the month."]
            if now > low * 1.03
            else []
        )
        said += (
            ["The shares set a new high for the year.", "It is the highest close of the month."]
            if now < high * 0.97
            else []
        )
    return _added(report, rng, rng.choice(said))


def _closes(report: Report) -> Sequence[float]:
    table, session = report.world.bars, report.sheet["facts"]["session"]["value"]
    days, closes = table.column("session").to_pylist(), table.column("close").to_pylist()
    return [close for day, close in sorted(zip(days, closes, strict=True)) if day.isoformat() <= session]


def call(report: Report, rng: random.Random) -> Report | None:
    """A call to do something else than the stance says."""
    stance = report.text.split("\n", 1)[0].rsplit(" ", 1)[1]
    return _added(report, rng, rng.choice(CALLS[stance]))


def event(report: Report, rng: random.Random) -> Report | None:
    """An event that nothing stored tells of."""
    return _added(report, rng, rng.choice(EVENTS))


def unit_word(report: Report, rng: random.Random) -> Report | None:
    """A unit that is no value's, behind a value or on its own."""
    numeric = [e for e in report.evidence if report.sheet["facts"][e["fact"]]["unit"] not in {"text", "date"}]
    if not numeric or rng.random() < 0.3:
        return _added(report, rng, f"The price is firm, {rng.choice(LOOSE)} as it were.")
    end = rng.choice(numeric)["end"]
    return edited(report, Edit(end, end, rng.choice(UNITS)))


_ALL: tuple[Mutation, ...] = (
    direction_word, gain_loss, period_word, comparison_word, level_word, feat, call, event, unit_word,
)  # fmt: skip
WORD_KINDS: dict[str, Mutation] = {function.__name__: function for function in _ALL}

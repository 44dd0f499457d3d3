"""Words of the lexicon that claim something of the market, so that somebody has to have checked them.

What belongs here: the tables. What does not: the words that may stand anywhere (verifier_lexicon.py), and who checks
(verifier_plain.py asks verifier_worlds.py).

Words of caution, of order and of speech ("mixed", "further", "suggests") claim nothing that a stored row could deny.
"""

import re

from stocks_pipeline.domain.reports.verifier_spans import MASK
from stocks_pipeline.domain.reports.verifier_turns import DIRECTIONS
from stocks_pipeline.domain.reports.verifier_words import split

_HOW_MUCH = (
    "acute adequate adverse ample anaemic attractive bad bearish best better big brief brisk broad broken bullish "
    "busy calm cheap choppy comfortable compelling conclusive considerable constructive convincing decisive deep "
    "discouraging disorderly downward elevated encouraging erratic excessive exhausted expensive extended "
    "extra extraordinary extreme fair false fast favorable favourable firm flat fragile fresh good great handsome "
    "healthy heavy hesitant high higher impressive intense irregular lacklustre large light limited little loose "
    "low lower mild minor moderate modest murky muted narrow nearby negative new normal orderly ordinary oversold "
    "overbought overextended persistent poor positive pronounced quick quiet rangebound rapid rare remarkable "
    "resilient respectable rich robust rough safe secure severe shaky shallow sharp significant slight slow "
    "sluggish small smooth soft solid sound stable steady steep stretched strong stubborn subdued sudden sufficient "
    "supportive tepid thin tight unattractive unbroken unchanged unconvincing unfavorable unfavourable unremarkable "
    "unsupportive unusual upward volatile vulnerable weak wide worrying worse worst wrong"
)
_WHAT = (
    "acceleration breakdown breakout breather ceiling consolidation convergence correction crossover decline "
    "deterioration divergence dominance downside downtick downtrend drop exhaustion expansion fall floor foothold "
    "gain improvement loss opportunity peak pullback rally rebound recovery resistance retracement retreat reversal "
    "reward rise slide spike squeeze streak strength support surge trough upside uptick uptrend weakness"
)
_DOES = (
    "absorb accelerate beat break broke cap climb coil confirm contradict contract converge cool cross crossing "
    "dampen decelerate decrease deteriorate diminish dip diverge dominate ease exceed exhaust expand fade fail fall "
    "fallen fell flatten gain grind harden hold hurt improve increase jump lag lose lost match outweigh plunge "
    "prevail rally ran rebound recover regain resist retest retrace rise risen rose sink slip soar stabilise "
    "stabilize stall steepen strengthen struggle succeed support surge sustain tighten top touch trail tumble "
    "weaken widen"
)
STORY = split(
    "advance advances advancing breather climb climbs consolidation correction decline declines dip dips downturn drop "
    "drops gain gains improvement jump jumps loss losses pullback rally rallies rebound rebounds recovery retracement "
    "retreat retreats reversal rise rises setback slide slides strength surge surges swing upswing uptick downtick "
    "weakness premium discount surplus deficit reward profit"
)
"""Nouns of a course of prices: beside a value its sign judges them; without one they tell a story, not a figure."""
_IDLE = split(
    "up down over under behind ahead had has have held took gained were in was its the buyers sellers bulls bears "
    "demand supply control charge edge initiative hand upper moving average term money made earned holders of forward "
    "back black red out off for making make makes given giving gave picked followed caught above below beneath little "
    "changed hardly barely moved sideways marked time still at a standstill stood traded step won cost inverse "
    "inversely nowhere add adds added good healthy constructive hold holds cool"
)
"""Single words of phrases, which alone claim nothing, and words of taste."""
LOADED = (split(f"{_HOW_MUCH} {_WHAT} {_DOES}") | DIRECTIONS) - STORY - _IDLE
"""Stems, and the whole words of direction; what is said of buyers and sellers is judged as a phrase, not by its words.
"""

CAUSES = split("boost cause confirm drag drive drove fuel lift push sent spark trigger")
"""What a headline is said to have done: nothing stored tells why a price moved."""

NAMES_OF_VALUES = re.compile(
    rf"\b(?:upper|lower|middle|centre) (?:(?:bollinger )?bands?|of the bands)|(?:its |the )?(?:yearly|year's|52-week) "
    rf"(?:range|highs?|lows?|peak)\b|\b(?:high|low|peak)s?(?= (?:of|at|on|to|near|close to)? ?(?:{MASK}))|peak close|"
    rf"\bhighest close|\bin light of\b|from the peak|(?:high|low)est (?:price|high|low) of the year|gap to|"
    rf"volume ratio|no higher than the newest|at or below the newest|market cap|(?:trailing|forward) earnings|"
    rf"revenue (?:grew|shrank)|"
    rf"(?:average )?true range|moving averages?"
)
"""Names of stored values that hold a word which elsewhere claims something."""

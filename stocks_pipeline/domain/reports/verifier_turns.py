"""The words of direction: which mean up, which down, which neither, and which state nothing (negated, only possible).

What belongs here: the tables and their patterns. What does not: whose value a word is about (verifier_direction.py,
verifier_untold.py).
"""

import re

_UP = (
    "rose|rise|rises|risen|rising|gain|gains|gained|gaining|(?<!making )(?<!make )(?<!makes )(?<!made )(?<!given )"
    "(?<!giving )(?<!gave )(?<!picked )(?<!followed )(?<!caught )up|upward|upwards|advance|advances|advanced|advancing|"
    "climb|climbs|"
    "climbed|climbing|increase|increases|increased|increasing|rallied|rally|rallies|rallying|grew|grown|grows|"
    "growing|jump|"
    "jumped|jumps|jumping|surge|surged|surges|surging|soar|soared|soars|soaring|leap|leapt|leaps|spiked|spikes|"
    "rebounded|"
    "rebounds|recovered|recovers|recouped|boomed|skyrocketed|rocketed|shot up|took off|improved|improves|strengthened|"
    "appreciated|expanded|swelled|higher|above|over(?= (?:its|the) [a-z]+(?:-term)? (?:moving )?average)|positive|"
    "positively|ahead|premium|surplus|added|adds|upside|upswing|"
    "upturn|"
    "uptick|windfall|rewarded|rewarding|reward|enjoyed|made money|earned money|made holders richer|profit for|winner|"
    "winning|"
    "step forward|in the black|"
    "(?:buyers|bulls|demand) (?:had|have|has|held|took|gained) (?:the upper hand|the edge|the initiative|control)|"
    "(?:buyers|bulls) (?:prevailed|dominated|won|were in (?:control|charge))|"
    "เพิ่มขึ้น|ปรับขึ้น|ปรับตัวขึ้น|สูงขึ้น|สูงกว่า|เหนือ|บวก|พุ่ง|ทะยาน|ดีดตัว|ฟื้นตัว"
)
_DOWN = (
    "fell|fall|falls|fallen|falling|loss|losses|lost|lose|loses|losing|down|downward|downwards|decline|declines|"
    "declined|"
    "declining|drop|drops|dropped|dropping|slip|slips|slipped|slipping|slid|slide|slides|sliding|decrease|decreases|"
    "decreased|"
    "decreasing|shrank|shrunk|shrinks|contracted|plunge|plunged|plunges|plunging|tumble|tumbled|tumbles|tumbling|"
    "sank|sunk|"
    "sinks|sinking|shed|sheds|slump|slumped|slumps|slumping|crash|crashed|crashes|collapse|collapsed|collapses|"
    "plummeted|"
    "plummets|nosedived|cratered|tanked|dived|retreated|retreats|eased|dipped|dips|weakened|worsened|deteriorated|"
    "depreciated|erased|wiped out|wipes out|lower|below|beneath|under(?= (?:its|"
    "the) [a-z]+(?:-term)? (?:moving )?average)|negative|negatively|inverse|inversely|behind|"
    "discount|deficit|"
    "shortfall|downside|downswing|downturn|setback|punished|hurt|cost holders|lost money|loser|step back|in the red|"
    "(?:sellers|bears|supply) (?:had|have|has|held|took|gained) (?:the upper hand|the edge|the initiative|control)|"
    "(?:sellers|bears) (?:prevailed|dominated|won|were in (?:control|charge))|"
    "ลดลง|ปรับลง|ปรับตัวลง|ต่ำลง|ต่ำกว่า|ใต้|ติดลบ|ขาดทุน|ร่วง|ดิ่ง|ทรุด|อ่อนตัว"
)
_FLAT = (
    "unchanged|flat|steady(?! (?:[a-z]+ )?(?:advance|climb|rise|gain|uptrend|decline|fall|slide|drop))|"
    "stable|nowhere|little changed|hardly changed|barely changed|barely moved|hardly moved|"
    "moved sideways|traded sideways|marked time|stood still|at a standstill|ทรงตัว|ไม่เปลี่ยนแปลง"
)
_MOVES = (
    "rose|risen|rising|gained|gaining|climbed|climbing|rallied|rallying|jumped|jumping|surged|surging|soared|soaring|"
    "leapt|"
    "rebounded|recovered|skyrocketed|rocketed|advanced|advancing|fell|fallen|falling|lost|losing|declined|declining|"
    "dropped|"
    "dropping|slipped|slipping|slid|sliding|plunged|plunging|tumbled|tumbling|sank|sinking|slumped|slumping|crashed|"
    "collapsed|"
    "plummeted|retreated|tanked|crumbled|เพิ่มขึ้น|ปรับขึ้น|ปรับตัวขึ้น|พุ่ง|ทะยาน|ลดลง|ปรับลง|ปรับตัวลง|ขาดทุน|ร่วง|"
    "ดิ่ง|ทรุด"
)
"""Verbs of a price's own move, for sentences that show no value."""


def _words(table: str) -> str:
    latin = "|".join(word for word in table.split("|") if word.isascii())
    thai = "|".join(word for word in table.split("|") if not word.isascii())
    return rf"(?<![\w-])(?:{latin})(?![\w])|(?:{thai})"


DIRECTIONS = frozenset(re.findall(r"[a-z]+", f"{_UP}|{_DOWN}|{_FLAT}"))
"""Every single word of the tables."""
TURN = re.compile(f"(?P<flat>{_words(_FLAT)})|(?P<up>{_words(_UP)})|(?P<down>{_words(_DOWN)})")
MOVED = re.compile(f"(?P<up>{_words(_UP)})|(?P<down>{_words(_DOWN)})")
UNTOLD = re.compile(f"(?P<move>{_words(_MOVES)})")
SIGN_ONLY = re.compile(
    r"(?P<up>\b(?:positive|positively|above (?:the )?zero)\b)|(?P<down>\b(?:negative|negatively|below (?:the )?zero)\b)"
)
TOGETHER = re.compile(
    r"(?P<up>\b(?:positive|positively|in step|in tandem|in unison|in lockstep|alongside|same (?:direction|way)|"
    r"hand in hand|"
    r"(?:moved|moves|move|went|rose and fell|ran) (?:closely |largely |broadly )?(?:with|together)|tracks|tracked|"
    r"mirrors|mirrored|follows|followed)\b)"
    r"|(?P<down>\b(?:negative|negatively|inverse|inversely|opposite|oppositely|contrary|diverged?|apart|"
    r"against (?:it|each other|one another|those|its peer|the peer)|mirror image)\b)"
)
"""Words beside a correlation."""
RELATIVE = frozenset({"above", "below", "beneath", "higher", "lower", "ahead", "behind"})
STRONG = re.compile(
    r"(?:soar|surg|skyrocket|rocket|leap|boom|plung|tumbl|plummet|crash|collaps|slump|crater|nosedive|tank|wipe|"
    r"shot up|"
    r"พุ่ง|ทะยาน|ดิ่ง|ทรุด)"
)
"""Beginnings of words that mean a large move."""
NOT = re.compile(
    r"(?:\b(?:not|no|never|nor|neither|without|hardly|cannot|far from|short of)\b|n['\u2019]t\b)(?:\s+[\w-]+){0,3}\s*$"
)
"""The end of a text after which a word is negated."""
CONTRAST = re.compile(
    r";|\b(?:but|while|whereas|though|although|(?<!not )yet|however|despite|in spite of|notwithstanding)\b"
)
"""Parts what is said before it from the value behind it."""
DESPITE = re.compile(r"\b(?:despite|in spite of|notwithstanding|even after|after)\b[^,;]*$")
"""The end of a text after which a move is another one's: "despite this small gain, ..."."""
GAP = re.compile(r"\s*(?:above|below|beneath|over|under)\b")
"""The word behind a gap that tells its side: "{gap} above its average"."""
LEVELLED = re.compile(
    r"\s+(?:(?:all|both|most|the|its|their|of|own|tracked|major|key|other|short-term|medium-term|long-term|moving|yearly|"
    r"previous|upper|lower|volume-weighted|and|,)\s+|,\s*)*(?:averages?|bands?|lines?|close|highs?|lows?|level)\b"
)
"""What "above" and "below" are said of, where they compare levels and tell no move."""
OTHER_MOVE = re.compile(
    r"\b(?:interrupt|cool|eras|halt|paus|follow|slow|revers|undo|within|inside|amid|despite|after|contrast|"
    r"remind|correct)\w*\s+(?:part of |some of |much of |most of )?(?:the|an?|its|this|earlier|with|by)\s+"
    r"(?:[\w-]+\s+){0,3}$"
    r"|\b(?:that|so|but|and|because) the\s+(?:(?!price|shares?|stock)[\w-]+\s+)?$"
    r"|\bthe (?:bounce|rebound|rally|recovery|dip|pullback|setback)\s+(?:has|have|had)\s+(?:[a-z]+\s+)?$"
    r"|\b(?:earlier|prior|previous)\s+$|\bhad\s+(?:[a-z]+\s+)?$"
)
"""The end of a text behind a value after which a move is another one than the value's: "cooled a long rally"."""
OF_BEFORE = re.compile(
    r"\b(?:earlier|previous|prior|part|some|recent|despite|past|last|before|former|old|since|than|any)\b"
)
"""Words that put a move into another time than the value's."""
MAYBE = re.compile(
    r"\b(?:would|could|can|may|might|should|shall|will|if|unless|until|whether|risk|risks|watch|"
    r"expect(?:s|ed|ing)?|likely|"
    r"potential\w*|possible|were to)\b"
    r"|\b(?:a|an|any|another|further|sustained|renewed)\s+(?:[\w-]+\s+){0,2}(?:close|closes|drop|fall|break|move|"
    r"slip|dip|rise|"
    r"push|return|slide|decline|rally|recovery|breach|step)\w*\s+(?:back\s+)?(?:above|below|beneath|through|towards?)\b"
    r"|\u0e2d\u0e32\u0e08|\u0e2b\u0e32\u0e01|\u0e16\u0e49\u0e32|\u0e08\u0e30"
)
"""What makes a clause speak of what might be."""

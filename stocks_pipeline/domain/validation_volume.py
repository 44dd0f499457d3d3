"""Why two vendors' volumes differ: the same causes as for prices, and those that only volume knows.

What belongs here: `volume_causes`. What does not: which differences count (validation_rules.py).
"""

import math
from collections.abc import Sequence

from stocks_pipeline.domain.prices import Mask
from stocks_pipeline.domain.validation_pairs import Pair
from stocks_pipeline.domain.validation_types import Cause

_CLOSE = 0.02
_REVISED = 0.02  # of 2,600 real differences nine in ten are below 0.0015, and the others are splits or above 0.06
_SHARED = frozenset({Cause.STALE, Cause.WRONG_LISTING})


def volume_causes(pair: Pair, causes: Sequence[Cause | None], wrong: Mask) -> list[Cause]:
    """The cause of each session whose volume differs; `causes` are those of the closes.

    A repeated or foreign bar explains its volume too. A split does where volume is scaled the other way, ×100 where
    one side counts lots. Dividends explain no volume. Where the price agrees and little is missing, one vendor counted
    anew. Of what is left, one session in ten alone is a one-off, else nobody knows.
    """
    alone = Cause.ONE_OFF if wrong.sum() <= max(1, len(pair) // 10) else Cause.REAL
    found = []
    for row, cause in enumerate(causes):
        volume, price = float(pair.volume_ratio[row]), float(pair.ratio[row])
        if cause in _SHARED and cause is not None:
            found.append(cause)
        elif abs(abs(volume) - math.log(100)) < _CLOSE:
            found.append(Cause.UNIT_X100)
        elif cause is Cause.SPLIT_BASIS and abs(volume + price) < max(_CLOSE, abs(price) / 4):
            found.append(Cause.SPLIT_BASIS)
        elif (cause is None or cause.harmless) and abs(volume) <= _REVISED:
            found.append(Cause.VOLUME_REVISION)
        else:
            found.append(alone)
    return found

"""How much of a report's text is anchored in verified values: the score `faithfulness`, part by part.

What belongs here: that score, and telling sentences apart. What does not: the other scores (scores.py) and finding what
is wrong (the verifier). A report with findings is not stored, so values that stand say little about one that is: most
of the score is what a stored report can differ in, the sentences that show a value and those that nothing confirms.
"""

import re
from collections.abc import Iterator, Sequence

from stocks_pipeline.domain.reports.judged import Verdict
from stocks_pipeline.domain.reports.placeholders import Evidence, Narrative
from stocks_pipeline.domain.reports.weighing import TOP, Score, part, weighed

CONTRADICTIONS = frozenset({"claim", "direction", "stance"})
FORMAT = frozenset({"markup", "hidden", "section"})
NAMES = frozenset({"ticker", "yahoo_symbol", "company_name", "exchange", "sector"})
"""Facts that anchor no sentence: what a company is called is no value of the day."""
ANCHORED = 0.8
"""Share of sentences with a value that has full marks: some must say what the values mean together."""
DOUBT_WEIGHT = 3
"""A sentence that nothing stored confirms weighs as much as three that are well."""
_END = re.compile(r"[.!?]+[\"')\u201d\u2019]*(?=\s|$)")


def faithfulness(narrative: Narrative, verdict: Verdict) -> Score:
    """Sentences with a value 40, doubts 30, values that stand 20, contradictions 10; absent if nothing was checked."""
    shown, doubts = len(narrative.evidence), len(verdict.doubts)
    at = [problem.at for problem in verdict.findings if problem.kind not in CONTRADICTIONS | FORMAT]
    astray = sum(not _within(place, narrative.evidence) for place in at)
    stood = sum(not any(one.start <= place < one.end for place in at) for one in narrative.evidence)
    counts = [sum(one.fact not in NAMES for one in inside) for inside in sentences(narrative)]
    anchored, said = sum(map(bool, counts)), len(counts)
    against = sum(problem.kind in CONTRADICTIONS for problem in verdict.findings)
    parts = (
        part(
            "sentences with a value",
            TOP * anchored / said / ANCHORED if said else None,
            40,
            f"{anchored} of {said} sentences show a verified value; full marks from {ANCHORED:.0%}",
        ),
        part(
            "doubts", TOP * (1 - DOUBT_WEIGHT * doubts / said) if said else None, 30, f"{doubts} sentences not verified"
        ),
        part(
            "values",
            TOP * stood / (shown + astray) if shown + astray else None,
            20,
            f"{stood} of {shown + astray} stand",
        ),
        part(
            "contradictions", TOP * (1 - against / shown) if shown else None, 10, f"{against} of {shown} contradicted"
        ),
    )
    if not verdict.numbers_checked:
        return Score("faithfulness", None, parts, "the verifier found no number to check")
    return weighed("faithfulness", parts)


def sentences(narrative: Narrative) -> Iterator[list[Evidence]]:
    """For each sentence below the headings, the values that begin in it. A full stop inside a value ends none; Thai has
    no full stop, there a line that lacks one is a sentence.
    """
    start = 0
    for line in narrative.text.split("\n"):
        end = start + len(line)
        if start and line.strip() and not line.startswith("## "):
            inside = [one for one in narrative.evidence if start <= one.start < end]
            ends = [match for match in _END.finditer(line) if not _within(start + match.start(), inside)]
            stops = [start + match.end() for match in ends]
            begin = start
            for stop in dict.fromkeys([*stops, end]):
                if narrative.text[begin:stop].strip(" -"):
                    yield [one for one in inside if begin <= one.start < stop]
                begin = stop
        start = end + 1


def _within(place: int, values: Sequence[Evidence]) -> bool:
    return any(one.start <= place < one.end for one in values)

"""The verifier: false refusals on good reports, damaged ones caught by kind of damage, milliseconds a report.

Good reports come from recorded bars (where the shared data are) and simulated ones, a third of them written by the
sandbox's model; each is damaged in every way that stocks_pipeline_tests/report_mutations.py (values, evidence) and
report_word_mutations.py (words) know. Goals: no false refusal on 1,000, at least 99.9 % of 10,000 caught, at
most 20 ms of CPU a report.

    python benchmarks/verifying.py [--reports 1000] [--damaged 400] [--seed 1] [--json]
"""

import argparse
import json
import random
import statistics
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the tests are no installed package

from stocks_pipeline.domain.reports.verifier import Verdict, verify
from stocks_pipeline_tests.report_corpus import Report, corpus
from stocks_pipeline_tests.report_mutations import KINDS
from stocks_pipeline_tests.report_word_mutations import WORD_KINDS

GOAL_CAUGHT, GOAL_MS = 0.999, 20.0


def verdict(report: Report) -> Verdict:
    """What the verifier says of a report."""
    world = report.world
    return verify(report.text, report.evidence, report.sheet, world.bars, world.peers, world.company, world.news)


def measure(reports: int, damaged: int, seed: int) -> dict[str, Any]:
    """`reports` good reports; the first `damaged` of them also in every damaged form."""
    rng = random.Random(seed)  # noqa: S311 - test data
    tried: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    refused, numbers, cpu = 0, 0, []
    whole = list(corpus(reports, seed))
    for report in whole:
        start = time.process_time()
        found = verdict(report)
        cpu.append((time.process_time() - start) * 1000)
        refused += not found.passed
        numbers += found.numbers_checked
    for report in rng.sample(whole, min(damaged, len(whole))):
        for name, mutate in (KINDS | WORD_KINDS).items():
            other = mutate(report, rng)
            if other is not None:
                tried[name] += 1
                missed[name] += verdict(other).passed
    return {
        "reports": len(whole),
        "values": numbers,
        "refused": refused,
        "tried": dict(tried),
        "missed": {name: missed[name] for name in tried},
        "ms": {"median": statistics.median(cpu), "p95": statistics.quantiles(cpu, n=20)[18]},
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reports", type=int, default=1000)
    parser.add_argument("--damaged", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measure(options.reports, options.damaged, options.seed)
    total, missed = sum(found["tried"].values()), sum(found["missed"].values())
    if options.json:
        print(json.dumps(found | {"mutations": total, "caught": 1 - missed / total}))
        return
    for name, count in found["tried"].items():
        print(f"  {name:<18} {count - found['missed'][name]:>5} of {count:>5} caught")
    print(f"{total:,} mutations, {total - missed:,} caught: {1 - missed / total:.3%} (goal {GOAL_CAUGHT:.1%})")
    print(f"{found['reports']:,} good reports with {found['values']:,} values: {found['refused']} refused (goal 0)")
    print(f"CPU a report: median {found['ms']['median']:.1f} ms, p95 {found['ms']['p95']:.1f} ms (goal {GOAL_MS:.0f})")


if __name__ == "__main__":
    main()

"""Recognition of why two vendors differ: the confusion matrix, the rates, and CPU for a day's comparison.

Cases come from stocks_pipeline_tests/validation_faults*.py: recorded bars (simulated where the shared data are absent)
with one labelled fault each, some of them hidden by an adjustment. Goals: at least 95 % right, no real error called
harmless, 188 symbols of 150 sessions compared in at most 1 s of CPU.

    python benchmarks/validating.py [--each 100] [--seed 1] [--json]
"""

import argparse
import json
import statistics
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from stocks_pipeline.domain.validation import Profile, validate
from stocks_pipeline_tests.validation_corpus import RECORDED, called_harmless, causes_in, is_right, walk
from stocks_pipeline_tests.validation_faults import corpus

GOAL_RIGHT, GOAL_CPU_S = 0.95, 1.0
SYMBOLS, SESSIONS = 188, 150


def recognise(each: int, seed: int) -> dict[str, Any]:
    """`each` cases of every kind: what was said of them, how many rightly, how many real errors called harmless."""
    said: dict[str, Counter[str]] = {}
    right: Counter[str] = Counter()
    harmless: Counter[str] = Counter()
    for case in corpus(each, seed):
        result = case.verdict()
        name = "+".join(sorted(causes_in(result))) or "-"
        said.setdefault(case.kind, Counter())[f"{result.status.value}: {name}"] += 1
        right[case.kind] += is_right(case, result)
        harmless[case.kind] += called_harmless(case, result)
    return {
        "cases": sum(sum(counts.values()) for counts in said.values()),
        "kinds": len(said),
        "right": sum(right.values()),
        "harmless": sum(harmless.values()),
        "by_kind": {kind: {"right": right[kind], "said": dict(counts.most_common())} for kind, counts in said.items()},
    }


def compare() -> dict[str, float]:
    """CPU seconds to compare a universe by profile, best and median of five; tables are at hand, nothing is read.

    Every symbol pays three dividends and one side is adjusted for them, so that causes are sought for each.
    """
    world = [walk(f"SIM{number:03}", number) for number in range(SYMBOLS)]
    days = world[0].days[-SESSIONS:]
    basis = np.repeat([0.97, 0.98, 0.99, 1.0], len(world[0]) // 4 + 1)[-len(world[0]) :]
    pairs = [(bars.symbol, bars.scaled(basis).prices(), bars.external()) for bars in world]
    found: dict[str, float] = {"sessions": len(days)}
    for profile in Profile:
        taken = []
        for _ in range(5):
            start = time.process_time()
            for symbol, ours, theirs in pairs:
                validate(symbol, ours, theirs, profile=profile, sessions=days, newest=days[-1], source="benchmark")
            taken.append(time.process_time() - start)
        found |= {f"{profile.value}_best_s": min(taken), f"{profile.value}_median_s": statistics.median(taken)}
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--each", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = recognise(options.each, options.seed)
    cpu = compare()
    if options.json:
        print(json.dumps(found | {"cpu": cpu, "recorded": RECORDED.exists()}))
        return
    print(f"bars: {'recorded' if RECORDED.exists() else 'simulated'}\n")
    for kind, row in found["by_kind"].items():
        total = sum(row["said"].values())
        said = ", ".join(f"{name} {count}" for name, count in row["said"].items())
        print(f"  {kind:<24} {row['right']:>4} of {total:>4} right | {said}")
    share = found["right"] / found["cases"]
    print(f"\n{found['cases']:,} cases of {found['kinds']} kinds: {share:.2%} right (goal {GOAL_RIGHT:.0%})")
    print(f"real errors passed or called harmless: {found['harmless']} (goal 0)")
    for profile in Profile:
        best, median = cpu[f"{profile.value}_best_s"], cpu[f"{profile.value}_median_s"]
        print(
            f"{SYMBOLS} symbols × {cpu['sessions']:.0f} sessions, {profile.value}: "
            f"CPU best {best:.2f} s, median {median:.2f} s (goal {GOAL_CPU_S:.0f} s)"
        )


if __name__ == "__main__":
    main()

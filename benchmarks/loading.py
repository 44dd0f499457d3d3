"""How long the code location takes to load, against `import dagster` alone. Goal: at most 1.3x, in CPU seconds.

What belongs here: one figure, the least of several fresh processes each, interleaved so that a busy machine hurts both
alike. Every run, every daemon tick and every command pays this.

Run: `python benchmarks/loading.py` (about half a minute).
"""

import os
import platform
import resource
import subprocess
import sys
from importlib.metadata import version

GOAL = 1.3
ROUNDS = 7
FLOOR = "import dagster"
OURS = "from stocks_pipeline.definitions import defs; defs()"


def main() -> int:
    """Measure, print the ratio, and say whether the goal is met."""
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, dagster {version('dagster')}")
    _cpu_s(OURS)  # the first process may still compile
    pairs = [(_cpu_s(FLOOR), _cpu_s(OURS)) for _ in range(ROUNDS)]
    floor, ours = (min(times) for times in zip(*pairs, strict=True))
    ratio = ours / floor
    print(f"import dagster {floor:.2f} s CPU, the code location {ours:.2f} s CPU, least of {ROUNDS}")
    print(
        f"loading the code location: {ratio:.2f}x import dagster (goal {GOAL}x): {'met' if ratio <= GOAL else 'MISSED'}"
    )
    return 0 if ratio <= GOAL else 1


def _cpu_s(code: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    raise SystemExit(main())

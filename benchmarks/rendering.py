"""What a report's pictures cost: chart as SVG, as PNG, and the page as PDF, each in milliseconds of CPU.

What belongs here: one figure each, the middle of many over one process, with different bars each time so that no cache
of typst's helps; and the first one, fonts included. Goals: chart and PNG together at most 100 ms, PNG at most 300 kB.

Run: `python benchmarks/rendering.py` (about ten seconds). With STOCKS_SHARED_DATA the bars are recorded ones.
"""

import os
import platform
import random
import resource
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stocks_pipeline.domain.reports.chart import ChartTitle, draw_chart
from stocks_pipeline.domain.reports.page import Page, Section
from stocks_pipeline.domain.reports.render import report_pdf, svg_to_png

GOAL_MS = 100.0
GOAL_BYTES = 300_000
REPORTS = 40
CREATED = datetime(2024, 3, 15, 5, 21, tzinfo=UTC)
SHARED = Path(os.environ.get("STOCKS_SHARED_DATA") or Path(__file__).parents[2] / "shared" / "data")


def main() -> int:
    """Measure, print, and say whether the goals are met."""
    tables = _recorded() or [_invented(number) for number in range(REPORTS)]
    print(
        f"{os.cpu_count()} cores, Python {platform.python_version()}, typst {version('typst')}, {len(tables)} tickers"
    )
    _, first = _timed(lambda: svg_to_png(draw_chart(tables[0], ChartTitle("FIRST", "First of the process"))))
    spent: dict[str, list[float]] = {"SVG": [], "PNG": [], "PDF": []}
    sizes: dict[str, list[int]] = {"SVG": [], "PNG": [], "PDF": []}
    for number, bars in enumerate(tables):
        title = ChartTitle(f"T{number}", "A company of some name", "Stock Exchange", "USD")
        svg, spent_svg = _timed(partial(draw_chart, bars, title))
        png, spent_png = _timed(partial(svg_to_png, svg))
        pdf, spent_pdf = _timed(partial(report_pdf, _page(number), svg, created=CREATED))
        for kind, made, ms in (("SVG", svg, spent_svg), ("PNG", png, spent_png), ("PDF", pdf, spent_pdf)):
            spent[kind].append(ms)
            sizes[kind].append(len(made))
    for kind, each in spent.items():
        print(f"{kind}: {median(each):5.1f} ms CPU (most {max(each):.1f}), at most {max(sizes[kind]) / 1000:.0f} kB")
    print(f"first chart and PNG of a process, fonts included: {first:.0f} ms CPU")
    print(f"memory of the process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    both = median(spent["SVG"]) + median(spent["PNG"])
    met = both <= GOAL_MS and max(sizes["PNG"]) <= GOAL_BYTES
    print(
        f"chart and PNG: {both:.1f} ms CPU (goal {GOAL_MS:.0f}), {both / GOAL_MS:.2f}x; largest PNG "
        f"{max(sizes['PNG']) / 1000:.0f} kB (goal {GOAL_BYTES / 1000:.0f}): {'met' if met else 'MISSED'}"
    )
    return 0 if met else 1


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What it made, and milliseconds of CPU of the whole process."""
    begun = time.process_time()
    made = work()
    return made, (time.process_time() - begun) * 1000


def _page(number: int) -> Page:
    words = f"The close of report {number} is above its average, and the volume is as usual. " * 5
    sections = tuple(Section(f"Section {at}", (words,), (words[:160],) * 3) for at in range(4))
    facts = tuple((f"Fact {at}", f"{number + at}.00 USD") for at in range(8))
    return Page(f"T{number}", "A company", "Session of 14 March 2024", "HOLD", facts, sections, "A footer.")


def _recorded() -> list[Any]:
    """A year of each recorded ticker; empty where the recordings are not on this machine."""
    path = SHARED / "replay" / "yahoo_dr.parquet"
    if not path.exists():
        return []
    table = pq.read_table(path).rename_columns({"date": "session", "dividends": "dividend", "splits": "split"})
    good = table.filter(pc.less_equal(table.column("session"), date(2024, 3, 14)))
    names = sorted(set(good.column("symbol").to_pylist()))
    each = [good.filter(pc.equal(good.column("symbol"), name)).sort_by("session") for name in names]
    return [bars.slice(max(0, bars.num_rows - 252)) for bars in each]


def _invented(seed: int) -> Any:
    """A year of a random walk on weekdays."""
    chance = random.Random(seed)  # noqa: S311 - a picture, no secret
    days = [day for day in (date(2023, 3, 27) + timedelta(days=at) for at in range(354)) if day.weekday() < 5]
    close = [100.0]
    for _ in days[1:]:
        close.append(close[-1] * (1 + chance.gauss(0, 0.02)))
    count = len(days)
    return pa.table(
        {
            "session": days,
            "open": [value * (1 + chance.gauss(0, 0.01)) for value in close],
            "high": [value * 1.02 for value in close],
            "low": [value * 0.98 for value in close],
            "close": close,
            "volume": [chance.randrange(10**6, 10**7) for _ in days],
            "dividend": [0.0] * count,
            "split": [0.0] * count,
        }
    )


if __name__ == "__main__":
    raise SystemExit(main())

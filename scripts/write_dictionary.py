"""Write docs/data-dictionary.md from the schemas: `python scripts/write_dictionary.py`, or `--check` to compare.

What belongs here: the layout of that page. What does not: any description; those stand beside the columns in
domain/schemas.py and storage/dictionary.py.
"""

import sys
from itertools import groupby
from pathlib import Path

from stocks_pipeline.storage.dictionary import describe

PAGE = Path(__file__).parent.parent / "docs" / "data-dictionary.md"

HEAD = """# Data dictionary

Every column of every view that `stocks sql` and `storage.warehouse` offer. Written by
`scripts/write_dictionary.py` from the schemas; do not edit by hand, a test compares.

Prices: `close` is split-adjusted and not dividend-adjusted, as of `fetched_at`. `session` is a date on the exchange's
own calendar. `as_of` is the partition date: the session up to which the vendor was asked. Missing is NULL, never 0.

Morning reports: `report_date` and `data_date` are the morning, a day in Bangkok. `CURDATE()` is today in Bangkok,
`current_date` today in UTC; instants are in UTC except `generated_at`, so that `DATE(generated_at)` is Bangkok's day.
"""


def page() -> str:
    """The page as it should be."""
    parts = [HEAD]
    for view, columns in groupby(describe(), key=lambda row: row[0]):
        rows = "\n".join(f"| `{name}` | {kind} | {text} |" for _, name, kind, text in columns)
        parts.append(f"## {view}\n\n| column | type | meaning |\n|---|---|---|\n{rows}\n")
    return "\n".join(parts)


def main() -> int:
    """Write, or with --check compare (exit 1 when it differs)."""
    if "--check" in sys.argv:
        return 0 if PAGE.read_text(encoding="utf-8") == page() else 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""The stored results of one batch: verdicts with the version of the rows that each is about.

What belongs here: one file to verdicts and back. What does not: reaching a verdict (checking.py), and which session may
still write (session_book.py).

The versions lie in the file's metadata, not in a column: they say whether a verdict still holds, not what it is.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import pyarrow as pa

from stocks_pipeline.domain.schemas import VALIDATION_RESULTS
from stocks_pipeline.domain.validation_types import SymbolResult
from stocks_pipeline.storage.lake import Lake
from stocks_pipeline.storage.tables import Stored, read_stored, write_table
from stocks_pipeline.storage.validation_keys import SessionPlace

OWN_ROWS: Final = "stocks.own_rows"
"""In the file's metadata: the version of our own rows that each verdict is about, by symbol, as JSON."""


@dataclass(frozen=True)
class Verdict:
    """What was found of a symbol, when, and of which rows of ours; an empty version: nobody wrote it down."""

    result: SymbolResult
    at: datetime
    own_rows: str = ""

    def holds(self, own_rows: str) -> bool:
        """Whether it is a verdict at all, and on the rows of that version."""
        return self.result.status.checked and self.own_rows in {"", own_rows}


def read_verdicts(lake: Lake, place: SessionPlace, batch: int, session_id: str) -> dict[str, Verdict]:
    """The stored verdicts of one batch of this session, by symbol; those of one that was replaced are not."""
    key = place.batch(batch)
    if not lake.exists(key):
        return {}
    table, metadata, _ = read_stored(lake, key, VALIDATION_RESULTS)
    versions = json.loads(metadata.get(OWN_ROWS, "{}"))
    rows = (row for row in table.to_pylist() if row["session_id"] == session_id)
    return {row["symbol"]: Verdict(_result(row), row["validated_at"], versions.get(row["symbol"], "")) for row in rows}


def write_verdicts(
    lake: Lake, place: SessionPlace, batch: int, session_id: str, verdicts: Mapping[str, Verdict]
) -> Stored:
    """Store them; the same verdicts at another instant leave the file untouched."""
    table = pa.Table.from_pylist(_rows(batch, session_id, list(verdicts.values())), schema=VALIDATION_RESULTS)
    versions = json.dumps({symbol: found.own_rows for symbol, found in verdicts.items() if found.own_rows})
    key, metadata = place.batch(batch), {OWN_ROWS: versions}
    return write_table(lake, key, table, VALIDATION_RESULTS, volatile=("validated_at",), metadata=metadata)


def _rows(batch: int, session_id: str, verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    rows = []
    for verdict in verdicts:
        record = verdict.result.to_record(session_id, verdict.at)
        causes = dict.fromkeys(issue.cause.value for issue in verdict.result.issues)
        issues = json.dumps(record["issues"], ensure_ascii=False)
        more = {"causes": ", ".join(causes), "validated_at": verdict.at, "batch_number": batch}
        rows.append({**record, "issues": issues, **more})
    return rows


def _result(row: Mapping[str, Any]) -> SymbolResult:
    return SymbolResult.from_record({**row, "issues": json.loads(row["issues"])})

"""What a run keeps of its calls: whose answers count, and what a failing disk does."""

import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from stocks_pipeline.defs.dr.keeping import KeptAnswers, Ledger
from stocks_pipeline.storage.lake import LakeError, open_lake
from stocks_pipeline.upstream.narrator_calls import LlmCall, pack

KEY = "ab" * 32
AT = datetime(2025, 12, 5, tzinfo=UTC)


def row(execution: str) -> LlmCall:
    return LlmCall("call", execution, "NVDA19", "m", AT, 1.0, 10, 5, Decimal("0.0042"), "answered", None)


def test_an_execution_that_asks_anew_finds_what_it_bought_itself(tmp_path: Path) -> None:
    """After a crash too: its own answer counts, an older one, a foreign and an unreadable one do not."""
    lake = open_lake(str(tmp_path))
    everyone, anew = KeptAnswers(lake), KeptAnswers(lake, only_of="two")
    assert (everyone.get(KEY), anew.get(KEY)) == (None, None)
    for value, found in ((pack(row("one"), b"{}"), False), (b'{"call": 1}', False), (pack(row("two"), b"{}"), True)):
        anew.put(KEY, value)
        assert everyone.get(KEY) == value
        assert (anew.get(KEY) == value) is found
    anew.put(KEY, b"")
    assert (everyone.get(KEY), anew.get(KEY)) == (None, None)


@dataclass
class Full:
    """A lake that takes nothing."""

    def write(self, key: str, data: bytes) -> Any:
        raise LakeError(f"{key}: no space left for {len(data)} bytes")


def test_an_answer_that_cannot_be_kept_stops_the_run() -> None:
    """The next ones would be paid for and lost, too."""
    stop = threading.Event()
    with pytest.raises(LakeError):
        KeptAnswers(Full(), stop=stop).put(KEY, b"x")  # type: ignore[arg-type]  # only write is used
    assert stop.is_set()


def test_a_call_recorded_twice_is_one_file(tmp_path: Path) -> None:
    """Under its day in UTC, the cost to the last digit as text."""
    lake = open_lake(str(tmp_path))
    for _ in range(2):
        Ledger(lake).record(row("one"))
    [key] = lake.list("dr/llm-calls/2025-12-05/")
    assert b'"cost_usd": "0.0042"' in lake.read(key)

"""A morning on the real clients and a sandbox: what was asked, billed, booked and stored.

What belongs here: `WorldDesk` and its fixtures. What does not: canned vendors (morning_desk.py) and any expectation.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from stocks_pipeline.clock import SystemClock
from stocks_pipeline.defs.dr import automation
from stocks_pipeline.defs.dr.definitions import dr_definitions
from stocks_pipeline.defs.resources import production
from stocks_pipeline.upstream import http
from stocks_pipeline.upstream.budget import Budget
from stocks_pipeline_tests.fault_desk import DAY, desk_environment
from stocks_pipeline_tests.morning_desk import LIST, MorningDesk
from stocks_pipeline_tests.sandbox_server import SandboxServer


@dataclass
class WorldDesk(MorningDesk):
    """The same stages on the resources of production."""

    world: SandboxServer = field(kw_only=True)
    resources: dict[str, object] = field(default_factory=dict)
    """Instead of those of production."""

    def __post_init__(self) -> None:
        wiring = dg.Definitions(
            resources={**production(), **self.resources},
            executor=dg.in_process_executor,
        )
        self.defs = dg.Definitions.merge(dr_definitions(), wiring)
        self.repository = self.defs.get_repository_def()
        automation.add_active_tickers(self.instance)

    def invoice(self) -> tuple[int, Decimal]:
        """Answers that the model's vendor billed, and the sum in US dollars."""
        found = self.world._admin("GET", "invoice")
        return found["calls"], Decimal(found["cost_usd"])

    def ledger(self) -> list[dict[str, Any]]:
        """Every recorded call."""
        return [json.loads(self.lake.read(key)) for key in self.lake.list("dr/llm-calls/")]

    def paid(self) -> tuple[int, Decimal]:
        """Calls of the ledger that are known to have cost something, and the sum."""
        costs = [Decimal(row["cost_usd"]) for row in self.ledger() if row["cost_usd"]]
        costs = [cost for cost in costs if cost]
        return len(costs), sum(costs, Decimal(0))

    def spent(self) -> Decimal:
        """What the budget has booked, on all days."""
        budget = Budget(str(self.root.parent / "home" / "control.db"), Decimal(100), clock=SystemClock())
        try:
            days = {SystemClock().now().date(), *(_day(row) for row in self.ledger())}
            return sum((budget.spent(day) for day in days), Decimal(0))
        finally:
            budget.close()

    def chats(self) -> Counter[str]:
        """How often the model was asked, by the receipt it was asked about."""
        return Counter(record["symbol"] for record in self.world.log(endpoint="chat"))


def _day(row: dict[str, Any]) -> Any:
    from datetime import datetime

    return datetime.fromisoformat(row["started_at"]).date()


@pytest.fixture
def impatient_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every wait between tries a twentieth as long, whoever sets it: classes, counts and budgets stay as they are."""
    made = http.RetryPolicy

    def quick(**given: Any) -> http.RetryPolicy:
        return made(**{**given, "base_s": 0.05, "cap_s": 1.0, "cool_down_s": 0.1})

    monkeypatch.setattr(http, "RetryPolicy", quick)


@pytest.fixture
def world_desk(
    world: SandboxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, impatient_model: None
) -> Iterator[WorldDesk]:
    """A desk of three tickers whose data is fetched; what that took is forgotten."""
    del impatient_model
    listed = tmp_path / "tickers.csv"
    listed.write_text(LIST, encoding="utf-8")
    more = {"STOCKS_DR_TICKERS": str(listed), "STOCKS_LAKE": str(tmp_path / "lake")}
    for name, value in desk_environment(tmp_path / "home", world, **more).items():
        monkeypatch.setenv(name, value)
    with dg.DagsterInstance.ephemeral() as instance:
        desk = WorldDesk(tmp_path / "lake", instance, world=world)
        assert desk.fetch(day=DAY).success
        world.reset()
        yield desk

"""What a sandbox is told at start.

What belongs here: `SandboxConfig`. What does not: what a fault does (faults.py), how a price moves (walk.py), or
what changes while the server runs (world.py).
"""

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from stocks_pipeline.sandbox.credits import CreditPlan
from stocks_pipeline.sandbox.faults import Fault

Span = tuple[float, float]
"""Shortest and longest seconds."""


@dataclass(frozen=True)
class SandboxConfig:
    """Everything that makes two sandboxes differ.

    Attributes:
        seed: Which simulated world; the same seed gives the same prices, companies, faults and jitter.
        today: The world's date, after every market's close. None: the real clock.
        replay: A folder of recorded `yahoo_*.parquet`; None: the simulated market.
        latency_ms: Mean time each upstream call takes, spread evenly over half to one and a half times the mean.
        chat_latency_s: How long the model takes beyond that: each subject its own time between these seconds.
        news_latency_s: The same for the news feed.
        time_scale: What both spans are multiplied with; 0.1 plays them ten times as fast.
        unknown_share: Share of the listed companies that the price vendor does not know.
        companies: How many companies are listed on an average day of the simulated world.
        faults: Faults active from the start; a reset returns to them.
        credits: What the second price vendor's plan allows.
        errors_in_200: Whether that vendor says HTTP 200 also where the body is an error; it was seen to do both.
        log_size: How many of the newest requests the log keeps.
    """

    seed: int = 1
    today: date | None = None
    replay: Path | None = None
    latency_ms: float = 0.0
    chat_latency_s: Span = (0.0, 0.0)
    news_latency_s: Span = (0.0, 0.0)
    time_scale: float = 1.0
    unknown_share: float = 0.005
    companies: int = 2000
    faults: tuple[Fault, ...] = field(default=())
    credits: CreditPlan = field(default=CreditPlan())
    errors_in_200: bool = False
    log_size: int = 200_000

"""The facts of one ticker, computed from its stored rows and nothing else.

What belongs here: `build_facts`. What does not: the types (fact_units.py, importable from here), what each fact is
called and means (fact_catalogue.py), indicators (../indicators.py) and correlations (peers.py).
"""

from stocks_pipeline.domain.reports.fact_units import Fact, FactSheet, Unit, Value

__all__ = ["Fact", "FactSheet", "Unit", "Value"]

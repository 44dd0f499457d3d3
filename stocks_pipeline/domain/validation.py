"""Our bars of one symbol against a second vendor's: the entry point of validation.

What belongs here: `validate` and the names others import. What does not: the types (validation_types.py), the rules
(validation_rules.py), why two vendors differ (validation_causes.py) and the session of many symbols
(validation_session.py). Pure: two tables in, a verdict out.
"""

from stocks_pipeline.domain.validation_types import (
    NEXT_STEP,
    Cause,
    Issue,
    Profile,
    Status,
    SymbolResult,
    could_not_check,
)

__all__ = ["NEXT_STEP", "Cause", "Issue", "Profile", "Status", "SymbolResult", "could_not_check"]

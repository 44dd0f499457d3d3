"""What the desk knows about markets: pure functions and types, no Dagster, no I/O, no clock."""

"""The morning reports: a list of depositary receipts, a year of bars of each, and a report before anyone asks."""

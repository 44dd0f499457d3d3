"""Morning reports: facts from stored rows, words from a model, numbers put in by us and checked by a second reader."""

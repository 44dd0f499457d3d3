"""Text from outside as inert Markdown: it must not become markup in somebody's browser.

What belongs here: the one rule by which text of an upstream goes into Markdown. What does not: tables and findings
(defs/evidence.py, fanout_failures.py), and what must not be shown at all (upstream/redaction.py).
"""

_ESCAPED = str.maketrans(
    {"<": "&lt;", ">": "&gt;", "\n": " ", "\r": " ", "`": "'"} | {mark: f"\\{mark}" for mark in "\\|[]*~"}
)
"""A backslash, too: before a bar of the vendor's it would undo ours, and the text would open a column."""


def escape(value: object) -> str:
    """The value as one line of Markdown that opens no column, tag, link or code; a dash for None."""
    if value is None:
        return "—"
    return str(value).translate(_ESCAPED)


def code_block(text: str) -> str:
    """The lines as a block of code, which no line of theirs can end."""
    return "```\n" + text.replace("`", "'") + "\n```"

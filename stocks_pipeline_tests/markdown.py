"""Reading Markdown as GitHub's flavour defines it, for tests of what text from outside can do in it."""

import re
from itertools import pairwise

from hypothesis import strategies as st

NASTY = st.text(alphabet="ab |\\<>&`[]()*_~!\n\r\t", max_size=30) | st.text(max_size=30)
"""What a vendor may answer at worst."""


def cells(row: str) -> list[str]:
    """The cells of a table row: a bar counts unless an odd number of backslashes precedes it."""
    bars = [m.end() - 1 for m in re.finditer(r"(?<!\\)(?:\\\\)*\|", row)]
    return [row[a + 1 : b].strip() for a, b in pairwise(bars)]


def inert(line: str) -> bool:
    """Whether no tag, code, link, image, emphasis or new line opens in it."""
    live = re.search(r"(?<!\\)(?:\\\\)*[\[\]*~]", line)
    return live is None and not set("<`\n\r") & set(line)


def shown(escaped: str) -> str:
    """What a reader sees: backslash escapes and entities undone."""
    plain = re.sub(r"\\([\\|\[\]*_~`!<>])", r"\1", escaped)
    return plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")

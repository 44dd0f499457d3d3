"""What the calls of one narrator know of each other: a refusal of one is a refusal of all that follow.

What belongs here: asking once whether the key is taken, before the first call of all, and remembering what ended the
stage. What does not: which failure is a refusal (failures.py) and the calls themselves (narrator.py).
"""

import threading
from collections.abc import Callable
from dataclasses import replace

from stocks_pipeline.upstream.failures import FailureKind, UpstreamError

_ENDS = {FailureKind.AUTH, FailureKind.QUOTA_DAY}


class StageOver(Exception):  # noqa: N818 - not an error of the subject that meets it
    """Nothing more is sent. Not an UpstreamError, so that `call` neither tries again nor cools anyone down for it."""

    def __init__(self, verdict: UpstreamError) -> None:
        super().__init__(verdict.message)
        self.verdict = verdict


class Stage:
    """Safe for threads; one a narrator."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._begun = False
        self._verdict: UpstreamError | None = None

    def begin(self, ask_for_leave: Callable[[], None]) -> None:
        """Once, while all others wait: a refused key, or one without credit, ends forty callers with a request or two.

        Raises:
            UpstreamError: AUTH or QUOTA_DAY, to the one that asked.
            StageOver: to all others, once something has ended the stage.
        """
        with self._lock:
            if not self._begun:
                self._begun = True
                try:
                    ask_for_leave()
                except UpstreamError as error:
                    if error.kind in _ENDS:  # of other troubles the call itself must tell
                        self._end(error)
                        raise
        self.check()

    def check(self) -> None:
        """Raises StageOver once something has ended the stage."""
        if self._verdict is not None:
            raise StageOver(self._verdict)

    def failed(self, error: UpstreamError) -> None:
        """Note a call's final failure: a refusal ends the stage."""
        if error.kind in _ENDS:
            with self._lock:
                self._end(error)

    def _end(self, error: UpstreamError) -> None:
        if self._verdict is None:
            whose = {"": "a call", "key": "the key"}.get(error.subject, error.subject)
            said = f"not written: {whose} was refused before it: {error.message}"
            self._verdict = replace(error, message=said)

"""Looks that are taken now and then, at what the journal holds: one that fails is left out, and the next one is taken all the same.

A disk that fails for good ends the log, and everything with it; a look that cannot read is no reason to.
"""

from __future__ import annotations

import logging
from types import TracebackType

from ..errors import JournalError, JournalFull

_log = logging.getLogger("doorstep.delivery")


class Looks:
    """Of one kind: `with looks:` around each. Says the 1st, 10th, 100th ... that failed: never silent, never a flood."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._failed = 0

    def __enter__(self) -> None:
        """Nothing to begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if not isinstance(error, JournalError | JournalFull):
            return False
        self._failed += 1
        if self._failed == 10 ** (len(str(self._failed)) - 1):
            facts = {"what": self._what, "error": str(error), "count": self._failed}
            _log.warning("the journal could not be looked at, trying again", extra={"facts": facts})
        return True

    def __repr__(self) -> str:
        return f"<Looks at {self._what}, {self._failed} failed>"

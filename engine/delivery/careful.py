"""What the process may die of: an event whose encoding ends the interpreter, say. Nobody is left to tell, so it is written down first.

    a death -> the next life writes down what it sends first -> three deaths of the same attempt -> events go one by one, each written
    down -> two deaths of the same event, alone -> it is the culprit, and a dead letter

An attempt that ended, or has lasted for a moment, is nothing that a process dies of: `kill -9` from outside accuses nobody for long.
"""

from __future__ import annotations

import msgspec

from ..journal.log import Account
from .cursor import Cursor
from .plan import Plan
from .work import Work

CAREFUL_BATCHES = 2
"""Events go one by one for so many times what can be in flight."""
OUTLIVED_S = 0.5


class Careful:
    """Of one destination; what it knows is in the account's `Standing`, and so outlives the process."""

    def __init__(self, account: Account, cursor: Cursor, plan: Plan) -> None:
        self._account, self._cursor = account, cursor
        self._until = 0
        if account.standing.is_careful:
            self._until = cursor.watermark + CAREFUL_BATCHES * plan.in_flight * plan.batch.max_events

    @property
    def is_needed(self) -> bool:
        """Whether events go one by one, each written down first."""
        return self._until > 0

    @property
    def culprit(self) -> int | None:
        """The event that was being sent, alone, when the process died, until it is `condemned`."""
        return self._account.standing.culprit

    def condemned(self) -> None:
        """The culprit is a dead letter."""
        self._stand(culprit=None)

    def is_suspect(self, work: Work) -> bool:
        """Whether the process may die of sending this: it did, at this place."""
        if self.is_needed:
            return True
        died_at = self._account.standing.died_at
        return died_at is not None and work.first <= died_at and died_at == self._cursor.watermark

    async def write_down(self, work: Work) -> None:
        """This is about to be sent: should the process die of it, the next one knows."""
        self._stand(trying=work.first)
        await self._account.write_down()

    def outlived(self, work: Work) -> None:
        """An attempt at `work` ended."""
        if self._account.standing.trying == work.first:
            self._stand(trying=None)

    def lasts(self, work: Work, now: float) -> None:
        """An attempt at `work` is under way."""
        if work.began and now - work.began > OUTLIVED_S:
            self.outlived(work)

    def relax(self) -> bool:
        """Whether there is no more reason to be careful, for the first time."""
        if not self._until or self._cursor.watermark < self._until:
            return False
        self._until = 0
        return True

    def __repr__(self) -> str:
        return f"<Careful until {self._until}, {self._account.standing!r}>"

    def _stand(self, **changes: object) -> None:
        self._account.stand(msgspec.structs.replace(self._account.standing, **changes))

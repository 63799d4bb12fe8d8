"""What an event has still to go through, at a destination where several actions want it: one after the other.

    wanted by [identify, notify] -> identify delivered -> notify fails alone -> parked with [notify] -> delivered: the end

An action that fails for now goes to the end of the line, once, so that it holds up the others no longer than that; when nothing but
failed ones are left, the event is parked with them. What is written down of an event is those names alone (`ParkedEvent.actions`).
"""

from __future__ import annotations

from typing import Literal

import msgspec

End = Literal["delivered", "filtered", "dead"]
_WEIGHT: dict[str, int] = {"": 0, "filtered": 1, "delivered": 2, "dead": 3}


class Left(msgspec.Struct):
    """Of one event; the first of `actions` is the one that it is on its way through."""

    actions: list[str]
    failed: int = 0
    """How many at the end of `actions` had their turn and failed for now."""
    end: End | Literal[""] = ""
    """The gravest that became of it in the actions that are done: what it counts as in the end."""
    reason: str = ""
    action: str = ""
    """The action by which that became of it."""

    def ended(self, end: End, reason: str = "", action: str = "") -> bool:
        """The first action is done. Whether it was the last one."""
        del self.actions[:1]
        self.failed = min(self.failed, len(self.actions))
        if _WEIGHT[end] > _WEIGHT[self.end]:
            self.end, self.reason, self.action = end, reason, action
        return not self.actions

    def postponed(self) -> bool:
        """The first action failed for now. Whether another one may have its turn before the event is parked."""
        if self.failed >= len(self.actions) - 1:
            return False
        self.actions.append(self.actions.pop(0))
        self.failed += 1
        return True

"""The supervisor of one destination: restarts its actor, one for one, and never gives up for good."""

from __future__ import annotations

import logging
from collections.abc import Callable

import anyio

from ..clock import Clock
from .actor import Actor
from .alarm import Alarm
from .state import DestinationState

_log = logging.getLogger("doorstep.delivery")


class Supervisor:
    """Runs actors made by `make_actor`, one after the other, until `stop`. The state is not its own: see `Fleet`."""

    def __init__(self, state: DestinationState, make_actor: Callable[[], Actor], clock: Clock) -> None:
        self._state = state
        self._make_actor = make_actor
        self._now = clock.monotonic
        self._actor: Actor | None = None
        self._stopping = False
        self._backoff = Alarm()
        self.scope = anyio.CancelScope()
        """Of the life that runs now. Cancelling it is a crash: another life begins."""

    async def run(self) -> None:
        """Returns after `stop`, when the attempts under way have ended."""
        while not self._stopping:
            error: BaseException | None = None
            try:
                with anyio.CancelScope() as self.scope:
                    self._actor = self._make_actor()
                    await self._actor.run()
            except* Exception as raised:  # a crash in the middle of a cancellation is both: the cancellation goes on
                error = raised
            if not self._stopping:
                await self._recover(error)

    def stop(self) -> None:
        """No restart, no new attempts."""
        self._stopping = True
        self._backoff.ring()
        if self._actor is not None:
            self._actor.stop()

    def __repr__(self) -> str:
        return f"<Supervisor of {self._state.plan.name}: {self._state.budget!r}>"

    async def _recover(self, error: BaseException | None) -> None:
        backoff_s = self._state.budget.crashed(self._now())
        facts = {"destination": self._state.plan.name, "restart_in_s": round(backoff_s, 3)}
        _log.error("an actor crashed and will be restarted", extra={"facts": facts}, exc_info=error)
        await self._backoff.wait(backoff_s)

"""The desk of an engine that runs: what people change is changed in memory too, at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from ..clock import Clock
from ..journal import DiskLog
from ..journal.desk import Replay
from ..journal.local_desk import LocalDesk
from ..journal.stepping import Choose
from .fleet import Fleet
from .replaying import Replayer


class RunningDesk(LocalDesk):
    """See `Desk`. `known` gives the destinations that are configured."""

    def __init__(
        self, log: DiskLog, fleet: Fleet, clock: Clock, spec: Literal["segment", "any"], known: Callable[[], list[str]]
    ) -> None:
        super().__init__(*log.parts, utc=clock.utc, spec=spec, chooses=lambda name: _choose(fleet, name))
        self._log, self._fleet = log, fleet
        self._configured = known
        self.replayer = Replayer(self, fleet.state_of, clock)

    async def replay(self, replay: Replay, *, dry_run: bool = False) -> tuple[int, int]:
        """See `Desk`."""
        begun = await super().replay(replay, dry_run=dry_run)
        self.replayer.alarm.ring()
        return begun

    async def pause(self, destination: str) -> None:
        """See `Desk`."""
        await self._stand(destination, paused=True)

    async def resume(self, destination: str) -> None:
        """See `Desk`."""
        await self._stand(destination, paused=False)

    async def forget(self, destination: str) -> None:
        """See `Desk`."""
        if destination in self._configured():
            raise ValueError(f"{destination} is configured: take it out of the configuration and reload first")
        await super().forget(destination)
        self._log.forget(destination)

    async def _stand(self, destination: str, *, paused: bool) -> None:
        state = self._fleet.state_of(destination)
        if state is None:
            await (super().pause(destination) if paused else super().resume(destination))
            return
        state.pause(paused)
        await state.account.write_down()


def _choose(fleet: Fleet, name: str) -> Choose | None:
    state = fleet.state_of(name)
    return state.scan if state else None

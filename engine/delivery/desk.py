"""The desk of an engine that runs: what people change is changed in memory too, at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from ..clock import Clock
from ..journal import DiskLog
from ..journal.desk import BATCH, Added, DestinationRow, LetterCount, LetterQuery, Life, Replay, StoredEvent
from ..journal.local_desk import LocalDesk
from ..journal.records import DeadLetter, ParkedEvent
from ..journal.stepping import Choose
from .fleet import Fleet
from .replaying import Replayer
from .state import DestinationState


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
        """See `Desk`. One to a destination that is disabled would come to nothing, and its dead letters be gone."""
        state = self._fleet.state_of(replay.destination)
        if state and not state.plan.route.enabled and not dry_run:
            raise ValueError(f"{replay.destination} is disabled: set `enabled = true` and reload first")
        begun = await super().replay(replay, dry_run=dry_run)
        if not dry_run:
            self.replayer.begun(replay.destination)
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


class JournallessDesk:
    """See `Desk`: of an engine that keeps everything in memory. There is nothing to look up; destinations can be paused all the same."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    async def count(self, query: LetterQuery) -> list[LetterCount]:
        """None are kept."""
        return []

    async def letters(self, query: LetterQuery, *, after: int = 0, limit: int = BATCH) -> list[DeadLetter]:
        """None are kept."""
        return []

    async def letter(self, id: int) -> DeadLetter:
        """None is there."""
        raise LookupError(f"there is no dead letter {id}: {NO_JOURNAL}")

    async def patch(self, id: int, line: bytes) -> DeadLetter:
        """None is there."""
        raise LookupError(f"there is no dead letter {id}: {NO_JOURNAL}")

    async def add(self, letters: Sequence[DeadLetter]) -> Added:
        """There is no place for them."""
        raise ValueError(NO_JOURNAL)

    async def purge(self, query: LetterQuery) -> int:
        """None is there."""
        return 0

    async def replay(self, replay: Replay, *, dry_run: bool = False) -> tuple[int, int]:
        """There is nothing to send again."""
        raise ValueError(NO_JOURNAL)

    async def replays(self) -> list[Replay]:
        """There is none."""
        return []

    async def explain(self, message_id: str) -> list[Life]:
        """There is nothing to look it up in."""
        raise LookupError(f"nobody knows what became of it: {NO_JOURNAL}")

    async def latest(self, limit: int = BATCH) -> list[StoredEvent]:
        """None are kept."""
        return []

    async def parked(self, destination: str, *, after: int = 0, limit: int = BATCH) -> list[ParkedEvent]:
        """Nothing is written down of them."""
        self._state(destination)
        return []

    async def destinations(self) -> list[DestinationRow]:
        """Those that are served."""
        return [
            DestinationRow(
                name=name,
                watermark=state.cursor.position().watermark,
                unsettled=state.counters.pending,
                parked=len(state.parked),
                dead=0,
                standing=state.account.standing,
            )
            for name, state in self._fleet.states.items()
        ]

    async def pause(self, destination: str) -> None:
        """See `Desk`."""
        self._state(destination).pause(True)

    async def resume(self, destination: str) -> None:
        """See `Desk`."""
        self._state(destination).pause(False)

    async def forget(self, destination: str) -> None:
        """Nothing is known of any that is not running."""
        self._state(destination)
        raise ValueError(f"{destination} is configured: take it out of the configuration and reload first")

    def _state(self, destination: str) -> DestinationState:
        state = self._fleet.state_of(destination)
        if state is None:
            raise LookupError(f"no destination {destination}")
        return state

    def __repr__(self) -> str:
        return f"<JournallessDesk of {self._fleet!r}>"


NO_JOURNAL = 'there is no journal, as durability = "memory" has it'


def _choose(fleet: Fleet, name: str) -> Choose | None:
    state = fleet.state_of(name)
    return state.scan if state else None

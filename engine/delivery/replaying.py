"""Replays under way: their events come out of the journal a few at a time, as the destination has room and the rate allows.

    desk.replays -> step (one transaction: out of the dead letters or the journal, parked for the destination) -> taking.adopt

What is in memory is in the journal too, so a replay goes on after a restart where it stood, whatever ended it.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from math import inf

import anyio

from ..clock import Clock
from ..errors import FqlError, JournalError, JournalFull
from ..journal.desk import BATCH, Replay
from ..journal.local_desk import LocalDesk
from .alarm import Alarm
from .looking import Looks
from .state import DestinationState
from .taking import adopt

_log = logging.getLogger("doorstep.delivery")

AHEAD = 2000
"""So many replayed events are held ready for a destination, beside those that have gone out."""
LOOK_EVERY_S = 0.2
"""For new replays, and for room."""
RETRY_S = 1.0
"""After a step that failed."""
TRIES = 5
"""Of a step that the journal cannot take; then the replay is left until the next start. For room it waits as long as it has to."""


class Replayer:
    """Of one engine. `state_of` finds a destination that is served, by name."""

    def __init__(self, desk: LocalDesk, state_of: Callable[[str], DestinationState | None], clock: Clock) -> None:
        self._desk = desk
        self._state_of = state_of
        self._clock = clock
        self._not_before: dict[int, float] = {}
        """Monotonic: the wall clock may be set back."""
        self._broken: set[int] = set()
        self._failed: Counter[int] = Counter()
        """Steps in a row."""
        self._alarm = Alarm()
        self._looks = Looks("replays")
        self._waiting: set[str] = set()
        self.has_looked = anyio.Event()
        """Set once the replays that were there at the start have had their first events taken out: who waits for all to be
        delivered waits for that first."""

    async def run(self) -> None:
        """For ever."""
        while True:
            moved = False
            with self._looks:
                moved = await self._look()
            if not moved:
                await self._alarm.wait(self._wait_s())

    async def _look(self) -> bool:
        """Moves some of every replay that there is; whether it is worth looking again at once."""
        moved = False
        replays = await self._desk.replays()
        self._mark(replays)
        for replay in replays:
            if self._goes_on(replay):
                moved |= await self._step(replay)
        self.has_looked.set()
        return moved

    def begun(self, destination: str) -> None:
        """There is a new replay to this destination."""
        if state := self._state_of(destination):
            state.is_replaying = True
        self._waiting.add(destination)
        self._alarm.ring()

    def _mark(self, replays: Sequence[Replay]) -> None:
        """Lets each destination know whether more is coming; a replay that cannot go on is nothing to wait for."""
        before, self._waiting = self._waiting, {one.destination for one in replays if self._goes_on(one)}
        for name in before | self._waiting:
            if state := self._state_of(name):
                state.is_replaying = name in self._waiting
                state.progress.ring()

    def _goes_on(self, replay: Replay) -> bool:
        """To a destination that is disabled it does when that is enabled again: what it moved would come to nothing."""
        state = self._state_of(replay.destination)
        return replay.id not in self._broken and (state is None or state.plan.route.enabled)

    def _wait_s(self) -> float:
        """Until the next events of a replay with a rate are due, or somebody has room again."""
        now = self._clock.monotonic()
        return min([LOOK_EVERY_S, *(at - now for at in self._not_before.values() if at > now)])

    async def _step(self, replay: Replay) -> bool:
        """Moves some of it, if there is room for them; whether it is worth looking again at once."""
        state = self._state_of(replay.destination)
        now = self._clock.monotonic()
        if state is None or now < self._not_before.get(replay.id, -inf):
            return False
        if state.parked.replays >= AHEAD or state.parked.is_full:
            return False
        most = BATCH if replay.rate is None else max(1, min(BATCH, int(replay.rate * LOOK_EVERY_S)))
        try:
            stepped = await self._desk.step(replay, max_events=most, choose=state.scan)
        except JournalFull:
            self._not_before[replay.id] = now + RETRY_S
            return False
        except (FqlError, JournalError) as error:
            self._failed[replay.id] += 1
            self._not_before[replay.id] = now + RETRY_S
            if isinstance(error, FqlError) or self._failed[replay.id] == TRIES:
                self._give_up(replay, error)
            return False
        except Exception as error:  # nobody foresaw it: no reason to end the others, nor the engine
            self._give_up(replay, error)
            return False
        self._failed.pop(replay.id, None)
        if served := self._state_of(replay.destination):  # which may have come in its place meanwhile
            adopt(served, stepped.parked)
        else:
            state.account.adopted(stepped.parked)  # it was removed, and finds them should it come back
        if replay.rate is not None:
            self._not_before[replay.id] = self._clock.monotonic() + stepped.next_at - self._clock.utc()
        if stepped.replay is None:
            facts = {
                "destination": replay.destination,
                "replay": replay.id,
                "events": replay.moved + len(stepped.parked),
            }
            _log.info("a replay is on its way", extra={"facts": facts})
        return True

    def _give_up(self, replay: Replay, error: Exception) -> None:
        """Until the next start."""
        self._broken.add(replay.id)
        facts = {"destination": replay.destination, "replay": replay.id, "error": str(error)}
        unforeseen = None if isinstance(error, FqlError | JournalError) else error
        _log.error("a replay cannot go on", extra={"facts": facts}, exc_info=unforeseen)

"""The actor: `in_flight` slots that take what is due, wait as the policies say, and send. It holds nothing between batches.

One slot at a time (whoever has the turn) chooses and waits; the others send. So batches leave in order, the limiter serves first
come, first served, and an idle destination is one sleeping task that nobody polls.
"""

from __future__ import annotations

from math import inf

import anyio

from ..clock import Clock
from ..errors import DoorstepError, WouldBlock
from ..journal.records import Gap
from ..policy.breaker import Breaker, Permit
from ..policy.due import seconds_left
from .choosing import Chooser
from .sender import Sender
from .settling import abandoned, conclude, crashed
from .state import DestinationState
from .taking import has_room, miss, take_in, take_in_again
from .work import Work

CLOSE_S = 5.0
"""How long closing a destination's connections or sink may take; the actor ends without it after that."""


class SlotLost(DoorstepError):
    """Something inside an attempt was cancelled though nobody asked for it: the actor is restarted."""


class Actor:
    """Serves one destination until `stop`, or until it is cancelled or crashes. One object per life."""

    def __init__(self, state: DestinationState, sender: Sender, clock: Clock) -> None:
        self._state = state
        self._chooser = Chooser(state)
        self._sender = sender
        self._now = clock.monotonic
        self._stopping = False

    async def run(self) -> None:
        """Returns after `stop`, when the attempts under way have ended."""
        try:
            await self._sender.open()
            self._state.opened(self._now())
            async with anyio.create_task_group() as slots:
                for _ in range(self._state.plan.in_flight):
                    slots.start_soon(self._serve)
        finally:
            with anyio.move_on_after(CLOSE_S, shield=True):
                await self._sender.close()

    def stop(self) -> None:
        """No new attempts."""
        self._stopping = True
        self._state.alarm.ring()

    def __repr__(self) -> str:
        return f"<Actor of {self._state.plan.name}{' stopping' if self._stopping else ''}>"

    async def _serve(self) -> None:
        while True:
            async with self._state.turn:
                chosen = await self._next()
            if chosen is None:
                return
            await self._attempt(*chosen)

    async def _attempt(self, work: Work, permit: Permit, breaker: Breaker) -> None:
        state = self._state
        try:
            verdict = await self._sender.attempt(work.batch)
            conclude(state, work, permit, breaker, verdict, self._now())
        except Exception:
            state.counters.count_attempt(work.batch.action)
            crashed(state, work, permit, breaker, self._now())
            raise
        except BaseException as error:
            state.counters.count_attempt(work.batch.action)
            abandoned(state, work, permit, breaker, self._now())
            if isinstance(error, anyio.get_cancelled_exc_class()) and anyio.current_effective_deadline() > -inf:
                raise SlotLost("an attempt was cancelled from inside") from error
            raise

    async def _next(self) -> tuple[Work, Permit, Breaker] | None:
        """Waits for something to send and for leave to send it. None when stopping."""
        state = self._state
        while not self._stopping:
            now = self._now()
            gate_s = self._chooser.gate_s(now)
            if gate_s > 0:
                await state.alarm.wait(gate_s)
                continue
            if has_room(state, now):
                then = await self._take_in(now)
                if then is None:
                    continue
                now = then
            work = self._chooser.choose(now)
            if work is None:
                due_s = self._chooser.next_due(now)
                await state.alarm.wait(inf if due_s is None else due_s)
                continue
            permit = await self._admitted(work, now)
            if permit is not None:
                if state.careful.is_suspect(work):
                    await self._written_down(work, permit)
                work.attempt = state.blame.begin()
                work.began = self._now()
                return work, permit, state.breaker
        return None

    async def _take_in(self, now: float) -> float | None:
        """Fills the window: with what an earlier life had begun, then from the mailbox, or from the log if it is behind.

        That takes time: it ends when something is due. Returns what time it is then; None if nothing may be sent any more.
        """
        state, chooser = self._state, self._chooser
        while has_room(state, now):
            number = state.cursor.unread
            if number is None:
                try:
                    chunk = state.mailbox.take_nowait()
                except WouldBlock:
                    number = state.mailbox.next
                else:
                    take_in(state, chunk, now)
                    continue
            if not await self._fetch(number):
                break
            now = self._now()
            if self._stopping or chooser.gate_s(now) > 0:
                return None
            if chooser.has_due(now):
                break
        return now

    async def _fetch(self, number: int) -> bool:
        """Takes in what begins at `number` in the log. Whether there was something."""
        state = self._state
        found = await state.account.read(number)
        if found is None:
            return False
        if number not in (state.cursor.unread, state.mailbox.next):
            return True  # it moved while we waited: some have expired
        if isinstance(found, Gap):
            miss(state, found)
        elif number == state.cursor.unread:
            take_in_again(state, found, self._now())
        else:
            state.mailbox.skip(found)
            take_in(state, found, self._now())
        return True

    async def _admitted(self, work: Work, now: float) -> Permit | None:
        """Waits for the limiter, then asks the breaker. Without a permit the work is back on the shelf."""
        state, limiter = self._state, self._state.limiter
        cost = state.cost(work.batch)
        permit = None
        try:
            wait_s = limiter.reserve(cost, now)
            if wait_s > 0:
                await self._sleep(now + wait_s)
                now = self._now()
            permit = None if self._stopping or state.is_paused else state.breaker.admit(now)
        finally:
            if permit is None:
                limiter.withdraw(cost, self._now())  # who has the turn is the only one to reserve
                abandoned(state, work, None, state.breaker, self._now())
        return permit

    async def _written_down(self, work: Work, permit: Permit) -> None:
        try:
            await self._state.careful.write_down(work)
        except BaseException:
            abandoned(self._state, work, permit, self._state.breaker, self._now())
            raise

    async def _sleep(self, until: float) -> None:
        """Sleeps it out, unless the actor is stopped or paused meanwhile."""
        state = self._state
        while (left_s := seconds_left(until, self._now())) and not self._stopping and not state.is_paused:
            await state.alarm.wait(left_s)

"""The fleet: all destinations of an engine, what they need to outlive their actors, and the one way to change them."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Mapping
from types import TracebackType
from typing import Any

import anyio
import msgspec
from anyio.abc import TaskGroup

from ..clock import Clock
from ..journal.log import Log
from ..model.envelope import Chunk, Envelope
from ..routing.table import Reasons, RoutingTable
from ..telemetry import Deliveries, DestinationStatistics, Observation
from ..telemetry.history import Totals
from .actor import Actor
from .alarm import Alarm
from .backlog import LOOK_EVERY_S, Backlog
from .looking import Looks
from .observing import observe, totals_of, waiting_since
from .plan import OpenTransport, Plan
from .preparing import Disabled, PreparingSender
from .sender import Sender, sender_for
from .state import DestinationState
from .supervisor import Supervisor
from .taking import offer, unpack

_log = logging.getLogger("doorstep.delivery")

OPEN_S = 60.0
"""So long a drain takes it for progress that a destination opens its connections or its sink. One that hangs there may never end."""


class _Served(msgspec.Struct, eq=False):
    state: DestinationState
    supervisor: Supervisor
    backlog: Backlog


class Fleet:
    """An async context manager: leaving it stops every destination at once; `stop` does it gently."""

    _tasks: TaskGroup

    def __init__(self, open_transport: OpenTransport, clock: Clock, random: Callable[[], float]) -> None:
        self._open_transport = open_transport
        self._clock = clock
        self._random = random
        self.deliveries = Deliveries()
        """The delivery log."""
        self._served: dict[str, _Served] = {}
        self._removed: list[DestinationState] = []
        """Those of which something may still be under way ..."""
        self._gone: dict[str, DestinationStatistics] = {}
        """... and the numbers of the others, by name: a chunk that nobody wants any more is kept by nobody."""
        self._table = RoutingTable([])
        self._stopped = Alarm()
        self._running: Counter[DestinationState] = Counter()
        """Supervisors: more than one where an earlier plan still has attempts under way."""
        self._watches = False

    async def __aenter__(self) -> Fleet:
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._tasks.cancel_scope.cancel()
        # Not told of an error in the block: it would come out wrapped in a group, where the caller's `except` does not find it.
        await self._tasks.__aexit__(None, None, None)

    def state_of(self, name: str) -> DestinationState | None:
        """Of a destination that is served."""
        served = self._served.get(name)
        return served.state if served else None

    @property
    def states(self) -> Mapping[str, DestinationState]:
        """Of all that are served, by name."""
        return {name: served.state for name, served in self._served.items()}

    def attend(self, job: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Has `job` run beside the destinations, as long as they do."""
        self._tasks.start_soon(job)

    # In ----------------------------------------------------------------------------------------------------------

    def offer(self, chunk: Chunk) -> None:
        """A chunk was stored: every destination hears of it, none can refuse, none is waited for."""
        for served in self._served.values():
            offer(served.state, chunk)

    def reconcile(self, plans: Iterable[Plan], log: Log) -> None:
        """Makes the fleet what `plans` say, in one step: who is new starts, who is gone stops, who changed goes on under the new plan.

        Attempts under way end under the plan they began with; the very next one is made under the new one.
        """
        wanted = {plan.name: plan for plan in plans}
        if log.keeps and not self._watches:
            self._watches = True
            self._tasks.start_soon(self._look_after, log)
        self._table = RoutingTable([plan.route for plan in wanted.values()])
        for name in self._served.keys() - wanted.keys():
            self._remove(name)
        for name, plan in wanted.items():
            served = self._served.get(name)
            if served is None:
                self._served[name] = self._start(plan, log)
            elif not plan.is_same(served.state.plan):
                served.supervisor.stop()
                served.state.change(plan, self._clock.monotonic())
                served.supervisor = self._supervise(served.state)

    async def _look_after(self, log: Log) -> None:
        """For ever: what a journal allows for, and makes necessary. One whose backlog is full and blocks makes everybody wait."""
        held, looks = False, Looks("backlogs")
        while True:
            await anyio.sleep(LOOK_EVERY_S)
            blocking = False
            for served in list(self._served.values()):
                served.state.look_after(self._clock.monotonic())
                with looks:
                    blocking |= await served.backlog.look(self._clock.utc())
            if blocking is not held:
                held = blocking
                log.hold(held)
                _log.warning("accepting nothing: a backlog is full" if held else "accepting again: no backlog is full")

    def _start(self, plan: Plan, log: Log) -> _Served:
        account = log.account(plan.name, oldest=plan.start == "oldest")

        def scan(chunk: Chunk) -> Reasons | None:
            return self._scan(state, chunk)

        state = DestinationState(plan, account, scan, self._clock, self._random, self.deliveries)
        unpack(state, account.parked)
        if account.is_new:
            state.counters.offered = log.end - account.position.scan
        else:
            state.counters.pending_before = account.position.unsettled(log.end) + len(account.parked)
        return _Served(state, self._supervise(state), Backlog(state))

    def _remove(self, name: str) -> None:
        """It pins nothing any more, and stops. What it then has left is dropped (`_forget`); its numbers stay."""
        gone = self._served.pop(name)
        self.deliveries.forget(name)
        gone.supervisor.stop()
        gone.state.account.close()
        gone.state.is_removed = True
        self._removed.append(gone.state)

    def _scan(self, state: DestinationState, chunk: Chunk) -> Reasons | None:
        """One that was removed may still ask for a chunk that it, or a replay to it, was just reading: by the last route it had."""
        table = RoutingTable([state.plan.route]) if state.is_removed else self._table
        return table.scan(state.plan.name, chunk)

    def _supervise(self, state: DestinationState) -> Supervisor:
        plan, tokens = state.plan, state.tokens

        def make_actor() -> Actor:
            if not plan.route.enabled:
                return Actor(state, Disabled(), self._clock)
            sender: Sender = sender_for(plan, self._open_transport, self._clock, state.attempts, tokens)
            if plan.preparation:
                sender = PreparingSender(sender, plan.preparation, state.ways)
            return Actor(state, sender, self._clock)

        supervisor = Supervisor(state, make_actor, self._clock)
        self._running[state] += 1
        self._tasks.start_soon(self._watch, supervisor, state)
        return supervisor

    async def _watch(self, supervisor: Supervisor, state: DestinationState) -> None:
        try:
            await supervisor.run()
        finally:
            self._running[state] -= 1
            if not self._running[state]:
                del self._running[state]
                if state.is_removed:
                    self._forget(state)
            self._stopped.ring()

    def _forget(self, state: DestinationState) -> None:
        """Nothing is under way any more of one that was removed. The log remembers where it stood, not what it held."""
        _drop_left(state)
        position = state.cursor.position()
        state.account.follow(lambda: position)
        self._removed.remove(state)
        name, last = state.plan.name, state.statistics(self._clock.monotonic())
        self._gone[name] = last.plus(self._gone[name]) if name in self._gone else last

    # Out ---------------------------------------------------------------------------------------------------------

    async def drain(self, patience_s: float, is_all_in: Callable[[], bool] = lambda: True) -> None:
        """The input has ended: returns when nothing is pending any more, or nobody got anywhere for `patience_s`.

        While `is_all_in` says no, events that were taken wait for room in the log: what is settled makes that, and then they come.
        """
        for state in self._states():
            state.flushing = True
            state.alarm.ring()
        began = self._clock.monotonic()
        async with anyio.create_task_group() as drains:
            for state in self._states():
                drains.start_soon(self._drain, state, began, patience_s, is_all_in)

    async def drain_healthy(self, deadline_s: float) -> None:
        """On a signal: as `drain`, but for destinations that work, and for `deadline_s` at most."""
        now = self._clock.monotonic()
        longest_s = max((state.plan.timeout_s for state in self._states()), default=0.0)
        with anyio.move_on_after(deadline_s - min(longest_s, deadline_s / 2)):  # the rest is for what is in flight then
            async with anyio.create_task_group() as drains:
                for state in self._states():
                    state.flushing = True
                    state.alarm.ring()
                    drains.start_soon(self._drain, state, now, deadline_s, lambda: True, True)

    async def _drain(
        self,
        state: DestinationState,
        began: float,
        patience_s: float,
        is_all_in: Callable[[], bool],
        healthy_only: bool = False,
    ) -> None:
        """Progress of anyone is everyone's: a destination that waits for a retry is waited for while others work."""
        while state.counters.pending or state.is_replaying or not is_all_in():
            now = self._clock.monotonic()
            is_opening = state.opened_at is None and not state.budget.statistics().crashes
            if is_opening and now < began + OPEN_S:
                state.moved_at = now  # it has not even begun
            left_s = max(began, *(one.moved_at for one in self._states())) + patience_s - now
            if left_s <= 0 and not healthy_only and state.counters.pending:
                facts = {"destination": state.plan.name, "pending": state.counters.pending, "waited_s": patience_s}
                _log.warning("nothing moves any more: not waited for any longer", extra={"facts": facts})
            if left_s <= 0 or (healthy_only and not state.is_working(now)):
                return
            await state.progress.wait(min(left_s, 1.0))

    async def stop(self, deadline_s: float) -> None:
        """No new attempts; returns when those under way have ended, or after `deadline_s`."""
        for served in self._served.values():
            served.supervisor.stop()
        with anyio.move_on_after(deadline_s):
            while self._running:
                await self._stopped.wait()
        for state in self._states():
            state.keep_progress()

    async def leftovers(self) -> dict[str, list[Envelope]]:
        """Per destination, everything without a final outcome, in order. For after `stop`."""
        left = {}
        for name, served in self._served.items():
            state = served.state
            left[name] = state.take_left()
            while isinstance(chunk := await state.account.read(state.mailbox.next), Chunk):
                state.mailbox.skip(chunk)
                left[name] += chunk.envelopes
        return left

    def drop_pending(self) -> None:
        """Counts everything without a final outcome as dropped. For after `stop`, when it will not be kept."""
        for state in self._states():
            _drop_left(state)

    def statistics(self) -> Mapping[str, DestinationStatistics]:
        """By destination."""
        now = self._clock.monotonic()
        statistics = {name: served.state.statistics(now) for name, served in self._served.items()}
        before = [*self._gone.items(), *((state.plan.name, state.statistics(now)) for state in self._removed)]
        for name, earlier in before:
            statistics[name] = statistics[name].plus(earlier) if name in statistics else earlier
        return statistics

    def totals(self) -> Mapping[str, Totals]:
        """What is counted of each destination that is served, for its history."""
        return {name: totals_of(served.state.counters) for name, served in self._served.items()}

    async def observe(self, only: str | None = None) -> Mapping[str, Observation]:
        """The same numbers, and a closer look at each destination that is served; or at one."""
        served = {name: one for name, one in self._served.items() if only in (None, name)}
        since = {name: await waiting_since(one.state) for name, one in served.items()}
        seen = {}
        for name, statistics in self.statistics().items():  # in one step, so that all numbers are of one moment
            if only not in (None, name):
                continue
            state = self.state_of(name)
            one = observe(state, since.get(name)) if state else Observation(statistics=statistics)
            seen[name] = msgspec.structs.replace(one, statistics=statistics)
        return seen

    def __repr__(self) -> str:
        return f"<Fleet of {len(self._served)} destinations>"

    def _states(self) -> list[DestinationState]:
        return [served.state for served in self._served.values()]


def _drop_left(state: DestinationState) -> None:
    dropped = state.drop_left()
    if dropped:
        _log.warning("events were dropped", extra={"facts": {"destination": state.plan.name, "dropped": dropped}})

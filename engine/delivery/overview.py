"""How the engine stands, for whoever looks from outside: one report, the delivery log, and whether it is ready."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import anyio
import msgspec

from ..clock import Clock
from ..journal import DiskLog, Log
from ..telemetry import Deliveries, LoopLag, Observation, Statistics
from ..telemetry.history import EVERY_S, History, Trend
from ..telemetry.report import JournalState, Report
from .fleet import Fleet

READY_WITHIN_S = 5.0
"""How long the journal may take to write something down: ten times what a slow disk under load needs."""


class Readiness(msgspec.Struct, frozen=True):
    """Whether events can be taken in. How destinations are does not matter here."""

    ready: bool
    reason: str = ""


class Overview:
    """Of one engine."""

    def __init__(
        self, fleet: Fleet, log: Log, statistics: Callable[[], Statistics], loop_lag: LoopLag, clock: Clock
    ) -> None:
        self._fleet = fleet
        self._log = log if isinstance(log, DiskLog) else None
        self._statistics = statistics
        self._loop_lag = loop_lag
        self._clock = clock
        self._history = History()

    async def run(self) -> None:
        """For ever: writes down the last minutes."""
        while True:
            self._history.look(self._fleet.totals(), self._clock.utc())
            await anyio.sleep(EVERY_S)

    @property
    def names(self) -> Collection[str]:
        """Of the destinations that are served."""
        return self._fleet.states

    async def observation(self, destination: str) -> Observation | None:
        """One of them; None for one that is not served."""
        return (await self._fleet.observe(destination)).get(destination)

    def trend(self, destination: str) -> Trend:
        """Its last minutes."""
        return self._history.trend(destination)

    def utc(self) -> float:
        """Now."""
        return self._clock.utc()

    @property
    def deliveries(self) -> Deliveries:
        """The delivery log."""
        return self._fleet.deliveries

    async def report(self) -> Report:
        """All of it, of one moment."""
        journal = await self._journal(self._log) if self._log else None
        destinations: Mapping[str, Observation] = await self._fleet.observe()
        return Report(
            statistics=self._statistics(),
            destinations=destinations,
            process=self._loop_lag.statistics(),
            journal=journal,
        )

    async def ready(self) -> Readiness:
        """Whether the journal can be written, and makes progress: something is, and has to be durable soon.

        Nothing that a destination does makes it red, a backlog that is full of one neither. Memory is always ready.
        """
        if self._log is None:
            return Readiness(True)
        if self._log.committer.is_full:
            return Readiness(False, "the disk is full")
        with anyio.move_on_after(READY_WITHIN_S) as late:
            await self._log.committer.sync()
        return Readiness(False, "the journal makes no progress") if late.cancelled_caught else Readiness(True)

    async def _journal(self, log: DiskLog) -> JournalState:
        held = log.statistics()
        limits = log.committer.limits
        return JournalState(
            used_bytes=held.used_bytes,
            max_bytes=int(limits.max_bytes),
            waiting_bytes=held.waiting_bytes,
            commits=held.commits,
            is_full=held.is_full,
            oldest=held.oldest,
            end=held.end,
            kept_since=await log.received_at(held.oldest),
            retention_s=float(limits.retention_s),
        )

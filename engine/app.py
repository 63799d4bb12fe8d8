"""The engine as a whole: the one module that knows every room, and what a program embeds.

    Config -> Plans -> Fleet;  bytes -> Pipeline -> Log -> Fleet

`Engine` leaves its host as it found it: no signals, no logging set-up, no collector tuning, no module-level state.
"""

from __future__ import annotations

import random as _random
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, TypeAlias

import anyio
import msgspec

from .admin import serve_admin
from .catalogue import Catalogue
from .clock import Clock
from .config.changes import Changes, changes
from .config.settings import Config
from .delivery import Fleet
from .delivery.alerting import Alerting
from .delivery.desk import JournallessDesk, RunningDesk
from .delivery.overview import Overview
from .ingress import HttpSettings, Ingress, IngressSettings, dedup_s
from .journal import DiskLog, Log, MemoryLog, open_disk_log
from .journal.committing import Limits
from .journal.dedup import DedupWindow
from .journal.desk import Desk
from .model.decode import LineDecoder
from .model.envelope import Envelope
from .model.lines import Lines
from .net import NetSettings, Transport, open_transport, preload
from .pipeline import Acceptance, Gate, Pipeline
from .planning import Planner
from .policy.alerts import ALERTS, rule_of
from .sdk.destination import Sink
from .telemetry import IntakeCounters, LoopLag, Statistics
from .tester.workbench import Files, Workbench

Event: TypeAlias = bytes | bytearray | memoryview | str | Mapping[str, Any]
OpenTransport: TypeAlias = Callable[[NetSettings], Awaitable[Transport]]

DRAIN_S = 30.0
"""How long leaving the block of an `Engine` waits while nothing moves."""
PIECE_EVENTS = 500
"""A submission is stored in pieces of so many events: one piece is one chunk of the log."""


class Engine:
    """Delivers events to the destinations of a configuration. Use it as an async context manager, on asyncio or trio:

        async with Engine(load_config("doorstep.toml")) as engine:
            receipt = await engine.submit({"type": "track", "userId": "u-1", "event": "Signed Up"})

    Leaving the block waits for what is pending as `drain` does; leaving it by an exception stops at once. Several engines
    in one process do not know of each other; each is entered once. `clock`, `random` and `open_transport` are for tests.
    """

    def __init__(
        self,
        config: Config,
        *,
        clock: Clock | None = None,
        random: Callable[[], float] = _random.random,
        open_transport: OpenTransport = open_transport,
        catalogue: Catalogue | None = None,
    ) -> None:
        self._config = config
        self._clock = clock or Clock()
        self._catalogue = catalogue or Catalogue.discover()
        self._planner = Planner(self._catalogue, self._clock, random)
        self._open_transport = open_transport
        self._intake = IntakeCounters()
        self._fleet = Fleet(lambda plan: open_transport(plan.net), self._clock, random)
        self.desk: Desk | None = None
        """Dead letters, replays, the life of an event; None without a journal, and before the engine is entered."""
        self.files: Files | None = None
        """Where the configuration is from, for whoever asks the admin API to reload it."""
        self.console_url: str | None = None
        """Where the console is, while the engine runs and `[admin]` says where to listen."""
        self.intake = Gate()
        """Where ingresses hand events on to."""
        self._alerting = Alerting(self._fleet, self._tell, self._clock)
        self._loop_lag = LoopLag()
        self._stack = AsyncExitStack()
        self._was_entered = False
        self._started: float | None = None
        self._ended: float | None = None
        self._stopped = False

    async def __aenter__(self) -> Engine:
        if self._was_entered:
            raise RuntimeError("an Engine has one life: make another one with the same configuration")
        self._was_entered = True
        plans = self._planner.plans(self._config)
        if self._open_transport is open_transport and not all(isinstance(plan.destination, Sink) for plan in plans):
            await preload()
        async with AsyncExitStack() as stack:
            self._log = await self._open_log(stack)
            decoder = LineDecoder(self._config.engine.spec, self._config.engine.max_event_bytes)
            self._pipeline = Pipeline(decoder, self._log, self._intake)
            await stack.enter_async_context(self._fleet)
            self._started = self._clock.monotonic()
            self._fleet.reconcile(plans, self._log)
            self._alerting.change([rule_of(alert) for alert in self._config.alerts])
            self._fleet.attend(self._alerting.run)
            self._fleet.attend(self._loop_lag.run)
            await self._open_admin(stack)
            self._stack = stack.pop_all()
            self.intake.pipeline = self._pipeline
        return self

    async def _open_admin(self, stack: AsyncExitStack) -> None:
        """Other commands can reach this engine, and whoever `[admin]` allows. Without a journal, nobody else."""
        admin = self._config.admin
        desk, folder = self._open_desk()
        if folder is None and admin.listen is None:
            return
        overview = Overview(self._fleet, self._log, self.statistics, self._loop_lag, self._clock)
        self._fleet.attend(overview.run)
        bench = Workbench(lambda: self._config, self._catalogue, lambda: self.files, self._open_transport)
        server = await stack.enter_async_context(serve_admin(desk, overview, folder, settings=admin, bench=bench))
        self.console_url = server.url

    def _open_desk(self) -> tuple[Desk, Path | None]:
        """And the journal's folder, if there is one: then replays go on."""
        if not isinstance(self._log, DiskLog):
            return JournallessDesk(self._fleet), None
        engine = self._config.engine
        desk = RunningDesk(self._log, self._fleet, self._clock, engine.spec, lambda: list(self._config.destinations))
        self.desk = desk
        self._fleet.attend(desk.replayer.run)
        return desk, Path(engine.data_dir)

    async def _tell(self, line: bytes) -> None:
        await self._pipeline.tell(line, ALERTS)

    async def _open_log(self, stack: AsyncExitStack) -> Log:
        engine = self._config.engine
        if engine.durability == "memory":
            return MemoryLog(engine.memory_log, self._fleet.offer, self._clock, uuid.uuid4().hex, self._intake)
        journal = open_disk_log(
            Path(engine.data_dir),
            on_stored=self._fleet.offer,
            clock=self._clock,
            counters=self._intake,
            spec=engine.spec,
            durability=engine.durability,
            limits=Limits(engine.retention, engine.max_journal_bytes),
            dedup=_dedup_windows(self._config.ingress),
        )
        return await stack.enter_async_context(journal)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        try:
            if kind is None and not self._stopped:
                await self.drain()
                await self.stop(DRAIN_S)
        except BaseException as ended:  # cancelled while it waited, as a rule: what was opened is closed all the same
            await self._close(type(ended), ended, ended.__traceback__)
            raise
        return await self._close(kind, error, traceback)

    async def _close(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        self._log.close()
        self.intake.pipeline = None
        self._ended = self._ended or self._clock.monotonic()
        return await self._stack.__aexit__(kind, error, traceback)

    # In ----------------------------------------------------------------------------------------------------------

    async def submit(self, events: Event | Sequence[Event], *, source: str = "program") -> Acceptance:
        """Takes an event, or several in order: JSON as bytes or str, or a mapping. Returns once they are stored.

        Bad events are in the result's `rejected`, never an exception. Waits while the engine has no room. Raises `Closed`
        after the end.
        """
        self._expect_entered()
        lines, unwritable = _lines(events)
        results = []
        for start in range(0, len(lines), PIECE_EVENTS):
            piece = lines[start : start + PIECE_EVENTS]
            results.append(await self._pipeline.submit(_read(piece, start, unwritable), source))
        return _joined(results)

    async def serve(self, ingress: Ingress) -> None:
        """Runs an ingress until its input ends or it is stopped."""
        self._expect_entered()
        await ingress.run(self._pipeline)

    # Out ---------------------------------------------------------------------------------------------------------

    async def drain(self, patience_s: float = 30.0) -> None:
        """Takes nothing more, and returns when nothing is pending, or waits to be stored or replayed; or nothing moved for `patience_s`."""
        self._log.close()
        await self._log.settled()
        if isinstance(self.desk, RunningDesk):
            with anyio.move_on_after(patience_s):
                await self.desk.replayer.has_looked.wait()
        await self._fleet.drain(patience_s, lambda: self._log.is_settled)
        if await self._alerting.look(last=True):  # what happened at the very end
            await self._fleet.drain(patience_s, lambda: self._log.is_settled)

    async def shut_down(self, deadline_s: float) -> None:
        """On a signal: takes nothing more, finishes the requests under way, ends within `deadline_s`.

        What is only in memory would be lost: then destinations that work get time to finish what they have.
        """
        self._log.close()
        start = self._clock.monotonic()
        with anyio.move_on_after(deadline_s / 2):
            await self._log.settled()
        if not self.keeps:
            await self._fleet.drain_healthy(deadline_s)
        await self.stop(max(0.0, start + deadline_s - self._clock.monotonic()))

    async def stop(self, deadline_s: float) -> None:
        """Takes nothing more, attempts nothing more; returns when the attempts under way have ended, or after `deadline_s`.

        Leaving the block then waits for nothing.
        """
        self._log.close()
        self._stopped = True
        self._fleet.deliveries.close()
        await self._fleet.stop(deadline_s)

    async def leftovers(self) -> list[Envelope]:
        """What is left without a final outcome at any destination, each event once, in order. For after the end."""
        left = await self._fleet.leftovers()
        by_number = {envelope.number: envelope for envelopes in left.values() for envelope in envelopes}
        return [by_number[number] for number in sorted(by_number)]

    def drop_leftovers(self) -> None:
        """Counts what is left as dropped: nobody keeps it."""
        self._fleet.drop_pending()

    @property
    def http_ingresses(self) -> list[HttpSettings]:
        """Those of the configuration: what a `tracking_app` may be."""
        return [one for one in self._config.ingress if isinstance(one, HttpSettings)]

    @property
    def max_event_bytes(self) -> int:
        """The longest event that is taken."""
        return self._config.engine.max_event_bytes

    def _expect_entered(self) -> None:
        if not hasattr(self, "_pipeline"):
            raise RuntimeError("the engine does not run yet: `async with engine:` starts it")

    @property
    def keeps(self) -> bool:
        """Whether what is left at the end is kept, for the next run."""
        return self._config.engine.durability != "memory"

    # How it stands -----------------------------------------------------------------------------------------------

    def reload(self, config: Config) -> Changes:
        """Goes on under `config`: the next attempts are made by it. Returns what changed, and what needs a restart for it."""
        changed = changes(self._config, config)
        self._fleet.reconcile(self._planner.plans(config), self._log)
        self._alerting.change([rule_of(alert) for alert in config.alerts])
        self._config = msgspec.structs.replace(
            self._config,
            destinations=config.destinations,
            functions=config.functions,
            network=config.network,
            alerts=config.alerts,
        )
        return changed

    def statistics(self) -> Statistics:
        """The numbers so far: frozen, the same as the summary's."""
        now = self._ended or (self._clock.monotonic() if self._started is not None else 0.0)
        return Statistics(
            received=self._intake.received,
            accepted=self._intake.accepted,
            duplicates=self._intake.duplicates,
            rejected=MappingProxyType(dict(self._intake.rejected)),
            duration_s=round(now - (self._started or now), 3),
            destinations=MappingProxyType(dict(self._fleet.statistics())),
        )

    def __repr__(self) -> str:
        return f"<Engine of {', '.join(self._config.destinations)}>"


def _dedup_windows(ingresses: Iterable[IngressSettings]) -> dict[str, DedupWindow]:
    """By source: each write key of an HTTP ingress is one of its own."""
    return {
        source: DedupWindow(dedup_s(one.dedup), one.max_keys)
        for one in ingresses
        if one.dedup != "off"
        for source in (one.sources if isinstance(one, HttpSettings) else (one.name,))
    }


_ONE_EVENT = (bytes, bytearray, memoryview, str, Mapping)


def _each(events: object) -> Iterable[object]:
    return events if isinstance(events, Iterable) and not isinstance(events, _ONE_EVENT) else [events]


def _lines(events: object) -> tuple[list[bytes], dict[int, str]]:
    """Each event as one line; an empty one, which is refused, for what cannot be written as JSON: by number, the reason."""
    lines: list[bytes] = []
    unwritable: dict[int, str] = {}
    for event in _each(events):
        try:
            lines.append(_line(event))
        except (TypeError, ValueError, RecursionError) as error:
            lines.append(b"")
            unwritable[len(lines)] = f"cannot be written as JSON: {error}"
    return lines, unwritable


def _line(event: object) -> bytes:
    """One event as one line. Raises TypeError, ValueError and RecursionError for what cannot be written as JSON."""
    try:
        if isinstance(event, str):
            line = event.encode("utf-8", "surrogatepass")  # a lone surrogate: refused as not_utf8
        else:
            line = bytes(event) if isinstance(event, bytes | bytearray | memoryview) else msgspec.json.encode(event)
    except UnicodeEncodeError:
        return b"\xff"
    # JSON that is spread over lines is legal here; in a string there can be no line end.
    return line.strip().replace(b"\n", b" ").replace(b"\r", b" ")


def _read(lines: list[bytes], start: int, unwritable: Mapping[int, str]) -> Lines:
    last = start + len(lines)
    return Lines(lines, range(start + 1, last + 1), last=last, unwritable=unwritable)


def _joined(results: list[Acceptance]) -> Acceptance:
    if len(results) == 1:
        return results[0]
    return Acceptance(
        sum(result.accepted for result in results),
        [rejection for result in results for rejection in result.rejected],
        next((result.first for result in results if result.first is not None), None),
        sum(result.duplicates for result in results),
    )

"""One run of the engine as a process: its inputs side by side, signals, the drain, the end.

    ingresses --(end of input)--> drain, as long as anything moves --> stop --> leftovers --> summary
        \\--(first signal)--> take nothing more, finish what is in hand --> shut down within the time --/
         \\--(second signal)--> leave at once ---------------------------------------------------------/

Whatever the way, the numbers are read once, after the last destination has ended, and told while signals are still caught.
"""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import resource
import select
import signal
import stat
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from math import inf

import anyio
import msgspec
from anyio.abc import TaskGroup

from ..app import Engine
from ..catalogue import Catalogue
from ..config import Config
from ..ingress import Ingress
from ..telemetry import Statistics
from ..waker import poster
from .exits import INTERNAL
from .inputs import open_inputs, reads_terminal, say_where
from .leftovers import Leftovers
from .reload import Reloader

_log = logging.getLogger("doorstep.run")

ACCEPT_S = 5.0
"""How long after a signal what was read already may wait for room in a full log; at most half of the time there is."""
LAST_S = 1.0
"""For connections and files to be closed once nothing is delivered any more."""
STDOUT_LOOK_S = 0.25
_ENDINGS = (signal.SIGINT, signal.SIGTERM)
_TURN_S = 0.0005


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a run is to be."""

    config: Config
    catalogue: Catalogue
    paths: list[str]
    """The files that the configuration is from; none for `--to`."""
    source: str | None = None
    """A file to read in place of standard input."""
    reads: bool = True
    """Whether anything is read at all; if not, the run finishes what is in the journal."""
    drain_timeout_s: float = 30.0
    leftovers: str | None = None
    watch: bool = False
    live: bool = False
    """Whether people read stderr: a table may be shown there while it runs, if it is a terminal."""
    tell: Callable[[Statistics], None]
    """Prints the summary."""


class Ended(msgspec.Struct, frozen=True):
    """How it ended."""

    statistics: Statistics
    code: int = 0
    """An exit code that goes before what the numbers say; 0 for none."""
    signalled: bool = False
    """Whether a signal ended it, and nothing was cut short."""


def run_on_loop(wanted: Wanted) -> Ended:
    """Runs it on the event loop that the configuration names. Raises ConfigError, with nothing started."""
    if wanted.config.engine.backend == "trio":
        return anyio.run(run, wanted, backend="trio")
    return anyio.run(run, wanted, backend="asyncio", backend_options={"use_uvloop": True})


async def run(wanted: Wanted) -> Ended:
    """One run, to its end. The summary has been told when it returns."""
    with (
        Leftovers(wanted.leftovers) as leftovers,
        open_inputs(wanted.config, wanted.source, reads=wanted.reads) as inputs,
    ):
        current = Run(wanted, inputs)
        with _signals(*_ENDINGS, signal.SIGHUP) as signals:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGHUP])  # held since `main`
            await current.live(signals)
            statistics = await current.account(leftovers)
            _tell(wanted.tell, statistics)
    return Ended(statistics, INTERNAL if current.failed else 0, current.signalled)


@contextmanager
def _signals(*wanted: signal.Signals) -> Iterator[AsyncIterator[signal.Signals]]:
    """Those that come, in order. Afterwards they do nothing: all is said then, and it is too late to be killed for a wrong exit code.

    So the handlers stay. Whatever takes its own back, as event loops do, leaves a moment in which the next signal kills.
    """
    send, receive = anyio.create_memory_object_stream[signal.Signals](inf)
    post = poster()

    def hand_on(signum: signal.Signals) -> None:
        with suppress(anyio.ClosedResourceError):
            send.send_nowait(signum)

    def note(signum: int, _: object) -> None:
        with suppress(RuntimeError):  # the loop has ended
            post(partial(hand_on, signal.Signals(signum)))

    for signum in wanted:
        signal.signal(signum, note)
    try:
        yield receive
    finally:
        send.close()  # and only then the other end, or there would be another error for that
        receive.close()


class Run:
    """An engine, its inputs, and who may end it."""

    def __init__(self, wanted: Wanted, inputs: list[Ingress]) -> None:
        self.failed = False
        """Whether an input broke off with an error."""
        self._wanted = wanted
        self._engine = Engine(wanted.config, catalogue=wanted.catalogue)
        self._inputs = inputs
        self._reloader = Reloader(self._engine, wanted.config, wanted.paths, wanted.catalogue)
        if wanted.paths:
            self._engine.files = self._reloader
        self._gently = anyio.CancelScope()
        self._leave = anyio.CancelScope()
        self._signalled: float | None = None
        self._reading = 0

    @property
    def signalled(self) -> bool:
        """Whether a signal ended it."""
        return self._signalled is not None

    async def live(self, signals: AsyncIterator[signal.Signals]) -> None:
        """From the start of the engine to its end."""
        stop_watching = anyio.Event()
        async with anyio.create_task_group() as helpers:
            with self._leave:
                async with self._engine:
                    helpers.start_soon(self._obey, signals)
                    wanted = self._wanted
                    say_where(wanted.config, self._inputs, wanted.source, to_people=wanted.live)
                    self._start_helpers(helpers, stop_watching)
                    await self._work()
            stop_watching.set()  # it waits in a thread, which hears of no cancellation
            helpers.cancel_scope.cancel()

    async def account(self, leftovers: Leftovers) -> Statistics:
        """The final numbers. What is left is kept if somebody wants it, and dropped if not."""
        if leftovers.wanted:
            await leftovers.write(await self._engine.leftovers())
        elif not self._engine.keeps:
            self._engine.drop_leftovers()
        return self._engine.statistics()

    async def _work(self) -> None:
        _tune_collector()
        _tune_turns()
        _allow_descriptors()
        with self._gently:
            await self._take_in()
            if self._signalled is None:
                await self._engine.drain(self._wanted.drain_timeout_s)
        if self._signalled is None:
            await self._engine.stop(LAST_S)
        else:
            passed_s = anyio.current_time() - self._signalled
            await self._engine.shut_down(max(0.0, self._wanted.drain_timeout_s - passed_s))

    async def _take_in(self) -> None:
        async with anyio.create_task_group() as serving:
            self._reading = len(self._inputs)
            for ingress in self._inputs:
                serving.start_soon(self._serve, ingress)

    async def _serve(self, ingress: Ingress) -> None:
        try:
            await self._engine.serve(ingress)
        except OSError as error:
            self.failed = True
            _log.error("an input broke off", extra={"facts": {"ingress": ingress.name, "error": str(error)}})
        self._reading -= 1

    # From outside ------------------------------------------------------------------------------------------------

    async def _obey(self, signals: AsyncIterator[signal.Signals]) -> None:
        async for signum in signals:
            if signum == signal.SIGHUP:
                await self._reloader.reload()
            elif self._signalled is None:
                self._end(signum)
            else:
                _log.warning("a second signal: leaving at once")
                self._leave.cancel()

    def _end(self, signum: signal.Signals) -> None:
        """The first signal: no new input. What was read is accepted, if there is room for it soon."""
        _log.info("ending", extra={"facts": {"signal": signum.name, "within_s": self._wanted.drain_timeout_s}})
        self._signalled = anyio.current_time()
        for ingress in self._inputs:
            ingress.stop()
        patience_s = min(ACCEPT_S, self._wanted.drain_timeout_s / 2) if self._reading else 0.0
        self._gently.deadline = self._signalled + patience_s

    async def _look_at_stdout(self) -> None:
        """Ends the run when whoever reads what we print has gone, as SIGPIPE ends other programs. Nothing else would tell an idle one."""
        poll = select.poll()
        poll.register(1, 0)
        while True:
            await anyio.sleep(STDOUT_LOOK_S)
            if any(event & select.POLLERR for _, event in poll.poll(0)):
                break
        _log.info("nobody reads standard output any more: leaving")
        self._leave.cancel()

    # Beside the work ---------------------------------------------------------------------------------------------

    def _start_helpers(self, helpers: TaskGroup, stop_watching: anyio.Event) -> None:
        if self._wanted.watch and self._wanted.paths:
            helpers.start_soon(self._reloader.watch, stop_watching)
        if self._prints(all) and _is_pipe(1):
            helpers.start_soon(self._look_at_stdout)
        if self._wanted.live and self._shows_progress():
            from .progress import show_progress  # rich: only for people

            helpers.start_soon(show_progress, self._engine)

    def _prints(self, which: Callable[[Iterable[bool]], bool]) -> bool:
        """Whether any, or all, destinations print to standard output."""
        return which(one.type == "console" for one in self._wanted.config.destinations.values())

    def _shows_progress(self) -> bool:
        """Not where it would be torn by events that are typed or printed on the same terminal."""
        typed = reads_terminal(self._wanted.config, self._wanted.source)
        terminal = sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        return terminal and not typed and not (self._prints(any) and os.isatty(1))


def _is_pipe(fd: int) -> bool:
    try:
        return stat.S_ISFIFO(os.fstat(fd).st_mode)
    except OSError:
        return False


def _tune_collector() -> None:
    """What is there now stays: 4.5 us an event become 3.4, because the collector looks at the few new objects only, and seldom."""
    gc.freeze()
    with suppress(OSError, AttributeError):  # a libc that is not glibc
        ctypes.CDLL(None).malloc_trim(0)  # 2 MiB, of what was used to import
    gc.set_threshold(50_000, 50, 100)


def _tune_turns() -> None:
    """The journal's thread asks for the interpreter a dozen times in a commit, and a busy loop lets go of it after a turn only: with
    Python's 5 ms it ends up waiting for its own commits, and takes a fifth fewer events. A function that spins holds up less, too."""
    sys.setswitchinterval(_TURN_S)


def _allow_descriptors() -> None:
    """As many connections as the system lets us have: the soft limit is often 1024, for programs that still use `select`."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # macOS says "unlimited" and means 10240
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _tell(tell: Callable[[Statistics], None], statistics: Statistics) -> None:
    """The summary. If nobody reads it any more, that is no error of ours; a full disk is none either, but somebody wants to know."""
    try:
        tell(statistics)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # for the flush at the very end
        if not isinstance(error, BrokenPipeError):
            _log.error("the summary could not be written", extra={"facts": {"error": error.strerror}})

"""A function at work, as the engine's loop sees it: events in, what became of each out. One thread at a time, a new one when that is spent.

run(envelopes) -> [ Host: the user's code ] -> posted back -> results        Watch: ends what does not end
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TypeVar

import anyio
import msgspec

from ..errors import DestinationError, Fault
from ..model.envelope import Envelope
from ..model.outcome import UNTRIED
from ..waker import Post, poster
from .calling import Answer, Caller
from .context import Context
from .fetching import OpenTransport
from .host import Host, Write
from .watch import Watch

T = TypeVar("T")

LIMIT_S = 5.0
"""How long one call may take, unless told otherwise: Segment's limit."""
CALLS = 10
MAX_LOST = 4
"""So many threads of one function may be given up and still live: then nothing is called until one of them ends."""
CLOSE_S = 1.0


class FunctionStuck(DestinationError):
    """Too many threads of this function do not come back. Retried: they may."""

    fault = Fault.TRANSIENT
    code = "function_stuck"


class Bounds(msgspec.Struct, frozen=True):
    """What a function may take."""

    calls: int = CALLS
    """Calls at a time."""
    limit_s: float = LIMIT_S
    """The time of one."""


class _Waiting:
    """A write that is out, seen from the engine's loop: the first answer counts."""

    def __init__(self, host: Host, count: int) -> None:
        self.host = host
        self.done = anyio.Event()
        self.answer: Answer = [UNTRIED] * count

    def answered(self, answer: Answer) -> None:
        if not self.done.is_set():
            self.answer = answer
            self.done.set()


class Runtime:
    """Runs one function. `open` and `close` as often as there are users of it; the first opens, the last closes."""

    _post: Post
    _watch: Watch

    def __init__(self, caller: Caller, bounds: Bounds, open_transport: OpenTransport) -> None:
        self._caller = caller
        self._bounds = bounds
        self._open_transport = open_transport
        self._host: Host | None = None
        self._host_ended: anyio.Event | None = None
        self._users = 0
        self._waiting: set[_Waiting] = set()

    def open(self) -> None:
        """From the loop that will use it."""
        self._users += 1
        if self._users == 1:
            self._post = poster()
            self._watch = Watch(self._bounds.limit_s, lambda: bool(self._waiting))
            self._watch.start()

    async def close(self) -> None:
        """The last one ends the threads; one that does not end is left to itself."""
        self._users -= 1
        if self._users:
            return
        self._watch.close()
        host, ended = self._host, self._host_ended
        self._host = self._host_ended = None
        if host is not None and ended is not None:
            host.post(host.stop)
            with anyio.move_on_after(CLOSE_S, shield=True):
                await ended.wait()

    async def run(self, envelopes: Sequence[Envelope], contexts: list[Context] | None = None) -> Answer:
        """What became of each. `contexts` is filled with those of the calls, for whoever tests a function. Raises FunctionStuck."""
        host = self._ready_host()
        waiting = _Waiting(host, len(envelopes))
        write = Write(envelopes, whole=self._caller.has_batch, answer=self._posting(waiting.answered))
        write.contexts = contexts
        self._waiting.add(waiting)
        self._watch.stir()
        try:
            host.offer(write, self._post)
            await waiting.done.wait()
        except BaseException:
            host.post(host.drop, write)
            raise
        finally:
            self._waiting.discard(waiting)
        return waiting.answer

    def __repr__(self) -> str:
        return f"<Runtime of {self._caller.function.path}, {len(self._waiting)} in hand, {self._host!r}>"

    def _ready_host(self) -> Host:
        host = self._host
        if host is not None and not host.is_over:
            return host
        if self._watch.lost >= MAX_LOST:
            name = self._caller.function.path
            raise FunctionStuck(f"{name}: {MAX_LOST} threads do not come back from it; nothing more is called")
        bounds = self._bounds
        host = Host(self._caller, calls=bounds.calls, limit_s=bounds.limit_s, open_transport=self._open_transport)
        self._host, self._host_ended = host, anyio.Event()
        host.start(partial(self._posting(self._over), (host, self._host_ended)))
        self._watch.attend(host)
        return host

    def _over(self, spent: tuple[Host, anyio.Event]) -> None:
        """Nothing more will come of a host: what it was given last it may not have seen."""
        host, ended = spent
        ended.set()
        for waiting in self._waiting:
            if waiting.host is host:
                waiting.answered(waiting.answer)

    def _posting(self, call: Callable[[T], None]) -> Callable[[T], None]:
        """`call`, on the engine's loop, from any thread; not at all once that loop has ended."""
        post = self._post

        def posted(value: T) -> None:
            with suppress(RuntimeError):
                post(partial(call, value))

        return posted

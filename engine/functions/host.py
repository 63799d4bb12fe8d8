"""The thread in which a user's code runs, with an event loop of its own: so it can block or spin without the engine's loop noticing.

    offer(write) -> queue -> up to `calls` slots, each an asyncio task that handles one event after the other -> write.answer(...)

A slot goes on without giving way as long as handlers wait for nothing; as soon as one does, the next slot starts. So events begin in
order, an event costs no task of its own, and with one slot they are handled strictly one after the other. Lives on asyncio, whatever the
engine lives on. What is here runs in the host's own thread, unless it says otherwise.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from math import inf
from pathlib import PurePath
from time import monotonic
from typing import Any

from ..model.envelope import Envelope
from ..model.outcome import DELIVERED, UNTRIED, Outcome, Raised, Retry
from ..waker import Post
from .calling import Answer, Caller, Result, Waits
from .context import Context, Shared
from .fetching import Fetcher, OpenTransport
from .interrupt import OutOfTime

TIDY_S = 0.5
"""How long calls that were cancelled at the end may take to end."""
IN_VAIN = 5
"""After so many events in a row that are to be tried again, and none that got through, the rest of a write need not be tried now."""


class Write:
    """Events to be handled, and what became of them. Made by the engine's thread, worked on by the host's."""

    __slots__ = (
        "answer",
        "contexts",
        "end",
        "envelopes",
        "is_dropped",
        "left",
        "next",
        "results",
        "sound",
        "vain",
        "whole",
    )

    def __init__(self, envelopes: Sequence[Envelope], *, whole: bool, answer: Callable[[Answer], None]) -> None:
        self.envelopes = envelopes
        self.whole = whole
        """Whether it is one call of `on_batch`."""
        self.answer = answer
        """Called with the answer, from whatever thread knows it; the first one counts."""
        self.results: list[Result] = [UNTRIED] * len(envelopes)
        self.next = 0
        self.end = 1 if whole else len(envelopes)
        """How many calls it is."""
        self.left = self.end
        """Calls that have not ended."""
        self.vain = 0
        self.sound = False
        """Whether any event got through."""
        self.is_dropped = False
        self.contexts: list[Context] | None = None
        """Kept for the tester."""


class Slot:
    """A place for one call at a time. Read by the watch from its own thread, so plain attributes only."""

    __slots__ = ("context", "position", "since", "task", "timed_out_at", "write")

    def __init__(self) -> None:
        self.task: asyncio.Task[None] | None = None
        self.write: Write | None = None
        self.position = 0
        self.context: Context | None = None
        self.since = inf
        """When its call began; inf between two calls."""
        self.timed_out_at: str | None = None
        """Where its call was when its time was up; None before that."""


class Host:
    """One thread. Ends by `stop`, or by itself after code in it had to be interrupted."""

    def __init__(self, caller: Caller, *, calls: int, limit_s: float, open_transport: OpenTransport) -> None:
        self.caller = caller
        self.limit_s = limit_s
        self.loop = asyncio.new_event_loop()
        self.slots: list[Slot] = []
        """Grows up to `calls`, never shrinks."""
        self.is_over = False
        """Set first thing when it takes nothing any more."""
        self.is_lost = False
        """Whether its thread was given up: it did not come back from what it was in."""
        self.beat_sent: float | None = None
        self.interrupted_at = inf
        """When something that held the thread was last interrupted; then the thread is not used any more."""
        self._calls = calls
        self._fetcher = Fetcher(open_transport)
        self._shared = Shared(self._fetcher, limit_s)
        self._is_tidying = False
        self._deaf: set[asyncio.Task[Any]] = set()
        self._idle: list[Slot] = []
        self._offered: deque[Write] = deque()
        self._is_called = False
        self._queue: deque[Write] = deque()
        self._in_hand: set[Write] = set()
        self._on_over: Callable[[], None] = lambda: None
        name = f"doorstep runs {PurePath(caller.function.path).name}"
        self.thread = threading.Thread(target=self._live, name=name, daemon=True)

    def start(self, on_over: Callable[[], None]) -> None:
        """Starts the thread, from the engine's. `on_over` is called, in whatever thread knows it, when nothing more will come of it."""
        self._on_over = on_over
        self.thread.start()

    def give_up(self) -> None:
        """The thread does not come back: answers everything in hand without it. From the watch's thread."""
        self.is_lost = self.is_over = True
        self._answer_all()
        self._on_over()
        self.post(self.stop)  # if it is only a call that does not end, and not the thread

    def offer(self, write: Write, soon: Post) -> None:
        """Has the thread handle it. From the engine's loop, which calls `soon`: what it offers until then is one call, and one change of
        threads."""
        self._offered.append(write)
        if not self._is_called:
            self._is_called = True
            soon(partial(self.post, self._take_offered))

    def post(self, call: Callable[..., object], *arguments: object) -> None:
        """Has the thread call something, soon. From any thread; nothing happens if the loop is closed."""
        with suppress(RuntimeError):
            self.loop.call_soon_threadsafe(call, *arguments)

    def __repr__(self) -> str:
        busy = sum(slot.since != inf for slot in self.slots)
        return f"<Host of {self.caller.function.path}: {busy} calls{', over' if self.is_over else ''}>"

    # What it is told -------------------------------------------------------------------------------------------------

    def _take_offered(self) -> None:
        self._is_called = False  # before it looks: what is offered from now on is another call
        try:
            while self._offered:
                self._take(self._offered.popleft())
        except OutOfTime:  # meant for a call that had just ended: the loop would pass over it
            self.stop()

    def _take(self, write: Write) -> None:
        """Handles it when its turn comes."""
        if write.is_dropped:
            return
        if self.is_over:
            write.answer(list(write.results))
            return
        self._in_hand.add(write)
        self._queue.append(write)
        self._more()

    def drop(self, write: Write) -> None:
        """Nobody waits for it any more: begins no more of it, cuts short what runs."""
        write.is_dropped = True
        self._close(write)
        for slot in self.slots:
            if slot.write is write and slot.task is not None:
                slot.task.cancel()

    def cut(self, slot: Slot, since: float, place: str) -> None:
        """The time of a call that waits is up, unless it has ended meanwhile."""
        if slot.since == since and slot.task is not None:
            slot.timed_out_at = place
            slot.task.cancel()

    def beat(self) -> None:
        """Shows that the loop turns. While somebody held it, the others could not go on: that time is given back to them."""
        late_s = monotonic() - (self.beat_sent or inf)
        self.beat_sent = None
        if late_s > 0.05:
            for slot in self.slots:
                slot.since += late_s

    def stop(self) -> None:
        """Ends the thread: what is in hand is answered as far as it came."""
        self.is_over = True
        if not self._is_tidying:
            self.loop.stop()

    # What it does ----------------------------------------------------------------------------------------------------

    def _more(self) -> None:
        if not self._queue or self.is_over:
            return
        if self._idle:
            slot = self._idle.pop()
        elif len(self.slots) < self._calls:
            slot = Slot()
            self.slots.append(slot)
        else:
            return
        slot.task = self.loop.create_task(self._serve(slot))

    async def _serve(self, slot: Slot) -> None:
        # Runs as soon as this task waits for something, or has ended: then another slot may go on with the queue.
        self.loop.call_soon(self._more)
        try:
            while self._queue and not self.is_over:
                waiting = self._go_on(slot, self._queue[0])
                if waiting is not None:
                    await waiting
        except OutOfTime:  # it came a moment too late, between two calls: nothing in here is trusted any more
            self.stop()
        finally:
            slot.write = None
            self._idle.append(slot)

    def _go_on(self, slot: Slot, write: Write) -> Awaitable[None] | None:
        """Makes the next calls of it, one after the other, up to one that waits for something: what is left of that one."""
        slot.write = write
        begin, envelopes = self.caller.begin, write.envelopes
        while write.next < write.end and not self.is_over:
            slot.position = position = write.next
            write.next = position + 1
            if write.next == write.end:
                self._queue.popleft()
            slot.since = began = monotonic()
            slot.context = context = Context(self._shared, began)
            if write.contexts is not None:
                context.exchanges = []
                write.contexts.append(context)
            if write.whole:
                return self._wait(slot, write, self.caller.all(envelopes, context))
            try:
                result = begin(envelopes[position], context)
            except (OutOfTime, asyncio.CancelledError) as error:
                self._ended(slot, write, error)
                continue
            if isinstance(result, Waits):
                return self._wait(slot, write, self.caller.end(result, context))
            slot.since = inf
            self._note(slot, write, result)
        return None

    async def _wait(self, slot: Slot, write: Write, waiting: Awaitable[Any]) -> None:
        """The rest of a call, up to its end."""
        try:
            result = await waiting
            if slot.timed_out_at is not None or write.is_dropped:
                raise asyncio.CancelledError  # which it caught: what it returned without its work being done is no result
        except (OutOfTime, asyncio.CancelledError) as error:
            self._ended(slot, write, error)
            return
        slot.since = inf
        if write.whole:
            self._finish(write, result)
        else:
            self._note(slot, write, result)

    def _ended(self, slot: Slot, write: Write, error: BaseException) -> None:
        """A call was ended by what was raised into it."""
        slot.since = inf  # first of all: as long as it is set, the watch may raise here
        while slot.task is not None and slot.task.cancelling():  # once for each tick that it went on regardless
            slot.task.uncancel()
        outcome = self._cut_short(slot, write, error)
        if write.whole:
            self._finish(write, self.caller.of_all(outcome, len(write.envelopes)))
        else:
            self._note(slot, write, outcome)

    def _cut_short(self, slot: Slot, write: Write, error: BaseException) -> Outcome:
        """A call was ended from outside, or by a cancellation of its own making."""
        context = slot.context
        assert context is not None
        context.error = error
        outcome: Outcome
        if slot.timed_out_at is not None:
            outcome = self.caller.out_of_time(slot.timed_out_at, self.limit_s, context)
            self._close(write)
        elif self.is_over or write.is_dropped or isinstance(error, OutOfTime):
            outcome = UNTRIED
        else:
            outcome = self.caller.cancelled(context)
        slot.timed_out_at = None
        return outcome

    def _note(self, slot: Slot, write: Write, result: Result) -> None:
        write.results[slot.position] = result
        write.left -= 1
        if result is DELIVERED:
            write.sound = True
        elif type(result) is Retry:
            write.vain += 1
            if write.vain >= IN_VAIN and not write.sound:
                self._close(write)
        if write.left <= 0:
            self._finish(write, write.results)

    def _close(self, write: Write) -> None:
        """No more of it is begun."""
        if write.next < write.end:
            write.left -= write.end - write.next
            write.next = write.end
            with suppress(ValueError):
                self._queue.remove(write)
            if write.left <= 0:
                self._finish(write, write.results)

    def _finish(self, write: Write, answer: Answer) -> None:
        self._in_hand.discard(write)
        write.answer(answer)

    # Its life --------------------------------------------------------------------------------------------------------

    def _live(self) -> None:
        for step in (self._run, self._no_more, self._answer_all, self._tidy, self._on_over, self._hold_deaf):
            _surely(step)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.set_exception_handler(lambda loop, context: None)  # a task that user code left alone: its own affair
        try:
            while not self.is_over:
                # Those of tasks and callbacks: asyncio lets them through to here.
                with suppress(SystemExit, KeyboardInterrupt):
                    self.loop.run_forever()
        finally:
            self.is_over = True

    def _no_more(self) -> None:
        self.is_over = self._is_tidying = True
        for slot in self.slots:
            slot.since = inf

    def _answer_all(self) -> None:
        """Everything in hand as far as it came: `UNTRIED` where it came to nothing."""
        for write in list(self._in_hand):
            write.answer(self._as_far_as_it_came(write))

    def _as_far_as_it_came(self, write: Write) -> Answer:
        results = list(write.results)
        for slot in self.slots:
            if slot.write is write and slot.timed_out_at is not None and slot.context is not None:
                outcome: Raised = self.caller.out_of_time(slot.timed_out_at, self.limit_s, slot.context)
                if write.whole:
                    return self.caller.of_all(outcome, len(results))
                results[slot.position] = outcome
        return results

    def _hold_deaf(self) -> None:
        """A call that takes no cancellation must never be collected: its coroutine would be closed then, in whatever thread the collector
        happens to run, and one that goes on regardless would go on there. So this thread keeps it, for ever, and counts as lost."""
        if self._deaf:
            self.is_lost = True
            threading.Event().wait()

    def _tidy(self) -> None:
        if self.loop.is_closed():
            return
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        if tasks:
            _, self._deaf = self.loop.run_until_complete(asyncio.wait(tasks, timeout=TIDY_S))
        if self._deaf:
            return
        self.loop.run_until_complete(self._fetcher.close())
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()


def _surely(step: Callable[[], None]) -> None:
    """Again, if what was raised for a call that had just ended hits it, or a task exits that is cancelled at the end."""
    while True:
        try:
            return step()
        except (OutOfTime, SystemExit, KeyboardInterrupt):
            continue

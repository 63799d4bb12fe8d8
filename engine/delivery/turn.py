"""Whose turn it is: a lock for tasks of one loop that costs two attribute writes when nobody competes.

An `anyio.Lock` asks for the current task at each step, 4 us of the 15 that the engine may spend on a request; this one does not
know who holds it, so only `async with` may be used.
"""

from __future__ import annotations

from collections import deque

import anyio


class Turn:
    """First come, first served."""

    __slots__ = ("_queue", "_taken")

    def __init__(self) -> None:
        self._taken = False
        self._queue: deque[anyio.Event] = deque()

    async def __aenter__(self) -> None:
        if not self._taken:
            self._taken = True
            return
        called = anyio.Event()
        self._queue.append(called)
        try:
            await called.wait()
        except BaseException:
            if called.is_set():
                self._pass_on()
            else:
                self._queue.remove(called)
            raise

    async def __aexit__(self, *_: object) -> None:
        self._pass_on()

    def _pass_on(self) -> None:
        """The next in the queue has the turn from here on, even before it runs."""
        if self._queue:
            self._queue.popleft().set()
        else:
            self._taken = False

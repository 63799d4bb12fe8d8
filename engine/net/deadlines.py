"""The deadlines of all requests of one transport, watched by one timer. asyncio only.

`asyncio.timeout` sets a timer for each request and takes it back in nearly every case, which is 6 us of the 100 that a small request
costs in all. Here a request that ends in time costs an entry in a set: the one timer goes off at the earliest deadline there was when it
was set, so as a rule once per time-out, and looks who is late.
"""

from __future__ import annotations

import asyncio
from math import inf


class Deadline:
    """Of one request. Past it, the task is cancelled, and `is_why` tells that cancellation from one that somebody else asked for."""

    __slots__ = ("_cancelling", "_task", "at", "expired")

    def __init__(self, at: float, task: asyncio.Task[object]) -> None:
        self.at = at
        self.expired = False
        self._task = task
        self._cancelling = task.cancelling()

    def expire(self) -> None:
        """Cancels the task."""
        self.expired = True
        self._task.cancel()

    def is_why(self) -> bool:
        """Whether the cancellation just caught is this deadline's alone, and ends here."""
        return self.expired and self._task.uncancel() <= self._cancelling


class Deadlines:
    """Made inside a running asyncio loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._open: set[Deadline] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = inf

    def begin(self, timeout_s: float) -> Deadline:
        """`timeout_s` from now, for the task that asks; until `end`."""
        task = asyncio.current_task()
        assert task is not None
        deadline = Deadline(self._loop.time() + timeout_s, task)
        self._open.add(deadline)
        if deadline.at < self._timer_at:
            self._set_timer(deadline.at)
        return deadline

    def end(self, deadline: Deadline) -> None:
        """The request ended, however."""
        self._open.discard(deadline)

    def expire_all(self) -> None:
        """Every request is late from now on."""
        self._expire(self._open)

    def close(self) -> None:
        """No more timer."""
        self._set_timer(inf)

    def __repr__(self) -> str:
        return f"<Deadlines: {len(self._open)} open>"

    def _set_timer(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = at
        self._timer = None if at == inf else self._loop.call_at(at, self._look)

    def _look(self) -> None:
        now = self._loop.time()
        self._expire({deadline for deadline in self._open if deadline.at <= now})
        self._set_timer(min((deadline.at for deadline in self._open), default=inf))

    def _expire(self, late: set[Deadline]) -> None:
        self._open = self._open - late
        for deadline in late:
            deadline.expire()
